//! A file of consultants: `login,name,languages,skills,password`, with that line first. Read whole before anybody is
//! made known, so that a file with a fault changes nothing.

use crate::config::{Complaint, read_text};
use senim_base::{Language, Redacted};
use senim_sip::Secrets;
use senim_switch::api::Command;
use std::collections::BTreeSet;
use std::path::Path;

/// People of one file at most.
pub const PEOPLE_MAX: usize = 10_000;
/// The first line.
const COLUMNS: [&str; 5] = ["login", "name", "languages", "skills", "password"];

/// Reads the file; passwords become the realm's secrets at once.
///
/// # Errors
/// Every fault with its line.
pub fn read(file: &Path, realm: &str) -> Result<Vec<Command>, Vec<Complaint>> {
    let text = read_text(file).map_err(|c| vec![c])?;
    let mut complaints = Vec::new();
    let mut say = |line: usize, what: String| {
        complaints.push(Complaint { file: file.display().to_string(), line: Some(line), what });
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut commands = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, row) in reader.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                let line = e.position().map_or(i + 1, |p| usize::try_from(p.line()).unwrap_or(i + 1));
                say(line, "no line of comma-separated values; quote a value with commas".into());
                continue;
            }
        };
        let line = row.position().map_or(i + 1, |p| usize::try_from(p.line()).unwrap_or(i + 1));
        let cells: Vec<&str> = row.iter().collect();
        if i == 0 {
            if cells != COLUMNS {
                say(line, format!("the first line must be {}", COLUMNS.join(",")));
            }
            continue;
        }
        let &[login, name, spoken, skills, password] = cells.as_slice() else {
            say(line, format!("{} values; write five: {}", cells.len(), COLUMNS.join(",")));
            continue;
        };
        let languages: Result<Vec<Language>, _> = split(spoken).map(str::parse).collect();
        match languages {
            _ if !is_login(login) => {
                say(line, format!("{login:?} cannot be a login; write letters, digits, '.', '-' or '_'"));
            }
            _ if !seen.insert(login.to_owned()) => {
                say(line, format!("{login:?} is there twice; take one out"));
            }
            _ if password.is_empty() => say(line, "the password is empty; write one".into()),
            _ if commands.len() >= PEOPLE_MAX => {
                say(line, format!("more than {PEOPLE_MAX} people; split the file"));
                break;
            }
            Ok(languages) if !languages.is_empty() => commands.push(Command::AddConsultant {
                login: login.to_owned(),
                name: Redacted::new(if name.is_empty() { login } else { name }.to_owned()),
                languages,
                skills: split(skills).map(str::to_owned).collect(),
                secrets: Secrets::from_password(login, realm, password),
            }),
            _ => say(line, format!("{spoken:?} are no languages; write kk, ru or \"kk ru\"")),
        }
    }
    if complaints.is_empty() { Ok(commands) } else { Err(complaints) }
}

fn split(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([' ', ';', '+', ',']).filter(|w| !w.is_empty())
}

/// As the books demand it, so that the fault is told with its line.
fn is_login(login: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=64).contains(&login.len()) && login.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read_str(text: &str) -> Result<Vec<Command>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("people.csv");
        fs::write(&file, text).unwrap();
        read(&file, "senim").map_err(|all| {
            let folder = format!("{}/", dir.path().display());
            all.iter().map(|c| c.to_string().replace(&folder, "") + "\n").collect()
        })
    }

    #[test]
    fn people_are_read_with_their_languages_and_topics() {
        let people = read_str(
            "login,name,languages,skills,password\naigul,\"Айгүл, Ж.\",kk ru,legal;psychology,p1\n\noleg,,ru,,p2\n",
        )
        .unwrap();
        assert_eq!(people.len(), 2);
        let Command::AddConsultant { name, languages, skills, secrets, .. } = &people[0] else { panic!() };
        assert_eq!(name.reveal(), "Айгүл, Ж.");
        assert_eq!(languages, &Language::ALL);
        assert_eq!(skills, &["legal", "psychology"]);
        assert_eq!(secrets, &Secrets::from_password("aigul", "senim", "p1"));
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_without_the_password() {
        let text = "login,name,languages,skills,password\na b,x,kk,,hush\nb,x,en,,hush\nc,x,kk\nd,x,kk,,\nd,x,,,hush\ne,x,kk,,hush\ne,x,kk,,hush\n";
        let faults = read_str(text).unwrap_err();
        expect_test::expect![[r#"
            people.csv:2: "a b" cannot be a login; write letters, digits, '.', '-' or '_'
            people.csv:3: "en" are no languages; write kk, ru or "kk ru"
            people.csv:4: 3 values; write five: login,name,languages,skills,password
            people.csv:5: the password is empty; write one
            people.csv:6: "d" is there twice; take one out
            people.csv:8: "e" is there twice; take one out
        "#]]
        .assert_eq(&faults);
        assert!(!faults.contains("hush"));
        assert!(read_str("name,login\n").unwrap_err().contains("people.csv:1: the first line must be"));
    }

    #[test]
    fn the_sample_file_is_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/consultants.csv");
        assert!(read(&file, "senim").unwrap().len() >= 4);
    }
}
