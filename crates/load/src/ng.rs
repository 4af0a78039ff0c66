//! The control protocol of rtpengine, as little as two legs need: a cookie and a dictionary in bencoding, each way.

use crate::wire::DATAGRAM_MAX;
use crate::words::sound_address;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// One who asks.
pub(crate) struct Ng {
    socket: UdpSocket,
    run: String,
    asked: u64,
}

impl Ng {
    pub(crate) fn open(target: SocketAddr, run: &str) -> io::Result<Ng> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(target)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Ng { socket, run: run.to_owned(), asked: 0 })
    }

    /// Takes the caller's description; where the other shall send.
    pub(crate) fn offer(&mut self, call: u32, sdp: &str) -> io::Result<SocketAddr> {
        self.ask("offer", call, sdp, &[])
    }

    /// Takes the other's description; where the caller shall send.
    pub(crate) fn answer(&mut self, call: u32, sdp: &str) -> io::Result<SocketAddr> {
        self.ask("answer", call, sdp, &[("to-tag", "b")])
    }

    fn ask(&mut self, command: &str, call: u32, sdp: &str, more: &[(&str, &str)]) -> io::Result<SocketAddr> {
        self.asked += 1;
        let (call_id, cookie) = (format!("{call}.{}", self.run), format!("{}_{}", self.run, self.asked));
        let words = [("call-id", &*call_id), ("command", command), ("from-tag", "a"), ("sdp", sdp)];
        let dictionary: String =
            words.iter().chain(more).map(|(key, value)| [text(key), text(value)].concat()).collect();
        self.socket.send(format!("{cookie} d{dictionary}e").as_bytes())?;
        let mut buffer = [0; DATAGRAM_MAX];
        loop {
            let length = self.socket.recv(&mut buffer)?;
            let said = buffer.get(..length).unwrap_or_default();
            if let Some(answer) = said.strip_prefix(cookie.as_bytes()) {
                let told = value(answer, "sdp").and_then(sound_address);
                return told.ok_or_else(|| io::Error::other("rtpengine: it took no call"));
            }
        }
    }
}

/// A text in bencoding.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// The text under a key, wherever it stands.
fn value<'a>(bencoded: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let key = text(key);
    let at = bencoded.windows(key.len()).position(|w| w == key.as_bytes())? + key.len();
    let rest = bencoded.get(at..)?;
    let colon = rest.iter().position(|byte| *byte == b':')?;
    let length: usize = core::str::from_utf8(rest.get(..colon)?).ok()?.parse().ok()?;
    rest.get(colon + 1..)?.get(..length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_asked_for_and_found_in_the_answer() {
        let engine = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut ng = Ng::open(engine.local_addr().unwrap(), "run").unwrap();
        let theirs = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            let (length, from) = engine.recv_from(&mut buffer).unwrap();
            let asked = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let sdp = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4002 RTP/AVP 8\r\n";
            engine.send_to(b"run_0 d6:result5:errore", from).unwrap();
            engine.send_to(format!("run_1 d6:result2:ok3:sdp{}e", text(sdp)).as_bytes(), from).unwrap();
            asked
        });
        assert_eq!(ng.offer(7, "v=0").unwrap(), "127.0.0.1:4002".parse().unwrap());
        let asked = theirs.join().unwrap();
        assert_eq!(asked, "run_1 d7:call-id5:7.run7:command5:offer8:from-tag1:a3:sdp3:v=0e");
    }

    #[test]
    fn what_has_no_description_gives_none() {
        assert_eq!(value(b" d3:sdp2:abe", "sdp"), Some(&b"ab"[..]));
        for wrong in [&b" d3:sdp9:abe"[..], b" d3:sdp", b" d3:sdpx:ab", b""] {
            assert_eq!(value(wrong, "sdp"), None);
        }
    }
}
