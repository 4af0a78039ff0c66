//! The proof of a script before it is served (FEATURES Z4): nobody gets lost in it, whatever he presses or does not.
//!
//! What is proven of a script for callers:
//! - every step is reached, and a caller who presses nothing never goes round for ever;
//! - after the last try of a question, and after a failed forward, there is a human, never a hang-up;
//! - a human is at most [`KEYS_TO_HUMAN_MAX`] answers away from the start, not counting the urgent key;
//! - a caller who is blocked for a time may be hung up on, but never without the urgent key;
//! - the urgent key leads to a queue before all others, and no step uses it for something else;
//! - prompts (in both languages), queues, forwards and endings exist.

use crate::defect::{Defects, suggest};
use crate::run::{PRIORITY_NORMAL, PRIORITY_URGENT};
use crate::script::{Name, Purpose, Script, Step, Why};
use senim_base::Language;
use std::collections::{BTreeMap, BTreeSet};

/// Answers a caller gives at most before he can talk with a human.
pub const KEYS_TO_HUMAN_MAX: u32 = 3;

/// What lives around a script. A part that is not known is not checked.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Prompts that have sound, by language. One common to both languages stands in twice.
    pub prompts: Option<BTreeSet<(Language, String)>>,
    /// Queues.
    pub queues: Option<BTreeSet<String>>,
    /// Where forwards may go.
    pub forwards: Option<BTreeSet<String>>,
}

impl World {
    /// Nothing is known: only the script itself is proven.
    pub fn unknown() -> Self {
        World::default()
    }
}

/// Finds everything that is wrong with a script whose every step could be read.
pub(crate) fn prove(script: &Script, world: &World, defects: &mut Defects<'_>) {
    surroundings(script, world, defects);
    endings(script, defects);
    languages(script, defects);
    purpose(script, defects);
    human(script, defects);
    urgent(script, defects);
    numbers(script, defects);
    let rounds = endless_rounds(script, defects);
    reached(script, defects);
    if script.purpose == Purpose::Line && !rounds {
        never_hung_up(script, defects);
        human_in_reach(script, defects);
    }
}

fn surroundings(script: &Script, world: &World, defects: &mut Defects<'_>) {
    for step in script.steps.values() {
        if let Some(known) = &world.prompts {
            step.prompts().into_iter().for_each(|p| prompt(p, known, defects));
        }
        match step {
            Step::Queue { queue, .. } => known("queue", queue, world.queues.as_ref(), defects),
            Step::Forward { to, .. } => known("forward", to, world.forwards.as_ref(), defects),
            _ => {}
        }
    }
}

fn prompt(prompt: &Name, known: &BTreeSet<(Language, String)>, defects: &mut Defects<'_>) {
    let lacks = |l: Language| !known.contains(&(l, prompt.text.clone()));
    let missing: Vec<&str> = Language::ALL.into_iter().filter(|l| lacks(*l)).map(Language::code).collect();
    if missing.is_empty() {
        return;
    }
    if missing.len() < Language::ALL.len() {
        let what = format!("prompt `{}` has no sound in {}", prompt.text, missing.join(" and "));
        defects.add(
            prompt.span.clone(),
            what,
            format!("add `{}` to {}.toml and make its sound", prompt.text, missing.join(", ")),
        );
    } else {
        let names: BTreeSet<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
        let instead = suggest(&prompt.text, names.iter().copied());
        defects.add(prompt.span.clone(), format!("unknown prompt `{}`", prompt.text), instead);
    }
}

fn known(kind: &str, name: &Name, known: Option<&BTreeSet<String>>, defects: &mut Defects<'_>) {
    if let Some(known) = known
        && !known.contains(&name.text)
    {
        let instead = suggest(&name.text, known.iter().map(String::as_str));
        defects.add(name.span.clone(), format!("unknown {kind} `{}`", name.text), instead);
    }
}

fn endings(script: &Script, defects: &mut Defects<'_>) {
    let declared = script.endings();
    let mut used = BTreeSet::new();
    for step in script.steps.values() {
        if let Step::HangUp { ending, .. } = step {
            used.insert(ending.text.as_str());
            if !declared.contains(ending.text.as_str()) {
                let instead = match declared.is_empty() {
                    true => format!("write endings = [\"{}\"] at the top", ending.text),
                    false => suggest(&ending.text, declared.iter().copied()),
                };
                defects.add(ending.span.clone(), format!("unknown ending `{}`", ending.text), instead);
            }
        }
    }
    for ending in script.endings.iter().filter(|e| !used.contains(e.text.as_str())) {
        let what = format!("no step ends with `{}`", ending.text);
        defects.add(ending.span.clone(), what, "take it out, or write a step with hang_up");
    }
}

