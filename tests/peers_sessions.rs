//! What gateways may do within the RFCs and seldom do: reliable ringing, sound that moves, session timers, forks, a
//! transfer by REFER. SIPp plays them; each message is looked at, and where there is sound, it is listened to.

use crate::house::baresip::{Baresip, Setup};
use crate::house::scenario::{
    ack, ack_refusal, ack_with, answer, answer_later, answered, ask, ask_back, asked, called,
    called_for_later, invite, pause, says, scenario, sound_at, uses,
};
use crate::house::sipp::{Seen, Sipp, plays, shorts};
use crate::house::sound::{Ear, hears, tenths_with};
use crate::house::{CARRIER, House, wait};

/// 7 and a login rings that consultant.
const COLLEAGUES: &str = "[[number]]\ndial = \"7*\"\nconsultant = \"*\"\n";
/// The first ear's place, from SIPp's media port.
const BESIDE: u16 = 4;

fn waits_for_bye() -> String {
    asked("BYE", "") + &answer("200 OK", "", "", "")
}

/// What the line said with this status to this method, the first time.
fn said<'a>(seen: &'a [Seen], status: &str, method: &str) -> &'a Seen {
    let mut all = seen.iter().filter(|s| !s.sent && s.text.starts_with(&format!("SIP/2.0 {status} ")));
    all.find(|s| s.header("CSeq").ends_with(method)).unwrap_or_else(|| panic!("no {status} to {method}"))
}

/// FEATURES T13: RFC 3262. The ringing comes again until it is acknowledged, and not after that.
#[test]
fn a_caller_who_requires_100rel_hears_of_the_ringing_for_certain() {
    let house = House::open(COLLEAGUES);
    house.consultant("0042");
    let mut phone = Baresip::registered(&house, &Setup { auto: false, ..Setup::consultant("0042") });
    let steps = [
        invite(1, "Require: 100rel\n", &sound_at(BESIDE)),
        answered(180, &says(1, "RSeq", "[0-9]+")),
        uses("1"),
        pause(2_600),
        ask("PRACK", 2, "RAck: [$1] 1 INVITE\n", ""),
        answered(200, ""),
        answered(200, ""),
        ack(1),
        plays(&house, 1_000.0, 30),
        waits_for_bye(),
    ];
    let mut caller = Sipp::caller(&house, &scenario(&steps), "70042");
    phone.tells("CALL_INCOMING", 1);
    wait("the ringing is acknowledged", || caller.has_seen("PRACK").then_some(()));
    phone.tell("accept", "");
    wait("the caller hears 2 s", || (caller.ear.heard().len() > 16_000).then_some(()));
    phone.tell("hangup", "");
    let seen = caller.seen();
    let ringing: Vec<usize> = (0..seen.len()).filter(|n| seen[*n].text.starts_with("SIP/2.0 180")).collect();
    let prack = seen.iter().position(|s| s.text.starts_with("PRACK")).unwrap();
    assert!(ringing.len() >= 3, "at 0, 0.5 and 1.5 s");
    assert!(ringing.iter().all(|n| *n < prack), "nothing after the PRACK");
    assert!(said(&seen, "180", "INVITE").header("Require").contains("100rel"));
    hears("the caller", &caller.done(), 700.0);
}

/// RFC 3262, the other way round: what a phone says reliably is acknowledged, each once and in order.
#[test]
fn the_line_acknowledges_a_phones_reliable_ringing() {
    let house = House::open("");
    house.consultant("aigul");
    let reliable = |n: u32| format!("Require: 100rel\nRSeq: {n}\n");
    let steps = [
        called_for_later(),
        answer("180 Ringing", "a", &reliable(17), ""),
        asked("PRACK", &says(5, "RAck", "17 1 INVITE")),
        answer("200 OK", "", "", ""),
        answer_later("180 Ringing", "a", &reliable(17), ""),
        answer_later("183 Session Progress", "a", &reliable(18), ""),
        asked("PRACK", &says(6, "RAck", "18 1 INVITE")),
        answer("200 OK", "", "", ""),
        answer_later("200 OK", "a", "", &sound_at(BESIDE)),
        asked("ACK", ""),
        uses("5,6"),
        plays(&house, 700.0, 9),
        pause(2_500),
        ask_back("BYE", 1, "a", ""),
        answered(200, ""),
    ];
    let mut phone = Sipp::phone(&house, "aigul", &scenario(&steps));
    house.sign_in("aigul");
    let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    phone.seen();
    hears("the caller", &caller.done(), 700.0);
    hears("the phone", &phone.done(), 1_000.0);
}

