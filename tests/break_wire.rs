//! Peers that send what they should not: refused in words of the protocol, borne, or cut off; the next caller notices
//! nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, PATIENCE, Raw, Street, status};
use senim_audio::listen;
use senim_phone::Event;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// An offer of one format.
fn offer(raw: &Raw, format: &str) -> String {
    let ip = raw.address().ip();
    let payload = format.split(' ').next().unwrap();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP {payload}\r\n\
         a=rtpmap:{format}\r\na=ptime:20\r\n"
    )
}

const SDP: &str = "Content-Type: application/sdp\r\n";

fn invite(raw: &mut Raw, house: &House, dialled: &str, format: &str) -> String {
    let body = offer(raw, format);
    raw.ask("INVITE", &format!("sip:{dialled}@{}", house.line_ip()), "+77010001122", SDP, &body)
}

/// FEATURES T6: each refusal has its own status, and strangers are let in nowhere.
#[test]
fn calls_that_cannot_be_answered_are_refused_with_their_status() {
    let house = House::new();
    let line = house.start();
    let mut trunk = Raw::new(house.callers_ip(), house.sip());
    assert_eq!(status(&invite(&mut trunk, &house, "999", "8 PCMA/8000")), 404);
    let refused = invite(&mut trunk, &house, "queue", "96 opus/48000/2");
    assert_eq!(status(&refused), 488, "{refused}");
    let nonsense = trunk.ask(
        "INVITE",
        &format!("sip:queue@{}", house.line_ip()),
        "+77010001122",
        SDP,
        "v=0\r\nnonsense",
    );
    assert!((400..500).contains(&status(&nonsense)), "{nonsense}");
    let image = trunk.ask(
        "INVITE",
        &format!("sip:queue@{}", house.line_ip()),
        "+77010001122",
        "Content-Type: image/png\r\n",
        "\u{1}\u{2}",
    );
    assert_eq!(status(&image), 415, "{image}");
    let extension = trunk.ask(
        "INVITE",
        &format!("sip:queue@{}", house.line_ip()),
        "+77010001122",
        "Require: 100rel-or-what\r\n",
        "",
    );
    assert_eq!(status(&extension), 420, "{extension}");
    let unknown = trunk.ask("DANCE", &format!("sip:queue@{}", house.line_ip()), "+77010001122", "", "");
    assert_eq!(status(&unknown), 501, "{unknown}");
    let lost = trunk.ask("BYE", &format!("sip:queue@{}", house.line_ip()), "+77010001122", "", "");
    assert_eq!(status(&lost), 481, "{lost}");
    let mut stranger = Raw::new(house.strangers_ip(), house.sip());
    let refused = invite(&mut stranger, &house, "queue", "8 PCMA/8000");
    assert_eq!(status(&refused), 401, "{refused}");
    drop(line);
}

