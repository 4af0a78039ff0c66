//! A line of one's own: the real program on free loopback ports, with a data folder that is gone afterwards.

pub(crate) mod baresip;
pub(crate) mod browser;
pub(crate) mod kamailio;
pub(crate) mod linphone;
pub(crate) mod scenario;
pub(crate) mod sipp;
pub(crate) mod sound;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Where the carrier's calls come from, and where those come from that leave the line.
pub(crate) const CARRIER: &str = "127.0.0.2";
const TOKEN: &str = "peers";

/// Tries until there is something, or fails the test with what it waited for.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(40));
    }
}

/// Does it, as a person would, again every three seconds until it is seen to have worked: on a busy machine a softphone
/// loses keys that come so fast.
pub(crate) fn until<T>(what: &str, mut act: impl FnMut(), mut look: impl FnMut() -> Option<T>) -> T {
    let mut next = Instant::now();
    wait(what, || {
        if Instant::now() >= next {
            act();
            next = Instant::now() + Duration::from_secs(3);
        }
        look()
    })
}

/// A child that does not outlive its test.
pub(crate) struct Kept(pub(crate) Child);

impl Kept {
    pub(crate) fn start(command: &mut Command, package: &str) -> Kept {
        let name = command.get_program().display().to_string();
        Kept(command.spawn().unwrap_or_else(|e| panic!("{name}: {e}; apt-get install {package}")))
    }

