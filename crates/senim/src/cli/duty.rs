//! What a consultant does about his work, told by somebody else: `senim duty`, `senim forward`.

use super::{Common, Failure, World, desk, plan};
use clap::{Args, Subcommand};
use senim_switch::api::{self, Command};

#[derive(Args, Debug)]
pub(crate) struct Duty {
    /// The consultant's login.
    login: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Starts work.
    In,
    /// Ends work.
    Out,
    /// Takes a break.
    Break {
        /// Why, in a word.
        reason: String,
    },
    /// Ends a break, or the time after a talk.
    Ready,
}

pub(crate) fn run(duty: &Duty, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let (wanted, said) = match &duty.verb {
        Verb::In => (api::Duty::SignIn, "signed in".to_owned()),
        Verb::Out => (api::Duty::SignOut, "signed out".to_owned()),
        Verb::Break { reason } => (api::Duty::Break(reason.clone()), format!("on a break: {reason}")),
        Verb::Ready => (api::Duty::Ready, "ready".to_owned()),
    };
    let login = duty.login.clone();
    desk(&plan, world)?.command(&Command::Duty { login, duty: wanted })?;
    writeln!(world.out, "{} is {said}", duty.login)?;
    Ok(())
}

pub(crate) fn forward(login: &str, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    desk(&plan, world)?.command(&Command::Forward { login: login.to_owned() })?;
    writeln!(world.out, "the caller of {login} hears the notice and is then sent on")?;
    Ok(())
}
