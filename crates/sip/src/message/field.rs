//! The names of header fields, told apart once when a message is read: a byte to compare instead of a word, whichever
//! case or compact form the peer uses (RFC 3261 section 7.3.3 and the registry of header fields).

macro_rules! fields {
    ($($variant:ident $name:literal $($compact:literal)?),* $(,)?) => {
        /// A header field that we look for, or [`Field::Other`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Field {
            $($variant,)*
            /// Any other: its name has to be compared.
            Other,
        }

        impl Field {
            /// Its long name, for a fault; empty for [`Field::Other`].
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Field::$variant => $name,)*
                    Field::Other => "",
                }
            }
        }

        /// By length of the name, so that those of one length stand together.
        const NAMES: &[(&str, Field)] = &[$(($name, Field::$variant)),*];

        /// The field of a compact name, in lower case.
        const fn compact(letter: u8) -> Field {
            match letter {
                $($($compact => Field::$variant,)?)*
                _ => Field::Other,
            }
        }
    };
}

fields! {
    To "To" b't',
    Via "Via" b'v',
    CSeq "CSeq",
    Date "Date",
    From "From" b'f',
    Join "Join",
    Path "Path",
    RAck "RAck",
    RSeq "RSeq",
    Allow "Allow",
    Event "Event" b'o',
    Route "Route",
    Accept "Accept",
    MinSe "Min-SE",
    Reason "Reason",
    Server "Server",
    CallId "Call-ID" b'i',
    Contact "Contact" b'm',
    Expires "Expires",
    Privacy "Privacy",
    Require "Require",
    Subject "Subject" b's',
    Warning "Warning",
    Identity "Identity" b'y',
    ReferTo "Refer-To" b'r',
    Replaces "Replaces",
    Diversion "Diversion",
    ReferSub "Refer-Sub",
    Supported "Supported" b'k',
    UserAgent "User-Agent",
    MinExpires "Min-Expires",
    ReferredBy "Referred-By" b'b',
    RetryAfter "Retry-After",
    Unsupported "Unsupported",
    AllowEvents "Allow-Events" b'u',
    ContentType "Content-Type" b'c',
    HistoryInfo "History-Info",
    MaxForwards "Max-Forwards",
    RecordRoute "Record-Route",
    Authorization "Authorization",
    IdentityInfo "Identity-Info" b'n',
    ServiceRoute "Service-Route",
    AcceptContact "Accept-Contact" b'a',
    ContentLength "Content-Length" b'l',
    RejectContact "Reject-Contact" b'j',
    RemotePartyId "Remote-Party-ID",
    SessionExpires "Session-Expires" b'x',
    ContentEncoding "Content-Encoding" b'e',
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate",
    SubscriptionState "Subscription-State",
    ContentDisposition "Content-Disposition",
    PAssertedIdentity "P-Asserted-Identity",
    ProxyAuthorization "Proxy-Authorization",
    RequestDisposition "Request-Disposition" b'd',
    PPreferredIdentity "P-Preferred-Identity",
}

/// Longer than the longest name.
const LENGTHS: usize = 24;

/// Where the names of each length begin in [`NAMES`].
const STARTS: [u8; LENGTHS + 1] = {
    let mut starts = [0; LENGTHS + 1];
    let (mut length, mut at) = (0, 0);
    while length <= LENGTHS {
        while at < NAMES.len() && NAMES[at].0.len() < length {
            at += 1;
        }
        starts[length] = at as u8;
        length += 1;
    }
    starts
};

impl Field {
    /// The field of a name, long or compact.
    pub(super) fn of(name: &str) -> Field {
        if let [letter] = name.as_bytes() {
            return compact(letter.to_ascii_lowercase());
        }
        let (Some(from), Some(to)) = (STARTS.get(name.len()), STARTS.get(name.len() + 1)) else {
            return Field::Other;
        };
        let same_length = NAMES.get(usize::from(*from)..usize::from(*to)).unwrap_or_default();
        let as_written = same_length.iter().find(|(known, _)| *known == name);
        let any_case = || same_length.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        as_written.or_else(any_case).map_or(Field::Other, |(_, field)| *field)
    }

    /// A bit of its own.
    pub(super) fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_every_letter_stands_for_one() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name.len()));
        assert!(NAMES.len() < 64 && NAMES.iter().all(|(name, _)| name.len() < LENGTHS));
        for (name, field) in NAMES {
            assert_eq!((Field::of(name), field.name()), (*field, *name));
            assert_eq!(Field::of(&name.to_uppercase()), *field);
        }
        for (letter, name) in [
            ("a", "Accept-Contact"),
            ("b", "Referred-By"),
            ("c", "Content-Type"),
            ("d", "Request-Disposition"),
            ("e", "Content-Encoding"),
            ("f", "From"),
            ("i", "Call-ID"),
            ("j", "Reject-Contact"),
            ("k", "Supported"),
            ("l", "Content-Length"),
            ("m", "Contact"),
            ("n", "Identity-Info"),
            ("o", "Event"),
            ("r", "Refer-To"),
            ("s", "Subject"),
            ("t", "To"),
            ("u", "Allow-Events"),
            ("v", "Via"),
            ("x", "Session-Expires"),
            ("y", "Identity"),
        ] {
            assert_eq!(
                (Field::of(letter), Field::of(&letter.to_uppercase())),
                (Field::of(name), Field::of(name))
            );
        }
        for other in ["", "q", "X-Foo", "Via ", "Vias", "P-Asserted-Identity-And-More-Than-That"] {
            assert_eq!(Field::of(other), Field::Other, "{other}");
        }
    }
}
