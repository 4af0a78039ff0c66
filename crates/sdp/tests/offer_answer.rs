//! Offers and answers between us and the phones, trunks and exchanges of the world.

use expect_test::expect;
use senim_sdp::{Capabilities, Codec, Direction, Fault, Local, Negotiator, SessionDescription};

fn ours() -> Negotiator {
    at("192.0.2.1:40000")
}

fn at(address: &str) -> Negotiator {
    Negotiator::new(
        Capabilities::default(),
        Local { address: address.parse().expect("address"), session_id: 42 },
    )
}

/// A peer's description: `audio` is what follows `v=`, `o=`, `s=`; lines are separated by `|`.
fn body(lines: &str) -> Vec<u8> {
    let text = format!("v=0|o=peer 1 1 IN IP4 198.51.100.7|s=-|{lines}|").replace('|', "\r\n");
    text.into_bytes()
}

const PHONE: &str =
    "c=IN IP4 198.51.100.7|t=0 0|m=audio 30000 RTP/AVP 0 8 96|a=rtpmap:96 telephone-event/8000";

#[test]
fn our_offer_reads_as_the_standard_says() {
    expect![[r#"
        v=0
        o=- 42 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 40000 RTP/AVP 8 0 101
        a=rtpmap:8 PCMA/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&ours().offer(Direction::SendRecv).replace('\r', ""));
}

/// FEATURES T10.
#[test]
fn the_answer_takes_our_first_codec_and_the_peers_numbers() {
    let (answer, agreed) = ours().answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    expect![[r#"
        v=0
        o=- 42 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 40000 RTP/AVP 8 96
        a=rtpmap:8 PCMA/8000
        a=rtpmap:96 telephone-event/8000
        a=fmtp:96 0-15
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&answer.replace('\r', ""));
    assert_eq!(agreed.codec, Codec::Pcma);
    assert_eq!((agreed.send_payload_type, agreed.receive_payload_type), (8, 8));
    assert_eq!((agreed.send_telephone_event, agreed.receive_telephone_event), (Some(96), Some(96)));
    assert_eq!(agreed.remote, "198.51.100.7:30000".parse().expect("address"));
    assert_eq!(agreed.remote_rtcp, "198.51.100.7:30001".parse().expect("address"));
    assert_eq!((agreed.send_ptime_ms, agreed.direction), (20, Direction::SendRecv));
}

/// FEATURES T13.
#[test]
fn a_final_answer_after_a_provisional_one_may_move_the_port() {
    let mut line = ours();
    line.offer(Direction::SendRecv);
    let early = line.accept(&body("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 8 101")).expect("early");
    assert_eq!(early.remote.port(), 30_000);
    let last = line.accept(&body("c=IN IP4 203.0.113.9|m=audio 31000 RTP/AVP 0")).expect("final");
    assert_eq!(last.remote, "203.0.113.9:31000".parse().expect("address"));
    assert_eq!(last.codec, Codec::Pcmu);
    assert_eq!(line.current(), Some(&last));
}

/// FEATURES T13.
#[test]
fn a_reoffer_that_moves_the_port_is_honoured_and_our_version_stands_still() {
    let mut line = ours();
    let (first, _) = line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    let moved = PHONE.replace("30000", "30500");
    let (second, agreed) = line.answer_to(&body(&moved), Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote.port(), 30_500);
    assert_eq!(first, second, "we have nothing new to say");
}

/// FEATURES T13.
#[test]
fn when_we_move_our_version_rises_and_the_peer_follows() {
    let (mut a, mut b) = (at("192.0.2.1:4000"), at("192.0.2.2:5000"));
    let offer = a.offer(Direction::SendRecv);
    let (answer, _) = b.answer_to(offer.as_bytes(), Direction::SendRecv).expect("agreed");
    a.accept(answer.as_bytes()).expect("agreed");
    b.set_local(Local { address: "192.0.2.2:6000".parse().expect("address"), session_id: 7 });
    let moved = b.offer(Direction::SendRecv);
    assert!(moved.contains("o=- 42 2 IN IP4 192.0.2.2\r\n"), "{moved}");
    let (_, agreed) = a.answer_to(moved.as_bytes(), Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote, "192.0.2.2:6000".parse().expect("address"));
}

#[test]
fn each_side_may_number_its_payload_types_itself() {
    let mut line = ours();
    line.offer(Direction::SendRecv);
    let answer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 97 98|a=rtpmap:97 pcmu/8000/1|a=rtpmap:98 TELEPHONE-EVENT/8000",
    );
    let agreed = line.accept(&answer).expect("agreed");
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!((agreed.send_payload_type, agreed.receive_payload_type), (97, 0));
    assert_eq!((agreed.send_telephone_event, agreed.receive_telephone_event), (Some(98), Some(101)));
}

#[test]
fn our_reoffer_keeps_the_numbers_that_the_peer_chose() {
    let mut line = ours();
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 101 96|a=rtpmap:101 PCMU/8000|a=rtpmap:96 telephone-event/8000",
    );
    line.answer_to(&offer, Direction::SendRecv).expect("agreed");
    let again = line.offer(Direction::SendOnly);
    assert!(again.contains("m=audio 40000 RTP/AVP 101 8 96\r\n"), "{again}");
    assert!(again.contains("a=rtpmap:101 PCMU/8000\r\n"));
    assert!(again.contains("a=rtpmap:96 telephone-event/8000\r\n"));
    assert!(again.contains("o=- 42 2 "), "the version rose");

    // A number of ours that the peer uses for something else gives way.
    let mut line = ours();
    let offer = body("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 101|a=rtpmap:101 PCMA/8000");
    line.answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert!(line.offer(Direction::SendRecv).contains("m=audio 40000 RTP/AVP 101 0 96\r\n"));
}

