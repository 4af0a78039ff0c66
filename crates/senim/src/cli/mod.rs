//! The command line: one verb, one file. Every verb works beside a running line and without one.

mod appeal;
mod block;
mod calls;
mod check;
mod consultant;
mod doctor;
mod duty;
mod recordings;
mod said;
mod serve;
mod sip;
mod stories;
mod table;
mod talk;

use crate::config::{self, Complaint, Plan};
use crate::demo;
use crate::desk::{Desk, DeskFault};
use clap::{Args, Parser, Subcommand};
use core::fmt;
use senim_base::{CallId, ConsultantId, Language};
use senim_switch::api::{CallOf, Command, Reply};
use senim_switch::facts::Author;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the configuration is looked for when `--config` does not say.
const CONFIGS: [&str; 3] = ["senim.toml", "config/senim.toml", "/etc/senim/senim.toml"];
/// Longest line read from standard input.
const INPUT_MAX: u64 = 4_096;

/// Senim answers the helpline: calls, queues, recordings, appeals.
#[derive(Parser, Debug)]
#[command(name = "senim", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// The configuration file; otherwise $SENIM_CONFIG, ./senim.toml, ./config/senim.toml, /etc/senim/senim.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides a key, as in sip.realm=help; may come many times.
    #[arg(long, global = true, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
    /// Who gives the command, for the record; otherwise the name in $USER.
    #[arg(long, global = true, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Run the line in the foreground, until SIGTERM.
    Serve,
    /// Run a line with simulated callers and consultants on this machine, to look at, listen to and call.
    Demo(demo::Args),
    /// Prove the configuration, the scripts and the prompts.
    Check,
    /// Look at this machine as a phone or a carrier would: what is wrong, and how to mend it.
    Doctor(doctor::Doctor),
    /// Make consultants known, list or remove them.
    Consultant {
        #[command(subcommand)]
        verb: consultant::Verb,
    },
    /// Find, hand out and prove recordings.
    Recordings {
        #[command(subcommand)]
        verb: recordings::Verb,
    },
    /// List calls, or show one with everything that happened in it.
    Calls(calls::Calls),
    /// Register appeals, link calls to them, see and set their status.
    Appeal {
        #[command(subcommand)]
        verb: appeal::Verb,
    },
    /// Block an abusive caller for a time, see and lift blocks.
    Block {
        #[command(subcommand)]
        verb: block::Verb,
    },
    /// Sign a consultant in or out, send him to a break, make him ready.
    Duty(duty::Duty),
    /// Send the caller in talk with a consultant to the Unified Contact Centre.
    Forward {
        /// The consultant's login.
        login: String,
    },
    /// See what was said on the wires.
    Sip {
        #[command(subcommand)]
        verb: sip::Verb,
    },
    /// Prove, test and try menu scripts.
    Ivr {
        #[command(subcommand)]
        verb: check::IvrVerb,
    },
}

/// Why a verb failed.
#[derive(Debug)]
pub enum Failure {
    /// The configuration or another file of the operator, line by line.
    Complaints(Vec<Complaint>),
    /// The desk.
    Desk(DeskFault),
    /// What was written on the command line.
    Usage(String),
    /// Standard input or output, or a file.
    Io(String, io::Error),
    /// It was told already; only the exit code is left.
    Told,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Complaints(complaints) => {
                let lines: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Failure::Desk(fault) => write!(f, "senim: {fault}"),
            Failure::Usage(what) => write!(f, "senim: {what}"),
            Failure::Io(what, e) => write!(f, "senim: {what}: {e}"),
            Failure::Told => Ok(()),
        }
    }
}

impl core::error::Error for Failure {}

impl From<DeskFault> for Failure {
    fn from(fault: DeskFault) -> Self {
        Failure::Desk(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Failure::Io("standard output".into(), e)
    }
}

/// The world of the command line, so that tests can stand in for a terminal.
pub struct World<'a> {
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// The environment.
    pub env: config::Env<'a>,
}

