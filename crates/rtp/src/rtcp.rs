//! RTCP reports (RFC 3550 §6): we write SR or RR with SDES CNAME, and BYE at the end; we read what a peer says of
//! our stream. Both work on lent bytes without allocating, which is why `rtcp-types` serves only as the test's oracle.

use core::fmt;
use senim_base::Instant;

/// Longest compound that [`Report::write`] makes.
pub const REPORT_LEN_MAX: usize = 28 + 24 + 24 + 8;
/// Most packets read of one compound: more is a peer's nonsense, the rest is unread.
const PACKETS_MAX: usize = 16;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

/// What a sender says of itself (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderInfo {
    /// When, in NTP's 64-bit form; see [`ntp`].
    pub ntp: u64,
    /// The media clock at that moment.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// What a receiver says of one source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportBlock {
    /// The source it speaks of.
    pub ssrc: u32,
    /// Loss since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Loss in all, 24 bits signed.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub highest_seq: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last SR's NTP time, 0 when none came.
    pub last_sr: u32,
    /// Since then, in 65536ths of a second.
    pub delay_since_last_sr: u32,
}

/// A compound as we write and read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Who reports.
    pub ssrc: u32,
    /// Present in an SR: the reporter sends audio.
    pub sender: Option<SenderInfo>,
    /// The block about the stream it receives; when reading, the first one.
    pub block: Option<ReportBlock>,
    /// The reporter leaves.
    pub bye: bool,
}

/// Why bytes are not an RTCP compound: the peer's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportFault {
    /// A packet ends before its length says.
    Short {
        /// Where the packet begins.
        at: usize,
    },
    /// A version other than 2.
    Version(u8),
    /// It has neither SR nor RR nor BYE.
    NoReport,
}

impl fmt::Display for ReportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReportFault::Short { at } => write!(f, "the peer's RTCP packet at byte {at} is cut short"),
            ReportFault::Version(v) => write!(f, "the peer's packet has RTCP version {v}, expected 2"),
            ReportFault::NoReport => f.write_str("the peer's RTCP compound holds no report"),
        }
    }
}

impl core::error::Error for ReportFault {}

/// A moment in NTP's 64-bit form. The axis is our own (RFC 3550 §4 lets a sender count from its start): it never jumps.
pub fn ntp(now: Instant) -> u64 {
    let nanos = now.as_nanos();
    let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    ((nanos / 1_000_000_000) << 32) | fraction
}

impl Report {
    /// Writes SR or RR, SDES with a CNAME made of our SSRC, and BYE when leaving. Returns the length; 0 when `out`
    /// is shorter than [`REPORT_LEN_MAX`].
    pub fn write(&self, out: &mut [u8]) -> usize {
        let Some(out) = out.first_chunk_mut::<REPORT_LEN_MAX>() else { return 0 };
        let mut writer = Writer { out, len: 0 };
        let blocks = u8::from(self.block.is_some());
        let words = u16::from(blocks) * 6 + 1;
        match self.sender {
            Some(sender) => {
                writer.head(blocks, SR, words + 5, self.ssrc);
                writer.u32((sender.ntp >> 32) as u32);
                writer.u32(sender.ntp as u32);
                writer.u32(sender.rtp_timestamp);
                writer.u32(sender.packets);
                writer.u32(sender.octets);
            }
            None => writer.head(blocks, RR, words, self.ssrc),
        }
        if let Some(block) = &self.block {
            writer.block(block);
        }
        // CNAME: "senim-" and the SSRC in hex. It names the stream, not a person or a machine (RFC 7022 §4.1).
        writer.head(1, SDES, 5, self.ssrc);
        writer.bytes(&[1, 14]);
        writer.bytes(b"senim-");
        for shift in (0..8u32).rev() {
            let nibble = (self.ssrc >> (shift * 4) & 15) as u8;
            writer.bytes(&[if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }]);
        }
        if self.bye {
            writer.head(1, BYE, 1, self.ssrc);
        }
        writer.len
    }

    /// Reads a compound. `about` picks the report block that speaks of our own SSRC.
    ///
    /// # Errors
    /// See [`ReportFault`]; the peer is guilty.
    pub fn read(bytes: &[u8], about: u32) -> Result<Report, ReportFault> {
        let mut report = Report::default();
        let mut found = false;
        let mut at = 0;
        for _ in 0..PACKETS_MAX {
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { break };
            let (count, kind, body, len) = split(rest, at)?;
            at += len;
            match kind {
                SR | RR => {
                    found = true;
                    report.read_report(count, kind, body, about);
                }
                BYE => {
                    found = true;
                    report.bye = true;
                }
                _ => {}
            }
        }
        if found { Ok(report) } else { Err(ReportFault::NoReport) }
    }

    fn read_report(&mut self, count: u8, kind: u8, body: &[u8], about: u32) {
        let word = |n: usize| {
            let chunk = body.get(n * 4..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*chunk))
        };
        let Some(ssrc) = word(0) else { return };
        self.ssrc = ssrc;
        let mut next = 1;
        if kind == SR {
            let (Some(high), Some(low), Some(rtp_timestamp), Some(packets), Some(octets)) =
                (word(1), word(2), word(3), word(4), word(5))
            else {
                return;
            };
            let ntp = u64::from(high) << 32 | u64::from(low);
            self.sender = Some(SenderInfo { ntp, rtp_timestamp, packets, octets });
            next = 6;
        }
        for n in 0..usize::from(count) {
            let from = next + n * 6;
            let (Some(ssrc), Some(loss), Some(highest_seq), Some(jitter), Some(last_sr), Some(delay)) =
                (word(from), word(from + 1), word(from + 2), word(from + 3), word(from + 4), word(from + 5))
            else {
                return;
            };
            if ssrc == about {
                self.block = Some(ReportBlock {
                    ssrc,
                    fraction_lost: (loss >> 24) as u8,
                    cumulative_lost: (loss << 8) as i32 >> 8,
                    highest_seq,
                    jitter,
                    last_sr,
                    delay_since_last_sr: delay,
                });
            }
        }
    }
}

