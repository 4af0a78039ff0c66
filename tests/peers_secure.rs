//! Softphones over TLS whose sound is encrypted, its keys in SDP (RFC 4568), where the line takes nothing else.

use crate::house::baresip::{Baresip, Setup};
use crate::house::linphone::Linphone;
use crate::house::scenario::{answer, answered, ask_back, asked, called, pause, scenario, sound_at};
use crate::house::sipp::{Sipp, plays};
use crate::house::sound::{hears, tone_file};
use crate::house::{House, wait};

fn talks_for(house: &House, ms: u64) {
    house.see(&format!("they talked for {ms} ms"), |b| {
        b["talking"][0]["talked_ms"].as_u64().is_some_and(|talked| talked > ms)
    });
}

fn speaks(what: &str, pcm: &[i16]) {
    let loud = pcm.chunks_exact(800).filter(|part| part.iter().any(|s| s.unsigned_abs() > 1_000)).count();
    assert!(loud >= 5, "{what}: a voice in {loud} tenths of a second of {}", pcm.len() / 800);
}

/// FEATURES T9: baresip calls the line and hears it, and is called and talks with a caller whose sound is plain.
#[test]
fn baresip_talks_over_tls_with_encrypted_sound_both_ways() {
    let house = House::secure("require", "");
    house.consultant("aigul");
    let mut phone = Baresip::registered(&house, &Setup::secure("aigul"));
    phone.dial("*10");
    house.see_doing("aigul", "ready");
    phone.tells("CALL_CLOSED", 1);
    speaks("the line to the phone", &phone.heard());
    let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    talks_for(&house, 3_000);
    phone.tell("hangup", "");
    phone.tells("CALL_CLOSED", 2);
    hears("the caller", &caller.done(), 700.0);
    hears("the consultant", &phone.heard(), 1_000.0);
    let log = phone.log();
    assert!(log.matches("RTP/SAVP ").count() >= 4 && !log.contains("RTP/AVP "), "two offers, two answers");
    assert!(log.matches("\na=crypto:").count() >= 4);
}

/// FEATURES T9: a phone that knows plain sound alone is refused, both ways, and the caller waits for another.
#[test]
fn where_encryption_is_required_plain_sound_is_refused_with_488() {
    let house = House::secure("require", "");
    house.consultant("aigul");
    let plain = Setup { srtp: false, ..Setup::secure("aigul") };
    let mut phone = Baresip::registered(&house, &plain);
    phone.dial("*10");
    wait("the line refuses", || phone.log().contains("SIP/2.0 488 Not Acceptable Here").then_some(()));
    phone.tells("CALL_CLOSED", 1);
    house.sign_in("aigul");
    let _caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    // The line offers nothing else, and the phone knows nothing of that.
    wait("the phone refuses", || (phone.log().matches("SIP/2.0 488 ").count() >= 2).then_some(()));
    house.see("the caller waits", |b| b["waiting"].as_array().is_some_and(|w| w.len() == 1));
    let told = wait("the offer has failed", || {
        Some(house.command("calls call-2", "")).filter(|told| told.contains("offer to aigul: "))
    });
    assert!(!told.contains("talks with"), "{told}");
    assert_eq!(phone.told("CALL_ESTABLISHED"), 0);
}

const SEALED: &str = "[[trunk]]\nname = \"sealed\"\nsources = [\"127.0.0.1\"]\nsrtp = \"require\"\n";

/// FEATURES T9: a trunk that must encrypt is refused when it does not, and talks when it does.
#[test]
fn a_trunk_that_requires_encryption_is_refused_plain_and_talks_encrypted() {
    let house = House::secure("prefer", SEALED);
    house.consultant("aigul");
    let steps = [
        called(""),
        answer("200 OK", "a", "", &sound_at(4)),
        asked("ACK", ""),
        plays(&house, 700.0, 9),
        pause(3_000),
        ask_back("BYE", 1, "a", ""),
        answered(200, ""),
    ];
    let phone = Sipp::phone(&house, "aigul", &scenario(&steps));
    let gateway = Setup { hz: 1_000.0, auto: false, registers: false, ..Setup::secure("87017654321") };
    let mut plain = Baresip::start(&house, &Setup { slot: 72, srtp: false, ..gateway });
    plain.dial("222");
    wait("the line refuses", || plain.log().contains("SIP/2.0 488 Not Acceptable Here").then_some(()));
    let gateway = Setup { hz: 1_000.0, auto: false, registers: false, ..Setup::secure("87017654321") };
    let mut sealed = Baresip::start(&house, &Setup { slot: 82, ..gateway });
    house.sign_in("aigul");
    sealed.dial("222");
    sealed.tells("CALL_CLOSED", 1);
    assert!(house.command("calls call-2", "").contains("over sealed"));
    hears("the consultant", &phone.done(), 1_000.0);
    hears("the trunk", &sealed.heard(), 700.0);
    assert!(sealed.log().matches("RTP/SAVP ").count() >= 2 && !sealed.log().contains("RTP/AVP "));
}

/// FEATURES T9: Linphone.
#[test]
fn linphone_talks_over_tls_with_encrypted_sound_both_ways() {
    let house = House::secure("require", "");
    house.consultant("aigul");
    let mut phone = Linphone::start_secure(&house, "aigul");
    house.see("aigul is registered", |b| b["consultants"][0]["reachable"] == true);
    phone.tell("call *10");
    house.see_doing("aigul", "ready");
    let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
    house.see_talk("aigul");
    let tone = house.file("tone.wav");
    tone_file(&tone, 700.0, 20);
    phone.tell(&format!("play {}", tone.display()));
    talks_for(&house, 4_000);
    let appeal = house.command("appeal register --consultant aigul", "");
    phone.tell("terminate");
    hears("the caller", &caller.done(), 700.0);
    hears("the left side", &house.export(appeal.trim()).0, 1_000.0);
}
