//! linphonec: Linphone at the command line, which takes every call by itself.

use super::{House, Kept};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

/// A running linphonec.
pub(crate) struct Linphone {
    process: Kept,
    log: std::path::PathBuf,
}

impl Linphone {
    /// Starts it for this login with the password `secret`; it registers at once.
    pub(crate) fn start(house: &House, login: &str) -> Linphone {
        let line = format!("{};transport=udp", house.sip());
        Linphone::begin(house, login, &line, "")
    }

    /// The same over TLS, whose certificate it proves, with encrypted sound and no other.
    pub(crate) fn start_secure(house: &House, login: &str) -> Linphone {
        let line = format!("{};transport=tls", house.port(95));
        let ca = house.file("line.pem");
        let more = format!(
            "media_encryption=srtp\nmedia_encryption_mandatory=1\nroot_ca={}\nverify_server_certs=1\n\
             sip_tls_port={}\n",
            ca.display(),
            house.port(63)
        );
        Linphone::begin(house, login, &line, &more)
    }

    fn begin(house: &House, login: &str, line: &str, more: &str) -> Linphone {
        let (sip, own, media) = (house.sip(), house.port(62), house.port(66));
        let folder = house.file("linphone");
        fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        // Nothing but loopback is there: Linphone is not to wait for a network.
        let settings = format!(
            "[sip]\nauto_net_state_mon=0\nsip_port={own}\nsip_tcp_port={own}\nuse_ipv6=0\ndefault_proxy=0\n\
             guess_hostname=0\nregister_only_when_network_is_up=0\ncontact=\"l\" <sip:{login}@127.0.0.1>\n{more}\
             [net]\nauto_net_state_mon=0\n[rtp]\naudio_rtp_port={media}\n\
             [auth_info_0]\nusername={login}\npasswd=secret\nrealm=senim\ndomain=127.0.0.1\n\
             [proxy_0]\nreg_proxy=<sip:127.0.0.1:{line}>\n\
             reg_identity=sip:{login}@127.0.0.1:{sip}\nreg_expires=60\nreg_sendregister=1\npublish=0\n"
        );
        let file = folder.join("rc");
        fs::write(&file, settings).unwrap();
        let log = folder.join("log");
        let out = fs::File::create(&log).unwrap();
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(&file).arg("-a").env("HOME", &folder).current_dir(&folder);
        command.stdin(Stdio::piped()).stdout(out.try_clone().unwrap()).stderr(out);
        let mut phone = Linphone { process: Kept::start(&mut command, "linphone-cli"), log };
        phone.tell("soundcard use files");
        phone
    }

    /// Types a command.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.process.0.stdin.as_mut().unwrap(), "{command}").unwrap();
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- linphonec said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