/// Takes one packet off the front: its count field, type, body and whole length.
fn split(rest: &[u8], at: usize) -> Result<(u8, u8, &[u8], usize), ReportFault> {
    let &[first, kind, l0, l1] = rest.first_chunk::<4>().ok_or(ReportFault::Short { at })?;
    if first >> 6 != 2 {
        return Err(ReportFault::Version(first >> 6));
    }
    let len = usize::from(u16::from_be_bytes([l0, l1])) * 4 + 4;
    let body = rest.get(4..len).ok_or(ReportFault::Short { at })?;
    Ok((first & 31, kind, body, len))
}

struct Writer<'a> {
    out: &'a mut [u8; REPORT_LEN_MAX],
    len: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.out.get_mut(self.len..self.len + bytes.len()) {
            slot.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn u32(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn head(&mut self, count: u8, kind: u8, words: u16, ssrc: u32) {
        let [w0, w1] = words.to_be_bytes();
        self.bytes(&[0x80 | count, kind, w0, w1]);
        self.u32(ssrc);
    }

    fn block(&mut self, block: &ReportBlock) {
        self.u32(block.ssrc);
        self.u32(u32::from(block.fraction_lost) << 24 | block.cumulative_lost as u32 & 0xff_ffff);
        self.u32(block.highest_seq);
        self.u32(block.jitter);
        self.u32(block.last_sr);
        self.u32(block.delay_since_last_sr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reports_read_back_and_another_reader_agrees(
            ssrc: u32, sends: bool, receives: bool, bye: bool, ntp: u64, n: u32, lost in -0x80_0000i32..0x7f_ffff,
        ) {
            let sender = sends.then_some(SenderInfo { ntp, rtp_timestamp: n, packets: n ^ 1, octets: n ^ 2 });
            let block = receives.then_some(ReportBlock {
                ssrc: 7, fraction_lost: 3, cumulative_lost: lost, highest_seq: n, jitter: n, last_sr: n, delay_since_last_sr: n,
            });
            let report = Report { ssrc, sender, block, bye };
            let mut out = [0; REPORT_LEN_MAX];
            let len = report.write(&mut out);
            prop_assert_eq!(crate::Kind::of(&out[..len]), crate::Kind::Rtcp);
            prop_assert_eq!(Report::read(&out[..len], 7), Ok(report));
            let kinds: Vec<u8> = rtcp_types::Compound::parse(&out[..len]).unwrap()
                .map(|packet| match packet.unwrap() {
                    rtcp_types::Packet::Sr(sr) => { assert_eq!((sr.ssrc(), sr.ntp_timestamp()), (ssrc, ntp)); SR }
                    rtcp_types::Packet::Rr(rr) => { assert_eq!(rr.ssrc(), ssrc); RR }
                    rtcp_types::Packet::Sdes(_) => SDES,
                    rtcp_types::Packet::Bye(_) => BYE,
                    _ => 0,
                })
                .collect();
            let expected: Vec<u8> = [Some(if sends { SR } else { RR }), Some(SDES), bye.then_some(BYE)].into_iter().flatten().collect();
            prop_assert_eq!(kinds, expected);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut bytes = bytes;
            let _ = Report::read(&bytes, 7);
            if let [first, second, third, fourth, ..] = &mut bytes[..] {
                (*first, *second, *third, *fourth) = (0x80 | *first & 31, 200 + *second % 4, 0, *fourth % 30);
            }
            let _ = Report::read(&bytes, 7);
        }
    }

    #[test]
    fn a_moment_in_ntp_form() {
        assert_eq!(ntp(Instant::from_millis(2_500)), 2 << 32 | 1 << 31);
        assert_eq!(Report::default().write(&mut [0; REPORT_LEN_MAX - 1]), 0);
    }
}
