//! Softphones on real sockets: one thread hosts many [`senim_phone::Phone`]s, each with a SIP and an RTP socket of its
//! own. Simulated callers and consultants of the demo are these; no decision is taken here, only bytes are carried.

mod host;
mod seat;

pub use seat::Seat;

use core::fmt;
use core::time::Duration;
use host::{Command, Host, WAKER};
use mio::{Poll, Waker};
use senim_base::{Entropy, Instant, Redacted};
use senim_phone::{Config, Event, Phone};
use senim_sdp::Capabilities;
use senim_sip::{Flow, Transport};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

/// Phones of one thread at most; [`Phones::add`] refuses further ones.
pub const PHONES_MAX: usize = 1_024;

/// A phone of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PhoneId(pub usize);

impl fmt::Display for PhoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phone-{}", self.0)
    }
}

/// What a phone is, apart from its place on the network.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its user: a login, or a caller's number.
    pub user: String,
    /// Its password; callers on a trunk have none.
    pub password: Option<Redacted<String>>,
    /// The domain it writes behind the user.
    pub host: String,
    /// Where the line answers, UDP.
    pub line: SocketAddr,
    /// Codecs and packet time.
    pub capabilities: Capabilities,
    /// How much of what it hears it keeps.
    pub keep: Duration,
}

/// Many phones on one thread. Dropping it, or [`Phones::stop`], ends the thread; calls are not hung up by that.
#[derive(Debug)]
pub struct Phones {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
    next: AtomicUsize,
}

impl Phones {
    /// Starts the thread. `clock` tells its moments; `on_event` is called on it and must not wait.
    ///
    /// # Errors
    /// The operating system's, when it has no thread or no epoll to give.
    pub fn start(
        entropy: Entropy,
        clock: impl Fn() -> Instant + Send + 'static,
        on_event: impl Fn(PhoneId, Event) + Send + 'static,
    ) -> io::Result<Phones> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (commands, queue) = mpsc::channel();
        let host = Host::new(poll, queue, entropy, clock, on_event);
        let thread = std::thread::Builder::new().name("phones".into()).spawn(move || host.run())?;
        Ok(Phones { commands, waker, thread: Some(thread), next: AtomicUsize::new(0) })
    }

    /// Puts a phone on the sockets of a seat.
    ///
    /// # Errors
    /// More than [`PHONES_MAX`], or the thread has ended.
    pub fn add(&self, seat: Seat, account: Account) -> io::Result<PhoneId> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if id >= PHONES_MAX {
            return Err(io::Error::other(format!("more than {PHONES_MAX} phones")));
        }
        let flow = Flow {
            transport: Transport::Udp,
            local: seat.sip_address(),
            remote: account.line,
            connection: 0,
        };
        let config = Config {
            user: account.user,
            password: account.password,
            host: account.host,
            flow,
            rtp: seat.rtp_address(),
            capabilities: account.capabilities,
            keep: account.keep,
        };
        self.tell(Command::Add(PhoneId(id), seat, Box::new(config)))
            .then_some(PhoneId(id))
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Does something with a phone, on its thread and soon; nothing when there is no such phone.
    pub fn with(&self, phone: PhoneId, act: impl FnOnce(&mut Phone, Instant) + Send + 'static) {
        self.tell(Command::With(phone, Box::new(act)));
    }

    /// Asks a phone something and waits for its answer; `None` when there is no such phone.
    pub fn ask<T: Send + 'static>(
        &self,
        phone: PhoneId,
        question: impl FnOnce(&mut Phone, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        let (to, answer) = mpsc::sync_channel(1);
        self.with(phone, move |p, now| {
            // Whoever asked waits below; only a thread that died does not.
            let _ = to.send(question(p, now));
        });
        answer.recv().ok()
    }

    /// What a phone heard in its current or last call, 8 kHz.
    pub fn heard(&self, phone: PhoneId) -> Vec<i16> {
        self.ask(phone, |p, _| p.heard().pcm().to_vec()).unwrap_or_default()
    }

    /// Ends the thread and closes all sockets.
    pub fn stop(mut self) {
        self.end();
    }

    fn tell(&self, command: Command) -> bool {
        // A waker that fails is made good by the thread's longest sleep.
        self.commands.send(command).is_ok_and(|()| self.waker.wake().is_ok() || self.thread.is_some())
    }

    fn end(&mut self) {
        self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there was told on stderr already.
            let _ = thread.join();
        }
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.end();
    }
}
