//! baresip: a softphone with its own ideas of SIP, driven over its control socket (netstrings of JSON).

use super::{House, Kept, sound, wait};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

const MODULES: [&str; 11] = [
    "account.so",
    "ctrl_tcp.so",
    "menu.so",
    "g711.so",
    "g722.so",
    "opus.so",
    "sndfile.so",
    "aufile.so",
    "ausine.so",
    "stun.so",
    "uuid.so",
];

/// How a softphone is set up.
pub(crate) struct Setup {
    /// Where it has its sockets: eight ports from here on in the test's block.
    pub(crate) slot: u16,
    /// Where it sends from.
    pub(crate) address: &'static str,
    pub(crate) login: &'static str,
    pub(crate) password: &'static str,
    pub(crate) transport: &'static str,
    /// The tone it sounds.
    pub(crate) hz: f32,
    /// It takes calls without being told to.
    pub(crate) auto: bool,
    /// It registers.
    pub(crate) registers: bool,
    /// It takes and offers encrypted sound only, its keys in SDP (RFC 4568).
    pub(crate) srtp: bool,
    /// What it speaks, as baresip calls it.
    pub(crate) codec: &'static str,
}

impl Setup {
    /// A consultant's softphone, over UDP, which sounds 700 Hz and takes every call.
    pub(crate) fn consultant(login: &'static str) -> Setup {
        Setup {
            slot: 62,
            address: "127.0.0.1",
            login,
            password: "secret",
            transport: "udp",
            hz: 700.0,
            auto: true,
            registers: true,
            srtp: false,
            codec: "pcma",
        }
    }

    /// The same over TLS, whose certificate it proves, with encrypted sound.
    pub(crate) fn secure(login: &'static str) -> Setup {
        Setup { transport: "tls", srtp: true, ..Setup::consultant(login) }
    }

    /// A telephone behind the carrier, which sounds 1 kHz.
    pub(crate) fn caller() -> Setup {
        Setup {
            slot: 72,
            address: super::CARRIER,
            login: "87017654321",
            hz: 1_000.0,
            auto: false,
            registers: false,
            ..Setup::consultant("")
        }
    }
}

/// A running baresip.
pub(crate) struct Baresip {
    _process: Kept,
    control: TcpStream,
    said: Arc<Mutex<Vec<Value>>>,
    folder: PathBuf,
    line: String,
}

impl Baresip {
    pub(crate) fn start(house: &House, setup: &Setup) -> Baresip {
        let folder = house.file(&format!("baresip-{}", setup.slot));
        fs::create_dir(&folder).unwrap();
        configure(house, setup, &folder);
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).arg("-s").current_dir(&folder).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let process = Kept::start(&mut command, "baresip");
        let port = house.port(setup.slot + 2);
        let control = wait("baresip listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        let said = Arc::new(Mutex::new(Vec::new()));
        let (ear, heard) = (control.try_clone().unwrap(), said.clone());
        std::thread::spawn(move || listen(ear, &heard));
        Baresip { _process: process, control, said, folder, line: line(house, setup) }
    }

    /// Starts it and waits until the line took its registration.
    pub(crate) fn registered(house: &House, setup: &Setup) -> Baresip {
        let phone = Baresip::start(house, setup);
        house.see(&format!("{} is registered", setup.login), |b| {
            let rows = b["consultants"].as_array().into_iter().flatten();
            rows.filter(|c| c["login"] == setup.login).any(|c| c["reachable"] == true)
        });
        phone
    }

    /// Gives it a command of its menu.
    pub(crate) fn tell(&mut self, command: &str, params: &str) {
        let text = json!({"command": command, "params": params, "token": "t"}).to_string();
        write!(self.control, "{}:{text},", text.len()).unwrap();
    }

    pub(crate) fn dial(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.line);
        self.tell("dial", &uri);
    }

    /// Presses keys while it talks.
    pub(crate) fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            self.tell("sndcode", &key.to_string());
        }
    }

    /// How often it told this event.
    pub(crate) fn told(&self, kind: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|e| e["type"] == kind).count()
    }

    /// Waits until it has told this event so often.
    #[track_caller]
    pub(crate) fn tells(&self, kind: &str, times: usize) {
        wait(&format!("baresip tells {kind} {times} times"), || (self.told(kind) >= times).then_some(()));
    }

    /// What it heard in its last call. A finished call has a finished file.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let files = fs::read_dir(&self.folder).unwrap().map(|e| e.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|f| f.to_string_lossy().ends_with("-dec.wav")).collect();
        files.sort();
        sound::mono(files.last().unwrap_or_else(|| panic!("nothing heard: {}", self.log())))
    }

    /// Everything it said and sent.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(6_000);
            eprintln!("--- baresip said:\n{}", log.get(from..).unwrap_or(&log));
        }
    }
}

/// Where the line is for this phone.
fn line(house: &House, setup: &Setup) -> String {
    let port = if setup.transport == "tls" { house.port(95) } else { house.sip() };
    format!("127.0.0.1:{port};transport={}", setup.transport)
}

fn configure(house: &House, setup: &Setup, folder: &std::path::Path) {
    let tone = folder.join("tone.wav");
    sound::tone_file(&tone, setup.hz, 60);
    let (address, slot) = (setup.address, setup.slot);
    let mut config = format!(
        "poll_method epoll\nsip_listen {address}:{}\nctrl_tcp_listen 127.0.0.1:{}\nnet_interface {address}\n\
         call_local_timeout 120\ncall_max_calls 4\naudio_source aufile,{}\nausrc_srate 8000\nausrc_channels 1\n\
         ausrc_format s16\nauenc_format s16\naudec_format s16\naudio_buffer 20-160\nrtp_ports {}-{}\n\
         snd_path {}\nmenu_bell no\nringback_disabled yes\nmodule_path /usr/lib/baresip/modules\n",
        house.port(slot),
        house.port(slot + 2),
        tone.display(),
        house.port(slot + 4),
        house.port(slot + 7),
        folder.display(),
    );
    if setup.transport == "tls" {
        config += &format!("sip_cafile {}\n", house.file("line.pem").display());
    }
    for module in MODULES.iter().copied().chain(setup.srtp.then_some("srtp.so")) {
        let kind =
            if ["account.so", "ctrl_tcp.so", "menu.so"].contains(&module) { "module_app" } else { "module" };
        config += &format!("{kind} {module}\n");
    }
    fs::write(folder.join("config"), config).unwrap();
    let answer = if setup.auto { "auto" } else { "manual" };
    let every = if setup.registers { 60 } else { 0 };
    let encrypted = if setup.srtp { ";mediaenc=srtp-mand" } else { "" };
    let account = format!(
        "<sip:{}@{}>;auth_pass={};answermode={answer};regint={every};audio_codecs={}{encrypted}\n",
        setup.login,
        line(house, setup),
        setup.password,
        setup.codec,
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
}

/// Reads netstrings until baresip closes.
fn listen(mut from: TcpStream, said: &Mutex<Vec<Value>>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut part = [0; 4_096];
    while let Ok(n) = from.read(&mut part) {
        if n == 0 {
            return;
        }
        bytes.extend(&part[..n]);
        while let Some((text, rest)) = netstring(&bytes) {
            if let Ok(value) = serde_json::from_slice(text) {
                said.lock().unwrap().push(value);
            }
            bytes = rest.to_vec();
        }
    }
}

fn netstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().position(|b| *b == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.trim().parse().ok()?;
    let text = bytes.get(colon + 1..colon + 1 + length)?;
    Some((text, bytes.get(colon + 2 + length..)?))
}
