//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966): read, written, compared.

use super::text::{self, Bad, Params};
use core::fmt;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What stands before the first colon.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Anything else, in lower case. What follows it is kept whole.
    Other(String),
}

/// The URI could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UriFault;

impl fmt::Display for UriFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("peer: not a URI of RFC 3261 section 19.1 or RFC 3966")
    }
}

impl core::error::Error for UriFault {}

impl From<Bad> for UriFault {
    fn from(_: Bad) -> Self {
        UriFault
    }
}

/// A SIP, SIPS or tel URI; others are kept as an opaque text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// User part with its escapes undone and without a password; for tel the number as written, separators included.
    /// It may hold anything, CR and LF too: it is data, never to be put into a header by hand.
    pub user: Option<String>,
    /// User part as it stood, escapes and password included; written again unless `user` was changed.
    raw: Option<String>,
    /// Host name, IPv4 address, or IPv6 address in brackets. Empty for tel. All that follows an unknown scheme.
    pub host: String,
    /// Port, when written.
    pub port: Option<u16>,
    /// `;name=value`, as they stood.
    pub params: Params,
    /// What follows `?`, as it stood. Never taken over into a request of ours (RFC 3261 section 19.1.5).
    pub headers: Option<String>,
}

impl Uri {
    /// `sip:user@host:port`. The user is given in the clear and escaped as needed.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Uri {
        Uri {
            user: user.map(str::to_owned),
            raw: user.map(text::escape_user),
            ..Uri::bare(Scheme::Sip, host, port)
        }
    }

    fn bare(scheme: Scheme, host: &str, port: Option<u16>) -> Uri {
        Uri { scheme, user: None, raw: None, host: host.to_owned(), port, params: Vec::new(), headers: None }
    }

    /// `sip:user@192.0.2.1:5060`, IPv6 in brackets.
    pub fn at(user: Option<&str>, address: SocketAddr) -> Uri {
        Uri::sip(user, &host_of(address.ip()), Some(address.port()))
    }

    /// The same URI with one more parameter.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Uri {
        self.params.push((name.to_owned(), value.map(str::to_owned)));
        self
    }

    /// Reads a URI without angle brackets. White space, control characters and half escapes are refused.
    pub fn parse(input: &str) -> Result<Uri, UriFault> {
        UriParts::read(input).map(|parts| parts.to_uri())
    }

    /// The user part, escapes undone: the field, for reading.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(Cow::Borrowed)
    }

    /// The user part for the wire: as it stood, or escaped anew when it was changed.
    fn written_user(&self) -> Option<Cow<'_, str>> {
        let user = self.user.as_deref()?;
        match self.raw.as_deref() {
            Some(raw) if self.scheme == Scheme::Tel || decoded(raw) == user => Some(Cow::Borrowed(raw)),
            _ => Some(Cow::Owned(text::escape_user(user))),
        }
    }

    /// The host as an address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        ip_of(&self.host)
    }

    /// The value of a parameter: `Some(None)` when it stands without one, as `lr` does.
    pub fn param(&self, name: &str) -> Option<Option<&str>> {
        text::param(&self.params, name)
    }

    /// Whether both name the same resource (RFC 3261 section 19.1.4).
    pub fn same_as(&self, other: &Uri) -> bool {
        self.scheme == other.scheme
            && self.user == other.user
            && self.raw.as_deref().map(text::unescape) == other.raw.as_deref().map(text::unescape)
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.headers == other.headers
            && self.params_agree(other)
            && other.params_agree(self)
    }

    /// A parameter of both must be equal; these five must then stand in both.
    fn params_agree(&self, other: &Uri) -> bool {
        self.params.iter().all(|(name, _)| match other.param(name) {
            // Of a name that stands twice, which it must not (section 19.1.1), the first counts on both sides.
            Some(theirs) => match (self.param(name).flatten(), theirs) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                (a, b) => a == b,
            },
            None => {
                !["user", "ttl", "method", "maddr", "transport"].iter().any(|n| n.eq_ignore_ascii_case(name))
            }
        })
    }
}

/// The user of a user part: no password, no escapes.
fn decoded(raw: &str) -> Cow<'_, str> {
    text::unescape(raw.split_once(':').map_or(raw, |(user, _)| user))
}

/// An address as a host: IPv6 in brackets.
pub(crate) fn host_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// A host as an address. Brackets around IPv6 may be missing: a Via's `received` often lacks them (RFC 5118 4.5).
pub(crate) fn ip_of(host: &str) -> Option<IpAddr> {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.parse().ok().or_else(|| host.contains(':').then(|| three_colons(host)).flatten())
}

/// The grammar of RFC 3261 makes one colon too many before an IPv4 tail, which RFC 5118 section 4.10 wants borne.
fn three_colons(host: &str) -> Option<IpAddr> {
    let (head, tail) = host.split_once(":::")?;
    let tail: Ipv4Addr = tail.parse().ok()?;
    format!("{head}::{tail}").parse().ok()
}

