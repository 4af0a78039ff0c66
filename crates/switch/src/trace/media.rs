//! What may be kept of a session description: codecs, direction, ptime, ports. Read off the bytes, not through the
//! negotiator: what a peer wrote is shown also where the negotiator refuses it.

use crate::api::MediaSeen;

/// Codecs that have a name here, in the registry's spelling.
const CODECS: [&str; 16] = [
    "PCMU",
    "PCMA",
    "telephone-event",
    "opus",
    "G722",
    "G729",
    "GSM",
    "iLBC",
    "CN",
    "speex",
    "AMR",
    "AMR-WB",
    "EVS",
    "H264",
    "VP8",
    "red",
];
/// Payload types with a codec of their own (RFC 3551 section 6).
const STATIC: [(u8, u8); 6] = [(0, 0), (8, 1), (9, 4), (18, 5), (3, 6), (13, 8)];
const KINDS: [&str; 4] = ["audio", "video", "text", "image"];
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];
/// Media lines and formats a line that are kept; more are left out.
const MEDIA_MAX: usize = 4;
const FORMATS_MAX: usize = 12;

/// One media line, by places in the tables; `u8::MAX` is any other word.
#[derive(Clone, Debug)]
pub(super) struct Media {
    kind: u8,
    port: u16,
    formats: Vec<(u8, u8)>,
    direction: u8,
    ptime: Option<u8>,
    encrypted: bool,
    nowhere: bool,
}

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Box<[Media]> {
    let mut media: Vec<Media> = Vec::new();
    let (mut direction, mut nowhere) = (0, false);
    for line in lines(body).map(<[u8]>::trim_ascii_end) {
        let Some((letter, value)) =
            line.split_first().and_then(|(l, rest)| Some((l, rest.strip_prefix(b"=")?)))
        else {
            continue;
        };
        match letter {
            b'm' if media.len() >= MEDIA_MAX => break,
            b'm' => media.extend(media_line(value, direction, nowhere)),
            b'c' => {
                let hold = value.ends_with(b" 0.0.0.0") || value.ends_with(b" ::");
                match media.last_mut() {
                    Some(m) => m.nowhere = hold,
                    None => nowhere = hold,
                }
            }
            b'a' => {
                if let Some(d) = place(&DIRECTIONS, value) {
                    media.last_mut().map_or_else(|| direction = d, |m| m.direction = d);
                } else if let Some(m) = media.last_mut() {
                    attribute(m, value);
                }
            }
            _ => {}
        }
    }
    media.into()
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    core::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(end) = memchr::memchr(b'\n', text) else { return Some(text) };
        rest = text.get(end + 1..);
        text.get(..end)
    })
}

/// `audio 4000 RTP/AVP 8 0 101`
fn media_line(value: &[u8], direction: u8, nowhere: bool) -> Option<Media> {
    let mut words = value.split(|b| *b == b' ').filter(|w| !w.is_empty());
    let kind = place(&KINDS, words.next()?).unwrap_or(u8::MAX);
    let port = words.next()?.split(|b| *b == b'/').next().and_then(number)?;
    let encrypted = words.next()?.windows(4).any(|w| w == b"SAVP");
    let own = |pt: u8| STATIC.iter().find(|(known, _)| *known == pt).map_or(u8::MAX, |(_, codec)| *codec);
    let formats = words.filter_map(number).take(FORMATS_MAX).map(|pt| (pt, own(pt))).collect();
    Some(Media { kind, port, formats, direction, ptime: None, encrypted, nowhere })
}

fn attribute(m: &mut Media, value: &[u8]) {
    if let Some(ptime) = value.strip_prefix(b"ptime:") {
        m.ptime = number(ptime);
    } else if let Some(map) = value.strip_prefix(b"rtpmap:") {
        let mut words = map.split(|b| *b == b' ');
        let pt: Option<u8> = words.next().and_then(number);
        let name = words.next().and_then(|n| n.split(|b| *b == b'/').next()).unwrap_or_default();
        let codec = place(&CODECS, name).unwrap_or(u8::MAX);
        m.formats.iter_mut().filter(|(known, _)| Some(*known) == pt).for_each(|(_, c)| *c = codec);
    }
}

fn place(table: &[&str], word: &[u8]) -> Option<u8> {
    let at = table.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(word))?;
    u8::try_from(at).ok()
}

fn number<T: core::str::FromStr>(digits: &[u8]) -> Option<T> {
    core::str::from_utf8(digits).ok()?.trim().parse().ok()
}

impl Media {
    /// In words.
    pub(super) fn seen(&self) -> MediaSeen {
        let word = |table: &[&str], at: u8| {
            table.get(usize::from(at)).map_or_else(|| "other".to_owned(), |w| (*w).to_owned())
        };
        MediaSeen {
            kind: word(&KINDS, self.kind),
            port: self.port,
            codecs: self.formats.iter().map(|(_, codec)| word(&CODECS, *codec)).collect(),
            direction: word(&DIRECTIONS, self.direction),
            ptime: self.ptime,
            encrypted: self.encrypted,
            nowhere: self.nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_direction_ptime_and_ports_are_seen_and_no_address() {
        let body = b"v=0\r\no=aigul 1 1 IN IP4 192.0.2.9\r\ns=Aigul\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\na=sendonly\r\n\
                     m=audio 40000 RTP/SAVP 8 101 120 97\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:120 OPUS/48000/2\r\n\
                     a=ptime:20\r\na=rtpmap:97 aigul/8000\r\nm=video 0 RTP/AVP 31\r\na=inactive\r\nc=IN IP4 0.0.0.0\r\n";
        let seen: Vec<MediaSeen> = read(body).iter().map(Media::seen).collect();
        let [audio, video] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(audio.codecs, ["PCMA", "telephone-event", "opus", "other"]);
        assert_eq!((audio.port, audio.direction.as_str(), audio.ptime), (40_000, "sendonly", Some(20)));
        assert!(audio.encrypted && !audio.nowhere);
        assert_eq!((video.kind.as_str(), video.port, video.direction.as_str()), ("video", 0, "inactive"));
        assert!(video.nowhere);
        assert!(!format!("{seen:?}").to_lowercase().contains("aigul"));
    }

    #[test]
    fn both_sides_of_the_ceilings_and_nonsense() {
        let lines = |n: usize| "m=audio 1 RTP/AVP 0\n".repeat(n).into_bytes();
        assert_eq!(
            (read(&lines(MEDIA_MAX)).len(), read(&lines(MEDIA_MAX + 1)).len()),
            (MEDIA_MAX, MEDIA_MAX)
        );
        let formats =
            |n: usize| read(format!("m=audio 1 RTP/AVP{}", " 0".repeat(n)).as_bytes())[0].formats.len();
        assert_eq!((formats(FORMATS_MAX), formats(FORMATS_MAX + 1)), (FORMATS_MAX, FORMATS_MAX));
        for bad in [&b""[..], b"\xff", b"m=", b"m=audio", b"m=audio x RTP/AVP 0", b"a=ptime:999\n", b"=\n=\n"]
        {
            assert!(read(bad).is_empty());
        }
    }
}
