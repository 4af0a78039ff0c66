//! The end of a certificate's life (RFC 5280 section 4.1.2.5): the one thing of X.509 that nobody else tells us. A total
//! function on bytes.

/// One DER element: its tag, what is in it, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (digits.iter().fold(0usize, |n, d| n << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

fn of(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(t, ..)| *t == tag).map(|(_, content, rest)| (content, rest))
}

/// `notAfter` of a certificate in DER, seconds since 1970. `None`: it is no certificate.
pub(super) fn not_after(certificate: &[u8]) -> Option<u64> {
    let (certificate, _) = of(SEQUENCE, certificate)?;
    let (mut tbs, _) = of(SEQUENCE, certificate)?;
    if let Some((_, rest)) = of(VERSION, tbs) {
        tbs = rest;
    }
    let (_, rest) = of(INTEGER, tbs)?;
    let (_, rest) = of(SEQUENCE, rest)?;
    let (_, rest) = of(SEQUENCE, rest)?;
    let (validity, _) = of(SEQUENCE, rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    moment(tag, text)
}

/// `YYMMDDHHMMSSZ`, 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<u64> {
    let text = text.strip_suffix(b"Z").filter(|t| t.iter().all(u8::is_ascii_digit))?;
    let pair =
        |at: usize| text.get(at..at + 2).map(|p| p.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')));
    let (year, at) = match (tag, text.len()) {
        (UTC_TIME, 12) => (pair(0).map(|y| if y < 50 { 2000 + y } else { 1900 + y })?, 2),
        (GENERALIZED_TIME, 14) => (pair(0)? * 100 + pair(2)?, 4),
        _ => return None,
    };
    let (month, day) = (pair(at)?, pair(at + 2)?);
    let (hour, minute, second) = (pair(at + 4)?, pair(at + 6)?, pair(at + 8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year.max(1970), month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01: years are counted from March, so that the leap day is their last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_time_are_read() {
        assert_eq!(moment(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(moment(UTC_TIME, b"240229235959Z"), Some(1_709_251_199));
        assert_eq!(moment(GENERALIZED_TIME, b"20500101000000Z"), Some(2_524_608_000));
        for bad in [&b"240229235959"[..], b"241329235959Z", b"24022923595xZ", b"", b"Z"] {
            assert_eq!(moment(UTC_TIME, bad), None);
        }
    }

    #[test]
    fn a_certificate_tells_its_end_and_no_cut_or_flip_of_it_panics() {
        let mut params = rcgen::CertificateParams::new(vec!["line.example".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 17);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(not_after(&der), Some(1_936_742_400));
        for cut in 0..der.len() {
            let _ = not_after(&der[..cut]);
            let mut flipped = der.clone();
            flipped[cut] ^= 0xFF;
            let _ = not_after(&flipped);
        }
    }
}