/// A language step offers every language: nobody is kept from his own (FEATURES L1).
fn languages(script: &Script, defects: &mut Defects<'_>) {
    for (name, step) in &script.steps {
        let Step::Language { keys, .. } = step else { continue };
        for language in Language::ALL.into_iter().filter(|l| !keys.values().any(|k| k == l)) {
            let what = format!("step `{name}` has no key for {language}");
            defects.add(heading(script, name), what, format!("add a key = \"{language}\" to its keys"));
        }
    }
}

fn purpose(script: &Script, defects: &mut Defects<'_>) {
    if script.purpose == Purpose::Measuring {
        return;
    }
    for (name, step) in &script.steps {
        let verb = match step {
            Step::Silent => "silent",
            Step::Loop { .. } => "loop",
            _ => continue,
        };
        let what = format!("step `{name}` never ends: `{verb}` is not for callers");
        defects.add(
            heading(script, name),
            what,
            "write purpose = \"measuring\" at the top, or take the step out",
        );
    }
}

fn human(script: &Script, defects: &mut Defects<'_>) {
    if let Some(human) = &script.human
        && !is_queue(script, &human.text)
    {
        let what = format!("`human` leads to `{}`, which is no queue", human.text);
        defects.add(human.span.clone(), what, "name a step with `queue`");
    }
}

/// The urgent key: to a queue before all others, from everywhere, and for nothing else (FEATURES I3).
fn urgent(script: &Script, defects: &mut Defects<'_>) {
    let Some(urgent) = &script.urgent else { return };
    let Some(Step::Queue { priority: first, .. }) = script.steps.get(&urgent.to.text) else {
        let what = format!("the urgent key leads to `{}`, which is no queue", urgent.to.text);
        defects.add(urgent.to.span.clone(), what, "name a step with `queue`");
        return;
    };
    if *first != PRIORITY_URGENT {
        let what = format!("the urgent step `{}` has priority {first}", urgent.to.text);
        defects.add(heading(script, &urgent.to.text), what, format!("write priority = {PRIORITY_URGENT}"));
    }
    for (name, step) in &script.steps {
        match step {
            Step::Queue { priority: PRIORITY_URGENT, .. } if *name != urgent.to.text => {
                let what = format!("step `{name}` has the priority of the urgent step");
                defects.add(heading(script, name), what, format!("write priority = {PRIORITY_NORMAL}"));
            }
            Step::Menu { keys, .. } | Step::Loop { keys, .. } => {
                if let Some(to) = keys.get(&urgent.key) {
                    taken(name, urgent.key, to.span.clone(), defects);
                }
            }
            Step::Language { keys, .. } if keys.contains_key(&urgent.key) => {
                taken(name, urgent.key, heading(script, name), defects);
            }
            Step::Collect { terminator: Some(t), .. } if *t == urgent.key => {
                taken(name, urgent.key, heading(script, name), defects);
            }
            _ => {}
        }
    }
}

fn taken(step: &str, key: char, span: core::ops::Range<usize>, defects: &mut Defects<'_>) {
    let what = format!("step `{step}` uses key {key}, which is the urgent key everywhere");
    defects.add(span, what, "choose another key");
}

/// A status can only be told of a number: the way to it leads through a `collect`.
fn numbers(script: &Script, defects: &mut Defects<'_>) {
    let is_status = |name: &Name| matches!(script.steps.get(&name.text), Some(Step::Status { .. }));
    let mut tell = |name: &Name| {
        if is_status(name) {
            let what = format!("`{}` tells a status, but no number was asked for", name.text);
            defects.add(name.span.clone(), what, "lead to a step with `collect` that goes on to it");
        }
    };
    tell(&script.start);
    for step in script.steps.values() {
        for (why, name) in step.targets() {
            if !(matches!(step, Step::Collect { .. }) && why == Why::Keys) {
                tell(name);
            }
        }
    }
}

/// Ways that need no key must end. Tells each circle once; `true` when there is one.
fn endless_rounds(script: &Script, defects: &mut Defects<'_>) -> bool {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut any = false;
    for name in script.steps.keys() {
        let mut way: Vec<&str> = Vec::new();
        any |= walk_alone(script, name, &mut way, &mut done, defects);
    }
    any
}

