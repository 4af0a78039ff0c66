//! Whose dialog it is: the flow is the identity, whoever knows the tags. And forked calls: several phones ring, one
//! is talked to.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OTHER, Pair, Phone, credentials, settings};
use senim_sip::{
    Credentials, Ending, Event, Flow, Input, Message, Outgoing, Output, Rejection, Secrets, SessionId,
    Transport,
};

fn status_of(answers: &[String]) -> u16 {
    answers.first().map_or(0, |a| a[8..11].parse().unwrap())
}

#[test]
fn whoever_knows_the_tags_but_speaks_elsewhere_changes_nothing() {
    let mut p = Pair::new(1);
    let (_, b) = p.talk(Phone);
    for (n, method) in
        ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "OPTIONS", "PRACK"].iter().enumerate()
    {
        let text = p.in_dialog(Phone, method, 50 + n, "Refer-To: <sip:1@x>\r\n", OTHER);
        assert_eq!(status_of(&p.stranger(text.as_bytes())), 403, "{method}");
    }
    assert!(p.told(Line).is_empty());
    // The numbers were not used up: the real phone goes on as before.
    let text = p.in_dialog(Phone, "INFO", 50, "", "");
    p.forge(Phone, text.as_bytes());
    p.until(Line, "Info");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.until(Phone, "Ended");
    p.at_rest();
}

#[test]
fn the_ack_and_the_cancel_of_a_stranger_are_nobodys() {
    let mut p = Pair::new(2);
    p.sieve = Some(Box::new(|_, first| first.starts_with("ACK")));
    p.call(Phone);
    let b = p.invited(Line);
    let invite = p.bytes_seen("INVITE", "INVITE");
    let end = invite.find("Content-Type").unwrap();
    let cancel = format!("{}Content-Length: 0\r\n\r\n", invite[..end].replace("INVITE", "CANCEL"));
    assert_eq!(status_of(&p.stranger(cancel.as_bytes())), 481);
    assert!(p.told(Line).is_empty());
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    p.until(Phone, "Answered");
    let ack = p.bytes_seen("ACK", "ACK");
    assert!(p.stranger(ack.as_bytes()).is_empty());
    assert!(p.told(Line).is_empty());
    p.sieve = None;
    p.until(Line, "Confirmed");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

/// The phone's first call to the line, with a password.
fn talk_of_a_user(p: &mut Pair) -> (SessionId, SessionId) {
    let mut outgoing = p.outgoing(Phone);
    outgoing.credentials = Some(credentials("correct"));
    let a = p.call_with(Phone, outgoing);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    p.until(Phone, "Answered");
    p.until(Line, "Confirmed");
    (a, b)
}

/// The same request with the answer to the challenge.
fn proved(text: &str, challenge: &str, who: &Credentials) -> String {
    let challenge = Message::parse(challenge.as_bytes()).unwrap();
    let (method, rest) = text.split_once(' ').unwrap();
    let uri = rest.split_once(' ').unwrap().0;
    let (name, value) = who.answer(&challenge, method, uri, "0123456789abcdef").unwrap();
    text.replace("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\n{name}: {value}\r\n"))
        .replace("branch=z9hG4bK", "branch=z9hG4bKx")
}

#[test]
fn a_user_whose_address_changed_proves_himself_and_the_dialog_goes_on_there() {
    let mut p = Pair::of_strangers(3);
    p.line.guard_mut().set_account("bota", Secrets::from_password("bota", "senim.example", "other"));
    let (_, b) = talk_of_a_user(&mut p);
    let moved = "203.0.113.44:7000";
    let info = p.in_dialog(Phone, "INFO", 50, "", "");
    let asked = p.elsewhere(moved, info.as_bytes());
    assert_eq!(status_of(&asked), 401);
    assert!(p.told(Line).is_empty());
    // Another user of the house is not he.
    let bota = Credentials { user: "bota".into(), ..credentials("other") };
    assert_eq!(status_of(&p.elsewhere(moved, proved(&info, &asked[0], &bota).as_bytes())), 403);
    let asked = p.elsewhere(moved, info.as_bytes());
    let right = proved(&info, &asked[0], &credentials("correct"));
    assert_eq!(status_of(&p.elsewhere(moved, right.as_bytes())), 200);
    p.until(Line, "Info");
    // The way he left is nobody's now.
    let old = p.in_dialog(Phone, "INFO", 51, "", "");
    assert_eq!(status_of(&p.elsewhere("198.51.100.7:5060", old.as_bytes())), 401);
    let now = p.now;
    p.line.hang_up(b, None, now);
    let mut to = Vec::new();
    while let Some(output) = p.line.poll() {
        if let senim_sip::Output::Transmit { flow, .. } = output {
            to.push(flow.remote.to_string());
        }
    }
    assert_eq!(to, [moved]);
}

