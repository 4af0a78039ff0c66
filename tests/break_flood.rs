//! A flood at the running line, from sockets that nobody knows: the talk goes on, a consultant signs in, a caller comes
//! through, and what was too much is counted, not kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Raw, Street, eventually};
use senim_audio::listen;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Strangers who send as fast as they can until they are told to stop.
struct Flood {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn begin(house: &House) -> Flood {
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut raw = Raw::new(house.strangers_ip(), house.sip());
        let (over_too, sent_too, ip) = (over.clone(), sent.clone(), house.line_ip());
        let thread = std::thread::spawn(move || {
            let methods = ["REGISTER", "OPTIONS", "INVITE", "MESSAGE", "BYE"];
            while !over_too.load(Ordering::Relaxed) {
                for method in methods {
                    let text = raw.request(method, &format!("sip:111@{ip}"), "aigul", "", "");
                    raw.send(text.as_bytes());
                }
                raw.send(b"INVITE sip:111@x SIP/2.0\r\nVia: \x01\x02\r\n\r\n");
                sent_too.fetch_add(6, Ordering::Relaxed);
            }
        });
        Flood { over, sent, threads: vec![thread] }
    }

    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.sent.load(Ordering::Relaxed)
    }
}

/// A number of the metrics page.
fn metric(house: &House, name: &str) -> u64 {
    let mut stream = TcpStream::connect(SocketAddr::new(house.line_ip(), 8111)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: line\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find(|l| l.split(' ').next() == Some(name));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {page}"))
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// FEATURES S6, THREATS: floods.
#[test]
fn a_flood_of_strangers_is_silenced_and_the_line_goes_on_serving() {
    let house = House::new();
    let mut line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let before_kib = resident_kib(line.pid());
    let flood = Flood::begin(&house);
    // Sound goes both ways meanwhile, a second consultant signs in and gets a second caller.
    let oleg = street.consultant("oleg", 1_300.0);
    house.ok("duty oleg in");
    let second = street.caller("+77019876543", 900.0);
    street.talk(second, oleg);
    street.hang_up(second);
    let heard = street.phones.heard(aigul).len();
    street.hears(aigul, heard + 8_000);
    let sound = street.phones.heard(aigul);
    assert!(listen::contains_tone(&sound[sound.len() - 8_000..], 700.0));
    eventually("the flood is silenced", || {
        (metric(&house, "senim_sip_silenced_total") > 1_000).then_some(())
    });
    let sent = flood.end();
    assert!(sent > 5_000, "{sent}");
    let grown_kib = resident_kib(line.pid()).saturating_sub(before_kib);
    assert!(grown_kib < 64 << 10, "{grown_kib} KiB more after {sent} messages");
    street.hang_up(caller);
    assert!(line.runs() && !line.log().contains("panicked"));
}
