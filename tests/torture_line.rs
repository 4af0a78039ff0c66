//! RFC 4475 and RFC 5118 at the running line: every torture message over UDP, by WebSocket and, byte by byte, over TCP,
//! from the carrier's address and from a stranger's; what `torture/manifest.toml` names is what comes back. The next
//! call talks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;
mod torture;

use broken_house::{House, PATIENCE, Street, status};
use core::cell::RefCell;
use senim_phone::Event;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::{IntoClientRequest, client};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};
use torture::{After, Answer, Torture, Treatment, Zone};

/// Where WebSockets are spoken, and the page that may open them.
const WS_PORT: u16 = 5063;
const ORIGIN: &str = "https://desk.example";

/// What tells answers to this message from all others: its Call-ID, or its branch.
fn mark(torture: &Torture) -> String {
    let text = String::from_utf8_lossy(&torture.bytes).into_owned();
    let value = |names: &[&str]| {
        text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            names.iter().any(|n| name.trim().eq_ignore_ascii_case(n)).then(|| value.trim().to_owned())
        })
    };
    value(&["Call-ID", "i"]).unwrap_or_else(|| format!("z9hG4bK{}", torture.name))
}

/// A question whose answer proves that everything before it was dealt with.
fn probe(house: &House, n: usize, transport: &str) -> (String, String) {
    let (ip, call) = (house.line_ip(), format!("probe-{n}-{transport}"));
    let text = format!(
        "OPTIONS sip:{ip} SIP/2.0\r\nVia: SIP/2.0/{transport} 192.0.2.9;branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:{ip}>\r\nCall-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    (text, call)
}

/// ACK of a final response to an INVITE, and BYE after a 2xx.
fn thanks(house: &House, response: &str) -> Vec<String> {
    let line = |name: &str| {
        response.split("\r\n").find(|l| l.starts_with(name)).map(str::to_owned).unwrap_or_default()
    };
    let (from, to, call) = (line("From:"), line("To:"), line("Call-ID:"));
    let number: u32 = line("CSeq:").split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let say = |method: &str, cseq: u32, via: &str| {
        format!(
            "{method} sip:senim@{} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{from}\r\n{to}\r\n{call}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            house.line_ip()
        )
    };
    if status(response) >= 300 {
        return vec![say("ACK", number, &line("Via:"))];
    }
    let key: String = call.chars().filter(char::is_ascii_alphanumeric).collect();
    let via = |n: u32| format!("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{n}{key};rport");
    vec![say("ACK", number, &via(1)), say("BYE", number + 1, &via(2))]
}

/// What the running line owes: its own answer in the place of a call.
fn due(torture: &Torture, treatment: Treatment) -> Vec<u16> {
    let status = |answer| match answer {
        Answer::Status(status) => status,
        Answer::Call => torture.at_the_line(),
    };
    treatment.answers.into_iter().map(status).collect()
}

/// Takes what came in until the marked answers and the probe's are here; gives the finals of the mark, each once.
fn answers(
    mut next: impl FnMut() -> Option<String>,
    mut say: impl FnMut(&str),
    house: &House,
    mark: &str,
    probe: &str,
    count: usize,
) -> Vec<String> {
    let (mut seen, mut probed, mut mine, since) = (Vec::<String>::new(), false, Vec::new(), Instant::now());
    while !probed || mine.len() < count {
        assert!(since.elapsed() < PATIENCE, "{mark}: {mine:?}, the probe {probed}");
        let Some(response) = next() else { continue };
        if !response.starts_with("SIP/2.0 ") || response.starts_with("SIP/2.0 1") {
            continue;
        }
        if response.contains(" INVITE\r\n") && status(&response) > 100 {
            for text in thanks(house, &response) {
                say(&text);
            }
        }
        let fresh = !seen.contains(&response);
        probed |= response.contains(probe);
        if fresh && response.contains(mark) && !is_goodbye(&response) {
            mine.push(response.clone());
        }
        seen.push(response);
    }
    mine
}

/// The answer to a goodbye of ours, which ends a call that was answered.
fn is_goodbye(response: &str) -> bool {
    status(response) == 200 && response.contains(" BYE\r\n")
}

fn ip_of(house: &House, zone: Zone) -> IpAddr {
    if zone == Zone::Trunk { house.callers_ip() } else { house.strangers_ip() }
}

fn over_udp(house: &House, all: &[Torture], zone: Zone) {
    // Without rport an answer goes to the port in Via, which is 5060 in all of them.
    let socket = UdpSocket::bind((ip_of(house, zone), 5060)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for (n, torture) in all.iter().enumerate() {
        let (question, call) = probe(house, n, "UDP");
        socket.send_to(&torture.bytes, house.sip()).unwrap();
        socket.send_to(question.as_bytes(), house.sip()).unwrap();
        let mut buffer = [0; 65_535];
        let next = || {
            let (length, _) = socket.recv_from(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        let say = |text: &str| {
            socket.send_to(text.as_bytes(), house.sip()).unwrap();
        };
        let due = due(torture, torture.alone(zone));
        let said = answers(next, say, house, &mark(torture), &call, due.len());
        check(torture, zone, &said, &due);
    }
}

fn check(torture: &Torture, zone: Zone, said: &[String], due: &[u16]) {
    let statuses: Vec<u16> = said.iter().map(|s| status(s)).filter(|s| *s > 0).collect();
    let name = format!("{} of {}, {zone:?}", torture.name, torture.rfc);
    assert_eq!(statuses.get(..due.len()), Some(due), "{name}: {said:?}");
    // Behind a call come only the answers to our goodbye.
    assert!(statuses[due.len()..].iter().all(|s| *s == 200 && due.contains(&200)), "{name}: {said:?}");
    if let (Some(header), Some(first)) = (&torture.header, said.first()) {
        assert!(first.contains(&format!("\r\n{header}")), "{name}: {first}");
    }
}

fn connect(house: &House, zone: Zone, port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(ip_of(house, zone), 0).into()).unwrap();
    socket.connect(&SocketAddr::new(house.line_ip(), port).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream
}

/// The next whole response of a stream, `Err` at its end.
fn response(stream: &mut TcpStream, held: &mut Vec<u8>) -> Result<Option<String>, ()> {
    let text = String::from_utf8_lossy(held).into_owned();
    let text = text.trim_start_matches("\r\n");
    if let Some((head, rest)) = text.split_once("\r\n\r\n") {
        let length = head.split("\r\n").find_map(|l| l.strip_prefix("Content-Length: "));
        let length: usize = length.and_then(|l| l.parse().ok()).unwrap_or(0);
        if rest.len() >= length {
            let whole = format!("{head}\r\n\r\n{}", &rest[..length]);
            *held = rest.as_bytes()[length..].to_vec();
            return Ok(Some(whole));
        }
    }
    let mut part = [0; 16_384];
    match stream.read(&mut part) {
        Ok(0) => Err(()),
        Ok(n) => {
            held.extend_from_slice(&part[..n]);
            Ok(None)
        }
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(_) => Err(()),
    }
}

fn over_tcp(house: &House, all: &[Torture], zone: Zone) {
    let mut waiting = Vec::new();
    for (n, torture) in all.iter().enumerate() {
        let treatment = torture.in_stream(zone);
        let mut stream = connect(house, zone, 5060);
        for byte in torture.bytes.chunks(1) {
            if stream.write_all(byte).is_err() {
                break;
            }
        }
        let after = treatment.after;
        let due = due(torture, treatment);
        let mut held = Vec::new();
        match after {
            After::Waits => waiting.push((Instant::now(), stream, torture)),
            After::Closed => {
                let (mut said, since) = (Vec::new(), Instant::now());
                while let Ok(got) = response(&mut stream, &mut held) {
                    said.extend(got);
                    assert!(since.elapsed() < PATIENCE, "{} is not closed: {said:?}", torture.name);
                }
                check(torture, zone, &said, &due);
            }
            After::Stays => {
                let (question, call) = probe(house, n, "TCP");
                stream.write_all(question.as_bytes()).unwrap();
                let mut writer = stream.try_clone().unwrap();
                let next = || response(&mut stream, &mut held).expect("the connection stays");
                let say = |text: &str| writer.write_all(text.as_bytes()).unwrap();
                let key = if torture.name == "dblreq" { "Call-ID: dblreq." } else { &mark(torture) };
                let said = answers(next, say, house, key, &call, due.len());
                check(torture, zone, &said, &due);
            }
        }
    }
    for (since, mut stream, torture) in waiting {
        let mut held = Vec::new();
        while let Ok(got) = response(&mut stream, &mut held) {
            assert_eq!(got, None, "{} is answered before it is whole", torture.name);
            assert!(since.elapsed() < PATIENCE, "{} is not cut", torture.name);
        }
    }
}

fn browse(house: &House, zone: Zone) -> WebSocket<TcpStream> {
    let address = SocketAddr::new(house.line_ip(), WS_PORT);
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    request.headers_mut().insert("Origin", ORIGIN.parse().unwrap());
    request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
    let stream = connect(house, zone, WS_PORT);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (socket, _) = client(request, stream).expect("the line opens the WebSocket");
    socket.get_ref().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    socket
}

/// The next message of a WebSocket, if one came.
fn heard(socket: &mut WebSocket<TcpStream>) -> Option<String> {
    match socket.read() {
        Ok(message) if message.is_text() || message.is_binary() => {
            Some(String::from_utf8_lossy(&message.into_data()).into_owned())
        }
        Ok(_) => None,
        Err(Error::Io(e)) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(e) => panic!("the WebSocket stays: {e}"),
    }
}

/// A message of a WebSocket is one of SIP, so it is treated as a datagram.
fn over_ws(house: &House, all: &[Torture], zone: Zone) {
    for (n, torture) in all.iter().enumerate() {
        let socket = RefCell::new(browse(house, zone));
        let say = |bytes: &[u8]| socket.borrow_mut().send(Message::binary(bytes.to_vec())).unwrap();
        let (question, call) = probe(house, n, "WS");
        say(&torture.bytes);
        say(question.as_bytes());
        let due = due(torture, torture.alone(zone));
        let next = || heard(&mut socket.borrow_mut());
        let said = answers(next, |text| say(text.as_bytes()), house, &mark(torture), &call, due.len());
        check(torture, zone, &said, &due);
    }
}

/// FEATURES E5, S8.
#[test]
fn every_torture_message_is_treated_as_its_rfc_names_and_calls_go_on() {
    let house = House::new();
    let mut line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let talk = || {
        let caller = street.caller("+77012345678", 700.0);
        street.talk(caller, aigul);
        street.hang_up(caller);
        street.until(aigul, Event::Ended { by_peer: true });
    };
    talk();
    let all = torture::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/torture"));
    over_udp(&house, &all, Zone::Stranger);
    over_tcp(&house, &all, Zone::Stranger);
    over_udp(&house, &all, Zone::Trunk);
    talk();
    assert!(line.runs());
    assert!(!line.log().contains("panicked"), "{}", line.log());
}

/// The same from the carrier by TCP, at a line of its own: copies of what it has just sent would be repeats.
#[test]
fn the_carrier_is_treated_the_same_byte_by_byte() {
    let house = House::new();
    let mut line = house.start();
    let all = torture::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/torture"));
    over_tcp(&house, &all, Zone::Trunk);
    assert!(line.runs());
    assert!(!line.log().contains("panicked"), "{}", line.log());
}

/// FEATURES T9. The same by WebSocket, at a line of its own.
#[test]
fn a_websocket_is_treated_as_a_datagram() {
    let house = House::new();
    let ws = format!("ws = [\"{}:{WS_PORT}\"]\nws_origins = [\"{ORIGIN}\"]\n[media]\n", house.line_ip());
    house.rewrite("[media]\n", &ws);
    let mut line = house.start();
    let all = torture::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/torture"));
    over_ws(&house, &all, Zone::Stranger);
    over_ws(&house, &all, Zone::Trunk);
    assert!(line.runs());
    assert!(!line.log().contains("panicked"), "{}", line.log());
}
