//! A softphone in a browser: JsSIP in Chromium, over secure WebSockets. Its signalling only: a browser's sound is
//! encrypted under DTLS (RFC 5763), which the line does not speak, and says so.

use crate::house::House;
use crate::house::browser::Browser;

/// FEATURES T13: RFC 7118. Registers by digest, refreshes, is told no where that is the answer, and takes itself out;
/// a page from elsewhere does not get in at all.
#[test]
fn a_browsers_softphone_registers_and_is_refused_cleanly_and_no_other_page_gets_in() {
    let house = House::secure("prefer", "");
    house.consultant("aigul");
    let browser = Browser::open(&house, "aigul");
    browser.tells("register again: 200");
    house.see("aigul is registered", |b| b["consultants"][0]["reachable"] == true);
    let told = browser.tells("end");
    let own: Vec<&str> = told.iter().map(String::as_str).filter(|t| !t.starts_with("foreign")).collect();
    assert_eq!(
        own,
        [
            "connected",
            "register: 200",
            "register again: 200",
            "options: 200",
            "message: 405",
            "call *10: 488",
            "call 111: 488",
            "unregistered",
            "end",
        ]
    );
    house.see("aigul is gone", |b| b["consultants"][0]["reachable"] == false);
    let told = browser.tells("foreign: refused");
    assert!(!told.iter().any(|t| t == "foreign: open"), "{told:?}");
}
