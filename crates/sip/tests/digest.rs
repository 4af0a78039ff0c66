//! The guard at the door: right answers enter once, everything else learns nothing.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use core::time::Duration;
use proptest::prelude::*;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::guard::{ACCOUNT_FAILURES_MAX, FAILURES_MAX, HOMES_MAX, NONCE_LIFE, NONCES_MAX, WATCHED_MAX};
use senim_sip::{Credentials, Guard, Message, MessageBuilder, Method, Secrets, Verdict};
use std::net::IpAddr;

const REALM: &str = "senim";
const URI: &str = "sip:example.kz";

struct World {
    guard: Guard,
    now: Instant,
    cnonce: u64,
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: Redacted::new(password.into()), realm: Some(REALM.into()) }
}

/// A REGISTER with this Authorization, if any.
fn request(authorization: Option<&str>) -> Message {
    let mut builder = MessageBuilder::request(&Method::Register, URI)
        .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
        .header("From", "<sip:aigul@example.kz>;tag=1")
        .header("To", "<sip:aigul@example.kz>")
        .header("Call-ID", "c")
        .header("CSeq", "1 REGISTER");
    if let Some(value) = authorization {
        builder = builder.header("Authorization", value);
    }
    Message::parse(&builder.finish()).unwrap()
}

/// The 401 that a verdict asks for, as the phone reads it.
fn challenge(verdict: &Verdict, keep: impl Fn(&str) -> bool) -> Message {
    let Verdict::Challenge { headers } = verdict else { panic!("{verdict:?}") };
    let mut builder = MessageBuilder::response(401, &request(None), Some("t"));
    for (name, value) in headers.iter().filter(|(_, v)| keep(v)) {
        builder = builder.header(name, value);
    }
    Message::parse(&builder.finish()).unwrap()
}

fn is_stale(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Challenge { headers } if headers.iter().all(|(_, v)| v.ends_with("stale=true")))
}

impl World {
    fn new() -> World {
        let mut guard = Guard::new(REALM, Entropy::from_seed(111));
        guard.set_account("aigul", Secrets::from_password("aigul", REALM, "right"));
        World { guard, now: Instant::from_secs(1_000), cnonce: 0 }
    }

    /// A fresh challenge for this source, answered.
    fn answer(&mut self, who: &Credentials, from: IpAddr, keep: impl Fn(&str) -> bool) -> String {
        let verdict = self.guard.check(&request(None), from, self.now);
        self.cnonce += 1;
        let cnonce = format!("c{}", self.cnonce);
        who.answer(&challenge(&verdict, keep), Method::Register, URI, &cnonce).unwrap().1
    }

    fn say(&mut self, authorization: &str, from: IpAddr) -> Verdict {
        self.guard.check(&request(Some(authorization)), from, self.now)
    }

    fn try_once(&mut self, user: &str, password: &str, from: IpAddr) -> Verdict {
        let answer = self.answer(&credentials(user, password), from, |_| true);
        self.say(&answer, from)
    }
}

fn user(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Authenticated(who) => Some(who.user()),
        _ => None,
    }
}

/// FEATURES D2.
#[test]
fn sha_256_is_offered_first_and_old_phones_may_take_md5() {
    let mut w = World::new();
    let verdict = w.guard.check(&request(None), ip(1), w.now);
    let Verdict::Challenge { headers } = &verdict else { panic!() };
    assert!(headers[0].1.contains("algorithm=SHA-256") && headers[1].1.contains("algorithm=MD5"));
    for (keep, algorithm) in [("", "SHA-256"), ("MD5", "MD5")] {
        let answer = w.answer(&credentials("aigul", "right"), ip(1), |v| v.contains(keep));
        assert!(answer.contains(&format!("algorithm={algorithm}")));
        assert_eq!(user(&w.say(&answer, ip(1))), Some("aigul"));
    }
}

