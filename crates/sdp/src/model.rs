//! The model of a session description: what RFC 8866 says, no more than the line uses, and every attribute kept.

use std::net::IpAddr;

/// `o=`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// `-` or a login.
    pub username: String,
    /// Session id, as written.
    pub session_id: String,
    /// Version, as written.
    pub version: String,
    /// Address, as written.
    pub address: String,
}

/// `c=`: an address, or a host name that cannot be sent to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Connection {
    /// An address.
    Address(IpAddr),
    /// Something else.
    Host(String),
}

impl Connection {
    /// The address, unless it is a host name.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Connection::Address(ip) => Some(*ip),
            Connection::Host(_) => None,
        }
    }
}

/// `a=name` or `a=name:value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Before the colon.
    pub name: String,
    /// Behind it.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name:value`.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Attribute { name: name.into(), value: Some(value.into()) }
    }

    /// `a=name`.
    pub fn flag(name: &str) -> Self {
        Attribute { name: name.into(), value: None }
    }
}

/// One `m=` line and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaDescription {
    /// `audio`, `video`, …
    pub kind: String,
    /// Port; 0 refuses the media.
    pub port: u16,
    /// `RTP/AVP`, …
    pub protocol: String,
    /// Formats as written: payload types for RTP.
    pub formats: Vec<String>,
    /// Its own `c=`.
    pub connection: Option<Connection>,
    /// Its attributes, in order.
    pub attributes: Vec<Attribute>,
}

/// A session description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionDescription {
    /// `o=`.
    pub origin: Origin,
    /// `s=`.
    pub name: String,
    /// The session's `c=`.
    pub connection: Option<Connection>,
    /// The session's attributes, in order.
    pub attributes: Vec<Attribute>,
    /// Media, in order.
    pub media: Vec<MediaDescription>,
}

/// The value of the first attribute of this name.
pub(crate) fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))?.value.as_deref()
}
