//! Voices of the simulated people: phrases of the line's own prompts, so that a recording can be listened to.

use crate::config::{Complaint, read_text};
use senim_base::{Entropy, Language};
use senim_phone::Voice;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Phrases that sound like somebody who tells something.
const PHRASES: [&str; 6] = ["overload", "comfort", "ucc_notice", "topic_menu", "status_ask", "recorded"];

/// The phrases, by language.
#[derive(Debug, Default)]
pub(super) struct Voices {
    kazakh: Vec<Arc<[i16]>>,
    russian: Vec<Arc<[i16]>>,
}

impl Voices {
    /// Reads them from the folder of the prompts.
    ///
    /// # Errors
    /// A language without any phrase.
    pub(super) fn load(prompts: &Path) -> Result<Voices, Complaint> {
        Ok(Voices { kazakh: phrases(prompts, "kk")?, russian: phrases(prompts, "ru")? })
    }

    /// One of them, for ever.
    pub(super) fn pick(&self, language: Language, dice: &mut Entropy) -> Voice {
        let all = match language {
            Language::Kazakh => &self.kazakh,
            Language::Russian => &self.russian,
        };
        let n = dice.below(u32::try_from(all.len()).unwrap_or(u32::MAX));
        all.get(n as usize).map_or(Voice::Silence, |pcm| Voice::Phrase(pcm.clone(), true))
    }
}

fn phrases(prompts: &Path, language: &str) -> Result<Vec<Arc<[i16]>>, Complaint> {
    let folder = prompts.join(language);
    let read = |name: &&str| {
        let bytes = fs::read(folder.join(format!("{name}.wav"))).ok()?;
        Some(senim_audio::decode(bytes, "wav").ok()?.into())
    };
    let found: Vec<Arc<[i16]>> = PHRASES.iter().filter_map(read).collect();
    if found.is_empty() {
        let what = "no sound that people could say; make the prompts with `cargo xtask prompts`".to_owned();
        return Err(Complaint { file: folder.display().to_string(), line: None, what });
    }
    Ok(found)
}

/// The accounts of the simulated consultants: login, languages, password. The guest is not among them.
pub(super) fn accounts(seed: &Path) -> Result<Vec<Account>, Complaint> {
    let text = read_text(seed)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let account = |row: csv::StringRecord| {
        let [login, _, languages, _, password] = row.iter().collect::<Vec<_>>().try_into().ok()?;
        let language = languages.split(' ').next_back()?.parse().ok()?;
        Some(Account { login: str::to_owned(login), language, password: str::to_owned(password) })
    };
    Ok(reader.records().flatten().filter_map(account).filter(|a| a.login != GUEST).collect())
}

/// The login that is left to whoever watches the demo.
pub(super) const GUEST: &str = "guest";

/// A simulated consultant.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) login: String,
    /// What he says.
    pub(super) language: Language,
    pub(super) password: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prompts_are_voices_and_the_sample_people_have_accounts() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let voices = Voices::load(&root.join("ivr-scripts/prompts/audio")).unwrap();
        let mut dice = Entropy::from_seed(1);
        for language in Language::ALL {
            let Voice::Phrase(pcm, true) = voices.pick(language, &mut dice) else { panic!() };
            assert!(pcm.len() > 8_000);
        }
        let accounts = accounts(&root.join("config/demo-consultants.csv")).unwrap();
        assert!((5..=6).contains(&accounts.len()));
        assert!(accounts.iter().all(|a| a.login != GUEST));
    }
}