#[test]
fn an_old_phone_that_names_no_algorithm_means_md5() {
    let mut w = World::new();
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |v| v.contains("MD5"));
    let answer = answer.replace(", algorithm=MD5", "");
    assert_eq!(user(&w.say(&answer, ip(1))), Some("aigul"));
}

#[test]
fn an_answer_is_good_once_and_a_replay_is_asked_again() {
    let mut w = World::new();
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
    assert!(user(&w.say(&answer, ip(1))).is_some());
    for _ in 0..100 {
        let verdict = w.say(&answer, ip(1));
        assert!(is_stale(&verdict), "{verdict:?}");
    }
    // A replay is no guess: the phone itself still gets in.
    assert!(user(&w.try_once("aigul", "right", ip(1))).is_some());
}

#[test]
fn a_nonce_serves_its_own_source_only_and_one_minute_only() {
    let mut w = World::new();
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
    let elsewhere = w.say(&answer, ip(2));
    assert!(user(&elsewhere).is_none() && !is_stale(&elsewhere));
    w.now += NONCE_LIFE - Duration::from_nanos(1);
    let mut late = World { guard: w.guard.clone(), now: w.now + Duration::from_nanos(1), cnonce: 9 };
    assert!(user(&w.say(&answer, ip(1))).is_some());
    assert!(is_stale(&late.say(&answer, ip(1))));
}

