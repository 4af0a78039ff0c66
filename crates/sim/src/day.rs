//! One virtual day of mixed calls: callers come when they come, consultants do what people do, cables are cut.
//! At its end nobody may be left over, and every promise about the facts must hold.

use crate::actors::{Caller, Centre, Consultant, Plan, Turn};
use crate::checks::{Broken, check_facts};
use crate::line::LineConfig;
use crate::net::Wire;
use crate::world::{PhoneId, World};
use core::cmp::Reverse;
use core::time::Duration;
use senim_base::{Entropy, Instant, Language};
use senim_phone::{Event, Voice};
use senim_switch::Live;
use senim_switch::facts::{Disposition, Fact, ForwardResult};
use std::collections::{BTreeMap, BinaryHeap};

/// What a day is made of.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// Calls in the day.
    pub calls: u32,
    /// Consultants: every third speaks both languages.
    pub consultants: u32,
    /// How long the day is.
    pub length: Duration,
    /// How bad the wires are.
    pub wire: Wire,
}

impl Default for Day {
    fn default() -> Self {
        Day { calls: 12, consultants: 4, length: Duration::from_secs(86_400), wire: Wire::GOOD }
    }
}

/// How a day went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayReport {
    /// Calls by final state.
    pub by_state: BTreeMap<Disposition, u32>,
    /// Calls of any kind that ended.
    pub ended: u32,
    /// Callers whom a consultant sent on, and who came through; and those who did not.
    pub transfers: (u32, u32),
    /// Three who talked together.
    pub conferences: u32,
    /// Facts written.
    pub facts: u64,
    /// A hash of all facts: the same seed gives the same.
    pub hash: u64,
}

/// Why a day is not right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Promises about the facts were broken.
    Facts(Vec<Broken>),
    /// Something is still alive.
    LeftOver(Live, usize),
}

enum Act {
    Call(Caller),
    Press(PhoneId, u64, &'static str),
    HangUp(PhoneId, u64),
    Answer(PhoneId, u64),
    Decline(PhoneId, u64),
    Cut(PhoneId, bool),
    Hold(PhoneId, u64, bool),
    Keys(PhoneId, u64, String),
    Refer(PhoneId, u64, String),
    Consult(PhoneId, u64, String),
    Join(PhoneId, u64),
    Return(PhoneId, u64),
}

struct Stage {
    world: World,
    dice: Entropy,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    acts: BTreeMap<u64, Act>,
    next: u64,
    free: Vec<PhoneId>,
    callers: BTreeMap<PhoneId, Caller>,
    staff: Vec<PhoneId>,
    centre: PhoneId,
    plans: BTreeMap<PhoneId, Plan>,
    /// Counts a phone's calls: an act for an old call does not touch the next one.
    turn: BTreeMap<PhoneId, u64>,
}

/// Plays a day.
///
/// # Errors
/// What was found wrong at its end.
pub fn run_day(seed: u64, day: &Day) -> Result<DayReport, Wrong> {
    let mut world = World::new(seed, LineConfig::shipped(), day.wire);
    let mut dice = world.entropy().fork();
    let staff = hire(&mut world, day.consultants);
    let centre = world.centre();
    world.run(Duration::from_secs(5));
    let mut stage = Stage {
        world,
        dice: dice.fork(),
        due: BinaryHeap::new(),
        acts: BTreeMap::new(),
        next: 0,
        free: Vec::new(),
        callers: BTreeMap::new(),
        staff,
        centre,
        plans: BTreeMap::new(),
        turn: BTreeMap::new(),
    };
    let start = stage.world.now();
    let minutes = u32::try_from(day.length.as_secs() / 60).unwrap_or(u32::MAX);
    for _ in 0..day.calls {
        let at = start + Duration::from_secs(60 * u64::from(dice.below(minutes)));
        let caller = Caller::draw(&mut dice);
        stage.plan(at, Act::Call(caller));
    }
    stage.play(start + day.length);
    stage.close();
    stage.report()
}

fn hire(world: &mut World, count: u32) -> Vec<PhoneId> {
    (0..count)
        .map(|n| {
            let languages: &[Language] = match n % 3 {
                0 => &Language::ALL,
                1 => &[Language::Kazakh],
                _ => &[Language::Russian],
            };
            let login = format!("{n:03}");
            let phone = world.consultant(&login, languages, &[]);
            world.with_phone(phone, |p, _| p.say(Voice::Sparse));
            world.sign_in(&login);
            phone
        })
        .collect()
}

impl Stage {
    fn plan(&mut self, at: Instant, act: Act) {
        self.next += 1;
        self.due.push(Reverse((at, self.next)));
        self.acts.insert(self.next, act);
    }