/// A NAT gives the phone another port between our 200 and its ACK: the ACK confirms, and moves nothing.
#[test]
fn an_ack_from_another_port_of_the_users_host_confirms_and_moves_nothing() {
    for (from, confirms) in [("198.51.100.7:40000", true), ("203.0.113.44:5060", false)] {
        let mut p = Pair::of_strangers(13);
        p.sieve = Some(Box::new(|_, first| first.starts_with("ACK")));
        let outgoing = Outgoing { credentials: Some(credentials("correct")), ..p.outgoing(Phone) };
        p.call_with(Phone, outgoing);
        let b = p.invited(Line);
        p.at(Line, |e, now| e.accept(b, ANSWER, now));
        p.until(Phone, "Answered");
        let fits = |m: &&String| m.starts_with("ACK") && m.contains("Authorization: ");
        let ack = p.messages.iter().rfind(fits).unwrap().clone();
        let other = ack.replace("CSeq: 2 ACK", "CSeq: 3 ACK");
        assert!(ack != other && p.elsewhere(from, other.as_bytes()).is_empty());
        assert!(p.told(Line).is_empty(), "another number is another request's");
        assert!(p.elsewhere(from, ack.as_bytes()).is_empty());
        assert_eq!(p.told(Line).len(), usize::from(confirms), "{from}");
        p.sieve = None;
        p.until(Line, "Confirmed");
        // The flow of the talk is the one it was begun on.
        p.at(Line, |e, now| e.hang_up(b, None, now));
        p.until(Phone, "Ended");
        p.at_rest();
    }
}

/// A REGISTER like a softphone's, with what its Contact says of it, from that flow; challenged and proved.
fn register(p: &mut Pair, flow: Flow, cseq: u32, contact: &str) {
    let text = format!(
        "REGISTER sip:senim.example SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bKr{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:aigul@senim.example>;tag=r\r\nTo: <sip:aigul@senim.example>\r\n\
         Call-ID: r{cseq}\r\nCSeq: {cseq} REGISTER\r\nContact: {contact}\r\nSupported: outbound, path\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let asked = said(p, flow, &text);
    let right = proved(&text, &asked[0], &credentials("correct")).replace("CSeq: ", "CSeq: 1");
    assert_eq!(status_of(&said(p, flow, &right)), 200);
}

/// What the line says to bytes on that connection, and where.
fn said(p: &mut Pair, flow: Flow, text: &str) -> Vec<String> {
    let now = p.now;
    p.line.handle(Input::Stream { flow, bytes: text.as_bytes() }, now).unwrap();
    sent(p, flow)
}

fn sent(p: &mut Pair, on: Flow) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(output) = p.line.poll() {
        match output {
            Output::Transmit { flow, bytes } if flow == on => all.push(String::from_utf8(bytes).unwrap()),
            Output::Event(event) => p.events.push((Line, event)),
            _ => {}
        }
    }
    all
}

/// The phone's connection dies in the middle of a talk, or is forgotten by a NAT; it registers again on a new one, and
/// there our goodbye reaches it. Another phone of the same user does not get it.
#[test]
fn a_talk_follows_its_phone_to_the_connection_that_it_registers_on_anew() {
    let instance = |n: u32| format!(";+sip.instance=\"<urn:uuid:{n}>\";reg-id=1");
    let uri = "<sip:aigul@10.0.0.5:5060;transport=tcp>";
    let other_uri = "<sip:aigul@10.0.0.6:5060;transport=tcp>";
    let near = "198.51.100.7:40001";
    for (before, after, remote, closed, comes) in [
        (instance(1), instance(1), "203.0.113.44:7000", true, true),
        (instance(1), instance(1), "203.0.113.44:7000", false, true),
        (instance(1), instance(2), near, true, false),
        (instance(1), instance(2), near, false, false),
        (String::new(), String::new(), near, true, true),
        (String::new(), String::new(), near, false, true),
        (String::new(), String::new(), "203.0.113.44:7000", true, false),
        (String::new(), String::new(), "203.0.113.44:7000", false, false),
        (instance(1), String::new(), near, true, false),
    ] {
        let mut p = Pair::of_strangers(14);
        let old =
            Flow { transport: Transport::Tcp, local: Line.address(), remote: Phone.address(), connection: 1 };
        let new = Flow { remote: remote.parse().unwrap(), connection: 2, ..old };
        register(&mut p, old, 1, &format!("{uri}{before}"));
        let now = p.now;
        let outgoing =
            Outgoing { flow: old, uri: "sip:aigul@10.0.0.5:5060;transport=tcp".into(), ..p.outgoing(Line) };
        let session = p.line.invite(outgoing, now).unwrap();
        let invite = sent(&mut p, old).remove(0);
        let header = |name: &str| invite.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=theirs\r\n{}\r\n{}\r\nContact: {uri}\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            header("Via"),
            header("From"),
            header("To"),
            header("Call-ID"),
            header("CSeq"),
            ANSWER.len()
        );
        assert!(said(&mut p, old, &answer)[0].starts_with("ACK"));
        if closed {
            p.line.handle(Input::FlowClosed(old), now).unwrap();
        }
        let again = if before == after || after.is_empty() { uri } else { other_uri };
        register(&mut p, new, 2, &format!("{again}{after}"));
        p.line.hang_up(session, None, now);
        let goodbye = sent(&mut p, new);
        assert_eq!(goodbye.len(), usize::from(comes), "{before} {after} {remote} {closed}: {goodbye:?}");
        assert!(goodbye.iter().all(|m| m.starts_with("BYE")));
    }
}

