//! Text to model. Lines that the line has no use for are passed over; odd attributes are kept as they are and never
//! refuse a call.

use crate::model::{Attribute, Connection, MediaDescription, Origin, SessionDescription};
use crate::{BYTES_MAX, Fault, MEDIA_MAX};

impl SessionDescription {
    /// Reads a description. Line ends may be CR LF or LF (RFC 8866 section 5 asks parsers to take both).
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        let text = String::from_utf8_lossy(bytes);
        let mut session = SessionDescription {
            origin: Origin {
                username: "-".into(),
                session_id: "0".into(),
                version: "0".into(),
                address: "0.0.0.0".into(),
            },
            name: "-".into(),
            connection: None,
            attributes: Vec::new(),
            media: Vec::new(),
        };
        let mut seen_version = false;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                continue;
            }
            let malformed = |expected| Fault::Malformed { line: number, expected };
            let (kind, value) = line.split_once('=').ok_or(malformed("letter=value"))?;
            if !seen_version && kind != "v" {
                return Err(malformed("v=0"));
            }
            match kind {
                "v" if value.trim() == "0" => seen_version = true,
                "v" => return Err(malformed("v=0")),
                _ => session
                    .line(kind, value)
                    .map_err(|expected| expected.map_or(Fault::TooLarge, malformed))?,
            }
        }
        if seen_version { Ok(session) } else { Err(Fault::Malformed { line: 1, expected: "v=0" }) }
    }

    /// One line; `Err(None)` when there are too many media.
    fn line(&mut self, kind: &str, value: &str) -> Result<(), Option<&'static str>> {
        match kind {
            "o" => self.origin = origin(value).ok_or(Some("o=username id version IN IP4 address"))?,
            "s" => self.name = value.to_owned(),
            "c" => {
                let c = connection(value).ok_or(Some("c=IN IP4 address"))?;
                match self.media.last_mut() {
                    Some(m) => m.connection = Some(c),
                    None => self.connection = Some(c),
                }
            }
            "m" => {
                if self.media.len() >= MEDIA_MAX {
                    return Err(None);
                }
                self.media.push(media(value).ok_or(Some("m=kind port protocol formats"))?);
            }
            "a" => {
                let (name, value) = match value.split_once(':') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (value, None),
                };
                let attributes = match self.media.last_mut() {
                    Some(m) => &mut m.attributes,
                    None => &mut self.attributes,
                };
                attributes.push(Attribute { name: name.to_owned(), value });
            }
            _ => {}
        }
        Ok(())
    }
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_whitespace();
    let (username, session_id, version) = (words.next()?, words.next()?, words.next()?);
    let address = words.nth(2)?;
    Some(Origin {
        username: username.into(),
        session_id: session_id.into(),
        version: version.into(),
        address: address.into(),
    })
}

fn connection(value: &str) -> Option<Connection> {
    let mut words = value.split_whitespace();
    let (net, _kind, address) = (words.next()?, words.next()?, words.next()?);
    if !net.eq_ignore_ascii_case("IN") {
        return None;
    }
    // A multicast TTL may follow the address; nobody multicasts to a helpline.
    let address = address.split('/').next().unwrap_or(address);
    Some(address.parse().map_or_else(|_| Connection::Host(address.to_owned()), Connection::Address))
}

fn media(value: &str) -> Option<MediaDescription> {
    let mut words = value.split_whitespace();
    let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
    Some(MediaDescription {
        kind: kind.into(),
        port: port.split('/').next()?.parse().ok()?,
        protocol: protocol.into(),
        formats: words.map(str::to_owned).collect(),
        connection: None,
        attributes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_description_reads_and_prints_the_same() {
        let text = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";
        let parsed = SessionDescription::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn a_fault_names_its_line() {
        let read = |t: &str| SessionDescription::parse(t.as_bytes()).unwrap_err();
        assert_eq!(read(""), Fault::Malformed { line: 1, expected: "v=0" });
        assert_eq!(read("o=x"), Fault::Malformed { line: 1, expected: "v=0" });
        assert_eq!(read("v=0\nhello"), Fault::Malformed { line: 2, expected: "letter=value" });
        assert_eq!(
            read("v=0\nm=audio x"),
            Fault::Malformed { line: 2, expected: "m=kind port protocol formats" }
        );
        let many = format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(MEDIA_MAX + 1));
        assert_eq!(read(&many), Fault::TooLarge);
        assert!(SessionDescription::parse(&many.as_bytes()[..many.len() - 21]).is_ok());
        assert_eq!(read(&"v".repeat(BYTES_MAX + 1)), Fault::TooLarge);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = SessionDescription::parse(&bytes);
        }

        #[test]
        fn what_reads_prints_and_reads_again(text in "v=0\n(([osmac]=[ -~]{0,30}|m=audio [0-9]{1,4} RTP/AVP [0-9 ]{0,9})\n){0,12}") {
            if let Ok(d) = SessionDescription::parse(text.as_bytes()) {
                prop_assert_eq!(SessionDescription::parse(d.to_string().as_bytes()), Ok(d));
            }
        }
    }
}