#[test]
fn hold_is_understood_in_every_spelling() {
    let spellings = [
        ("a=sendonly", "", Direction::RecvOnly),
        ("a=inactive", "", Direction::Inactive),
        ("a=recvonly", "", Direction::SendOnly),
        ("", "a=sendonly|", Direction::RecvOnly),
        ("a=sendrecv", "a=sendonly|", Direction::SendRecv),
        ("", "", Direction::SendRecv),
    ];
    for (media, session, expected) in spellings {
        let offer = body(&format!("c=IN IP4 198.51.100.7|t=0 0|{session}m=audio 30000 RTP/AVP 8|{media}"));
        let (answer, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
        assert_eq!(agreed.direction, expected, "{media} {session}");
        assert!(answer.contains(&format!("a={expected}\r\n")));
    }
    let old = body("c=IN IP4 0.0.0.0|t=0 0|m=audio 30000 RTP/AVP 8");
    let (_, agreed) = ours().answer_to(&old, Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

#[test]
fn old_style_hold_keeps_the_peers_address_for_what_it_plays() {
    let mut line = ours();
    line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    let hold = PHONE.replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
    let (_, held) = line.answer_to(&body(&hold), Direction::SendRecv).expect("agreed");
    assert_eq!(held.direction, Direction::RecvOnly);
    assert_eq!(held.remote, "198.51.100.7:30000".parse().expect("address"));
    let (_, back) = line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    assert_eq!(back.direction, Direction::SendRecv);
}

#[test]
fn we_never_do_more_than_we_want_or_than_we_offered() {
    let (_, agreed) = ours().answer_to(&body(PHONE), Direction::SendOnly).expect("agreed");
    assert_eq!(agreed.direction, Direction::SendOnly);
    let mut line = ours();
    line.offer(Direction::SendOnly);
    let agreed = line.accept(&body(PHONE)).expect("agreed");
    assert_eq!(agreed.direction, Direction::SendOnly);
}

#[test]
fn what_is_not_our_audio_is_refused_in_its_place() {
    let offer = body(
        "c=IN IP4 198.51.100.7|t=0 0|m=video 30002 RTP/AVP 31 34|c=IN IP4 host.example|m=audio 0 RTP/AVP 8|\
         m=audio 30004 RTP/SAVP 8|m=audio 30000 RTP/AVP 8|m=audio 30006 RTP/AVP 0|m=application 9 UDP/BFCP *",
    );
    let mut line = ours();
    let (answer, agreed) = line.answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote.port(), 30_000);
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 0 RTP/AVP 8",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 40000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=application 0 UDP/BFCP *"
        ]
    );
    // Our own offer in that dialog keeps them all.
    let offer = line.offer(Direction::SendRecv);
    assert_eq!(offer.lines().filter(|line| line.starts_with("m=")).count(), 6);
}

