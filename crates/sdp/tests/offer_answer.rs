//! Offers and answers as peers write them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use senim_sdp::{Capabilities, Codec, Direction, Fault, Local, Negotiator, SessionDescription};

fn negotiator(port: u16) -> Negotiator {
    let address = format!("192.0.2.1:{port}").parse().unwrap();
    Negotiator::new(Capabilities::default(), Local { address, session_id: 7 })
}

fn offer(lines: &str) -> String {
    format!("v=0\r\no=x 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n{lines}")
}

#[test]
fn two_of_us_agree() {
    let (mut a, mut b) = (negotiator(4000), negotiator(5000));
    let text = a.offer(Direction::SendRecv);
    let (answer, at_b) = b.answer_to(text.as_bytes(), Direction::SendRecv).unwrap();
    let at_a = a.accept(answer.as_bytes()).unwrap();
    assert_eq!((at_a.codec, at_b.codec), (Codec::Pcma, Codec::Pcma));
    assert_eq!((at_a.remote.port(), at_b.remote.port()), (5000, 4000));
    assert_eq!((at_a.send_telephone_event, at_b.receive_telephone_event), (Some(101), Some(101)));
    assert_eq!((at_a.direction, at_a.send_ptime_ms), (Direction::SendRecv, 20));
}

/// FEATURES T10: either law, under whatever payload types the peer likes.
#[test]
fn payload_types_are_the_peers_own() {
    let text = offer(
        "m=audio 9000 RTP/AVP 3 118 96\r\na=rtpmap:118 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n\
         a=ptime:30\r\n",
    );
    let (answer, agreed) = negotiator(4000).answer_to(text.as_bytes(), Direction::SendRecv).unwrap();
    assert_eq!(
        (agreed.codec, agreed.send_payload_type, agreed.receive_payload_type),
        (Codec::Pcmu, 118, 118)
    );
    assert_eq!((agreed.send_telephone_event, agreed.send_ptime_ms), (Some(96), 30));
    assert!(answer.contains("m=audio 4000 RTP/AVP 118 96\r\n"), "{answer}");
}

#[test]
fn static_types_need_no_map_and_odd_maps_do_not_matter() {
    let text = offer("m=audio 9000 RTP/AVP 0 8\r\na=rtpmap:\r\na=rtpmap:x PCMA\r\na=rtpmap:999 Z/1\r\n");
    let (_, agreed) = negotiator(4000).answer_to(text.as_bytes(), Direction::SendRecv).unwrap();
    assert_eq!((agreed.codec, agreed.send_payload_type), (Codec::Pcma, 8));
    assert_eq!((agreed.send_telephone_event, agreed.remote_rtcp.port()), (None, 9001));
}

#[test]
fn holds_in_all_spellings() {
    for (lines, ours) in [
        ("m=audio 9000 RTP/AVP 8\r\na=sendonly\r\n", Direction::RecvOnly),
        ("m=audio 9000 RTP/AVP 8\r\na=inactive\r\n", Direction::Inactive),
        ("m=audio 9000 RTP/AVP 8\r\na=recvonly\r\n", Direction::SendOnly),
        ("a=sendonly\r\nm=audio 9000 RTP/AVP 8\r\n", Direction::RecvOnly),
        ("m=audio 9000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n", Direction::RecvOnly),
        ("m=audio 9000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", Direction::Inactive),
    ] {
        let (answer, agreed) =
            negotiator(4000).answer_to(offer(lines).as_bytes(), Direction::SendRecv).unwrap();
        assert_eq!(agreed.direction, ours, "{lines}");
        assert!(answer.contains(&format!("a={}\r\n", ours.name())), "{answer}");
    }
}