/// Reads `host` or `host:port`, white space around the colon allowed as in a Via (RFC 3261 section 20.42).
pub(crate) fn host_port(input: &str) -> Result<(&str, Option<u16>), Bad> {
    let (host, port) = match input.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => input.split_at_checked(end + 2).ok_or(Bad)?,
        None => text::cut_before(input, b':'),
    };
    let host = text::trim(host);
    let good =
        if host.starts_with('[') { ip_of(host).is_some_and(|ip| ip.is_ipv6()) } else { text::is_host(host) };
    if !good {
        return Err(Bad);
    }
    let port = text::trim(port);
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = text::trim(port.strip_prefix(':').ok_or(Bad)?);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad);
    }
    Ok((host, Some(digits.parse().map_err(|_| Bad)?)))
}

/// A URI that reads, its parts where they stand: what is asked of most URIs needs no copy.
#[derive(Clone, Copy)]
pub(crate) struct UriParts<'a> {
    text: &'a str,
    pub(crate) kind: Kind,
    scheme: &'a str,
    user: Option<&'a str>,
    pub(crate) host: &'a str,
    port: Option<u16>,
    params: &'a str,
    pub(crate) headers: Option<&'a str>,
}

/// A [`Scheme`] without its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sip,
    Sips,
    Tel,
    Other,
}

impl<'a> UriParts<'a> {
    /// See [`Uri::parse`].
    pub(crate) fn read(input: &'a str) -> Result<UriParts<'a>, UriFault> {
        if !text::is_unbroken(input) {
            return Err(UriFault);
        }
        let (scheme, rest) = text::cut(input, b':').ok_or(UriFault)?;
        let starts_well = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(UriFault);
        }
        let parts = UriParts {
            text: input,
            kind: Kind::Other,
            scheme,
            user: None,
            host: rest,
            port: None,
            params: "",
            headers: None,
        };
        if scheme.eq_ignore_ascii_case("sip") {
            parts.sip(Kind::Sip, rest)
        } else if scheme.eq_ignore_ascii_case("sips") {
            parts.sip(Kind::Sips, rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            parts.tel(rest)
        } else if rest.is_empty() {
            Err(UriFault)
        } else {
            Ok(parts)
        }
    }

    fn sip(self, kind: Kind, rest: &'a str) -> Result<UriParts<'a>, UriFault> {
        let (user, rest) = match text::cut(rest, b'@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if user.is_some_and(|user| !text::is_user(user) || !text::escapes_well(user)) {
            return Err(UriFault);
        }
        let (rest, headers) = match text::cut(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        if rest.contains('@') || headers.is_some_and(|h| h.is_empty() || h.contains('@')) {
            return Err(UriFault);
        }
        let (host, params) = text::cut_before(rest, b';');
        let (host, port) = host_port(host)?;
        check_params(params)?;
        Ok(UriParts { kind, user, host, port, params, headers, ..self })
    }

    /// RFC 3966 section 3. A local number without its context is taken: trunks send them.
    fn tel(self, rest: &'a str) -> Result<UriParts<'a>, UriFault> {
        let (number, params) = text::cut_before(rest, b';');
        let digits = number.strip_prefix('+').unwrap_or(number);
        let good = |b: u8| b.is_ascii_hexdigit() || b"*#-.()".contains(&b);
        if digits.is_empty() || !digits.bytes().all(good) {
            return Err(UriFault);
        }
        check_params(params)?;
        Ok(UriParts { kind: Kind::Tel, user: Some(number), host: "", params, ..self })
    }

    /// A copy that lives on.
    pub(crate) fn to_uri(self) -> Uri {
        let scheme = match self.kind {
            Kind::Sip => Scheme::Sip,
            Kind::Sips => Scheme::Sips,
            Kind::Tel => Scheme::Tel,
            Kind::Other => Scheme::Other(self.scheme.to_ascii_lowercase()),
        };
        Uri {
            user: self.user().map(Cow::into_owned),
            raw: self.user.map(str::to_owned),
            // They were read before.
            params: text::params(self.params).unwrap_or_default(),
            headers: self.headers.map(str::to_owned),
            ..Uri::bare(scheme, self.host, self.port)
        }
    }

    /// As it stands, less what follows its `?`.
    pub(crate) fn without_headers(&self) -> &'a str {
        let end = self.headers.map_or(self.text.len(), |headers| self.text.len() - headers.len() - 1);
        self.text.get(..end).unwrap_or(self.text)
    }

    /// The user part, escapes undone.
    pub(crate) fn user(&self) -> Option<Cow<'a, str>> {
        self.user.map(|raw| if self.kind == Kind::Tel { Cow::Borrowed(raw) } else { decoded(raw) })
    }

    /// The value of a parameter: `Some(None)` when it stands without one, as `lr` does.
    pub(crate) fn param(&self, name: &str) -> Option<Option<&'a str>> {
        text::param_in(self.params, name)
    }
}

/// A URI's parameters know no quoted strings and no white space (RFC 3261 section 25, `uri-parameters`).
fn check_params(input: &str) -> Result<(), Bad> {
    for read in text::each_param(input)? {
        let (_, value) = read?;
        if value.is_some_and(|v| v.starts_with('"') || !text::escapes_well(v)) {
            return Err(Bad);
        }
    }
    Ok(())
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.scheme {
            Scheme::Sip => "sip:",
            Scheme::Sips => "sips:",
            Scheme::Tel => "tel:",
            Scheme::Other(scheme) => return write!(f, "{scheme}:{}", self.host),
        })?;
        if let Some(user) = self.written_user() {
            f.write_str(&user)?;
            if self.scheme != Scheme::Tel {
                f.write_str("@")?;
            }
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write_params(f, &self.params)?;
        self.headers.as_ref().map_or(Ok(()), |headers| write!(f, "?{headers}"))
    }
}

