//! The stage: phones of callers, consultants and the centre, and what each of them does next. Everything they know of
//! the line they hear on the wire.

use super::Wrong;
use super::cast::{Caller, Plan, Talk};
use super::house::{CARRIER, CENTRE, CONSULTANTS, House};
use super::voices::Account;
use crate::serve::clock;
use core::cmp::Reverse;
use core::time::Duration;
use senim_base::{Entropy, Instant, Language, Redacted};
use senim_net::phones::{self, PhoneId, Phones, Seat};
use senim_phone::Event;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

/// Callers at once; the next one waits for a free phone.
const CALLERS_MAX: usize = 9;
/// How long a softphone may take to register and sign in.
const SIGN_IN_MAX: Duration = Duration::from_secs(20);
/// Time between two callers.
const PAUSE_MS: (u32, u32) = (900, 3_600);
/// A consultant who did not pick up comes back after so long.
const BACK_AFTER: Duration = Duration::from_secs(5);
/// Phones of the demo register for so long.
const EXPIRES_S: u32 = 3_600;

enum Act {
    Press(String),
    HangUp,
    Answer,
    Decline,
    Hold(bool),
    /// Back from a pause that the line made because he did not pick up.
    Ready,
}

enum Role {
    Caller(Option<Caller>),
    Consultant { account: Account, feature: bool, at_work: bool, ignores: bool, plan: Option<Talk> },
    Centre { plan: Option<Talk> },
}

struct Player {
    role: Role,
    /// Counts his calls: what was planned for an old call does not touch the next one.
    turn: u64,
}

/// What the callers met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Calls made.
    pub(super) made: usize,
    /// Calls that are over.
    pub(super) ended: usize,
    /// Statuses with which calls were refused.
    pub(super) refused: Vec<u16>,
}

/// The stage.
pub(super) struct Stage {
    phones: Phones,
    told: Receiver<(PhoneId, Event)>,
    dice: Entropy,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    acts: BTreeMap<u64, (PhoneId, u64, Act)>,
    next_act: u64,
    players: BTreeMap<PhoneId, Player>,
    next_call: Instant,
    calls_max: Option<usize>,
    /// Numbers that callers ask the status of.
    appeals: Vec<String>,
    /// What the callers met.
    pub(super) tally: Tally,
}

impl Stage {
    /// Puts everybody on stage; consultants register and sign in by their telephones.
    ///
    /// # Errors
    /// Sockets, and consultants who are not let in.
    pub(super) fn set(
        house: &House,
        centre: Seat,
        mut dice: Entropy,
        calls: Option<usize>,
    ) -> Result<Stage, Wrong> {
        let (to, told) = mpsc::channel();
        let tell = move |phone, event| {
            // Nobody listens any more when the demo ends.
            let _ = to.send((phone, event));
        };
        let phones = Phones::start(dice.fork(), clock::now, tell).map_err(io("phones"))?;
        let mut stage = Stage {
            phones,
            told,
            dice,
            due: BinaryHeap::new(),
            acts: BTreeMap::new(),
            next_act: 0,
            players: BTreeMap::new(),
            next_call: clock::now(),
            calls_max: calls,
            appeals: Vec::new(),
            tally: Tally::default(),
        };
        stage.seat(house, centre, "1414", None, Role::Centre { plan: None }, Language::Russian)?;
        for account in &house.accounts {
            let password = Some(Redacted::new(account.password.clone()));
            let language = account.language;
            let role = Role::Consultant {
                account: account.clone(),
                feature: false,
                at_work: false,
                ignores: false,
                plan: None,
            };
            let seat = seat(CONSULTANTS)?;
            let phone = stage.seat(house, seat, &account.login, password, role, language)?;
            stage.phones.with(phone, |p, now| p.register(EXPIRES_S, now));
        }
        stage.wait_for_consultants(house)?;
        Ok(stage)
    }

    fn seat(
        &mut self,
        house: &House,
        seat: Seat,
        user: &str,
        password: Option<Redacted<String>>,
        role: Role,
        language: Language,
    ) -> Result<PhoneId, Wrong> {
        let account = phones::Account {
            user: user.to_owned(),
            password,
            host: house.plan.config.sip.realm.clone(),
            line: house.address,
            capabilities: senim_sdp::Capabilities::default(),
            keep: Duration::ZERO,
        };
        let phone = self.phones.add(seat, account).map_err(io("a phone"))?;
        let voice = house.voices.pick(language, &mut self.dice);
        self.phones.with(phone, move |p, _| p.say(voice));
        self.players.insert(phone, Player { role, turn: 0 });
        Ok(phone)
    }

