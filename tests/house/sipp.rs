//! SIPp: a trunk's gateway that calls, and another centre that is called.

use super::sound::{Ear, capture};
use super::{CARRIER, House, Kept, wait};
use std::fs;
use std::process::{Command, Stdio};

/// SIPp binds its media port and sends captures from wherever its SDP says; the ear sits there.
const BESIDE: u16 = 4;

/// A running scenario.
pub(crate) struct Sipp {
    process: Kept,
    errors: std::path::PathBuf,
    messages: std::path::PathBuf,
    pub(crate) ear: Ear,
}

/// A message as SIPp saw it go by.
pub(crate) struct Seen {
    /// SIPp sent it; else the line did.
    pub(crate) sent: bool,
    pub(crate) text: String,
}

impl Seen {
    /// `> INVITE` or `< 200 INVITE`.
    fn short(&self) -> String {
        let first: Vec<&str> = self.text.split_whitespace().take(2).collect();
        let way = if self.sent { '>' } else { '<' };
        match first.as_slice() {
            ["SIP/2.0", status] => {
                format!("{way} {status} {}", self.header("CSeq").rsplit(' ').next().unwrap_or_default())
            }
            _ => format!("{way} {}", first.first().unwrap_or(&"")),
        }
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, body)| body.trim())
    }

    /// What this header says, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.text.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        values.next().unwrap_or_default().trim()
    }
}

/// The messages in a line each, without those that only say that another was heard (100), of repeated ones the first.
pub(crate) fn shorts(seen: &[Seen]) -> Vec<String> {
    let mut out: Vec<String> = seen.iter().map(Seen::short).filter(|s| s != "< 100 INVITE").collect();
    out.dedup();
    out
}

impl Sipp {
    /// Calls a number from the carrier's address, presses keys one after the other, then sounds a tone until the line
    /// hangs up. `transport` is SIPp's: u1 or t1.
    pub(crate) fn call(house: &House, number: &str, keys: &str, hz: f32, transport: &str) -> Sipp {
        let sound = house.file("caller.pcap");
        capture(&sound, keys, hz, 30);
        let play = action(&format!("play_pcap_audio=\"{}\"", sound.display()));
        let scenario = CALL.replace("{PLAY}", &play);
        Sipp::run(house, "caller", &scenario, CARRIER, house.port(80), &["-s", number, "-t", transport])
    }

    /// The same with an INVITE that brings no offer: the answer to ours goes with the ACK.
    pub(crate) fn call_late(house: &House, number: &str, hz: f32) -> Sipp {
        let sound = house.file("caller.pcap");
        capture(&sound, "", hz, 30);
        let play = action(&format!("play_pcap_audio=\"{}\"", sound.display()));
        let (invite, rest) = CALL.split_once("Content-Type").unwrap();
        let (body, rest) = rest.split_once("]]></send>").unwrap();
        let (ack, rest) = rest.split_once("Content-Length: 0").unwrap();
        let scenario =
            format!("{invite}Content-Length: 0\n\n]]></send>{ack}Content-Type{body}{}", rest.trim_start());
        let scenario = scenario.replace("{PLAY}", &play);
        Sipp::run(house, "caller", &scenario, CARRIER, house.port(80), &["-s", number])
    }

    /// Waits for one call at the other centre's address and does as the scenario says.
    pub(crate) fn centre(house: &House, scenario: &str) -> Sipp {
        Sipp::run(house, "centre", scenario, "127.0.0.3", house.port(90), &[])
    }

    /// The same where a second trunk leads to.
    pub(crate) fn backup(house: &House, scenario: &str) -> Sipp {
        Sipp::run(house, "backup", scenario, "127.0.0.4", house.port(92), &[])
    }

    /// Calls a number from the carrier's address and does as the scenario says.
    pub(crate) fn caller(house: &House, scenario: &str, number: &str) -> Sipp {
        Sipp::run(house, "caller", scenario, CARRIER, house.port(80), &["-s", number])
    }

