//! Model to text, in the order of RFC 8866 section 5.

use crate::model::{Attribute, Connection, SessionDescription};
use core::fmt;

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connection::Address(ip) if ip.is_ipv6() => write!(f, "IN IP6 {ip}"),
            Connection::Address(ip) => write!(f, "IN IP4 {ip}"),
            Connection::Host(host) => write!(f, "IN IP4 {host}"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "a={}:{value}\r\n", self.name),
            None => write!(f, "a={}\r\n", self.name),
        }
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.origin;
        let kind = if o.address.contains(':') { "IP6" } else { "IP4" };
        write!(f, "v=0\r\no={} {} {} IN {kind} {}\r\n", o.username, o.session_id, o.version, o.address)?;
        write!(f, "s={}\r\n", self.name)?;
        if let Some(c) = &self.connection {
            write!(f, "c={c}\r\n")?;
        }
        f.write_str("t=0 0\r\n")?;
        for a in &self.attributes {
            a.fmt(f)?;
        }
        for m in &self.media {
            write!(f, "m={} {} {}", m.kind, m.port, m.protocol)?;
            for format in &m.formats {
                write!(f, " {format}")?;
            }
            f.write_str("\r\n")?;
            if let Some(c) = &m.connection {
                write!(f, "c={c}\r\n")?;
            }
            for a in &m.attributes {
                a.fmt(f)?;
            }
        }
        Ok(())
    }
}
