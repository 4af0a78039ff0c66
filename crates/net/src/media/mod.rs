//! Media threads: each worker owns its calls' RTP sockets and nobody else touches them. Orders come through a queue,
//! events go out by a function, sound for the recorder goes into a ring; on the packet path nothing waits and
//! nothing allocates.

mod beat;
mod cost;
mod ports;
mod tape;
mod watch;
mod worker;

use core::fmt;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub use cost::Meter;
use rtrb::{Consumer, RingBuffer};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use senim_audio::Bank;
use senim_base::{CallId, Entropy, Instant};
use senim_media::{Event, Order};
use senim_recorder::Frame;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use watch::{Bell, Watch};
use worker::{Command, Orders, Worker};

/// Ceiling of orders waiting for one worker; a further one is refused to the switch.
pub const ORDERS_MAX: usize = 65_536;

/// How the media threads run.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// Threads, at least one; one a core is right.
    pub workers: usize,
    /// Each thread keeps to a core of its own, of those that the program may use.
    pub pin: bool,
    /// The addresses of our RTP sockets.
    pub binds: Binds,
    /// Frames in each worker's ring to the recorder, about half a kilobyte each.
    pub ring_frames: usize,
    /// Randomness from the operating system, for SSRCs and first sequence numbers.
    pub seed: [u8; 32],
}

impl MediaSettings {
    /// One worker on `bind`, with a ring of 8192 frames.
    pub fn new(bind: IpAddr, seed: [u8; 32]) -> MediaSettings {
        MediaSettings {
            workers: 1,
            pin: false,
            binds: Binds { main: bind, ipv6: None },
            ring_frames: 8_192,
            seed,
        }
    }
}

/// Where RTP sockets are bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binds {
    /// Every leg's, unless it asks for IPv6.
    pub main: IpAddr,
    /// Of legs that ask for IPv6; `None`: the main one serves them, too.
    pub ipv6: Option<IpAddr>,
}

impl Binds {
    pub(crate) fn of(self, ipv6: bool) -> IpAddr {
        self.ipv6.filter(|_| ipv6).unwrap_or(self.main)
    }
}

/// Why an order was not taken: we are guilty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderFault {
    /// [`ORDERS_MAX`] orders wait already.
    Full,
    /// The worker has stopped.
    Stopped,
}

impl fmt::Display for OrderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OrderFault::Full => "our media worker does not keep up: its queue of orders is full",
            OrderFault::Stopped => "our media worker has stopped",
        })
    }
}

impl std::error::Error for OrderFault {}

/// Counters of one worker since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    send_failed: AtomicU64,
    frames_lost: AtomicU64,
    busy_us: AtomicU64,
    /// Deadlines that were met, and by how much too late in all.
    met: AtomicU64,
    late_us: AtomicU64,
    /// How full the ring to the recorder was when it was looked at last, in per mille.
    ring: AtomicU32,
    /// What a datagram cost at the start, nanoseconds; 0 before it is known.
    cost_ns: AtomicU32,
}

/// What the media threads did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaFigures {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the kernel did not take.
    pub send_failed: u64,
    /// Frames that the recorder's ring did not take.
    pub frames_lost: u64,
    /// Time at work, in microseconds, over all workers.
    pub busy_us: u64,
}

struct Thread {
    orders: Sender<Command>,
    /// Orders that wait; a queue with places for all of them would take memory while there are none.
    waiting: Arc<AtomicUsize>,
    bell: Bell,
    counters: Arc<Counters>,
    /// Orders were given that the worker was not woken for.
    unheard: AtomicBool,
    thread: JoinHandle<()>,
}

impl Thread {
    /// Rings once for however many orders wait.
    fn wake(&self) {
        if self.unheard.swap(false, Ordering::AcqRel) {
            self.bell.ring();
        }
    }
}

/// The media threads.
pub struct MediaPool {
    threads: Vec<Thread>,
}

impl fmt::Debug for MediaPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaPool of {}", self.threads.len())
    }
}

