//! The structured values of headers: addresses with a display name, Vias, Contacts.

use super::text::{self, Bad, Params};
use super::uri::{Uri, UriParts, host_of, host_port, ip_of, write_params};
use crate::flow::Transport;
use core::fmt;
use std::net::{IpAddr, SocketAddr};

/// `"Айгүл" <sip:aigul@example.kz>;tag=x`: From, To, Contact, Route, P-Asserted-Identity … (RFC 3261 section 20.10).
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without quotes, control characters made spaces.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// Parameters of the header, not of the URI.
    pub params: Params,
}

/// The value of a header could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueFault;

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("peer: the value is not what RFC 3261 section 25 asks of this header")
    }
}

impl core::error::Error for ValueFault {}

impl From<Bad> for ValueFault {
    fn from(_: Bad) -> Self {
        ValueFault
    }
}

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Vec::new() }
    }

    /// The same with a `tag`, in the place of one that was there.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.retain(|(name, _)| !name.eq_ignore_ascii_case("tag"));
        self.params.push(("tag".into(), Some(tag.to_owned())));
        self
    }

    /// Reads one value. Without brackets, parameters belong to the header and `?` is refused (RFC 3261 section 20).
    pub fn parse(input: &str) -> Result<NameAddr, ValueFault> {
        AddrParts::read(input).map(|parts| parts.to_addr())
    }

    /// The `tag`, when there is one with a value.
    pub fn tag(&self) -> Option<&str> {
        self.param("tag").flatten()
    }

    /// The value of a header parameter: `Some(None)` when it stands without one. Quoted strings keep their quotes.
    pub fn param(&self, name: &str) -> Option<Option<&str>> {
        text::param(&self.params, name)
    }
}

/// A [`NameAddr`] that reads, its parts where they stand.
#[derive(Clone, Copy)]
pub(crate) struct AddrParts<'a> {
    /// With its quotes, if it has any.
    display: Option<&'a str>,
    pub(crate) uri: UriParts<'a>,
    params: &'a str,
}

impl<'a> AddrParts<'a> {
    /// See [`NameAddr::parse`].
    pub(crate) fn read(input: &'a str) -> Result<AddrParts<'a>, ValueFault> {
        let input = text::trim(input);
        let (display, rest) = display_name(input)?;
        let (uri, params) = match rest.strip_prefix('<') {
            Some(rest) => {
                let (uri, params) = text::cut(rest, b'>').ok_or(ValueFault)?;
                (text::trim(uri), params)
            }
            None if display.is_some() || rest.contains(['?', ',']) => return Err(ValueFault),
            None => {
                // A semicolon before the `@` is of the user part.
                let from = rest.find('@').unwrap_or(0);
                let at = rest.get(from..).and_then(|tail| tail.find(';')).map_or(rest.len(), |at| from + at);
                let (uri, params) = rest.split_at(at);
                (text::trim(uri), params)
            }
        };
        let uri = UriParts::read(uri).map_err(|_| ValueFault)?;
        for read in text::each_param(params)? {
            read?;
        }
        Ok(AddrParts { display, uri, params })
    }

    /// A copy that lives on.
    pub(crate) fn to_addr(self) -> NameAddr {
        let display = self.display.map(|name| match name.starts_with('"') {
            true => text::unquote(name),
            false => name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        });
        // They were read before.
        NameAddr { display, uri: self.uri.to_uri(), params: text::params(self.params).unwrap_or_default() }
    }

    /// The `tag`, when there is one with a value.
    pub(crate) fn tag(&self) -> Option<&'a str> {
        self.param("tag").flatten()
    }

    /// The value of a header parameter: `Some(None)` when it stands without one.
    pub(crate) fn param(&self, name: &str) -> Option<Option<&'a str>> {
        text::param_in(self.params, name)
    }
}