/// Runs the program with these arguments (the first is its name).
pub fn run(args: impl IntoIterator<Item = String>, world: &mut World<'_>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let text = e.render().to_string();
            let asked = e.exit_code() == 0;
            let to = if asked { &mut *world.out } else { &mut *world.err };
            // Nothing is left to be done when even this cannot be written.
            let _ = to.write_all(text.as_bytes());
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    match verb(&cli, world) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        // A reader that has seen enough (`senim calls | head`) is no failure.
        Err(Failure::Io(_, e)) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(world.err, "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn verb(cli: &Cli, world: &mut World<'_>) -> Result<(), Failure> {
    match &cli.verb {
        Verb::Serve => serve::run(&cli.common, world),
        Verb::Demo(args) => demo::run(args, &cli.common, world),
        Verb::Doctor(doctor) => doctor::run(doctor, &cli.common, world),
        Verb::Check => check::check(&cli.common, world),
        Verb::Consultant { verb } => consultant::run(verb, &cli.common, world),
        Verb::Recordings { verb } => recordings::run(verb, &cli.common, world),
        Verb::Calls(calls) => calls::run(calls, &cli.common, world),
        Verb::Appeal { verb } => appeal::run(verb, &cli.common, world),
        Verb::Block { verb } => block::run(verb, &cli.common, world),
        Verb::Duty(duty) => duty::run(duty, &cli.common, world),
        Verb::Forward { login } => duty::forward(login, &cli.common, world),
        Verb::Sip { verb } => sip::run(verb, &cli.common, world),
        Verb::Ivr { verb } => check::ivr(verb, &cli.common, world),
    }
}

/// The configuration file: the one named, or the first that is there.
fn config_file(common: &Common, world: &World<'_>) -> Option<PathBuf> {
    let named = common.config.clone().or_else(|| (world.env)("SENIM_CONFIG").map(PathBuf::from));
    named.or_else(|| CONFIGS.iter().map(PathBuf::from).find(|p| p.is_file()))
}

/// Finds, reads and proves the configuration.
fn plan(common: &Common, world: &World<'_>) -> Result<Plan, Failure> {
    let file = config_file(common, world)
        .ok_or_else(|| Failure::Usage("no configuration; write --config FILE".into()))?;
    config::load(&file, &common.set, world.env).map_err(Failure::Complaints)
}

/// The desk for this configuration; what should be known of the folder is said.
fn desk(plan: &Plan, world: &mut World<'_>) -> Result<Desk, Failure> {
    let desk = Desk::open(plan)?;
    if let Some(notice) = desk.notice() {
        writeln!(world.err, "{notice}")?;
    }
    Ok(desk)
}

/// Who gives the command.
fn author(common: &Common, world: &World<'_>) -> Author {
    let name = common.by.clone().or_else(|| (world.env)("USER")).filter(|n| !n.is_empty());
    Author::Operator(name.unwrap_or_else(|| "operator".into()))
}

/// Logins by id, to show people by the name they register with.
fn logins(desk: &mut Desk) -> Result<BTreeMap<ConsultantId, String>, Failure> {
    match desk.command(&Command::ListConsultants)? {
        Reply::Consultants { consultants } => Ok(consultants.into_iter().map(|c| (c.id, c.login)).collect()),
        other => Err(odd(&other)),
    }
}

/// The failure of a reply to another command.
fn odd(reply: &Reply) -> Failure {
    Failure::Desk(DeskFault::Answer(format!("{reply:?}")))
}

/// One line from standard input, without its end.
fn input_line(world: &mut World<'_>) -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::Read::take(&mut *world.input, INPUT_MAX).read_line(&mut line);
    read.map_err(|e| Failure::Io("standard input".into(), e))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Reads `kk,ru`.
fn languages(text: &str) -> Result<Vec<Language>, String> {
    words(text).iter().map(|w| w.parse().map_err(|e| format!("{w:?}: {e}"))).collect()
}

/// Words between commas, semicolons, plus signs or spaces.
fn words(text: &str) -> Vec<String> {
    text.split([',', ';', '+', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// Which call: `--call call-17`, or the one a consultant talks in.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct WhichCall {
    /// The call, as in call-17.
    #[arg(long, value_name = "CALL")]
    call: Option<CallId>,
    /// The call this consultant talks in, or else his last one.
    #[arg(long, value_name = "LOGIN")]
    consultant: Option<String>,
}

impl WhichCall {
    fn of(&self) -> Result<CallOf, Failure> {
        match (&self.call, &self.consultant) {
            (Some(call), _) => Ok(CallOf::Call(*call)),
            (None, Some(login)) => Ok(CallOf::Consultant(login.clone())),
            (None, None) => Err(Failure::Usage("which call? write --call or --consultant".into())),
        }
    }
}
