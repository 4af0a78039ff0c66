//! The Unified Contact Centre, played by SIPp: it answers, or it is busy.

use crate::house::House;
use crate::house::baresip::{Baresip, Setup};
use crate::house::sipp::Sipp;
use crate::house::sound::hears;

const ASKED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="centre"><recv request="INVITE"/>"#;
const SAME: &str = "[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]c\n[last_Call-ID:]\n[last_CSeq:]\n\
                    Contact: <sip:centre@[local_ip]:[local_port]>\n";

/// FEATURES X1.
#[test]
fn a_busy_centre_brings_the_caller_back_to_a_consultant() {
    let house = House::open("");
    house.consultant("aigul");
    let mut phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let busy = format!(
        "{ASKED}<send><![CDATA[\nSIP/2.0 486 Busy Here\n{SAME}Content-Length: 0\n\n]]></send>\
         <recv request=\"ACK\"/></scenario>"
    );
    let centre = Sipp::centre(&house, &busy);
    let caller = Sipp::call(&house, "111", "23", 1_000.0, "u1");
    centre.done();
    house.see_talk("aigul");
    house.see("they talked for 2 s", |b| b["talking"][0]["talked_ms"].as_u64().is_some_and(|ms| ms > 2_000));
    phone.tell("hangup", "");
    hears("the caller", &caller.done(), 700.0);
}

/// FEATURES X1.
#[test]
fn a_centre_that_answers_hears_the_caller() {
    let house = House::open("");
    let joined = format!(
        "{ASKED}<send retrans=\"500\"><![CDATA[\nSIP/2.0 200 OK\n{SAME}Content-Type: application/sdp\n\
         Content-Length: [len]\n\nv=0\no=centre 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n\
         m=audio [media_port+{{BESIDE}}] RTP/AVP 8\n]]></send><recv request=\"ACK\"/><pause milliseconds=\"3000\"/>\
         <send retrans=\"500\"><![CDATA[\nBYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];\
         branch=[branch]\n[last_Call-ID:]\nFrom: <sip:1414@[local_ip]>;tag=[pid]c\nTo: <sip:line@[remote_ip]>\
         [peer_tag_param]\nCSeq: 1 BYE\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send><recv response=\"200\"/>\
         </scenario>"
    )
    .replace("<recv request=\"INVITE\"/>", "<recv request=\"INVITE\" rrs=\"true\"/>");
    let centre = Sipp::centre(&house, &joined);
    let _caller = Sipp::call(&house, "111", "23", 1_000.0, "u1");
    house.see("the caller is forwarded", |b| b["totals"]["forwarded"] == 1);
    crate::house::wait("the centre hears the caller", || {
        (crate::house::sound::tenths_with(&centre.ear.heard(), 1_000.0) >= 10).then_some(())
    });
}