/// Depth first along the edges without keys. The depth is at most the number of steps.
fn walk_alone<'s>(
    script: &'s Script,
    name: &'s str,
    way: &mut Vec<&'s str>,
    done: &mut BTreeSet<&'s str>,
    defects: &mut Defects<'_>,
) -> bool {
    if done.contains(name) {
        return false;
    }
    way.push(name);
    let mut round = false;
    for (_, to) in alone(script, name) {
        if let Some(at) = way.iter().position(|step| *step == to.text) {
            let circle = way.get(at..).unwrap_or_default().join(" → ");
            let what = format!("a caller who presses nothing goes round for ever: {circle} → {}", to.text);
            defects.add(to.span.clone(), what, "lead to a step with `queue`");
            round = true;
        } else {
            round |= walk_alone(script, &to.text, way, done, defects);
        }
    }
    way.pop();
    done.insert(name);
    round
}

/// The edges a caller follows who presses nothing.
fn alone<'s>(script: &'s Script, name: &str) -> Vec<(Why, &'s Name)> {
    let all = script.steps.get(name).map(Step::targets).unwrap_or_default();
    all.into_iter().filter(|(why, _)| *why != Why::Keys).collect()
}

fn reached(script: &Script, defects: &mut Defects<'_>) {
    let roots = [Some(&script.start), script.human.as_ref(), script.urgent.as_ref().map(|u| &u.to)];
    let mut open: Vec<&str> = roots.into_iter().flatten().map(|n| n.text.as_str()).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(
                script.steps.get(name).into_iter().flat_map(Step::targets).map(|(_, n)| n.text.as_str()),
            );
        }
    }
    for name in script.steps.keys().filter(|n| !seen.contains(n.as_str())) {
        let what = format!("no way leads to step `{name}`");
        defects.add(heading(script, name), what, "lead a key or a `then` to it, or take it out");
    }
}

/// A caller who could not, or did not, answer meets a human in the end (FEATURES I2).
fn never_hung_up(script: &Script, defects: &mut Defects<'_>) {
    for step in script.steps.values() {
        for (why, to) in step.targets() {
            if why == Why::GivenUp
                && let Some(end) = hang_up_after(script, &to.text)
            {
                let what = format!("a caller whom nobody helped yet is hung up on in `{end}`");
                defects.add(to.span.clone(), what, "lead to a step with `queue`");
            }
        }
    }
}

/// The first step that hangs up on the way of a caller who presses nothing.
fn hang_up_after<'s>(script: &'s Script, from: &'s str) -> Option<&'s str> {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(name) = open.pop() {
        if matches!(script.steps.get(name), Some(Step::HangUp { .. })) {
            return Some(name);
        }
        if seen.insert(name) {
            open.extend(alone(script, name).into_iter().map(|(_, n)| n.text.as_str()));
        }
    }
    None
}

/// How many answers from the start to a human, by the shortest way that a caller can choose.
fn human_in_reach(script: &Script, defects: &mut Defects<'_>) {
    let mut answers: BTreeMap<&str, u32> = BTreeMap::from([(script.start.text.as_str(), 0)]);
    let mut layer: Vec<&str> = vec![&script.start.text];
    for given in 0..=KEYS_TO_HUMAN_MAX {
        let mut next = Vec::new();
        while let Some(name) = layer.pop() {
            let Some(step) = script.steps.get(name) else { continue };
            if matches!(step, Step::Queue { .. }) {
                return;
            }
            for (why, to) in step.targets() {
                let (cost, onto) = match why {
                    Why::Itself => (given, &mut layer),
                    Why::Keys => (given + 1, &mut next),
                    Why::GivenUp => continue,
                };
                if answers.get(to.text.as_str()).is_none_or(|known| *known > cost) {
                    answers.insert(&to.text, cost);
                    onto.push(&to.text);
                }
            }
        }
        layer = next;
    }
    defects.add(
        script.start.span.clone(),
        format!("no human within {KEYS_TO_HUMAN_MAX} keys of the start"),
        "lead a key of an early menu to a step with `queue`",
    );
}

fn is_queue(script: &Script, name: &str) -> bool {
    matches!(script.steps.get(name), Some(Step::Queue { .. }))
}

fn heading(script: &Script, name: &str) -> core::ops::Range<usize> {
    script.headings.get(name).cloned().unwrap_or(0..0)
}
