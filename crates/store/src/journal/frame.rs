//! One frame of the journal: `length u32 LE | crc32c u32 LE | payload`, the checksum over length and payload, so that
//! a zeroed block of a file system is no valid frame. The payload is the JSON of a record, or a mark `{"safe":N}`:
//! "the first N bytes of this file were on the disk when this was written".

use std::io::{self, Read};

/// Bytes before the payload.
pub(crate) const HEAD: usize = 8;
/// Longest payload. A record is far below; a longer length is a fault of the disk, not a frame.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;
/// Bytes read from a file at once.
const READ_AT_ONCE: usize = 64 * 1024;
/// How every record's payload begins.
const RECORD_BEGINS: &[u8] = b"{\"seq\":";
/// How every mark's payload begins.
const MARK_BEGINS: &[u8] = b"{\"safe\":";

/// Appends one frame to `out`. `false` when the payload is too long; `out` is as before then.
pub(crate) fn write(payload: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u32::try_from(payload.len()) else { return false };
    if payload.len() > PAYLOAD_MAX {
        return false;
    }
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(length, payload).to_le_bytes());
    out.extend_from_slice(payload);
    true
}

/// Appends a mark.
pub(crate) fn write_mark(safe: u64, out: &mut Vec<u8>) {
    write(format!("{{\"safe\":{safe}}}").as_bytes(), out);
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), payload)
}

/// What a payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A record, with its place in the order.
    Record(u64),
    /// A mark: so many bytes of the file were safe.
    Mark(u64),
    /// Neither: a newer program wrote it.
    Foreign,
}

/// What a payload is, told from its first bytes alone.
pub(crate) fn kind(payload: &[u8]) -> Kind {
    let number = |rest: &[u8]| {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        core::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
    };
    if let Some(seq) = payload.strip_prefix(RECORD_BEGINS).and_then(number) {
        return Kind::Record(seq);
    }
    payload.strip_prefix(MARK_BEGINS).and_then(number).map_or(Kind::Foreign, Kind::Mark)
}

/// The payload of the frame at the start of `bytes`, if a whole and true one is there.
fn at_start(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    let payload = rest.get(..usize::try_from(length).ok().filter(|l| *l <= PAYLOAD_MAX)?)?;
    (checksum(length, payload) == u32::from_le_bytes(*sum)).then_some(payload)
}

/// The greatest mark in whole frames anywhere in `bytes`, found whatever lies between them.
pub(crate) fn greatest_mark(bytes: &[u8]) -> Option<u64> {
    let begins = bytes.windows(MARK_BEGINS.len()).enumerate().filter(|(_, w)| *w == MARK_BEGINS);
    let frames = begins.filter_map(|(at, _)| at_start(bytes.get(at.checked_sub(HEAD)?..)?));
    frames.filter_map(|p| if let Kind::Mark(safe) = kind(p) { Some(safe) } else { None }).max()
}

/// One step through a file of frames.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Step<'a> {
    /// A whole frame.
    Frame {
        /// Where in the file it begins.
        at: u64,
        /// Its payload.
        payload: &'a [u8],
    },
    /// The file ends here, between two frames.
    End,
    /// The file ends within a frame, or the frame is not true.
    Bad {
        /// Where in the file it begins.
        at: u64,
    },
}

/// Reads frames from a file, in bounded memory.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    from: R,
    buffer: Vec<u8>,
    used: usize,
    at: u64,
}

impl<R: Read> Frames<R> {
    /// Reads from `from`, whose first byte is byte `at` of the file.
    pub(crate) fn new(from: R, at: u64) -> Self {
        Frames { from, buffer: Vec::new(), used: 0, at }
    }

    /// Where the next frame begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next frame. After [`Step::Bad`] the reader stays where it is.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        let at = self.at;
        if !self.have(HEAD)? {
            return Ok(if self.buffer.len() == self.used { Step::End } else { Step::Bad { at } });
        }
        let length = self.buffer.get(self.used..).and_then(|b| b.first_chunk::<4>()).copied();
        let length = usize::try_from(u32::from_le_bytes(length.unwrap_or_default())).unwrap_or(usize::MAX);
        if length > PAYLOAD_MAX || !self.have(HEAD + length)? {
            return Ok(Step::Bad { at });
        }
        let begin = self.used;
        match self.buffer.get(begin..).and_then(at_start) {
            Some(payload) => {
                self.used += HEAD + length;
                self.at += (HEAD + length) as u64;
                Ok(Step::Frame { at, payload })
            }
            None => Ok(Step::Bad { at }),
        }
    }

    /// Sees to it that `wanted` unread bytes are in the buffer; `false` when the file ends before.
    fn have(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.used >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        while self.buffer.len() < wanted {
            let more = (wanted - self.buffer.len()).max(READ_AT_ONCE) as u64;
            if Read::by_ref(&mut self.from).take(more).read_to_end(&mut self.buffer)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut frames = Frames::new(bytes, 0);
        let mut found = Vec::new();
        loop {
            match frames.step().unwrap() {
                Step::Frame { payload, .. } => found.push(payload.to_vec()),
                Step::End => return (found, true),
                Step::Bad { .. } => return (found, false),
            }
        }
    }

    #[test]
    fn a_zeroed_block_is_no_frame() {
        assert_eq!(frames(&[0; 64]), (vec![], false));
    }

    #[test]
    fn a_payload_may_have_the_longest_length_and_not_one_more() {
        let mut out = Vec::new();
        assert!(write(&vec![7; PAYLOAD_MAX], &mut out));
        assert_eq!(frames(&out).0.len(), 1);
        assert!(!write(&vec![7; PAYLOAD_MAX + 1], &mut out));
        assert_eq!(out.len(), HEAD + PAYLOAD_MAX);
    }

    #[test]
    fn a_mark_is_found_behind_damage() {
        let mut out = vec![9; 33];
        write_mark(12, &mut out);
        out.extend_from_slice(b"\"{\"safe\":99}");
        write_mark(45, &mut out);
        assert_eq!(greatest_mark(&out), Some(45));
        assert_eq!(greatest_mark(&out[..40]), None);
    }

    #[test]
    fn kinds_are_told_from_the_first_bytes() {
        assert_eq!(kind(b"{\"seq\":17,\"wall\":0}"), Kind::Record(17));
        assert_eq!(kind(b"{\"safe\":4}"), Kind::Mark(4));
        assert_eq!(kind(b"{\"seq\":\"x\"}"), Kind::Foreign);
        assert_eq!(kind(b""), Kind::Foreign);
    }

    proptest! {
        #[test]
        fn frames_come_back_and_any_cut_shows(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..12),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut out = Vec::new();
            let mut ends = vec![0];
            for p in &payloads {
                prop_assert!(write(p, &mut out));
                ends.push(out.len());
            }
            prop_assert_eq!(frames(&out), (payloads.clone(), true));
            let cut = cut.index(out.len() + 1);
            let (found, clean) = frames(&out[..cut]);
            prop_assert_eq!(found.len(), ends.iter().filter(|e| **e <= cut).count() - 1);
            prop_assert_eq!(clean, ends.contains(&cut));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = frames(&bytes);
            let _ = greatest_mark(&bytes);
        }
    }
}
