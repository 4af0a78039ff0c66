//! What a registration costs the line: so many phones, each asked once and then refreshing with the same nonce, through
//! an [`Endpoint`] alone. Run it under `valgrind --tool=callgrind --toggle-collect='*Endpoint*handle*'`, or time it; it
//! reads no clock itself and prints how many were granted.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use senim_base::{Entropy, Instant, Redacted};
use senim_sip::{Credentials, Endpoint, Flow, Input, Message, Method, Output, Secrets, Settings, Transport};
use std::net::SocketAddr;

const REALM: &str = "senim.example";

fn say(line: &mut Endpoint, flow: Flow, text: &str, now: Instant) -> Vec<u8> {
    let _ = line.handle(Input::Datagram { flow, bytes: text.as_bytes() }, now);
    let mut answer = Vec::new();
    while let Some(output) = line.poll() {
        if let Output::Transmit { bytes, .. } = output {
            answer = bytes;
        }
    }
    answer
}

fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let settings = Settings { user_agent: "Senim".into(), ..Settings::of_realm(REALM) };
    let mut line = Endpoint::new(settings, Entropy::from_seed(1));
    for n in 0..1_000 {
        let user = format!("user{n}");
        line.guard_mut().set_account(&user, Secrets::from_password(&user, REALM, "secret"));
    }
    let (mut now, mut granted) = (Instant::from_secs(1), 0u32);
    for n in 0..count {
        now += core::time::Duration::from_micros(40);
        let phone = n % 1_000;
        let [_, _, a, b] = phone.to_be_bytes();
        let remote = SocketAddr::from(([10, 0, a, b], 5060));
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote,
            connection: 0,
        };
        let ask = format!(
            "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {remote};rport;branch=z9hG4bK{n}a\r\nMax-Forwards: 70\r\n\
             From: <sip:user{phone}@{REALM}>;tag=t{n}\r\nTo: <sip:user{phone}@{REALM}>\r\nCall-ID: c{phone}@{remote}\r\n\
             CSeq: {} REGISTER\r\nContact: <sip:user{phone}@{remote}>\r\nExpires: 600\r\nUser-Agent: a phone\r\n\
             Content-Length: 0\r\n\r\n",
            2 * n + 1
        );
        let challenge = Message::parse(&say(&mut line, flow, &ask, now)).unwrap();
        let who = Credentials {
            user: format!("user{phone}"),
            password: Redacted::new("secret".into()),
            realm: Some(REALM.into()),
        };
        let (name, value) =
            who.answer(&challenge, Method::Register, &format!("sip:{REALM}"), "cnonce").unwrap();
        let again = ask
            .replace(&format!("CSeq: {} ", 2 * n + 1), &format!("CSeq: {} ", 2 * n + 2))
            .replace(&format!("{n}a\r\n"), &format!("{n}b\r\n"))
            .replace("Expires:", &format!("{name}: {value}\r\nExpires:"));
        granted += u32::from(say(&mut line, flow, &again, now).starts_with(b"SIP/2.0 200"));
    }
    println!("{granted} of {count} granted");
}
