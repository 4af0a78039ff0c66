//! What a datagram on a media port is, told by its first bytes alone (RFC 7983 section 7, RFC 5761 section 4): keys,
//! ways and sound of a browser share one port.

/// A kind of datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A connectivity check (RFC 8489): first byte 0 to 3.
    Stun,
    /// A handshake or alert (RFC 6347): 20 to 63.
    Dtls,
    /// A report: version 2 and a packet type of 192 to 223.
    Rtcp,
    /// Version 2 and anything else.
    Rtp,
    /// Nothing that belongs here, the empty datagram included.
    Other,
}

impl Kind {
    /// Tells it; no more than two bytes are looked at.
    pub fn of(bytes: &[u8]) -> Kind {
        match bytes {
            [0..=3, ..] => Kind::Stun,
            [20..=63, ..] => Kind::Dtls,
            [128..=191, 192..=223, ..] => Kind::Rtcp,
            [128..=191, ..] => Kind::Rtp,
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every first byte with a second one of each side, against the table of the RFC.
    #[test]
    fn every_first_byte_has_the_kind_that_the_rfc_says() {
        for first in 0..=255u8 {
            let (sound, report) = (Kind::of(&[first, 8]), Kind::of(&[first, 200]));
            let expected = match first {
                0..=3 => (Kind::Stun, Kind::Stun),
                20..=63 => (Kind::Dtls, Kind::Dtls),
                128..=191 => (Kind::Rtp, Kind::Rtcp),
                // ZRTP, TURN channels, QUIC and what nobody has: none of it is spoken here.
                _ => (Kind::Other, Kind::Other),
            };
            assert_eq!((sound, report), expected, "{first}");
        }
    }

    #[test]
    fn reports_are_told_from_sound_on_one_port() {
        for (bytes, kind) in [
            (&[0x81, 200, 0, 6][..], Kind::Rtcp),
            (&[0x81, 203], Kind::Rtcp),
            (&[0x80, 8], Kind::Rtp),
            (&[0x80, 0x80 | 8], Kind::Rtp),
            (&[0x80], Kind::Rtp),
            (&[], Kind::Other),
        ] {
            assert_eq!(Kind::of(bytes), kind, "{bytes:?}");
        }
    }
}