/// A browser's or a meeting program's offer: bundled, with text, slides, encryption that we do not have, and lines that
/// nobody knows. Of all that just the plain voice is taken, in its place; no group is answered (RFC 9143 section 7.3).
#[test]
fn an_offer_of_everything_is_answered_with_the_voice_alone() {
    let offer = body(
        "c=IN IP4 198.51.100.7|t=0 0|a=group:BUNDLE v a x|a=ice-lite|a=msid-semantic: WMS *|\
         m=video 30002 UDP/TLS/RTP/SAVPF 96|a=mid:v|a=rtpmap:96 VP8/90000|\
         m=audio 30000 RTP/SAVPF 111 8|a=mid:s|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x|\
         m=audio 30000 RTP/AVPF 111 9 8 126|a=mid:a|a=rtpmap:111 opus/48000/2|a=rtpmap:nonsense|a=rtpmap:9|\
         a=rtpmap:126 telephone-event/8000|a=rtcp-fb:* nack|a=ssrc:1 cname:x|a=unheard-of:of|\
         m=text 30008 RTP/AVP 98|a=rtpmap:98 t140/1000|\
         m=application 0 UDP/DTLS/SCTP webrtc-datachannel|a=bundle-only|a=mid:x|\
         m=image 30010 udptl t38|c=ATM NSAP 47.0091|m=audio 30012/2 RTP/AVP 0",
    );
    let (answer, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!((agreed.codec, agreed.send_telephone_event), (Codec::Pcma, Some(126)));
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
            "m=audio 0 RTP/SAVPF 111",
            "m=audio 40000 RTP/AVPF 8 126",
            "m=text 0 RTP/AVP 98",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "m=image 0 udptl t38",
            "m=audio 0 RTP/AVP 0"
        ]
    );
    assert!(!answer.contains("group") && !answer.contains("mid:"));
}

#[test]
fn the_stream_in_use_stays_in_use_when_another_comes_before_it() {
    let mut line = ours();
    let two = "c=IN IP4 198.51.100.7|m=audio 0 RTP/AVP 8|m=audio 30000 RTP/AVP 8";
    line.answer_to(&body(two), Direction::SendRecv).expect("agreed");
    let both = two.replace("audio 0", "audio 29000");
    let (_, agreed) = line.answer_to(&body(&both), Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote.port(), 30_000);
}

#[test]
fn session_lines_serve_streams_that_have_none_and_ipv6_works() {
    let offer = body("c=IN IP4 203.0.113.1|t=0 0|m=audio 30000 RTP/AVP 8|c=IN IP4 198.51.100.9");
    let (_, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote.ip(), "198.51.100.9".parse::<std::net::IpAddr>().expect("address"));

    let offer = body("c=IN IP6 2001:db8::7|t=0 0|m=audio 30000 RTP/AVP 8");
    let (answer, agreed) = at("[2001:db8::1]:40000").answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!(agreed.remote, "[2001:db8::7]:30000".parse().expect("address"));
    assert!(
        answer.contains("o=- 42 1 IN IP6 2001:db8::1\r\n") && answer.contains("c=IN IP6 2001:db8::1\r\n")
    );
    assert_eq!(ours().answer_to(&offer, Direction::SendRecv), Err(Fault::Unreachable));
}