/// What differs between two challenges by nature: the nonce, our own branch, tags.
fn without_chance(response: &str, user: &str) -> String {
    let keep =
        |l: &&str| !["Via:", "Call-ID:", "CSeq:", "Contact:", "Date:"].iter().any(|h| l.starts_with(h));
    let lines = response.lines().filter(keep).map(|l| {
        let cut = |l: &str, from: &str, to: char| match l.split_once(from) {
            Some((before, after)) => {
                let rest = after.find(to).map_or("", |n| &after[n..]);
                format!("{before}{from}{rest}")
            }
            None => l.to_owned(),
        };
        cut(&cut(l, "nonce=\"", '"'), ";tag=", ';').replace(user, "USER")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// FEATURES S6 begun: nobody learns from the line who works there.
#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let house = House::new();
    let _line = house.start();
    let mut answers = Vec::new();
    for user in ["aigul", "nobod"] {
        let mut raw = Raw::new(house.strangers_ip(), house.sip());
        let uri = format!("sip:{}", house.line_ip());
        let challenge = raw.ask("REGISTER", &uri, user, "", "");
        assert_eq!(status(&challenge), 401, "{challenge}");
        let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let wrong = format!(
            "Authorization: Digest username=\"{user}\", realm=\"senim\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"x\"\r\n"
        );
        let refused = raw.ask("REGISTER", &uri, user, &wrong, "");
        assert_eq!(status(&refused), 401, "asked again: {refused}");
        answers.push((without_chance(&challenge, user), without_chance(&refused, user)));
    }
    assert_eq!(answers[0], answers[1]);
}

/// FEATURES S6 begun: whoever guesses is sent away, whether the user exists or not; the consultant himself, elsewhere,
/// notices nothing.
#[test]
fn a_guesser_is_sent_away_and_locks_nobody_out() {
    let house = House::new();
    let _line = house.start();
    let tries = ["aigul", "nobod"].map(|user| {
        let mut raw = Raw::new(house.strangers_ip(), house.sip());
        let uri = format!("sip:{}", house.line_ip());
        let mut guess = |n: u32| {
            let challenge = raw.ask("REGISTER", &uri, user, "", "");
            let nonce = challenge.split("nonce=\"").nth(1)?.split('"').next()?;
            let wrong = format!(
                "Authorization: Digest username=\"{user}\", realm=\"senim\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{n:032x}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"x\"\r\n"
            );
            Some(status(&raw.ask("REGISTER", &uri, user, &wrong, "")))
        };
        (0..15).map(|n| guess(n).unwrap_or(0)).collect::<Vec<_>>()
    });
    assert_eq!(tries[0], tries[1]);
    assert_eq!(tries[0].first(), Some(&401));
    assert_eq!(tries[0].last(), Some(&403));
    let street = Street::new(&house);
    street.consultant("aigul", 1_100.0);
}

/// A small generator: the same rubbish in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }

    /// A message with some bytes changed, left out, doubled, or cut.
    fn mutate(&mut self, message: &str) -> Vec<u8> {
        let mut bytes = message.as_bytes().to_vec();
        for _ in 0..1 + self.below(8) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => drop(bytes.drain(at..(at + 1 + self.below(40)).min(bytes.len()))),
                2 => bytes.insert(at, b"\r\n\0:;=\"<>@%\xff"[self.below(12)]),
                3 => {
                    let part = bytes[at..(at + 60).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b'I');
            }
        }
        bytes
    }
}

/// FEATURES S8 begun: ten thousand datagrams of rubbish, from strangers and from the carrier, and the line answers.
#[test]
fn rubbish_is_borne_and_the_next_call_is_answered() {
    let house = House::new();
    let mut line = house.start();
    let mut chance = Chance(0x5eed_1110_0111);
    let mut peers = [Raw::new(house.strangers_ip(), house.sip()), Raw::new(house.callers_ip(), house.sip())];
    for n in 0..10_000 {
        let peer = &mut peers[n % 2];
        let bytes = if n % 3 == 0 {
            let length = chance.below(1_400);
            chance.bytes(length)
        } else {
            let method = ["INVITE", "REGISTER", "OPTIONS", "BYE", "ACK", "CANCEL", "INFO"][chance.below(7)];
            let body = if method == "INVITE" { offer(peer, "8 PCMA/8000") } else { String::new() };
            let request =
                peer.request(method, &format!("sip:999@{}", house.line_ip()), "+77010001122", SDP, &body);
            chance.mutate(&request)
        };
        peer.send(&bytes);
        if n % 500 == 499 {
            // An answer in between: the line is not merely dropping all of it at a full socket.
            let mut asker = Raw::new(house.desks_ip(), house.sip());
            let alive = asker.ask("OPTIONS", &format!("sip:{}", house.line_ip()), "probe", "", "");
            assert_eq!(status(&alive), 200, "{alive}");
        }
    }
    assert!(line.runs());
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
    let log = line.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.len() < 200_000, "rubbish fills {} bytes of log", log.len());
}

