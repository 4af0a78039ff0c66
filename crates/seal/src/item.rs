//! What lies in a chunk: frames of sound, what was lost, marks, the words about the recording, the manifest.

use crate::header::array;
use crate::manifest::Cause;
use core::fmt;
use senim_base::TrackId;

const ABOUT: u8 = 1;
const FRAME: u8 = 2;
const LOST: u8 = 3;
const MARK: u8 = 4;
const MANIFEST: u8 = 5;

/// One packet's sound.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whose.
    pub track: TrackId,
    /// When it arrived, milliseconds since the start.
    pub at_ms: u32,
    /// RTP static payload type (RFC 3551): 0 µ-law, 8 A-law, 9 G.722; 111 Opus.
    pub codec: u8,
    /// The sender's RTP timestamp.
    pub timestamp: u32,
    /// The sound.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Frame {
    /// Never the sound itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Frame { track, at_ms, codec, timestamp, payload } = self;
        write!(f, "Frame({track} {at_ms}ms pt{codec} ts{timestamp} {} bytes)", payload.len())
    }
}

/// Frames that arrived and could not be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Whose.
    pub track: TrackId,
    /// When frames were kept again, milliseconds since the start.
    pub at_ms: u32,
    /// How many.
    pub frames: u32,
    /// Why.
    pub cause: Cause,
}

/// Something that happened, in a word. Never personal data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// When, milliseconds since the start.
    pub at_ms: u32,
    /// What.
    pub kind: String,
}

/// One thing in a chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    About(Vec<u8>),
    Frame(Frame),
    Lost(Lost),
    Mark(Mark),
    Manifest(Vec<u8>),
}

pub(crate) fn put_about(to: &mut Vec<u8>, about: &[u8]) {
    put_long(to, ABOUT, about);
}

pub(crate) fn put_manifest(to: &mut Vec<u8>, manifest: &[u8]) {
    put_long(to, MANIFEST, manifest);
}

fn put_long(to: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    to.push(kind);
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// Bytes of a frame without its payload.
pub(crate) const FRAME_HEAD: usize = 13;
/// Bytes of a loss.
pub(crate) const LOST_BYTES: usize = 11;
/// Bytes of a mark without its word.
pub(crate) const MARK_HEAD: usize = 7;

pub(crate) fn put_frame(
    to: &mut Vec<u8>,
    track: TrackId,
    at_ms: u32,
    codec: u8,
    timestamp: u32,
    payload: &[u8],
) {
    to.extend_from_slice(&[FRAME, track.0, codec]);
    to.extend_from_slice(&at_ms.to_le_bytes());
    to.extend_from_slice(&timestamp.to_le_bytes());
    to.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.extend_from_slice(payload);
}

pub(crate) fn put_lost(to: &mut Vec<u8>, lost: Lost) {
    to.extend_from_slice(&[LOST, lost.track.0, lost.cause.code()]);
    to.extend_from_slice(&lost.at_ms.to_le_bytes());
    to.extend_from_slice(&lost.frames.to_le_bytes());
}

pub(crate) fn put_mark(to: &mut Vec<u8>, at_ms: u32, kind: &str) {
    to.push(MARK);
    to.extend_from_slice(&at_ms.to_le_bytes());
    to.extend_from_slice(&u16::try_from(kind.len()).unwrap_or(u16::MAX).to_le_bytes());
    to.extend_from_slice(kind.as_bytes());
}

/// Reads all items of a chunk. `None` when the bytes are none: another program's chunk under our key.
pub(crate) fn read_all(mut bytes: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let (item, rest) = read_one(*kind, rest)?;
        items.push(item);
        bytes = rest;
    }
    Some(items)
}

fn read_one(kind: u8, b: &[u8]) -> Option<(Item, &[u8])> {
    let le32 = |at| array(b, at).map(u32::from_le_bytes);
    let le16 = |at| array(b, at).map(u16::from_le_bytes);
    let track = || b.first().map(|t| TrackId(*t));
    Some(match kind {
        ABOUT | MANIFEST => {
            let (bytes, rest) = b.get(4..)?.split_at_checked(le32(0)? as usize)?;
            let item = if kind == ABOUT { Item::About } else { Item::Manifest };
            (item(bytes.to_vec()), rest)
        }
        FRAME => {
            let (payload, rest) = b.get(12..)?.split_at_checked(usize::from(le16(10)?))?;
            let (track, codec) = (track()?, *b.get(1)?);
            let frame =
                Frame { track, at_ms: le32(2)?, codec, timestamp: le32(6)?, payload: payload.to_vec() };
            (Item::Frame(frame), rest)
        }
        LOST => {
            let cause = Cause::from_code(*b.get(1)?)?;
            (Item::Lost(Lost { track: track()?, at_ms: le32(2)?, frames: le32(6)?, cause }), b.get(10..)?)
        }
        MARK => {
            let (kind, rest) = b.get(6..)?.split_at_checked(usize::from(le16(4)?))?;
            let kind = core::str::from_utf8(kind).ok()?.to_owned();
            (Item::Mark(Mark { at_ms: le32(0)?, kind }), rest)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(to: &mut Vec<u8>, item: &Item) {
        match item {
            Item::About(b) => put_about(to, b),
            Item::Manifest(b) => put_manifest(to, b),
            Item::Frame(f) => put_frame(to, f.track, f.at_ms, f.codec, f.timestamp, &f.payload),
            Item::Lost(l) => put_lost(to, *l),
            Item::Mark(m) => put_mark(to, m.at_ms, &m.kind),
        }
    }

    fn items() -> impl Strategy<Value = Item> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            bytes().prop_map(Item::About),
            bytes().prop_map(Item::Manifest),
            (any::<u8>(), any::<u32>(), any::<u8>(), any::<u32>(), bytes()).prop_map(
                |(t, at_ms, codec, timestamp, payload)| {
                    Item::Frame(Frame { track: TrackId(t), at_ms, codec, timestamp, payload })
                }
            ),
            (any::<u8>(), any::<u32>(), any::<u32>(), 0u8..3).prop_map(|(t, at_ms, frames, cause)| {
                let cause = Cause::from_code(cause).unwrap();
                Item::Lost(Lost { track: TrackId(t), at_ms, frames, cause })
            }),
            (any::<u32>(), "\\PC{0,40}").prop_map(|(at_ms, kind)| Item::Mark(Mark { at_ms, kind })),
        ]
    }

    proptest! {
        #[test]
        fn what_is_put_is_read(list in proptest::collection::vec(items(), 0..12)) {
            let mut bytes = Vec::new();
            list.iter().for_each(|i| put(&mut bytes, i));
            prop_assert_eq!(read_all(&bytes), Some(list));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn a_printed_frame_does_not_show_its_sound() {
        let frame = Frame { track: TrackId(0), at_ms: 20, codec: 8, timestamp: 160, payload: vec![0xab; 3] };
        assert_eq!(format!("{frame:?}"), "Frame(track-0 20ms pt8 ts160 3 bytes)");
    }
}