    fn wait_for_consultants(&mut self, house: &House) -> Result<(), Wrong> {
        let until = clock::now() + SIGN_IN_MAX;
        while self.absent().is_some() && clock::now() < until {
            self.play(house, clock::now() + Duration::from_millis(100), false)?;
        }
        self.absent().map_or(Ok(()), |login| Err(Wrong::NotLetIn(login, 408)))
    }

    fn absent(&self) -> Option<String> {
        self.players.values().find_map(|p| match &p.role {
            Role::Consultant { account, at_work: false, .. } => Some(account.login.clone()),
            _ => None,
        })
    }

    /// An appeal that callers may ask about from now on.
    pub(super) fn appeal(&mut self, keyed: String) {
        if !self.appeals.contains(&keyed) {
            self.appeals.push(keyed);
        }
    }

    /// Lets people act until a moment. With `open`, new callers come.
    pub(super) fn play(&mut self, house: &House, until: Instant, open: bool) -> Result<(), Wrong> {
        loop {
            let now = clock::now();
            self.act_what_is_due(now);
            if open && self.next_call <= now {
                self.next_caller(house, now)?;
            }
            let next = self.due.peek().map_or(until, |Reverse((at, _))| (*at).min(until));
            let next = if open { next.min(self.next_call.max(now)) } else { next };
            match self.told.recv_timeout(next.since(now)) {
                Ok((phone, event)) => self.react(phone, event)?,
                Err(RecvTimeoutError::Timeout) if clock::now() >= until => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Wrong::PhonesDied),
            }
            if clock::now() >= until {
                return Ok(());
            }
        }
    }

    /// Everybody who calls hangs up, and nothing more is planned for callers.
    pub(super) fn empty(&mut self) {
        for (phone, player) in &self.players {
            if matches!(player.role, Role::Caller(Some(_))) {
                self.phones.with(*phone, |p, now| p.hang_up(now));
            }
        }
    }

    /// Closes all telephones.
    pub(super) fn clear(self) {
        self.phones.stop();
    }

    fn next_caller(&mut self, house: &House, now: Instant) -> Result<(), Wrong> {
        let (least, most) = PAUSE_MS;
        let pause = least + self.dice.below(most - least);
        self.next_call = now + Duration::from_millis(u64::from(pause));
        let busy = self.players.values().filter(|p| matches!(p.role, Role::Caller(Some(_)))).count();
        if busy >= CALLERS_MAX || self.calls_max.is_some_and(|max| self.tally.made >= max) {
            return Ok(());
        }
        let caller = Caller::draw(self.tally.made, &mut self.dice);
        let free = self.players.iter().find(|(_, p)| matches!(p.role, Role::Caller(None)));
        let phone = match free.map(|(phone, _)| *phone) {
            Some(phone) => phone,
            None => {
                let number = format!("+7701{:07}", self.dice.below(10_000_000));
                self.seat(house, seat(CARRIER)?, &number, None, Role::Caller(None), caller.language)?
            }
        };
        let voice = house.voices.pick(caller.language, &mut self.dice);
        if let Some(player) = self.players.get_mut(&phone) {
            player.role = Role::Caller(Some(caller));
        }
        self.tally.made += 1;
        self.phones.with(phone, move |p, now| {
            p.say(voice);
            p.dial("111", now);
        });
        Ok(())
    }

    fn plan(&mut self, phone: PhoneId, after: Duration, act: Act) {
        let Some(player) = self.players.get(&phone) else { return };
        self.next_act += 1;
        self.due.push(Reverse((clock::now() + after, self.next_act)));
        self.acts.insert(self.next_act, (phone, player.turn, act));
    }

    fn act_what_is_due(&mut self, now: Instant) {
        while let Some(Reverse((at, n))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            let Some((phone, turn, act)) = self.acts.remove(&n) else { continue };
            if self.players.get(&phone).is_none_or(|p| p.turn != turn) {
                continue;
            }
            match act {
                Act::Press(keys) => self.phones.with(phone, move |p, _| p.press(&keys)),
                Act::HangUp => self.phones.with(phone, |p, now| p.hang_up(now)),
                Act::Answer => self.phones.with(phone, |p, now| p.answer(now)),
                Act::Ready => self.dial_code(phone, "*13"),
                Act::Hold(yes) => self.phones.with(phone, move |p, now| p.hold(yes, now)),
                Act::Decline => {
                    self.phones.with(phone, |p, now| p.decline(486, now));
                    self.over(phone);
                }
            }
        }
    }

    fn react(&mut self, phone: PhoneId, event: Event) -> Result<(), Wrong> {
        match event {
            Event::Registered => self.sign_in(phone),
            Event::RegisterRefused(status) => {
                if let Some(Player { role: Role::Consultant { account, .. }, .. }) = self.players.get(&phone)
                {
                    return Err(Wrong::NotLetIn(account.login.clone(), status));
                }
            }
            Event::Incoming => self.rings(phone),
            Event::Answered => self.answered(phone),
            Event::Refused(status) => {
                match self.players.get(&phone).map(|p| &p.role) {
                    Some(Role::Caller(Some(_))) => self.tally.refused.push(status),
                    Some(Role::Consultant { account, feature: true, .. }) => {
                        return Err(Wrong::NotLetIn(account.login.clone(), status));
                    }
                    _ => {}
                }
                self.over(phone);
            }
            Event::Ended { .. } => self.over(phone),
            _ => {}
        }
        Ok(())
    }

    /// As any consultant does it: by dialling the code.
    fn sign_in(&mut self, phone: PhoneId) {
        let at_work = |p: &Player| matches!(p.role, Role::Consultant { at_work: true, .. });
        if !self.players.get(&phone).is_some_and(at_work) {
            self.dial_code(phone, "*10");
        }
    }

    fn dial_code(&mut self, phone: PhoneId, code: &'static str) {
        if let Some(Player { role: Role::Consultant { feature, .. }, .. }) = self.players.get_mut(&phone) {
            // A phone that rings at this moment dials nothing.
            *feature = self.phones.ask(phone, move |p, now| p.dial(code, now)).unwrap_or(false);
        }
    }

    fn rings(&mut self, phone: PhoneId) {
        let Some(player) = self.players.get_mut(&phone) else { return };
        let (slot, drawn) = match &mut player.role {
            Role::Consultant { plan, .. } => (plan, Plan::consultant(&mut self.dice)),
            Role::Centre { plan } => (plan, Plan::centre(&mut self.dice)),
            Role::Caller(_) => return,
        };
        match drawn {
            Plan::Ignore => {
                if let Role::Consultant { ignores, .. } = &mut player.role {
                    *ignores = true;
                }
            }
            Plan::Decline(after) => self.plan(phone, after, Act::Decline),
            Plan::Answer(after, talk) => {
                *slot = Some(talk);
                self.plan(phone, after, Act::Answer);
            }
        }
    }

    fn answered(&mut self, phone: PhoneId) {
        let Some(player) = self.players.get_mut(&phone) else { return };
        match &mut player.role {
            Role::Caller(Some(caller)) => {
                let caller = caller.clone();
                let appeal = self.dice.below(u32::try_from(self.appeals.len()).unwrap_or(u32::MAX));
                let appeal = self.appeals.get(appeal as usize).cloned();
                let keys = caller.keys(appeal.as_deref(), &mut self.dice);
                let patience = caller.patience(&mut self.dice);
                for (at, keys) in keys {
                    self.plan(phone, at, Act::Press(keys));
                }
                self.plan(phone, patience, Act::HangUp);
            }
            Role::Consultant { feature: false, plan, .. } | Role::Centre { plan } => {
                if let Some(talk) = plan.take() {
                    self.talk(phone, talk);
                }
            }
            _ => {}
        }
    }

    fn talk(&mut self, phone: PhoneId, talk: Talk) {
        if let Some((from, to)) = talk.hold {
            self.plan(phone, from, Act::Hold(true));
            self.plan(phone, to, Act::Hold(false));
        }
        if let Some((at, keys)) = talk.keys {
            self.plan(phone, at, Act::Press(keys.to_owned()));
        }
        self.plan(phone, talk.length, Act::HangUp);
    }

    fn over(&mut self, phone: PhoneId) {
        let Some(player) = self.players.get_mut(&phone) else { return };
        player.turn += 1;
        match &mut player.role {
            Role::Caller(caller) => {
                if caller.take().is_some() {
                    self.tally.ended += 1;
                }
            }
            Role::Consultant { feature, at_work, ignores, plan, .. } => {
                *at_work |= core::mem::take(feature);
                *plan = None;
                if core::mem::take(ignores) {
                    self.plan(phone, BACK_AFTER, Act::Ready);
                }
            }
            Role::Centre { plan } => *plan = None,
        }
    }
}

fn seat(ip: IpAddr) -> Result<Seat, Wrong> {
    Seat::bind(ip).map_err(|e| Wrong::Io(format!("a telephone at {ip}"), e))
}

fn io(what: &'static str) -> impl Fn(std::io::Error) -> Wrong {
    move |e| Wrong::Io(what.to_owned(), e)
}

/// The centre's place, before the line is told of it.
pub(super) fn centre_seat() -> Result<Seat, Wrong> {
    seat(CENTRE)
}
