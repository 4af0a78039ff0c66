//! Ids: plain numbers with a rank, so that a leg cannot be taken for a call. They print as `call-17`.

use core::fmt;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl core::str::FromStr for $name {
            type Err = core::num::ParseIntError;
            /// Reads `call-17` or plain `17`.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix(concat!($prefix, "-")).unwrap_or(text).parse().map($name)
            }
        }
    };
}

id!(
    /// One call of the line, from the first INVITE to the last fact about it. Never used twice in a data folder.
    CallId, u64, "call"
);
id!(
    /// One party's connection within a call: a SIP dialog with its media stream.
    LegId, u64, "leg"
);
id!(
    /// One offer of a waiting caller to one consultant.
    OfferId, u64, "offer"
);
id!(
    /// A person who answers callers, for as long as the line knows him.
    ConsultantId, u32, "consultant"
);
id!(
    /// One playing of clips to one leg, so that its end can be told from the end of an older one.
    PlayId, u64, "play"
);
id!(
    /// A clip in the prompt bank: pre-encoded sound that every call shares.
    ClipId, u32, "clip"
);
id!(
    /// One party's track inside a recording. Track 0 is the caller.
    TrackId, u8, "track"
);

/// Names one recording. Random, so that a file name tells nothing about a person or an order of calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u128);

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::str::FromStr for RecordingId {
    type Err = core::num::ParseIntError;
    /// Reads 1 to 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(RecordingId)
    }
}

impl Serialize for RecordingId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordingId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_their_rank_and_read_back() {
        assert_eq!(CallId(17).to_string(), "call-17");
        assert_eq!("call-17".parse(), Ok(CallId(17)));
        assert_eq!("17".parse(), Ok(CallId(17)));
        assert!("leg-17".parse::<CallId>().is_err());
        let id = RecordingId(0xabc);
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<RecordingId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }
}
