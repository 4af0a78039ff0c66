//! Trunks as carriers and strangers meet them: a dead way out, limits, addresses that are not listed.

use crate::house::House;
use crate::house::sipp::{Sipp, action};
use crate::house::sound::{capture, hears};
use std::net::UdpSocket;
use std::time::Duration;

const BACKUP: &str = "[[trunk]]\nname = \"backup\"\nsources = [\"127.0.0.4\"]\nuri = \"sip:127.0.0.4:{BACKUP}\"\n\
                      forwards = true\nidentity = \"caller\"\n";
const SMALL: &str = "[[trunk]]\nname = \"small\"\nsources = [\"127.0.0.5\"]\ncalls_max = 1\n";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><scenario name=\"centre\">";
/// It takes the INVITE and never says a word.
const DEAD: &str = "<recv request=\"INVITE\"/><pause milliseconds=\"25000\"/></scenario>";
/// It tells who calls only when the caller is shown to it.
const ALIVE: &str = r#"<recv request="INVITE" rrs="true"><action>
<ereg regexp="sip:.77017654321@" search_in="hdr" header="P-Asserted-Identity:" check_it="true" assign_to="1"/>
<ereg regexp="sip:111@" search_in="hdr" header="Diversion:" check_it="true" assign_to="2"/>
<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="3"/></action></recv>
<Reference variables="1,2"/>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]b
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:backup@[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<pause milliseconds="3000"/>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]b
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:backup@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=backup 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port+{BESIDE}] RTP/AVP 8
]]></send>
<recv request="ACK"/>
{PLAY}
<pause milliseconds="4000"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[last_Call-ID:]
From: <sip:1414@[local_ip]>;tag=[pid]b
To:[$3]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>"#;

/// The first trunk takes the call and says nothing; the second one is told who calls, rings and answers. The caller
/// hears the ring tone, then the centre; the centre hears him.
#[test]
fn a_dead_trunk_is_passed_over_within_one_ring_and_the_caller_is_heard_at_the_second() {
    let house = House::open(BACKUP);
    let sound = house.file("centre.pcap");
    capture(&sound, "", 700.0, 4);
    let alive = ALIVE.replace("{PLAY}", &action(&format!("play_pcap_audio=\"{}\"", sound.display())));
    let _dead = Sipp::centre(&house, &format!("{HEAD}{DEAD}"));
    let backup = Sipp::backup(&house, &format!("{HEAD}{alive}"));
    let caller = Sipp::call(&house, "111", "23", 1_000.0, "u1");
    house.see("the caller is forwarded", |b| b["totals"]["forwarded"] == 1);
    let trunks = house.board()["trunks"].clone();
    let calls = |name: &str| {
        let rows = trunks.as_array().into_iter().flatten();
        rows.filter(|t| t["name"] == name).map(|t| t["calls"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((calls("centre"), calls("backup")), (0, 1), "each trunk counts the call once: {trunks}");
    hears("the centre", &backup.done(), 1_000.0);
    let heard = caller.done();
    hears("the caller, while it rings", &heard, 425.0);
    hears("the caller", &heard, 700.0);
    let told = house.command("calls call-1", "");
    assert!(told.contains("by trunk centre, udp:127.0.0.3") && told.contains("silent after"), "{told}");
    assert!(told.contains("by trunk backup, udp:127.0.0.4") && told.contains("answered (200)"), "{told}");
    assert!(!told.contains("7654321"), "{told}");
}

/// An INVITE by hand, and the statuses and the text of what comes back until a final one or silence.
fn knock(house: &House, from: &UdpSocket, name: &str) -> (Vec<u16>, String) {
    let at = from.local_addr().unwrap();
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n",
        at.ip()
    );
    let invite = format!(
        "INVITE sip:111@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{name}\r\nMax-Forwards: 70\r\n\
         From: <sip:+77010000001@{at}>;tag={name}\r\nTo: <sip:111@127.0.0.1>\r\nCall-ID: {name}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{at}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    from.send_to(invite.as_bytes(), ("127.0.0.1", house.sip())).unwrap();
    let (mut statuses, mut all, mut buffer) = (Vec::new(), String::new(), [0; 8_192]);
    while let Ok((n, _)) = from.recv_from(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let status: Option<u16> = text.split(' ').nth(1).and_then(|s| s.parse().ok());
        if text.starts_with("SIP/2.0") && text.contains(&format!("Call-ID: {name}\r\n")) {
            statuses.extend(status);
            all.push_str(&text);
        }
        if statuses.last().is_some_and(|s| *s >= 200) {
            break;
        }
    }
    (statuses, all)
}

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    socket
}

/// FEATURES T8: excess calls get 503 with Retry-After and are counted under the trunk's name.
#[test]
fn calls_beyond_a_trunks_limit_get_503_with_retry_after_and_are_counted() {
    let house = House::open(SMALL);
    let carrier = socket("127.0.0.5");
    let (statuses, _) = knock(&house, &carrier, "first");
    assert_eq!(statuses.last(), Some(&200));
    for name in ["second", "third"] {
        let (statuses, text) = knock(&house, &carrier, name);
        assert_eq!(statuses.last(), Some(&503), "{text}");
        assert!(text.contains("\r\nRetry-After: "), "{text}");
    }
    let page = house.page("/metrics");
    assert!(page.contains("senim_trunk_refused_total{trunk=\"small\"} 2"), "{page}");
    assert!(page.contains("senim_trunk_calls{trunk=\"small\"} 1"), "{page}");
    let facts = house.page("/api/v1/facts?from=1&limit=100");
    assert!(
        facts.contains("more calls at once than it may") && facts.contains("\"trunk\":\"small\""),
        "{facts}"
    );
}

/// FEATURES T6: no call begins, nothing rings, and no file of a call is left. The answer is 401: it may be a consultant's
/// softphone that has not yet shown its password (RFC 3261 section 22.1); 403 would say that none will help (section
/// 21.4.4).
#[test]
fn an_address_that_is_no_trunks_brings_no_call() {
    let house = House::open(SMALL);
    let stranger = socket("127.0.0.9");
    let (statuses, text) = knock(&house, &stranger, "stranger");
    assert!(!statuses.is_empty() && statuses.iter().all(|s| *s == 401), "{text}");
    assert!(!text.contains("m=audio"), "{text}");
    let board = house.board();
    assert_eq!((&board["totals"]["arrived"], &board["in_script"]), (&0.into(), &0.into()), "{board}");
    assert!(!house.page("/api/v1/facts?from=1&limit=100").contains("\"arrived\""));
}

/// FEATURES T19, T18: a blocked caller in danger presses 0, beside a running line.
#[test]
fn a_blocked_callers_urgent_key_leads_to_the_front_of_the_queue() {
    let house = House::open("");
    house.command("block add 87017654321 --for 24h --reason threats --author oleg", "");
    let _caller = Sipp::call(&house, "111", "0", 1_000.0, "u1");
    let board = house.see("the caller waits", |b| b["waiting"].as_array().is_some_and(|w| w.len() == 1));
    assert_eq!(board["waiting"][0]["priority"], 0, "{board}");
    let told = house.command("calls call-1", "");
    assert!(told.contains("the caller is blocked and hears so") && told.contains("script blocked"), "{told}");
    assert!(!told.contains("7654321"), "{told}");
}