#[test]
fn packet_length_follows_the_peer_within_bounds() {
    let cases = [
        ("a=ptime:30", 30),
        ("a=ptime:5", 10),
        ("a=ptime:240", 60),
        ("a=ptime:25", 20),
        ("a=ptime:20.0", 20),
        ("a=ptime:40|a=maxptime:20", 20),
        ("a=maxptime:60", 20),
        ("a=maxptime:10", 10),
        ("a=ptime:0", 20),
        ("a=ptime:x", 20),
        ("a=ptime", 20),
    ];
    for (lines, expected) in cases {
        let offer = body(&format!("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 8|{lines}"));
        let (_, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
        assert_eq!(agreed.send_ptime_ms, expected, "{lines}");
    }
}

#[test]
fn rtcp_goes_where_the_peer_says() {
    let ask = |line: &str, mux: bool| {
        let capabilities = Capabilities { rtcp_mux: mux, ..Capabilities::default() };
        let local = Local { address: "192.0.2.1:40000".parse().expect("address"), session_id: 1 };
        let offer = body(&format!("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 8|{line}"));
        let (answer, agreed) =
            Negotiator::new(capabilities, local).answer_to(&offer, Direction::SendRecv).expect("agreed");
        assert_eq!(answer.contains("a=rtcp-mux"), agreed.rtcp_mux);
        agreed.remote_rtcp.to_string()
    };
    assert_eq!(ask("a=rtcp:53020", false), "198.51.100.7:53020");
    assert_eq!(ask("a=rtcp:53020 IN IP4 203.0.113.4", false), "203.0.113.4:53020");
    assert_eq!(ask("a=rtcp-mux", false), "198.51.100.7:30001");
    assert_eq!(ask("a=rtcp-mux", true), "198.51.100.7:30000");
}

#[test]
fn odd_rtpmaps_are_passed_over_and_static_numbers_need_none() {
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 18 300 x 0|a=rtpmap|a=rtpmap:|a=rtpmap:0|a=rtpmap:x y|a=fmtp:18 annexb=no",
    );
    let (_, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!((agreed.codec, agreed.send_payload_type, agreed.send_telephone_event), (Codec::Pcmu, 0, None));
    // Wideband events do not share the codec's clock; a redefined static number is what it says.
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 8 0 101|a=rtpmap:101 telephone-event/16000|a=rtpmap:8 G729/8000",
    );
    let (_, agreed) = ours().answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!((agreed.codec, agreed.send_telephone_event), (Codec::Pcmu, None));
}

#[test]
fn faults_name_what_is_wrong_and_leave_the_talk_as_it_was() {
    let cases = [
        ("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 18", Fault::NoCommonCodec, 488),
        ("c=IN IP4 198.51.100.7|m=audio 30000 RTP/SAVP 8", Fault::NoCommonProtocol, 488),
        ("c=IN IP4 198.51.100.7|m=audio 0 RTP/AVP 8", Fault::NoAudio, 488),
        ("c=IN IP4 198.51.100.7|m=video 30000 RTP/AVP 31", Fault::NoAudio, 488),
        ("c=IN IP4 198.51.100.7", Fault::NoAudio, 488),
        ("c=IN IP4 phone.example|m=audio 30000 RTP/AVP 8", Fault::HostName, 488),
        ("m=audio 30000 RTP/AVP 8", Fault::NoConnection, 488),
        ("c=IN IP4 233.252.0.1/127|m=audio 30000 RTP/AVP 8", Fault::Unreachable, 488),
        ("c=IN IP4|m=audio 30000 RTP/AVP 8", Fault::Malformed { line: 4 }, 400),
        ("c=IN IP4 198.51.100.7|m=audio 70000 RTP/AVP 8", Fault::Malformed { line: 5 }, 400),
        ("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP", Fault::Malformed { line: 5 }, 400),
        ("c=IN IP4 198.51.100.7|nonsense|m=audio 30000 RTP/AVP 8", Fault::Malformed { line: 5 }, 400),
    ];
    let mut line = ours();
    line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    let before = line.clone();
    for (lines, fault, status) in cases {
        assert_eq!(line.answer_to(&body(lines), Direction::SendRecv), Err(fault), "{lines}");
        assert_eq!(fault.status(), status);
        assert_eq!(line, before);
    }
}

