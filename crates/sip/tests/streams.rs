//! The same over streams: cut anywhere, broken in the middle, held open for nothing; and phones that register.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, Pair, Phone, credentials, settings};
use senim_base::{Entropy, Instant};
use senim_sip::{
    Cause, Endpoint, Event, Fault, Flow, Input, Message, MessageBuilder, Method, Outgoing, Output, Rejection,
    STREAMS_MAX, Transport,
};

fn over_tcp(seed: u64) -> Pair {
    let mut p = Pair::new(seed);
    p.transport = Transport::Tcp;
    p
}

#[test]
fn a_call_over_a_stream_cut_byte_by_byte_is_a_call() {
    for portion in [1, 7, 4096] {
        let mut p = over_tcp(1);
        p.portion = portion;
        let (a, b) = p.talk(Phone);
        p.at(Line, |e, now| e.reoffer(b, OFFER, now));
        p.until(Phone, "Reoffered");
        p.at(Phone, |e, now| e.answer_reoffer(a, Ok(ANSWER.into()), now));
        p.until(Line, "ReofferAnswered");
        p.at(Line, |e, now| e.hang_up(b, None, now));
        p.until(Phone, "Ended");
        p.at_rest();
        assert_eq!(p.seen("INVITE"), 2);
    }
}

/// RFC 7118: one WebSocket message is one SIP message, and Via and Contact say so.
#[test]
fn a_call_over_a_websocket_is_a_call() {
    for (transport, via) in [(Transport::Ws, "SIP/2.0/WS "), (Transport::Wss, "SIP/2.0/WSS ")] {
        let mut p = over_tcp(1);
        p.transport = transport;
        let (_, b) = p.talk(Phone);
        p.at(Line, |e, now| e.hang_up(b, None, now));
        p.until(Phone, "Ended");
        p.at_rest();
        assert!(p.messages.iter().all(|m| m.contains(via)), "{:?}", p.messages);
        assert!(p.messages.iter().any(|m| m.contains(";transport=ws>")));
    }
}

#[test]
fn a_websocket_that_says_nothing_of_use_is_cut_and_its_keep_alives_are_answered() {
    let flow = Flow { transport: Transport::Ws, ..stranger(1) };
    let start = Instant::from_secs(1);
    let mut line = Endpoint::new(settings(None), Entropy::from_seed(5));
    line.handle(Input::Stream { flow, bytes: b"\r\n\r\n" }, start).unwrap();
    assert!(matches!(&outputs(&mut line)[..], [Output::Transmit { bytes, .. }] if bytes == b"\r\n"));
    // Half a message is none: the next piece is not its other half.
    let half = Input::Stream { flow, bytes: b"OPTIONS sip:x SIP/2.0\r\nVia: " };
    assert_eq!(line.handle(half, start), Err(Fault::Garbage));
    line.handle(Input::Timeout, start + Duration::from_secs(10)).unwrap();
    assert!(matches!(outputs(&mut line)[..], [Output::Disconnect(cut)] if cut == flow));
    assert_eq!(line.live(), Default::default());

    let mut line = Endpoint::new(settings(Some("203.0.113.9")), Entropy::from_seed(5));
    line.handle(Input::Stream { flow, bytes: b"\r\n" }, start).unwrap();
    assert_eq!((outputs(&mut line).len(), line.deadline()), (0, None), "a trunk may be silent");
}

/// THREATS: 16 KiB an unauthenticated connection, whatever it announces.
#[test]
fn a_stranger_makes_us_hold_sixteen_kilobytes_and_no_more() {
    let announced = b"INVITE sip:111@x SIP/2.0\r\nContent-Length: 60000\r\n\r\n";
    let now = Instant::from_secs(1);
    for (trunk, held) in [(None, false), (Some("203.0.113.9"), true)] {
        let mut line = Endpoint::new(settings(trunk), Entropy::from_seed(8));
        line.handle(Input::Stream { flow: stranger(1), bytes: announced }, now).unwrap();
        let most = vec![b'x'; 16_384 - announced.len()];
        line.handle(Input::Stream { flow: stranger(1), bytes: &most }, now).unwrap();
        let more = line.handle(Input::Stream { flow: stranger(1), bytes: b"x" }, now);
        assert_eq!(more.is_ok(), held);
        assert_eq!(line.live().streams, usize::from(held));
    }
}

