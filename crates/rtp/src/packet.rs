//! The RTP packet of RFC 3550 §5.1. Reading is rtp-rs's, writing is ours: twelve fixed bytes into a lent buffer.

use core::fmt;
use rtp_rs::{RtpReader, RtpReaderError};

/// Bytes of the header we write: no CSRCs, no extension.
pub const HEADER_LEN: usize = 12;

/// A packet read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: Header,
    /// What it carries, padding taken off.
    pub payload: &'a [u8],
}

/// The fixed header of RFC 3550 §5.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Marker: first packet after silence, or of a telephone event.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number, one more each packet.
    pub seq: u16,
    /// Media clock at the first sample, in ticks of the codec's clock.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
}

/// Why bytes are not an RTP packet: always the peer's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Fewer bytes than the header says.
    Short {
        /// Bytes that came.
        got: usize,
    },
    /// A version other than 2.
    Version(u8),
    /// The padding length is zero or reaches into the header.
    Padding(u8),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Short { got } => write!(f, "the peer's RTP packet ends at {got} bytes, inside its header"),
            Fault::Version(v) => write!(f, "the peer's packet has RTP version {v}, expected 2"),
            Fault::Padding(n) => write!(f, "the peer's RTP packet claims {n} bytes of padding"),
        }
    }
}

impl core::error::Error for Fault {}

impl<'a> Packet<'a> {
    /// Reads a packet without copying.
    ///
    /// # Errors
    /// See [`Fault`]; the peer is guilty.
    pub fn read(bytes: &'a [u8]) -> Result<Packet<'a>, Fault> {
        let reader = RtpReader::new(bytes).map_err(|fault| match fault {
            RtpReaderError::BufferTooShort(got) => Fault::Short { got },
            RtpReaderError::UnsupportedVersion(v) => Fault::Version(v),
            RtpReaderError::HeadersTruncated { buffer_len, .. } => Fault::Short { got: buffer_len },
            RtpReaderError::PaddingLengthInvalid(n) => Fault::Padding(n),
        })?;
        let header = Header {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            seq: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        };
        Ok(Packet { header, payload: reader.payload() })
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The payload may be a voice or a digit: only its length shows.
        write!(f, "{:?} +{} bytes", self.header, self.payload.len())
    }
}

impl Header {
    /// The header as bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [s0, s1] = self.seq.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let second = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        [0x80, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }

    /// Writes the header at the front of `out`; returns its length, or 0 when `out` is too short.
    pub fn write(&self, out: &mut [u8]) -> usize {
        match out.first_chunk_mut::<HEADER_LEN>() {
            Some(front) => {
                *front = self.to_bytes();
                HEADER_LEN
            }
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), versioned: bool) {
            let mut bytes = bytes;
            if let (true, Some(first)) = (versioned, bytes.first_mut()) {
                *first = *first & 0x3f | 0x80;
            }
            if let Ok(packet) = Packet::read(&bytes) {
                prop_assert!(packet.payload.len() + HEADER_LEN <= bytes.len());
            }
        }

        #[test]
        fn what_is_written_reads_back(
            marker: bool, payload_type in 0u8..128, seq: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let header = Header { marker, payload_type, seq, timestamp, ssrc };
            let mut bytes = vec![0; HEADER_LEN];
            prop_assert_eq!(header.write(&mut bytes), HEADER_LEN);
            bytes.extend_from_slice(&payload);
            let read = Packet::read(&bytes).unwrap();
            prop_assert_eq!(read.header, header);
            prop_assert_eq!(read.payload, &payload[..]);
            prop_assert_eq!(header.write(&mut [0; HEADER_LEN - 1]), 0);
        }
    }

    #[test]
    fn padding_csrcs_and_extensions_are_taken_off() {
        // P, X, one CSRC; extension of one word; payload 1 2 3; two bytes of padding.
        let bytes =
            [0xb1, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 7, 7, 7, 7, 1, 2, 3, 0, 2];
        assert_eq!(Packet::read(&bytes).unwrap().payload, [1, 2, 3]);
        assert_eq!(Packet::read(&bytes[..20]), Err(Fault::Short { got: 20 }));
        assert_eq!(Packet::read(&[0x40; 12]), Err(Fault::Version(1)));
    }
}