#[test]
fn an_offer_that_meets_ours_waits_and_a_refused_one_is_forgotten() {
    let mut line = ours();
    assert_eq!(line.accept(&body(PHONE)), Err(Fault::NoOffer));
    let (_, agreed) = line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    line.offer(Direction::SendOnly);
    assert_eq!(line.answer_to(&body(PHONE), Direction::SendRecv), Err(Fault::OfferPending));
    assert_eq!(Fault::OfferPending.status(), 491);
    line.accept(&body(&PHONE.replace("30000", "39000"))).expect("provisional");
    line.reset_offer();
    assert_eq!(line.current(), Some(&agreed));
    line.answer_to(&body(PHONE), Direction::SendRecv).expect("free again");
}

#[test]
fn a_killed_program_takes_the_dialog_up_again() {
    let mut line = ours();
    line.answer_to(&body(PHONE), Direction::SendRecv).expect("agreed");
    line.offer(Direction::SendOnly);
    let kept = serde_json::to_string(&line).expect("kept");
    let mut again: Negotiator = serde_json::from_str(&kept).expect("read");
    assert_eq!(again, line);
    assert_eq!(again.accept(&body(PHONE)), line.accept(&body(PHONE)));
}

#[test]
fn ceilings_hold_on_both_sides() {
    let mut full = body("c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 8");
    full.resize(senim_sdp::BODY_BYTES_MAX, b'\n');
    assert!(SessionDescription::parse(&full).is_ok());
    full.push(b'\n');
    assert_eq!(SessionDescription::parse(&full), Err(Fault::TooLarge { bytes: full.len() }));

    let many = |n: usize| body(&"m=video 0 RTP/AVP 31|".repeat(n));
    assert!(SessionDescription::parse(&many(senim_sdp::MEDIA_MAX)).is_ok());
    assert_eq!(SessionDescription::parse(&many(senim_sdp::MEDIA_MAX + 1)), Err(Fault::TooManyMedia));
}

