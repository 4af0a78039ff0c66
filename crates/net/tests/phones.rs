//! Phones on real sockets: two of them call each other over loopback.

use core::time::Duration;
use senim_base::{Entropy, Instant};
use senim_net::phones::{Account, PhoneId, Phones, Seat};
use senim_phone::{Event, Voice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{self, Receiver};

/// A ceiling for a machine that is busy; nothing is measured with it.
const PATIENCE: Duration = Duration::from_secs(20);

fn clock() -> impl Fn() -> Instant {
    let origin = std::time::Instant::now();
    move || Instant::from_millis(1_000) + origin.elapsed()
}

fn start(seed: u64) -> (Phones, Receiver<(PhoneId, Event)>) {
    let (to, told) = mpsc::channel();
    let tell = move |phone, event| {
        let _ = to.send((phone, event));
    };
    (Phones::start(Entropy::from_seed(seed), clock(), tell).expect("a thread"), told)
}

fn account(user: &str, line: SocketAddr) -> Account {
    Account {
        user: user.into(),
        password: None,
        host: "senim".into(),
        line,
        capabilities: senim_sdp::Capabilities::default(),
        keep: Duration::from_secs(60),
    }
}

fn until(told: &Receiver<(PhoneId, Event)>, phone: PhoneId, wanted: Event) {
    while told.recv_timeout(PATIENCE).expect("the event comes in time") != (phone, wanted) {}
}

#[test]
fn two_phones_talk_and_hang_up() {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (phones, told) = start(1);
    let (ann, bob) = (Seat::bind(here).unwrap(), Seat::bind(here).unwrap());
    let (of_ann, of_bob) = (ann.sip_address(), bob.sip_address());
    let ann = phones.add(ann, account("ann", of_bob)).unwrap();
    let bob = phones.add(bob, account("bob", of_ann)).unwrap();
    phones.with(bob, |p, _| p.say(Voice::Tone(440.0)));
    phones.with(ann, |p, now| {
        p.dial("bob", now);
    });
    until(&told, bob, Event::Incoming);
    phones.with(bob, |p, now| p.answer(now));
    until(&told, ann, Event::Answered);
    while phones.heard(ann).len() < 4_000 {
        std::thread::yield_now();
    }
    let loudest = phones.heard(ann).iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!(loudest > 6_000, "the tone is heard, not {loudest}");
    phones.with(bob, |p, now| p.hang_up(now));
    until(&told, ann, Event::Ended { by_peer: true });
    assert_eq!(phones.ask(ann, |p, _| p.is_busy()), Some(false));
    phones.stop();
}

#[test]
fn a_phone_that_is_not_there_is_not_asked_and_rubbish_is_borne() {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (phones, _told) = start(2);
    assert_eq!(phones.ask(PhoneId(7), |p, _| p.is_busy()), None);
    let seat = Seat::bind(here).unwrap();
    let address = seat.sip_address();
    let rtp = seat.rtp_address();
    let phone = phones.add(seat, account("ann", address)).unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for rubbish in [&b""[..], b"\0\xff\xfe", b"INVITE", b"SIP/2.0 200 OK\r\n\r\n"] {
        socket.send_to(rubbish, address).unwrap();
        socket.send_to(rubbish, rtp).unwrap();
    }
    assert_eq!(phones.ask(phone, |p, _| p.is_busy()), Some(false));
}
