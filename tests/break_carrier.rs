//! A carrier that wants the line to register: the running line does so from its start, says so, and takes it back when
//! it stops; a carrier that refuses is an alarm, and the line answers all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, PATIENCE, eventually};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

const WANTS: &str = "register = true\nusername = \"senim\"\npassword = \"carrier-secret\"\nrealm = \"carrier\"\n\
                     register_expires_s = 600\ncontact_user = \"111\"\n";

/// The carrier's registrar, at the trunk's usual address.
struct Carrier(UdpSocket);

/// One REGISTER as it came.
struct Asked {
    text: String,
    from: SocketAddr,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        let line = self.text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }
}

impl Carrier {
    fn new(house: &House) -> Carrier {
        let socket = UdpSocket::bind((house.callers_ip(), 5060)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Carrier(socket)
    }

    /// The next REGISTER that fits; copies of others are passed over.
    fn asked(&self, fits: impl Fn(&Asked) -> bool) -> Asked {
        let mut buffer = [0; 65_535];
        loop {
            let (length, from) = self.0.recv_from(&mut buffer).expect("a REGISTER in time");
            let asked = Asked { text: String::from_utf8_lossy(&buffer[..length]).into_owned(), from };
            if asked.text.starts_with("REGISTER ") && fits(&asked) {
                return asked;
            }
        }
    }

    fn answer(&self, asked: &Asked, status: &str, headers: &str) {
        let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", asked.header(name)))
            .concat();
        let text = format!("SIP/2.0 {status}\r\n{copied}{headers}Content-Length: 0\r\n\r\n");
        self.0.send_to(text.as_bytes(), asked.from).unwrap();
    }

    /// Asks for the password once, and gives the request that brings the answer.
    fn challenge(&self, nonce: &str, expires: &str) -> Asked {
        let first = self.asked(|a| a.header("Authorization").is_empty() && a.header("Expires") == expires);
        let asks = format!(
            "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256\r\n"
        );
        self.answer(&first, "401 Unauthorized", &asks);
        let again = self.asked(|a| a.header("Authorization").contains(nonce));
        assert!(again.header("Authorization").contains("username=\"senim\""), "{}", again.text);
        assert!(!again.text.contains("carrier-secret"));
        again
    }
}

fn registered(house: &House) -> Option<u64> {
    let mut stream = TcpStream::connect(SocketAddr::new(house.line_ip(), 8111)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: line\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    let line = page.lines().find(|l| l.starts_with("senim_trunk_registered{"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// FEATURES T7.
#[test]
fn the_line_registers_at_its_carrier_and_takes_it_back_when_it_stops() {
    let house = House::with(WANTS);
    let carrier = Carrier::new(&house);
    let line = house.start();
    let right = carrier.challenge("n1", "600");
    let contact = right.header("Contact").to_owned();
    assert!(contact.contains(&format!("sip:111@{}:5060", house.line_ip())), "{contact}");
    assert_eq!(registered(&house), Some(0));
    // Two seconds are granted: the refresh comes out of that, long before the ten minutes asked for.
    carrier.answer(&right, "200 OK", &format!("Contact: {contact};expires=2\r\n"));
    eventually("registered", || registered(&house).filter(|up| *up == 1));
    let refresh = carrier.challenge("n2", "600");
    carrier.answer(&refresh, "200 OK", &format!("Contact: {contact};expires=600\r\n"));
    let examined = || house.senim("doctor").out.split_whitespace().collect::<Vec<_>>().join(" ");
    eventually("the doctor says how long it stands", || examined().contains("stands for 59").then_some(()));
    line.terminate();
    let goodbye = carrier.challenge("n3", "0");
    carrier.answer(&goodbye, "200 OK", "");
    let (code, log) = line.wait();
    assert_eq!(code, Some(0));
    assert!(!log.contains("carrier-secret"), "{log}");
}

/// FEATURES T7: an alarm on failure.
#[test]
fn a_carrier_that_refuses_is_an_alarm_and_calls_go_on() {
    let house = House::with(WANTS);
    let carrier = Carrier::new(&house);
    let line = house.start();
    let first = carrier.asked(|_| true);
    carrier.answer(&first, "403 Forbidden", "");
    eventually("the alarm", || line.log().contains("does not take our registration").then_some(()));
    assert_eq!(registered(&house), Some(0));
    eventually("the fact", || {
        let said = std::fs::read(house.journal()).unwrap();
        String::from_utf8_lossy(&said).contains("registration_now").then_some(())
    });
    // A carrier that has gone does not hold up the end.
    line.terminate();
    assert_eq!(line.wait().0, Some(0));
}
