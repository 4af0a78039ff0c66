//! Whatever comes: an answer or a fault, never a panic, and the m= lines always match.

use proptest::prelude::*;
use senim_sdp::{
    Capabilities, Codec, Direction, Key, Local, Negotiator, Security, SessionDescription, Suite,
};

fn media_line() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["audio", "audio", "audio", "video", "image", "AUDIO"]);
    let port =
        prop_oneof![Just("0".to_owned()), (1u16..).prop_map(|p| p.to_string()), Just("9/2".to_owned())];
    let protocol = prop::sample::select(vec!["RTP/AVP", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl"]);
    let formats = prop::collection::vec(
        prop_oneof![Just("8".to_owned()), Just("0".to_owned()), (0u16..300).prop_map(|f| f.to_string())],
        1..6,
    );
    (kind, port, protocol, formats).prop_map(|(k, p, proto, f)| format!("m={k} {p} {proto} {}", f.join(" ")))
}

fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        (
            0u8..130,
            prop::sample::select(vec!["PCMA", "pcmu", "telephone-event", "G729", "", "opus"]),
            0u32..3
        )
            .prop_map(|(pt, name, clock)| format!("a=rtpmap:{pt} {name}/{}", clock * 8_000)),
        prop::sample::select(vec![
            "a=sendonly",
            "a=inactive",
            "a=recvonly",
            "a=ptime:30",
            "a=ptime:99999999999",
            "a=maxptime:1",
            "a=rtcp:65536",
            "a=rtcp:1 IN IP6 ::1",
            "a=rtcp-mux",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:4",
            "a=crypto:",
            "a=rtpmap:",
            "a=",
            "a=:",
            "b=AS:64",
            "c=IN IP4 0.0.0.0",
            "c=IN IP6 2001:db8::1",
            "c=IN IP4 198.51.100.1",
            "c=IN IP4 host.example",
            "k=clear:x",
        ])
        .prop_map(str::to_owned),
    ]
}

fn description() -> impl Strategy<Value = String> {
    let section = (media_line(), prop::collection::vec(other_line(), 0..6)).prop_map(|(media, rest)| {
        format!("{media}\r\n{}", rest.iter().map(|l| format!("{l}\r\n")).collect::<String>())
    });
    prop::collection::vec(section, 0..6).prop_map(|sections| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{}",
            sections.concat()
        )
    })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let codecs = prop::sample::subsequence(vec![Codec::Pcma, Codec::Pcmu], 0..=2).prop_shuffle();
    let security = prop::sample::select(vec![Security::Refuse, Security::Prefer, Security::Require]);
    let keys = prop::sample::subsequence(Suite::ALL.to_vec(), 0..=4)
        .prop_map(|suites| suites.into_iter().filter_map(|s| Key::new(s, &vec![3; s.key_len()])).collect());
    (codecs, any::<bool>(), 0u16..200, any::<bool>(), security, keys).prop_map(
        |(codecs, telephone_event, ptime_ms, rtcp_mux, security, keys)| Capabilities {
            codecs,
            telephone_event,
            ptime_ms,
            rtcp_mux,
            security,
            keys,
        },
    )
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::ALL.to_vec())
}

fn media_count(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("m=")).count()
}

proptest! {
    #[test]
    fn any_bytes_give_a_description_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = SessionDescription::parse(&bytes);
        let mut after = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n".to_vec();
        after.extend(bytes);
        let _ = SessionDescription::parse(&after);
    }

    #[test]
    fn what_is_printed_reads_back_the_same(lines in prop::collection::vec("[acmstobx]=\\PC{0,30}|\\PC{0,20}", 0..8), text in description()) {
        for text in [format!("{text}{}", lines.join("\r\n")), text] {
            if let Ok(read) = SessionDescription::parse(text.as_bytes()) {
                let printed = read.to_string();
                prop_assert!(SessionDescription::parse(printed.as_bytes()) == Ok(read), "{printed}");
            }
        }
    }

    #[test]
    fn every_offer_gets_an_answer_with_the_same_media_or_a_fault(
        offers in prop::collection::vec((description(), direction(), any::<bool>()), 1..5),
        caps in capabilities(),
    ) {
        let local = Local { address: "192.0.2.1:40000".parse().unwrap(), session_id: 1 };
        let mut line = Negotiator::new(caps.clone(), local);
        for (offer, want, ours) in offers {
            if ours {
                let said = line.offer(want);
                prop_assert!(caps.codecs.is_empty() || SessionDescription::parse(said.as_bytes()).is_ok());
                if let Ok(agreed) = line.accept(offer.as_bytes()) {
                    prop_assert_eq!(agreed.direction.and(want), agreed.direction);
                } else {
                    line.reset_offer();
                }
            } else if let Ok((answer, agreed)) = line.answer_to(offer.as_bytes(), want) {
                prop_assert_eq!(media_count(&answer), media_count(&offer));
                prop_assert!(caps.codecs.contains(&agreed.codec));
                prop_assert!((10..=60).contains(&agreed.send_ptime_ms));
                prop_assert_eq!(agreed.direction.and(want), agreed.direction);
                prop_assert_ne!(Some(agreed.send_payload_type), agreed.send_telephone_event);
                let said = SessionDescription::parse(answer.as_bytes()).unwrap();
                prop_assert_eq!(said.media.iter().filter(|m| m.port != 0).count(), 1);
            }
        }
    }

    #[test]
    fn two_of_us_always_understand_each_other(a in capabilities(), b in capabilities(), hold in direction(), want in direction()) {
        let local = |port| Local { address: ([192, 0, 2, 1], port).into(), session_id: 1 };
        let (mut caller, mut callee) = (Negotiator::new(a.clone(), local(1000)), Negotiator::new(b.clone(), local(2000)));
        let offer = caller.offer(hold);
        if !a.codecs.iter().any(|codec| b.codecs.contains(codec)) {
            prop_assert!(callee.answer_to(offer.as_bytes(), want).is_err());
            return Ok(());
        }
        // Encryption is between the two rules: `tests/keys.rs` says how.
        let Ok((answer, theirs)) = callee.answer_to(offer.as_bytes(), want) else {
            prop_assert!(a.security == Security::Require || b.security == Security::Require);
            return Ok(());
        };
        let ours = caller.accept(answer.as_bytes()).unwrap();
        prop_assert_eq!(ours.keys.is_some(), theirs.keys.is_some());
        prop_assert_eq!(ours.codec, theirs.codec);
        prop_assert_eq!(ours.direction, theirs.direction.reversed());
        prop_assert_eq!(ours.send_payload_type, theirs.receive_payload_type);
        prop_assert_eq!(ours.receive_payload_type, theirs.send_payload_type);
        prop_assert_eq!(ours.send_telephone_event, theirs.receive_telephone_event);
        prop_assert_eq!(ours.rtcp_mux, theirs.rtcp_mux);
    }
}
