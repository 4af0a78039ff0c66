//! Chromium without a window, and in it JsSIP: a softphone in a page that the test serves and that reports what
//! happens to it.

use super::{House, Kept, wait};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const JSSIP: &str = "jssip@3.13.8";
/// It makes one file of JsSIP's many.
const ESBUILD: &str = "esbuild@0.25.12";
/// A browser at rest: nothing is fetched or kept that the page does not ask for.
const QUIET: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
];

/// A running browser with its page.
pub(crate) struct Browser {
    _process: Kept,
    port: u16,
    over: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<String>>>,
    log: PathBuf,
}

impl Browser {
    /// Opens the page as this consultant, whose password is `secret`. It tells what [`PAGE`] says.
    pub(crate) fn open(house: &House, login: &str) -> Browser {
        let jssip = jssip();
        let port = house.port(97);
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let page = PAGE
            .replace("{LOGIN}", login)
            .replace("{WSS}", &format!("127.0.0.1:{}", house.port(96)))
            .replace("{FOREIGN}", &format!("localhost:{port}"));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (keeps, over) = (told.clone(), Arc::new(AtomicBool::new(false)));
        let ends = over.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().take_while(|_| !ends.load(Ordering::Relaxed)) {
                let (page, jssip, keeps) = (page.clone(), jssip.clone(), keeps.clone());
                // A browser opens connections in store: none may hold up another.
                std::thread::spawn(move || stream.ok().and_then(|s| serve(s, &page, &jssip, &keeps)));
            }
        });
        let folder = house.file("browser");
        fs::create_dir(&folder).unwrap();
        let log = folder.join("log");
        let out = fs::File::create(&log).unwrap();
        let mut command = Command::new("chromium");
        command.args(QUIET).arg(format!("--user-data-dir={}", folder.join("profile").display()));
        command.arg(format!("http://127.0.0.1:{port}/")).env("HOME", &folder).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        Browser { _process: Kept::start(&mut command, "chromium"), port, over, told, log }
    }

    /// Waits until it has told this, and gives all that it told.
    #[track_caller]
    pub(crate) fn tells(&self, what: &str) -> Vec<String> {
        wait(&format!("the page tells {what}"), || {
            Some(self.told.lock().unwrap().clone()).filter(|all| all.iter().any(|t| t == what))
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // One more connection, so that the port is free for another test.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if std::thread::panicking() {
            eprintln!("--- the page told {:#?}", self.told.lock().unwrap());
            eprintln!("--- Chromium said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// One request of the browser's.
fn serve(stream: TcpStream, page: &str, jssip: &str, told: &Mutex<Vec<String>>) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    from.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let (kind, text) = match first.split_whitespace().nth(1)? {
        "/jssip.js" => ("text/javascript", jssip),
        "/tell" => {
            told.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
            ("text/plain", "")
        }
        "/" | "/foreign" => ("text/html", page),
        _ => ("text/plain", ""),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nAccess-Control-Allow-Origin: *\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    let mut to = stream;
    to.write_all(head.as_bytes()).ok()?;
    to.write_all(text.as_bytes()).ok()
}

/// JsSIP as one script. It is fetched once for all runs.
fn jssip() -> String {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{JSSIP}.js"));
    if let Ok(script) = fs::read_to_string(&kept) {
        return script;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(folder.path().join("package.json"), "{\"private\": true}").unwrap();
    run(folder.path(), "npm", &["install", "--no-audit", "--no-fund", "--ignore-scripts", JSSIP, ESBUILD]);
    let one = "--outfile=jssip.js";
    let args = ["node_modules/jssip/lib/JsSIP.js", "--bundle", "--format=iife", "--global-name=JsSIP", one];
    run(folder.path(), "node_modules/.bin/esbuild", &args);
    let made = folder.path().join("jssip.js");
    fs::rename(&made, &kept).unwrap();
    fs::read_to_string(&kept).unwrap()
}

fn run(folder: &Path, program: &str, args: &[&str]) {
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    let out = Command::new(&program).args(args).current_dir(folder).output();
    let out = out.unwrap_or_else(|e| panic!("{}: {e}; apt-get install nodejs npm", program.display()));
    assert!(out.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&out.stderr));
}

/// Registers, again, asks for capabilities, sends a text, calls a code and the line, goes. The same page from a foreign
/// origin only tries to connect.
const PAGE: &str = include_str!("jssip.html");
