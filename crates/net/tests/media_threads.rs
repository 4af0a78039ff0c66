//! Media threads over real sockets of the loopback: what a phone there hears, what the recorder gets, who is refused.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use rtrb::Consumer;
use senim_audio::{Bank, g711, listen};
use senim_base::{CallId, Instant, LegId, PlayId, RecordingId, TrackId};
use senim_media::{Event, Order, StreamConfig};
use senim_net::media::{MediaPool, MediaSettings, ORDERS_MAX, OrderFault};
use senim_recorder::Frame;
use senim_rtp::{Header, Kind, Packet};
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CALL: CallId = CallId(3);
const A: LegId = LegId(1);
const B: LegId = LegId(2);
/// Far longer than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

static HOUSES: AtomicU16 = AtomicU16::new(0);

struct House {
    pool: MediaPool,
    events: Receiver<(CallId, Event)>,
    rings: Vec<Consumer<Frame>>,
    first_port: u16,
}

#[allow(clippy::unwrap_used, clippy::panic)] // a helper of tests
impl House {
    fn new(bank: Bank) -> House {
        // Each house its own ports, so that what one gives back no other takes.
        let first_port = 30_000 + HOUSES.fetch_add(1, Ordering::Relaxed) * 400;
        let (tell, events) = channel();
        let origin = std::time::Instant::now();
        let clock = move || Instant::from_nanos(1_000_000_000 + origin.elapsed().as_nanos() as u64);
        let settings = MediaSettings::new(LOOPBACK, [7; 32]);
        let (pool, rings) = MediaPool::start(&settings, &Arc::new(bank), clock, move |call, event| {
            drop(tell.send((call, event)));
        })
        .unwrap();
        House { pool, events, rings, first_port }
    }

    fn order(&self, order: Order) {
        self.pool.order(CALL, order).unwrap();
        self.pool.ring();
    }

