//! The reader: whatever is whole in a container, and where it is not.

use crate::chunk::{HEAD, Head};
use crate::header::{self, HEADER, Header, Unread, VERSION};
use crate::item::{self, Frame, Item, Lost, Mark};
use crate::key::MasterKey;
use crate::manifest::{Manifest, Sums};
use core::fmt;
use senim_base::{RecordingId, WallTime};

/// Damages listed, at most; more of them make no difference to a verdict.
const DAMAGES_MAX: usize = 1_000;

/// Why a container cannot be read at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It ends within its header: the program was killed in the moment it began (disk).
    NoHeader,
    /// It does not begin as a recording does.
    NotARecording,
    /// It is of another version of the format.
    UnknownVersion(u16),
    /// It was sealed under another master key, or its header was changed (operator).
    WrongKey,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoHeader => f.write_str("the file ends within its header"),
            Fault::NotARecording => f.write_str("the file is not a recording"),
            Fault::UnknownVersion(v) => {
                write!(f, "the recording is of version {v}; this program reads version {VERSION}")
            }
            Fault::WrongKey => {
                f.write_str("the recording was sealed under another master key, or its header was changed")
            }
        }
    }
}

impl core::error::Error for Fault {}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Fault {
        match unread {
            Unread::TooShort => Fault::NoHeader,
            Unread::NotOurs => Fault::NotARecording,
            Unread::Version(v) => Fault::UnknownVersion(v),
            Unread::Key => Fault::WrongKey,
        }
    }
}

/// The container ends within a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Torn {
    /// Everything before this byte is whole.
    pub at_byte: u64,
}

/// A place where the container is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The chunk's number (of the first one, when several are missing).
    pub chunk: u32,
    /// Where in the file.
    pub at_byte: u64,
    /// The sound concerned begins here at the earliest, milliseconds since the start.
    pub from_ms: u32,
    /// And ends here at the latest; `None`: to the end of the recording.
    pub to_ms: Option<u32>,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Whose.
    pub recording: RecordingId,
    /// The calendar at its first millisecond.
    pub started: WallTime,
    /// What the writer said about it.
    pub about: Vec<u8>,
    /// Sound, in the order in which it arrived.
    pub frames: Vec<Frame>,
    /// What was lost on the way to the disk.
    pub lost: Vec<Lost>,
    /// What happened.
    pub marks: Vec<Mark>,
    /// What it holds, if it was closed.
    pub manifest: Option<Manifest>,
    /// It ends within a chunk.
    pub torn: Option<Torn>,
    /// Places where it was changed.
    pub damage: Vec<Damage>,
    /// Until the end of the last frame found, milliseconds since the start.
    pub length_ms: u32,
    /// The last hash of the chain.
    pub chain: [u8; 32],
}

impl Recording {
    /// Frames lost on the way to the disk.
    pub fn lost_frames(&self) -> u64 {
        self.lost.iter().map(|l| u64::from(l.frames)).sum()
    }
}

/// Reads a container: every whole chunk, and where it is torn or was changed.
pub fn read(bytes: &[u8], master: &MasterKey) -> Result<Recording, Fault> {
    walk(bytes, master).map(|w| w.found)
}

/// A walk through a container.
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    pub(crate) header: Header,
    pub(crate) found: Recording,
    pub(crate) sums: Sums,
    /// The next chunk's place.
    pub(crate) at: usize,
    /// The next chunk's number.
    pub(crate) seq: u32,
    /// The chain can be followed here. It cannot behind a hole: there the next chunk's own word is taken.
    chain_known: bool,
}

pub(crate) fn walk<'a>(bytes: &'a [u8], master: &MasterKey) -> Result<Walk<'a>, Fault> {
    let header = header::read(bytes, master)?;
    let found = Recording {
        recording: header.recording,
        started: header.started,
        about: Vec::new(),
        frames: Vec::new(),
        lost: Vec::new(),
        marks: Vec::new(),
        manifest: None,
        torn: None,
        damage: Vec::new(),
        length_ms: 0,
        chain: header.chain,
    };
    let mut walk =
        Walk { bytes, header, found, sums: Sums::default(), at: HEADER, seq: 0, chain_known: true };
    while walk.at < bytes.len() && walk.found.torn.is_none() {
        walk.step();
    }
    walk.found.length_ms = walk.sums.length_ms;
    Ok(walk)
}