/// Splits off the display name: one quoted string, or whatever stands before `<`. A comma there is a fault of
/// old exchanges (RFC 4475 3.1.2.15) whose meaning is plain.
fn display_name(input: &str) -> Result<(Option<&str>, &str), ValueFault> {
    if input.starts_with('"') {
        let end = text::quoted(input.as_bytes()).ok_or(ValueFault)?;
        let (name, rest) = input.split_at_checked(end).ok_or(ValueFault)?;
        return Ok((Some(name), text::trim(rest)));
    }
    match memchr::memchr(b'<', input.as_bytes()) {
        Some(0) | None => Ok((None, input)),
        Some(at) => {
            let (name, rest) = input.split_at_checked(at).ok_or(ValueFault)?;
            let name = text::trim(name);
            if name.contains(['"', ';', ':', '@', '>']) {
                return Err(ValueFault);
            }
            Ok((Some(name), rest))
        }
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", text::quote(display))?;
        }
        write!(f, "<{}>", self.uri)?;
        write_params(f, &self.params)
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameAddr(***)")
    }
}

impl core::str::FromStr for NameAddr {
    type Err = ValueFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        NameAddr::parse(text)
    }
}

/// One hop of the way back (RFC 3261 section 20.42, RFC 3581).
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, or whatever the hop used.
    pub transport: String,
    /// Where the hop says it is; IPv6 in brackets.
    pub host: String,
    /// Its port, when written.
    pub port: Option<u16>,
    /// Names the transaction; begins with [`Via::COOKIE`] since RFC 3261.
    pub branch: Option<String>,
    /// Where the request really came from.
    pub received: Option<IpAddr>,
    /// `Some(None)`: please fill in. `Some(Some(port))`: the port the request came from.
    pub rport: Option<Option<u16>>,
    /// Every other parameter.
    pub params: Params,
}

impl Via {
    /// What every branch since RFC 3261 begins with (section 8.1.1.7).
    pub const COOKIE: &'static str = "z9hG4bK";

    /// Our own Via, asking for `rport`. `branch` without the cookie gets it.
    pub fn new(transport: Transport, sent_by: SocketAddr, branch: &str) -> Via {
        let branch = if branch.starts_with(Via::COOKIE) {
            branch.to_owned()
        } else {
            format!("{}{branch}", Via::COOKIE)
        };
        Via {
            transport: transport.name().to_owned(),
            host: host_of(sent_by.ip()),
            port: Some(sent_by.port()),
            branch: Some(branch),
            received: None,
            rport: Some(None),
            params: Vec::new(),
        }
    }

    /// Reads one value; white space may stand around slashes, the colon, semicolons and equal signs.
    pub fn parse(input: &str) -> Result<Via, ValueFault> {
        let parts = ViaParts::read(input)?;
        let mut params = text::params(parts.params)?;
        let own = |name: &str| OF_VIA.iter().any(|known| name.eq_ignore_ascii_case(known));
        let branch = params.iter().find(|(name, _)| name.eq_ignore_ascii_case("branch"));
        let branch = branch.and_then(|(_, value)| value.clone());
        params.retain(|(name, _)| !own(name));
        Ok(Via {
            transport: parts.transport.to_owned(),
            host: parts.host.to_owned(),
            port: parts.port,
            branch,
            received: parts.received,
            rport: parts.rport,
            params,
        })
    }

    /// Whether the branch is unique as RFC 3261 promises: the cookie and something after it.
    pub fn is_rfc3261(&self) -> bool {
        self.branch.as_deref().is_some_and(|b| b.len() > Via::COOKIE.len() && b.starts_with(Via::COOKIE))
    }
}

/// The parameters that a [`Via`] names, each of which may stand once.
const OF_VIA: [&str; 3] = ["branch", "received", "rport"];

/// A [`Via`] that reads, its parts where they stand.
#[derive(Clone, Copy)]
pub(crate) struct ViaParts<'a> {
    transport: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) branch: Option<&'a str>,
    pub(crate) received: Option<IpAddr>,
    pub(crate) rport: Option<Option<u16>>,
    /// All of them.
    params: &'a str,
}

