//! Places found by a name server of our own on loopback (RFC 3263).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use senim_base::Entropy;
use senim_net::resolve::{Found, HOPS_MAX, ResolveFault, Resolver};
use senim_sip::{Place, Uri};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

type Zone = BTreeMap<(String, u16), Vec<(u32, Vec<u8>)>>;

/// A name server: answers from its zone, or fails, or is silent.
#[derive(Clone, Default)]
struct Server {
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
    down: Arc<Mutex<bool>>,
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|l| !l.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn text(word: &str) -> Vec<u8> {
    [&[word.len() as u8], word.as_bytes()].concat()
}

impl Server {
    async fn start() -> (Server, SocketAddr) {
        let server = Server::default();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let serving = server.clone();
        tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut query).await {
                let answer = serving.answer(&query[..len]);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        (server, address)
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let mut at = 12;
        let mut labels = Vec::new();
        while query[at] != 0 {
            let len = usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + len]).to_lowercase());
            at += 1 + len;
        }
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let key = (labels.join("."), kind);
        let question = &query[12..at + 5];
        self.asked.lock().unwrap().push(key.clone());
        let zone = self.zone.lock().unwrap();
        let records = zone.get(&key).cloned().unwrap_or_default();
        let exists = zone.keys().any(|(n, _)| *n == key.0);
        let code = match (*self.down.lock().unwrap(), exists) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 3,
        };
        let records = if code == 0 { records } else { Vec::new() };
        let mut out = query[..2].to_vec();
        out.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        out.extend(question);
        for (ttl, data) in records {
            out.extend([0xC0, 12]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1]);
            out.extend(ttl.to_be_bytes());
            out.extend((data.len() as u16).to_be_bytes());
            out.extend(data);
        }
        out
    }

    fn put(&self, owner: &str, kind: u16, data: Vec<Vec<u8>>) {
        self.put_for(owner, kind, 60, data);
    }

    fn put_for(&self, owner: &str, kind: u16, ttl: u32, data: Vec<Vec<u8>>) {
        let rows = data.into_iter().map(|d| (ttl, d)).collect();
        self.zone.lock().unwrap().insert((owner.to_owned(), kind), rows);
    }

    fn a(&self, owner: &str, ip: [u8; 4]) {
        self.put(owner, A, vec![ip.to_vec()]);
    }

    fn asked(&self, kind: u16) -> bool {
        self.asked.lock().unwrap().iter().any(|(_, k)| *k == kind)
    }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Vec<u8> {
    let mut data: Vec<u8> = [priority, weight, port].iter().flat_map(|n| n.to_be_bytes()).collect();
    data.extend(name(target));
    data
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Vec<u8> {
    let mut data: Vec<u8> = [order, preference].iter().flat_map(|n| n.to_be_bytes()).collect();
    data.extend([text("s"), text(service), text(""), name(replacement)].concat());
    data
}

fn place(uri: &str) -> Place {
    Place::of(&Uri::parse(uri).unwrap()).unwrap()
}

fn words(found: &Found) -> Vec<String> {
    found.hops.iter().map(|hop| format!("{} {}", hop.transport.word(), hop.address)).collect()
}

async fn find(address: SocketAddr, uri: &str) -> Result<Found, ResolveFault> {
    Resolver::new(&[address]).unwrap().find(&place(uri), &mut Entropy::from_seed(1)).await
}

#[tokio::test]
async fn services_servers_and_addresses_are_found_in_their_order() {
    let (server, at) = Server::start().await;
    server.put(
        "carrier.example",
        NAPTR,
        vec![
            naptr(20, 1, "SIP+D2U", "_sip._udp.carrier.example"),
            naptr(10, 1, "SIPS+D2T", "tls.carrier.example"),
        ],
    );
    server.put("tls.carrier.example", SRV, vec![srv(1, 1, 5063, "t.example")]);
    let servers = vec![srv(20, 1, 5060, "backup.example"), srv(10, 1, 5070, "main.example")];
    server.put("_sip._udp.carrier.example", SRV, servers);
    server.a("t.example", [192, 0, 2, 3]);
    server.a("main.example", [192, 0, 2, 1]);
    server.put("main.example", AAAA, vec!["2001:db8::1".parse::<Ipv6Addr>().unwrap().octets().to_vec()]);
    server.a("backup.example", [192, 0, 2, 2]);

    let found = find(at, "sip:carrier.example").await.unwrap();
    let all = ["tls 192.0.2.3:5063", "udp 192.0.2.1:5070", "udp [2001:db8::1]:5070", "udp 192.0.2.2:5060"];
    assert_eq!(words(&found), all);
    assert!((50..=60).contains(&found.good_for.as_secs()), "{found:?}");
    assert_eq!(words(&find(at, "sips:carrier.example").await.unwrap()), all[..1]);
    let named = find(at, "sip:carrier.example;transport=udp").await.unwrap();
    assert_eq!(words(&named), all[1..]);
}

#[tokio::test]
async fn a_name_without_services_is_its_addresses_and_a_port_asks_for_nothing_else() {
    let (server, at) = Server::start().await;
    server.a("plain.example", [192, 0, 2, 9]);
    assert_eq!(words(&find(at, "sip:plain.example:5070").await.unwrap()), ["udp 192.0.2.9:5070"]);
    assert!(!server.asked(SRV) && !server.asked(NAPTR));
    assert_eq!(words(&find(at, "sip:plain.example").await.unwrap()), ["udp 192.0.2.9:5060"]);
    assert!(server.asked(SRV) && server.asked(NAPTR));
    let tls = find(at, "sip:plain.example;transport=tls").await.unwrap();
    assert_eq!(words(&tls), ["tls 192.0.2.9:5061"]);
    server.asked.lock().unwrap().clear();
    assert_eq!(words(&find(at, "sip:192.0.2.7").await.unwrap()), ["udp 192.0.2.7:5060"]);
    assert!(server.asked.lock().unwrap().is_empty(), "an address is not asked for");
}

#[tokio::test]
async fn a_server_that_is_not_found_is_passed_over_and_too_many_are_left_out() {
    let (server, at) = Server::start().await;
    server.put(
        "_sip._udp.half.example",
        SRV,
        vec![srv(1, 1, 5060, "gone.example"), srv(2, 1, 5060, "here.example")],
    );
    server.a("here.example", [192, 0, 2, 1]);
    assert_eq!(words(&find(at, "sip:half.example;transport=udp").await.unwrap()), ["udp 192.0.2.1:5060"]);
    let crowd = (1..=30).map(|n| Ipv4Addr::new(192, 0, 2, n).octets().to_vec()).collect();
    server.put("crowd.example", A, crowd);
    assert_eq!(find(at, "sip:crowd.example:5060").await.unwrap().hops.len(), HOPS_MAX);
    server.put("_sip._udp.nobody.example", SRV, vec![srv(0, 0, 0, ".")]);
    server.a("nobody.example", [192, 0, 2, 8]);
    let nobody = find(at, "sip:nobody.example;transport=udp").await;
    assert_eq!(
        nobody,
        Err(ResolveFault::NoAddress),
        "a service that is decidedly not there is not elsewhere"
    );
}

#[tokio::test]
async fn no_such_name_and_no_answer_are_different_faults() {
    let (server, at) = Server::start().await;
    assert_eq!(find(at, "sip:nowhere.example:5060").await, Err(ResolveFault::NoAddress));
    *server.down.lock().unwrap() = true;
    assert_eq!(find(at, "sip:nowhere.example:5060").await, Err(ResolveFault::Silent));
}

#[tokio::test]
async fn a_place_is_found_again_when_its_time_is_over_and_an_outage_is_told_once() {
    let (server, at) = Server::start().await;
    server.put_for("moving.example", A, 1, vec![vec![192, 0, 2, 1]]);
    let (to, mut told) = mpsc::unbounded_channel();
    let resolver = Resolver::new(&[at]).unwrap();
    let following = tokio::spawn(resolver.follow(place("sip:moving.example:5060"), Entropy::from_seed(1), {
        move |news| to.send(news.map(|found| words(&found))).unwrap_or(())
    }));
    let mut next =
        async || tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
    assert_eq!(next().await, Ok(vec!["udp 192.0.2.1:5060".to_owned()]));
    *server.down.lock().unwrap() = true;
    assert_eq!(next().await, Err(ResolveFault::Silent));
    server.put_for("moving.example", A, 1, vec![vec![192, 0, 2, 2]]);
    *server.down.lock().unwrap() = false;
    assert_eq!(next().await, Ok(vec!["udp 192.0.2.2:5060".to_owned()]), "told once, and found again");
    following.abort();
}
