//! Every pair of messages of a call lost, every pair doubled late, at every moment somebody may hang up: both ends
//! come to the same end and nothing stays alive.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, Pair, Phone, Who};
use senim_sip::{Event, SessionId};

/// A call in which the callee rings at 50 ms and answers at 200 ms, and `leaver` hangs up at `leave` ms. Returns for
/// each side whether it talked.
fn play(leaver: Who, leave: u64, lose: &[usize], again: &[(usize, Duration)]) -> [bool; 2] {
    let what = format!("{leaver:?} leaves at {leave}, lost {lose:?}, again {again:?}");
    let mut p = Pair::new(1);
    p.lose_at = lose.to_vec();
    p.repeat_at = again.to_vec();
    let start = p.now;
    let a = p.call(Line);
    let mut b: Option<SessionId> = None;
    let (mut ends, mut talked, mut acted) = ([0; 2], [false; 2], [false; 3]);
    while p.now < start + Duration::from_secs(200) {
        let wait = if p.now < start + Duration::from_secs(3) { 10 } else { 1_000 };
        p.run(Duration::from_millis(wait));
        for (who, event) in core::mem::take(&mut p.events) {
            match &event {
                Event::Incoming(invitation) => b = Some(invitation.session),
                Event::Answered { .. } | Event::Confirmed { .. } => talked[who as usize] = true,
                Event::Cancelled { .. } | Event::Rejected { .. } | Event::Ended { .. } => {
                    ends[who as usize] += 1;
                }
                _ => {}
            }
        }
        let passed = p.now.since(start);
        let due = [50, 200, leave].map(|ms| passed >= Duration::from_millis(ms));
        if let Some(b) = b {
            if due[0] && !core::mem::replace(&mut acted[0], true) {
                p.at(Phone, |e, now| e.ring(b, 180, None, now));
            }
            if due[1] && !core::mem::replace(&mut acted[1], true) {
                p.at(Phone, |e, now| e.accept(b, ANSWER, now));
            }
        }
        let leaving = if leaver == Line { Some(a) } else { b };
        if let Some(session) = leaving.filter(|_| due[2])
            && !core::mem::replace(&mut acted[2], true)
        {
            p.at(leaver, |e, now| e.hang_up(session, None, now));
        }
    }
    let expected = [1, usize::from(b.is_some())];
    assert_eq!(ends, expected, "{what}: {:#?}", p.wire_log);
    for who in [Line, Phone] {
        assert_eq!(p.side(who).live(), Default::default(), "{what}: {who:?} leaks {:#?}", p.wire_log);
    }
    talked
}

const MOMENTS: [u64; 6] = [1, 60, 205, 210, 230, 400];

#[test]
fn any_two_messages_may_be_lost() {
    for leaver in [Line, Phone] {
        for leave in MOMENTS {
            for first in 0..9 {
                for second in first..9 {
                    play(leaver, leave, &[first, second], &[]);
                }
            }
        }
    }
}

#[test]
fn any_two_messages_may_come_again_late() {
    for leaver in [Line, Phone] {
        for leave in MOMENTS {
            let undisturbed = play(leaver, leave, &[], &[]);
            for first in 0..9 {
                for second in first..9 {
                    let late = |ms| Duration::from_millis(ms);
                    let talked = play(leaver, leave, &[], &[(first, late(40)), (second, late(700))]);
                    assert_eq!(talked, undisturbed, "{leaver:?} {leave} {first} {second}");
                }
            }
        }
    }
}

#[test]
fn one_message_may_be_lost_and_another_come_again() {
    for leaver in [Line, Phone] {
        for leave in MOMENTS {
            for lost in 0..9 {
                for again in 0..9 {
                    play(leaver, leave, &[lost], &[(again, Duration::from_millis(300))]);
                }
            }
        }
    }
}
