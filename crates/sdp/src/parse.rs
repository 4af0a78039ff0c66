//! Bytes to a [`SessionDescription`]. Tolerant where no meaning is lost: CRLF or LF, any order
//! within a section, missing s= and t=, odd or foreign bytes in texts. Strict where the rest hangs on it: v=, o=, c=, m=.

use crate::{
    Attribute, BODY_BYTES_MAX, Connection, Fault, MEDIA_MAX, MediaDescription, Origin, SessionDescription,
};

impl SessionDescription {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::TooManyMedia`], [`Fault::Malformed`]; all the peer's doing.
    pub fn parse(body: &[u8]) -> Result<SessionDescription, Fault> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Fault::TooLarge { bytes: body.len() });
        }
        let text = String::from_utf8_lossy(body);
        let mut lines = (1..).zip(text.lines().map(without_returns));
        match lines.next() {
            Some((_, line)) if line.trim_end() == "v=0" => {}
            _ => return Err(Fault::Malformed { line: 1 }),
        }
        let mut reader = Reader::default();
        for (line, text) in lines {
            if !text.bytes().all(|b| b.is_ascii_whitespace()) {
                reader.line(text).ok_or(Fault::Malformed { line })?;
            }
            if reader.description.media.len() > MEDIA_MAX {
                return Err(Fault::TooManyMedia);
            }
        }
        reader.finish()
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    description: SessionDescription,
    has_origin: bool,
}

impl Reader {
    /// One line; `None` when it cannot be read.
    fn line(&mut self, text: &str) -> Option<()> {
        let (kind, value) = text.split_once('=')?;
        match kind {
            "o" => {
                self.description.origin = origin(value)?;
                self.has_origin = true;
            }
            "s" => self.description.name = printable(value),
            "t" => self.description.timing = printable(value),
            "c" => {
                let connection = Some(connection(value)?);
                match self.description.media.last_mut() {
                    Some(media) => media.connection = connection,
                    None => self.description.connection = connection,
                }
            }
            "a" => {
                let attribute = attribute(value);
                match self.description.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => self.description.attributes.push(attribute),
                }
            }
            "m" => self.description.media.push(media(value)?),
            // RFC 8866 section 5: unknown letters are ignored; but it must be a letter and an equals sign.
            _ if kind.len() == 1 && kind.is_ascii() => {}
            _ => return None,
        }
        Some(())
    }

    fn finish(mut self) -> Result<SessionDescription, Fault> {
        if !self.has_origin {
            return Err(Fault::Malformed { line: 2 });
        }
        for (text, default) in [(&mut self.description.name, "-"), (&mut self.description.timing, "0 0")] {
            if text.is_empty() {
                default.clone_into(text);
            }
        }
        Ok(self.description)
    }
}

/// A word that may be printed back to the peer: no spaces, no control characters.
fn word(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}

/// Some peers end their lines with more than one.
fn without_returns(line: &str) -> &str {
    if line.ends_with('\r') { line.trim_end_matches('\r') } else { line }
}

/// A text without control characters and outer blanks.
fn printable(text: &str) -> String {
    // As nearly all are: it can be copied whole.
    if text.bytes().fold(true, |plain, b| plain & (b' '..0x7f).contains(&b)) {
        return text.trim_ascii().to_owned();
    }
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.trim().to_owned()
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_ascii_whitespace();
    let origin = Origin {
        username: Some(printable(words.next()?)).filter(|name| !name.is_empty())?,
        session_id: word(words.next()?)?,
        version: word(words.next()?)?,
        address: String::new(),
    };
    let address: Vec<String> = words.map(word).collect::<Option<_>>()?;
    (address.len() == 3).then(|| Origin { address: address.join(" "), ..origin })
}

fn connection(value: &str) -> Option<Connection> {
    let mut words = value.split_ascii_whitespace();
    let (net, kind, address) = (words.next()?, words.next()?, words.next()?);
    let family = kind.eq_ignore_ascii_case("IP4") || kind.eq_ignore_ascii_case("IP6");
    if !net.eq_ignore_ascii_case("IN") || !family {
        // Another network's address (RFC 3108 has some): kept as a name, for a stream that is refused anyway.
        return word(address).map(Connection::Name);
    }
    // A multicast address carries a TTL or a count: 233.252.0.1/127.
    let address = address.split('/').next()?;
    match address.parse() {
        Ok(ip) => Some(Connection::Ip(ip)),
        Err(_) => word(address).map(Connection::Name),
    }
}

fn attribute(value: &str) -> Attribute {
    let value = value.trim();
    match value.split_once(':') {
        Some((name, value)) => Attribute { name: printable(name), value: Some(printable(value)) },
        None => Attribute { name: printable(value), value: None },
    }
}

fn media(value: &str) -> Option<MediaDescription> {
    let mut words = value.split_ascii_whitespace();
    let media = word(words.next()?)?;
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let protocol = word(words.next()?)?;
    let formats: Vec<String> = words.map(word).collect::<Option<_>>()?;
    let described = MediaDescription { media, port, protocol, formats, ..MediaDescription::default() };
    (!described.formats.is_empty()).then_some(described)
}
