//! What the trace keeps, what it does not, and both sides of its ceilings.

use super::*;
use senim_base::WallTime;

fn flow() -> Flow {
    let at = "127.0.0.1:5060".parse().unwrap();
    Flow { transport: Transport::Udp, local: at, remote: at, connection: 0 }
}

fn message(start: &str, call_id: &str, more: &str) -> Vec<u8> {
    format!("{start}\r\nCall-ID: {call_id}\r\n{more}\r\n").into_bytes()
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

struct World(Trace);

impl World {
    fn new(mode: TraceMode) -> World {
        World(Trace::new(mode, 7))
    }

    fn passes(&mut self, incoming: bool, bytes: &[u8], now: Instant) {
        self.0.passed(incoming, flow(), bytes, |_| None, now);
    }

    fn invite(&mut self, call_id: &str, now: Instant) {
        self.passes(true, &message("INVITE sip:111@line SIP/2.0", call_id, "CSeq: 1 INVITE\r\n"), now);
    }

    fn clock(&self) -> WallClock {
        WallClock::read(Instant::ZERO, WallTime::from_unix_millis(1_000_000))
    }

    fn show(&self, which: WhichTrace) -> Option<Traced> {
        self.0.show(which, false, &self.clock())
    }

    fn weighed(&self) -> usize {
        self.0.conversations.values().flat_map(|c| &c.notes).map(Note::weight).sum()
    }
}

#[test]
fn legs_of_a_call_come_out_as_one_ladder_in_the_order_they_passed() {
    let mut w = World::new(TraceMode::Redacted);
    w.invite("a", at(1_000));
    w.0.belongs("a", CallId(4), Peer::Caller(Some("carrier".into())));
    w.passes(false, &message("SIP/2.0 200 OK", "a", "CSeq: 1 INVITE\r\n"), at(1_020));
    w.0.belongs("b", CallId(4), Peer::Consultant);
    w.passes(false, &message("INVITE sip:x@y SIP/2.0", "b", "CSeq: 1 INVITE\r\n"), at(1_500));
    w.passes(false, &message("INVITE sip:x@y SIP/2.0", "b", "CSeq: 1 INVITE\r\n"), at(2_000));
    w.passes(true, &message("BYE sip:x@y SIP/2.0", "a", "CSeq: 2 BYE\r\n"), at(2_000));
    let traced = w.show(WhichTrace::Last).unwrap();
    assert_eq!(traced, w.show(WhichTrace::Call(CallId(4))).unwrap());
    assert_eq!(traced.parties, [Peer::Caller(Some("carrier".into())), Peer::Consultant]);
    let rows: Vec<_> = traced.steps.iter().map(|s| (s.after_ms, s.party, s.incoming, s.again)).collect();
    let (caller, consultant) = (0, 1);
    assert_eq!(
        rows,
        [
            (0, caller, true, false),
            (20, caller, false, false),
            (500, consultant, false, false),
            (1_000, consultant, false, true),
            (1_000, caller, true, false),
        ]
    );
    assert!(w.0.others.is_empty());
    let row = &w.0.rows(10, &w.clock())[0];
    assert_eq!((row.messages, row.again, row.status, row.length_ms), (5, 1, Some(200), 1_000));
    assert_eq!(w.0.bytes, w.weighed());
}

#[test]
fn registrations_and_strangers_are_kept_apart() {
    let mut w = World::new(TraceMode::Redacted);
    w.passes(true, &message("REGISTER sip:line SIP/2.0", "r", "CSeq: 1 REGISTER\r\n"), at(1));
    w.passes(false, &message("SIP/2.0 200 OK", "r", "CSeq: 1 REGISTER\r\n"), at(2));
    w.passes(true, b"garbage", at(3));
    w.passes(true, b"\r\n\r\n", at(4));
    let rows = w.0.rows(10, &w.clock());
    let peers: Vec<_> = rows.iter().flat_map(|r| &r.parties).collect();
    assert_eq!(peers, [&Peer::Stranger, &Peer::Softphone]);
    assert_eq!((rows[0].which, &rows[0].first), (WhichTrace::Other(2), &What::Unreadable));
    assert_eq!(w.show(WhichTrace::Other(1)).unwrap().steps.len(), 2);
    assert_eq!((w.show(WhichTrace::Other(3)), w.show(WhichTrace::Last)), (None, None));
}

#[test]
fn strangers_push_out_strangers_and_never_a_call() {
    let mut w = World::new(TraceMode::Redacted);
    w.invite("call", at(1));
    w.0.belongs("call", CallId(1), Peer::Caller(None));
    for n in 0..OTHERS_MAX {
        w.invite(&format!("s{n}"), at(2));
    }
    assert_eq!(w.0.others.len(), OTHERS_MAX);
    assert!(w.show(WhichTrace::Other(2)).is_some());
    w.invite("one more", at(3));
    assert_eq!(w.0.others.len(), OTHERS_MAX);
    assert!(w.show(WhichTrace::Other(2)).is_none() && w.show(WhichTrace::Call(CallId(1))).is_some());
    assert_eq!(w.0.conversations.len(), OTHERS_MAX + 1);
    assert_eq!(w.0.bytes, w.weighed());
}

#[test]
fn the_oldest_call_goes_for_one_more_than_the_ceiling() {
    let mut w = World::new(TraceMode::Redacted);
    for n in 1..=CALLS_MAX as u64 {
        w.invite(&n.to_string(), at(n));
        w.0.belongs(&n.to_string(), CallId(n), Peer::Caller(None));
    }
    assert!(w.show(WhichTrace::Call(CallId(1))).is_some());
    w.invite("new", at(9));
    w.0.belongs("new", CallId(CALLS_MAX as u64 + 1), Peer::Caller(None));
    assert!(w.show(WhichTrace::Call(CallId(1))).is_none() && w.show(WhichTrace::Call(CallId(2))).is_some());
    assert_eq!(w.0.conversations.len(), CALLS_MAX);
    assert_eq!(w.0.bytes, w.weighed());
}

#[test]
fn messages_beyond_the_ceiling_of_a_conversation_are_counted() {
    let mut w = World::new(TraceMode::Redacted);
    (0..STEPS_MAX).for_each(|_| w.invite("a", at(1)));
    assert_eq!(w.show(WhichTrace::Other(1)).map(|t| (t.steps.len(), t.cut)), Some((STEPS_MAX, 0)));
    w.invite("a", at(1));
    assert_eq!(w.show(WhichTrace::Other(1)).map(|t| (t.steps.len(), t.cut)), Some((STEPS_MAX, 1)));
}

#[test]
fn bytes_have_a_ceiling_in_full_mode_and_others_go_before_calls() {
    let mut w = World::new(TraceMode::Full);
    let text =
        |id: &str| message("INVITE sip:111@line SIP/2.0", id, &format!("X: {}\r\n", "x".repeat(9_000)));
    w.passes(true, &text("call"), at(1));
    w.0.belongs("call", CallId(1), Peer::Caller(None));
    // As many conversations as there may be, each as heavy as it may be.
    for other in 0..OTHERS_MAX {
        for _ in 0..STEPS_MAX {
            w.passes(true, &text(&other.to_string()), at(2));
        }
        assert!(w.0.bytes <= BYTES_MAX);
    }
    assert!(w.0.others.len() < OTHERS_MAX && w.show(WhichTrace::Call(CallId(1))).is_some());
    let shown = w.0.show(WhichTrace::Last, true, &w.clock()).unwrap();
    assert_eq!(shown.steps[0].text.as_ref().map(|t| t.reveal().len()), Some(TEXT_MAX));
    assert_eq!(w.0.bytes, w.weighed());
}

#[test]
fn a_redacted_trace_holds_no_word_of_a_message_and_a_full_one_no_proof_of_a_password() {
    let bytes = message(
        "INVITE sip:+77012223344@192.0.2.77 SIP/2.0",
        "child-id@192.0.2.77",
        "From: \"Aigul\" <sip:+77012223344@h>\r\nX-Aigul: 1\r\nAuthorization: Digest username=\"oleg\",\r\n \
         response=\"0123456789abcdef\"\r\nCSeq: 1 INVITE\r\nContent-Type: application/dtmf-relay\r\n",
    );
    let bytes = [&bytes[..], b"Signal=5\r\n"].concat();
    let mut w = World::new(TraceMode::Redacted);
    w.passes(true, &bytes, at(1));
    let shown = w.0.show(WhichTrace::Other(1), true, &w.clock()).unwrap();
    let printed = format!("{:?} {shown:?} {}", w.0, serde_json::to_string(&shown).unwrap());
    for word in ["Aigul", "7012223344", "192.0.2", "child-id", "oleg", "Signal", "0123456789"] {
        assert!(!printed.contains(word), "{word} in {printed}");
    }
    let mut w = World::new(TraceMode::Full);
    w.passes(true, &bytes, at(1));
    let text = |texts| w.0.show(WhichTrace::Other(1), texts, &w.clock()).unwrap().steps[0].text.clone();
    assert_eq!(text(false), None);
    let text = text(true).unwrap().into_revealed();
    assert!(text.contains("+77012223344") && text.contains("Signal=5"), "{text}");
    assert!(!text.contains("oleg") && !text.contains("0123456789"), "{text}");
}

#[test]
fn a_trace_that_is_off_keeps_nothing() {
    let mut w = World::new(TraceMode::Off);
    w.invite("a", at(1));
    w.0.belongs("a", CallId(1), Peer::Caller(None));
    assert!(w.0.conversations.is_empty() && w.0.calls.is_empty());
}
