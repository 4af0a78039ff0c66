//! Starting and stopping: the folder is locked and read, interrupted recordings are closed, the ports are opened, and
//! only then is the first call answered.

use super::engine::{Arrival, Edges, Engine};
use super::inbox::{Entrance, inbox};
use super::places::Finder;
use super::{Handle, Line, clock, settings};
use crate::config::{self, Complaint, Plan, wires};
use crate::control::ControlServer;
use crate::desk::{Archive, DeskFault};
use crate::{people, prompts, scripts};
use core::time::Duration;
use senim_audio::Coding;
use senim_base::Entropy;
use senim_net::media::{Binds, MediaPool, MediaSettings};
use senim_net::sip::{BindFault, Listen, SipSockets, Tls, TlsFault};
use senim_store::JournalWriter;
use senim_store::journal::Notice;
use senim_store::vault::{self, Folder, KeyFault, RecordingThread};
use senim_store::views::{Follower, Found, Views};
use senim_switch::{Books, Input, RecordingReport, Switch};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{fmt, io};

/// Why the line cannot start: for the operator.
#[derive(Debug)]
pub enum StartFault {
    /// The data folder is held by another program, or cannot be used, or its journal is damaged.
    Data(DeskFault),
    /// Prompts or scripts are not right; a line each.
    Proof(Vec<String>),
    /// The master key.
    Key(KeyFault),
    /// A SIP address cannot be used.
    Sip(BindFault),
    /// The address of this key cannot be used: taken, or another machine's.
    Address(&'static str, String, io::Error),
    /// A part of the program got no thread or socket of the operating system.
    System(&'static str, io::Error),
    /// The file of consultants is not right; a line each.
    Seed(Vec<String>),
    /// The operating system gives no randomness.
    NoRandomness,
}

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartFault::Data(fault) => write!(f, "{fault}"),
            StartFault::Proof(lines) | StartFault::Seed(lines) => f.write_str(&lines.join("\n")),
            StartFault::Key(fault) => write!(f, "{fault}"),
            StartFault::Sip(fault) => write!(f, "{fault}"),
            StartFault::Address(key, address, e) => {
                write!(f, "{address}: {e}; write another address in {key}")
            }
            StartFault::System(what, e) => write!(f, "{what} cannot be started: {e}"),
            StartFault::NoRandomness => f.write_str("the operating system gives no random bytes"),
        }
    }
}

impl core::error::Error for StartFault {}

impl From<DeskFault> for StartFault {
    fn from(fault: DeskFault) -> Self {
        StartFault::Data(fault)
    }
}

/// Randomness from the operating system.
pub(crate) fn entropy() -> Result<Entropy, StartFault> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| StartFault::NoRandomness)?;
    Ok(Entropy::new(seed))
}

fn lines(complaints: &[Complaint]) -> Vec<String> {
    complaints.iter().map(ToString::to_string).collect()
}