impl Walk<'_> {
    /// Takes the next chunk, or says what is wrong with it.
    fn step(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match Head::read(rest, self.header.recording) {
            Some(head) if head.seq >= self.seq && self.found.manifest.is_none() => {
                match rest.get(HEAD..head.whole()) {
                    Some(ciphertext) => self.take(head, ciphertext),
                    None => self.found.torn = Some(Torn { at_byte: self.at as u64 }),
                }
            }
            // A chunk that was here before, or one behind the end: somebody put it there.
            Some(head) => {
                self.damaged(self.seq, self.at, self.sums.length_ms);
                self.at = self.at.saturating_add(head.whole()).min(self.bytes.len());
            }
            None => self.skip_to_next_head(),
        }
    }

    fn take(&mut self, head: Head, ciphertext: &[u8]) {
        self.close_damage(head.from_ms);
        if head.seq > self.seq {
            self.damaged(self.seq, self.at, self.sums.length_ms);
            self.close_damage(head.from_ms);
            self.chain_known = false;
        }
        let chained = head.chain_after(&self.found.chain, ciphertext);
        let items = head.open(&self.header, ciphertext).and_then(|plain| item::read_all(&plain));
        self.seq = head.seq;
        if items.is_none() || (self.chain_known && chained != head.chain) {
            self.damaged(head.seq, self.at, head.from_ms);
        }
        // Where the seal holds, what was computed is truer than what is stored.
        let computed = items.is_some() && self.chain_known;
        self.found.chain = if computed { chained } else { head.chain };
        self.chain_known = true;
        for item in items.unwrap_or_default() {
            self.put(item);
        }
        self.seq = head.seq.saturating_add(1);
        self.at += head.whole();
    }

    fn put(&mut self, item: Item) {
        match item {
            Item::About(about) => self.found.about = about,
            Item::Frame(frame) => {
                self.sums.frame(frame.track, frame.at_ms, frame.codec, frame.payload.len());
                self.found.frames.push(frame);
            }
            Item::Lost(lost) => {
                self.sums.lost(lost);
                self.found.lost.push(lost);
            }
            Item::Mark(mark) => {
                self.sums.mark(mark.at_ms);
                self.found.marks.push(mark);
            }
            Item::Manifest(json) => match serde_json::from_slice::<Manifest>(&json) {
                Ok(manifest) => {
                    let whole = self.found.damage.is_empty();
                    if whole && !self.sums.agree(self.seq, &manifest) {
                        self.damaged(self.seq, self.at, self.sums.length_ms);
                    }
                    self.found.manifest = Some(manifest);
                }
                Err(_) => self.damaged(self.seq, self.at, self.sums.length_ms),
            },
        }
    }

    /// No head is here. If one follows somewhere, what lies between was changed; otherwise the tail is torn.
    fn skip_to_next_head(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let next =
            (1..rest.len().saturating_sub(HEAD)).find_map(|i| Some((i, self.chunk_at(rest.get(i..)?)?)));
        let Some((skipped, head)) = next else {
            self.found.torn = Some(Torn { at_byte: self.at as u64 });
            return;
        };
        self.damaged(self.seq, self.at, self.sums.length_ms);
        self.at += skipped;
        self.seq = head.seq;
        self.chain_known = false;
    }

    /// A whole chunk of this recording that is still to come, and whose seal holds.
    fn chunk_at(&self, bytes: &[u8]) -> Option<Head> {
        let head = Head::read(bytes, self.header.recording).filter(|h| h.seq >= self.seq)?;
        head.open(&self.header, bytes.get(HEAD..head.whole())?).map(|_| head)
    }

    fn damaged(&mut self, chunk: u32, at: usize, from_ms: u32) {
        let known = self.found.damage.last().is_some_and(|d| d.at_byte == at as u64);
        if known || self.found.damage.len() >= DAMAGES_MAX {
            return;
        }
        self.found.damage.push(Damage { chunk, at_byte: at as u64, from_ms, to_ms: None });
    }

    /// The sound goes on at `to_ms`: what was damaged before it ends there.
    fn close_damage(&mut self, to_ms: u32) {
        if let Some(damage) = self.found.damage.last_mut()
            && damage.to_ms.is_none()
        {
            damage.to_ms = Some(to_ms);
        }
    }
}
