//! Floods: whoever is known is served as if there were none, whoever is not gets less and less, memory stays.
#![allow(clippy::unwrap_used, clippy::panic)]

mod flood;
mod pair;

use core::time::Duration;
use flood::{CALLS, PHONES, Served, World, flow, phone, trunk};
use senim_base::Redacted;
use senim_sip::overload::BUDGETS_MAX;
use senim_sip::{Budgets, Credentials, Fault, Input, Message, Method, Rate};
use std::net::SocketAddr;

/// THREATS: REGISTER flood, and floods of everything else, ten times what phones and trunks bring: from one tool, from
/// many ports of one network, from many networks. No request within a talk is refused, every phone signs in, and
/// memory is what the talks and the phones need.
#[test]
fn a_flood_delays_no_talk_shuts_out_no_phone_and_takes_no_memory() {
    let mut w = World::new();
    let (ack, _) = w.call();
    let before = w.line.live();
    let (mut within, mut cseq) = (0, 10);
    for round in 0..20u32 {
        for k in 0..2_000u32 {
            let (from, text) = w.strange(round * 2_000 + k);
            w.say(from, &text);
        }
        // A phone signs in each so often, the talk speaks.
        for n in 0..PHONES / 20 {
            let n = u8::try_from(round).unwrap() * (PHONES / 20) + n;
            assert!(w.sign_in(n), "phone {n} in round {round}");
        }
        cseq += 1;
        let info = ack
            .replace("ACK", "INFO")
            .replace("CSeq: 1", &format!("CSeq: {cseq}"))
            .replace("bKack", &format!("bKi{cseq}"));
        let answers = w.say(trunk(), &format!("{info}Content-Length: 0\r\n\r\n"));
        within += usize::from(answers.iter().any(|a| a.starts_with("SIP/2.0 200")));
        w.pass(Duration::from_millis(100));
    }
    assert_eq!(within, 20);
    assert_eq!(w.line.registrar().len(), usize::from(PHONES));
    let (silenced, kept) = w.line.silenced();
    assert!(silenced > 5_000, "{silenced}");
    assert!(kept <= 2 * BUDGETS_MAX, "{kept}");
    let live = w.line.live();
    assert_eq!((live.sessions, live.streams), (before.sessions, 0));
    assert!(live.transactions <= before.transactions + 20, "the talk's own requests only: {live:?}");
}

/// Everybody signs in again at once after a power cut, all behind one router: whoever proves himself is not charged.
#[test]
fn an_office_full_of_phones_may_sign_in_at_once() {
    let mut w = World::new();
    w.line.set_budgets(Budgets {
        port: Rate { burst: 4, per_second: 1 },
        source: Rate { burst: 40, per_second: 1 },
    });
    for round in 0..10 {
        for n in 0..PHONES {
            assert!(w.sign_in(n), "phone {n}, time {round}");
        }
    }
}

/// The very socket that a phone registered on is known, whoever else is behind its router; and a stranger who spent
/// his budget gets silence, not an answer.
#[test]
fn a_registered_phone_is_heard_although_its_neighbour_floods() {
    let mut w = World::new();
    w.line.set_budgets(Budgets {
        port: Rate { burst: 5, per_second: 1 },
        source: Rate { burst: 10, per_second: 1 },
    });
    assert!(w.sign_in(7));
    let neighbour = |port| SocketAddr::new(phone(7).ip(), port);
    let mut answered = 0;
    for port in 6_000..6_050 {
        let ask = w.request("OPTIONS", neighbour(port), "<sip:a@b>", "", "");
        answered += w.say(neighbour(port), &ask).len();
    }
    assert_eq!(answered, 10);
    let ask = w.request("OPTIONS", neighbour(7_000), "<sip:a@b>", "", "");
    let fault = w.line.handle(Input::Datagram { flow: flow(neighbour(7_000)), bytes: ask.as_bytes() }, w.now);
    assert_eq!(fault, Err(Fault::Silenced));
    assert!(w.sign_in(7));
    w.pass(Duration::from_secs(2));
    let ask = w.request("OPTIONS", neighbour(7_001), "<sip:a@b>", "", "");
    assert_eq!(w.say(neighbour(7_001), &ask).len(), 1, "time heals");
}

/// A copy of a REGISTER that was granted gets the same answer from the registrar itself: no transaction, no challenge.
#[test]
fn a_repeated_register_is_answered_alike_and_costs_no_memory() {
    let mut w = World::new();
    let user = "<sip:u3@x>";
    let ask = w.request("REGISTER", phone(3), user, "Expires: 600\r\n", "");
    let challenge = Message::parse(w.say(phone(3), &ask)[0].as_bytes()).unwrap();
    let who = Credentials { user: "u3".into(), password: Redacted::new("p".into()), realm: None };
    let (name, value) = who.answer(&challenge, Method::Register, "sip:111@192.0.2.1", "cn").unwrap();
    let answer =
        ask.replace("Expires:", &format!("{name}: {value}\r\nExpires:")).replace("CSeq: 1", "CSeq: 2");
    let first = w.say(phone(3), &answer);
    assert!(first[0].starts_with("SIP/2.0 200"), "{first:?}");
    assert_eq!(w.say(phone(3), &answer), first);
    assert_eq!(w.line.live(), Default::default());
    assert_eq!(w.line.passwords().proved, 1);
    // From elsewhere, or later, or about something else it is a replay.
    assert!(w.say(SocketAddr::new(phone(3).ip(), 9), &answer)[0].starts_with("SIP/2.0 401"));
    assert!(w.say(phone(3), &answer.replace("CSeq: 2", "CSeq: 3"))[0].starts_with("SIP/2.0 401"));
    w.pass(Duration::from_secs(33));
    assert!(w.say(phone(3), &answer)[0].starts_with("SIP/2.0 401"));
}

/// Five minutes of the hour that `cargo xtask flood` plays, each second in a tenth of its density.
#[test]
fn a_long_flood_costs_no_call_no_phone_and_no_memory() {
    let seconds = 300;
    let mut w = World::new();
    let served = w.flooded(seconds, 400, |_, line| assert!(World::is_bounded(line), "{:?}", line.live()));
    assert_eq!(served, Served { calls: seconds * CALLS, phones: seconds });
    w.pass(Duration::from_secs(60));
    assert_eq!(w.line.live(), Default::default());
}
