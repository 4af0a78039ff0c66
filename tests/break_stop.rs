//! SIGTERM in the middle of work: nobody new is let in, nobody is thrown out at once, and everything is closed.

mod broken_house;

use broken_house::{House, Raw, Street, eventually, status};
use senim_phone::Event;

/// Whoever talks is left to talk; whoever comes is told to go elsewhere.
#[test]
fn a_stopping_line_takes_no_new_calls_and_lets_the_live_one_end() {
    let house = House::new();
    let line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let appeal = house.ok("appeal register --consultant aigul");
    line.terminate();
    let mut trunk = Raw::new(house.callers_ip(), house.sip());
    let uri = format!("sip:queue@{}", house.line_ip());
    eventually("new calls are refused", || {
        let answer = trunk.ask("INVITE", &uri, "+77010001122", "", "");
        (status(&answer) == 503).then_some(())
    });
    // The talk goes on.
    let heard = street.phones.heard(aigul).len();
    street.hears(aigul, heard + 8_000);
    assert_eq!(street.phones.ask(caller, |p, _| p.is_talking()), Some(true));
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
    let (code, said) = line.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("panicked") && !said.contains("ERROR"), "{said}");
    let found = house.json(&format!("recordings find --appeal {} --json", appeal.trim()));
    assert_eq!(found[0]["state"], "closed", "{found}");
    house.ok("recordings verify");
}

/// Whoever talks is left to talk; whoever comes is told to go elsewhere. whoever talks longer than the grace period is told goodbye, not dropped.
#[test]
fn after_the_grace_period_live_calls_are_ended_and_recordings_closed() {
    let house = House::new();
    house.rewrite("grace_s = 20", "grace_s = 1");
    let line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let appeal = house.ok("appeal register --consultant aigul");
    line.terminate();
    street.until(caller, Event::Ended { by_peer: true });
    street.until(aigul, Event::Ended { by_peer: true });
    let (code, said) = line.wait();
    assert_eq!(code, Some(0), "{said}");
    let found = house.json(&format!("recordings find --appeal {} --json", appeal.trim()));
    assert_eq!(found[0]["state"], "closed", "{found}");
    let call = house.json("calls call-1 --json");
    assert_eq!(call["cause"], "line_stopped", "{call}");
}

/// A line with nothing to do ends at once.
#[test]
fn an_idle_line_stops_with_code_0() {
    let house = House::new();
    let line = house.start();
    line.terminate();
    let (code, said) = line.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!house.path("data/control.sock").exists());
}