impl MediaPool {
    /// Starts the threads. `clock` reads the program's own axis; `on_event` is called on the media thread and must
    /// not wait. Gives one ring of frames a worker.
    ///
    /// # Errors
    /// When the operating system refuses an epoll instance or a thread.
    pub fn start<C, E>(
        settings: &MediaSettings,
        bank: &Arc<Bank>,
        clock: C,
        on_event: E,
    ) -> io::Result<(MediaPool, Vec<Consumer<Frame>>)>
    where
        C: Fn() -> Instant + Send + Clone + 'static,
        E: Fn(CallId, Event) + Send + Clone + 'static,
    {
        let mut entropy = Entropy::new(settings.seed);
        let mut threads = Vec::new();
        let mut rings = Vec::new();
        for n in 0..settings.workers.max(1) {
            let watch = Watch::new()?;
            let bell = watch.bell();
            let (orders, queue) = channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            let queue = Orders { queue, waiting: Arc::clone(&waiting) };
            let (producer, consumer) = RingBuffer::new(settings.ring_frames.max(2));
            let (bank, counters) = (Arc::clone(bank), Arc::new(Counters::default()));
            let theirs = Arc::clone(&counters);
            let (clock, on_event, entropy) = (clock.clone(), on_event.clone(), entropy.fork());
            let (binds, pin) = (settings.binds, settings.pin);
            let thread = std::thread::Builder::new().name(format!("media-{n}")).spawn(move || {
                if pin {
                    // A machine that forbids it still has a line.
                    let _ = keep_to_core(n);
                }
                Worker::new(watch, queue, binds, bank, entropy, producer, theirs, clock, on_event).run();
            })?;
            threads.push(Thread { orders, waiting, bell, counters, unheard: AtomicBool::new(false), thread });
            rings.push(consumer);
        }
        Ok((MediaPool { threads }, rings))
    }

    /// Gives an order to the worker that owns the call; it looks at its orders when [`MediaPool::ring`] wakes it, or when
    /// it is awake anyway. Orders of one call are obeyed in their order.
    ///
    /// # Errors
    /// See [`OrderFault`].
    pub fn order(&self, call: CallId, order: Order) -> Result<(), OrderFault> {
        let n = (call.0 % self.threads.len().max(1) as u64) as usize;
        let thread = self.threads.get(n).ok_or(OrderFault::Stopped)?;
        if thread.waiting.load(Ordering::Acquire) >= ORDERS_MAX {
            return Err(OrderFault::Full);
        }
        thread.waiting.fetch_add(1, Ordering::AcqRel);
        thread.orders.send(Command::Order(call, order)).map_err(|_| OrderFault::Stopped)?;
        thread.unheard.store(true, Ordering::Release);
        Ok(())
    }

    /// Wakes the workers that have orders. Waking for each would be dearer than the orders.
    pub fn ring(&self) {
        self.threads.iter().for_each(Thread::wake);
    }

    /// What was done so far.
    pub fn figures(&self) -> MediaFigures {
        let sum = |which: fn(&Counters) -> &AtomicU64| {
            self.threads.iter().map(|thread| which(&thread.counters).load(Ordering::Relaxed)).sum()
        };
        MediaFigures {
            received: sum(|c| &c.received),
            sent: sum(|c| &c.sent),
            send_failed: sum(|c| &c.send_failed),
            frames_lost: sum(|c| &c.frames_lost),
            busy_us: sum(|c| &c.busy_us),
        }
    }

    /// What a datagram costs a worker, in nanoseconds, by what was measured at the start; `None` until it was.
    pub fn datagram_ns(&self) -> Option<u32> {
        let measured = self.threads.iter().map(|thread| thread.counters.cost_ns.load(Ordering::Relaxed));
        measured.filter(|ns| *ns > 0).min()
    }

    /// Closes every session, lets the last frames into the rings while their readers live, and joins the threads.
    pub fn stop(self) {
        for thread in &self.threads {
            let _ = thread.orders.send(Command::Stop);
            thread.bell.ring();
        }
        for thread in self.threads {
            let _ = thread.thread.join();
        }
    }
}

/// The calling thread runs on the `n`th of the cores that it may run on, from 0, and round again.
fn keep_to_core(n: usize) -> io::Result<()> {
    let may = sched_getaffinity(None)?;
    let cores = (0..CpuSet::MAX_CPU).filter(|core| may.is_set(*core));
    let Some(core) = cores.cycle().nth(n % may.count().max(1) as usize) else { return Ok(()) };
    let mut one = CpuSet::new();
    one.set(core);
    Ok(sched_setaffinity(None, &one)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_to_one_core_of_those_that_it_may_use() {
        let may = sched_getaffinity(None).unwrap();
        let cores = may.count() as usize;
        let kept = |n| {
            let of = move || {
                keep_to_core(n).unwrap();
                let now = sched_getaffinity(None).unwrap();
                (0..CpuSet::MAX_CPU).filter(|core| now.is_set(*core)).collect::<Vec<_>>()
            };
            std::thread::spawn(of).join().unwrap()
        };
        for n in 0..=cores {
            assert_eq!(kept(n).len(), 1);
            assert!(may.is_set(kept(n)[0]));
        }
        assert_eq!(kept(0), kept(cores), "round again");
    }
}
