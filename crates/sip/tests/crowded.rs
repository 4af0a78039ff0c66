//! More calls than there is time for: those that are taken are served in time, the rest is told so at once, and nothing
//! that belongs to a call is ever refused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, settings};
use senim_base::{Entropy, Instant};
use senim_sip::{Counts, Endpoint, Event, Fault, Flow, Input, Output, Pressure, SessionId, Transport};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

fn trunk() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 5060))
}

fn flow(transport: Transport) -> Flow {
    let connection = u64::from(transport != Transport::Udp);
    Flow { transport, local: Line.address(), remote: trunk(), connection }
}

/// A request of call `n`; `to` is what stands behind its address, `hop` tells its transactions apart.
fn request(method: &str, n: usize, cseq: u32, hop: &str, to: &str, extra: &str) -> String {
    let (body, kind) = match method {
        "INVITE" => (OFFER, "Content-Type: application/sdp\r\n"),
        _ => ("", ""),
    };
    format!(
        "{method} sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{hop}{n}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+77001112233@x>;tag=f{n}\r\nTo: <sip:111@x>{to}\r\nCall-ID: c{n}@x\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:x@198.51.100.7>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn invite(n: usize) -> String {
    request("INVITE", n, 1, "i", "", "")
}

/// What stands behind the address of a response's To.
fn to_of(response: &str) -> String {
    let line = response.lines().find_map(|line| line.strip_prefix("To: <sip:111@x>"));
    line.unwrap_or_else(|| panic!("{response}")).to_owned()
}

struct World {
    line: Endpoint,
    now: Instant,
    events: Vec<Event>,
}

impl World {
    fn new() -> World {
        let line = Endpoint::new(settings(Some("198.51.100.7")), Entropy::from_seed(1));
        World { line, now: Instant::from_secs(1), events: Vec::new() }
    }

    fn poll(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some(output) = self.line.poll() {
            match output {
                Output::Transmit { bytes, .. } | Output::Refuse { bytes, .. } => {
                    answers.push(String::from_utf8(bytes).unwrap());
                }
                Output::Event(event) => self.events.push(event),
                Output::Disconnect(_) => panic!("cut"),
            }
        }
        answers
    }

    fn say(&mut self, text: &str) -> Vec<String> {
        let input = Input::Datagram { flow: flow(Transport::Udp), bytes: text.as_bytes() };
        let _ = self.line.handle(input, self.now);
        self.poll()
    }

    fn incoming(&mut self) -> Option<SessionId> {
        let found = self.events.iter().rposition(|e| matches!(e, Event::Incoming(_)))?;
        match self.events.remove(found) {
            Event::Incoming(invitation) => Some(invitation.session),
            _ => None,
        }
    }

    /// A call that stands: what is behind its To.
    fn talk(&mut self, n: usize) -> String {
        self.say(&invite(n));
        let session = self.incoming().unwrap();
        self.line.accept(session, ANSWER, self.now);
        let to = to_of(&self.poll()[0]);
        assert!(self.say(&request("ACK", n, 1, "a", &to, "")).is_empty());
        to
    }
}

/// PEERS W3, RFC 3261 sections 8.2.7 and 21.5.4.
#[test]
fn a_new_call_that_there_is_no_time_for_is_told_so_and_leaves_nothing_alive() {
    let mut w = World::new();
    w.line.set_crowded(true);
    let answers = w.say(&invite(1));
    let [refusal] = &answers[..] else { panic!("{answers:?}") };
    for wanted in [
        "SIP/2.0 503 ",
        "\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKi1",
        "\r\nFrom: <sip:+77001112233@x>;tag=f1\r\n",
        "\r\nCall-ID: c1@x\r\n",
        "\r\nCSeq: 1 INVITE\r\n",
        "\r\nRetry-After: 1\r\n",
    ] {
        assert!(refusal.contains(wanted), "{wanted}: {refusal}");
    }
    let to = to_of(refusal);
    assert!(to.starts_with(";tag=") && to.len() > 10, "{to}");
    let ack = request("ACK", 1, 1, "i", &to, "");
    let input = Input::Datagram { flow: flow(Transport::Udp), bytes: ack.as_bytes() };
    assert_eq!(w.line.handle(input, w.now), Err(Fault::Crowded));
    assert!(w.poll().is_empty() && w.events.is_empty());
    assert_eq!((w.line.live(), w.line.crowded_out()), (Counts::default(), (1, 1)));
}

/// Its sender may have heard the first answer already: a call of his copy would be nobody's.
#[test]
fn a_copy_of_a_refused_call_gets_the_same_answer_although_there_is_time_again() {
    let mut w = World::new();
    w.line.set_crowded(true);
    let first = w.say(&invite(1));
    w.line.set_crowded(false);
    w.now += Duration::from_millis(500);
    assert_eq!(w.say(&invite(1)), first);
    w.say(&request("INVITE", 1, 2, "j", "", ""));
    assert!(w.incoming().is_some(), "he tries anew, with a number of its own");
    w.now += Duration::from_secs(70);
    w.say(&invite(1));
    assert!(w.incoming().is_some(), "nobody repeats a request so late");
}

#[test]
fn whatever_belongs_to_a_call_that_was_taken_goes_on() {
    let mut w = World::new();
    let to = w.talk(1);
    w.say(&invite(2));
    let ringing = w.incoming().unwrap();
    w.line.ring(ringing, 180, None, w.now);
    w.poll();
    w.line.set_crowded(true);

    let copies = w.say(&invite(2));
    assert!(copies[0].starts_with("SIP/2.0 180"), "a copy of an INVITE that rings: {copies:?}");
    assert!(w.say(&request("UPDATE", 1, 2, "u", &to, ""))[0].starts_with("SIP/2.0 200"));
    w.say(&request("INVITE", 1, 3, "r", &to, ""));
    assert!(matches!(w.events.pop(), Some(Event::Reoffered { .. })), "a re-INVITE");
    let gone = w.say(&request("BYE", 1, 4, "b", &to, ""));
    assert!(gone.iter().any(|a| a.starts_with("SIP/2.0 200") && a.contains("4 BYE")), "{gone:?}");
    let cancelled = w.say(&request("CANCEL", 2, 1, "i", "", ""));
    assert!(cancelled.iter().any(|a| a.starts_with("SIP/2.0 200")), "{cancelled:?}");
    assert!(w.events.iter().any(|e| matches!(e, Event::Cancelled { session } if *session == ringing)));
}

/// A proxy that forked sent the same call by two ways: one of them rings, and the other is told so (RFC 3261 section
/// 8.2.2.2), for a 503 would speak against the whole.
#[test]
fn another_way_of_a_call_that_was_taken_is_a_loop_and_no_new_call() {
    let mut w = World::new();
    w.say(&invite(1));
    let ringing = w.incoming().unwrap();
    w.line.ring(ringing, 180, None, w.now);
    w.poll();
    w.line.set_crowded(true);
    let answers = w.say(&request("INVITE", 1, 1, "other", "", ""));
    assert!(answers[0].starts_with("SIP/2.0 482"), "{answers:?}");
    assert_eq!(w.line.crowded_out(), (0, 0));
}

/// The second call of an attended transfer is part of a talk, too (RFC 3891, RFC 3911).
#[test]
fn a_call_that_names_a_talk_is_no_new_call() {
    let mut w = World::new();
    let to = w.talk(1);
    w.line.set_crowded(true);
    for (n, name) in [(2, "Join"), (3, "Replaces")] {
        let names = format!("{name}: c1@x;to-tag={};from-tag=f1\r\n", to.strip_prefix(";tag=").unwrap());
        let answers = w.say(&request("INVITE", n, 1, "i", "", &names));
        assert!(!answers.iter().any(|a| a.starts_with("SIP/2.0 503")), "{name}: {answers:?}");
        assert!(w.incoming().is_some(), "{name}");
    }
    assert_eq!(w.line.crowded_out(), (0, 0));
}

#[test]
fn a_connection_brings_the_refusal_back_and_stays_open() {
    let mut w = World::new();
    w.line.set_crowded(true);
    let both = format!("{}{}", invite(1), invite(2));
    let _ = w.line.handle(Input::Stream { flow: flow(Transport::Tcp), bytes: both.as_bytes() }, w.now);
    let answers = w.poll();
    assert_eq!(answers.iter().filter(|a| a.starts_with("SIP/2.0 503")).count(), 2, "{answers:?}");
    assert!(w.line.next_frame().is_none(), "nobody traces them");
}

/// What the line takes for a call that it serves, from INVITE to BYE, and for one that it refuses: measured, a refusal
/// with its ACK is a thirtieth of a call.
const INVITE_COST: Duration = Duration::from_micros(700);
const OTHER_COST: Duration = Duration::from_micros(150);
const REFUSAL_COST: Duration = Duration::from_micros(20);
/// So many calls a second it can serve.
const PEAK: u32 = 1_000;
const WIRE: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Caller {
    begun: Instant,
    answered: Option<Duration>,
    refused: bool,
    over: bool,
    sent: u32,
}

enum Next {
    Begins(usize),
    Repeats(usize),
    ToLine(String),
    ToCaller(String),
}

/// Callers, wires of 5 ms, and a line that does one thing at a time.
struct Rush {
    w: World,
    callers: Vec<Caller>,
    pressure: Pressure,
    queue: VecDeque<(Instant, String)>,
    free: Instant,
    next: BTreeMap<(Instant, u64), Next>,
    serial: u64,
}

impl Rush {
    fn at(&mut self, at: Instant, next: Next) {
        self.serial += 1;
        self.next.insert((at, self.serial), next);
    }

    fn begins(&mut self, n: usize, now: Instant) {
        let caller = &mut self.callers[n];
        if caller.answered.is_some() || caller.refused || caller.sent == 7 {
            return;
        }
        caller.sent += 1;
        let again = Duration::from_millis(500) * 2u32.pow(caller.sent - 1);
        self.at(now + WIRE, Next::ToLine(invite(n)));
        self.at(now + again, Next::Repeats(n));
    }

    /// A caller hears something.
    fn hears(&mut self, text: &str, now: Instant) {
        let n: usize = text.split("Call-ID: c").nth(1).unwrap().split('@').next().unwrap().parse().unwrap();
        let caller = &mut self.callers[n];
        let status = &text[8..11];
        if text.contains("BYE\r\n") {
            caller.over |= status == "200";
        } else if status == "200" && caller.answered.is_none() {
            assert!(!caller.refused, "an answer after a refusal");
            caller.answered = Some(now.since(caller.begun));
            let to = to_of(text);
            self.at(now + WIRE, Next::ToLine(request("ACK", n, 1, "a", &to, "")));
            self.at(now + WIRE, Next::ToLine(request("BYE", n, 2, "b", &to, "")));
        } else if status == "503" {
            assert!(caller.answered.is_none(), "a refusal after an answer");
            caller.refused = true;
            self.at(now + WIRE, Next::ToLine(request("ACK", n, 1, "i", &to_of(text), "")));
        }
    }

    /// The line is free and takes what has waited longest.
    fn works(&mut self, now: Instant) {
        let Some((came, text)) = self.queue.pop_front() else { return };
        self.w.now = now;
        let crowded = self.pressure.waited(now.since(came), now);
        self.w.line.set_crowded(crowded);
        let input = Input::Datagram { flow: flow(Transport::Udp), bytes: text.as_bytes() };
        let heard = self.w.line.handle(input, now);
        let mut said = self.w.poll();
        let session = self.w.incoming();
        if let Some(session) = session {
            self.w.line.accept(session, ANSWER, now);
            said.extend(self.w.poll());
        }
        self.w.events.clear();
        self.free = now
            + match (heard, session) {
                (Err(Fault::Crowded), _) if text.starts_with("INVITE") => REFUSAL_COST,
                (Err(Fault::Crowded), _) => REFUSAL_COST / 2,
                (_, Some(_)) => INVITE_COST,
                _ => OTHER_COST,
            };
        for text in said {
            self.at(self.free + WIRE, Next::ToCaller(text));
        }
    }

    /// So many calls, the next one so much later, to the end of the last one.
    fn of(calls: u32, apart: Duration) -> Rush {
        let (w, begin) = (World::new(), Instant::from_secs(1));
        let mut rush = Rush {
            w,
            callers: Vec::new(),
            pressure: Pressure::default(),
            queue: VecDeque::new(),
            free: begin,
            next: BTreeMap::new(),
            serial: 0,
        };
        for n in 0..calls {
            let at = begin + apart * n;
            rush.callers.push(Caller { begun: at, ..Caller::default() });
            rush.at(at, Next::Begins(rush.callers.len() - 1));
        }
        loop {
            let work = rush.queue.front().map(|(came, _)| rush.free.max(*came));
            let next = rush.next.first_key_value().map(|((at, _), _)| *at);
            match (work, next) {
                (None, None) => return rush,
                (Some(work), next) if next.is_none_or(|next| work < next) => rush.works(work),
                _ => {
                    let Some(((now, _), next)) = rush.next.pop_first() else { return rush };
                    match next {
                        Next::Begins(n) | Next::Repeats(n) => rush.begins(n, now),
                        Next::ToLine(text) => rush.queue.push_back((now, text)),
                        Next::ToCaller(text) => rush.hears(&text, now),
                    }
                }
            }
        }
    }
}

/// PEERS W3: ten to two hundred per cent more than it can serve: at least nine tenths of what it can goes on being
/// served, within half a second, to the end; the rest is told so; nobody waits for nothing.
#[test]
fn beyond_what_it_can_serve_a_line_serves_nearly_as_much_and_tells_the_rest() {
    const SECONDS: u32 = 3;
    for tenths in [9, 11, 15, 30] {
        let rush = Rush::of(PEAK * SECONDS * tenths / 10, Duration::from_secs(10) / (PEAK * tenths));
        let answered: Vec<Duration> = rush.callers.iter().filter_map(|c| c.answered).collect();
        let refused = rush.callers.iter().filter(|c| c.refused).count();
        let case = format!("{tenths} tenths: {} answered, {refused} refused", answered.len());
        assert_eq!(answered.len() + refused, rush.callers.len(), "nobody is left: {case}");
        let bearable = (PEAK * SECONDS * tenths.min(10) / 10) as usize;
        assert!(answered.len() * 10 >= bearable * 9, "{case}");
        assert_eq!(refused == 0, tenths < 10, "{case}");
        let mut waits = answered;
        waits.sort();
        let p99 = waits[waits.len() * 99 / 100];
        assert!(p99 < Duration::from_millis(500), "{case}: {p99:?}");
        let left = rush.callers.iter().filter(|c| c.answered.is_some() && !c.over).count();
        assert_eq!(left, 0, "{case}");
        assert_eq!(rush.w.line.live().sessions, 0, "{case}");
    }
}

/// Nobody is refused because many came at the same moment once, unless his turn would come too late.
#[test]
fn a_burst_that_can_be_served_in_time_is_served() {
    for (many, refuses) in [(250, false), (900, true)] {
        let rush = Rush::of(many, Duration::ZERO);
        assert_eq!(rush.w.line.crowded_out().0 > 0, refuses, "{many}");
    }
}
