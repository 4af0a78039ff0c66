//! A peer that writes its own bytes, right or wrong.

use super::PATIENCE;
use core::time::Duration;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// A UDP socket and a way to the line.
pub(crate) struct Raw {
    pub(crate) socket: UdpSocket,
    line: SocketAddr,
    n: u32,
}

impl Raw {
    pub(crate) fn new(ip: IpAddr, line: SocketAddr) -> Raw {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw { socket, line, n: 0 }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        // A full buffer of the system loses it, as any network may.
        let _ = self.socket.send_to(bytes, self.line);
    }

    /// A whole request with a new branch; `headers` end with a line end each.
    pub(crate) fn request(
        &mut self,
        method: &str,
        uri: &str,
        from: &str,
        headers: &str,
        body: &str,
    ) -> String {
        self.n += 1;
        let (n, here) = (self.n, self.address());
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{n}-{port};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@senim>;tag=t{n}\r\nTo: <{uri}>\r\nCall-ID: c{n}-{port}@raw\r\n\
             CSeq: {n} {method}\r\nContact: <sip:{from}@{here}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len(),
            port = here.port(),
        )
    }

    /// The next final response; provisional ones are passed over.
    pub(crate) fn response(&self) -> String {
        let mut buffer = [0; 65_535];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).expect("an answer in time");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") {
                return text;
            }
        }
    }

    /// Sends a request and gives the final response to it; sends again as a client must.
    pub(crate) fn ask(&mut self, method: &str, uri: &str, from: &str, headers: &str, body: &str) -> String {
        let request = self.request(method, uri, from, headers, body);
        let branch = format!("z9hG4bK-{}-{}", self.n, self.address().port());
        self.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        super::eventually("a final response", || {
            self.send(request.as_bytes());
            let mut buffer = [0; 65_535];
            while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") && text.contains(&branch) {
                    return Some(text);
                }
            }
            None
        })
    }
}

/// The status of a response.
pub(crate) fn status(response: &str) -> u16 {
    response.get(8..11).and_then(|s| s.parse().ok()).unwrap_or(0)
}
