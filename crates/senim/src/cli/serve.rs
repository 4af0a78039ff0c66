//! `senim serve`: the line in the foreground, until SIGTERM or SIGINT.

use super::{Common, Failure, World, plan};
use crate::serve::Line;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Logs go to standard error; `RUST_LOG` chooses which.
pub(crate) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second subscriber in one process (tests) is refused; the first one goes on.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

pub(super) fn run(common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    log_to_stderr();
    let plan = plan(common, world)?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let line = Line::start(&plan).map_err(|fault| Failure::Usage(fault.to_string()))?;
    writeln!(world.out, "{}", line.ready())?;
    world.out.flush()?;
    if signals.forever().next().is_some() {
        tracing::info!("stopping: no new calls; live ones may end within {} s", plan.config.line.grace_s);
    }
    line.stop();
    Ok(())
}
