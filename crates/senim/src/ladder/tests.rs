//! Ladders as an operator sees them: the expected drawings stand here.

use super::*;
use expect_test::expect;
use senim_base::{CallId, ConsultantId, Instant, OfferId, WallTime};
use senim_switch::api::WhichTrace;
use senim_switch::facts::{Disposition, EndCause, ForwardResult, OfferOutcome};

fn step(after_ms: u64, party: usize, incoming: bool, what: What) -> Step {
    Step {
        after_ms,
        party,
        incoming,
        transport: "udp".into(),
        what,
        cseq: Some(1),
        again: false,
        bytes: 500,
        headers: vec!["Via".into()],
        headers_other: 0,
        media: vec![],
        text: None,
    }
}

fn request(method: &str) -> What {
    What::Request(method.into())
}

fn response(status: u16, method: &str) -> What {
    What::Response(status, method.into())
}

fn audio() -> Vec<MediaSeen> {
    vec![MediaSeen {
        kind: "audio".into(),
        port: 40_000,
        codecs: vec!["PCMA".into(), "telephone-event".into()],
        direction: "sendrecv".into(),
        ptime: Some(20),
        encrypted: false,
        nowhere: false,
    }]
}

fn fact(after_ms: u64, fact: Fact) -> Record {
    let at = Instant::from_millis(5_000 + after_ms);
    Record { seq: 1, wall: WallTime::from_unix_millis(0), at, call: Some(CallId(17)), fact }
}

/// A caller who waits, one consultant who does not pick up, another who does.
fn story() -> (Traced, Vec<Record>) {
    let again = |mut s: Step| {
        s.again = true;
        s
    };
    let with_media = |mut s: Step| {
        s.media = audio();
        s
    };
    let steps = vec![
        with_media(step(0, 0, true, request("INVITE"))),
        step(0, 0, false, response(100, "INVITE")),
        with_media(step(4, 0, false, response(200, "INVITE"))),
        again(step(504, 0, false, response(200, "INVITE"))),
        step(510, 0, true, request("ACK")),
        step(520, 1, false, request("INVITE")),
        step(600, 1, true, response(180, "INVITE")),
        step(20_600, 1, false, request("CANCEL")),
        step(20_601, 1, true, response(200, "CANCEL")),
        step(20_602, 1, true, response(487, "INVITE")),
        with_media(step(20_610, 2, false, request("INVITE"))),
        step(20_700, 2, true, response(401, "INVITE")),
        step(60_000, 3, false, request("INVITE")),
        step(60_050, 3, true, response(503, "INVITE")),
        step(60_060, 0, true, What::Unreadable),
    ];
    let (consultant, offer) = (ConsultantId(1), OfferId(1));
    let facts = vec![
        fact(0, Fact::Arrived { dialled: "111".into(), trunk: None, user: None, caller: Default::default() }),
        fact(4, Fact::Answered { after_ms: 4 }),
        fact(515, Fact::Offered { offer, consultant }),
        fact(
            20_600,
            Fact::OfferEnded { offer, consultant, outcome: OfferOutcome::NoAnswer, after_ms: 20_000 },
        ),
        fact(
            60_070,
            Fact::Ended {
                cause: EndCause::CallerHungUp,
                disposition: Some(Disposition::Abandoned),
                length_ms: 60_070,
            },
        ),
    ];
    let parties = vec![
        Peer::Caller(Some("carrier".into())),
        Peer::Consultant,
        Peer::Consultant,
        Peer::Forward("1414".into()),
    ];
    let which = WhichTrace::Call(CallId(17));
    let wall = WallTime::from_unix_millis(1_795_480_574_000);
    (Traced { which, began: Instant::from_millis(5_000), wall, parties, steps, cut: 3 }, facts)
}

