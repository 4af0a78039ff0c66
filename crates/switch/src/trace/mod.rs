//! The SIP trace: what passed at the switch's edge, kept for a while, so that `senim sip trace` can draw it.
//!
//! A conversation is everything with one Call-ID. The switch tells which call it belongs to when a leg is tied to its
//! session; what belongs to none (registrations, probes, whoever was refused) is kept apart and in smaller number, so
//! that no stranger can push a call's trace out. Call-IDs are kept as keyed fingerprints: they name hosts.

mod media;
mod sketch;

use crate::api::{Peer, Step, TraceMode, TraceRow, Traced, What, WhichTrace};
use core::fmt;
use core::ops::Range;
use media::Media;
use senim_base::{CallId, Instant, Redacted, WallClock};
use senim_sip::{Flow, Transport};
use sketch::{Kind, Method, Names, Sketch, sketch};
use std::collections::{BTreeMap, VecDeque};

/// Calls kept; the oldest one goes for one more.
pub(crate) const CALLS_MAX: usize = 2_000;
/// Conversations kept that became no call; the oldest one goes for one more.
pub(crate) const OTHERS_MAX: usize = 200;
/// Messages kept of one conversation; further ones are counted.
pub(crate) const STEPS_MAX: usize = 200;
/// Messages of most conversations.
const USUAL: usize = 8;
/// Bytes kept in all; then others go, the oldest first, and after them calls.
pub(crate) const BYTES_MAX: usize = 48 << 20;
/// Bytes kept of one text; the rest of it is left out.
pub(crate) const TEXT_MAX: usize = 8 << 10;

/// One message.
#[derive(Clone, Debug)]
struct Note {
    /// Its place among all messages.
    order: u64,
    at: Instant,
    incoming: bool,
    transport: Transport,
    kind: Kind,
    cseq: Option<u32>,
    names: Names,
    media: Box<[Media]>,
    size: u32,
    again: bool,
    fingerprint: u64,
    text: Option<Box<[u8]>>,
}

impl Note {
    fn weight(&self) -> usize {
        size_of::<Note>() + self.media.len() * 48 + self.text.as_ref().map_or(0, |t| t.len())
    }
}

/// Everything with one Call-ID.
#[derive(Clone, Debug)]
struct Conversation {
    call: Option<CallId>,
    number: u64,
    peer: Peer,
    notes: Vec<Note>,
    cut: u64,
}

/// The trace.
pub(crate) struct Trace {
    mode: TraceMode,
    secret: u64,
    conversations: BTreeMap<u64, Conversation>,
    calls: BTreeMap<CallId, Vec<u64>>,
    others: VecDeque<u64>,
    bytes: usize,
    passed: u64,
    numbered: u64,
}

