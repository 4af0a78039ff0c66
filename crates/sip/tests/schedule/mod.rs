//! Every schedule of so many messages and so many faults, over scenarios that cover each method that begins, changes
//! or ends a session. After each the two ends must agree, and nothing may be left alive.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // A broken harness may panic.

use crate::pair::{Line, Pair, Phone, Who};
use core::time::Duration;
use senim_base::Instant;
use senim_sip::{Event, SessionId};

/// What the wire does to one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is lost.
    Lost,
    /// It comes twice in a row.
    Twice,
    /// A copy comes when the first is forgotten, after a repeat would have come.
    Again,
    /// The next message overtakes it.
    Overtaken,
    /// Its own repeat overtakes it.
    Late,
}

const FAULTS: [Fault; 5] = [Fault::Lost, Fault::Twice, Fault::Again, Fault::Overtaken, Fault::Late];

/// When somebody does something: so many milliseconds after the window begins, or after he was told something first.
#[derive(Clone, Copy, Debug)]
pub enum When {
    At(u64),
    On(&'static str, u64),
}

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Ring,
    /// 183 with SDP, which is reliable.
    Early,
    Accept,
    Reject,
    Reoffer,
    Refer,
    Leave,
}

/// What stands before the faults begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    Nothing,
    /// It rings, with media that both have agreed upon.
    Early,
    Talk,
}

pub struct Scenario {
    pub name: &'static str,
    pub setup: Setup,
    /// The caller makes no offer.
    pub late: bool,
    pub script: &'static [(When, Who, Act)],
}

use Act::{Accept, Early, Leave, Refer, Reject, Reoffer, Ring};
use When::{At, On};

const fn scenario(name: &'static str, setup: Setup, script: &'static [(When, Who, Act)]) -> Scenario {
    Scenario { name, setup, late: false, script }
}

/// The phone calls the line.
pub const SCENARIOS: [Scenario; 22] = [
    scenario(
        "INVITE, answered, BYE of the caller",
        Setup::Nothing,
        &[
            (On("Incoming", 0), Line, Ring),
            (On("Incoming", 50), Line, Accept),
            (On("Answered", 0), Phone, Leave),
        ],
    ),
    scenario(
        "INVITE, answered, BYE of the callee",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Accept), (On("Confirmed", 0), Line, Leave)],
    ),
    scenario("INVITE, answered, stands", Setup::Nothing, &[(On("Incoming", 20), Line, Accept)]),
    scenario(
        "INVITE, refused",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Ring), (On("Incoming", 20), Line, Reject)],
    ),
    scenario("INVITE, CANCEL", Setup::Nothing, &[(On("Incoming", 0), Line, Ring), (At(60), Phone, Leave)]),
    scenario("INVITE, CANCEL before anything", Setup::Nothing, &[(At(0), Phone, Leave)]),
    scenario(
        "CANCEL crosses the answer",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Ring), (On("Incoming", 20), Line, Accept), (At(27), Phone, Leave)],
    ),
    Scenario {
        name: "INVITE without an offer",
        setup: Setup::Nothing,
        late: true,
        script: &[(On("Incoming", 0), Line, Ring), (On("Incoming", 20), Line, Accept)],
    },
    scenario(
        "INVITE, PRACK, answered",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Early), (On("Incoming", 40), Line, Accept)],
    ),
    scenario(
        "INVITE, PRACK, answered at once",
        Setup::Nothing,
        &[
            (On("Incoming", 0), Line, Early),
            (On("Incoming", 0), Line, Accept),
            (On("Answered", 0), Phone, Leave),
        ],
    ),
    scenario(
        "PRACK crosses CANCEL",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Early), (At(12), Phone, Leave)],
    ),
    scenario(
        "PRACK crosses a refusal",
        Setup::Nothing,
        &[(On("Incoming", 0), Line, Early), (On("Incoming", 7), Line, Reject)],
    ),
    scenario("UPDATE of the caller", Setup::Early, &[(At(0), Phone, Reoffer), (At(30), Line, Accept)]),
    scenario("UPDATE of the callee", Setup::Early, &[(At(0), Line, Reoffer), (At(3), Line, Accept)]),
    scenario(
        "UPDATEs cross",
        Setup::Early,
        &[(At(0), Line, Reoffer), (At(0), Phone, Reoffer), (At(20), Line, Accept)],
    ),
    scenario("UPDATE crosses CANCEL", Setup::Early, &[(At(0), Line, Reoffer), (At(2), Phone, Leave)]),
    scenario("re-INVITE", Setup::Talk, &[(At(0), Line, Reoffer), (On("Reoffered", 20), Phone, Reoffer)]),
    scenario("re-INVITEs cross", Setup::Talk, &[(At(0), Line, Reoffer), (At(0), Phone, Reoffer)]),
    scenario("re-INVITE crosses BYE", Setup::Talk, &[(At(0), Line, Reoffer), (At(3), Phone, Leave)]),
    scenario("REFER, reported", Setup::Talk, &[(At(0), Phone, Refer)]),
    scenario(
        "REFER, BYE of who was asked",
        Setup::Talk,
        &[(At(0), Phone, Refer), (On("Referred", 3), Line, Leave)],
    ),
    scenario(
        "REFER and BYEs cross",
        Setup::Talk,
        &[(At(0), Phone, Refer), (At(0), Line, Refer), (At(12), Phone, Leave), (At(12), Line, Leave)],
    ),
];