#[test]
fn another_host_of_the_same_trunk_is_heard_and_not_followed() {
    let mut p = Pair::with(settings(Some("198.51.100.0/24")), 4);
    let (_, b) = p.talk(Phone);
    let info = p.in_dialog(Phone, "INFO", 50, "", "");
    assert_eq!(status_of(&p.elsewhere("198.51.100.99:5060", info.as_bytes())), 200);
    p.until(Line, "Info");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    // It went the dialog's own way.
    let Event::Ended { ending: Ending::RemoteBye, .. } = p.until(Phone, "Ended") else { panic!() };
    p.at_rest();
}

/// A call of the line that rings at two phones, each with its own media: what the other phone would say is made from
/// what the real one says.
fn forked(p: &mut Pair) -> (SessionId, SessionId, String) {
    let a = p.call(Line);
    let b = p.invited(Phone);
    // Unreliable, as from phones without RFC 3262.
    p.mangle = Some(Box::new(|_, text| text.replace("Supported: 100rel, ", "Supported: ")));
    p.at(Phone, |e, now| e.ring(b, 180, None, now));
    let Event::Ringing { fork: 0, sdp: None, .. } = p.until(Line, "Ringing") else { panic!() };
    let ringing = p.bytes_seen("SIP/2.0 180", "INVITE");
    (a, b, ringing)
}

fn other_phone(ringing: &str, status: &str, tag: &str, sdp: &str) -> String {
    let to = ringing.lines().find(|l| l.starts_with("To:")).unwrap();
    let text = ringing.replace(to, &format!("{}{tag}", to)).replace("180 Ringing", status);
    let end = text.find("Content-Length").unwrap();
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{}{kind}Content-Length: {}\r\n\r\n{sdp}", &text[..end], sdp.len())
}

#[test]
fn each_phone_that_rings_has_its_own_early_media_and_the_answer_decides() {
    let mut p = Pair::new(5);
    let (a, _, ringing) = forked(&mut p);
    let progress = other_phone(&ringing, "183 Session Progress", "two", OTHER);
    p.forge(Phone, progress.as_bytes());
    let Event::Ringing { fork: 1, sdp: Some(sdp), .. } = p.until(Line, "Ringing") else { panic!() };
    assert_eq!(sdp, OTHER.as_bytes());
    // RFC 6228: the first phone is off; nothing else is.
    p.forge(Phone, other_phone(&ringing, "199 Early Dialog Terminated", "", "").as_bytes());
    p.run(Duration::from_millis(20));
    assert!(p.told(Line).is_empty());
    // It answers without saying its SDP again.
    p.forge(Phone, other_phone(&ringing, "200 OK", "two", "").as_bytes());
    let Event::Answered { sdp, .. } = p.until(Line, "Answered") else { panic!() };
    assert_eq!(sdp.as_deref(), Some(OTHER.as_bytes()));
    assert!(p.bytes_seen("ACK", "ACK").contains("two\r\n"));
    p.at(Line, |e, now| e.hang_up(a, None, now));
    assert!(p.bytes_seen("BYE", "BYE").contains("two\r\n"));
}

#[test]
fn a_second_phone_that_answers_is_thanked_and_let_go() {
    let mut p = Pair::new(6);
    let (a, b, ringing) = forked(&mut p);
    p.forge(Phone, other_phone(&ringing, "200 OK", "two", ANSWER).as_bytes());
    p.until(Line, "Answered");
    p.at(Phone, |e, now| e.accept(b, ANSWER, now));
    p.until(Phone, "Confirmed");
    let Event::Ended { ending: Ending::RemoteBye, .. } = p.until(Phone, "Ended") else { panic!() };
    assert!(p.told(Line).is_empty());
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.run(Duration::from_secs(100));
    assert_eq!(p.seen("> BYE"), 2);
}