/// A re-INVITE that brings no offer is answered with the line's; the caller's answer in its ACK moves his port.
#[test]
fn a_caller_who_asks_for_an_offer_in_the_talk_moves_with_his_answer() {
    let house = House::open("");
    house.consultant("aigul");
    let phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let steps = [
        invite(1, "", &sound_at(BESIDE)),
        answered(200, ""),
        ack(1),
        plays(&house, 1_000.0, 9),
        pause(2_500),
        ask("INVITE", 2, "", ""),
        answered(200, &says(1, "Content-Type", "application/sdp")),
        uses("1"),
        ack_with(2, &sound_at(8)),
        plays(&house, 1_300.0, 9),
        pause(2_500),
        ask("BYE", 3, "", ""),
        answered(200, ""),
    ];
    let moved = Ear::at(CARRIER, house.port(80) + 2 + 8);
    let caller = Sipp::caller(&house, &scenario(&steps), "222");
    let before = caller.done();
    phone.tells("CALL_CLOSED", 1);
    hears("the caller", &before, 700.0);
    hears("the caller at his new port", &moved.heard(), 700.0);
    assert!(before.len() < 4 * 8_000, "nothing comes to the old one afterwards");
    hears("the consultant", &phone.heard(), 1_000.0);
    hears("the consultant, later", &phone.heard(), 1_300.0);
}

/// Where the caller's sound comes from and goes to moves twice, by re-INVITE and by UPDATE (RFC 3261 section 14,
/// RFC 3311); both sides hear on.
#[test]
fn sound_follows_a_caller_whose_port_moves() {
    let house = House::open("");
    house.consultant("aigul");
    let phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let steps = [
        invite(1, "", &sound_at(BESIDE)),
        answered(200, ""),
        ack(1),
        plays(&house, 1_000.0, 9),
        pause(4_000),
        ask("INVITE", 2, "", &sound_at(8)),
        answered(200, ""),
        ack(2),
        plays(&house, 1_300.0, 9),
        pause(3_000),
        ask("UPDATE", 3, "", &sound_at(12)),
        answered(200, &says(1, "Content-Type", "application/sdp")),
        uses("1"),
        plays(&house, 1_600.0, 9),
        pause(3_000),
        ask("BYE", 4, "", ""),
        answered(200, ""),
    ];
    let media = house.port(80) + 2;
    let (second, third) = (Ear::at(CARRIER, media + 8), Ear::at(CARRIER, media + 12));
    let mut caller = Sipp::caller(&house, &scenario(&steps), "222");
    let seen = caller.seen();
    assert_eq!(
        shorts(&seen),
        [
            "> INVITE",
            "< 200 INVITE",
            "> ACK",
            "> INVITE",
            "< 200 INVITE",
            "> ACK",
            "> UPDATE",
            "< 200 UPDATE",
            "> BYE",
            "< 200 BYE",
        ]
    );
    for (which, ear) in [("first", &caller.ear), ("second", &second), ("third", &third)] {
        hears(&format!("the caller at his {which} port"), &ear.heard(), 700.0);
        assert!(ear.heard().len() < 6 * 8_000, "nothing comes to his {which} port afterwards");
    }
    phone.tells("CALL_CLOSED", 1);
    for hz in [1_000.0, 1_300.0, 1_600.0] {
        hears("the consultant", &phone.heard(), hz);
    }
}