    fn after(&mut self, wait: Duration, act: Act) {
        let at = self.world.now() + wait;
        self.plan(at, act);
    }

    /// Lets the day go by, acting when an act is due and whenever a phone tells something.
    fn play(&mut self, until: Instant) {
        loop {
            let at = self.due.peek().map_or(until, |Reverse((at, _))| (*at).min(until));
            self.world.run_to_news(at);
            while let Some((phone, event)) = self.world.told() {
                self.react(phone, event);
            }
            if self.world.now() >= until && at >= until {
                break;
            }
            while let Some(Reverse((at, n))) = self.due.peek().copied() {
                if at > self.world.now() {
                    break;
                }
                self.due.pop();
                if let Some(act) = self.acts.remove(&n) {
                    self.act(act);
                }
            }
        }
    }

    fn turn(&self, phone: PhoneId) -> u64 {
        self.turn.get(&phone).copied().unwrap_or(0)
    }

    fn act(&mut self, act: Act) {
        let current = |s: &Stage, phone, turn| s.turn(phone) == turn;
        match act {
            Act::Call(caller) => self.call(caller),
            Act::Press(phone, turn, keys) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, _| p.press(keys));
            }
            Act::HangUp(phone, turn) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| {
                    p.hang_up_parked(now);
                    p.hang_up(now);
                });
            }
            Act::Answer(phone, turn) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.answer(now));
            }
            Act::Decline(phone, turn) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.decline(486, now));
                self.over(phone);
            }
            Act::Hold(phone, turn, yes) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.hold(yes, now));
            }
            Act::Keys(phone, turn, keys) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, _| p.press(&keys));
            }
            Act::Refer(phone, turn, to) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.refer(&format!("sip:{to}@toll.example"), now));
            }
            Act::Consult(phone, turn, number) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.consult(&number, now));
            }
            Act::Join(phone, turn) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| p.refer_attended(now));
            }
            Act::Return(phone, turn) if current(self, phone, turn) => {
                self.world.with_phone(phone, |p, now| {
                    if p.has_parked() {
                        p.hang_up(now);
                    }
                });
            }
            Act::Cut(phone, yes) => {
                if let Some(host) = self.world.host(phone) {
                    self.world.net.cut(host, yes);
                }
                if !yes {
                    self.world.with_phone(phone, |p, now| {
                        p.hang_up_parked(now);
                        p.hang_up(now);
                        p.register(3_600, now);
                    });
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, caller: Caller) {
        let phone = self.free.pop().unwrap_or_else(|| {
            let number = format!("+7701{:07}", self.dice.below(10_000_000));
            let phone = self.world.caller(&number);
            self.world.with_phone(phone, |p, _| p.say(Voice::Sparse));
            phone
        });
        let turn = self.turn(phone);
        self.after(caller.patience, Act::HangUp(phone, turn));
        self.callers.insert(phone, caller);
        self.world.with_phone(phone, |p, now| p.dial("111", now));
    }

    fn over(&mut self, phone: PhoneId) {
        *self.turn.entry(phone).or_insert(0) += 1;
        self.plans.remove(&phone);
        if self.callers.remove(&phone).is_some() {
            self.free.push(phone);
        }
    }

    fn react(&mut self, phone: PhoneId, event: Event) {
        match event {
            Event::Incoming => self.rings(phone),
            Event::Answered => self.answered(phone),
            // A second call ended: back to the first one.
            Event::Refused(_) | Event::Ended { .. } if self.world.look(phone).has_parked() => {
                self.world.with_phone(phone, |p, now| p.retrieve(now));
            }
            Event::Refused(_) | Event::Ended { .. } => self.over(phone),
            Event::ParkedEnded if !self.world.look(phone).is_busy() => self.over(phone),
            _ => {}
        }
    }

    fn rings(&mut self, phone: PhoneId) {
        let plan =
            if phone == self.centre { Centre.draw(&mut self.dice) } else { Consultant.draw(&mut self.dice) };
        let turn = self.turn(phone);
        match plan {
            Plan::Ignore => {}
            Plan::Decline(after) => self.after(after, Act::Decline(phone, turn)),
            Plan::Answer(after, _)
            | Plan::Lost(after, _)
            | Plan::Key(after, ..)
            | Plan::Hold(after, _)
            | Plan::Turn(after, ..) => {
                self.after(after, Act::Answer(phone, turn));
            }
        }
        self.plans.insert(phone, plan);
    }

    fn answered(&mut self, phone: PhoneId) {
        let turn = self.turn(phone);
        if let Some(caller) = self.callers.get(&phone).cloned() {
            let mut wait = Duration::ZERO;
            for (pause, keys) in caller.keys {
                wait += pause;
                self.after(wait, Act::Press(phone, turn, keys));
            }
            return;
        }
        // His second call is answered within the same plan.
        match self.plans.remove(&phone) {
            Some(Plan::Turn(_, talk, how)) => self.turns(phone, talk, how),
            Some(Plan::Answer(_, talk)) => self.after(talk, Act::HangUp(phone, turn)),
            Some(Plan::Key(_, talk, keys)) => {
                self.after(talk / 2, Act::Press(phone, turn, keys));
                self.after(talk + Duration::from_secs(45), Act::HangUp(phone, turn));
            }
            Some(Plan::Hold(_, talk)) => {
                self.after(talk / 3, Act::Hold(phone, turn, true));
                self.after(talk / 2, Act::Hold(phone, turn, false));
                self.after(talk, Act::HangUp(phone, turn));
            }
            Some(Plan::Lost(_, until)) => {
                self.after(until, Act::Cut(phone, true));
                self.after(until + Duration::from_secs(90), Act::Cut(phone, false));
            }
            _ => {}
        }
    }

    /// A consultant turns to somebody for his caller: to a colleague, at times to himself by mistake, or to 1414.
    fn turns(&mut self, phone: PhoneId, talk: Duration, how: Turn) {
        let turn = self.turn(phone);
        let staff = u32::try_from(self.staff.len()).unwrap_or(1).max(1);
        let number = match self.dice.below(4) {
            0 => "1414".to_owned(),
            _ => format!("7{:03}", self.dice.below(staff)),
        };
        let (begin, step) = (talk / 3, Duration::from_secs(u64::from(4 + self.dice.below(12))));
        match how {
            Turn::Keys(codes) => {
                for (n, code) in (0u32..).zip(codes) {
                    self.after(begin + step * n, Act::Keys(phone, turn, code.replace('N', &number)));
                }
            }
            Turn::Blind => self.after(begin, Act::Refer(phone, turn, number)),
            Turn::Attended => {
                self.after(begin, Act::Consult(phone, turn, number));
                self.after(begin + step, Act::Join(phone, turn));
            }
            Turn::Aside => {
                self.after(begin, Act::Consult(phone, turn, number));
                self.after(begin + step, Act::Return(phone, turn));
            }
        }
        self.after(talk + step * 4, Act::HangUp(phone, turn));
    }

    /// The day is over: everybody goes home, and whoever still waits hangs up.
    fn close(&mut self) {
        self.due.clear();
        self.acts.clear();
        self.world.net.wire = Wire::GOOD;
        let everybody: Vec<PhoneId> =
            self.callers.keys().copied().chain(self.staff.clone()).chain([self.centre]).collect();
        for phone in everybody {
            if let Some(host) = self.world.host(phone) {
                self.world.net.cut(host, false);
            }
            self.world.with_phone(phone, |p, now| {
                p.hang_up_parked(now);
                p.hang_up(now);
                p.register(0, now);
            });
        }
        self.world.run(Duration::from_secs(180));
    }

    fn report(self) -> Result<DayReport, Wrong> {
        let live = self.world.live();
        let sessions = self.world.media_sessions();
        if live != Live::default() || sessions != 0 || self.world.tape.open() != 0 {
            return Err(Wrong::LeftOver(live, sessions));
        }
        let ended = check_facts(&self.world.facts).map_err(Wrong::Facts)?;
        let mut report = DayReport { facts: self.world.facts.len() as u64, ..DayReport::default() };
        for record in &self.world.facts {
            match record.fact {
                Fact::TransferEnded { result: ForwardResult::Connected, .. } => report.transfers.0 += 1,
                Fact::TransferEnded { .. } => report.transfers.1 += 1,
                Fact::ConferenceBegan { .. } => report.conferences += 1,
                _ => {}
            }
        }
        for disposition in ended.values() {
            report.ended += 1;
            if let Some(d) = disposition {
                *report.by_state.entry(*d).or_insert(0) += 1;
            }
        }
        report.hash = hash(&format!("{:?}", self.world.facts));
        Ok(report)
    }
}

/// FNV-1a: enough to see that two runs are the same.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
