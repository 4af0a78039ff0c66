//! People of a simulated day: what callers, consultants and the Unified Contact Centre are about to do.

use core::time::Duration;
use senim_base::Entropy;

/// What a caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Keys, each so long after the one before; the first counts from the answer.
    pub keys: Vec<(Duration, &'static str)>,
    /// He hangs up so long after he called, unless the other side did before.
    pub patience: Duration,
}

/// What somebody does whose phone rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Picks up after a while and talks for a while.
    Answer(Duration, Duration),
    /// Presses the red button after a while.
    Decline(Duration),
    /// Lets it ring.
    Ignore,
    /// Picks up after a while; his cable is cut a while later.
    Lost(Duration, Duration),
    /// Picks up, talks, and in the middle keys a code.
    Key(Duration, Duration, &'static str),
    /// Picks up, talks, and in the middle puts the caller on hold for a while.
    Hold(Duration, Duration),
    /// Picks up, talks, and in the middle turns to a colleague or to another centre.
    Turn(Duration, Duration, Turn),
}

/// How a consultant turns to somebody else for his caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// By codes, one after the other; the number stands for `N`.
    Keys(&'static [&'static str]),
    /// By a REFER.
    Blind,
    /// By a second call, and then a REFER that names it.
    Attended,
    /// By a second call that he ends again.
    Aside,
}

/// A consultant: what he does with each call that rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consultant;

/// The Unified Contact Centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Centre;

fn seconds(e: &mut Entropy, from: u32, to: u32) -> Duration {
    Duration::from_millis(u64::from(from * 1_000 + e.below((to - from) * 1_000)))
}

impl Caller {
    /// One of the mixed callers of a day.
    pub fn draw(e: &mut Entropy) -> Caller {
        let pause = |e: &mut Entropy| seconds(e, 1, 12);
        let language = if e.one_in(2) { "1" } else { "2" };
        let mut keys = vec![(pause(e), language)];
        match e.below(10) {
            0 => keys.clear(),
            1 => keys = vec![(pause(e), "7"), (pause(e), "9"), (pause(e), language), (pause(e), "1")],
            2 => keys = vec![(pause(e), "0")],
            3 => keys.push((pause(e), "3")),
            4 => keys.extend([(pause(e), "4"), (pause(e), "20260000015"), (seconds(e, 5, 9), "#")]),
            5 => keys.extend([(pause(e), "2"), (seconds(e, 5, 40), "0")]),
            6 => keys.push((pause(e), "2")),
            _ => keys.push((pause(e), "1")),
        }
        let patience = match e.below(6) {
            0 => seconds(e, 0, 8),
            1 => seconds(e, 5, 60),
            _ => seconds(e, 60, 600),
        };
        Caller { keys, patience }
    }
}

impl Consultant {
    /// What he does with the call that rings now.
    pub fn draw(self, e: &mut Entropy) -> Plan {
        let answer = seconds(e, 1, 9);
        let talk = seconds(e, 5, 240);
        match e.below(20) {
            16 => Plan::Turn(answer, talk, Turn::Blind),
            17 => Plan::Turn(answer, talk, Turn::Attended),
            18 => Plan::Turn(answer, talk, Turn::Aside),
            19 => Plan::Turn(answer, talk, Turn::draw(e)),
            0 => Plan::Ignore,
            1 => Plan::Decline(answer),
            2 => Plan::Lost(answer, seconds(e, 1, 30)),
            3 | 4 => Plan::Key(answer, talk, "*14"),
            5 | 6 => Plan::Key(answer, talk, "*20"),
            7 => Plan::Key(answer, talk, "*2120260000015"),
            8 => Plan::Hold(answer, talk),
            _ => Plan::Answer(answer, talk),
        }
    }
}

impl Turn {
    fn draw(e: &mut Entropy) -> Turn {
        Turn::Keys(match e.below(5) {
            0 => &["*15N#"],
            1 => &["*15N#", "*16", "*16", "*17"],
            2 => &["*15N#", "*16", "*15#"],
            3 => &["*15N#", "*17", "*15N#"],
            _ => &["*15N#", "*15#"],
        })
    }
}

impl Centre {
    /// What it does with the call that rings now.
    pub fn draw(self, e: &mut Entropy) -> Plan {
        match e.below(4) {
            0 => Plan::Decline(Duration::from_millis(300)),
            1 => Plan::Ignore,
            _ => Plan::Answer(seconds(e, 1, 9), seconds(e, 5, 90)),
        }
    }
}