#[test]
fn eight_phones_may_ring_and_the_ninth_is_passed_over() {
    let mut p = Pair::new(7);
    let (a, _, ringing) = forked(&mut p);
    for n in 1..9 {
        p.forge(Phone, other_phone(&ringing, "180 Ringing", &n.to_string(), "").as_bytes());
        p.run(Duration::from_millis(10));
    }
    let forks: Vec<_> = p
        .events
        .iter()
        .map(|(_, e)| if let Event::Ringing { fork, .. } = e { *fork } else { panic!() })
        .collect();
    assert_eq!(forks, [1, 2, 3, 4, 5, 6, 7]);
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.until(Phone, "Cancelled");
    p.at_rest();
}

#[test]
fn a_call_sent_elsewhere_is_not_followed() {
    let mut p = Pair::new(8);
    p.call(Line);
    let b = p.invited(Phone);
    let contact = vec![("Contact".into(), "<sip:premium@example.com>".into())];
    p.at(Phone, |e, now| e.reject(b, 302, contact, now));
    let Event::Rejected { status: 302, reason: Rejection::Response, .. } = p.until(Line, "Rejected") else {
        panic!()
    };
    p.at_rest();
    assert_eq!(p.seen("INVITE"), 1);
}

/// A trunk that wants a password for what we say within a call that it brought gets it, for each request once: here
/// it is never content.
#[test]
fn a_challenge_within_a_trunks_call_is_answered_once() {
    let mut p = Pair::new(9);
    p.line.set_trunk_credentials("national", credentials("correct"));
    let (a, b) = p.talk(Phone);
    p.mangle = Some(Box::new(|who, text| {
        let asked = text.starts_with("SIP/2.0 ")
            && ["NOTIFY", "UPDATE", "BYE"].iter().any(|method| text.contains(&format!(" {method}\r\n")));
        if who == Line || !asked {
            return text;
        }
        let (first, rest) = text.split_once("\r\n").unwrap();
        let asks = "Proxy-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"";
        assert!(!first.is_empty());
        format!("SIP/2.0 407 Proxy Authentication Required\r\n{asks}\r\n{rest}")
    }));
    p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now));
    p.until(Line, "Referred");
    p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
    p.run(Duration::from_millis(100));
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.run(Duration::from_millis(100));
    for method in ["NOTIFY", "BYE"] {
        let said: Vec<_> = p.messages.iter().filter(|m| m.starts_with(method)).collect();
        let proved = said.iter().filter(|m| m.contains("\r\nProxy-Authorization: Digest ")).count();
        assert_eq!((said.len(), proved), (2, 1), "{method}");
    }
    p.until(Phone, "Ended");
    p.at_rest();
}

#[test]
fn of_somebody_called_by_his_mere_address_the_address_is_all_there_is() {
    let mut p = Pair::of_strangers(10);
    let (a, _) = p.talk(Line);
    let info = p.in_dialog(Phone, "INFO", 50, "", "");
    assert_eq!(status_of(&p.elsewhere("203.0.113.44:5060", info.as_bytes())), 403);
    assert_eq!(status_of(&p.elsewhere("198.51.100.7:40000", info.as_bytes())), 200);
    p.until(Line, "Info");
    p.at(Line, |e, now| e.hang_up(a, None, now));
}

#[test]
fn a_user_called_where_he_registered_is_that_user() {
    let mut p = Pair::of_strangers(11);
    let register = "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKr\r\n\
                    Max-Forwards: 70\r\nFrom: <sip:aigul@senim.example>;tag=r\r\nTo: <sip:aigul@senim.example>\r\n\
                    Call-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:aigul@198.51.100.7:5060>\r\nContent-Length: 0\r\n\r\n";
    let asked = p.elsewhere("198.51.100.7:5060", register.as_bytes());
    let right = proved(register, &asked[0], &credentials("correct"));
    assert_eq!(status_of(&p.elsewhere("198.51.100.7:5060", right.as_bytes())), 200);
    let (a, _) = p.talk(Line);
    let info = p.in_dialog(Phone, "INFO", 50, "", "");
    let asked = p.elsewhere("203.0.113.44:7000", info.as_bytes());
    assert_eq!(status_of(&asked), 401);
    let right = proved(&info, &asked[0], &credentials("correct"));
    assert_eq!(status_of(&p.elsewhere("203.0.113.44:7000", right.as_bytes())), 200);
    p.until(Line, "Info");
    p.at(Line, |e, now| e.hang_up(a, None, now));
}
