//! A session description as a value (RFC 8866 section 5), and how it prints.
//!
//! Kept: what offer/answer needs. Dropped on reading: i=, u=, e=, p= (they may name a person), b=, r=, z=, k=.

use core::fmt;
use std::net::IpAddr;

/// A whole description: v=0, then these lines in this order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// o=: who made it, and which version it is.
    pub origin: Origin,
    /// s=: a name; `-` when there is none.
    pub name: String,
    /// c= of the session: for every stream that has none of its own.
    pub connection: Option<Connection>,
    /// t=: `0 0` for a call.
    pub timing: String,
    /// a= of the session.
    pub attributes: Vec<Attribute>,
    /// m= lines with what belongs to them, in the order that offer/answer keeps.
    pub media: Vec<MediaDescription>,
}

/// o=: six words (RFC 8866 section 5.2). Numbers stay text, since peers write longer ones than 64 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` when the host has none.
    pub username: String,
    /// Session id.
    pub session_id: String,
    /// Session version: rises whenever the description changes.
    pub version: String,
    /// Network and address type and address as written: `IN IP4 192.0.2.1`.
    pub address: String,
}

impl Default for Origin {
    fn default() -> Self {
        let text = String::from;
        Origin {
            username: text("-"),
            session_id: text("0"),
            version: text("0"),
            address: text("IN IP4 0.0.0.0"),
        }
    }
}

/// c=: where the peer listens (RFC 8866 section 5.7).
#[derive(Clone, PartialEq, Eq)]
pub enum Connection {
    /// An address. The unspecified one means hold (RFC 3264 section 8.4).
    Ip(IpAddr),
    /// A host name: read, so that a refused stream may have one, but never looked up.
    Name(String),
}

/// a=: `name` or `name:value`.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Before the colon.
    pub name: String,
    /// After the colon.
    pub value: Option<String>,
}

impl Attribute {
    /// `name:value`.
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        Attribute { name: name.into(), value: Some(value.to_string()) }
    }

    /// `name` alone.
    pub fn flag(name: &str) -> Self {
        Attribute { name: name.into(), value: None }
    }
}

/// m= and the lines below it (RFC 8866 section 5.14).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MediaDescription {
    /// `audio`, `video`, …
    pub media: String,
    /// Port; 0 refuses or ends the stream.
    pub port: u16,
    /// `RTP/AVP`, …
    pub protocol: String,
    /// Payload types or other words, most preferred first.
    pub formats: Vec<String>,
    /// c= of this stream.
    pub connection: Option<Connection>,
    /// a= of this stream.
    pub attributes: Vec<Attribute>,
}

impl MediaDescription {
    /// Values of every attribute `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |a| a.name == name).filter_map(|a| a.value.as_deref())
    }

    /// Whether the attribute `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name == name)
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns={}\r\n", self.origin, self.name)?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write!(f, "t={}\r\n", self.timing)?;
        for attribute in &self.attributes {
            write!(f, "a={attribute}\r\n")?;
        }
        for media in &self.media {
            write!(f, "{media}")?;
        }
        Ok(())
    }
}

impl fmt::Display for MediaDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.media, self.port, self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        for attribute in &self.attributes {
            write!(f, "a={attribute}\r\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.address)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Connection::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Connection::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}:{value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Prints kinds of streams only: addresses and names are personal.
impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.media).finish()
    }
}

/// Prints the kind, the port and the number of formats.
impl fmt::Debug for MediaDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} formats)", self.media, self.port, self.formats.len())
    }
}