    pub(crate) fn ended(&mut self) -> Option<bool> {
        self.0.try_wait().unwrap().map(|s| s.success())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A hundred ports that no other test has, now: media from the first on, the rest for sockets by name.
struct Block {
    base: u16,
    _lock: UdpSocket,
}

impl Block {
    fn take() -> Block {
        for base in (12_000..19_900).step_by(100) {
            // The lock is a socket, so that it ends with the process, however that ends.
            if let Ok(lock) = UdpSocket::bind(("127.0.0.1", base + 99)) {
                return Block { base, _lock: lock };
            }
        }
        panic!("no free ports");
    }
}

/// Writes `line.pem` and `line.key`: an authority's certificate for itself and for 127.0.0.1.
fn certify(dir: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    // Linphone looks for addresses among the names.
    params.subject_alt_names.push(rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap()));
    fs::write(dir.join("line.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.join("line.key"), key.serialize_pem()).unwrap();
}

/// The running line.
pub(crate) struct House {
    ports: Block,
    pub(crate) dir: tempfile::TempDir,
    serve: Option<Kept>,
}

impl House {
    /// A line as it is shipped, and what `more` adds to its configuration; `{BACKUP}` in it is port 92. 222 queues at once, in Russian.
    pub(crate) fn open(more: &str) -> House {
        House::offering("\"MD5\"", more)
    }

    /// The same, offering softphones these digest algorithms. baresip 1.0 knows MD5 alone.
    pub(crate) fn offering(digest: &str, more: &str) -> House {
        House::begin(digest, |_, _| "[media]\n".into(), more)
    }

    /// The same, spoken to by TLS (port 95) and secure WebSockets (96; pages of port 97 may), too, with a certificate
    /// that vouches for itself. `srtp` is what holds for softphones' sound.
    pub(crate) fn secure(srtp: &str, more: &str) -> House {
        let wires = |ports: &Block, dir: &Path| {
            certify(dir);
            let (tls, wss, pages) = (ports.base + 95, ports.base + 96, ports.base + 97);
            format!(
                "tls = [\"127.0.0.1:{tls}\"]\nwss = [\"127.0.0.1:{wss}\"]\ncertificate = [\"line.pem\"]\n\
                 key = [\"line.key\"]\nws_origins = [\"http://127.0.0.1:{pages}\"]\n\
                 [media]\nsoftphone_srtp = {srtp:?}\n"
            )
        };
        House::begin("\"MD5\"", wires, more)
    }

    fn begin(digest: &str, wires: impl Fn(&Block, &Path) -> String, more: &str) -> House {
        let ports = Block::take();
        let dir = tempfile::tempdir().unwrap();
        let mut house = House { ports, dir, serve: None };
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts");
        let (sip, web, media) = (house.sip(), house.port(61), house.ports.base);
        let more = more.replace("{BACKUP}", &house.port(92).to_string());
        let wires = wires(&house.ports, house.dir.path());
        let (scripts, last, ucc) = (scripts.canonicalize().unwrap(), media + 59, house.port(90));
        let config = format!(
            "[line]\nscripts = {scripts:?}\nucc_trunk = \"centre\"\n\
             [sip]\nudp = [\"127.0.0.1:{sip}\"]\ntcp = [\"127.0.0.1:{sip}\"]\ndigest = [{digest}]\n{wires}\
             ports = \"{media}-{last}\"\nworkers = 1\n[data]\nfolder = \"data\"\n\
             [web]\nlisten = \"127.0.0.1:{web}\"\ntoken = \"{TOKEN}\"\n\
             [[number]]\ndial = \"111\"\nscript = \"111\"\n[[number]]\ndial = \"222\"\nscript = \"bench-queue\"\n\
             [[trunk]]\nname = \"carrier\"\nsources = [\"{CARRIER}\"]\n\
             [[trunk]]\nname = \"centre\"\nsources = [\"127.0.0.3\"]\nuri = \"sip:127.0.0.3:{ucc}\"\n{more}"
        );
        fs::write(house.file("senim.toml"), config).unwrap();
        house.serve();
        house
    }

    fn serve(&mut self) {
        let errors = fs::File::create(self.file("senim.err")).unwrap();
        let mut command = self.program();
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut serve = Kept::start(&mut command, "senim");
        let mut ready = String::new();
        BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.starts_with("ready sip=udp:"), "{ready}{}", self.log());
        self.serve = Some(serve);
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_senim"));
        command.arg("--config").arg(self.file("senim.toml"));
        command
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The port with this number in the test's block: 60 SIP, 61 the web, 62 to 98 the peers.
    pub(crate) fn port(&self, n: u16) -> u16 {
        self.ports.base + n
    }

    pub(crate) fn sip(&self) -> u16 {
        self.port(60)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("senim.err")).unwrap_or_default()
    }

    /// What a command prints.
    pub(crate) fn command(&self, words: &str, input: &str) -> String {
        let mut command = self.program();
        command
            .args(words.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = Kept::start(&mut command, "senim");
        child.0.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        child.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(child.0.wait().unwrap().success(), "{words}: {out}{err}");
        out
    }

    /// Makes a consultant known who speaks Russian, and whose password is `secret`.
    pub(crate) fn consultant(&self, login: &str) {
        self.command(&format!("consultant add {login} --languages ru --password-stdin"), "secret\n");
    }

    pub(crate) fn sign_in(&self, login: &str) {
        self.command(&format!("duty {login} in"), "");
    }

    /// The live board, as a supervisor's page reads it.
    pub(crate) fn board(&self) -> Value {
        let body = self.page("/api/v1/board");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
    }

    /// What is served under a path.
    pub(crate) fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port(61))).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = format!("GET {path} HTTP/1.1\r\nHost: line\r\nConnection: close\r\nAuthorization: Bearer");
        write!(stream, "{ask} {TOKEN}\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Waits for something to be on the board.
    pub(crate) fn see(&self, what: &str, on: impl Fn(&Value) -> bool) -> Value {
        wait(what, || Some(self.board()).filter(|b| on(b)))
    }

    /// Waits until this consultant is reachable and does that.
    pub(crate) fn see_doing(&self, login: &str, doing: &str) {
        self.see(&format!("{login} is {doing}"), |b| {
            let rows = b["consultants"].as_array().into_iter().flatten();
            rows.filter(|c| c["login"] == login)
                .any(|c| c["reachable"] == true && c["doing"].to_string().contains(doing))
        });
    }

    pub(crate) fn see_talk(&self, login: &str) {
        self.see(&format!("{login} talks"), |b| b["talking"][0]["consultant"] == login);
    }

    /// Hands out the recordings of an appeal: the left and the right side, 8 kHz.
    pub(crate) fn export(&self, appeal: &str) -> (Vec<i16>, Vec<i16>) {
        wait("the recording is closed", || {
            Some(self.command(&format!("recordings find --appeal {appeal}"), ""))
                .filter(|f| f.contains("closed"))
        });
        let out = self.file("handed-out");
        let demand = "--demand-number 17 --demand-date 2026-01-15 --demand-authority Court";
        self.command(&format!("recordings export --appeal {appeal} {demand} --out {}", out.display()), "");
        let mut files = fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
        sound::stereo(&files.find(|f| f.extension().is_some_and(|e| e == "wav")).unwrap())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // For a look at what was heard and recorded.
            if let Some(to) = std::env::var_os("PEERS_KEEP") {
                let _ = Command::new("cp").arg("-r").arg(self.dir.path()).arg(to).status();
            }
            eprintln!("--- the line said:\n{}", self.log());
            if let Ok(all) = self.program().args(["calls", "call-1"]).output() {
                eprintln!("{}", String::from_utf8_lossy(&all.stdout));
            }
        }
        self.serve = None;
    }
}