#[test]
fn a_sips_call_is_heard_on_a_secure_wire_only() {
    for (transport, status) in [(Transport::Tcp, "416"), (Transport::Tls, "401"), (Transport::Udp, "416")] {
        let mut line = Endpoint::new(settings(None), Entropy::from_seed(9));
        let text = "INVITE sips:111@line SIP/2.0\r\nVia: SIP/2.0/TLS 203.0.113.9;branch=z9hG4bKs\r\n\
                    Max-Forwards: 70\r\nFrom: <sips:a@b>;tag=f\r\nTo: <sips:111@line>\r\nCall-ID: c\r\n\
                    CSeq: 1 INVITE\r\nContact: <sips:a@203.0.113.9>\r\nContent-Length: 0\r\n\r\n";
        let flow = Flow { transport, ..stranger(1) };
        let input = match transport {
            Transport::Udp => Input::Datagram { flow, bytes: text.as_bytes() },
            _ => Input::Stream { flow, bytes: text.as_bytes() },
        };
        let _ = line.handle(input, Instant::from_secs(1));
        let said = outputs(&mut line).into_iter().find_map(|o| match o {
            Output::Transmit { bytes, .. } => String::from_utf8(bytes).ok(),
            _ => None,
        });
        assert!(said.unwrap().starts_with(&format!("SIP/2.0 {status}")), "{transport:?}");
    }
}

/// RFC 3261 sections 8.1.1.8 and 12.1.1: whoever calls or is called by `sips:` gets a `sips:` Contact, in every message of
/// the dialog.
#[test]
fn a_sips_dialog_has_a_sips_contact() {
    let flow = Flow { transport: Transport::Tls, ..stranger(1) };
    for scheme in ["sip", "sips"] {
        let mut line = Endpoint::new(settings(Some("203.0.113.9")), Entropy::from_seed(9));
        let text = format!(
            "INVITE {scheme}:111@line SIP/2.0\r\nVia: SIP/2.0/TLS 203.0.113.9;branch=z9hG4bKs\r\n\
             Max-Forwards: 70\r\nFrom: <{scheme}:a@b>;tag=f\r\nTo: <{scheme}:111@line>\r\nCall-ID: c\r\n\
             CSeq: 1 INVITE\r\nContact: <{scheme}:a@203.0.113.9>\r\nContent-Length: 0\r\n\r\n"
        );
        let now = Instant::from_secs(1);
        line.handle(Input::Stream { flow, bytes: text.as_bytes() }, now).unwrap();
        let session = outputs(&mut line).into_iter().find_map(|o| match o {
            Output::Event(event) => event.session(),
            _ => None,
        });
        let said = |line: &mut Endpoint| {
            let texts = outputs(line).into_iter().filter_map(|o| match o {
                Output::Transmit { bytes, .. } => String::from_utf8(bytes).ok(),
                _ => None,
            });
            texts.filter(|t| t.contains("Contact: ")).collect::<Vec<_>>()
        };
        line.accept(session.unwrap(), OFFER, now);
        let ok = said(&mut line);
        let uri = format!("{scheme}:a@203.0.113.9");
        let outgoing = Outgoing {
            flow,
            uri: uri.clone(),
            from: "<sip:111@line>".into(),
            to: format!("<{uri}>"),
            headers: Vec::new(),
            sdp: Some(OFFER.into()),
            credentials: None,
        };
        line.invite(outgoing, now).unwrap();
        let all = [ok, said(&mut line)].concat();
        assert_eq!(all.len(), 2, "{all:?}");
        let contact = match scheme {
            "sips" => format!("Contact: <sips:senim@{}>\r\n", flow.local),
            _ => format!("Contact: <sip:senim@{};transport=tls>\r\n", flow.local),
        };
        assert!(all.iter().all(|text| text.contains(&contact)), "{all:?}");
    }
}

#[test]
fn a_talk_outlives_its_connection_and_says_goodbye_on_another() {
    for leaver in [Line, Phone] {
        let mut p = over_tcp(2);
        let (a, b) = p.talk(Phone);
        p.break_stream(false);
        p.run(Duration::from_secs(60));
        assert!(p.events.is_empty());
        let session = if leaver == Line { b } else { a };
        p.at(leaver, |e, now| e.hang_up(session, None, now));
        p.until(leaver.other(), "Ended");
        p.at_rest();
    }
}

