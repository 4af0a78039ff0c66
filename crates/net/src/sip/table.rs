//! The open connections: by number, by the way they go, and how many each address has.

use super::Limits;
use senim_sip::{Flow, Transport};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use tokio::sync::mpsc;

/// A connection, or one being opened.
struct Connection {
    flow: Flow,
    queue: mpsc::Sender<Vec<u8>>,
}

/// How a connection goes, without its number.
type Way = (Transport, SocketAddr, SocketAddr);

fn way(flow: Flow) -> Way {
    (flow.transport, flow.local, flow.remote)
}

/// All connections.
#[derive(Default)]
pub(super) struct Table {
    by_number: BTreeMap<u64, Connection>,
    /// The newest connection between two addresses.
    by_way: BTreeMap<Way, u64>,
    per_address: BTreeMap<IpAddr, usize>,
    last_number: u64,
}

/// What became of a message.
pub(super) enum Put {
    Queued,
    /// The peer does not read; the connection is being closed.
    Overflowed,
    /// The connection has just ended: here are the bytes again.
    Gone(Vec<u8>),
}

impl Table {
    /// Enters a connection: its flow with a number of its own, and what is to be written on it.
    /// `None` at a ceiling.
    pub(super) fn enter(&mut self, flow: Flow, limits: &Limits) -> Option<(Flow, mpsc::Receiver<Vec<u8>>)> {
        let ip = flow.remote.ip().to_canonical();
        let from_there = self.per_address.get(&ip).copied().unwrap_or(0);
        if self.by_number.len() >= limits.connections || from_there >= limits.connections_per_address {
            return None;
        }
        self.last_number += 1;
        let flow = Flow { connection: self.last_number, ..flow };
        let (queue, waiting) = mpsc::channel(limits.stream_queue.max(1));
        self.per_address.insert(ip, from_there + 1);
        self.by_way.insert(way(flow), flow.connection);
        self.by_number.insert(flow.connection, Connection { flow, queue });
        Some((flow, waiting))
    }

    /// The connection that bytes for `flow` go on: its own, or with number 0 any open one on the same way.
    pub(super) fn find(&self, flow: Flow) -> Option<u64> {
        match flow.connection {
            0 => self.by_way.get(&way(flow)).copied(),
            number => self.by_number.contains_key(&number).then_some(number),
        }
    }

    /// Puts bytes into the queue of a connection; a full one is closed.
    pub(super) fn put(&mut self, number: u64, bytes: Vec<u8>) -> Put {
        let Some(connection) = self.by_number.get(&number) else { return Put::Gone(bytes) };
        match connection.queue.try_send(bytes) {
            Ok(()) => Put::Queued,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.remove(number);
                Put::Overflowed
            }
            Err(mpsc::error::TrySendError::Closed(bytes)) => {
                self.remove(number);
                Put::Gone(bytes)
            }
        }
    }

    /// Forgets a connection. Its queue ends, so its task writes what is left and closes it.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(gone) = self.by_number.remove(&number) else { return };
        let way = way(gone.flow);
        if self.by_way.get(&way) == Some(&number) {
            self.by_way.remove(&way);
        }
        let ip = gone.flow.remote.ip().to_canonical();
        if let Some(count) = self.per_address.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&ip);
            }
        }
    }

    /// Forgets every connection.
    pub(super) fn clear(&mut self) {
        self.by_number.clear();
        self.by_way.clear();
        self.per_address.clear();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(remote: &str) -> Flow {
        let local = "192.0.2.1:5060".parse().unwrap();
        Flow { transport: Transport::Tcp, local, remote: remote.parse().unwrap(), connection: 0 }
    }

    #[test]
    fn ceilings_hold_for_one_address_and_for_all_and_free_themselves() {
        let limits = Limits { connections_per_address: 2, connections: 3, ..Limits::default() };
        let mut table = Table::default();
        let (first, _) = table.enter(flow("198.51.100.1:1"), &limits).unwrap();
        assert!(table.enter(flow("198.51.100.1:2"), &limits).is_some());
        assert!(table.enter(flow("198.51.100.1:3"), &limits).is_none());
        assert!(table.enter(flow("198.51.100.2:1"), &limits).is_some());
        assert!(table.enter(flow("198.51.100.3:1"), &limits).is_none());
        table.remove(first.connection);
        table.remove(first.connection);
        assert_eq!(table.len(), 2);
        assert!(table.enter(flow("198.51.100.1:3"), &limits).is_some());
    }

    #[test]
    fn a_way_leads_to_its_newest_connection_and_an_old_ones_end_does_not_hide_it() {
        let limits = Limits::default();
        let mut table = Table::default();
        let (old, _a) = table.enter(flow("198.51.100.1:1"), &limits).unwrap();
        let (new, _b) = table.enter(flow("198.51.100.1:1"), &limits).unwrap();
        table.remove(old.connection);
        assert_eq!(table.find(flow("198.51.100.1:1")), Some(new.connection));
        assert_eq!(table.find(old), None);
        table.remove(new.connection);
        assert_eq!(table.find(flow("198.51.100.1:1")), None);
    }

    #[test]
    fn a_peer_that_does_not_read_loses_its_connection_at_the_ceiling() {
        let limits = Limits { stream_queue: 2, ..Limits::default() };
        let mut table = Table::default();
        let (flow, _unread) = table.enter(flow("198.51.100.1:1"), &limits).unwrap();
        assert!(matches!(table.put(flow.connection, vec![1]), Put::Queued));
        assert!(matches!(table.put(flow.connection, vec![2]), Put::Queued));
        assert!(matches!(table.put(flow.connection, vec![3]), Put::Overflowed));
        assert!(matches!(table.put(flow.connection, vec![4]), Put::Gone(_)));
    }
}
