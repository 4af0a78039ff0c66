//! Naming a dialog from outside of it: Replaces (RFC 3891) and Join (RFC 3911), in an INVITE and in a Refer-To.

use super::respond::Refused;
use super::session::{Peer, State};
use super::{Endpoint, SessionId};
use crate::message::{Message, text};

/// What a Replaces header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replaced {
    /// A session of ours with the same party.
    Session(SessionId),
    /// No session of ours, or not one of the party that names it.
    Unknown,
}

/// The three names of a dialog, as its owner sees them.
pub(super) struct Names {
    call_id: String,
    /// Its owner's own tag.
    to_tag: String,
    /// His peer's.
    from_tag: String,
    /// It is to be taken only as long as it is not answered.
    early_only: bool,
}

impl Names {
    /// Reads the value of Replaces or Join: a Call-ID and each tag once.
    pub(super) fn parse(value: &str) -> Option<Names> {
        let (call_id, params) = value.find(';').map(|at| value.split_at(at))?;
        let params = text::params(params).ok()?;
        let once = |name: &str| {
            let mut all = params.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            let value = all.next()?.1.clone()?;
            all.next().is_none().then_some(value)
        };
        let call_id = text::trim(call_id);
        if call_id.is_empty() {
            return None;
        }
        let early_only = text::param(&params, "early-only").is_some();
        Some(Names {
            call_id: call_id.to_owned(),
            to_tag: once("to-tag")?,
            from_tag: once("from-tag")?,
            early_only,
        })
    }
}

impl Endpoint {
    /// The session that is named, if it is alive. RFC 3891 section 3: a tag `0` is that of a peer without tags.
    pub(super) fn named(&self, names: &Names) -> Option<SessionId> {
        let id = *self.by_dialog.get(&(names.call_id.clone(), names.to_tag.clone()))?;
        let session = self.sessions.get(&id).filter(|s| !s.over)?;
        let theirs = session.dialog.remote_tag.as_deref()?;
        (theirs == names.from_tag || (theirs.is_empty() && names.from_tag == "0")).then_some(id)
    }

    /// What an INVITE wants to take the place of, and what it wants to join: at most one of them.
    pub(super) fn takes_over(
        &self,
        request: &Message,
        peer: &Peer,
    ) -> Result<(Option<SessionId>, Option<SessionId>), Refused> {
        let (replaces, joins): (Vec<_>, Vec<_>) =
            (request.headers("Replaces").collect(), request.headers("Join").collect());
        match (replaces.as_slice(), joins.as_slice()) {
            ([], []) => Ok((None, None)),
            ([value], []) => self.replaced_by(value, peer).map(|id| (Some(id), None)),
            ([], [value]) => self.joined_by(value, peer).map(|id| (None, Some(id))),
            // RFC 3891 section 3, RFC 3911 section 4: one header, once.
            _ => Err((400, &[])),
        }
    }

    fn replaced_by(&self, value: &str, peer: &Peer) -> Result<SessionId, Refused> {
        let names = Names::parse(value).ok_or((400, &[][..]))?;
        let (id, state) = self.of_same_peer(&names, peer)?;
        match state {
            State::Confirmed | State::Accepted if names.early_only => Err((486, &[])),
            State::Confirmed | State::Accepted => Ok(id),
            // RFC 3891 section 3: of the unanswered only those that we began can be replaced.
            State::Calling | State::Early => Ok(id),
            State::Incoming | State::Cancelling | State::Leaving => Err((481, &[])),
        }
    }

    fn joined_by(&self, value: &str, peer: &Peer) -> Result<SessionId, Refused> {
        let names = Names::parse(value).ok_or((400, &[][..]))?;
        let (id, state) = self.of_same_peer(&names, peer)?;
        match state {
            State::Confirmed | State::Accepted => Ok(id),
            _ => Err((481, &[])),
        }
    }

    /// Only who talks in a dialog may give it away; of others' dialogs nobody learns more than that the call is refused.
    fn of_same_peer(&self, names: &Names, peer: &Peer) -> Result<(SessionId, State), Refused> {
        let id = self.named(names).ok_or((481, &[][..]))?;
        let session = self.sessions.get(&id).filter(|s| s.peer.is_same(peer)).ok_or((481, &[][..]))?;
        Ok((id, session.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_a_call_id_and_each_tag_once() {
        let read = |v| Names::parse(v).map(|d| (d.call_id, d.to_tag, d.from_tag, d.early_only));
        let named = |early| Some(("a@b".to_owned(), "1".to_owned(), "2".to_owned(), early));
        assert_eq!(read("a@b;to-tag=1;from-tag=2"), named(false));
        assert_eq!(read("a@b ; From-Tag=2;early-only ;to-tag=1;x=y"), named(true));
        for bad in [
            "",
            "a@b",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1",
            "a;to-tag=1;from-tag",
            "a;to-tag=1;to-tag=1;from-tag=2",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