/// FEATURES T12: sound from elsewhere is not heard, and does not take the call away.
#[test]
fn strangers_cannot_speak_into_a_call() {
    let house = House::new();
    let _line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let stranger = UdpSocket::bind((house.strangers_ip(), 0)).unwrap();
    // 1 700 Hz, loud: what the ear below looks for.
    let tone: Vec<u8> = (0..160u32)
        .map(|n| (f64::from(n) * 1_700.0 * core::f64::consts::TAU / 8_000.0).sin() * 12_000.0)
        .map(|s| senim_audio::g711::alaw_encode(s as i16))
        .collect();
    let before = street.phones.heard(aigul).len();
    for seq in 0..100u16 {
        for port in (20_000..20_012).step_by(2) {
            let mut packet = vec![0x80, 8];
            packet.extend(seq.to_be_bytes());
            packet.extend((u32::from(seq) * 160).to_be_bytes());
            packet.extend([9, 9, 9, 9]);
            packet.extend(&tone);
            let _ = stranger.send_to(&packet, (house.line_ip(), port));
        }
        street.hears(aigul, before + usize::from(seq) * 160);
    }
    street.hears(aigul, before + 16_000);
    for (phone, hz) in [(aigul, 700.0), (caller, 1_100.0)] {
        let heard = street.phones.heard(phone);
        let heard = &heard[heard.len() - 12_000..];
        assert!(listen::contains_tone(heard, hz));
        assert!(listen::tone_level_db(heard, 1_700.0) < -40.0, "{}", listen::tone_level_db(heard, 1_700.0));
    }
    // Nothing comes back to the stranger either.
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 2_000]).is_err());
    street.hang_up(caller);
}

/// Reads until the line closes the connection; gives what it said.
fn until_closed(mut stream: TcpStream, patience: Duration) -> Vec<u8> {
    let since = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&part[..n]),
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                assert!(since.elapsed() < patience, "the connection is still open after {patience:?}");
            }
            Err(_) => return all,
        }
    }
}

/// FEATURES S8 begun: a connection must earn its place.
#[test]
fn connections_with_rubbish_half_a_message_or_nothing_are_cut() {
    let house = House::new();
    let mut line = house.start();
    let connect = || TcpStream::connect(house.sip()).unwrap();
    let (silent, mut half, mut endless) = (connect(), connect(), connect());
    half.write_all(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKh\r\n").unwrap();
    let mut rubbish = connect();
    let _ = rubbish.write_all(&Chance(77).bytes(200_000));
    until_closed(rubbish, PATIENCE);
    // A body that never ends: the ceiling of a message cuts it.
    let _ = endless.write_all(b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n");
    for _ in 0..200 {
        if endless.write_all(&[b'x'; 10_000]).is_err() {
            break;
        }
    }
    until_closed(endless, PATIENCE);
    // The carrier's beside them is answered and stays.
    let from = SocketAddr::new(house.callers_ip(), 0);
    let honest = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    honest.bind(&from.into()).unwrap();
    honest.connect(&house.sip().into()).unwrap();
    let mut honest = TcpStream::from(honest);
    let ask = |n: u32| {
        format!(
            "OPTIONS sip:{ip} SIP/2.0\r\nVia: SIP/2.0/TCP {ip};branch=z9hG4bKo{n}\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:{ip}>\r\nCall-ID: tcp{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            ip = house.line_ip()
        )
    };
    let mut answers = |n| {
        honest.write_all(ask(n).as_bytes()).unwrap();
        honest.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut part = [0; 4_096];
        let length = honest.read(&mut part).unwrap();
        assert!(part[..length].starts_with(b"SIP/2.0 200"), "{}", String::from_utf8_lossy(&part[..length]));
    };
    answers(1);
    // Not a byte for 30 s; half a message for 10 s.
    assert!(until_closed(silent, Duration::from_secs(45)).is_empty());
    until_closed(half, PATIENCE);
    answers(2);
    assert!(line.runs());
    assert!(!line.log().contains("panicked"));
}
