//! The same message in the words of the `rsip` crate, for those who speak it and for differential tests.

use super::Message;

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = rsip::Error;

    /// Fails on what rsip cannot hold: unknown methods, tel URIs and some others.
    fn try_from(message: &Message) -> Result<Self, Self::Error> {
        rsip::SipMessage::try_from(message.to_bytes())
    }
}
