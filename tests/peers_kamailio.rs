//! Kamailio between the line and the world: as a proxy that wants to see all of a call, and as a carrier that wants to
//! know where the line is.

use crate::house::baresip::{Baresip, Setup};
use crate::house::kamailio::{Kamailio, LINE, REGISTERS};
use crate::house::scenario::{
    ack, answer, answered, ask, ask_back, asked, called, invite, pause, scenario, sound_at,
};
use crate::house::sipp::{Seen, Sipp, plays};
use crate::house::sound::hears;
use crate::house::{CARRIER, House, until, wait};

/// SIPp calls this number by way of Kamailio, talks, and does in the end as `last` says.
fn caller_behind(house: &House, number: &str, last: &[String]) -> Sipp {
    let mut steps = vec![invite(1, "", &sound_at(4)), answered(200, ""), ack(1), plays(house, 1_000.0, 30)];
    steps.extend_from_slice(last);
    let way = format!("127.0.0.3:{}", house.port(90));
    Sipp::run(house, "caller", &scenario(&steps), CARRIER, house.port(80), &["-s", number, "-rsa", &way])
}

fn waits_for_bye() -> [String; 2] {
    [asked("BYE", ""), answer("200 OK", "", "", "")]
}

/// The hosts that a message of the line's went by.
fn vias(seen: &[Seen], method: &str) -> Vec<String> {
    let message = seen.iter().find(|s| !s.sent && s.text.starts_with(&format!("{method} "))).unwrap();
    let values = message.text.lines().filter_map(|l| l.strip_prefix("Via: SIP/2.0/UDP "));
    values.map(|v| v.split([':', ';']).next().unwrap_or_default().to_owned()).collect()
}

/// FEATURES T13: all of a call goes through a proxy that asked for it (RFC 3261 section 16.12), whoever begins it and
/// whoever ends it.
#[test]
fn calls_in_and_out_stay_on_their_way_through_a_proxy() {
    let house = House::open("");
    house.consultant("aigul");
    let kamailio = Kamailio::start(&house, "kamailio");
    let mut phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let steps = [
        called(""),
        answer("180 Ringing", "c", "", ""),
        answer("200 OK", "c", "", &sound_at(4)),
        asked("ACK", ""),
        plays(&house, 1_300.0, 9),
        pause(4_000),
        ask_back("BYE", 1, "c", ""),
        answered(200, ""),
    ];
    let mut behind = Sipp::backup(&house, &scenario(&steps));
    let mut caller = caller_behind(&house, "222", &waits_for_bye());
    house.see("they talked for 3 s", |b| b["talking"][0]["talked_ms"].as_u64().is_some_and(|ms| ms > 3_000));
    // The consultant sends the caller on to the centre, by a call out.
    let forwarded = || house.command("calls call-1", "").contains("being sent on").then_some(());
    until("the caller is sent on", || phone.keys("*14"), forwarded);
    let (at_centre, at_caller) = (behind.seen(), caller.seen());
    assert_eq!(kamailio.told("LOST"), 0);
    assert_eq!(vias(&at_centre, "INVITE"), ["127.0.0.3", "127.0.0.1"]);
    assert_eq!(vias(&at_centre, "ACK"), ["127.0.0.3", "127.0.0.1"]);
    assert_eq!(vias(&at_caller, "BYE"), ["127.0.0.3", "127.0.0.1"]);
    let byes = (kamailio.told("ROUTED BYE of 127.0.0.4"), kamailio.told("ROUTED BYE of 127.0.0.1"));
    assert_eq!(byes, (1, 1), "the centre's goodbye to the line, the line's to the caller");
    let heard = caller.done();
    hears("the caller", &heard, 700.0);
    hears("the caller, later", &heard, 1_300.0);
    hears("the centre", &behind.done(), 1_000.0);
}

/// The same, and the caller hangs up.
#[test]
fn a_callers_goodbye_through_a_proxy_ends_the_call() {
    let house = House::open("");
    let kamailio = Kamailio::start(&house, "kamailio");
    let last = [pause(1_500), ask("BYE", 2, "", ""), answered(200, "")];
    caller_behind(&house, "222", &last).done();
    assert_eq!((kamailio.told("ROUTED BYE of 127.0.0.2"), kamailio.told("LOST")), (1, 0));
    house.see("nobody waits", |b| b["waiting"].as_array().is_some_and(Vec::is_empty));
    let told = house.command("calls call-1", "");
    assert!(told.contains("over centre") && told.contains("caller hung up"), "{told}");
}

/// FEATURES T7: the line registers from its start, is asked for the password, refreshes out of what it was granted,
/// and its carrier brings it calls for 111. A carrier that has forgotten everything is told anew.
#[test]
fn the_line_registers_at_its_carrier_and_is_called_there() {
    let house = House::open(REGISTERS);
    // The carrier is there later than the line: nothing but its first REGISTER is repeated until then.
    let kamailio = Kamailio::start(&house, "kamailio");
    let registered = || house.page("/metrics").contains("senim_trunk_registered{trunk=\"centre\"} 1");
    wait("the line is registered", || registered().then_some(()));
    assert!(kamailio.told("CHALLENGED") >= 1);
    called_at_its_carrier(&house, "call-1");
    kamailio.tells("SAVED", 3);
    drop(kamailio);
    let kamailio = Kamailio::start(&house, "kamailio-again");
    kamailio.tells("SAVED", 1);
    assert!(kamailio.told("CHALLENGED") >= 1, "another carrier does not know the old nonce");
    called_at_its_carrier(&house, "call-2");
    assert!(registered());
}

fn called_at_its_carrier(house: &House, call: &str) {
    let last = [pause(1_500), ask("BYE", 2, "", ""), answered(200, "")];
    let heard = caller_behind(house, LINE, &last).done();
    assert!(heard.iter().any(|s| s.unsigned_abs() > 1_000), "the caller hears the greeting");
    let told = house.command(&format!("calls {call}"), "");
    assert!(told.contains("came in for 111") && told.contains("over centre"), "{told}");
}