/// FEATURES T15: too short a time is refused with the shortest one (RFC 4028 section 9); then the caller refreshes,
/// by UPDATE and by re-INVITE.
#[test]
fn a_caller_is_told_the_shortest_session_and_refreshes_it() {
    let house = House::open("");
    let timer = |s: u32| format!("Supported: timer\nSession-Expires: {s};refresher=uac\n");
    let granted = |n| says(n, "Session-Expires", "90; *refresher=uac");
    let steps = [
        invite(1, "Supported: timer\nSession-Expires: 60\n", &sound_at(BESIDE)),
        answered(422, &says(1, "Min-SE", "90")),
        ack_refusal(1, 3),
        invite(2, &timer(90), &sound_at(BESIDE)),
        answered(200, &granted(2)),
        ack(2),
        plays(&house, 1_000.0, 9),
        pause(500),
        ask("UPDATE", 3, &timer(90), ""),
        answered(200, &granted(3)),
        ask("UPDATE", 4, "Supported: timer\nSession-Expires: 60\n", ""),
        answered(422, &says(4, "Min-SE", "90")),
        ask("INVITE", 5, &timer(90), &sound_at(BESIDE)),
        answered(200, &granted(5)),
        ack(5),
        uses("1,2,3,4,5"),
        ask("BYE", 6, "", ""),
        answered(200, ""),
    ];
    let mut caller = Sipp::caller(&house, &scenario(&steps), "222");
    let seen = caller.seen();
    assert!(said(&seen, "200", "INVITE").header("Require").contains("timer"));
    let offers = sounds_of_the_line(&seen);
    assert_eq!(offers.len(), 2, "a refresh without an offer is answered without one");
    assert_eq!(offers[0], offers[1], "nothing moves when a session is refreshed");
}

/// The offers and answers of the line.
fn sounds_of_the_line(seen: &[Seen]) -> Vec<&str> {
    seen.iter().filter(|s| !s.sent).map(Seen::body).filter(|b| b.starts_with("v=0")).collect()
}

/// A consultant's phone that wants longer sessions first, then grants eight seconds which the line refreshes by
/// `method`, and in the end promises to refresh them itself and does not: the line says goodbye, and why.
fn a_phone_with_session_timers(allow: &str, method: &str) {
    let house = House::open("");
    house.consultant("aigul");
    let agreed = |refresher: &str| {
        format!(
            "Require: timer\nSupported: timer\nSession-Expires: 8;refresher={refresher}\nAllow: {allow}\n"
        )
    };
    let again = if method == "INVITE" { sound_at(BESIDE) } else { String::new() };
    let steps = [
        asked("INVITE", &says(1, "Session-Expires", "1800")),
        answer("422 Session Interval Too Small", "a", "Min-SE: 2400\n", ""),
        asked("ACK", ""),
        asked("INVITE", &says(2, "Session-Expires", "2400")),
        answer("200 OK", "b", &agreed("uac"), &sound_at(BESIDE)),
        asked("ACK", ""),
        plays(&house, 700.0, 30),
        asked(method, &says(3, "Session-Expires", "refresher=uac")),
        answer("200 OK", "", &agreed("uas"), &again),
        if again.is_empty() { String::new() } else { asked("ACK", "") },
        asked("BYE", &says(4, "Reason", "SIP; *cause=408")),
        uses("1,2,3,4"),
        answer("200 OK", "", "", ""),
    ];
    let mut phone = Sipp::phone(&house, "aigul", &scenario(&steps));
    house.sign_in("aigul");
    let _caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    let seen = phone.seen();
    let offers = sounds_of_the_line(&seen);
    assert!(offers.windows(2).all(|two| two[0] == two[1]), "the offer stays as it was: {offers:?}");
    assert_eq!(offers.len(), if method == "INVITE" { 3 } else { 2 });
}

/// FEATURES T15.
#[test]
fn the_line_refreshes_by_update_where_it_may_and_ends_what_nobody_refreshes() {
    a_phone_with_session_timers("INVITE, ACK, BYE, CANCEL, UPDATE", "UPDATE");
}

