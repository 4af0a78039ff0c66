//! Who answers callers: `senim consultant add|list|remove|import`.

use super::{Common, Failure, World, desk, input_line, languages, odd, plan, table, words};
use crate::people;
use clap::Subcommand;
use senim_base::Redacted;
use senim_sip::Secrets;
use senim_switch::api::{Command, Reply};
use senim_switch::facts::Doing;
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Make a consultant known, or replace what is known of the same login.
    Add {
        /// What he registers his softphone with.
        login: String,
        /// What he speaks, as in kk,ru.
        #[arg(long, value_name = "LIST")]
        languages: String,
        /// Topics he takes, as in legal,psychology; without it: all.
        #[arg(long, value_name = "LIST", default_value = "")]
        skills: String,
        /// What colleagues call him; without it: the login.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Read his password as one line from standard input.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Who is known and what each one does.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget a consultant; what he did stays on record.
    Remove {
        /// His login.
        login: String,
    },
    /// Make all consultants of a file known: login,name,languages,skills,password.
    Import {
        /// The file.
        file: PathBuf,
    },
}

pub(crate) fn run(verb: &Verb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let realm = plan.config.sip.realm.clone();
    match verb {
        Verb::Add { login, languages: spoken, skills, name, .. } => {
            let languages = languages(spoken).map_err(Failure::Usage)?;
            let password = input_line(world)?;
            if password.is_empty() {
                return Err(Failure::Usage("the password is empty; write one line to standard input".into()));
            }
            let command = Command::AddConsultant {
                login: login.clone(),
                name: Redacted::new(name.clone().unwrap_or_else(|| login.clone())),
                languages,
                skills: words(skills),
                secrets: Secrets::from_password(login, &realm, &password),
            };
            match desk(&plan, world)?.command(&command)? {
                Reply::ConsultantAdded { consultant } => writeln!(world.out, "{login} is {consultant}")?,
                other => return Err(odd(&other)),
            }
        }
        Verb::List { json } => list(*json, &plan, world)?,
        Verb::Remove { login } => {
            desk(&plan, world)?.command(&Command::RemoveConsultant { login: login.clone() })?;
            writeln!(world.out, "{login} is removed")?;
        }
        Verb::Import { file } => {
            let commands = people::read(file, &realm).map_err(Failure::Complaints)?;
            let mut desk = desk(&plan, world)?;
            desk.commands(&commands)?;
            writeln!(world.out, "{} consultants imported", commands.len())?;
        }
    }
    Ok(())
}

fn list(json: bool, plan: &crate::config::Plan, world: &mut World<'_>) -> Result<(), Failure> {
    let rows = match desk(plan, world)?.command(&Command::ListConsultants)? {
        Reply::Consultants { consultants } => consultants,
        other => return Err(odd(&other)),
    };
    if json {
        let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
        writeln!(world.out, "{text}")?;
        return Ok(());
    }
    let cells = rows.iter().map(|r| {
        let skills = if r.skills.is_empty() { "all".into() } else { r.skills.join(",") };
        let reachable = if r.reachable { "yes" } else { "no" };
        vec![r.login.clone(), table::listed(&r.languages), skills, doing(&r.doing), reachable.into()]
    });
    table::write(
        world.out,
        &["login", "languages", "topics", "does", "softphone"],
        &cells.collect::<Vec<_>>(),
    )?;
    Ok(())
}

/// What a consultant does, in words.
pub(crate) fn doing(doing: &Doing) -> String {
    match doing {
        Doing::SignedOut => "signed out".into(),
        Doing::Ready => "ready".into(),
        Doing::Offered => "ringing".into(),
        Doing::Talking => "talking".into(),
        Doing::WrapUp => "wrap-up".into(),
        Doing::Break(reason) => format!("break: {reason}"),
        Doing::NoAnswer => "did not answer".into(),
        Doing::Unreachable => "no softphone".into(),
        Doing::Busy => "busy".into(),
    }
}
