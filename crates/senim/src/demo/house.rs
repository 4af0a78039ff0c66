//! The demo's line: the shipped configuration on free ports of this machine, with its data in a folder of its own.

use super::voices::{Account, Voices, accounts};
use super::{Args, Wrong};
use crate::cli::Common;
use crate::config::{self, Plan};
use crate::serve::Line;
use senim_net::phones::Seat;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

/// Where consultants' softphones are.
pub(super) const CONSULTANTS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where the simulated carrier is.
pub(super) const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Where the simulated Unified Contact Centre is.
pub(super) const CENTRE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// The configuration, from the folder of the repository.
const CONFIG: &str = "config/demo.toml";
/// Media ports are taken from here up, in a block of so many: two demos on a machine seldom meet.
const PORTS: (u16, u16, u16) = (20_000, 400, 30);

/// The running line and what the people need to know of it.
pub(super) struct House {
    pub(super) plan: Plan,
    pub(super) line: Line,
    pub(super) voices: Voices,
    pub(super) accounts: Vec<Account>,
    pub(super) address: SocketAddr,
    pub(super) web: Option<SocketAddr>,
}

impl House {
    /// Starts the line; `centre` is the place of the Unified Contact Centre.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(super) fn open(
        args: &Args,
        common: &Common,
        centre: &Seat,
        mut pick: impl FnMut(u32) -> u32,
        env: config::Env<'_>,
    ) -> Result<House, Wrong> {
        let file = common.config.clone().unwrap_or_else(shipped);
        let data = data_folder(args, &mut pick)?;
        let (first, size, blocks) = PORTS;
        let block = first + size * u16::try_from(pick(u32::from(blocks))).unwrap_or(0);
        let mut set = vec![
            format!("data.folder={}", data.display()),
            format!("media.ports={block}-{}", block + size - 1),
            format!("trunk.ucc.uri=sip:{}", centre.sip_address()),
        ];
        // A test runs beside others; somebody who looks wants the ports that he knows.
        if args.calls.is_none() {
            set.extend(usual_ports());
        }
        set.extend(common.set.iter().cloned());
        let plan = config::load(&file, &set, env).map_err(Wrong::Complaints)?;
        let voices = Voices::load(&plan.prompts).map_err(|c| Wrong::Complaints(vec![c]))?;
        let people = plan.seed.clone().ok_or(Wrong::NoPeople)?;
        let accounts = accounts(&people).map_err(|c| Wrong::Complaints(vec![c]))?;
        log_to(&plan.data);
        let line = Line::start(&plan).map_err(|fault| Wrong::Start(fault.to_string()))?;
        let address = line.sip().first().map(|(_, address)| *address).ok_or(Wrong::NoPeople)?;
        let web = line.web();
        Ok(House { plan, line, voices, accounts, address, web })
    }
}

/// Beside the program's own working folder, or where it was built.
pub(super) fn shipped() -> PathBuf {
    let here = PathBuf::from(CONFIG);
    if here.is_file() { here } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(CONFIG) }
}

/// The folder named, or a new one that only we can read.
fn data_folder(args: &Args, pick: &mut impl FnMut(u32) -> u32) -> Result<PathBuf, Wrong> {
    use std::os::unix::fs::DirBuilderExt;
    let named = args.data.is_some();
    let folder = args.data.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("senim-demo-{}-{:04x}", std::process::id(), pick(0x1_0000)))
    });
    let made = fs::DirBuilder::new().recursive(named).mode(0o700).create(&folder);
    made.and_then(|()| folder.canonicalize()).map_err(|e| Wrong::Io(folder.display().to_string(), e))
}

/// The ports of the documentation, if nobody else has them.
fn usual_ports() -> Vec<String> {
    let sip = SocketAddr::new(CONSULTANTS, 5060);
    let web = SocketAddr::new(CONSULTANTS, 8111);
    let mut set = Vec::new();
    if UdpSocket::bind(sip).is_ok() {
        set.push(format!("sip.udp=[\"{sip}\"]"));
    }
    if TcpListener::bind(web).is_ok() {
        set.push(format!("web.listen={web}"));
    }
    set
}

/// The log goes to a file: the screen is the board's.
fn log_to(data: &Path) {
    let Ok(file) = fs::File::create(data.join("demo.log")) else { return };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second subscriber in one process (tests) is refused; the first one goes on.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file))
        .try_init();
}
