//! The same messages read by us and by the crate `rsip`, within what it takes: both must see the same. Where it is wrong
//! the difference is written down, so that nobody takes it for ours.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use proptest::prelude::*;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;
use senim_sip::{Contacts, Message, Method};

fn text(first: &str, method: &str, cseq: u32, user: &str, host: &str, tag: &str, branch: &str) -> String {
    format!(
        "{first}\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@{host}>;tag={tag}\r\nTo: <sip:111@{host}>;tag={tag}2\r\nCall-ID: {branch}@{host}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:{user}@{host}:5060>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Everything that both can say of the headers.
fn agree<T: HeadersExt>(ours: &Message, theirs: &T) {
    let (number, method) = ours.cseq().unwrap();
    let cseq = theirs.cseq_header().unwrap();
    assert_eq!((cseq.seq().unwrap(), cseq.method().unwrap().to_string()), (number, method.to_string()));
    assert_eq!(theirs.call_id_header().unwrap().value(), ours.call_id());
    let via = theirs.via_header().unwrap().typed().unwrap();
    assert_eq!(via.branch().map(|b| b.value().to_owned()), ours.top_via().unwrap().branch);
    let tag = theirs.from_header().unwrap().tag().unwrap().map(|t| t.value().to_owned());
    assert_eq!(tag.as_deref(), ours.from().unwrap().tag());
    let tag = theirs.to_header().unwrap().tag().unwrap().map(|t| t.value().to_owned());
    assert_eq!(tag.as_deref(), ours.to().unwrap().tag());
    let Contacts::List(contacts) = ours.contact().unwrap() else { panic!() };
    assert_eq!(theirs.contact_header().unwrap().uri().unwrap().to_string(), contacts[0].uri.to_string());
}

proptest! {
    #[test]
    fn requests_that_rsip_takes_are_read_alike(
        at in 0usize..10,
        cseq in 1u32..0x7fff_ffff,
        user in "[a-z0-9]{1,12}",
        host in "[a-z]{1,8}\\.example\\.kz|192\\.0\\.2\\.[1-9]",
        tag in "[a-z0-9]{4,16}",
        branch in "[a-zA-Z0-9]{8,24}",
    ) {
        let methods =
            [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Register, Method::Options,
             Method::Info, Method::Refer, Method::Notify, Method::Message];
        let method = methods[at].as_str();
        let first = format!("{method} sip:{user}@{host} SIP/2.0");
        let text = text(&first, method, cseq, &user, &host, &tag, &branch);
        let ours = Message::parse(text.as_bytes()).unwrap();
        let theirs = rsip::Request::try_from(text.as_bytes()).unwrap();
        prop_assert_eq!(theirs.method.to_string(), ours.method().unwrap().as_str());
        prop_assert_eq!(theirs.uri.to_string(), ours.request_uri().unwrap().to_string());
        agree(&ours, &theirs);
    }

    #[test]
    fn responses_that_rsip_takes_are_read_alike(
        status in prop::sample::select(vec![100u16, 180, 183, 200, 302, 400, 401, 404, 486, 487, 500, 503, 600, 603]),
        cseq in 1u32..0x7fff_ffff,
        tag in "[a-z0-9]{4,16}",
        branch in "[a-zA-Z0-9]{8,24}",
    ) {
        let text = text(&format!("SIP/2.0 {status} Said"), "INVITE", cseq, "a", "h.example.kz", &tag, &branch);
        let ours = Message::parse(text.as_bytes()).unwrap();
        let theirs = rsip::Response::try_from(text.as_bytes()).unwrap();
        prop_assert_eq!(Some(theirs.status_code.code()), ours.status());
        agree(&ours, &theirs);
    }
}

/// What RFC 3261 has and rsip does not: folding (7.3.1), compact names (7.3.3), any token as a method (7.1).
#[test]
fn where_rsip_is_wrong_we_are_not() {
    let plain = text("OPTIONS sip:a@h SIP/2.0", "OPTIONS", 1, "a", "h", "tag1", "branch01");
    let takes = |text: &str| rsip::Request::try_from(text.as_bytes()).is_ok_and(|r| r.from_header().is_ok());
    assert!(takes(&plain));
    for (what, odd) in [
        ("folding", plain.replace("Max-Forwards: 70", "Subject: a\r\n b")),
        ("compact names", plain.replace("From:", "f:")),
        ("methods", plain.replace("OPTIONS", "DANCE")),
    ] {
        assert!(Message::parse(odd.as_bytes()).is_ok(), "{what}: {odd}");
        assert!(!takes(&odd), "{what}: rsip has learned it, move it to what is compared");
    }
}
