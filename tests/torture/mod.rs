//! The torture messages and what `manifest.toml` says of each: read once for the machine and for the running line.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // Each test uses a part; a helper fails as its test does.

use std::path::{Path, PathBuf};

/// One message and what it is to meet.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Torture {
    pub name: String,
    /// RFC and section.
    pub rfc: String,
    pub oddity: String,
    pub why: String,
    trunk: String,
    stranger: String,
    stream: Option<String>,
    line: Option<String>,
    /// Stands in the answer.
    pub header: Option<String>,
    /// Registers with this name and a password.
    pub user: Option<String>,
    /// Stands in the answer to him.
    pub contact: Option<String>,
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// One thing that happens to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Status(u16),
    /// The switch is told.
    Call,
}

/// What becomes of the connection that brought the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    Stays,
    /// Cut with the answer.
    Closed,
    /// Cut when the rest has not come for ten seconds.
    Waits,
}

/// What a message meets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Treatment {
    pub answers: Vec<Answer>,
    pub after: After,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    Trunk,
    Stranger,
}

impl Torture {
    /// What it meets in a datagram or a frame of its own.
    pub fn alone(&self, zone: Zone) -> Treatment {
        treatment(match zone {
            Zone::Trunk => &self.trunk,
            Zone::Stranger => &self.stranger,
        })
    }

    /// What it meets in a stream.
    pub fn in_stream(&self, zone: Zone) -> Treatment {
        let Some((trunk, stranger)) = self.stream.as_deref().map(|s| s.split_once(" / ").unwrap()) else {
            return self.alone(zone);
        };
        treatment(if zone == Zone::Trunk { trunk } else { stranger })
    }

    /// What the running line says to its call.
    pub fn at_the_line(&self) -> u16 {
        self.line.as_deref().map_or(200, |status| status.parse().unwrap())
    }
}

fn treatment(text: &str) -> Treatment {
    let mut it = Treatment { answers: Vec::new(), after: After::Stays };
    for word in text.split(' ') {
        match word {
            "silence" => {}
            "closed" => it.after = After::Closed,
            "waits" => it.after = After::Waits,
            "call" => it.answers.push(Answer::Call),
            status => it.answers.push(Answer::Status(status.parse().unwrap())),
        }
    }
    it
}

/// Every message of the manifest. A file without its entry or an entry without its file fails.
pub fn all(folder: &Path) -> Vec<Torture> {
    #[derive(serde::Deserialize)]
    struct Manifest {
        message: Vec<Torture>,
    }
    let text = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    let mut all = toml::from_str::<Manifest>(&text).unwrap().message;
    for torture in &mut all {
        let rfc = torture.rfc.split(' ').next().unwrap();
        torture.bytes = std::fs::read(folder.join(format!("rfc{rfc}/{}.sip", torture.name))).unwrap();
    }
    let files = |rfc: &str| files(&folder.join(rfc)).len();
    assert_eq!((files("rfc4475"), files("rfc5118"), all.len()), (49, 12, 61));
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
