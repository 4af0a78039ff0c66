//! Whole calls over other wires than UDP, with their sound listened to: TLS, secure WebSocket, IPv6; and certificates
//! that change or are wrong while the line runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;
#[path = "broken_house/relay.rs"]
mod relay;

use broken_house::{House, Street, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use relay::Wire;
use senim_audio::listen;
use senim_net::phones::PhoneId;
use senim_phone::Event;
use senim_sip::Transport;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

const NAME: &str = "line.example";
const ORIGIN: &str = "https://desk.example";

/// An authority in the house's folder.
struct Authority<'a> {
    house: &'a House,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority<'_> {
    fn new(house: &House) -> Authority<'_> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(house.path("ca.pem"), issuer.pem()).unwrap();
        Authority { house, issuer }
    }

    fn issue(&self, file: &str, name: &str, years: (i32, i32)) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (self.house.path(&format!("{file}.pem")), self.house.path(&format!("{file}.key")));
        fs::write(&files.0, certificate.pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}

/// A house that is spoken to by TLS and by secure WebSockets, too.
fn secure_house() -> House {
    let house = House::new();
    let line = house.line_ip();
    let keys = format!(
        "tls = [\"{line}:5061\"]\nwss = [\"{line}:5062\"]\ncertificate = [\"line.pem\"]\nkey = [\"line.key\"]\n\
         client_ca = \"ca.pem\"\nws_origins = [\"{ORIGIN}\"]\n[media]\n"
    );
    house.rewrite("[media]\n", &keys);
    house.rewrite("name = \"carrier\"\n", "name = \"carrier\"\ntls_name = \"carrier.example\"\n");
    house
}

fn wire(house: &House, transport: Transport, shown: Option<(PathBuf, PathBuf)>) -> Wire {
    let port = if transport == Transport::Wss { 5062 } else { 5061 };
    let line = SocketAddr::new(house.line_ip(), port);
    Wire { transport, line, name: NAME, authority: house.path("ca.pem"), shown, origin: ORIGIN }
}

/// The verdict of `senim doctor` on this thing.
fn doctor_says(house: &House, what: &str) -> String {
    let told = house.senim("doctor --json");
    let rows: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let row = rows["findings"].as_array().unwrap().iter().find(|row| row["what"] == what);
    row.unwrap_or_else(|| panic!("a row {what} in {rows:#}"))["verdict"].as_str().unwrap().to_owned()
}

/// Both hear each other's tone, after what each has heard so far.
fn hear_each_other(street: &Street, pairs: [(PhoneId, f32); 2]) {
    for (phone, hz) in pairs {
        let before = street.phones.heard(phone).len();
        street.hears(phone, before + 16_000);
        let heard = street.phones.heard(phone);
        assert!(listen::contains_tone(&heard[heard.len() - 8_000..], hz), "{hz} Hz is heard");
    }
}

/// FEATURES T9: a carrier by mutual TLS, a consultant by a secure WebSocket: registered, called, heard both ways, while
/// the certificate changes under them.
#[test]
fn a_call_comes_by_tls_and_is_answered_by_websocket_and_outlives_its_certificate() {
    let house = secure_house();
    let authority = Authority::new(&house);
    authority.issue("line", NAME, (2020, 4000));
    let shown = authority.issue("carrier", "carrier.example", (2020, 4000));
    let line = house.start();
    house.ok("duty aigul in");
    let street = Street::new(&house);
    let desk = wire(&house, Transport::Wss, None).open(house.desks_ip());
    let aigul = street.consultant_by(desk, "aigul", 700.0);
    let trunk = wire(&house, Transport::Tls, Some(shown)).open(house.callers_ip());
    let caller = street.caller_by(trunk, "+77010001122", 1_100.0);
    street.talk(caller, aigul);
    hear_each_other(&street, [(caller, 700.0), (aigul, 1_100.0)]);
    let (tls, wss) =
        (format!("listens tls:{}:5061", house.line_ip()), format!("listens wss:{}:5062", house.line_ip()));
    for what in [tls.as_str(), &wss, "certificates"] {
        assert_eq!(doctor_says(&house, what), "ok", "{what}");
    }

    authority.issue("line", "renamed.example", (2020, 4000));
    eventually("the new certificate is seen", || line.log().contains("taken over").then_some(()));
    fs::write(house.path("line.key"), "no key\n").unwrap();
    eventually("a broken key is refused", || {
        line.log().contains("line.key: no private key in it").then_some(())
    });
    assert_eq!(doctor_says(&house, "certificates"), "fail");
    hear_each_other(&street, [(caller, 700.0), (aigul, 1_100.0)]);
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
}

/// FEATURES T9: "refuse unencrypted": on an open wire a trunk that must come by TLS is a stranger.
#[test]
fn a_trunk_that_must_come_by_tls_is_a_stranger_on_an_open_wire() {
    let house = secure_house();
    let authority = Authority::new(&house);
    authority.issue("line", NAME, (2020, 4000));
    let _line = house.start();
    let mut raw = broken_house::Raw::new(house.callers_ip(), house.sip());
    let uri = format!("sip:queue@{}", house.line_ip());
    let refused = raw.ask("INVITE", &uri, "+77010001122", "", "");
    assert_eq!(broken_house::status(&refused), 401, "{refused}");
}

/// FEATURES N1: `senim check` finds what is wrong with the files of TLS, and the line does not start with them.
#[test]
fn wrong_certificates_are_told_by_file_and_line_with_what_to_write() {
    let house = secure_house();
    let authority = Authority::new(&house);
    let told = |word: &str| {
        let done = house.senim("check");
        assert!(!done.ok && done.err.contains(word), "{word}: {done:?}");
    };
    told("line.pem: there is no such file");
    authority.issue("line", NAME, (2020, 2021));
    told("line.pem: it ended ");
    authority.issue("line", NAME, (2020, 4000));
    assert!(house.senim("check").ok, "{:?}", house.senim("check"));
    let other = authority.issue("other", NAME, (2020, 4000));
    fs::copy(other.1, house.path("line.key")).unwrap();
    told("line.key: it is not the key of");
    assert!(house.refuses().contains("line.key: it is not the key of"));
}

/// A whole call where nothing is of IPv4.
#[test]
fn a_call_over_ipv6_is_heard_both_ways() {
    let house = House::new();
    // ::1 is everybody's: ports by the process keep tests apart.
    let base = 20_000 + (std::process::id() % 300) as u16 * 100;
    let ports = format!("ports = \"{}-{}\"", base + 10, base + 59);
    house.rewrite("ports = \"20000-20399\"", &format!("bind6 = \"::1\"\n{ports}"));
    let line: SocketAddr = format!("[::1]:{base}").parse().unwrap();
    let more = format!("udp = [\"{}:5060\", \"{line}\"]", house.line_ip());
    house.rewrite(&format!("udp = [\"{}:5060\"]", house.line_ip()), &more);
    let trunk = house.callers_ip();
    house.rewrite(&format!("sources = [\"{trunk}\"]"), &format!("sources = [\"{trunk}\", \"::1\"]"));
    let _line = house.start();
    house.ok("duty aigul in");
    let street = Street::new(&house);
    let ip: IpAddr = line.ip();
    let aigul = street.add(ip, line, "aigul", Some("sesame"), 700.0);
    street.register(aigul);
    let caller = street.add(ip, line, "+77010001122", None, 1_100.0);
    street.talk(caller, aigul);
    hear_each_other(&street, [(caller, 700.0), (aigul, 1_100.0)]);
    street.hang_up(caller);
}