/// FEATURES T15.
#[test]
fn the_line_refreshes_by_invite_where_update_is_unknown() {
    a_phone_with_session_timers("INVITE, ACK, BYE, CANCEL", "INVITE");
}

/// FEATURES T13: two phones ring behind one contact and both answer. The first answer is the call, the other is
/// acknowledged and let go (RFC 3261 section 13.2.2.4).
#[test]
fn a_forked_call_has_one_answer_and_the_other_is_let_go() {
    let house = House::open("");
    house.consultant("aigul");
    // Were the line to follow the second answer, the first phone would hear another codec.
    let another = sound_at(BESIDE).replace("AVP 8 101", "AVP 0 101").replace("8 PCMA", "0 PCMU");
    let steps = [
        called_for_later(),
        answer("180 Ringing", "left", "", ""),
        answer("180 Ringing", "right", "", ""),
        pause(1_000),
        answer("200 OK", "right", "", &sound_at(BESIDE)),
        asked("ACK", ""),
        plays(&house, 700.0, 9),
        answer_later("200 OK", "left", "", &another),
        asked("ACK", ""),
        asked("BYE", ""),
        answer("200 OK", "", "", ""),
        pause(4_000),
        ask_back("BYE", 1, "right", ""),
        answered(200, ""),
    ];
    let mut phone = Sipp::phone(&house, "aigul", &scenario(&steps));
    house.sign_in("aigul");
    let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    let seen = phone.seen();
    let to = |start: &str| -> Vec<&str> {
        let all = seen.iter().filter(|s| !s.sent && s.text.starts_with(start));
        all.map(|s| s.header("To").rsplit(|c: char| c.is_ascii_digit()).next().unwrap()).collect()
    };
    assert_eq!(to("ACK "), ["right", "left"]);
    assert_eq!(to("BYE "), ["left"]);
    hears("the phone that answered first", &phone.ear.heard(), 1_000.0);
    hears("the caller", &caller.ear.heard(), 700.0);
}

/// FEATURES X3: a consultant's phone refers the caller to a colleague (RFC 3515) and hears how that goes.
#[test]
fn a_phone_that_refers_the_caller_hears_how_it_goes() {
    let house = House::open(COLLEAGUES);
    for login in ["aigul", "0042"] {
        house.consultant(login);
    }
    let colleague = Setup { slot: 72, hz: 1_300.0, auto: false, ..Setup::consultant("0042") };
    let mut colleague = Baresip::registered(&house, &colleague);
    let refer = format!("Refer-To: <sip:70042@127.0.0.1:{}>\n", house.sip());
    let report = |n, state: &str| {
        asked("NOTIFY", &says(n, "Subscription-State", state)) + &answer("200 OK", "", "", "")
    };
    let steps = [
        called(""),
        answer("200 OK", "a", "", &sound_at(BESIDE)),
        asked("ACK", ""),
        plays(&house, 700.0, 9),
        pause(3_000),
        ask_back("REFER", 1, "a", &refer),
        answered(202, ""),
        report(1, "active"),
        report(2, "active"),
        report(3, "terminated;reason=noresource"),
        asked("BYE", ""),
        answer("200 OK", "", "", ""),
        uses("1,2,3"),
    ];
    let mut phone = Sipp::phone(&house, "aigul", &scenario(&steps));
    house.sign_in("aigul");
    let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    // Not before: of reports that wait for one another only the newest is sent.
    wait("the phone hears that it rings there", || phone.has_seen("SIP/2.0 180 Ringing").then_some(()));
    colleague.tell("accept", "");
    let seen = phone.seen();
    let reports: Vec<&str> = seen.iter().filter(|s| s.text.starts_with("NOTIFY")).map(|s| s.body()).collect();
    assert_eq!(reports, ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK"]);
    wait("the caller hears the colleague for 2 s", || {
        (tenths_with(&caller.ear.heard(), 1_300.0) >= 20).then_some(())
    });
    colleague.tell("hangup", "");
    hears("the caller heard the consultant", &caller.done(), 700.0);
    hears("the colleague", &colleague.heard(), 1_000.0);
}