impl fmt::Debug for Trace {
    /// How much of it there is; the keys stay in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("Trace");
        s.field("mode", &self.mode).field("calls", &self.calls.len()).field("others", &self.others.len());
        s.field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Trace {
    /// `secret` keys the fingerprints: nobody outside can make two Call-IDs meet.
    pub(crate) fn new(mode: TraceMode, secret: u64) -> Trace {
        Trace {
            mode,
            secret,
            conversations: BTreeMap::new(),
            calls: BTreeMap::new(),
            others: VecDeque::new(),
            bytes: 0,
            passed: 0,
            numbered: 0,
        }
    }

    pub(crate) fn mode(&self) -> TraceMode {
        self.mode
    }

    /// A whole message came (`incoming`) or goes. `trunk` tells whose address the flow's far end is, and is asked once a
    /// conversation.
    pub(crate) fn passed(
        &mut self,
        incoming: bool,
        flow: Flow,
        bytes: &[u8],
        trunk: impl FnOnce(Flow) -> Option<String>,
        now: Instant,
    ) {
        // Keep-alives are no messages.
        if self.mode == TraceMode::Off || bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        let sketch = sketch(bytes);
        let key = fingerprint(self.secret, bytes.get(sketch.call_id.clone()).unwrap_or_default());
        let stranger = || trunk(flow).map_or(Peer::Stranger, Peer::Trunk);
        self.passed += 1;
        let mut note = note(self.passed, incoming, flow.transport, bytes, &sketch, self.mode, now);
        note.fingerprint = fingerprint(self.secret, bytes);
        let conversation = self.conversation(key, stranger);
        if conversation.notes.len() >= STEPS_MAX {
            conversation.cut += 1;
            return;
        }
        note.again = conversation
            .notes
            .iter()
            .any(|n| n.fingerprint == note.fingerprint && n.incoming == incoming && n.size == note.size);
        let registered = matches!(note.kind, Kind::Response(200..300, Method::REGISTER));
        if registered && !incoming && conversation.peer == Peer::Stranger {
            conversation.peer = Peer::Softphone;
        }
        let weight = note.weight();
        conversation.notes.push(note);
        self.bytes += weight;
        self.make_room();
    }

    /// The conversation with this Call-ID is a leg of a call.
    pub(crate) fn belongs(&mut self, call_id: &str, call: CallId, peer: Peer) {
        if self.mode == TraceMode::Off {
            return;
        }
        let key = fingerprint(self.secret, call_id.as_bytes());
        let conversation = self.conversation(key, || peer.clone());
        if conversation.call == Some(call) {
            return;
        }
        conversation.call = Some(call);
        conversation.peer = peer;
        if let Some(at) = self.others.iter().rposition(|k| *k == key) {
            self.others.remove(at);
        }
        self.calls.entry(call).or_default().push(key);
        self.make_room();
    }

    /// What is kept of one.
    pub(crate) fn show(&self, which: WhichTrace, texts: bool, clock: &WallClock) -> Option<Traced> {
        let (which, found) = self.find(which)?;
        let began = found.iter().flat_map(|c| c.notes.first()).map(|n| n.at).min()?;
        let mut steps: Vec<(u64, Step)> = found
            .iter()
            .enumerate()
            .flat_map(|(party, c)| c.notes.iter().map(move |n| (n.order, step(n, party, began, texts))))
            .collect();
        steps.sort_by_key(|(order, _)| *order);
        Some(Traced {
            which,
            began,
            wall: clock.at(began),
            parties: found.iter().map(|c| c.peer.clone()).collect(),
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            cut: found.iter().map(|c| c.cut).sum(),
        })
    }

    /// A row for each conversation, newest first: calls, then the rest; `limit` of each.
    pub(crate) fn rows(&self, limit: usize, clock: &WallClock) -> Vec<TraceRow> {
        let calls = self.calls.keys().rev().map(|call| WhichTrace::Call(*call));
        let number = |key: &u64| self.conversations.get(key).map(|c| WhichTrace::Other(c.number));
        let others = self.others.iter().rev().filter_map(number);
        calls.take(limit).chain(others.take(limit)).filter_map(|which| self.row(which, clock)).collect()
    }

    fn row(&self, which: WhichTrace, clock: &WallClock) -> Option<TraceRow> {
        let (which, found) = self.find(which)?;
        let mut notes: Vec<&Note> = found.iter().flat_map(|c| &c.notes).collect();
        notes.sort_by_key(|n| n.order);
        let (first, last) = (notes.first()?, notes.last()?);
        let status = |n: &&Note| match n.kind {
            Kind::Response(status, _) => Some(status),
            _ => None,
        };
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Some(TraceRow {
            which,
            wall: clock.at(first.at),
            length_ms: crate::facts::ms(last.at.since(first.at)),
            parties: found.iter().map(|c| c.peer.clone()).collect(),
            messages: count(notes.len()) + found.iter().map(|c| c.cut).sum::<u64>(),
            again: count(notes.iter().filter(|n| n.again).count()),
            first: what(first.kind),
            status: notes.iter().rev().find_map(status),
        })
    }

    fn find(&self, which: WhichTrace) -> Option<(WhichTrace, Vec<&Conversation>)> {
        let of = |keys: &[u64]| keys.iter().filter_map(|k| self.conversations.get(k)).collect();
        match which {
            WhichTrace::Call(call) => self.calls.get(&call).map(|keys| (which, of(keys))),
            WhichTrace::Last => {
                self.calls.last_key_value().map(|(call, keys)| (WhichTrace::Call(*call), of(keys)))
            }
            WhichTrace::Other(n) => {
                let key =
                    self.others.iter().find(|k| self.conversations.get(k).is_some_and(|c| c.number == n))?;
                Some((which, of(&[*key])))
            }
        }
    }

    fn conversation(&mut self, key: u64, peer: impl FnOnce() -> Peer) -> &mut Conversation {
        let (others, numbered) = (&mut self.others, &mut self.numbered);
        self.conversations.entry(key).or_insert_with(|| {
            others.push_back(key);
            *numbered += 1;
            Conversation {
                call: None,
                number: *numbered,
                peer: peer(),
                notes: Vec::with_capacity(USUAL),
                cut: 0,
            }
        })
    }

    /// Keeps the ceilings.
    fn make_room(&mut self) {
        while self.others.len() > OTHERS_MAX || (self.bytes > BYTES_MAX && self.others.len() > 1) {
            let Some(key) = self.others.pop_front() else { break };
            self.forget(key);
        }
        while self.calls.len() > CALLS_MAX || (self.bytes > BYTES_MAX && self.calls.len() > 1) {
            let Some((_, keys)) = self.calls.pop_first() else { break };
            keys.into_iter().for_each(|key| self.forget(key));
        }
    }

    fn forget(&mut self, key: u64) {
        if let Some(gone) = self.conversations.remove(&key) {
            self.bytes -= gone.notes.iter().map(Note::weight).sum::<usize>().min(self.bytes);
        }
    }
}

fn note(
    order: u64,
    incoming: bool,
    transport: Transport,
    bytes: &[u8],
    sketch: &Sketch,
    mode: TraceMode,
    now: Instant,
) -> Note {
    let body = bytes.get(sketch.body.clone()).filter(|_| sketch.sdp).unwrap_or_default();
    Note {
        order,
        at: now,
        incoming,
        transport,
        kind: sketch.kind,
        cseq: sketch.cseq,
        names: sketch.names,
        media: media::read(body),
        size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        again: false,
        fingerprint: 0,
        text: (mode == TraceMode::Full).then(|| whole(bytes)),
    }
}

/// A text as far as it is kept, without what proves a password: a digest can be guessed at.
fn whole(bytes: &[u8]) -> Box<[u8]> {
    let mut out = bytes.get(..TEXT_MAX).unwrap_or(bytes).to_vec();
    for line in lines(&out) {
        let text = out.get(line.clone()).unwrap_or_default();
        let name = text.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
        let proof = [&b"authorization"[..], b"proxy-authorization"];
        if proof.iter().any(|p| p.eq_ignore_ascii_case(name)) {
            let value = line.start + text.iter().position(|b| *b == b':').unwrap_or(0) + 1..line.end;
            out.get_mut(value).unwrap_or_default().fill(b'*');
        }
    }
    out.into()
}

/// Header lines with their continuations, without line ends.
fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in bytes.split(|b| *b == b'\n') {
        let end = at + line.trim_ascii_end().len();
        match (line.first(), found.last_mut()) {
            (Some(b' ' | b'\t'), Some(last)) => last.end = end,
            _ => found.push(at..end),
        }
        at += line.len() + 1;
    }
    found
}

