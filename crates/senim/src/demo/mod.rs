//! `senim demo`: the line on this machine, with simulated callers, consultants and a Unified Contact Centre who speak
//! over real sockets; a live board to look at, recordings to listen to, and a place for one's own softphone.

mod board;
mod cast;
mod house;
mod look;
mod screen;
mod stage;
mod verdict;
mod voices;

use crate::cli::{Common, Failure, World};
use crate::config::Complaint;
use crate::serve::{Handle, clock};
use clap::Args as ClapArgs;
use core::fmt;
use core::time::Duration;
use house::House;
use screen::Screen;
use senim_base::{CallId, Entropy, Instant};
use senim_switch::api::Board;
use signal_hook::consts::{SIGINT, SIGTERM};
use stage::Stage;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use verdict::Verdict;

/// How often the board is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// How long calls may take: so long in all, and so long each.
const TIME_MAX: (Duration, Duration) = (Duration::from_secs(150), Duration::from_secs(15));
/// How long the last calls and recordings may take to close.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// Arguments of `senim demo`.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// End after this many calls, check everything and say what it came to; without it: until Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5_000))]
    calls: Option<u16>,
    /// The same number brings the same callers again.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Keep the data here; otherwise in a new folder for temporary files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Why the demo cannot go on.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// The configuration, the prompts or the people.
    Complaints(Vec<Complaint>),
    /// The line does not start.
    Start(String),
    /// The configuration names no consultants, or no address.
    NoPeople,
    /// A consultant is not let in; the status.
    NotLetIn(String, u16),
    /// The telephones' thread ended by itself.
    PhonesDied,
    /// The operating system.
    Io(String, io::Error),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Complaints(all) => {
                let lines: Vec<String> = all.iter().map(Complaint::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Wrong::Start(why) => f.write_str(why),
            Wrong::NoPeople => f.write_str("the configuration of a demo needs [data] seed and [sip] udp"),
            Wrong::NotLetIn(login, status) => write!(
                f,
                "the line does not let the consultant {login} in ({status}); give --data a new folder"
            ),
            Wrong::PhonesDied => f.write_str("the simulated telephones ended by themselves; see demo.log"),
            Wrong::Io(what, e) => write!(f, "{what}: {e}"),
        }
    }
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Failure::Usage(wrong.to_string())
    }
}

/// Runs the demo.
///
/// # Errors
/// What keeps it from running; a verdict that found something wrong is told on standard output.
pub(crate) fn run(args: &Args, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let stop = stop_flag()?;
    let mut chance = Entropy::new(random()?);
    let centre = stage::centre_seat()?;
    let house = House::open(args, common, &centre, |n| chance.below(n), world.env)?;
    let handle = house.line.handle();
    let before =
        handle.views().and_then(|views| views.calls(None, 1)).ok().and_then(|c| c.first().map(|c| c.call));
    writeln!(world.out, "{}", house.line.ready())?;
    world.out.flush()?;
    let dice = args.seed.map_or(chance, Entropy::from_seed);
    let stage = Stage::set(&house, centre, dice, args.calls.map(usize::from))?;
    let verdict = {
        let screen = Screen::open(world.out)?;
        perform(&house, &handle, stage, screen, before, args, &stop)?
    };
    let data = house.plan.data.clone();
    house.line.stop();
    writeln!(world.out, "{verdict}")?;
    writeln!(world.out, "data        {} (journal, sealed recordings, demo.log)", data.display())?;
    let config = common.config.clone().unwrap_or_else(house::shipped);
    writeln!(
        world.out,
        "look again  senim calls --config {} --set data.folder={}",
        config.display(),
        data.display()
    )?;
    if verdict.wrong.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// Plays until the calls have ended or somebody stops it; then looks at what it came to.
fn perform(
    house: &House,
    handle: &Handle,
    mut stage: Stage,
    mut screen: Screen<'_>,
    before: Option<CallId>,
    args: &Args,
    stop: &AtomicBool,
) -> Result<Verdict, Failure> {
    let began = clock::now();
    let hints = hints(house);
    screen.hints(&hints)?;
    let wanted = args.calls.map(usize::from);
    let (all, each) = TIME_MAX;
    let until = args.calls.map(|n| began + all + each * u32::from(n));
    let mut late = false;
    while wanted.is_none_or(|n| stage.tally.ended < n) && !stop.load(Ordering::Acquire) {
        let now = clock::now();
        late = until.is_some_and(|until| until <= now);
        if late {
            break;
        }
        stage.play(house, now + DRAW_EVERY, true)?;
        look::appeals(handle).into_iter().for_each(|a| stage.appeal(a));
        screen.show(&look::look(house, handle, began, stage.tally.made), &hints)?;
    }
    stage.empty();
    settle(house, handle, &mut stage, &mut screen, began, &hints)?;
    let mut verdict = verdict::judge(house, handle, before, &stage.tally);
    if late {
        verdict.wrong.push("the calls did not end in time".into());
    }
    stage.clear();
    Ok(verdict)
}

/// Lets the last calls end and the last recordings close.
fn settle(
    house: &House,
    handle: &Handle,
    stage: &mut Stage,
    screen: &mut Screen<'_>,
    began: Instant,
    hints: &[String],
) -> Result<(), Failure> {
    let until = clock::now() + SETTLE_MAX;
    loop {
        stage.play(house, clock::now() + DRAW_EVERY, false)?;
        let look = look::look(house, handle, began, stage.tally.made);
        screen.show(&look, hints)?;
        if (is_empty(&look.board) && !look.recording_now) || clock::now() >= until {
            return Ok(());
        }
    }
}

fn is_empty(board: &Board) -> bool {
    board.in_script == 0 && board.waiting.is_empty() && board.talking.is_empty() && board.forwarded == 0
}

/// How somebody takes part with a softphone of his own.
fn hints(house: &House) -> Vec<String> {
    let guest = voices::GUEST;
    vec![
        format!("your softphone: server {}, user {guest}, password {guest}: dial 111,", house.address),
        "or *10 to take calls, *13 after a pause, *20 appeal, *14 to 1414. Ctrl-C ends".to_owned(),
    ]
}

fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

fn random() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map(|()| seed)
        .map_err(|_| Failure::Usage("the operating system gives no random bytes".into()))
}