    /// Waits for an event.
    fn until(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let (call, event) = self.events.recv_timeout(PATIENCE).expect("the event comes");
            assert_eq!(call, CALL);
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Opens a leg on some free pair of ports.
    fn open(&self, leg: LegId) -> u16 {
        // Ports of our own choosing: what is taken is told, and the next pair is tried.
        for port in (self.first_port..self.first_port + 400).step_by(2) {
            self.order(Order::Open { leg, port, ipv6: false });
            match self.until(|e| matches!(e, Event::Opened { .. } | Event::OpenFailed { .. })) {
                Event::Opened { .. } => return port,
                _ => continue,
            }
        }
        panic!("no free pair of ports");
    }
}

struct Phone {
    socket: UdpSocket,
}

#[allow(clippy::unwrap_used)] // a helper of tests
impl Phone {
    fn new() -> Phone {
        let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Phone { socket }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn config(&self) -> StreamConfig {
        let remote = self.address();
        StreamConfig { remote_rtcp: remote, rtcp_mux: true, ..StreamConfig::of_telephone(remote) }
    }

    fn say(&self, to: u16, n: u16, hz: f32) {
        let sound = (0..160u32).map(|k| {
            let t = (u32::from(n) * 160 + k) as f32 / 8_000.0;
            g711::alaw_encode((8_000.0 * (core::f32::consts::TAU * hz * t).sin()) as i16)
        });
        let header =
            Header { payload_type: 8, seq: n, timestamp: u32::from(n) * 160, ssrc: 5, marker: n == 0 };
        let bytes: Vec<u8> = header.to_bytes().into_iter().chain(sound).collect();
        self.socket.send_to(&bytes, (LOOPBACK, to)).unwrap();
    }

    /// Hears so many packets of sound.
    fn hear(&self, packets: usize) -> Vec<i16> {
        let mut pcm = Vec::new();
        let mut bytes = [0; 2_048];
        while pcm.len() < packets * 160 {
            let len = self.socket.recv(&mut bytes).expect("sound comes");
            if Kind::of(&bytes[..len]) != Kind::Rtcp {
                let packet = Packet::read(&bytes[..len]).unwrap();
                pcm.extend(packet.payload.iter().map(|byte| g711::alaw_decode(*byte)));
            }
        }
        pcm
    }
}

fn tone(hz: f32, samples: u32) -> Vec<i16> {
    (0..samples)
        .map(|n| (8_000.0 * (core::f32::consts::TAU * hz * n as f32 / 8_000.0).sin()) as i16)
        .collect()
}

#[test]
fn a_clip_is_heard_by_a_socket_and_its_end_is_told() {
    let mut bank = Bank::new();
    let clip = bank.add(None, "test", &tone(600.0, 4_000));
    let house = House::new(bank);
    let phone = Phone::new();
    house.open(A);
    house.order(Order::Configure { leg: A, stream: phone.config() });
    house.order(Order::Play { leg: A, play: PlayId(9), clips: vec![clip], repeat: false });
    assert!(listen::contains_tone(&phone.hear(25), 600.0));
    let ended = house.until(|e| matches!(e, Event::PlayEnded { .. }));
    assert_eq!(ended, Event::PlayEnded { leg: A, play: PlayId(9), completed: true });
    house.order(Order::CloseSession);
    house.until(|e| matches!(e, Event::Closed { .. }));
    assert!(house.pool.figures().sent >= 25);
    house.pool.stop();
}

#[test]
fn two_sockets_hear_each_other_and_the_ring_gets_both_to_the_end() {
    let mut house = House::new(Bank::new());
    let (a, b) = (Phone::new(), Phone::new());
    let (to_a, to_b) = (house.open(A), house.open(B));
    let recording = RecordingId(1);
    for (leg, phone, track) in [(A, &a, 0), (B, &b, 1)] {
        house.order(Order::Configure { leg, stream: phone.config() });
        house.order(Order::Record { leg, recording, track: TrackId(track) });
    }
    house.order(Order::Bridge { a: A, b: B });
    // A first packet each until the orders have surely been obeyed: what follows is counted.
    for (phone, port, leg) in [(&a, to_a, A), (&b, to_b, B)] {
        phone.say(port, 0, 500.0);
        while !matches!(house.until(|_| true), Event::FirstPacket { leg: l } if l == leg) {
            phone.say(port, 0, 500.0);
        }
    }
    // In step, a packet heard for a packet said, so that no socket overflows.
    let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
    for n in 1..=50 {
        a.say(to_a, n, 500.0);
        b.say(to_b, n, 900.0);
        at_b.extend(b.hear(1));
        at_a.extend(a.hear(1));
    }
    assert!(listen::contains_tone(&at_b, 500.0) && listen::contains_tone(&at_a[320..], 900.0));
    house.order(Order::StopRecording { recording });
    house.order(Order::CloseSession);
    house.until(|e| matches!(e, Event::Closed { leg: B }));
    let mut ring = house.rings.remove(0);
    let mut tracks = [Vec::new(), Vec::new()];
    let mut last = Instant::ZERO;
    loop {
        match ring.pop() {
            Ok(Frame::Audio { track, at, codec: 8, ref bytes, len, .. }) => {
                assert!(at >= last, "stamped in order of arrival");
                last = at;
                tracks[usize::from(track.0)]
                    .extend(bytes[..usize::from(len)].iter().map(|b| g711::alaw_decode(*b)));
            }
            Ok(Frame::End { recording: ended }) => {
                assert_eq!(ended, recording);
                break;
            }
            other => panic!("neither sound nor the end: {other:?}"),
        }
    }
    assert!(listen::contains_tone(&tracks[0], 500.0) && listen::contains_tone(&tracks[1][320..], 900.0));
    assert!(tracks.iter().all(|pcm| pcm.len() >= 50 * 160));
    assert_eq!(house.pool.figures().frames_lost, 0);
    house.pool.stop();
}

#[test]
fn a_port_that_is_taken_is_told_and_one_that_is_given_back_can_be_had_again() {
    let house = House::new(Bank::new());
    let port = house.open(A);
    house.order(Order::Open { leg: B, port, ipv6: false });
    assert_eq!(house.until(|_| true), Event::OpenFailed { leg: B, port });
    house.order(Order::Close { leg: A });
    house.until(|e| matches!(e, Event::Closed { .. }));
    house.order(Order::Open { leg: B, port, ipv6: false });
    assert_eq!(house.until(|_| true), Event::Opened { leg: B });
    house.pool.stop();
}

#[test]
fn a_call_that_is_over_still_ends_its_plays_and_stopping_ends_its_recordings() {
    let mut house = House::new(Bank::new());
    house.order(Order::Play { leg: A, play: PlayId(1), clips: vec![], repeat: false });
    assert_eq!(house.until(|_| true), Event::PlayEnded { leg: A, play: PlayId(1), completed: false });
    house.open(A);
    house.order(Order::Record { leg: A, recording: RecordingId(4), track: TrackId(0) });
    house.pool.stop();
    assert!(matches!(house.rings[0].pop(), Ok(Frame::End { recording: RecordingId(4) })));
}

#[test]
fn orders_wait_up_to_a_ceiling_and_are_taken_again_below_it() {
    let gate = Arc::new(Mutex::new(()));
    let (theirs, origin) = (gate.clone(), std::time::Instant::now());
    // Whoever holds the gate holds the worker, which reads the clock before it obeys.
    let clock = move || {
        drop(theirs.lock());
        Instant::from_nanos(1_000_000_000 + origin.elapsed().as_nanos() as u64)
    };
    let settings = MediaSettings::new(LOOPBACK, [7; 32]);
    let (pool, _rings) = MediaPool::start(&settings, &Arc::new(Bank::new()), clock, |_, _| {}).unwrap();
    let closed = gate.lock().unwrap();
    let mut taken = 0;
    while pool.order(CALL, Order::CloseSession).is_ok() {
        taken += 1;
    }
    assert!((ORDERS_MAX..=ORDERS_MAX + 1).contains(&taken), "one may be in the worker's hand: {taken}");
    assert_eq!(pool.order(CALL, Order::CloseSession), Err(OrderFault::Full));
    drop(closed);
    pool.ring();
    let since = std::time::Instant::now();
    while pool.order(CALL, Order::CloseSession).is_err() {
        assert!(since.elapsed() < PATIENCE, "the worker obeys");
        std::thread::yield_now();
    }
    pool.stop();
}