/// What one side believes.
#[derive(Default)]
struct Side {
    session: Option<SessionId>,
    talks: bool,
    ends: usize,
    /// Its SDP and the other's, as agreed last.
    mine: String,
    theirs: String,
    offering: Option<String>,
    /// When it was told what for the first time.
    told: Vec<(&'static str, Instant)>,
}

struct World {
    p: Pair,
    sides: [Side; 2],
    said: u32,
}

impl World {
    fn side(&mut self, who: Who) -> &mut Side {
        &mut self.sides[who as usize]
    }

    /// SDP that nobody said before.
    fn fresh(&mut self, who: Who) -> String {
        self.said += 1;
        format!("v=0 {who:?} {}", self.said)
    }

    fn call(&mut self, late: bool) {
        let mut outgoing = self.p.outgoing(Phone);
        let offer = self.fresh(Phone);
        outgoing.sdp = (!late).then(|| offer.clone());
        self.side(Phone).mine = if late { String::new() } else { offer };
        let session = self.p.call_with(Phone, outgoing);
        self.side(Phone).session = Some(session);
    }

    fn act(&mut self, who: Who, act: Act) {
        let Some(session) = self.side(who).session else { return };
        let fresh = self.fresh(who);
        let side = self.side(who);
        match act {
            Act::Early => side.mine.clone_from(&fresh),
            Act::Accept if side.mine.is_empty() => side.mine.clone_from(&fresh),
            Act::Reoffer => side.offering = Some(fresh.clone()),
            _ => {}
        }
        let mine = side.mine.clone();
        self.p.at(who, |e, now| match act {
            Act::Ring => e.ring(session, 180, None, now),
            Act::Early => e.ring(session, 183, Some(fresh), now),
            Act::Accept => e.accept(session, mine, now),
            Act::Reject => e.reject(session, 486, Vec::new(), now),
            Act::Reoffer => e.reoffer(session, fresh, now),
            Act::Refer => {
                e.refer_to(session, "<sip:1414@senim.example>", None, now);
            }
            Act::Leave => e.hang_up(session, None, now),
        });
    }

    fn hear(&mut self, who: Who, event: &Event) {
        let now = self.p.now;
        let fresh = self.fresh(who);
        let text = |sdp: &Option<Vec<u8>>| sdp.as_ref().map(|s| String::from_utf8(s.clone()).unwrap());
        let side = self.side(who);
        assert_eq!(side.ends, 0, "{event:?} after the end");
        if !side.told.iter().any(|(name, _)| *name == event.name()) {
            side.told.push((event.name(), now));
        }
        match event {
            Event::Incoming(invitation) => {
                side.session = Some(invitation.session);
                side.theirs = text(&invitation.offer).unwrap_or_default();
            }
            Event::Ringing { sdp: Some(_), .. } if !side.talks => {}
            Event::Answered { session, sdp } => {
                side.talks = true;
                side.theirs = text(sdp).unwrap_or_default();
                if side.mine.is_empty() {
                    side.mine.clone_from(&fresh);
                    self.p.at(who, |e, now| e.answer_late(*session, Some(fresh), now));
                }
            }
            Event::Confirmed { sdp, .. } => {
                side.talks = true;
                if let Some(sdp) = text(sdp) {
                    side.theirs = sdp;
                }
            }
            Event::Reoffered { session, sdp } => {
                side.mine.clone_from(&fresh);
                side.theirs = text(sdp).unwrap_or_default();
                self.p.at(who, |e, now| e.answer_reoffer(*session, Ok(fresh), now));
            }
            Event::ReofferAnswered { sdp, .. } => {
                side.mine = side.offering.take().unwrap();
                side.theirs = text(sdp).unwrap();
            }
            Event::Referred { session, .. } => self.p.at(who, |e, now| {
                e.answer_referral(*session, Ok(()), now);
                e.referral_progress(*session, 180, now);
                e.referral_progress(*session, 200, now);
            }),
            Event::Cancelled { .. } | Event::Rejected { .. } | Event::Ended { .. } => {
                side.ends += 1;
                side.talks = false;
            }
            _ => {}
        }
    }

