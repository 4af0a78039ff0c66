//! Stories of ports that some other program has.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use senim_base::Language;
use senim_phone::Event;
use senim_switch::facts::Fact;
use stage::{CALLER_HZ, CONSULTANT_HZ, heard, nothing_left, queued_caller, secs, staff, wait_for, world};

#[test]
fn a_port_that_another_program_has_is_passed_over_for_every_leg() {
    let mut world = world();
    world.taken = (20_000..40_000).step_by(4).collect();
    let aigul = staff(&mut world, "aigul", Language::Russian);
    let caller = queued_caller(&mut world, "+77012345678");
    wait_for(&mut world, aigul, Event::Incoming);
    world.with_phone(aigul, |p, now| p.answer(now));
    world.run(secs(3));
    assert!(heard(&world, aigul, 1_000, CALLER_HZ), "the consultant hears the caller");
    assert!(heard(&world, caller, 1_000, CONSULTANT_HZ), "the caller hears the consultant");
    assert!(world.rtp_ports().iter().all(|port| port % 4 == 2), "{:?}", world.rtp_ports());
    world.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut world);
}

#[test]
fn seven_pairs_that_are_taken_cost_nothing_and_eight_the_call() {
    for (taken, answered) in [(7, true), (8, false)] {
        let mut world = world();
        world.taken = (20_000..).step_by(2).take(taken).collect();
        let caller = world.caller("+77012345678");
        world.with_phone(caller, |p, now| assert!(p.dial("111", now)));
        world.run(secs(2));
        let refused = world.facts.iter().any(|r| matches!(r.fact, Fact::Refused { status: 503, .. }));
        let came = world.facts.iter().any(|r| matches!(r.fact, Fact::Answered { .. }));
        assert_eq!((came, refused), (answered, !answered), "{taken} taken");
        world.with_phone(caller, |p, now| p.hang_up(now));
        nothing_left(&mut world);
    }
}
