//! Linphone as a consultant's softphone, with the digest algorithms that the line offers when nobody says otherwise.

use crate::house::House;
use crate::house::linphone::Linphone;
use crate::house::sipp::Sipp;
use crate::house::sound::hears;

/// FEATURES D2: registers, signs in by dialling, takes a call; the caller is heard on his track.
#[test]
fn linphone_signs_in_by_dialling_and_talks() {
    let house = House::offering("\"SHA-256\", \"MD5\"", "");
    house.consultant("aigul");
    let mut phone = Linphone::start(&house, "aigul");
    house.see("aigul is registered", |b| b["consultants"][0]["reachable"] == true);
    phone.tell("call *10");
    house.see_doing("aigul", "ready");
    let sipp = Sipp::call(&house, "222", "", 1_000.0, "u1");
    house.see_talk("aigul");
    house.see("they talked for 3 s", |b| b["talking"][0]["talked_ms"].as_u64().is_some_and(|ms| ms > 3_000));
    let appeal = house.command("appeal register --consultant aigul", "");
    phone.tell("terminate");
    sipp.done();
    hears("the left side", &house.export(appeal.trim()).0, 1_000.0);
}
