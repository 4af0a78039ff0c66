//! Keys in descriptions: who encrypts, under which rule, and what happens when the peer cannot.
#![allow(clippy::unwrap_used)]

use senim_sdp::{Capabilities, Direction, Fault, Key, Local, Negotiator, Security, Suite};

fn side(security: Security, byte: u8) -> Negotiator {
    let suites = Suite::ALL.into_iter().map(|suite| Key::new(suite, &vec![byte; suite.key_len()]).unwrap());
    let keys = if security == Security::Refuse { Vec::new() } else { suites.collect() };
    let local = Local { address: "192.0.2.1:20000".parse().unwrap(), session_id: 1 };
    Negotiator::new(Capabilities { security, keys, ..Capabilities::default() }, local)
}

const BOTH: Direction = Direction::SendRecv;

/// Both sides of one exchange: the keys that each is left with, or the fault of either.
fn talk(caller: Security, callee: Security) -> Result<Option<(Suite, bool)>, Fault> {
    let (mut a, mut b) = (side(caller, 1), side(callee, 2));
    let (answer, at_b) = b.answer_to(a.offer(BOTH).as_bytes(), BOTH)?;
    let at_a = a.accept(answer.as_bytes())?;
    assert_eq!(at_a.keys.is_some(), at_b.keys.is_some());
    Ok(at_a.keys.zip(at_b.keys).map(|(a, b)| (a.send.suite(), a.send == b.receive && a.receive == b.send)))
}

/// FEATURES T9: what is not encrypted is refused where it must be.
#[test]
fn the_rule_of_each_side_decides() {
    use Security::{Prefer, Refuse, Require};
    let best = Ok(Some((Suite::AesGcm256, true)));
    for (caller, callee, wanted) in [
        (Refuse, Refuse, Ok(None)),
        (Refuse, Prefer, Ok(None)),
        (Refuse, Require, Err(Fault::Unencrypted)),
        (Prefer, Refuse, Ok(None)),
        (Prefer, Prefer, best),
        (Prefer, Require, best),
        (Require, Refuse, Err(Fault::NoCommonProtocol)),
        (Require, Prefer, best),
        (Require, Require, best),
    ] {
        assert_eq!(talk(caller, callee), wanted, "{caller:?} calls {callee:?}");
    }
    assert_eq!(Fault::Unencrypted.status(), 488);
}

#[test]
fn an_answer_without_the_key_that_was_asked_for_is_none() {
    let mut ours = side(Security::Require, 1);
    let offer = ours.offer(BOTH);
    assert!(offer.contains("m=audio 20000 RTP/SAVP "), "{offer}");
    let (plain, _) =
        side(Security::Refuse, 2).answer_to(offer.replace("SAVP", "AVP").as_bytes(), BOTH).unwrap();
    assert_eq!(ours.accept(plain.as_bytes()), Err(Fault::Unencrypted));
    let mut theirs = side(Security::Require, 2);
    let (answer, _) = theirs.answer_to(offer.as_bytes(), BOTH).unwrap();
    let wrong = answer.replace("a=crypto:1 ", "a=crypto:9 ");
    assert_eq!(ours.accept(wrong.as_bytes()), Err(Fault::NoCommonProtocol));
    assert!(ours.accept(answer.as_bytes()).unwrap().keys.is_some());
}

#[test]
fn the_offerers_first_suite_that_we_do_is_taken_under_its_tag() {
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                 m=audio 4000 RTP/SAVP 8\r\n\
                 a=crypto:4 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
                 a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
                 a=crypto:8 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let (answer, agreed) = side(Security::Prefer, 1).answer_to(offer.as_bytes(), BOTH).unwrap();
    let keys = agreed.keys.unwrap();
    assert_eq!((keys.send.suite(), keys.receive.suite()), (Suite::AesCm32, Suite::AesCm32));
    assert!(answer.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:AQEBAQ"), "{answer}");
    assert_eq!(answer.matches("a=crypto").count(), 1);
}

#[test]
fn the_same_sound_offered_twice_is_taken_encrypted() {
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/SAVP 8\r\n\
                 a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let (answer, agreed) = side(Security::Prefer, 1).answer_to(offer.as_bytes(), BOTH).unwrap();
    assert_eq!(agreed.remote.port(), 4002);
    assert!(answer.contains("m=audio 0 RTP/AVP 8\r\nm=audio 20000 RTP/SAVP 8\r\n"), "{answer}");
    let (_, plain) = side(Security::Refuse, 1).answer_to(offer.as_bytes(), BOTH).unwrap();
    assert_eq!((plain.remote.port(), plain.keys), (4000, None));
}

#[test]
fn a_reoffer_keeps_the_keys_whoever_makes_it() {
    let (mut a, mut b) = (side(Security::Prefer, 1), side(Security::Prefer, 2));
    let (answer, _) = b.answer_to(a.offer(BOTH).as_bytes(), BOTH).unwrap();
    let first = a.accept(answer.as_bytes()).unwrap().keys;
    for _ in 0..2 {
        let offer = b.offer(Direction::SendOnly);
        assert_eq!(offer.matches("a=crypto").count(), 1);
        let (answer, held) = a.answer_to(offer.as_bytes(), BOTH).unwrap();
        assert_eq!(held.keys, first);
        assert!(b.accept(answer.as_bytes()).unwrap().keys.is_some());
        let (answer, _) = b.answer_to(a.offer(BOTH).as_bytes(), BOTH).unwrap();
        assert_eq!(a.accept(answer.as_bytes()).unwrap().keys, first);
    }
}

#[test]
fn a_stream_in_the_clear_is_not_offered_keys_later() {
    let (mut a, mut b) = (side(Security::Prefer, 1), side(Security::Refuse, 2));
    let (answer, _) = b.answer_to(a.offer(BOTH).as_bytes(), BOTH).unwrap();
    assert_eq!(a.accept(answer.as_bytes()).unwrap().keys, None);
    assert!(!a.offer(BOTH).contains("a=crypto"));
}

#[test]
fn a_final_answer_may_take_another_line_than_the_one_before() {
    let mut a = side(Security::Prefer, 1);
    let offer = a.offer(BOTH);
    let answer = |suite: &str| {
        let lines: Vec<&str> =
            offer.lines().filter(|l| !l.starts_with("a=crypto") || l.contains(suite)).collect();
        side(Security::Prefer, 2).answer_to((lines.join("\r\n") + "\r\n").as_bytes(), BOTH).unwrap().0
    };
    for suite in [Suite::AesCm80, Suite::AesGcm128] {
        let keys = a.accept(answer(suite.name()).as_bytes()).unwrap().keys.unwrap();
        assert_eq!(keys.send.suite(), suite);
    }
}
