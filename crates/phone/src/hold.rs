//! Hold in every spelling that phones use.

/// How a phone spells that it puts the other side on hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// `a=sendonly` (RFC 3264 section 8.4).
    SendOnly,
    /// `a=inactive`.
    Inactive,
    /// `c=IN IP4 0.0.0.0` (RFC 2543), with no word about the direction.
    Unspecified,
    /// Both at once, as some phones do.
    UnspecifiedSendOnly,
    /// `a=sendonly` before the m= lines, for the whole session.
    OfSession,
}

impl Spelling {
    /// Every spelling.
    pub const ALL: [Spelling; 5] = [
        Spelling::SendOnly,
        Spelling::Inactive,
        Spelling::Unspecified,
        Spelling::UnspecifiedSendOnly,
        Spelling::OfSession,
    ];

    /// The same description, said so. `offer` says `a=sendonly`.
    pub(crate) fn spell(self, offer: &str) -> String {
        let address = offer.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).unwrap_or_default();
        let nowhere = |offer: &str| offer.replace(&format!("c=IN IP4 {address}"), "c=IN IP4 0.0.0.0");
        let undirected = |offer: &str| offer.replace("a=sendonly\r\n", "");
        match self {
            Spelling::SendOnly => offer.to_owned(),
            Spelling::Inactive => offer.replace("a=sendonly", "a=inactive"),
            Spelling::Unspecified => nowhere(&undirected(offer)),
            Spelling::UnspecifiedSendOnly => nowhere(offer),
            Spelling::OfSession => undirected(offer).replace("m=audio", "a=sendonly\r\nm=audio"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_changes_just_its_words() {
        let offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 8\r\na=ptime:20\r\na=sendonly\r\n";
        let spelt: Vec<String> = Spelling::ALL.iter().map(|s| s.spell(offer)).collect();
        let has = |n: usize, what: &str| spelt[n].contains(what);
        assert!(has(0, "a=sendonly") && has(1, "a=inactive") && !has(1, "sendonly"));
        assert!(has(2, "c=IN IP4 0.0.0.0") && !has(2, "a=send") && has(2, "o=- 1 1 IN IP4 10.0.0.9"));
        assert!(has(3, "c=IN IP4 0.0.0.0") && has(3, "a=sendonly"));
        assert!(has(4, "t=0 0\r\na=sendonly\r\nm=audio") && has(4, "a=ptime:20\r\n"));
    }
}
