//! Kamailio: a carrier's proxy that stays in the way of every call (Record-Route), and its registrar, which asks for a
//! password. It is at the centre's address; who is called behind it is where the backup trunk leads to.

use super::{House, Kept, wait};
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Keys of a `[[trunk]]` that registers here. Registrations hold for six seconds.
pub(crate) const REGISTERS: &str = "register = true\nusername = \"senim\"\npassword = \"carrier-secret\"\n\
                                    realm = \"carrier\"\nregister_expires_s = 600\n";
/// Calling this number reaches whoever has registered as senim.
pub(crate) const LINE: &str = "87270000111";

/// A running Kamailio.
pub(crate) struct Kamailio {
    process: Kept,
    log: PathBuf,
}

impl Kamailio {
    /// `name`: of its files.
    pub(crate) fn start(house: &House, name: &str) -> Kamailio {
        let folder = house.file(name);
        fs::create_dir(&folder).unwrap();
        let place = ("127.0.0.3", house.port(90));
        let file = folder.join("kamailio.cfg");
        let config = CONFIG
            .replace("{HERE}", &format!("{}:{}", place.0, place.1))
            .replace("{LINE}", &format!("127.0.0.1:{}", house.sip()))
            .replace("{BEHIND}", &format!("127.0.0.4:{}", house.port(92)))
            .replace("{NUMBER}", LINE);
        fs::write(&file, config).unwrap();
        let log = folder.join("log");
        let out = fs::File::create(&log).unwrap();
        // Where servers are, and not everybody's path leads.
        let there = Path::new("/usr/sbin/kamailio");
        let mut command = Command::new(if there.is_file() { there } else { Path::new("kamailio") });
        // In the foreground, with children of its own; little memory.
        command.args(["-DD", "-E", "-m", "16", "-M", "4"]).arg("-f").arg(&file).arg("-Y").arg(&folder);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).current_dir(&folder);
        let kamailio = Kamailio { process: Kept::start(&mut command, "kamailio"), log };
        wait("Kamailio answers", || answers(place).then_some(()));
        kamailio
    }

    /// How often it wrote this to its log.
    pub(crate) fn told(&self, what: &str) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches(what).count()
    }

    #[track_caller]
    pub(crate) fn tells(&self, what: &str, times: usize) {
        wait(&format!("Kamailio tells {what} {times} times"), || (self.told(what) >= times).then_some(()));
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its children end only with a parent who is asked politely.
        let _ = Command::new("kill").arg(self.process.0.id().to_string()).status();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while self.process.ended().is_none() && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        if std::thread::panicking() {
            eprintln!("--- Kamailio said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

fn answers(place: (&str, u16)) -> bool {
    let socket = UdpSocket::bind("127.0.0.5:0").unwrap();
    let own = socket.local_addr().unwrap();
    let ask = format!(
        "OPTIONS sip:{0}:{1} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKask\r\nFrom: <sip:ask@{own}>;tag=a\r\n\
         To: <sip:{0}>\r\nCall-ID: ask\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
        place.0, place.1
    );
    socket.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    socket.send_to(ask.as_bytes(), place).is_ok() && socket.recv(&mut [0; 2_048]).is_ok()
}

const CONFIG: &str = r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
auto_aliases=no
disable_tcp=yes
listen=udp:{HERE}
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("registrar", "min_expires", 1)
modparam("registrar", "max_expires", 6)

request_route {
    if (is_method("OPTIONS") && !has_totag()) {
        sl_send_reply("200", "OK");
        exit;
    }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("carrier", "carrier-secret", "0") || $au != "senim") {
            xlog("L_ERR", "CHALLENGED\n");
            www_challenge("carrier", "1");
            exit;
        }
        save("location");
        xlog("L_ERR", "SAVED $ct for $hdr(Expires)\n");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) {
            xlog("L_ERR", "ROUTED $rm of $si\n");
            t_relay();
        } else if (!is_method("ACK")) {
            xlog("L_ERR", "LOST $rm of $si\n");
            sl_send_reply("404", "No Route");
        } else if (t_check_trans()) {
            t_relay();
        }
        exit;
    }
    record_route();
    if ($si == "127.0.0.1") {
        $du = "sip:{BEHIND}";
    } else if ($rU == "{NUMBER}") {
        $ru = "sip:senim@carrier";
        if (!lookup("location")) {
            sl_send_reply("404", "Nobody");
            exit;
        }
    } else {
        $du = "sip:{LINE}";
    }
    t_relay();
}
"#;