/// FEATURES N3.
#[test]
fn a_ladder_is_drawn_with_what_happened_what_came_again_and_where_it_was_silent() {
    let (traced, facts) = story();
    expect![[r#"
        call-17  2026-11-24 05:36:14  15 messages, 1 of them again

                caller (carrier)              senim               consultant 1            consultant 2                1414
            0.000       │──────── INVITE ──────▶│                       │                       │                       │   #1 · udp · PCMA telephone-event, sendrecv, 20 ms, port 40000
            0.000       │◀───── 100 Trying ─────│                       │                       │                       │   #1 · udp
            0.000       │                       ● came in               │                       │                       │
            0.004       │◀─────── 200 OK ───────│                       │                       │                       │   #1 · udp · PCMA telephone-event, sendrecv, 20 ms, port 40000
            0.004       │                       ● answered              │                       │                       │
            0.504       │◀╌╌╌╌╌╌╌ 200 OK ╌╌╌╌╌╌╌│                       │                       │                       │   #1 · udp · again
            0.510       │───────── ACK ────────▶│                       │                       │                       │   #1 · udp
            0.515       │                       ● offered to a consultant                       │                       │
            0.520       │                       │──────── INVITE ──────▶│                       │                       │   #1 · udp
            0.600       │                       │◀──── 180 Ringing ─────│                       │                       │   #1 · udp
            +20 s       ┊                       ┊                       ┊                       ┊                       ┊
           20.600       │                       │──────── CANCEL ──────▶│                       │                       │   #1 · udp
           20.600       │                       ● offer: no answer      │                       │                       │
           20.601       │                       │◀── 200 OK (CANCEL) ───│                       │                       │   #1 · udp
           20.602       │                       │◀─ 487 Request Termi… ─│                       │                       │   487 Request Terminated · #1 · udp
           20.610       │                       │───────────────────────┼──────── INVITE ──────▶│                       │   #1 · udp · PCMA telephone-event, sendrecv, 20 ms, port 40000
           20.700       │                       │◀──────────────────────┼─── 401 Unauthorized ──│                       │   #1 · udp
            +39 s       ┊                       ┊                       ┊                       ┊                       ┊
           60.000       │                       │───────────────────────┼───────────────────────┼──────── INVITE ──────▶│   #1 · udp
           60.050       │                       │◀──────────────────────┼───────────────────────┼── 503 Service Unava… ─│   503 Service Unavailable · #1 · udp
           60.060       │──── no SIP message ──▶│                       │                       │                       │   #1 · udp
           60.070       │                       ● ended: caller hung up, abandoned              │                       │

        3 further messages were not kept
    "#]].assert_eq(&text(&ladder(&traced, &facts, "2026-11-24 05:36:14")));
}

/// FEATURES N3: whom the consultant asked, where the caller was sent, and by which ways; nobody is named.
#[test]
fn a_transfer_is_drawn_with_who_asked_whom_and_how_it_ended() {
    let (mut traced, _) = story();
    traced.cut = 0;
    traced.parties = vec![Peer::Caller(None), Peer::Consultant, Peer::Forward("1414".into())];
    traced.steps = vec![
        step(0, 1, true, request("REFER")),
        step(1, 1, false, response(202, "REFER")),
        step(5, 2, false, request("INVITE")),
        step(900, 2, true, response(200, "INVITE")),
    ];
    let (by, centre) = (ConsultantId(1), || TransferTo::Forward("ucc".into()));
    let colleague = || TransferTo::Consultant(ConsultantId(2));
    let (result, no) = (ForwardResult::Connected, ForwardResult::Busy);
    let way = |trunk: &str, outcome, status| Fact::ForwardTried {
        to: "ucc".into(),
        trunk: trunk.into(),
        way: "udp:192.0.2.1:5060".into(),
        outcome,
        status,
        after_ms: 0,
    };
    let (consultant, silent) = (ConsultantId(2), TryOutcome::Silent);
    let facts = [
        Fact::ConsultBegan { by, to: colleague() },
        Fact::PhoneTried { consultant, outcome: silent, status: None, after_ms: 3_000 },
        Fact::ConferenceBegan { by },
        Fact::ConferenceEnded { by },
        Fact::ConsultEnded { to: colleague(), result: no, status: Some(486), after_ms: 0 },
        Fact::TransferBegan { by, to: centre() },
        way("first", TryOutcome::Refused, Some(503)),
        way("second", TryOutcome::Answered, Some(200)),
        Fact::TransferEnded { to: centre(), result, status: Some(200), after_ms: 0 },
    ];
    let facts: Vec<Record> = facts.into_iter().zip(2u64..).map(|(f, n)| fact(n, f)).collect();
    expect![[r#"
        call-17  then  4 messages

                     caller                   senim                consultant                 1414
            0.000       │                       │◀─────── REFER ────────│                       │   #1 · udp
            0.001       │                       │── 202 Accepted (REF… ▶│                       │   202 Accepted (REFER) · #1 · udp
            0.002       │                       ● the consultant asks a colleague               │
            0.003       │                       ● a phone: silent       │                       │
            0.004       │                       ● all three together    │                       │
            0.005       │                       │───────────────────────┼──────── INVITE ──────▶│   #1 · udp
            0.005       │                       ● no longer all three   │                       │
            0.006       │                       ● asking a colleague: busy                      │
            0.007       │                       ● transfer to ucc       │                       │
            0.008       │                       ● by first: refused (503)                       │
            0.009       │                       ● by second: answered (200)                     │
            0.010       │                       ● transfer to ucc: connected                    │
            0.900       │                       │◀──────────────────────┼──────── 200 OK ───────│   #1 · udp
    "#]].assert_eq(&text(&ladder(&traced, &facts, "then")));
}

/// FEATURES N3.
#[test]
fn a_conversation_that_was_no_call_has_its_ladder_too() {
    let (mut traced, _) = story();
    traced.which = WhichTrace::Other(3);
    traced.parties = vec![Peer::Softphone];
    traced.cut = 0;
    traced.steps = vec![
        step(0, 0, true, request("REGISTER")),
        step(1, 0, false, response(401, "REGISTER")),
        step(9, 0, true, request("REGISTER")),
        step(10, 0, false, response(200, "REGISTER")),
    ];
    expect![[r#"
        other-3  2026-11-24 05:36:14  4 messages

                    softphone                 senim
            0.000       │─────── REGISTER ─────▶│   #1 · udp
            0.001       │◀─ 401 Unauthorized … ─│   401 Unauthorized (REGISTER) · #1 · udp
            0.009       │─────── REGISTER ─────▶│   #1 · udp
            0.010       │◀─ 200 OK (REGISTER) ──│   #1 · udp
    "#]]
    .assert_eq(&text(&ladder(&traced, &[], "2026-11-24 05:36:14")));
}

#[test]
fn the_drawing_is_sound_xml_and_says_what_the_text_says() {
    let (mut traced, facts) = story();
    traced.parties =
        vec![Peer::Caller(Some("<a&\"b>".into())), Peer::Consultant, Peer::Consultant, Peer::Stranger];
    let drawn = svg(&ladder(&traced, &facts, "2026-11-24 05:36:14"));
    assert!(drawn.starts_with("<svg xmlns=") && drawn.trim_end().ends_with("</svg>"));
    assert!(drawn.contains("caller (&lt;a&amp;&quot;b&gt;)") && !drawn.contains("<a&"));
    for word in
        ["487 Request Terminated", "offer: no answer", "PCMA telephone-event", "again", "39.3 s of silence"]
    {
        assert!(drawn.contains(word), "{word} in {drawn}");
    }
    // Every element that is opened is closed.
    let mut open = Vec::new();
    for tag in drawn.split('<').skip(1).map(|t| t.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name)),
            (false, false) => open.push(name),
            (false, true) => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_trace_of_nothing_is_drawn_all_the_same() {
    let (mut traced, _) = story();
    traced.steps.clear();
    traced.parties.clear();
    traced.cut = 0;
    let ladder = ladder(&traced, &[], "then");
    assert!(text(&ladder).contains("senim") && svg(&ladder).contains("senim"));
}
