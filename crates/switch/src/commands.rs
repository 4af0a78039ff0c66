//! Commands from outside: what the books alone can decide, and what needs a live call.

use crate::api::{Command, Refusal, Reply, Ticket, TraceMode, WhichTrace};
use crate::call::{Call, State};
use crate::facts::{Author, Doing, Fact};
use crate::rooms::{Output, Rooms};
use crate::switch::Switch;
use senim_queue::Input as QueueInput;

impl Switch {
    pub(crate) fn command(&mut self, ticket: Ticket, command: &Command) {
        if let Command::Drain = command {
            self.draining.get_or_insert_default().push(ticket);
            // Carriers send their calls elsewhere from now on.
            let Rooms { registrations, sip, now, .. } = &mut self.rooms;
            registrations.leave(sip, *now);
            return;
        }
        let before = self.rooms.books.seq();
        let reply = self.carry_out(command).unwrap_or_else(|refusal| Reply::Refused { refusal });
        if self.rooms.books.seq() != before {
            self.rooms.out.push_back(Output::Settle);
        }
        self.rooms.out.push_back(Output::Reply(ticket, reply));
    }

    fn carry_out(&mut self, command: &Command) -> Result<Reply, Refusal> {
        match command {
            Command::Board => Ok(Reply::Board { board: Box::new(self.board()) }),
            Command::ListConsultants => Ok(Reply::Consultants { consultants: self.consultant_rows() }),
            Command::Traces { limit } => self.traces(*limit),
            Command::Trace { which, texts_for } => self.trace(*which, texts_for.as_ref()),
            Command::Duty { login, duty } => {
                crate::duty::carry_out(login, duty, &mut self.rooms)?;
                Ok(Reply::Done)
            }
            Command::Forward { login } => self.forward(login),
            Command::HangUp { call } => {
                if !self.calls.contains_key(call) {
                    return Err(Refusal::UnknownCall { call: *call });
                }
                self.with_call(*call, Call::end_by_operator);
                Ok(Reply::Done)
            }
            Command::AddConsultant { login, .. } => {
                let reply = self.by_the_books(command)?;
                if let Some(id) = self.rooms.books.by_login(login).map(|p| p.id) {
                    self.know(id);
                }
                Ok(reply)
            }
            Command::RemoveConsultant { login } => {
                let id = self.rooms.books.by_login(login).map(|p| p.id);
                let reply = self.by_the_books(command)?;
                self.rooms.sip.remove_user(login);
                if let Some(id) = id {
                    self.rooms.queue_inputs.push_back(QueueInput::ConsultantRemoved(id));
                    self.doing.remove(&id);
                }
                Ok(reply)
            }
            _ => self.by_the_books(command),
        }
    }

    fn by_the_books(&mut self, command: &Command) -> Result<Reply, Refusal> {
        let (facts, reply) = self.rooms.books.decide(command, self.rooms.wall())?;
        for (call, fact) in facts {
            self.rooms.totals.appeals += u64::from(matches!(fact, Fact::AppealRegistered { .. }));
            self.rooms.fact(call, fact);
        }
        Ok(reply)
    }

    fn traces(&self, limit: usize) -> Result<Reply, Refusal> {
        let mode = self.rooms.trace.mode();
        match mode {
            TraceMode::Off => Err(Refusal::NotTraced { mode }),
            _ => Ok(Reply::Traces { mode, rows: self.rooms.trace.rows(limit, &self.rooms.clock) }),
        }
    }

    fn trace(&mut self, which: WhichTrace, texts_for: Option<&Author>) -> Result<Reply, Refusal> {
        let mode = self.rooms.trace.mode();
        if mode == TraceMode::Off || (texts_for.is_some() && mode != TraceMode::Full) {
            return Err(Refusal::NotTraced { mode });
        }
        let found = self.rooms.trace.show(which, texts_for.is_some(), &self.rooms.clock);
        let trace = found.map(Box::new).ok_or(Refusal::NoTrace { which })?;
        if let Some(by) = texts_for {
            let call = match trace.which {
                WhichTrace::Call(call) => Some(call),
                _ => None,
            };
            self.rooms.fact(call, Fact::TraceOpened { by: by.clone() });
        }
        Ok(Reply::Trace { mode, trace })
    }

    fn forward(&mut self, login: &str) -> Result<Reply, Refusal> {
        let consultant = self
            .rooms
            .books
            .by_login(login)
            .ok_or_else(|| Refusal::UnknownConsultant { login: login.to_owned() })?
            .id;
        if !crate::call::can_forward(crate::call::UCC, &self.rooms) {
            return Err(Refusal::NoForwardTrunk);
        }
        let talks = |c: &Call| matches!(&c.state, State::Talking(t) if t.consultant == consultant);
        let Some(call) = self.calls.values().find(|c| talks(c)).map(|c| c.id) else {
            let doing = self.doing.get(&consultant).map_or(Doing::SignedOut, |(d, _)| d.clone());
            return Err(Refusal::NotNow { doing });
        };
        self.with_call(call, Call::forward_by_consultant);
        Ok(Reply::Done)
    }
}
