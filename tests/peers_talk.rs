//! A caller and a consultant talk: each hears the other and nobody else, and each is on his own track.

use crate::house::House;
use crate::house::baresip::{Baresip, Setup};
use crate::house::sipp::Sipp;
use crate::house::sound::hears_only;

const CALLER: f32 = 1_000.0;
const CONSULTANT: f32 = 700.0;

/// SIPp calls 111 and presses 2 (Russian) and 1 (legal matters); baresip takes the call.
fn talk_and_prove(caller: &str, consultant: &'static str) {
    let house = House::open("");
    talk(&house, caller, &Setup { transport: consultant, ..Setup::consultant("aigul") });
}

fn talk(house: &House, caller: &str, setup: &Setup) {
    house.consultant("aigul");
    let mut phone = Baresip::registered(house, setup);
    house.sign_in("aigul");
    let sipp = Sipp::call(house, "111", "21", CALLER, caller);
    house.see_talk("aigul");
    let board = house.board();
    assert_eq!(board["talking"][0]["language"], "ru", "{board}");
    house.see("they talked for 4 s", |b| b["talking"][0]["talked_ms"].as_u64().is_some_and(|ms| ms > 4_000));
    let appeal = house.command("appeal register --consultant aigul", "");
    phone.tell("hangup", "");
    let caller_heard = sipp.done();
    phone.tells("CALL_CLOSED", 1);
    hears_only("the caller", &caller_heard, CONSULTANT, CALLER);
    hears_only("the consultant", &phone.heard(), CALLER, CONSULTANT);
    let (left, right) = house.export(appeal.trim());
    hears_only("the left side", &left, CALLER, CONSULTANT);
    hears_only("the right side", &right, CONSULTANT, CALLER);
}

/// FEATURES R1.
#[test]
fn a_sipp_caller_and_a_baresip_consultant_hear_each_other_and_are_on_their_own_tracks() {
    talk_and_prove("u1", "udp");
}

/// FEATURES T11, R7: the softphone speaks what the trunk does not, and sound is coded anew both ways; the recording is of
/// what each said.
#[test]
fn a_consultant_of_g722_and_one_of_opus_hear_a_caller_of_g711_and_are_heard() {
    for (codec, told) in [("G722/16000/1", "G722"), ("opus/48000/2", "opus")] {
        let house = House::open("");
        talk(&house, "u1", &Setup { codec, ..Setup::consultant("aigul") });
        let facts = house.command("calls call-1", "");
        assert!(facts.contains("speaks PCMA\n"), "{facts}");
        assert!(facts.contains(&format!("speaks {told}, transcoded for the caller")), "{facts}");
    }
}

#[test]
fn the_same_over_tcp_on_both_sides() {
    talk_and_prove("t1", "tcp");
}