impl<'a> ViaParts<'a> {
    /// See [`Via::parse`].
    pub(crate) fn read(input: &'a str) -> Result<ViaParts<'a>, ValueFault> {
        let (head, params) = text::cut_before(input, b';');
        let (protocol, rest) = text::cut(head, b'/').ok_or(ValueFault)?;
        let (version, rest) = text::cut(rest, b'/').ok_or(ValueFault)?;
        let (transport, sent_by) = text::cut_space(text::trim(rest)).ok_or(ValueFault)?;
        let sip = text::trim(protocol).eq_ignore_ascii_case("SIP") && text::trim(version) == "2.0";
        if !sip || !text::is_token(transport) {
            return Err(ValueFault);
        }
        let (host, port) = host_port(text::trim(sent_by))?;
        let mut via = ViaParts { transport, host, port, branch: None, received: None, rport: None, params };
        for read in text::each_param(params)? {
            let (name, value) = read?;
            via.take(name, value)?;
        }
        Ok(via)
    }

    fn take(&mut self, name: &str, value: Option<&'a str>) -> Result<(), ValueFault> {
        let Some(own) = OF_VIA.iter().find(|known| name.eq_ignore_ascii_case(known)) else { return Ok(()) };
        match (*own, value) {
            ("branch", Some(value)) if self.branch.is_none() => self.branch = Some(value),
            ("received", Some(value)) if self.received.is_none() => {
                self.received = Some(ip_of(value).ok_or(ValueFault)?);
            }
            ("rport", None) if self.rport.is_none() => self.rport = Some(None),
            ("rport", Some(value)) if self.rport.is_none() => {
                self.rport = Some(Some(value.parse().map_err(|_| ValueFault)?));
            }
            _ => return Err(ValueFault),
        }
        Ok(())
    }

    /// See [`Via::is_rfc3261`].
    pub(crate) fn unique_branch(&self) -> Option<&'a str> {
        self.branch.filter(|b| b.len() > Via::COOKIE.len() && b.starts_with(Via::COOKIE))
    }

    /// The same value, which stood as `text`, with other `received` and `rport`, appended to `out`.
    pub(crate) fn stamp(&self, out: &mut String, text: &str, received: Option<IpAddr>, rport: Option<u16>) {
        use fmt::Write as _;
        out.push_str(text::trim(text::cut_before(text, b';').0));
        let params = text::each_param(self.params).into_iter().flatten().map_while(Result::ok);
        let stays = |name: &str| !OF_VIA.iter().skip(1).any(|known| name.eq_ignore_ascii_case(known));
        for (name, value) in params.filter(|(name, _)| stays(name)) {
            for part in [";", name].into_iter().chain(value.map_or([""; 2], |value| ["=", value])) {
                out.push_str(part);
            }
        }
        // Writing to a string cannot fail.
        let _ = match received {
            Some(IpAddr::V4(ip)) => write!(out, ";received={ip}"),
            Some(IpAddr::V6(ip)) => write!(out, ";received=[{ip}]"),
            None => Ok(()),
        };
        if let Some(port) = rport {
            let _ = write!(out, ";rport={port}");
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(branch) = &self.branch {
            write!(f, ";branch={branch}")?;
        }
        match self.received {
            Some(IpAddr::V4(ip)) => write!(f, ";received={ip}")?,
            Some(IpAddr::V6(ip)) => write!(f, ";received=[{ip}]")?,
            None => {}
        }
        match self.rport {
            Some(Some(port)) => write!(f, ";rport={port}")?,
            Some(None) => f.write_str(";rport")?,
            None => {}
        }
        write_params(f, &self.params)
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({})", self.transport)
    }
}

impl core::str::FromStr for Via {
    type Err = ValueFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Via::parse(text)
    }
}