pub(super) fn start(plan: &Plan) -> Result<Line, StartFault> {
    let mut entropy = entropy()?;
    let scripts = scripts::load(plan, false).map_err(|c| StartFault::Proof(lines(&c)))?;
    let unanswered = config::lint(plan, &scripts);
    if !unanswered.is_empty() {
        return Err(StartFault::Proof(lines(&unanswered)));
    }
    let mut archive = Archive::open(&plan.data, plan.config.line.utc_offset_minutes)?;
    seed(plan, &mut archive)?;
    let Archive { lock, journal, books, torn, .. } = archive;
    if let Some(torn) = torn {
        tracing::warn!("{torn}");
    }
    let reports = repair(plan, &books, &mut entropy)?;
    let dir: Arc<std::path::Path> = journal.dir().into();
    let offset = plan.config.line.utc_offset_minutes;
    let (views, found) = Views::open(&plan.data.join("views"), &dir, offset)
        .map_err(|f| StartFault::Data(DeskFault::Views(f)))?;
    if let Found::Dropped(why) = found {
        tracing::warn!("the views were made again from the journal: {why}");
    }
    // After the views: what was taken to decode and given back would become their memory, touched although they take
    // theirs in reserve.
    let spoken: Vec<Coding> =
        plan.codecs().into_iter().map(|codec| Coding::of_number(codec.payload_type())).collect();
    let bank = prompts::load(&plan.prompts, &spoken).map_err(|c| StartFault::Proof(lines(&c)))?;
    let bank = Arc::new(bank);
    let follower = Follower::start(views, &dir).map_err(|e| StartFault::System("the views' thread", e))?;
    let follower = Arc::new(follower);
    let follow = follower.clone();
    let journal = JournalWriter::start(journal, move |notice| match notice {
        Notice::Synced(facts) => follow.safe_facts(facts),
        Notice::Stalled(fault) => tracing::error!("the journal stalls: {fault}"),
        Notice::Resumed => tracing::warn!("the journal is written again"),
    })
    .map_err(|e| StartFault::System("the journal's thread", e))?;
    follower.watch(journal.watch());

    let (arrivals, inbox) = inbox(settings::trunk_nets(plan));
    let (media, rings) = media(plan, &bank, &mut entropy, &arrivals)?;
    let recorder = recorder(plan, rings, &mut entropy, &arrivals)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("net")
        .enable_all()
        .build()
        .map_err(|e| StartFault::System("the network's threads", e))?;
    let secure = secure(plan)?;
    let sockets = sockets(plan, &runtime, secure.clone(), &arrivals)?;
    let local = sockets.local();
    let places = {
        let _within = runtime.enter();
        let finder = Finder::new(plan, &local, secure);
        let places = runtime.block_on(finder.first(plan, &mut entropy));
        let to = arrivals.clone();
        finder.follow(plan, &mut entropy, move |trunk, targets| {
            let _ = to.send(Arrival::Targets(trunk.to_owned(), targets));
        });
        places
    };
    let settings = Arc::new(settings::switch(plan, &bank, scripts, &places));
    let sip = settings::sip(plan, &local);
    let mut switch = Switch::new(settings, sip, books, entropy, clock::now(), clock::wall());
    for report in reports {
        switch.handle(Input::Recording(report), clock::now());
    }
    let edges = Edges { sip: sockets.sender(), media, journal, recorder };
    let engine = std::thread::Builder::new()
        .name("switch".into())
        .spawn(move || {
            let _sockets = sockets;
            Engine::new(switch, edges).run(&inbox)
        })
        .map_err(|e| StartFault::System("the switch's thread", e))?;
    let handle = Handle { arrivals: arrivals.clone(), views: follower.clone(), journal: dir.clone() };
    let web = web(plan, &runtime, &handle)?;
    let control = control(plan, handle)?;
    Ok(Line {
        arrivals,
        engine: Some(engine),
        views: follower,
        journal: dir,
        control: Some(control),
        web,
        runtime: Some(runtime),
        local,
        grace: Duration::from_secs(u64::from(plan.config.line.grace_s)),
        _lock: lock,
    })
}

/// People to begin with, when nobody is known.
fn seed(plan: &Plan, archive: &mut Archive) -> Result<(), StartFault> {
    let Some(file) = plan.seed.as_ref().filter(|_| archive.books.nobody_known()) else { return Ok(()) };
    let commands = people::read(file, &plan.config.sip.realm).map_err(|c| StartFault::Seed(lines(&c)))?;
    archive.commands(&commands)?;
    Ok(())
}

/// Closes the recordings that a kill interrupted.
fn repair(plan: &Plan, books: &Books, entropy: &mut Entropy) -> Result<Vec<RecordingReport>, StartFault> {
    let mut folder = Folder::new(&plan.recordings);
    let key = master_key(plan, &folder)?;
    let unclosed: Vec<_> = books.unclosed_recordings().keys().copied().collect();
    let reports = vault::recover(&mut folder, &key, entropy, unclosed);
    for report in &reports {
        match report {
            RecordingReport::Closed { recording, length_ms, torn: true, .. } => {
                tracing::warn!(%recording, length_ms, "a recording that was interrupted is closed");
            }
            RecordingReport::Failed { recording, why } => tracing::error!(%recording, "{why}"),
            RecordingReport::Closed { .. } => {}
        }
    }
    Ok(reports)
}

pub(crate) fn master_key(plan: &Plan, folder: &Folder) -> Result<senim_seal::MasterKey, StartFault> {
    let variable = std::env::var("SENIM_MASTER_KEY").ok();
    vault::load_or_make(&plan.master_key, variable.as_deref(), folder.is_empty()).map_err(StartFault::Key)
}

type Rings = Vec<rtrb::Consumer<senim_recorder::Frame>>;

