//! Request methods. Unknown ones are kept, since a 405 must echo them in CSeq.

use super::text::is_token;
use core::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident $name:literal),* $(,)?) => {
        /// A request method (RFC 3261 section 7.1). Case counts.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// Any other token.
            Other(String),
        }

        impl Method {
            /// The method named by `text`; `None` when it is not a token.
            pub fn parse(text: &str) -> Option<Method> {
                match text {
                    $($name => Some(Method::$variant),)*
                    _ if is_token(text) => Some(Method::Other(text.to_owned())),
                    _ => None,
                }
            }

            /// As it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$variant => $name,)*
                    Method::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261.
    Invite "INVITE",
    /// RFC 3261.
    Ack "ACK",
    /// RFC 3261.
    Bye "BYE",
    /// RFC 3261.
    Cancel "CANCEL",
    /// RFC 3261.
    Register "REGISTER",
    /// RFC 3261.
    Options "OPTIONS",
    /// RFC 3262.
    Prack "PRACK",
    /// RFC 3311.
    Update "UPDATE",
    /// RFC 6086.
    Info "INFO",
    /// RFC 3515.
    Refer "REFER",
    /// RFC 6665.
    Notify "NOTIFY",
    /// RFC 6665.
    Subscribe "SUBSCRIBE",
    /// RFC 3428.
    Message "MESSAGE",
    /// RFC 3903.
    Publish "PUBLISH",
}

impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Method {
    /// A stranger's token stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Method::Other(_) = self { "other" } else { self.as_str() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_methods_are_told_by_case_and_unknown_ones_kept() {
        assert_eq!(Method::parse("INVITE"), Some(Method::Invite));
        assert_eq!(Method::parse("invite"), Some(Method::Other("invite".into())));
        assert_eq!(Method::parse("RE%47IST%45R"), Some(Method::Other("RE%47IST%45R".into())));
        assert_eq!(Method::parse("IN VITE"), None);
        assert_eq!(Method::parse(""), None);
    }
}