#[test]
fn a_talk_whose_wire_is_gone_for_good_leaves_nothing_behind() {
    let mut p = over_tcp(3);
    let (a, b) = p.talk(Phone);
    p.break_stream(true);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn a_connection_that_breaks_while_it_rings_ends_the_call_at_both_ends() {
    let mut p = over_tcp(4);
    p.call(Line);
    let b = p.invited(Phone);
    p.at(Phone, |e, now| e.ring(b, 180, None, now));
    p.until(Line, "Ringing");
    p.break_stream(true);
    let Event::Rejected { reason: Rejection::Transport, .. } = p.until(Line, "Rejected") else { panic!() };
    p.until(Phone, "Ended");
    p.at_rest();
}

fn stranger(connection: u64) -> Flow {
    let remote = "203.0.113.9:40000".parse().unwrap();
    Flow { transport: Transport::Tcp, local: Line.address(), remote, connection }
}

fn outputs(line: &mut Endpoint) -> Vec<Output> {
    core::iter::from_fn(|| line.poll()).collect()
}

#[test]
fn a_stranger_that_says_nothing_of_use_is_cut_after_ten_seconds() {
    for bytes in [&b"\r\n\r\n"[..], b"OPTIONS sip:x SIP/2.0\r\nVia: "] {
        let mut line = Endpoint::new(settings(None), Entropy::from_seed(5));
        let start = Instant::from_secs(1);
        line.handle(Input::Stream { flow: stranger(1), bytes }, start).unwrap();
        outputs(&mut line);
        // Dribbling does not help.
        line.handle(Input::Stream { flow: stranger(1), bytes: b"\r\n" }, start + Duration::from_secs(9))
            .unwrap();
        outputs(&mut line);
        let due = start + Duration::from_secs(10);
        assert_eq!(line.deadline().map(|(at, _)| at), Some(due));
        line.handle(Input::Timeout, due).unwrap();
        assert!(matches!(outputs(&mut line)[..], [Output::Disconnect(flow)] if flow == stranger(1)));
        assert_eq!(line.live(), Default::default());
    }
}

#[test]
fn a_keep_alive_is_answered_and_lost_framing_is_cut() {
    let mut line = Endpoint::new(settings(Some("203.0.113.9")), Entropy::from_seed(6));
    let now = Instant::from_secs(1);
    line.handle(Input::Stream { flow: stranger(1), bytes: b"\r\n\r\n" }, now).unwrap();
    assert!(matches!(&outputs(&mut line)[..], [Output::Transmit { bytes, .. }] if bytes == b"\r\n"));
    assert_eq!(line.deadline(), None);
    for length in ["99999999999999999999", "-1", "x"] {
        let text = format!("OPTIONS sip:x SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
        let flow = stranger(2);
        assert_eq!(
            line.handle(Input::Stream { flow, bytes: text.as_bytes() }, now),
            Err(Fault::Framing),
            "{length}"
        );
        let cut = outputs(&mut line).iter().any(|o| matches!(o, Output::Disconnect(f) if *f == flow));
        assert!(cut, "{length}");
    }
    assert_eq!(line.live().streams, 1);
}

#[test]
fn one_connection_too_many_is_cut() {
    let mut line = Endpoint::new(settings(None), Entropy::from_seed(7));
    let now = Instant::from_secs(1);
    for n in 1..=STREAMS_MAX as u64 {
        line.handle(Input::Stream { flow: stranger(n), bytes: b"O" }, now).unwrap();
    }
    let one_more = stranger(STREAMS_MAX as u64 + 1);
    assert_eq!(line.handle(Input::Stream { flow: one_more, bytes: b"O" }, now), Err(Fault::TooManyStreams));
    assert_eq!(line.live().streams, STREAMS_MAX);
    line.handle(Input::FlowClosed(stranger(1)), now).unwrap();
    assert_eq!(line.handle(Input::Stream { flow: one_more, bytes: b"O" }, now), Ok(()));
}

/// Registers like a desk phone: asks, is challenged, answers. Gives the final status.
fn register(p: &mut Pair, flow: Flow, expires: u32, cseq: u32) -> u16 {
    let mut authorization: Option<(&str, String)> = None;
    let mut status = 0;
    for attempt in 0..2 {
        let contact = format!("<sip:aigul@10.0.0.5:5060;transport={}>", flow.transport.param());
        let via = format!("SIP/2.0/{} 10.0.0.5;branch=z9hG4bKr{cseq}{attempt};rport", flow.transport.name());
        let mut builder = MessageBuilder::request(&Method::Register, "sip:senim.example")
            .header("Via", &via)
            .header("Max-Forwards", "70")
            .header("From", "<sip:aigul@senim.example>;tag=r")
            .header("To", "<sip:aigul@senim.example>")
            .header("Call-ID", "register-1")
            .header("CSeq", &format!("{} REGISTER", cseq * 2 + attempt))
            .header("Contact", &contact)
            .header("Expires", &expires.to_string());
        if let Some((name, value)) = &authorization {
            builder = builder.header(name, value);
        }
        let bytes = builder.finish();
        let now = p.now;
        let input = match flow.transport {
            Transport::Udp => Input::Datagram { flow, bytes: &bytes },
            _ => Input::Stream { flow, bytes: &bytes },
        };
        p.line.handle(input, now).unwrap();
        let mut answer = None;
        while let Some(output) = p.line.poll() {
            match output {
                Output::Transmit { bytes, flow: back } | Output::Refuse { bytes, flow: back } => {
                    assert_eq!(back, flow);
                    answer = Some(Message::parse(&bytes).unwrap());
                }
                Output::Event(event) => p.events.push((Line, event)),
                Output::Disconnect(_) => panic!(),
            }
        }
        let answer = answer.unwrap();
        status = answer.status().unwrap();
        if status != 401 {
            break;
        }
        authorization = credentials("correct").answer(&answer, "REGISTER", "sip:senim.example", "cn");
    }
    status
}

/// FEATURES D2: an ordinary phone registers, is called on the way it came, and is gone when its time is over.
#[test]
fn a_phone_registers_is_called_where_it_is_and_expires() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut p = Pair::of_strangers(8);
        p.transport = transport;
        let connection = u64::from(transport == Transport::Tcp) * 9;
        let remote = "203.0.113.77:31234".parse().unwrap();
        let flow = Flow { transport, local: Line.address(), remote, connection };
        assert_eq!(register(&mut p, flow, 60, 1), 200);
        let Event::Registered { user } = p.until(Line, "Registered") else { panic!() };
        assert_eq!(user, "aigul");
        let [binding] = p.line.bindings("aigul") else { panic!() };
        assert_eq!(binding.flow, flow);
        assert_eq!(binding.uri.user().as_deref(), Some("aigul"));
        // A refresh is no news.
        p.run(Duration::from_secs(30));
        assert_eq!(register(&mut p, flow, 60, 2), 200);
        p.run(Duration::from_secs(45));
        assert!(p.events.is_empty());
        let Event::Unregistered { cause: Cause::Expired, .. } = p.until(Line, "Unregistered") else {
            panic!()
        };
        p.at_rest();
    }
}

