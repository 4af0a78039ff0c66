//! Requests that no datagram should carry (RFC 3261 section 18.1.1).
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(unused_imports)]
mod pair;

use core::time::Duration;
use pair::{OFFER, settings};
use senim_base::{Entropy, Instant};
use senim_sip::{Endpoint, Event, Flow, Input, Message, MessageBuilder, Outgoing, Output, Transport};

const PEER: &str = "198.51.100.7:5060";

fn udp() -> Flow {
    let local = "192.0.2.1:5060".parse().unwrap();
    Flow { transport: Transport::Udp, local, remote: PEER.parse().unwrap(), connection: 0 }
}

fn line() -> Endpoint {
    let mut settings = settings(Some("198.51.100.7"));
    settings.streams = vec!["192.0.2.1:5060".parse().unwrap()];
    Endpoint::new(settings, Entropy::from_seed(1))
}

/// A call whose offer is padded to a length.
fn call(line: &mut Endpoint, padding: usize, now: Instant) -> (Flow, Message) {
    let sdp = format!("{OFFER}a=x:{}\r\n", "x".repeat(padding));
    let outgoing = Outgoing {
        flow: udp(),
        uri: "sip:1414@198.51.100.7".into(),
        from: "<sip:111@192.0.2.1>".into(),
        to: "<sip:1414@198.51.100.7>".into(),
        headers: Vec::new(),
        sdp: Some(sdp),
        credentials: None,
    };
    line.invite(outgoing, now).unwrap();
    sent(line).unwrap()
}

fn sent(line: &mut Endpoint) -> Option<(Flow, Message)> {
    core::iter::from_fn(|| line.poll()).find_map(|output| match output {
        Output::Transmit { flow, bytes } => Some((flow, Message::parse(&bytes).unwrap())),
        _ => None,
    })
}

fn via(message: &Message) -> String {
    message.header("Via").unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn a_large_invite_goes_by_tcp_and_is_answered_and_acknowledged_there() {
    let mut line = line();
    let now = Instant::from_secs(1);
    let (flow, invite) = call(&mut line, 2_000, now);
    assert_eq!((flow.transport, flow.remote), (Transport::Tcp, PEER.parse().unwrap()));
    assert_eq!((flow.connection, via(&invite)), (0, "SIP/2.0/TCP".into()));
    // Nothing is repeated on a wire that repeats itself.
    line.handle(Input::Timeout, now + Duration::from_secs(5)).unwrap();
    assert!(sent(&mut line).is_none());
    let busy = MessageBuilder::response(486, &invite, Some("t")).finish();
    let came = Flow { connection: 7, ..flow };
    line.handle(Input::Stream { flow: came, bytes: &busy }, now + Duration::from_secs(6)).unwrap();
    let (way, ack) = sent(&mut line).unwrap();
    assert_eq!((way.transport, via(&ack)), (Transport::Tcp, "SIP/2.0/TCP".into()));
}

#[test]
fn a_refused_connection_sends_it_as_a_datagram_after_all_and_is_remembered() {
    let mut line = line();
    let now = Instant::from_secs(1);
    let (tcp, _) = call(&mut line, 2_000, now);
    line.handle(Input::FlowFailed(tcp), now).unwrap();
    let (flow, again) = sent(&mut line).unwrap();
    assert_eq!((flow, via(&again)), (udp(), "SIP/2.0/UDP".into()));
    // As a datagram it is repeated, and may fail once more, for good.
    line.handle(Input::Timeout, now + Duration::from_millis(500)).unwrap();
    assert_eq!(sent(&mut line).unwrap().0, udp());
    let (flow, _) = call(&mut line, 2_000, now);
    assert_eq!(flow, udp(), "this peer takes no connection");
    line.handle(Input::FlowFailed(udp()), now).unwrap();
    let ends =
        core::iter::from_fn(|| line.poll()).filter(|o| matches!(o, Output::Event(Event::Rejected { .. })));
    assert_eq!(ends.count(), 2);
    assert_eq!(line.live().transactions, 0);
}

#[test]
fn a_small_one_and_one_to_whom_nobody_listens_go_as_datagrams() {
    let now = Instant::from_secs(1);
    assert_eq!(call(&mut line(), 0, now).0, udp());
    let mut without = Endpoint::new(settings(Some("198.51.100.7")), Entropy::from_seed(1));
    assert_eq!(call(&mut without, 2_000, now).0, udp());
}
