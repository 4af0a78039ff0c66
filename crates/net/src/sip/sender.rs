//! Sending by flow, from any thread: what cannot go at once waits in a queue with a ceiling.

use super::table::{Put, Table};
use super::udp::{Port, Sent};
use super::{Arrival, Limits, Listener, Tls, WebSocketRules, tcp};
use senim_sip::{Flow, Transport};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A hand to send with. Clones share the same sockets.
#[derive(Clone)]
pub struct Sender(Arc<Shared>);

struct Shared {
    ports: Vec<Port>,
    table: Mutex<Table>,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    websocket: WebSocketRules,
    on: Listener,
    runtime: Handle,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    datagrams_dropped: AtomicU64,
    streams_overflowed: AtomicU64,
    connections_refused: AtomicU64,
}

/// What the ceilings have cost since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Datagrams dropped because their socket's queue was full.
    pub datagrams_dropped: u64,
    /// Connections closed because their peer did not read.
    pub streams_overflowed: u64,
    /// Connections closed or not opened because there were too many.
    pub connections_refused: u64,
    /// Connections open now, or being opened.
    pub connections: u64,
}

impl Sender {
    /// Must be called within the runtime that the sockets live on.
    pub(super) fn new(
        ports: Vec<Port>,
        limits: Limits,
        tls: Option<Arc<Tls>>,
        websocket: WebSocketRules,
        on: Listener,
    ) -> Sender {
        Sender(Arc::new(Shared {
            ports,
            table: Mutex::new(Table::default()),
            limits,
            tls,
            websocket,
            on,
            runtime: Handle::current(),
            counts: Counts::default(),
        }))
    }

    /// Sends one message. Never blocks. A stream's flow of connection 0 goes on the connection open on that way, or has
    /// one opened; WebSockets are opened by browsers alone. What cannot be sent comes back as [`Arrival::Failed`] with the same flow.
    pub fn send(&self, flow: Flow, bytes: Vec<u8>) {
        match flow.transport {
            Transport::Udp => self.send_datagram(flow, bytes),
            _ => self.send_stream(flow, bytes),
        }
    }

    /// Closes a connection once its queue is written. [`Arrival::Closed`] follows; datagrams have nothing to close.
    pub fn disconnect(&self, flow: Flow) {
        if flow.transport.is_reliable() {
            let mut table = self.table();
            if let Some(number) = table.find(flow) {
                table.remove(number);
            }
        }
    }

    /// What the ceilings have cost.
    pub fn counters(&self) -> Counters {
        let counts = &self.0.counts;
        Counters {
            datagrams_dropped: counts.datagrams_dropped.load(Ordering::Relaxed),
            streams_overflowed: counts.streams_overflowed.load(Ordering::Relaxed),
            connections_refused: counts.connections_refused.load(Ordering::Relaxed),
            connections: self.table().len() as u64,
        }
    }

    fn send_datagram(&self, flow: Flow, bytes: Vec<u8>) {
        let ports = &self.0.ports;
        let same_family = |port: &&Port| port.local.is_ipv4() == flow.remote.is_ipv4();
        // A flow kept over a restart may name a socket that is no more; any other of the family reaches the peer.
        let port =
            ports.iter().find(|port| port.local == flow.local).or_else(|| ports.iter().find(same_family));
        let Some(port) = port else { return self.fail(flow) };
        match port.send(flow.remote, bytes) {
            Sent::Taken => {}
            Sent::Dropped => {
                self.0.counts.datagrams_dropped.fetch_add(1, Ordering::Relaxed);
            }
            Sent::Failed => self.fail(flow),
        }
    }

    fn send_stream(&self, flow: Flow, mut bytes: Vec<u8>) {
        let mut table = self.table();
        if let Some(number) = table.find(flow) {
            match table.put(number, bytes) {
                Put::Queued => return,
                Put::Overflowed => {
                    self.0.counts.streams_overflowed.fetch_add(1, Ordering::Relaxed);
                    return self.fail(flow);
                }
                Put::Gone(again) => bytes = again,
            }
        }
        if flow.connection != 0 || !flow.transport.can_be_opened() {
            // A connection once named and now gone is not opened anew: its far end may be behind a NAT.
            return self.fail(flow);
        }
        let Some((numbered, waiting)) = table.enter(flow, &self.0.limits) else {
            self.0.counts.connections_refused.fetch_add(1, Ordering::Relaxed);
            return self.fail(flow);
        };
        table.put(numbered.connection, bytes);
        self.0.runtime.spawn(tcp::connect(flow, numbered, waiting, self.clone()));
    }

    /// Tells of a failure from another task: the caller may be the very one who is told.
    fn fail(&self, flow: Flow) {
        let on = self.0.on.clone();
        self.0.runtime.spawn(async move { on(Arrival::Failed(flow)) });
    }

    /// Enters an accepted connection, or counts its refusal.
    pub(super) fn enter(&self, flow: Flow) -> Option<(Flow, mpsc::Receiver<Vec<u8>>)> {
        let entered = self.table().enter(flow, &self.0.limits);
        if entered.is_none() {
            self.0.counts.connections_refused.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    pub(super) fn forget(&self, flow: Flow) {
        self.table().remove(flow.connection);
    }

    pub(super) fn tell(&self, arrival: Arrival) {
        (self.0.on)(arrival);
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.0.tls.as_deref()
    }

    pub(super) fn websocket_rules(&self) -> &WebSocketRules {
        &self.0.websocket
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn close_all(&self) {
        self.table().clear();
    }

    /// The table is whole after every statement, so a panic elsewhere while it was held does not spoil it.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