fn media(
    plan: &Plan,
    bank: &Arc<senim_audio::Bank>,
    entropy: &mut Entropy,
    arrivals: &Entrance,
) -> Result<(MediaPool, Rings), StartFault> {
    let workers = match plan.config.media.workers {
        0 => std::thread::available_parallelism().map_or(1, core::num::NonZero::get),
        n => usize::try_from(n).unwrap_or(1),
    };
    // Ports are opened call by call: an address that is not ours must not be found out by the first caller.
    let binds = Binds { main: plan.media_bind, ipv6: plan.wires.media_bind6 };
    for (key, bind) in [("bind", Some(binds.main)), ("bind6", binds.ipv6)] {
        if let Some(Err((bind, e))) = bind.map(|ip| std::net::UdpSocket::bind((ip, 0)).map_err(|e| (ip, e))) {
            let what = format!("no sound can be taken on {bind}: {e}; write an address of this machine");
            return Err(StartFault::Proof(lines(&[plan.source.complain(&["media", key], what)])));
        }
    }
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    let pin = plan.config.media.pin;
    let settings = MediaSettings { workers, pin, binds, ..MediaSettings::new(plan.media_bind, seed) };
    let to = arrivals.clone();
    let told = move |call, event| {
        // The switch's thread ends last; what comes after it is of no use to anybody.
        let _ = to.send(Arrival::Media(call, event));
    };
    MediaPool::start(&settings, bank, clock::now, told)
        .map_err(|e| StartFault::System("the media workers", e))
}

fn recorder(
    plan: &Plan,
    rings: Rings,
    entropy: &mut Entropy,
    arrivals: &Entrance,
) -> Result<RecordingThread, StartFault> {
    let key = master_key(plan, &Folder::new(&plan.recordings))?;
    let to = arrivals.clone();
    let told = move |report| {
        if let RecordingReport::Failed { recording, why } = &report {
            tracing::error!(%recording, "{why}; free or mend the disk: the call goes on, its sound waits in memory");
        }
        let _ = to.send(Arrival::Recording(report));
    };
    RecordingThread::start(rings, &plan.recordings, key, entropy.fork(), clock::now, told)
        .map_err(|e| StartFault::System("the recording threads", e))
}

fn sockets(
    plan: &Plan,
    runtime: &tokio::runtime::Runtime,
    secure: Option<Arc<Tls>>,
    arrivals: &Entrance,
) -> Result<SipSockets, StartFault> {
    let wires = &plan.wires;
    let listen = Listen {
        udp: plan.udp.clone(),
        tcp: plan.tcp.clone(),
        tls: wires.tls.clone(),
        ws: wires.ws.clone(),
        wss: wires.wss.clone(),
        secure,
        websocket: wires.websocket.clone(),
    };
    let to = arrivals.clone();
    let on = move |arrival| {
        let _ = to.send(Arrival::Sip(arrival));
    };
    runtime.block_on(senim_net::sip::bind(&listen, on)).map_err(StartFault::Sip)
}

/// TLS, when anything needs it.
fn secure(plan: &Plan) -> Result<Option<Arc<Tls>>, StartFault> {
    if !plan.wires.is_secure() {
        return Ok(None);
    }
    let told = |news: Result<(), TlsFault>| match news {
        Ok(()) => tracing::info!("the certificates changed and were taken over"),
        Err(fault) => tracing::error!("changed certificates are refused, those of before stay: {fault}"),
    };
    let files = plan.wires.files.clone();
    let tls = Tls::new(files, plan.wires.demands.clone(), Arc::new(told))
        .map_err(|fault| StartFault::Proof(lines(&[wires::complaint(plan, &fault)])))?;
    for warning in wires::ending(&tls.identity(), clock::wall()) {
        tracing::warn!("{warning}");
    }
    Ok(Some(Arc::new(tls)))
}

fn web(
    plan: &Plan,
    runtime: &tokio::runtime::Runtime,
    handle: &Handle,
) -> Result<Option<senim_web::Server>, StartFault> {
    let Some(listen) = plan.web else { return Ok(None) };
    let (asker, looker) = (handle.clone(), handle.clone());
    let door = senim_web::Door {
        ask: Arc::new(move |command| asker.ask(command)),
        look: Arc::new(move |question| super::look(&looker, question)),
        token: plan.web_token.clone(),
    };
    let server = runtime
        .block_on(senim_web::Server::start(listen, door))
        .map_err(|e| StartFault::Address("[web] listen", listen.to_string(), e))?;
    Ok(Some(server))
}

fn control(plan: &Plan, handle: Handle) -> Result<ControlServer, StartFault> {
    let answer = move |request| super::answer(&handle, request);
    ControlServer::start(&plan.data, Arc::new(answer))
        .map_err(|e| StartFault::System("the control socket", e))
}

/// Ends the switch's thread, then the media workers (they give their last frames), then the recordings, then the
/// journal. Reports of recordings that close now are written as facts of the next start.
pub(super) fn close(engine: JoinHandle<Edges>, arrivals: &Entrance) {
    let _ = arrivals.send(Arrival::Quit);
    let Ok(edges) = engine.join() else {
        tracing::error!("the switch's thread ended by itself");
        return;
    };
    edges.media.stop();
    edges.recorder.stop();
    edges.journal.stop();
}
