//! A house to break: the real program on an address of its own, callers and consultants on real sockets, the command
//! line beside it. Every test has its own loopback addresses, so that all of them keep the usual ports and a line
//! that starts again is found where it was.
#![allow(dead_code)] // each test file uses the part it needs
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod line;
mod raw;
mod street;

#[allow(unused_imports)] // as above
pub(crate) use line::{Done, Line};
#[allow(unused_imports)] // as above
pub(crate) use raw::{Raw, status};
#[allow(unused_imports)] // as above
pub(crate) use street::Street;

use core::time::Duration;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// A ceiling for a machine that is busy; nothing is measured with it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);
/// Houses of this program so far.
static HOUSES: AtomicU32 = AtomicU32::new(0);

/// Configuration, scripts and data of one line.
pub(crate) struct House {
    dir: tempfile::TempDir,
    net: [u8; 3],
    host: u8,
}

impl House {
    /// A line with the shipped scripts: `111` answers with the menu, `queue` queues at once; aigul and oleg work there.
    pub(crate) fn new() -> House {
        House::with("")
    }

    /// The same with more configuration behind it.
    pub(crate) fn with(more: &str) -> House {
        let pid = std::process::id();
        let n = HOUSES.fetch_add(1, Ordering::Relaxed);
        // 127.64.0.0 to 127.191.255.255; nobody else of this machine lives there.
        let net = [127, 64 + (pid >> 8 & 0x7f) as u8, pid as u8];
        let house = House { dir: tempfile::tempdir().unwrap(), net, host: 1 + 10 * (n % 25) as u8 };
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts");
        let (line, trunk) = (house.line_ip(), house.callers_ip());
        let text = format!(
            r#"[line]
scripts = "{}"
grace_s = 20
[sip]
udp = ["{line}:5060"]
tcp = ["{line}:5060"]
[media]
bind = "{line}"
ports = "20000-20399"
workers = 1
[data]
folder = "data"
seed = "people.csv"
[web]
listen = "{line}:8111"
token = "house-token"
[[number]]
dial = "111"
script = "111"
[[number]]
dial = "queue"
script = "bench-queue"
[[trunk]]
name = "carrier"
sources = ["{trunk}"]
uri = "sip:{trunk}:5060"
{more}
"#,
            scripts.display()
        );
        fs::write(house.config(), text).unwrap();
        let people = "login,name,languages,skills,password\naigul,Айгүл Сапарова,kk ru,,sesame\noleg,Олег Петров,kk ru,,sesame\n";
        fs::write(house.path("people.csv"), people).unwrap();
        house
    }

    /// A file of the house.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("senim.toml")
    }

    /// The newest segment of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        let logs = fs::read_dir(self.path("data/journal")).unwrap().map(|f| f.unwrap().path());
        logs.filter(|p| p.extension().is_some_and(|e| e == "log")).max().unwrap()
    }

    /// Changes the configuration.
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} is in the configuration");
        fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    fn ip(&self, n: u8) -> IpAddr {
        let [a, b, c] = self.net;
        IpAddr::V4(Ipv4Addr::new(a, b, c, self.host + n))
    }

    /// Where the line lives.
    pub(crate) fn line_ip(&self) -> IpAddr {
        self.ip(0)
    }

    /// Where calls come from.
    pub(crate) fn callers_ip(&self) -> IpAddr {
        self.ip(1)
    }

    /// Where softphones stand.
    pub(crate) fn desks_ip(&self) -> IpAddr {
        self.ip(2)
    }

    /// Where strangers are.
    pub(crate) fn strangers_ip(&self) -> IpAddr {
        self.ip(3)
    }

    /// Where the line answers SIP.
    pub(crate) fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.line_ip(), 5060)
    }

    /// Starts the line and waits until it answers.
    pub(crate) fn start(&self) -> Line {
        self.start_with(&[])
    }

    /// The same with variables of the environment.
    pub(crate) fn start_with(&self, env: &[(&str, &str)]) -> Line {
        Line::start(&self.config(), env)
    }

    /// Starts a line that must not start; gives what it said on stderr.
    pub(crate) fn refuses(&self) -> String {
        let done = self.senim("serve");
        assert!(!done.ok, "the line does not start: {done:?}");
        assert!(!done.out.contains("ready"), "{done:?}");
        done.err
    }

    /// A verb of the command line; a tilde stands for a space within a word. One that does not end is ended.
    pub(crate) fn senim(&self, words: &str) -> Done {
        let mut child = Command::new(env!("CARGO_BIN_EXE_senim"))
            .arg("--config")
            .arg(self.config())
            .args(words.split_whitespace().map(|w| w.replace('~', " ")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).expect("text");
            text
        });
        let (done, ended) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = child.kill();
            }
            child.wait().unwrap().success()
        });
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        drop(done);
        Done { ok: watch.join().unwrap(), out: text, err: said.join().unwrap() }
    }

    /// A verb that must succeed; gives its output.
    pub(crate) fn ok(&self, words: &str) -> String {
        let done = self.senim(words);
        assert!(done.ok, "{words}: {done:?}");
        done.out
    }

    /// A verb's output as JSON.
    pub(crate) fn json(&self, words: &str) -> serde_json::Value {
        serde_json::from_str(&self.ok(words)).expect("JSON")
    }
}

/// Waits until something is so.
pub(crate) fn eventually<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(it) = so() {
            return it;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