#[test]
fn nothing_of_a_peer_is_printed_for_logs() {
    let mut line = ours();
    let named = b"v=0\no=Aigul 1 1 IN IP4 198.51.100.7\ns=Aigul\ni=+77012345678\nc=IN IP4 198.51.100.7\nm=audio 30000 RTP/AVP 8\n";
    let (_, agreed) = line.answer_to(named, Direction::SendRecv).expect("agreed");
    let read = SessionDescription::parse(named).expect("read");
    let printed = format!("{line:?} {agreed:?} {read:?}");
    for secret in ["Aigul", "198.51", "7701"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

fn speaking(codecs: &[Codec]) -> Negotiator {
    let capabilities = Capabilities { codecs: codecs.to_vec(), ..Capabilities::default() };
    let address = "192.0.2.1:40000".parse().expect("address");
    Negotiator::new(capabilities, Local { address, session_id: 42 })
}

/// FEATURES T11. RFC 3551 section 4.5.2 (G722 says 8000), RFC 7587 section 7 (Opus says 48000/2), RFC 4733 section 2.1
/// (events on each clock).
#[test]
fn wide_codecs_are_offered_by_their_numbers_and_clocks() {
    expect![[r#"
        v=0
        o=- 42 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 40000 RTP/AVP 8 9 111 101 110
        a=rtpmap:8 PCMA/8000
        a=rtpmap:9 G722/8000
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 maxplaybackrate=16000;maxaveragebitrate=40000;useinbandfec=1;usedtx=1
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=rtpmap:110 telephone-event/48000
        a=fmtp:110 0-15
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(
        &speaking(&[Codec::Pcma, Codec::G722, Codec::Opus]).offer(Direction::SendRecv).replace('\r', ""),
    );
}

/// FEATURES T11: what a browser says of Opus.
#[test]
fn opus_is_answered_with_the_peers_numbers_its_wishes_and_its_events_clock() {
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVPF 109 9 0 126 125|a=rtpmap:109 OPUS/48000/2|\
         a=fmtp:109 minptime=10; useinbandfec=1;usedtx=0|a=rtpmap:126 telephone-event/8000|\
         a=rtpmap:125 telephone-event/48000|a=ptime:40",
    );
    let (answer, agreed) =
        speaking(&[Codec::Opus, Codec::G722]).answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert!(answer.contains("m=audio 40000 RTP/AVPF 109 125\r\na=rtpmap:109 opus/48000/2\r\n"), "{answer}");
    assert_eq!((agreed.codec, agreed.send_payload_type), (Codec::Opus, 109));
    assert_eq!((agreed.send_telephone_event, agreed.telephone_event_hz), (Some(125), 48_000));
    assert_eq!((agreed.opus_fec, agreed.opus_dtx), (true, false));
    let (answer, agreed) =
        speaking(&[Codec::G722, Codec::Opus]).answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert!(answer.contains("m=audio 40000 RTP/AVPF 9 126\r\na=rtpmap:9 G722/8000\r\n"), "{answer}");
    assert_eq!((agreed.codec, agreed.telephone_event_hz), (Codec::G722, 8_000));
}

#[test]
fn a_peer_with_events_on_another_clock_alone_is_met_there() {
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 96 101|a=rtpmap:96 opus/48000/2|\
         a=rtpmap:101 telephone-event/8000",
    );
    let (answer, agreed) = speaking(&[Codec::Opus]).answer_to(&offer, Direction::SendRecv).expect("agreed");
    assert_eq!((agreed.send_telephone_event, agreed.telephone_event_hz), (Some(101), 8_000));
    assert!(answer.contains("a=rtpmap:101 telephone-event/8000\r\n"), "{answer}");
    assert!(!agreed.opus_fec && !agreed.opus_dtx, "nothing was wished for");
}

#[test]
fn other_formats_under_these_names_are_not_taken() {
    for media in [
        "m=audio 30000 RTP/AVP 96|a=rtpmap:96 opus/48000",
        "m=audio 30000 RTP/AVP 96|a=rtpmap:96 opus/16000/2",
        "m=audio 30000 RTP/AVP 96|a=rtpmap:96 G722/16000",
        "m=audio 30000 RTP/AVP 96|a=rtpmap:96 G722/8000/2",
        "m=audio 30000 RTP/AVP 96",
    ] {
        let offer = body(&format!("c=IN IP4 198.51.100.7|{media}"));
        let fault = speaking(&Codec::ALL).answer_to(&offer, Direction::SendRecv).expect_err(media);
        assert_eq!(fault, Fault::NoCommonCodec, "{media}");
    }
}

/// RFC 3264 section 8.3.2: a number keeps its meaning for the dialog.
#[test]
fn numbers_that_the_peer_took_are_kept_and_ours_move_out_of_their_way() {
    let mut line = speaking(&Codec::ALL);
    let offer = body(
        "c=IN IP4 198.51.100.7|m=audio 30000 RTP/AVP 101 111|a=rtpmap:101 opus/48000/2|\
         a=rtpmap:111 telephone-event/48000",
    );
    line.answer_to(&offer, Direction::SendRecv).expect("agreed");
    let again = line.offer(Direction::SendRecv);
    assert!(again.contains("a=rtpmap:101 opus/48000/2\r\n"), "{again}");
    assert!(again.contains("a=rtpmap:111 telephone-event/48000\r\n"), "{again}");
    let media = again.lines().find(|l| l.starts_with("m=audio")).expect("audio");
    let numbers: Vec<&str> = media.split(' ').skip(3).collect();
    let distinct: std::collections::BTreeSet<&str> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), distinct.len(), numbers[0]), (6, 6, "101"), "{media}");
}