/// What a Contact header says (RFC 3261 section 20.10).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contacts {
    /// `*`: every binding, with Expires 0.
    Star,
    /// Zero or more addresses.
    List(Vec<NameAddr>),
}

impl Contacts {
    /// The first address, if any: the remote target of a dialog.
    pub fn first(&self) -> Option<&NameAddr> {
        match self {
            Contacts::Star => None,
            Contacts::List(list) => list.first(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_shape_of_an_address_reads() {
        let read = |text: &str| NameAddr::parse(text).unwrap();
        let rosenberg = read("\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>  ;  tag = 98asjd8");
        assert_eq!(rosenberg.display.as_deref(), Some("J Rosenberg \\\""));
        assert_eq!(rosenberg.tag(), Some("98asjd8"));
        assert_eq!(read("caller<sip:caller@example.com>;tag=323").display.as_deref(), Some("caller"));
        let bare = read("sip:vivekg@example.com ;   tag    = 1918181833n");
        assert!(bare.uri.params.is_empty());
        assert_eq!(bare.tag(), Some("1918181833n"));
        assert_eq!(read("Bell, Alexander <sip:a@b>").display.as_deref(), Some("Bell, Alexander"));
        assert_eq!(read("<tel:+77012345678>").uri.user().as_deref(), Some("+77012345678"));
        for bad in
            ["", "<sip:a@b", "\"x <sip:a@b>", "sip:a@b?x=y", "<sip:a@b>x", "x sip:a@b", "<>", "<sip:a@b>;;"]
        {
            assert_eq!(NameAddr::parse(bad), Err(ValueFault), "{bad}");
        }
    }

    #[test]
    fn a_via_reads_with_white_space_anywhere_and_knows_ipv6() {
        let via =
            Via::parse("SIP  / 2.0  / UDP  192.168.255.111 : 4000  ; branch=  z9hG4bK30239;rport;ttl=16")
                .unwrap();
        assert_eq!((via.transport.as_str(), via.port, via.rport), ("UDP", Some(4000), Some(None)));
        assert!(via.is_rfc3261());
        assert_eq!(via.to_string(), "SIP/2.0/UDP 192.168.255.111:4000;branch=z9hG4bK30239;rport;ttl=16");
        let six = Via::parse("SIP/2.0/TCP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK").unwrap();
        assert_eq!(six.received, "2001:db8::9:255".parse().ok());
        assert!(!six.is_rfc3261());
        for bad in [
            "SIP/2.0/UDP",
            "SIP/3.0/UDP h",
            "SIP/2.0/UDP h;;,;,,",
            "SIP/2.0/UDP h;rport=70000",
            "SIP/2.0/UDP h;branch=a;branch=b",
            "HTTP/2.0/UDP h",
        ] {
            assert_eq!(Via::parse(bad), Err(ValueFault), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn addresses_print_and_read_again(input in "(\"[^\"]{0,8}\" |[a-z ,]{0,5})<?sip:[a-z@.:]{1,12}>?[;=a-z\"]{0,10}") {
            if let Ok(addr) = NameAddr::parse(&input) {
                prop_assert_eq!(NameAddr::parse(&addr.to_string()), Ok(addr));
            }
        }

        #[test]
        fn a_display_name_cannot_smuggle(display in "\\PC{0,12}|[\\x00-\\x7f]{0,12}") {
            let addr = NameAddr { display: Some(display), ..NameAddr::new(Uri::sip(None, "h", None)) };
            let printed = addr.to_string();
            prop_assert!(!printed.chars().any(char::is_control));
            prop_assert_eq!(NameAddr::parse(&printed).unwrap().uri, addr.uri);
        }

        #[test]
        fn vias_print_and_read_again(input in "SIP ?/2.0/ ?[A-Z]{1,4} [a-z0-9.:\\[\\]]{1,12}[;=a-z0-9.]{0,20}") {
            if let Ok(via) = Via::parse(&input) {
                prop_assert_eq!(Via::parse(&via.to_string()), Ok(via));
            }
        }
    }
}
