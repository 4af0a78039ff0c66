//! Streams of SIP: whatever the portions, the same messages; whatever the length said, a bounded memory.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use proptest::prelude::*;
use senim_sip::framer::HEAD_MAX;
use senim_sip::message::MESSAGE_MAX;
use senim_sip::{Frame, Framer, FramingFault};

fn message(body: &str) -> Vec<u8> {
    format!("MESSAGE sip:h SIP/2.0\r\nl : {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn drain(framer: &mut Framer) -> Vec<Result<Frame, FramingFault>> {
    std::iter::from_fn(|| framer.next()).collect()
}

#[test]
fn one_byte_at_a_time_makes_the_same_messages() {
    let stream =
        [message("one"), b"\r\n\r\n".to_vec(), message(""), b"\r\n".to_vec(), message("tw\r\n\r\no")]
            .concat();
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for byte in stream {
        framer.push(&[byte]);
        frames.extend(drain(&mut framer).into_iter().map(Result::unwrap));
    }
    let expected = [
        Frame::Message(message("one")),
        Frame::Ping,
        Frame::Message(message("")),
        Frame::Message(message("tw\r\n\r\no")),
    ];
    assert_eq!(frames, expected);
    assert!(!framer.is_within_message());
}

#[test]
fn many_messages_in_one_portion_all_come_out() {
    let mut framer = Framer::new();
    framer.push(&message("x").repeat(10_000));
    assert_eq!(drain(&mut framer).len(), 10_000);
    assert_eq!(framer.held(), 0);
}

#[test]
fn a_length_that_is_absent_or_absurd_ends_the_stream() {
    let fault = |length: &str| {
        let mut framer = Framer::new();
        framer.push(format!("MESSAGE sip:h SIP/2.0\r\n{length}X: y\r\n\r\n").as_bytes());
        let got = drain(&mut framer);
        let fault = got.into_iter().next().and_then(Result::err);
        if fault.is_some() {
            framer.push(b"more");
            assert_eq!((framer.held(), drain(&mut framer).len()), (0, 0));
        }
        fault
    };
    assert_eq!(fault(""), Some(FramingFault::NoLength));
    for bad in ["-1", "", "1 2", "0x10", "1,1"] {
        assert_eq!(fault(&format!("Content-Length: {bad}\r\n")), Some(FramingFault::BadLength), "{bad}");
    }
    assert_eq!(fault("Content-Length: 1\r\nl: 2\r\n"), Some(FramingFault::BadLength));
    for absurd in ["65536", "4294967296", "18446744073709551616", "99999999999999999999999999"] {
        assert_eq!(fault(&format!("Content-Length: {absurd}\r\n")), Some(FramingFault::TooLarge), "{absurd}");
    }
    assert_eq!(fault("Content-Length:\r\n 0\r\n"), None);
}

#[test]
fn both_ceilings_hold_on_both_sides() {
    let head = |n: usize| {
        let frame = "M sip:h SIP/2.0\r\nl: 0\r\nX: \r\n\r\n".len();
        format!("M sip:h SIP/2.0\r\nl: 0\r\nX: {}\r\n\r\n", "y".repeat(n - frame)).into_bytes()
    };
    let first = |bytes: &[u8]| {
        let mut framer = Framer::new();
        framer.push(bytes);
        framer.next()
    };
    assert!(matches!(first(&head(HEAD_MAX)), Some(Ok(_))));
    assert_eq!(first(&head(HEAD_MAX + 1)), Some(Err(FramingFault::HeadTooLarge)));
    assert_eq!(first(&vec![b'a'; HEAD_MAX + 1]), Some(Err(FramingFault::HeadTooLarge)));
    assert_eq!(first(&vec![b'a'; HEAD_MAX]), None);
    let whole = |n: usize| {
        let start = "M sip:h SIP/2.0\r\nl: 65000\r\n\r\n".len();
        let body = n - start;
        format!("M sip:h SIP/2.0\r\nl: {body}\r\n\r\n{}", "z".repeat(body)).into_bytes()
    };
    assert!(matches!(first(&whole(MESSAGE_MAX)), Some(Ok(_))));
    assert_eq!(first(&whole(MESSAGE_MAX + 1)), Some(Err(FramingFault::TooLarge)));
}

#[test]
fn line_breaks_alone_hold_nothing() {
    let mut framer = Framer::new();
    framer.push(&b"\r\n".repeat(50_001));
    let pings = drain(&mut framer);
    assert!(pings.iter().all(|p| *p == Ok(Frame::Ping)));
    assert_eq!((pings.len(), framer.held()), (25_000, 2));
}

proptest! {
    #[test]
    fn portions_do_not_matter(bodies in prop::collection::vec("[a-z\\r\\n]{0,40}", 1..6), cuts in prop::collection::vec(1usize..60, 1..40)) {
        let stream: Vec<u8> = bodies.iter().flat_map(|b| message(b)).collect();
        let (mut framer, mut rest, mut got) = (Framer::new(), stream.as_slice(), Vec::new());
        for cut in cuts.into_iter().cycle() {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            framer.push(now);
            got.extend(drain(&mut framer));
            rest = later;
            if rest.is_empty() { break; }
        }
        let expected: Vec<_> = bodies.iter().map(|b| Ok(Frame::Message(message(b)))).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn no_bytes_make_it_panic_or_hoard(portions in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..20)) {
        let mut framer = Framer::new();
        for portion in portions {
            framer.push(&portion);
            drain(&mut framer);
            prop_assert!(framer.held() <= MESSAGE_MAX);
        }
    }
}
