//! `senim ivr talk SCRIPT`: the operator is the caller. Prompts are shown as their texts, keys are typed.

use super::{Failure, World, input_line};
use crate::config::{Complaint, read_text};
use crate::scripts;
use senim_base::Language;
use senim_ivr::{Act, Output, Walk, Word};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Texts = BTreeMap<(Language, String), String>;

/// Walks until the input ends or the call does.
pub(super) fn run(file: &Path, world: &mut World<'_>) -> Result<(), Failure> {
    let script = scripts::read(file, &senim_ivr::World::unknown()).map_err(Failure::Complaints)?;
    let texts = texts(file)?;
    writeln!(world.out, "Type keys, or nothing to listen on or to stay silent.")?;
    let mut walk = Walk::begin(Arc::new(script));
    loop {
        show(&mut walk, &texts, world)?;
        if walk.is_over() {
            writeln!(world.out, "the call is over")?;
            return Ok(());
        }
        prompt(&walk, world)?;
        // A line ends in a line feed; what ends without one is the end of the input.
        let Some(line) = line(world)? else { return Ok(()) };
        let acts = match line.trim() {
            "" => walk.possible().into_iter().take(1).collect(),
            word => Act::read(word).unwrap_or_default(),
        };
        if acts.is_empty() {
            writeln!(world.out, "`{}` cannot be understood here", line.trim())?;
        }
        for act in acts {
            if let Err(unfit) = walk.act(act) {
                writeln!(world.out, "`{act}` cannot be: {unfit}")?;
                break;
            }
        }
    }
}

/// The next line; `None` at the end of the input.
fn line(world: &mut World<'_>) -> Result<Option<String>, Failure> {
    let more = world.input.fill_buf().map_err(|e| Failure::Io("standard input".into(), e))?;
    if more.is_empty() {
        return Ok(None);
    }
    input_line(world).map(Some)
}

/// Where the caller is, and what can happen besides keys.
fn prompt(walk: &Walk, world: &mut World<'_>) -> Result<(), Failure> {
    let words: Vec<String> = walk.possible().iter().map(ToString::to_string).collect();
    let or = if words.is_empty() { String::new() } else { format!(", or {}", words.join(", ")) };
    let seconds = walk.took().as_secs_f64();
    write!(world.out, "{seconds:.1} s, {}: keys{or}> ", walk.step())?;
    world.out.flush()?;
    Ok(())
}

fn show(walk: &mut Walk, texts: &Texts, world: &mut World<'_>) -> Result<(), Failure> {
    for output in walk.outputs() {
        match output {
            Output::Say { words, repeat, .. } => {
                for word in &words {
                    writeln!(world.out, "  {}: {}", word.language, text(word, texts))?;
                }
                if repeat {
                    writeln!(world.out, "  … and so on, for ever")?;
                }
            }
            Output::Entered { step } => writeln!(world.out, "[{step}]")?,
            Output::LanguageSet(language) => writeln!(world.out, "  the caller's language is {language}")?,
            Output::Queue(p) => {
                let topic = p.topic.map_or_else(String::new, |t| format!(" for {t}"));
                let first = if p.urgent { ", first of all" } else { "" };
                writeln!(world.out, "  he waits in queue {}{topic}{first}", p.queue)?;
            }
            Output::Forward { to, .. } => writeln!(world.out, "  he is sent on to {to}")?,
            Output::AskStatus { .. } => writeln!(world.out, "  the appeal is looked up")?,
            Output::HangUp { ending } => writeln!(world.out, "  the script hangs up: {ending}")?,
            Output::Hush | Output::Key { .. } => {}
        }
    }
    Ok(())
}

/// What a prompt says, or its name where no text is written down.
fn text<'a>(word: &'a Word, texts: &'a Texts) -> &'a str {
    texts.get(&(word.language, word.name.clone())).map_or(&word.name, String::as_str)
}

/// The texts beside a script; without them prompts are shown by their names.
fn texts(script: &Path) -> Result<Texts, Failure> {
    let mut texts = Texts::new();
    for language in Language::ALL {
        let file = script.with_file_name(format!("prompts/{}.toml", language.code()));
        if !file.is_file() {
            continue;
        }
        let read = read_text(&file).map_err(|c| Failure::Complaints(vec![c]))?;
        let table: BTreeMap<String, String> = toml::from_str(&read).map_err(|e| {
            let what = format!("this is no table of texts: {}", e.message());
            Failure::Complaints(vec![Complaint { file: file.display().to_string(), line: None, what }])
        })?;
        texts.extend(table.into_iter().map(|(name, text)| ((language, name), text)));
    }
    Ok(texts)
}
