//! One pure function a target. Each takes any bytes and says which promise they broke; a panic is one, too.

use crate::{Broken, House};

pub use crate::browser::{frames, opening};
pub use crate::sound::{call, demux, payload, rtcp, rtp, srtp, telephone_event};

use senim_base::{Entropy, Instant};
use senim_sdp::{Capabilities, Direction, Local, Negotiator, SessionDescription};
use senim_sip::framer::HEAD_MAX;
use senim_sip::message::MESSAGE_MAX;
use senim_sip::{
    Caller, Credentials, Frame, Framer, FramingFault, Guard, Message, MessageBuilder, NameAddr, Uri, Via,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A target: what may be broken by bytes.
pub type Target = fn(&[u8]) -> Result<(), Broken>;

/// Every target by name.
pub const ALL: [(&str, Target); 16] = [
    ("message", message),
    ("uri", uri),
    ("sdp", sdp),
    ("digest", digest),
    ("stream", stream),
    ("websocket", websocket),
    ("opening", opening),
    ("frames", frames),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("srtp", srtp),
    ("telephone_event", telephone_event),
    ("demux", demux),
    ("payload", payload),
    ("call", call),
    ("endpoint", endpoint),
];

fn held(so: bool, what: &str) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(what.to_owned()) }
}

/// What reads prints and reads again the same; what does not has a fault that may be answered.
pub fn message(bytes: &[u8]) -> Result<(), Broken> {
    let read = match Message::parse(bytes) {
        Ok(read) => read,
        Err(fault) => {
            if let (Some(status), Some(partial)) = (fault.status(), &fault.partial) {
                return answer(status, partial);
            }
            return Ok(());
        }
    };
    let again = Message::parse(&read.to_bytes()).map_err(|_| "what was printed does not read".to_owned())?;
    held(again.start() == read.start(), "the first line changed")?;
    held(again.all_headers().eq(read.all_headers()), "a header changed")?;
    held(again.body() == read.body(), "the body changed")?;
    let _ = (Caller::of(&read), read.max_forwards(), read.expires(), read.content_type());
    for name in ["Contact", "Route", "Record-Route", "P-Asserted-Identity", "Refer-To", "Diversion"] {
        for address in read.addresses(name).unwrap_or_default() {
            let printed = address.to_string();
            held(!printed.contains(char::is_control), "an address smuggles a control character")?;
            held(NameAddr::parse(&printed) == Ok(address), "an address changed")?;
        }
    }
    if read.is_request() { answer(400, &read) } else { Ok(()) }
}

/// A response to a request is no longer than what it echoes and holds no line of the sender's making.
fn answer(status: u16, request: &Message) -> Result<(), Broken> {
    let bytes = MessageBuilder::response(status, request, Some("tag")).finish();
    let text = String::from_utf8(bytes).map_err(|_| "an answer is no text".to_owned())?;
    let (head, _) = text.split_once("\r\n\r\n").ok_or("an answer has no end")?;
    held(!head.split("\r\n").any(|line| line.contains(char::is_control)), "an answer smuggles a line")?;
    let echoes =
        ["Via", "From", "To", "Call-ID", "CSeq"].map(|n| request.headers(n).count()).iter().sum::<usize>();
    let first = ["From", "To", "Call-ID", "CSeq"].map(|n| request.headers(n).count().saturating_sub(1));
    held(head.split("\r\n").count() == 2 + echoes - first.iter().sum::<usize>(), "an answer has other lines")
}

/// A URI or an address with a name: prints as it reads, is equal to itself, holds no control character.
pub fn uri(bytes: &[u8]) -> Result<(), Broken> {
    let Ok(text) = core::str::from_utf8(bytes) else { return Ok(()) };
    if let Ok(read) = Uri::parse(text) {
        let printed = read.to_string();
        held(!printed.contains(char::is_control), "a URI smuggles a control character")?;
        held(Uri::parse(&printed).as_ref() == Ok(&read), "a URI changed")?;
        held(read.same_as(&read), "a URI is not itself")?;
    }
    if let Ok(read) = Via::parse(text) {
        held(Via::parse(&read.to_string()) == Ok(read), "a Via changed")?;
    }
    if let Ok(read) = NameAddr::parse(text) {
        held(NameAddr::parse(&read.to_string()) == Ok(read), "an address changed")?;
    }
    Ok(())
}

