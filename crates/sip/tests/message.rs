//! Messages built, read, stamped and printed again: nothing gets in that was not said, nothing gets lost.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use proptest::prelude::*;
use senim_sip::{Message, MessageBuilder, Method};
use std::net::SocketAddr;

fn invite() -> Message {
    let bytes = MessageBuilder::request(&Method::Invite, "sip:111@example.kz")
        .header(
            "Via",
            "SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK1;rport, SIP/2.0/UDP a.example;branch=z9hG4bK0",
        )
        .header("Via", "SIP/2.0/UDP b.example;branch=z9hG4bK9")
        .header("From", "<sip:+77012345678@example.kz>;tag=a")
        .header("To", "sip:111@example.kz")
        .header("Call-ID", "c1")
        .header("CSeq", "7 INVITE")
        .header("Record-Route", "<sip:p1;lr>, <sip:p2;lr>")
        .body("application/sdp", b"v=0\r\n")
        .finish();
    Message::parse(&bytes).unwrap()
}

#[test]
fn a_response_goes_back_the_way_the_request_came() {
    let mut request = invite();
    let source: SocketAddr = "192.0.2.9:40000".parse().unwrap();
    request.stamp_source(source);
    assert_eq!(request.response_address(), Some(source));
    assert_eq!(request.values("Via").len(), 3);
    let bytes = MessageBuilder::response(180, &request, Some("t1")).record_route(&request).finish();
    let response = Message::parse(&bytes).unwrap();
    assert_eq!(response.status(), Some(180));
    assert_eq!(response.values("Via"), request.values("Via"));
    let via = response.top_via().unwrap();
    assert_eq!((via.received, via.rport), (Some(source.ip()), Some(Some(source.port()))));
    assert_eq!(response.to().unwrap().tag(), Some("t1"));
    assert_eq!(response.header("Record-Route"), Some("<sip:p1;lr>, <sip:p2;lr>"));
    // A second response of the same request does not tag twice.
    let again = MessageBuilder::response(200, &response, Some("other")).finish();
    assert_eq!(Message::parse(&again).unwrap().to().unwrap().tag(), Some("t1"));
}

#[test]
fn a_source_that_tells_the_truth_is_not_stamped_unless_it_asked() {
    let text = "OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:h>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let mut request = Message::parse(text.as_bytes()).unwrap();
    request.stamp_source("192.0.2.9:5070".parse().unwrap());
    assert_eq!(request.top_via().unwrap().received, None);
    // Without rport the answer goes to the port in sent-by, wherever the request came from.
    request.stamp_source("198.51.100.1:9".parse().unwrap());
    assert_eq!(request.response_address(), "198.51.100.1:5070".parse().ok());
}

#[test]
fn a_claimed_source_is_replaced_by_the_real_one() {
    let text = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=203.0.113.1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let mut request = Message::parse(text.as_bytes()).unwrap();
    request.stamp_source("192.0.2.9:5060".parse().unwrap());
    assert_eq!(request.response_address(), "192.0.2.9:5060".parse().ok());
}

#[test]
fn the_body_is_known_by_its_type() {
    let request = invite();
    assert_eq!(request.body_of("Application/SDP"), Some(&b"v=0\r\n"[..]));
    assert_eq!(request.body_of("text/plain"), None);
    assert_eq!(request.content_length(), Some(5));
}

#[test]
fn the_writer_adds_no_line_it_was_not_told_to_add() {
    let bytes = MessageBuilder::request(&Method::Message, "sip:h SIP/2.0\r\nX: y")
        .header("Subject", "a\r\nVia: evil\r\n\r\nbody")
        .header("Bad Name", "x")
        .header("Content-Length", "99")
        .header("l", "99")
        .finish();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("\r\n").count(), 4, "{text}");
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
    let text =
        String::from_utf8(MessageBuilder::response(200, &invite(), None).reason("a\r\nb").finish()).unwrap();
    assert!(text.starts_with("SIP/2.0 200 a  b\r\n"));
}

#[test]
fn the_words_of_rsip_say_the_same() {
    let ours = invite();
    let theirs = rsip::SipMessage::try_from(&ours).unwrap();
    use rsip::{headers::UntypedHeader, message::HeadersExt};
    assert_eq!(theirs.body(), ours.body());
    let rsip::SipMessage::Request(theirs) = theirs else { panic!() };
    assert_eq!(theirs.method.to_string(), "INVITE");
    assert_eq!(theirs.cseq_header().unwrap().seq().unwrap(), 7);
    assert_eq!(theirs.call_id_header().unwrap().value(), ours.call_id());
    assert_eq!(theirs.from_header().unwrap().tag().unwrap().unwrap().value(), "a");
}

/// Bytes near enough to SIP to reach every branch of the reader.
fn nearly_sip() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "INVITE sip:a@h SIP/2.0\r\n",
        "SIP/2.0 200 OK\r\n",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
        "From: <sip:a@h>;tag=1\r\n",
        "To: <sip:b@h>\r\n",
        "Call-ID: 1\r\n",
        "CSeq: 1 INVITE\r\n",
        "Content-Length: 3\r\n",
        "Contact: *\r\n",
        "\r\n",
        "\r\n ",
        "\"",
        "<",
        ">",
        ",",
        ";",
        ":",
        "=",
        "\\",
        "\r",
        "\n",
        "\0",
        "é",
        "%41",
        "SIP/2.0",
        "Contact: <tel:+7>\r\n",
        "v: ",
        "abc",
    ]);
    prop::collection::vec(prop_oneof![9 => words.prop_map(|w| w.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..9)], 0..24)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_bytes_make_the_reader_panic_and_what_reads_prints_the_same(bytes in nearly_sip()) {
        match Message::parse(&bytes) {
            Ok(message) => {
                let again = Message::parse(&message.to_bytes()).unwrap();
                prop_assert_eq!(again.start(), message.start());
                prop_assert!(again.all_headers().eq(message.all_headers()));
                prop_assert_eq!(again.body(), message.body());
                prop_assert!(Message::parse(&MessageBuilder::response(400, &message, Some("t")).finish()).is_ok());
            }
            Err(fault) => {
                let shown = format!("{fault} {fault:?}");
                prop_assert!(!shown.is_empty());
                if let (Some(status), Some(partial)) = (fault.status(), &fault.partial) {
                    let answer = MessageBuilder::response(status, partial, Some("t")).finish();
                    let start = format!("SIP/2.0 {status} ");
                    prop_assert!(answer.starts_with(start.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn any_header_value_survives_without_smuggling(name in "[A-Za-z-]{2,10}", value in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
        prop_assume!(!["via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type", "expires"].contains(&name.to_ascii_lowercase().as_str()));
        let bytes = MessageBuilder::response(200, &invite(), None).header(&name, &value).finish();
        let read = Message::parse(&bytes).unwrap();
        let said: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        prop_assert_eq!(read.header(&name), Some(said.trim_matches(' ')));
        prop_assert_eq!(read.all_headers().count(), 8);
    }
}