impl fmt::Debug for Uri {
    /// Who is behind a URI is private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uri(***)")
    }
}

impl core::str::FromStr for Uri {
    type Err = UriFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uri::parse(text)
    }
}

pub(crate) fn write_params(f: &mut fmt::Formatter<'_>, params: &Params) -> fmt::Result {
    for (name, value) in params {
        match value {
            Some(value) => write!(f, ";{name}={value}")?,
            None => write!(f, ";{name}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_user_part_decodes_and_prints_as_it_stood() {
        let text = "sip:user;par=u%40example.net@example.com:5070;transport=tcp;lr?Subject=x";
        let uri = Uri::parse(text).unwrap();
        assert_eq!(uri.user().as_deref(), Some("user;par=u@example.net"));
        assert_eq!((uri.host.as_str(), uri.port), ("example.com", Some(5070)));
        assert_eq!(uri.param("LR"), Some(None));
        assert_eq!(uri.to_string(), text);
        assert_eq!(Uri::parse("sip:bob:secret@h").unwrap().user().as_deref(), Some("bob"));
    }

    #[test]
    fn an_escaped_line_break_in_a_caller_never_becomes_a_raw_one() {
        let uri = Uri::parse("sip:a%0D%0AVia:x@h").unwrap();
        assert_eq!(uri.user().as_deref(), Some("a\r\nVia"));
        assert!(!uri.to_string().contains('\r'));
        assert!(!Uri::sip(Some("a\r\nb"), "h", None).to_string().contains('\r'));
    }

    #[test]
    fn telephone_and_ipv6_and_strange_targets_read() {
        assert_eq!(
            Uri::parse("tel:+7(701)234-56-78;phone-context=x").unwrap().user().as_deref(),
            Some("+7(701)234-56-78")
        );
        assert_eq!(Uri::parse("sip:[2001:db8::10]:5070").unwrap().ip(), "2001:db8::10".parse().ok());
        assert_eq!(
            Uri::parse("sip:u@[2001:db8:::192.0.2.1]").unwrap().ip(),
            "2001:db8::192.0.2.1".parse().ok()
        );
        assert_eq!(Uri::parse("isbn:2983792873").unwrap().scheme, Scheme::Other("isbn".into()));
        for bad in [
            "",
            "sip:",
            "sip:@h",
            "sip:2001:db8::10",
            "sip:[2001:db8:::1]",
            "sip:[2001:::db8:::192.0.2.1]",
            "sip:[::2001:::192.0.2.1]",
            "sip:h:",
            "sip:h:65536",
            "sip:a@b@c",
            "sip:h; lr",
            "tel:",
            "sip:a%4@h",
        ] {
            assert_eq!(Uri::parse(bad), Err(UriFault), "{bad}");
        }
    }

    #[test]
    fn equal_uris_are_told_from_different_ones() {
        let same = |a: &str, b: &str| Uri::parse(a).unwrap().same_as(&Uri::parse(b).unwrap());
        assert!(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"));
        assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
        assert!(same("sip:carol@chicago.com;a=1;a=2", "sip:carol@chicago.com;a=1;a=2"));
        assert!(!same("sip:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"));
        assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
        assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
        assert!(!same("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
    }

    proptest! {
        #[test]
        fn what_reads_prints_and_reads_again(input in "(sip|sips|tel|x):[a-z0-9%@:;=?\\[\\].+é-]{0,30}") {
            if let Ok(uri) = Uri::parse(&input) {
                prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri.clone()));
                prop_assert!(uri.same_as(&uri));
            }
        }

        #[test]
        fn any_user_survives_the_wire(user in "\\PC{1,12}|[\\x00-\\x7f]{1,12}") {
            let uri = Uri::sip(Some(&user), "h", None);
            let read = Uri::parse(&uri.to_string()).unwrap();
            prop_assert_eq!(read.user().unwrap().into_owned(), user);
        }
    }
}
