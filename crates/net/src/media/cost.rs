//! What the media threads cost: a packet at the start, on an idle machine; then all that they do, read now and again.

use super::{Counters, MediaPool};
use core::net::Ipv4Addr;
use core::sync::atomic::Ordering;
use core::time::Duration;
use rustix::time::{ClockId, clock_gettime};
use senim_base::Instant;
use senim_media::capacity::Load;
use std::io;
use std::net::UdpSocket;

/// Datagrams that are sent and read to see what one costs, so many times; the cheapest time counts.
const DATAGRAMS: u32 = 32;
const TIMES: u32 = 8;
/// A session's work on a packet, beside the kernel's, in per cent of that.
const OURS: u64 = 30;

/// What one datagram of 20 ms of G.711, sent or received, costs a worker, in nanoseconds; less than two milliseconds of
/// work.
pub(crate) fn of_a_datagram(clock: &impl Fn() -> Instant) -> io::Result<u32> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(socket.local_addr()?)?;
    let mut packet = [0; 172];
    let mut best = u64::MAX;
    for _ in 0..TIMES {
        let began = clock();
        for _ in 0..DATAGRAMS {
            socket.send(&packet)?;
            socket.recv(&mut packet)?;
        }
        best = best.min(clock().since(began).as_nanos() as u64);
    }
    Ok((best * (100 + OURS) / 100 / u64::from(2 * DATAGRAMS)) as u32)
}

/// Reads what the media threads did since it was read last.
#[derive(Debug, Default)]
pub struct Meter {
    at: Instant,
    /// Processors that the program may use.
    cores: u64,
    program: Duration,
    workers: Vec<Read>,
}

/// A worker's counters.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    busy_us: u64,
    packets: u64,
    met: u64,
    late_us: u64,
}

impl Meter {
    /// One that begins at `now`.
    pub fn new(now: Instant) -> Meter {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        Meter { at: now, cores, program: program(), workers: Vec::new() }
    }

    /// Since the last reading.
    pub fn read(&mut self, pool: &MediaPool, now: Instant) -> Load {
        let past_us = (now.since(self.at).as_micros() as u64).max(1);
        let program = program();
        let used = program.saturating_sub(self.program).as_micros() as u64;
        self.workers.resize(pool.threads.len(), Read::default());
        let (mut busiest, mut packets, mut met, mut late_us, mut ring) = (0, 0, 0, 0, 0);
        for (thread, old) in pool.threads.iter().zip(&mut self.workers) {
            let new = Read::of(&thread.counters);
            busiest = busiest.max(new.busy_us - old.busy_us);
            packets += new.packets - old.packets;
            met += new.met - old.met;
            late_us += new.late_us - old.late_us;
            ring = ring.max(thread.counters.ring.load(Ordering::Relaxed));
            *old = new;
        }
        (self.at, self.program) = (now, program);
        let share = |us: u64, of: u64| (us.saturating_mul(1_000_000) / of.max(1)) as u32;
        Load {
            workers: pool.threads.len() as u32,
            busiest: share(busiest, past_us),
            program: share(used, past_us * self.cores),
            packets: share(packets, past_us),
            late: Duration::from_micros(late_us.checked_div(met).unwrap_or(0)),
            ring,
        }
    }
}

impl Read {
    fn of(counters: &Counters) -> Read {
        let read = |counter: &core::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Read {
            busy_us: read(&counters.busy_us),
            packets: read(&counters.received) + read(&counters.sent),
            met: read(&counters.met),
            late_us: read(&counters.late_us),
        }
    }
}

/// Processor time of the whole program.
fn program() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
