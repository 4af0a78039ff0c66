//! What the people of the demo are about to do: drawn from the seed, so that a demo can be seen again.

use core::time::Duration;
use senim_base::{Entropy, Language};

/// What a caller wants, in his language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) language: Language,
    pub(super) wish: Wish,
}

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A consultant, about the law or psychology: the key.
    Talk(&'static str),
    /// Help, at once.
    Urgent,
    /// The services of 1414.
    Centre,
    /// The status of an appeal.
    Status,
    /// Nothing: he hangs up in the greeting.
    Early,
    /// A consultant, but he hangs up before one is there.
    Impatient,
    /// A consultant, but he has no keys to press.
    NoKeys,
}

/// The order of the wishes: early calls of any demo show most of what the line does.
const WISHES: [Wish; 12] = [
    Wish::Talk("1"),
    Wish::Talk("2"),
    Wish::Centre,
    Wish::Urgent,
    Wish::Early,
    Wish::Talk("1"),
    Wish::NoKeys,
    Wish::Status,
    Wish::Talk("2"),
    Wish::Impatient,
    Wish::Talk("1"),
    Wish::Centre,
];

/// What a consultant, or the centre, does with the call that rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Presses the red button after a while.
    Decline(Duration),
    /// Lets it ring.
    Ignore,
    /// Picks up after a while.
    Answer(Duration, Talk),
}

/// How a talk goes; moments count from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    /// The caller is put on hold, and taken back.
    pub(super) hold: Option<(Duration, Duration)>,
    /// A code is keyed: an appeal, or the caller is sent on.
    pub(super) keys: Option<(Duration, &'static str)>,
    /// The end.
    pub(super) length: Duration,
}

fn between(dice: &mut Entropy, from_ms: u32, to_ms: u32) -> Duration {
    Duration::from_millis(u64::from(from_ms + dice.below(to_ms - from_ms)))
}

impl Caller {
    /// The caller number `n`, counted from 0.
    pub(super) fn draw(n: usize, dice: &mut Entropy) -> Caller {
        let language = if dice.one_in(2) { Language::Kazakh } else { Language::Russian };
        let wish = match WISHES.get(n % WISHES.len()).copied() {
            // Somebody without keys waits long in the menu: one of two dozen callers is enough.
            Some(Wish::NoKeys) if n / WISHES.len() % 2 == 1 => Wish::Talk("2"),
            wish => wish.unwrap_or(Wish::Early),
        };
        Caller { language, wish }
    }

    /// Keys, each with its moment after the answer. `appeal` is a number to ask for.
    pub(super) fn keys(&self, appeal: Option<&str>, dice: &mut Entropy) -> Vec<(Duration, String)> {
        let language = match self.language {
            Language::Kazakh => "1",
            Language::Russian => "2",
        };
        let first = between(dice, 1_000, 4_000);
        let then = first + between(dice, 1_000, 3_000);
        let keys = |key: &str| vec![(first, language.to_owned()), (then, key.to_owned())];
        match self.wish {
            Wish::Talk(topic) => keys(topic),
            Wish::Impatient => keys("1"),
            Wish::Centre => keys("3"),
            Wish::Urgent => vec![(first, "0".to_owned())],
            Wish::Status => {
                let number = appeal.unwrap_or("20260000000");
                let mut all = keys("4");
                all.push((then + Duration::from_secs(2), format!("{number}#")));
                all
            }
            Wish::Early | Wish::NoKeys => Vec::new(),
        }
    }

    /// How long after the answer he hangs up himself at the latest.
    pub(super) fn patience(&self, dice: &mut Entropy) -> Duration {
        match self.wish {
            Wish::Talk(_) | Wish::Urgent | Wish::Centre => between(dice, 60_000, 90_000),
            Wish::NoKeys => between(dice, 90_000, 110_000),
            Wish::Status => between(dice, 20_000, 24_000),
            Wish::Early => between(dice, 1_500, 5_000),
            Wish::Impatient => between(dice, 7_000, 9_500),
        }
    }
}

impl Plan {
    /// A consultant's.
    pub(super) fn consultant(dice: &mut Entropy) -> Plan {
        match dice.below(16) {
            0 => Plan::Ignore,
            1 => Plan::Decline(between(dice, 800, 2_500)),
            _ => Plan::Answer(between(dice, 1_000, 4_000), Talk::draw(dice)),
        }
    }

    /// The centre's: it answers two times of three.
    pub(super) fn centre(dice: &mut Entropy) -> Plan {
        if dice.one_in(3) {
            return if dice.one_in(2) { Plan::Ignore } else { Plan::Decline(between(dice, 500, 2_000)) };
        }
        let length = between(dice, 5_000, 10_000);
        Plan::Answer(between(dice, 1_000, 3_000), Talk { hold: None, keys: None, length })
    }
}

impl Talk {
    fn draw(dice: &mut Entropy) -> Talk {
        let length = between(dice, 6_000, 20_000);
        let hold = dice.one_in(4).then(|| (Duration::from_millis(1_800), between(dice, 3_600, 5_000)));
        let at = Duration::from_millis(5_600);
        match dice.below(10) {
            // Saying the number takes its time, and consultants wait for it.
            0..5 => Talk { hold, keys: Some((at, "*20")), length: length + Duration::from_secs(8) },
            // Time for the notice and for 1414 to ring; when nobody answers there he is still here.
            5 => Talk { hold, keys: Some((at, "*14")), length: Duration::from_secs(26) },
            _ => Talk { hold, keys: None, length },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_brings_the_same_people() {
        let day = |seed| {
            let mut dice = Entropy::from_seed(seed);
            (0..50)
                .map(|n| (Caller::draw(n, &mut dice), Plan::consultant(&mut dice), Plan::centre(&mut dice)))
                .collect::<Vec<_>>()
        };
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
    }

    #[test]
    fn a_caller_keys_his_language_then_his_wish_before_he_loses_patience() {
        let mut dice = Entropy::from_seed(3);
        for n in 0..200 {
            let caller = Caller::draw(n, &mut dice);
            let keys = caller.keys(Some("20260000015"), &mut dice);
            assert!(keys.is_sorted_by_key(|(at, _)| *at));
            let patience = caller.patience(&mut dice);
            assert!(keys.last().is_none_or(|(at, _)| *at < patience), "{caller:?}");
            if caller.wish == Wish::Status {
                assert_eq!(keys[2].1, "20260000015#");
            }
        }
    }

    #[test]
    fn consultants_pick_up_within_four_seconds_and_keys_come_after_the_hold() {
        let mut dice = Entropy::from_seed(4);
        for _ in 0..500 {
            if let Plan::Answer(after, talk) = Plan::consultant(&mut dice) {
                assert!(after < Duration::from_secs(4));
                assert!(talk.length > Duration::from_millis(5_000));
                if let (Some((from, to)), Some((keys, _))) = (talk.hold, talk.keys) {
                    assert!(from < to && to < keys && keys < talk.length);
                }
            }
        }
    }
}
