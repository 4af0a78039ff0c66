//! What SIPp says, put together message by message: a caller behind the carrier, or somebody who is called.

/// The first part of an offer or answer in PCMA, from this many ports above SIPp's own media port.
pub(crate) fn sound_at(beside: u16) -> String {
    format!(
        "v=0\no=peer 1 {} IN IP[local_ip_type] [local_ip]\ns=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\n\
         m=audio [media_port+{beside}] RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\n",
        beside + 1
    )
}

/// A whole scenario.
pub(crate) fn scenario(steps: &[String]) -> String {
    let steps = steps.concat();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"peer\">\n{steps}</scenario>\n")
}

fn body(sdp: &str) -> String {
    if sdp.is_empty() {
        "Content-Length: 0\n\n".into()
    } else {
        format!("Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}")
    }
}

fn send(retrans: bool, text: &str) -> String {
    let retrans = if retrans { " retrans=\"500\"" } else { "" };
    format!("<send{retrans}><![CDATA[\n{text}\n]]></send>\n")
}

/// A caller's INVITE that begins a call. `more`: whole lines.
pub(crate) fn invite(cseq: u32, more: &str, sdp: &str) -> String {
    let head = as_caller("INVITE sip:[service]@[remote_ip]:[remote_port]", "", cseq, "INVITE", "[branch]");
    send(true, &format!("{head}{more}{}", body(sdp)))
}

/// A caller's request within his dialog.
pub(crate) fn ask(method: &str, cseq: u32, more: &str, sdp: &str) -> String {
    let head = as_caller(&format!("{method} [next_url]"), "[peer_tag_param]", cseq, method, "[branch]");
    send(true, &format!("{head}[routes]\n{more}{}", body(sdp)))
}

/// A caller's ACK of a 2xx.
pub(crate) fn ack(cseq: u32) -> String {
    ack_with(cseq, "")
}

/// The same, with his answer to an offer in it.
pub(crate) fn ack_with(cseq: u32, sdp: &str) -> String {
    let head = as_caller("ACK [next_url]", "[peer_tag_param]", cseq, "ACK", "[branch]");
    send(false, &format!("{head}[routes]\n{}", body(sdp)))
}

/// A caller's ACK of a refusal, which belongs to the INVITE so many steps before.
pub(crate) fn ack_refusal(cseq: u32, steps: u32) -> String {
    let branch = format!("[branch-{steps}]");
    let target = "ACK sip:[service]@[remote_ip]:[remote_port]";
    send(false, &format!("{}{}", as_caller(target, "[peer_tag_param]", cseq, "ACK", &branch), body("")))
}

fn as_caller(first: &str, to: &str, cseq: u32, method: &str, branch: &str) -> String {
    format!(
        "{first} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}\n\
         From: <sip:87017654321@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]\n\
         To: <sip:[service]@[remote_ip]:[remote_port]>{to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n\
         Contact: <sip:gateway@[local_ip]:[local_port];transport=[transport]>\nMax-Forwards: 70\n"
    )
}

/// A request of somebody who was [`called`], within the dialog in which he has this tag.
pub(crate) fn ask_back(method: &str, cseq: u32, tag: &str, more: &str) -> String {
    send(
        true,
        &format!(
            "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: <sip:called@[local_ip]>;tag=[pid]{tag}\nTo: <sip:line@[remote_ip]>;[$9]\n\
             Call-ID: [call_id]\nCSeq: {cseq} {method}\nContact: <sip:called@[local_ip]:[local_port]>\n\
             Max-Forwards: 70\n[routes]\n{more}{}",
            body("")
        ),
    )
}

/// An answer to the request that came last. `tag`: added to its To, empty within a dialog.
pub(crate) fn answer(status: &str, tag: &str, more: &str, sdp: &str) -> String {
    let tag = if tag.is_empty() { String::new() } else { format!(";tag=[pid]{tag}") };
    send(
        false,
        &format!(
            "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{tag}\n\
             [last_Call-ID:]\n[last_CSeq:]\nContact: <sip:called@[local_ip]:[local_port]>\n{more}{}",
            body(sdp)
        ),
    )
}

/// Waits for the INVITE as [`called`] does, and keeps what [`answer_later`] needs.
pub(crate) fn called_for_later() -> String {
    let kept = ["Via", "From", "To", "CSeq"].iter().zip(1..).map(|(h, n)| says(n, h, "[^ ].*"));
    called(&kept.collect::<String>())
}

/// An answer to the INVITE although another request came since.
pub(crate) fn answer_later(status: &str, tag: &str, more: &str, sdp: &str) -> String {
    let mut text = answer(status, tag, more, sdp);
    for (header, n) in ["Via", "From", "To", "CSeq"].iter().zip(1..) {
        text = text.replace(&format!("[last_{header}:]"), &format!("{header}: [${n}]"));
    }
    text
}

/// Waits for this answer, after 100 if that comes. `checks`: see [`says`].
pub(crate) fn answered(status: u16, checks: &str) -> String {
    let provisional = if status > 100 { "<recv response=\"100\" optional=\"true\"/>\n" } else { "" };
    format!("{provisional}<recv response=\"{status}\" rrs=\"true\">{}</recv>\n", acts(checks))
}

/// Waits for this request.
pub(crate) fn asked(method: &str, checks: &str) -> String {
    format!("<recv request=\"{method}\">{}</recv>\n", acts(checks))
}

/// Waits for the INVITE that begins a call, and keeps its way back and the caller's tag.
pub(crate) fn called(checks: &str) -> String {
    let checks = format!("{checks}{}", says(9, "From", "tag=[^;]*"));
    format!("<recv request=\"INVITE\" rrs=\"true\">{}</recv>\n{}", acts(&checks), uses("9"))
}

fn acts(checks: &str) -> String {
    if checks.is_empty() { String::new() } else { format!("<action>{checks}</action>") }
}

/// The header of the message that is waited for is as this expression says, or the scenario fails. What it finds is
/// `[$N]` from here on.
pub(crate) fn says(n: u32, header: &str, regexp: &str) -> String {
    format!(
        "<ereg regexp=\"{regexp}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"{n}\"/>"
    )
}

/// SIPp wants each variable to be used.
pub(crate) fn uses(variables: &str) -> String {
    format!("<Reference variables=\"{variables}\"/>\n")
}

pub(crate) fn pause(ms: u32) -> String {
    format!("<pause milliseconds=\"{ms}\"/>\n")
}