/// Any body is a description or a fault; an offer gets an answer with as many media, or none.
pub fn sdp(bytes: &[u8]) -> Result<(), Broken> {
    let local = Local { address: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 20_000)), session_id: 1 };
    let read = SessionDescription::parse(bytes);
    let mut answering = Negotiator::new(Capabilities::default(), local);
    match (answering.answer_to(bytes, Direction::SendRecv), read) {
        (Ok((answer, _)), Ok(read)) => {
            let said = SessionDescription::parse(answer.as_bytes());
            let said = said.map_err(|_| "our answer does not read".to_owned())?;
            held(said.media.len() == read.media.len(), "the answer has other media")?;
        }
        (Ok(_), Err(_)) => return Err("answered what does not read".to_owned()),
        (Err(_), _) => {}
    }
    let mut offering = Negotiator::new(Capabilities::default(), local);
    let _ = offering.offer(Direction::SendRecv);
    let _ = offering.accept(bytes);
    Ok(())
}

/// Words of a challenge and of an answer to one: nobody gets in by them, and no header of ours holds their breaks.
pub fn digest(bytes: &[u8]) -> Result<(), Broken> {
    let said = String::from_utf8_lossy(bytes);
    let plain: String = said.chars().filter(|c| !c.is_control()).collect();
    let headers = |first: &str, name: &str| {
        format!(
            "{first}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKd\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: d\r\n\
             CSeq: 1 REGISTER\r\n{name}: {plain}\r\n\r\n"
        )
    };
    let mut guard = Guard::new("senim", Entropy::from_seed(1));
    if let Ok(request) = Message::parse(headers("REGISTER sip:h SIP/2.0", "Authorization").as_bytes()) {
        let verdict = guard.check(&request, IpAddr::V4(Ipv4Addr::LOCALHOST), Instant::from_secs(1));
        held(!matches!(verdict, senim_sip::Verdict::Authenticated(_)), "rubbish was let in")?;
    }
    if let Ok(challenge) = Message::parse(headers("SIP/2.0 401 No", "WWW-Authenticate").as_bytes()) {
        let password = senim_base::Redacted::new("secret".to_owned());
        let ours = Credentials { user: "a\"\\b".into(), password, realm: None };
        if let Some((_, value)) = ours.answer(&challenge, "REGISTER", "sip:h", "cnonce") {
            held(!value.contains(char::is_control), "an answer smuggles a control character")?;
        }
    }
    Ok(())
}

/// A stream gives the same frames whatever its portions and never holds more than a message.
pub fn stream(bytes: &[u8]) -> Result<(), Broken> {
    let frames = |portion: usize| {
        let (mut framer, mut out) = (Framer::new(), Vec::new());
        for part in bytes.chunks(portion) {
            framer.push(part);
            while let Some(frame) = framer.next() {
                if let Ok(Frame::Message(message)) = &frame
                    && message.len() > MESSAGE_MAX
                {
                    return Err("a frame is too long".to_owned());
                }
                out.push(frame);
            }
            held(framer.held() <= MESSAGE_MAX + HEAD_MAX, "a stream hoards")?;
        }
        Ok(out)
    };
    let whole = frames(bytes.len().max(1))?;
    // A keep-alive that comes in two portions is still one: faults and messages are what must agree.
    let of = |frames: Vec<Result<Frame, FramingFault>>| {
        frames.into_iter().filter(|f| *f != Ok(Frame::Ping)).collect::<Vec<_>>()
    };
    held(of(frames(7)?) == of(whole), "portions matter")
}

/// A WebSocket's message, which is one of SIP whatever its frames were, text or not (RFC 7118 section 5): taken from a
/// stranger, twice in one house, and nothing is owed afterwards.
pub fn websocket(bytes: &[u8]) -> Result<(), Broken> {
    let mut house = House::new(1);
    house.websocket(bytes)?;
    house.websocket(bytes)?;
    house.rest()
}

/// The endpoint takes the bytes from a stranger, as a datagram and in a stream, and owes nothing afterwards.
pub fn endpoint(bytes: &[u8]) -> Result<(), Broken> {
    let mut house = House::new(1);
    house.stranger(bytes)?;
    house.trunk(bytes)?;
    house.stream(bytes)?;
    house.rest()
}
