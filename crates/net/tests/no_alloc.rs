//! On the path of a packet a media thread allocates nothing: a counting allocator stands under it while
//! it plays, passes on, records and turns strangers away over real sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use senim_audio::Bank;
use senim_base::{CallId, Instant, LegId, PlayId, RecordingId, TrackId};
use senim_media::{Event, Order, StreamConfig};
use senim_net::media::{MediaPool, MediaSettings};
use senim_rtp::Header;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::channel;

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// Tests only: the crate itself has no unsafe code.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_WORKER.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CALL: CallId = CallId(1);
/// Hears a clip; A and B hear each other.
const P: LegId = LegId(1);
const A: LegId = LegId(2);
const B: LegId = LegId(3);
/// Only a failure waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);
const WARM: u16 = 100;
const PACKETS: u16 = 300;

/// Waits for something that the media thread is to do.
fn until(is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it was not done");
        std::thread::yield_now();
    }
}

fn config(remote: SocketAddr) -> StreamConfig {
    StreamConfig { remote_rtcp: remote, rtcp_mux: true, ..StreamConfig::of_telephone(remote) }
}

#[test]
fn a_warm_media_thread_allocates_nothing_for_packets() {
    let origin = std::time::Instant::now();
    // Only media threads read this clock.
    let clock = move || {
        IS_WORKER.set(true);
        Instant::from_nanos(1_000_000_000 + origin.elapsed().as_nanos() as u64)
    };
    let (tell, events) = channel();
    let mut bank = Bank::new();
    let clip = bank.add(None, "test", &[1_000; 8_000]);
    let told = move |_, event| drop(tell.send(event));
    let settings = MediaSettings::new(LOOPBACK, [7; 32]);
    let (pool, mut rings) = MediaPool::start(&settings, &Arc::new(bank), clock, told).unwrap();
    let order = |order| {
        pool.order(CALL, order).unwrap();
        pool.ring();
    };
    let mut ports = (46_000..47_000).step_by(2);
    let phones: Vec<(LegId, u16, UdpSocket)> = [P, A, B]
        .into_iter()
        .map(|leg| {
            let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
            let port = ports.by_ref().find(|port| {
                order(Order::Open { leg, port: *port, ipv6: false });
                matches!(events.recv_timeout(PATIENCE).unwrap(), Event::Opened { .. })
            });
            order(Order::Configure { leg, stream: config(phone.local_addr().unwrap()) });
            order(Order::Record { leg, recording: RecordingId(1), track: TrackId(leg.0 as u8) });
            (leg, port.unwrap(), phone)
        })
        .collect();
    order(Order::Bridge { a: A, b: B });
    order(Order::Play { leg: P, play: PlayId(1), clips: vec![clip], repeat: true });
    let stranger = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let say = |n: u16| {
        let before = pool.figures().received;
        let mut packet = [0x55; 172];
        let timestamp = u32::from(n) * 160;
        Header { payload_type: 8, seq: n, timestamp, ssrc: 5, marker: false }.write(&mut packet);
        for (_, port, phone) in &phones {
            phone.send_to(&packet, (LOOPBACK, *port)).unwrap();
        }
        stranger.send_to(&packet[..11], (LOOPBACK, phones[1].1)).unwrap();
        until(|| pool.figures().received >= before + 4);
    };
    (0..WARM).for_each(say);
    // And a clip of half a second beside what was passed on.
    until(|| pool.figures().sent >= 2 * u64::from(WARM) + 25);
    let (before, figures) = (ALLOCATIONS.load(Ordering::Relaxed), pool.figures());
    assert!(before > 0, "the counter counts: opening allocates");
    (WARM..WARM + PACKETS).for_each(say);
    until(|| pool.figures().sent - figures.sent >= 2 * u64::from(PACKETS) + 50);
    let after = pool.figures();
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    let (received, sent) = (after.received - figures.received, after.sent - figures.sent);
    assert!(received >= 3 * u64::from(PACKETS), "{received}");
    assert!(sent >= 2 * u64::from(PACKETS) + 50, "two parties and a clip: {sent}");
    let mut frames = 0;
    while rings[0].pop().is_ok() {
        frames += 1;
    }
    assert!(frames >= 3 * u64::from(PACKETS));
    pool.stop();
}