#[test]
fn what_was_not_offered_is_not_taken() {
    let mut w = World::new();
    let spoilt = [
        ("qop=auth", "qop=auth-int"),
        (", qop=auth, nc=00000001", ""),
        ("nc=00000001", "nc=00000000"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=00000002"),
        ("SHA-256", "SHA-256-sess"),
        ("uri=\"sip:example.kz\"", "uri=\"sip:other.kz\""),
        ("realm=\"senim\"", "realm=\"other\""),
        ("nonce=\"0", "nonce=\"1"),
        ("Digest ", "Basic "),
        ("username=\"aigul\"", "username=\"aigul\", username=\"x\""),
    ];
    for (from, to) in spoilt {
        let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
        assert!(answer.contains(from), "{from}");
        assert!(user(&w.say(&answer.replace(from, to), ip(1))).is_none(), "{to}");
        w.now += Duration::from_secs(61);
    }
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_told_the_same() {
    let blank = |verdict: &Verdict| {
        let Verdict::Challenge { headers } = verdict else { return format!("{verdict:?}") };
        let mut text = format!("{headers:?}");
        while let Some(at) = text.find("nonce=\\\"") {
            text.replace_range(at..at + 8 + 64, "NONCE");
        }
        text
    };
    let mut w = World::new();
    for _ in 0..FAILURES_MAX + 3 {
        let known = w.try_once("aigul", "wrong", ip(1));
        let unknown = w.try_once("nobody", "wrong", ip(1));
        assert_eq!(blank(&known), blank(&unknown));
    }
}

#[test]
fn ten_guesses_a_minute_and_no_phone_elsewhere_is_shut_out() {
    let mut w = World::new();
    for _ in 0..FAILURES_MAX {
        assert!(matches!(w.try_once("aigul", "wrong", ip(1)), Verdict::Challenge { .. }));
    }
    // The right password does not help any more, so that guessing does not either.
    assert_eq!(w.try_once("aigul", "right", ip(1)), Verdict::Forbidden);
    assert!(user(&w.try_once("aigul", "right", ip(2))).is_some());
    w.guard.set_account("berik", Secrets::from_password("berik", REALM, "other"));
    assert!(user(&w.try_once("berik", "other", ip(1))).is_some());
    w.now += Duration::from_secs(60);
    assert!(user(&w.try_once("aigul", "right", ip(1))).is_some());
}

#[test]
fn a_removed_account_enters_no_more() {
    let mut w = World::new();
    assert!(user(&w.try_once("aigul", "right", ip(1))).is_some());
    assert!(w.guard.remove_account("aigul"));
    assert!(user(&w.try_once("aigul", "right", ip(1))).is_none());
}

#[test]
fn an_answer_in_another_method_is_wrong() {
    let mut w = World::new();
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
    let bytes = request(Some(&answer)).to_bytes();
    let invite = String::from_utf8(bytes).unwrap().replace("REGISTER", "INVITE");
    let invite = Message::parse(invite.as_bytes()).unwrap();
    assert!(user(&w.guard.check(&invite, ip(1), w.now)).is_none());
}

#[test]
fn no_realm_but_ours_gets_an_answer_from_us() {
    let mut w = World::new();
    let verdict = w.guard.check(&request(None), ip(1), w.now);
    let rogue = Credentials { realm: Some("trunk.example".into()), ..credentials("aigul", "right") };
    assert!(rogue.answer(&challenge(&verdict, |_| true), Method::Invite, URI, "c").is_none());
    assert!(!format!("{rogue:?} {:?}", Secrets::from_password("a", "b", "c")).contains("aigul"));
}

#[test]
fn counts_and_guesses_are_kept_up_to_their_ceilings_and_no_forgotten_count_comes_back() {
    let mut w = World::new();
    let who = credentials("aigul", "right");
    let first = w.answer(&who, ip(1), |v| v.contains("MD5"));
    assert!(user(&w.say(&first, ip(1))).is_some());
    for _ in 0..NONCES_MAX {
        w.now += Duration::from_nanos(1);
        let answer = w.answer(&who, ip(1), |v| v.contains("MD5"));
        assert!(user(&w.say(&answer, ip(1))).is_some());
    }
    assert_eq!(w.guard.kept().0, NONCES_MAX);
    assert!(is_stale(&w.say(&first, ip(1))));
    w.now += NONCE_LIFE;
    assert!(is_stale(&w.say(&first, ip(1))));
    assert_eq!(w.guard.kept().0, 0);

    let wrong = w.answer(&credentials("aigul", "wrong"), ip(1), |v| v.contains("MD5"));
    for n in 0..=WATCHED_MAX {
        w.say(&wrong.replace("\"aigul\"", &format!("\"u{n}\"")), ip(1));
    }
    assert_eq!(w.guard.kept().1, WATCHED_MAX);
    w.now += Duration::from_secs(60);
    w.guard.check(&request(None), ip(1), w.now);
    assert_eq!(w.guard.kept().1, 0);
}

proptest! {
    /// Whatever order datagrams come in, each count of a nonce enters at most once.
    #[test]
    fn each_count_of_a_nonce_enters_once(order in prop::collection::vec(1u32..90, 1..60)) {
        let mut w = World::new();
        let verdict = w.guard.check(&request(None), ip(1), w.now);
        let asked = challenge(&verdict, |v| v.contains("MD5"));
        let value = credentials("aigul", "right").answer(&asked, Method::Register, URI, "c").unwrap().1;
        let nonce = value.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let mut entered = std::collections::BTreeSet::new();
        for nc in order {
            let sum = md5_answer(&nonce, nc);
            let said = value.split("response=\"").nth(1).unwrap().split('"').next().unwrap();
            let again = value.replace(said, &sum).replace("nc=00000001", &format!("nc={nc:08x}"));
            let highest = entered.last().copied().unwrap_or(0);
            match user(&w.say(&again, ip(1))) {
                Some(_) => prop_assert!(entered.insert(nc)),
                None => prop_assert!(entered.contains(&nc) || highest > nc + 64),
            }
        }
    }

    #[test]
    fn no_words_make_the_guard_panic(value in "(Digest )?([a-z]{1,9}=\"?[a-z0-9\\\\]{0,20}\"?[, ]{1,2}){0,8}\\PC{0,8}") {
        let mut w = World::new();
        prop_assert!(user(&w.say(&value, ip(1))).is_none());
    }
}

fn md5_answer(nonce: &str, nc: u32) -> String {
    use md5::{Digest, Md5};
    let hex =
        |text: String| Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ha1 = Secrets::from_password("aigul", REALM, "right").ha1_md5;
    let ha2 = hex(format!("REGISTER:{URI}"));
    hex(format!("{ha1}:{nonce}:{nc:08x}:c:auth:{ha2}"))
}

/// FEATURES D2: a line may offer MD5 alone, for phones that give up at the sight of another algorithm; and what is not
/// offered is not taken.
#[test]
fn only_what_is_offered_is_taken() {
    use senim_sip::Algorithm;
    let mut guard = Guard::new(REALM, Entropy::from_seed(5));
    guard.set_account("aigul", Secrets::from_password("aigul", REALM, "right"));
    let now = Instant::from_secs(5);
    let Verdict::Challenge { headers } = guard.check(&request(None), ip(1), now) else {
        panic!("no challenge")
    };
    assert_eq!(headers.len(), 2);
    // An answer in SHA-256, the stronger of the two, is right as long as it is offered.
    let both = challenge(&Verdict::Challenge { headers }, |_| true);
    let (_, sha) = credentials("aigul", "right").answer(&both, &Method::Register, URI, "cn").unwrap();
    guard.offer(&[Algorithm::Md5]);
    let verdict = guard.check(&request(Some(&sha)), ip(1), now);
    let Verdict::Challenge { headers } = &verdict else { panic!("{verdict:?}") };
    assert!(matches!(headers.as_slice(), [(_, only)] if only.contains("algorithm=MD5")));
    let md5 = challenge(&verdict, |_| true);
    let (_, answer) = credentials("aigul", "right").answer(&md5, &Method::Register, URI, "cn").unwrap();
    assert!(matches!(guard.check(&request(Some(&answer)), ip(1), now), Verdict::Authenticated(_)));
}

/// RFC 8760: SHA-512-256 where the operator offers it; an account from before it is not let in by it, and gets in by
/// another.
#[test]
fn sha_512_256_is_taken_where_it_is_offered_and_the_account_knows_it() {
    use senim_sip::Algorithm;
    let mut w = World::new();
    w.guard.offer(&Algorithm::ALL);
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |v| v.contains("SHA-512-256"));
    assert!(answer.contains("algorithm=SHA-512-256"));
    assert_eq!(user(&w.say(&answer, ip(1))), Some("aigul"));
    let old = Secrets { ha1_sha512_256: String::new(), ..Secrets::from_password("berik", REALM, "right") };
    w.guard.set_account("berik", old);
    let answer = w.answer(&credentials("berik", "right"), ip(1), |v| v.contains("SHA-512-256"));
    assert!(user(&w.say(&answer, ip(1))).is_none());
    // Nor by the hash of an empty secret.
    assert!(user(&w.try_once("berik", "", ip(1))).is_none());
    assert!(user(&w.try_once("berik", "right", ip(1))).is_some());
}

/// The work of a refusal does not tell whether there is such a user: as many digests for one as for the other.
#[test]
fn an_unknown_user_costs_as_much_as_a_wrong_password() {
    use senim_sip::Algorithm;
    let mut w = World::new();
    w.guard.offer(&Algorithm::ALL);
    let old = Secrets { ha1_sha512_256: String::new(), ..Secrets::from_password("old", REALM, "right") };
    w.guard.set_account("old", old);
    for algorithm in ["\"auth\", algorithm=MD5", "=SHA-256", "SHA-512-256"] {
        let mut cost = |name: &str| {
            let answer = w.answer(&credentials(name, "wrong"), ip(1), |v| v.contains(algorithm));
            let before = w.guard.tally();
            assert!(user(&w.say(&answer, ip(1))).is_none());
            (w.guard.tally().sums - before.sums, w.guard.tally().failed - before.failed)
        };
        let (known, unknown, old) = (cost("aigul"), cost("nobody"), cost("old"));
        assert!(known.0 > 0 && known.1 == 1);
        assert_eq!((known, known), (unknown, old), "{algorithm}");
    }
}

/// THREATS: brute force. Guesses from everywhere at one account are not heard after a while; the phone whose password
/// was proved at its place before gets in, and the operator learns of it once.
#[test]
fn a_distributed_guesser_is_slowed_and_the_real_phone_gets_in() {
    let mut w = World::new();
    assert!(user(&w.try_once("aigul", "right", ip(200))).is_some());
    let mut heard = 0;
    for n in 0..ACCOUNT_FAILURES_MAX + 60 {
        let from = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
        heard += u32::from(matches!(w.try_once("aigul", "wrong", from), Verdict::Challenge { .. }));
    }
    assert_eq!(heard, ACCOUNT_FAILURES_MAX);
    assert_eq!(w.guard.poll_attacked().as_deref(), Some("aigul"));
    assert_eq!(w.guard.poll_attacked(), None);
    assert!(user(&w.try_once("aigul", "right", ip(200))).is_some(), "the phone at home");
    assert_eq!(w.try_once("aigul", "right", ip(201)), Verdict::Forbidden, "a strange place");
    w.now += Duration::from_secs(60);
    assert!(user(&w.try_once("aigul", "right", ip(201))).is_some());
    // Nobody's account looks the same from outside, and is nobody's alarm.
    for n in 0..=ACCOUNT_FAILURES_MAX {
        let from = IpAddr::from([10, 0, 1, u8::try_from(n).unwrap()]);
        let told = w.try_once("nobody", "wrong", from);
        assert_eq!(told == Verdict::Forbidden, n == ACCOUNT_FAILURES_MAX, "{n}");
    }
    assert_eq!(w.guard.poll_attacked(), None);
}

/// Behind one router with a guesser, the phone that is registered on its very flow is heard all the same.
#[test]
fn a_guesser_behind_the_same_router_does_not_shut_out_the_registered_phone() {
    let mut w = World::new();
    for _ in 0..FAILURES_MAX {
        w.try_once("aigul", "wrong", ip(1));
    }
    assert_eq!(w.try_once("aigul", "right", ip(1)), Verdict::Forbidden);
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
    let verdict = w.guard.check_knowing(&request(Some(&answer)), ip(1), |user| user == "aigul", w.now);
    assert_eq!(user(&verdict), Some("aigul"));
}

#[test]
fn as_many_homes_are_remembered_as_there_is_room_for() {
    let mut w = World::new();
    for n in 0..=u8::try_from(HOMES_MAX).unwrap() {
        assert!(user(&w.try_once("aigul", "right", ip(n))).is_some());
    }
    for n in 0..ACCOUNT_FAILURES_MAX {
        w.try_once("aigul", "wrong", IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]));
    }
    assert_eq!(w.try_once("aigul", "right", ip(0)), Verdict::Forbidden, "the oldest was forgotten");
    assert!(user(&w.try_once("aigul", "right", ip(1))).is_some());
}

/// A nonce of the program before a restart is no guess: the phone is asked anew and gets in.
#[test]
fn a_nonce_from_before_a_restart_is_asked_anew_and_is_no_failure() {
    let mut w = World::new();
    let answer = w.answer(&credentials("aigul", "right"), ip(1), |_| true);
    let mut guard = Guard::new(REALM, Entropy::from_seed(112));
    guard.set_account("aigul", Secrets::from_password("aigul", REALM, "right"));
    let mut after = World { guard, now: w.now, cnonce: 0 };
    for _ in 0..FAILURES_MAX + 1 {
        assert!(matches!(after.say(&answer, ip(1)), Verdict::Challenge { .. }));
    }
    assert_eq!(after.guard.tally().failed, 0);
    assert!(user(&after.try_once("aigul", "right", ip(1))).is_some());
}
