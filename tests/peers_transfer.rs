//! Transfers and three-way talks asked for by softphones that others wrote, listened to on both sides and in the
//! recording; and a gateway that offers its sound late.

use crate::house::baresip::{Baresip, Setup};
use crate::house::linphone::Linphone;
use crate::house::sipp::Sipp;
use crate::house::sound::{hears, tenths_with};
use crate::house::{House, wait};
use senim_audio::listen::contains_tone;

/// 7 and a login rings that consultant.
const COLLEAGUES: &str = "[[number]]\ndial = \"7*\"\nconsultant = \"*\"\n";

/// A caller (1 kHz) in talk with aigul for two seconds, and the colleague 0042 (1.3 kHz), whose phone takes every call.
struct Scene {
    house: House,
    /// Its sound is from the address that its signalling names: baresip's own would be a stranger's there.
    caller: Sipp,
    colleague: Baresip,
}

fn colleague(house: &House) -> Baresip {
    house.consultant("0042");
    Baresip::registered(house, &Setup { slot: 72, hz: 1_300.0, ..Setup::consultant("0042") })
}

fn talks_for(house: &House, login: &str, ms: u64) {
    house.see(&format!("{login} talked for {ms} ms"), |b| {
        b["talking"][0]["consultant"] == login
            && b["talking"][0]["talked_ms"].as_u64().is_some_and(|talked| talked > ms)
    });
}

/// Does it, as a person would, again every three seconds until the line's record of the call says so.
fn until_told(house: &House, words: &str, mut act: impl FnMut()) {
    let mut looks = 0;
    wait(words, || {
        if looks % 75 == 0 {
            act();
        }
        looks += 1;
        house.command("calls call-1", "").contains(words).then_some(())
    });
}

impl Scene {
    fn open(house: House) -> Scene {
        let colleague = colleague(&house);
        let caller = Sipp::call(&house, "222", "", 1_000.0, "u1");
        talks_for(&house, "aigul", 2_000);
        Scene { house, caller, colleague }
    }

    /// The colleague has the caller; then everybody is heard, and each is in the recording.
    fn colleague_takes_the_caller(mut self, consultant_hz: Option<f32>) {
        talks_for(&self.house, "0042", 3_000);
        let appeal = self.house.command("appeal register --consultant 0042", "");
        talks_for(&self.house, "0042", 5_000);
        self.colleague.tell("hangup", "");
        hears("the caller heard the colleague", &self.caller.done(), 1_300.0);
        let by_colleague =
            wait("what the colleague heard", || Some(self.colleague.heard()).filter(|h| h.len() > 24_000));
        hears("the colleague heard the caller", &by_colleague, 1_000.0);
        let (left, right) = self.house.export(appeal.trim());
        hears("the left side", &left, 1_000.0);
        hears("the right side has the colleague", &right, 1_300.0);
        assert!(
            contains_tone(&left[left.len() - 16_000..left.len() - 8_000], 1_000.0),
            "to the end of the talk"
        );
        if let Some(hz) = consultant_hz {
            assert!(tenths_with(&right, hz) >= 10, "the right side has the first consultant, too");
        }
    }
}

fn baresip_scene() -> (Scene, Baresip) {
    let house = House::open(COLLEAGUES);
    house.consultant("aigul");
    let phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    (Scene::open(house), phone)
}

/// FEATURES X3, R4.
#[test]
fn baresip_transfers_the_caller_blind_and_is_free() {
    let (scene, mut phone) = baresip_scene();
    let to = format!("sip:70042@127.0.0.1:{}", scene.house.sip());
    phone.tell("transfer", &to);
    phone.tells("CALL_CLOSED", 1);
    scene.colleague_takes_the_caller(Some(700.0));
}

/// FEATURES X3: the keys of a phone that knows no transfer: asked, all together, given away by leaving.
#[test]
fn by_keys_baresip_asks_brings_all_together_and_leaves() {
    let (scene, mut phone) = baresip_scene();
    until_told(&scene.house, "aigul asks 0042", || phone.keys("*1570042#"));
    scene.colleague.tells("CALL_ESTABLISHED", 1);
    until_told(&scene.house, "all together with aigul", || phone.keys("*16"));
    let from = std::time::Instant::now();
    wait("three talk for 3 s", || (from.elapsed().as_secs() >= 3).then_some(()));
    phone.tell("hangup", "");
    talks_for(&scene.house, "0042", 1);
    let by_consultant =
        wait("what the consultant heard", || Some(phone.heard()).filter(|h| h.len() > 24_000));
    hears("the consultant heard the caller", &by_consultant, 1_000.0);
    hears("the consultant heard the colleague", &by_consultant, 1_300.0);
    scene.colleague_takes_the_caller(Some(700.0));
}

/// FEATURES X3, R4: Linphone holds the caller, calls the colleague, and joins the two.
#[test]
fn linphone_transfers_the_caller_attended() {
    let house = House::open(COLLEAGUES);
    house.consultant("aigul");
    let mut phone = Linphone::start(&house, "aigul");
    house.see("aigul is registered", |b| b["consultants"][0]["reachable"] == true);
    house.sign_in("aigul");
    let scene = Scene::open(house);
    phone.tell("pause");
    scene.house.see("the caller is on hold", |b| b["talking"][0]["on_hold"] == true);
    phone.tell(&format!("call sip:70042@127.0.0.1:{}", scene.house.sip()));
    scene.colleague.tells("CALL_ESTABLISHED", 1);
    // Linphone may still be busy with the answer to its second call.
    until_told(&scene.house, "talks with 0042", || phone.tell("transfer 1 --to-call 2"));
    scene.colleague_takes_the_caller(None);
}

/// FEATURES T13: a gateway that sends no offer is answered with ours, and its answer in the ACK is honoured.
#[test]
fn a_gateway_that_offers_late_is_heard_and_hears() {
    let house = House::open("");
    house.consultant("aigul");
    let mut phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let caller = Sipp::call_late(&house, "222", 1_000.0);
    talks_for(&house, "aigul", 3_000);
    phone.tell("hangup", "");
    hears("the gateway", &caller.done(), 700.0);
    let heard = wait("what the consultant heard", || Some(phone.heard()).filter(|h| h.len() > 16_000));
    hears("the consultant", &heard, 1_000.0);
}