#[test]
fn a_phone_whose_connection_closes_is_gone_at_once() {
    let mut p = Pair::of_strangers(9);
    let flow = stranger(3);
    assert_eq!(register(&mut p, flow, 600, 1), 200);
    p.until(Line, "Registered");
    // It proved itself: it may be silent now.
    p.run(Duration::from_secs(60));
    assert_eq!(p.line.live().streams, 1);
    p.at(Line, |e, now| e.handle(Input::FlowClosed(flow), now)).unwrap();
    let Event::Unregistered { cause: Cause::FlowLost, .. } = p.until(Line, "Unregistered") else { panic!() };
    p.at_rest();
}

#[test]
fn a_busy_connection_that_is_always_in_the_middle_of_a_message_lives() {
    let mut line = Endpoint::new(settings(Some("203.0.113.9")), Entropy::from_seed(10));
    let text = "OPTIONS sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 203.0.113.9;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\n\
                To: <sip:111@192.0.2.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let (head, tail) = text.split_at(20);
    let mut now = Instant::from_secs(1);
    line.handle(Input::Stream { flow: stranger(1), bytes: head.as_bytes() }, now).unwrap();
    for _ in 0..10 {
        now += Duration::from_secs(5);
        let bytes = [tail, head].concat();
        line.handle(Input::Stream { flow: stranger(1), bytes: bytes.as_bytes() }, now).unwrap();
        assert!(matches!(&outputs(&mut line)[..], [Output::Transmit { .. }]));
    }
    line.handle(Input::Timeout, now + Duration::from_secs(10)).unwrap();
    assert!(matches!(&outputs(&mut line)[..], [Output::Disconnect(_)]));
}

#[test]
fn who_loses_his_account_loses_his_phones() {
    let mut p = Pair::of_strangers(11);
    assert_eq!(register(&mut p, stranger(4), 600, 1), 200);
    p.until(Line, "Registered");
    p.at(Line, |e, _| e.remove_user("aigul"));
    let Event::Unregistered { cause: Cause::Removed, .. } = p.until(Line, "Unregistered") else { panic!() };
    assert_eq!(register(&mut p, stranger(4), 600, 2), 401);
    assert!(p.line.bindings("aigul").is_empty());
}