    /// Lets time pass and everybody act, for so long.
    fn play(&mut self, script: &[(When, Who, Act)], time: Duration) {
        let start = self.p.now;
        let mut left = script.to_vec();
        loop {
            for (who, event) in core::mem::take(&mut self.p.events) {
                self.hear(who, &event);
            }
            let due = |world: &World, when: When, who: Who| match when {
                At(ms) => Some(start + Duration::from_millis(ms)),
                On(name, ms) => {
                    let told = &world.sides[who as usize].told;
                    told.iter().find(|(n, _)| *n == name).map(|(_, at)| *at + Duration::from_millis(ms))
                }
            };
            let next = left
                .iter()
                .enumerate()
                .filter_map(|(n, (when, who, _))| Some((due(self, *when, *who)?, n)))
                .min();
            if !self.p.events.is_empty() {
                continue;
            }
            let wire = self.p.next().filter(|at| *at <= start + time);
            match (next, wire) {
                (Some((at, n)), wire) if wire.is_none_or(|wire| at <= wire) => {
                    self.p.run(at.since(self.p.now));
                    let (_, who, act) = left.remove(n);
                    self.act(who, act);
                }
                (_, Some(at)) => self.p.step(at),
                (_, None) => break,
            }
        }
    }
}

/// One run: `faults` by number of the message after the setup. Gives whether they talked in the end, and what passed.
pub fn run(scenario: &Scenario, faults: &[(usize, Fault)]) -> (bool, Vec<String>) {
    let what = format!("{}: {faults:?}", scenario.name);
    let mut w = World { p: Pair::new(1), sides: Default::default(), said: 0 };
    w.call(scenario.late);
    let setup: &[(When, Who, Act)] = match scenario.setup {
        Setup::Nothing => &[],
        Setup::Early => &[(On("Incoming", 0), Line, Early)],
        Setup::Talk => &[(On("Incoming", 0), Line, Accept)],
    };
    let base = if scenario.setup == Setup::Nothing {
        0
    } else {
        w.play(setup, Duration::from_millis(100));
        w.p.messages.len()
    };
    for (number, fault) in faults {
        let (number, ms) = (base + number, Duration::from_millis);
        match fault {
            Fault::Lost => w.p.lose_at.push(number),
            Fault::Twice => w.p.repeat_at.push((number, Duration::ZERO)),
            Fault::Again => w.p.repeat_at.push((number, ms(700))),
            Fault::Overtaken => w.p.delay_at.push((number, ms(12))),
            Fault::Late => w.p.delay_at.push((number, ms(620))),
        }
    }
    // The first message of a call is on its way before the faults are set.
    if base == 0 {
        let (faulty, clean) = (w.p, Pair::new(1));
        w = World { p: clean, sides: Default::default(), said: 0 };
        (w.p.lose_at, w.p.repeat_at, w.p.delay_at) = (faulty.lose_at, faulty.repeat_at, faulty.delay_at);
        w.call(scenario.late);
    }
    w.play(scenario.script, Duration::from_secs(150));
    let log = |w: &World| format!("{what}\n{:#?}", w.p.wire_log);
    let [line, phone] = &w.sides;
    assert_eq!(line.talks, phone.talks, "do not agree whether they talk: {}", log(&w));
    if line.talks {
        let pair = |s: &Side| (s.mine.clone(), s.theirs.clone());
        let (mine, theirs) = pair(phone);
        assert_eq!(pair(line), (theirs, mine), "do not agree on the media: {}", log(&w));
    } else {
        assert!(line.session.is_none() || line.ends == 1, "still there: {}", log(&w));
        assert_eq!(phone.ends, 1, "still there: {}", log(&w));
    }
    let talked = line.talks;
    w.play(&[(At(0), Phone, Leave)], Duration::from_secs(300));
    for who in [Line, Phone] {
        let side = &w.sides[who as usize];
        assert_eq!(
            side.ends,
            usize::from(side.session.is_some()),
            "{who:?} was told no or several ends: {}",
            log(&w)
        );
        let live = w.p.side(who).live();
        assert_eq!(live, Default::default(), "{who:?} leaks: {}", log(&w));
    }
    (talked, w.p.wire_log)
}

/// Every schedule of a scenario with up to `most` faults among its first `messages` messages; how many there are.
pub fn all(scenario: &Scenario, messages: usize, most: usize) -> usize {
    fn deeper(
        s: &Scenario,
        from: usize,
        messages: usize,
        most: usize,
        chosen: &mut Vec<(usize, Fault)>,
    ) -> usize {
        run(s, chosen);
        let mut count = 1;
        if chosen.len() < most {
            for number in from..messages {
                for fault in FAULTS {
                    chosen.push((number, fault));
                    count += deeper(s, number + 1, messages, most, chosen);
                    chosen.pop();
                }
            }
        }
        count
    }
    deeper(scenario, 0, messages, most, &mut Vec::new())
}