    /// A softphone of this consultant, whose password is `secret`: registers, then takes one call as the scenario says.
    pub(crate) fn phone(house: &House, login: &str, scenario: &str) -> Sipp {
        let (here, port) = ("127.0.0.6", house.port(62));
        let register = REGISTER.replace("{LOGIN}", login);
        Sipp::run(house, "register", &register, here, port, &["-s", login]).done();
        Sipp::run(house, "phone", scenario, here, port, &[])
    }

    /// Plays a scenario at this address.
    pub(crate) fn run(
        house: &House,
        name: &str,
        scenario: &str,
        address: &str,
        port: u16,
        more: &[&str],
    ) -> Sipp {
        let media = port + 2;
        let ear = Ear::at(address, media + BESIDE);
        let file = house.file(&format!("{name}.xml"));
        fs::write(&file, scenario.replace("{BESIDE}", &BESIDE.to_string())).unwrap();
        let (errors, messages) = (house.file(&format!("{name}.err")), house.file(&format!("{name}.msg")));
        let mut command = Command::new("sipp");
        command.arg(format!("127.0.0.1:{}", house.sip())).arg("-sf").arg(&file).args(more);
        command.args(["-i", address, "-mi", address, "-p", &port.to_string(), "-mp", &media.to_string()]);
        command.args(["-m", "1", "-nostdin", "-timeout", "38", "-timeout_error", "-trace_err"]);
        command.args(["-trace_msg", "-message_file"]).arg(&messages);
        command.arg("-error_file").arg(&errors);
        command
            .current_dir(house.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Sipp { process: Kept::start(&mut command, "sip-tester"), errors, messages, ear }
    }

    /// Waits until the scenario has been played to its end, as it was written.
    pub(crate) fn done(mut self) -> Vec<i16> {
        self.ends_well();
        self.ear.heard()
    }

    /// The same, and gives all messages in their order.
    pub(crate) fn seen(&mut self) -> Vec<Seen> {
        self.ends_well();
        let all = fs::read_to_string(&self.messages).unwrap();
        let blocks = all.split("-----------------------------------------------").skip(1);
        let read = blocks.filter_map(|block| {
            let (head, text) = block.split_once("\n\n")?;
            Some(Seen { sent: head.contains(" sent "), text: text.replace("\r\n", "\n") })
        });
        read.collect()
    }

    /// Whether this begins a line of what went by until now.
    pub(crate) fn has_seen(&self, line: &str) -> bool {
        fs::read_to_string(&self.messages).unwrap_or_default().lines().any(|l| l.starts_with(line))
    }

    fn ends_well(&mut self) {
        let well = wait("SIPp comes to its end", || self.process.ended());
        assert!(well, "SIPp: {}", fs::read_to_string(&self.errors).unwrap_or_default());
    }
}

/// A step that sounds a tone from wherever the newest SDP says.
pub(crate) fn plays(house: &House, hz: f32, seconds: u32) -> String {
    let file = house.file(&format!("{hz}.pcap"));
    capture(&file, "", hz, seconds);
    action(&format!("play_pcap_audio=\"{}\"", file.display()))
}

pub(crate) fn action(what: &str) -> String {
    format!("<nop><action><exec {what}/></action></nop>")
}

const CALL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:87017654321@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=gateway 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port+{BESIDE}] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:87017654321@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
{PLAY}
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"#;

const REGISTER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="register">
<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[remote_ip]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:[service]@[local_ip]:[local_port]>
Max-Forwards: 70
Expires: 120
Content-Length: 0

]]></send>
<recv response="401" auth="true"/>
<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[remote_ip]>;tag=[pid]SIPp[call_number]
To: <sip:[service]@[remote_ip]>
Call-ID: [call_id]
CSeq: 2 REGISTER
Contact: <sip:[service]@[local_ip]:[local_port]>
[authentication username={LOGIN} password=secret]
Max-Forwards: 70
Expires: 120
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"#;