#[test]
fn other_media_are_refused_in_place() {
    let text = offer(
        "m=video 7000 RTP/AVP 31\r\nm=audio 9000 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\nm=audio 9002 RTP/AVP 8\r\n\
         m=image 9004 udptl t38\r\n",
    );
    let (answer, agreed) = negotiator(4000).answer_to(text.as_bytes(), Direction::SendRecv).unwrap();
    let media = SessionDescription::parse(answer.as_bytes()).unwrap().media;
    let ports: Vec<(String, u16)> = media.into_iter().map(|m| (m.kind, m.port)).collect();
    let expected = [("video", 0), ("audio", 4000), ("audio", 0), ("image", 0)];
    assert_eq!(ports, expected.map(|(k, p)| (k.to_owned(), p)));
    assert_eq!(agreed.remote, "[2001:db8::1]:9000".parse().unwrap());
}

#[test]
fn what_does_not_fit_is_said() {
    let answer =
        |lines: &str| negotiator(4000).answer_to(offer(lines).as_bytes(), Direction::SendRecv).unwrap_err();
    assert_eq!(answer("m=audio 9000 RTP/AVP 3 18\r\n"), Fault::NoCommonCodec);
    assert_eq!(answer("m=audio 0 RTP/AVP 8\r\n"), Fault::NoAudio);
    assert_eq!(answer("m=audio 9000 RTP/SAVP 8\r\n"), Fault::NoAudio);
    assert_eq!(answer("m=audio 9000 RTP/AVP 8\r\nc=IN IP4 host.example\r\n"), Fault::NotAnAddress);
    let mut n = negotiator(4000);
    assert_eq!(n.accept(offer("").as_bytes()), Err(Fault::NothingOffered));
    n.offer(Direction::SendRecv);
    assert_eq!(n.accept(offer("").as_bytes()), Err(Fault::MediaCount { offered: 1, answered: 0 }));
}

/// FEATURES T13: a new port in a later answer is honoured, and our version moves only when our text changes.
#[test]
fn a_later_answer_moves_the_stream() {
    let (mut a, mut b) = (negotiator(4000), negotiator(5000));
    let first = a.offer(Direction::SendRecv);
    let (answer, _) = b.answer_to(first.as_bytes(), Direction::SendRecv).unwrap();
    a.accept(answer.as_bytes()).unwrap();
    b.set_local(Local { address: "192.0.2.1:6000".parse().unwrap(), session_id: 0 });
    let again = b.offer(Direction::SendRecv);
    let (same, agreed) = a.answer_to(again.as_bytes(), Direction::SendRecv).unwrap();
    assert_eq!(agreed.remote.port(), 6000);
    assert!(again.contains("o=- 7 2 IN"), "{again}");
    assert_eq!(a.answer_to(again.as_bytes(), Direction::SendRecv).unwrap().0, same);
    let held = a.offer(Direction::SendOnly);
    let (_, at_b) = b.answer_to(held.as_bytes(), Direction::SendRecv).unwrap();
    assert_eq!(at_b.direction, Direction::RecvOnly);
}

proptest! {
    #[test]
    fn any_offer_gets_an_answer_of_as_many_lines_or_a_fault(
        media in prop::collection::vec(
            ("(audio|video|AUDIO)", 0u16..4, "(RTP/AVP|RTP/SAVP|udptl)", "( [0-9]{1,3}){0,6}",
             "((a=rtpmap:[0-9]{1,3} [a-zA-Z-]{1,16}/8000|a=sendonly|a=ptime:[0-9]{1,5}|c=IN IP4 [0-9.]{1,9}|a=rtcp:[0-9]{1,6})\r\n){0,5}"),
            0..5,
        )
    ) {
        let lines: String =
            media.iter().map(|(k, p, pr, f, a)| format!("m={k} {} {pr}{f}\r\n{a}", p * 4000)).collect();
        let mut n = negotiator(4000);
        if let Ok((answer, agreed)) = n.answer_to(offer(&lines).as_bytes(), Direction::SendRecv) {
            prop_assert_eq!(SessionDescription::parse(answer.as_bytes()).unwrap().media.len(), media.len());
            prop_assert!((10..=60).contains(&agreed.send_ptime_ms));
        }
    }
}
