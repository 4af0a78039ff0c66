//! The program as a child: started, watched, killed.

use super::{PATIENCE, eventually};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A running line. It is killed when the test lets go of it.
pub(crate) struct Line {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Line {
    pub(super) fn start(config: &Path, env: &[(&str, &str)]) -> Line {
        let mut child = Command::new(env!("CARGO_BIN_EXE_senim"))
            .arg("--config")
            .arg(config)
            .arg("serve")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (mut err, to) = (child.stderr.take().unwrap(), log.clone());
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4_096];
            while let Ok(n @ 1..) = err.read(&mut part) {
                to.lock().unwrap().extend_from_slice(&part[..n]);
            }
        });
        let out = child.stdout.take().unwrap();
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(out).read_line(&mut line);
            let _ = tell.send(line);
        });
        let mut line = Line { child, log, reader: Some(reader) };
        let ready = said.recv_timeout(PATIENCE).unwrap_or_default();
        if !ready.starts_with("ready sip=udp:") {
            let _ = line.child.kill();
            panic!("ready, not {ready:?}; it said: {}", line.rest());
        }
        line
    }

    /// What it said on stderr so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, in the middle of whatever it does; gives what it said.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.rest()
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.pid().to_string();
        let done = Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().unwrap();
        assert!(done.success());
    }

    /// Waits for its end: exit code and what it said.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let status = eventually("the program ends", || self.child.try_wait().unwrap());
        (status.code(), self.rest())
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn rest(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.log()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