/// Eight bytes at a time; good enough to tell messages apart, and keyed where somebody might gain by a clash.
fn fingerprint(secret: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let wide = u128::from(hash ^ word) * u128::from(ODD | 1);
        (wide as u64) ^ ((wide >> 64) as u64)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let hash = words.iter().fold(secret ^ ODD, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(mix(hash, u64::from_le_bytes(last)), secret.rotate_left(32) ^ bytes.len() as u64)
}

fn what(kind: Kind) -> What {
    match kind {
        Kind::Request(method) => What::Request(method.name().into()),
        Kind::Response(status, method) => What::Response(status, method.name().into()),
        Kind::Unreadable => What::Unreadable,
    }
}

fn step(n: &Note, party: usize, began: Instant, texts: bool) -> Step {
    let text = n.text.as_ref().filter(|_| texts);
    Step {
        after_ms: crate::facts::ms(n.at.since(began)),
        party,
        incoming: n.incoming,
        transport: n.transport.param().to_owned(),
        what: what(n.kind),
        cseq: n.cseq,
        again: n.again,
        bytes: n.size,
        headers: n.names.names().map(str::to_owned).collect(),
        headers_other: n.names.others,
        media: n.media.iter().map(Media::seen).collect(),
        text: text.map(|t| Redacted::new(String::from_utf8_lossy(t).into_owned())),
    }
}

#[cfg(test)]
mod tests;
