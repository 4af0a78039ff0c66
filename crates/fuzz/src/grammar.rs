//! SIP that goes wrong in the ways that have hurt others: a whole message of any method, and one to four of its elements
//! replaced by members of the classes below, doubled, left out, folded or parted wrongly. The same seed, the same bytes.

use senim_base::Entropy;

/// A fair opening of a WebSocket for SIP (RFC 7118 section 4.1).
const OPENING: [&str; 8] = [
    "GET / HTTP/1.1",
    "Host: sip.example.kz",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Origin: https://desk.example.kz",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: sip",
    "Sec-WebSocket-Version: 13",
];

const METHODS: [&str; 16] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
    "invite",
    "DANCE",
];

/// Every header that somebody here reads, and a fair value of it.
const HEADERS: [(&str, &str); 44] = [
    ("Route", "<sip:hop.example.kz;lr>"),
    ("Record-Route", "<sip:hop.example.kz;lr>, <sip:hop2.example.kz>"),
    ("Require", "timer"),
    ("Proxy-Require", "privacy"),
    ("Supported", "100rel, timer, replaces, path"),
    ("Unsupported", "x"),
    ("Allow", "INVITE, ACK"),
    ("Accept", "application/sdp"),
    ("Accept-Encoding", "identity"),
    ("Accept-Language", "kk, ru;q=0.5"),
    ("Content-Disposition", "session;handling=required"),
    ("Content-Encoding", "identity"),
    ("Content-Language", "kk"),
    ("MIME-Version", "1.0"),
    ("Expires", "600"),
    ("Min-Expires", "60"),
    ("Min-SE", "90"),
    ("Session-Expires", "1800;refresher=uac"),
    ("RSeq", "1"),
    ("RAck", "1 1 INVITE"),
    ("Event", "refer;id=1"),
    ("Subscription-State", "active;expires=60"),
    ("Refer-To", "<sip:c@h?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"),
    ("Referred-By", "<sip:a@h>"),
    ("Replaces", "a;to-tag=b;from-tag=c"),
    ("Join", "a;to-tag=b;from-tag=c"),
    ("P-Asserted-Identity", "\"A\" <sip:+77012345678@h>, <tel:+77012345678>"),
    ("P-Preferred-Identity", "<sip:a@h>"),
    ("Remote-Party-ID", "<sip:87012345678@h>;party=calling;privacy=full"),
    ("Privacy", "id;critical"),
    ("Diversion", "<sip:a@h>;reason=no-answer;counter=1"),
    ("History-Info", "<sip:a@h>;index=1, <sip:b@h>;index=1.1"),
    ("Path", "<sip:edge@h;lr>"),
    (
        "Authorization",
        "Digest username=\"watson\", realm=\"senim.example\", nonce=\"x\", uri=\"sip:h\", response=\"y\", qop=auth, nc=00000001, cnonce=\"z\"",
    ),
    ("Proxy-Authorization", "Digest username=\"a\""),
    ("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256"),
    ("Date", "Mon, 07 Jul 2025 09:30:00 GMT"),
    ("Timestamp", "54.5 0.2"),
    ("Retry-After", "10 (later);duration=60"),
    ("Warning", "399 h \"w\""),
    ("User-Agent", "phone/1.0 (x)"),
    ("Subject", "word"),
    ("Reason", "Q.850;cause=16;text=\"bye\""),
    ("X-Unknown", "value;a=b"),
];

const SDP: &str = "v=0\r\no=a 1 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
                   a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\nm=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

/// Members of the classes that need no making.
const ODD: [&str; 66] = [
    // Slashes, colons, separators.
    "/",
    "//",
    "\\",
    "\\\\",
    ":",
    "::",
    ";",
    ";;",
    ",",
    ",,",
    "=",
    "==",
    "@",
    "@@",
    "<",
    ">",
    "<>",
    "\"",
    "\"\"",
    "'",
    "?",
    "&",
    "[",
    "]",
    "(",
    ")",
    "*",
    " ",
    "\t",
    "",
    // Format strings.
    "%s%s%s%s%n",
    "%x%08x",
    "%",
    "%%",
    "%0",
    "%zz",
    "{}",
    "${jndi:x}",
    // Line breaks, plain and escaped.
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    "\r\n ",
    "%0d%0a",
    "%0D%0AVia: x",
    "a\r\nX-Smuggled: y",
    "\0",
    "%00",
    "\u{7f}",
    "\u{1b}[2J",
    // UTF-8, whole.
    "сенім",
    "қғүұһ",
    "\u{202e}abc",
    "\u{feff}",
    "👩‍👧",
    "\u{85}",
    // Addresses.
    "0.0.0.0",
    "255.255.255.255",
    "999.1.1.1",
    "127.1",
    "[::]",
    "[::1",
    "::1",
    "[2001:db8:::192.0.2.1]",
    "[fe80::1%25eth0]",
    "[::ffff:1.2.3.4]:99999",
];

const INTEGERS: [&str; 20] = [
    "0",
    "-0",
    "-1",
    "+1",
    "00000000000000000001",
    "255",
    "256",
    "300",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e9",
    "0x10",
    "99999999999999999999999999999999999999999999999999",
];

/// Where an element begins or ends.
const MARKS: &[u8] = b";,=:@<>\"/ ?\r";

/// A source of messages.
#[derive(Clone)]
pub struct Grammar {
    entropy: Entropy,
    n: u64,
}

impl core::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Grammar({} made)", self.n)
    }
}

impl Grammar {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Grammar {
        Grammar { entropy: Entropy::from_seed(seed), n: 0 }
    }

    /// Another message, mutated.
    pub fn message(&mut self) -> Vec<u8> {
        let mut lines = self.fair();
        let mut raw = Vec::new();
        let changes = 1 + self.below(4);
        let mut broken_end = None;
        for _ in 0..changes {
            let at = self.below(lines.len());
            match self.below(12) {
                0 => {
                    let copy = lines[at].clone();
                    lines.insert(at + 1, copy);
                }
                1 if lines.len() > 2 => drop(lines.remove(at)),
                2 => {
                    let other = self.below(lines.len());
                    lines.swap(at, other);
                }
                3 => lines[at] = self.folded(&lines[at].clone()),
                4 => broken_end = Some(at),
                5 => lines[at] = self.many(&lines[at].clone()),
                _ => lines[at] = self.mutated(&lines[at].clone()),
            }
        }
        let body = if self.one_in(2) { self.body() } else { Vec::new() };
        if !self.one_in(12) {
            let length = if self.one_in(10) {
                self.integer().into_bytes()
            } else {
                body.len().to_string().into_bytes()
            };
            lines.push([b"Content-Length: ", length.as_slice()].concat());
        }
        for (at, line) in lines.iter().enumerate() {
            raw.extend_from_slice(line);
            let broken: [&[u8]; 4] = [b"\n", b"\r", b"\r\r\n", b""];
            if broken_end == Some(at) {
                raw.extend_from_slice(self.pick::<&[u8]>(&broken));
            } else {
                raw.extend_from_slice(b"\r\n");
            }
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend(body);
        if self.one_in(40) {
            let cut = self.below(raw.len());
            raw.truncate(cut);
        }
        raw
    }

    /// Another description, mutated.
    pub fn body(&mut self) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = SDP.split_terminator("\r\n").map(|l| l.as_bytes().to_vec()).collect();
        for _ in 0..self.below(4) {
            let at = self.below(lines.len());
            match self.below(4) {
                0 => {
                    let copy = lines[at].clone();
                    lines.insert(at, copy);
                }
                1 if lines.len() > 2 => drop(lines.remove(at)),
                _ => lines[at] = self.mutated(&lines[at].clone()),
            }
        }
        lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect()
    }

    /// A URI, an address or a Via, mutated.
    pub fn uri(&mut self) -> Vec<u8> {
        let fair = self.pick(&[
            "sip:a@h",
            "sips:user;par=x:secret@example.kz:5061;transport=tcp;lr?Subject=x&Route=y",
            "tel:+7(701)234-56-78;phone-context=+7",
            "\"A \\\" b\" <sip:a%20b@[2001:db8::1]:5060;lr>;tag=x;q=0.5",
            "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;received=192.0.2.1;rport=1",
        ]);
        let fair = fair.as_bytes().to_vec();
        self.mutated(&fair)
    }

    /// The words of a Digest, mutated.
    pub fn digest(&mut self) -> Vec<u8> {
        let fair = self.pick(&HEADERS[33..36]).1.as_bytes().to_vec();
        self.mutated(&fair)
    }

    /// Some messages behind each other, with keep-alives and rubbish between.
    pub fn stream(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..1 + self.below(4) {
            out.extend(self.message());
            let between = *self.pick(&[&b""[..], b"\r\n", b"\r\n\r\n", b"\0"]);
            out.extend_from_slice(between);
        }
        out
    }

    /// A request that opens a WebSocket, gone wrong in a line or two.
    pub fn opening(&mut self) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = OPENING.iter().map(|line| line.as_bytes().to_vec()).collect();
        for _ in 0..self.below(3) {
            let at = self.below(lines.len());
            match self.below(4) {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines[at] = self.many(&lines[at].clone()),
                _ => lines[at] = self.mutated(&lines[at].clone()),
            }
        }
        let mut out = lines.join(&b"\r\n"[..]);
        out.extend_from_slice(if self.one_in(8) { b"\r\n" } else { b"\r\n\r\n" });
        out
    }

    /// Some WebSocket frames behind each other (RFC 6455 section 5.2): messages whole and in parts, pings, goodbyes,
    /// lengths that lie, reserved bits and codes.
    pub fn frames(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..1 + self.below(5) {
            let payload = match self.below(4) {
                0 => Vec::new(),
                1 => self.message().into_iter().take(125).collect(),
                _ => self.message(),
            };
            let code = *self.pick(&[1u8, 1, 1, 2, 0, 8, 9, 10, 3, 11]);
            let end = if self.one_in(4) { 0 } else { 0x80 };
            let reserved = if self.one_in(16) { 0x40 } else { 0 };
            out.push(code | end | reserved);
            let mask = if self.one_in(12) { 0 } else { 0x80 };
            let said = if self.one_in(12) { payload.len() * 3 + 1 } else { payload.len() };
            match said {
                0..=125 => out.push(mask | said as u8),
                126..=0xffff => {
                    out.push(mask | 126);
                    out.extend_from_slice(&(said as u16).to_be_bytes());
                }
                _ => {
                    out.push(mask | 127);
                    out.extend_from_slice(&(said as u64).to_be_bytes());
                }
            }
            let key = [self.below(256) as u8, 7, 0, 0xa5];
            if mask != 0 {
                out.extend_from_slice(&key);
            }
            let masked = |(n, byte): (usize, u8)| if mask == 0 { byte } else { byte ^ key[n % 4] };
            out.extend(payload.into_iter().enumerate().map(masked));
        }
        out
    }

    /// A datagram at a port of sound: RTP, a report, a telephone event, a connectivity check, a handshake, or hardly
    /// any of them.
    pub fn datagram(&mut self) -> Vec<u8> {
        let mut out = match self.below(8) {
            0 => self.report(),
            1 => vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
            2 => vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40],
            3 => self.noise(64),
            _ => self.packet(),
        };
        if self.one_in(3) && !out.is_empty() {
            for _ in 0..=self.below(3) {
                let at = self.below(out.len());
                out[at] = *self.pick(&[0, 1, 3, 0x3f, 0x7f, 0x80, 0xbf, 0xc0, 0xc8, 0xff]);
            }
        }
        if self.one_in(4) {
            out.truncate(self.below(out.len() + 1));
        }
        if self.one_in(8) {
            let more = self.noise(40);
            out.extend(more);
        }
        out
    }

    /// Telephone events with timestamps, as the target of that name takes them.
    pub fn telephone_events(&mut self) -> Vec<u8> {
        let mut stamp = *self.pick(&[0u32, 0xffff_ff00, 0x8000_0000, 7]);
        let mut out = Vec::new();
        for _ in 0..self.below(12) {
            if self.one_in(2) {
                stamp = stamp.wrapping_add(*self.pick(&[160, 65_535, 80_000, 0x8000_0000, u32::MAX]));
            }
            out.extend_from_slice(&stamp.to_be_bytes());
            let code = *self.pick(&[0u8, 5, 11, 15, 16, 255]);
            let flags = *self.pick(&[0u8, 10, 0x80, 0x8a, 0x40, 0xff]);
            let length = *self.pick(&[0u16, 160, 800, u16::MAX]);
            out.extend_from_slice(&[code, flags]);
            out.extend_from_slice(&length.to_be_bytes());
        }
        out
    }

    fn packet(&mut self) -> Vec<u8> {
        let (first, kind) = (
            *self.pick(&[0x80u8, 0x80, 0x80, 0x90, 0xa0, 0x81, 0xbf]),
            *self.pick(&[8u8, 0x88, 0, 101, 13, 96]),
        );
        let mut out = vec![first, kind];
        let seq = *self.pick(&[0u16, 1, 2, 3, 100, 3_000, 0x7fff, 0x8000, 0xffff]);
        out.extend_from_slice(&seq.to_be_bytes());
        for ticks in [&[0u32, 160, 320, 0x7fff_ffff, u32::MAX][..], &[0x1001, 0x1002, 5]] {
            let four = *self.pick(ticks);
            out.extend_from_slice(&four.to_be_bytes());
        }
        let len = *self.pick(&[0usize, 4, 80, 160, 170, 240, 480, 1_500]);
        let sound = self.noise(len);
        out.extend(sound);
        out
    }

    fn report(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..1 + self.below(4) {
            let (count, kind) = (self.below(4) as u8, *self.pick(&[200u8, 201, 202, 203, 204, 207]));
            let words = *self.pick(&[0u16, 1, 5, 6, 7, 12, 0xffff]);
            out.extend_from_slice(&[0x80 | count, kind]);
            out.extend_from_slice(&words.to_be_bytes());
            let body = self.noise(usize::from(words % 32) * 4);
            out.extend(body);
        }
        out
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// A message as it should be, line by line.
    fn fair(&mut self) -> Vec<Vec<u8>> {
        self.n += 1;
        let n = self.n;
        let method = *self.pick(&METHODS);
        let first = if self.one_in(8) {
            format!("SIP/2.0 {} Reason", self.pick(&[100, 180, 200, 302, 401, 486, 503, 699]))
        } else {
            format!(
                "{method} {} SIP/2.0",
                self.pick(&["sip:111@helpline.example.kz", "sip:senim.example", "tel:111"])
            )
        };
        let (from, to) = if self.one_in(3) { (";tag=f", ";tag=t") } else { (";tag=f", "") };
        let mut lines = vec![
            first,
            format!("Via: SIP/2.0/UDP 198.51.100.66:5060;branch=z9hG4bK{n};rport"),
            "Max-Forwards: 70".to_owned(),
            format!("From: \"A\" <sip:+77012345678@h>{from}"),
            format!("To: <sip:111@helpline.example.kz>{to}"),
            format!("Call-ID: c{n}@h"),
            format!("CSeq: {n} {method}"),
            "Contact: <sip:a@198.51.100.66:5060;transport=udp>;expires=600;q=0.7".to_owned(),
            "Content-Type: application/sdp".to_owned(),
        ];
        for _ in 0..self.below(5) {
            let (name, value) = *self.pick(&HEADERS);
            lines.push(format!("{name}: {value}"));
        }
        lines.into_iter().map(String::into_bytes).collect()
    }

    /// The line with one element of it replaced, put before, put behind or left out.
    fn mutated(&mut self, line: &[u8]) -> Vec<u8> {
        let marks: Vec<usize> = (0..line.len()).filter(|at| MARKS.contains(&line[*at])).collect();
        let (from, to) = match (marks.len(), self.below(4)) {
            (0, _) => (0, line.len()),
            (_, 0) => (self.below(line.len()), line.len()),
            (n, _) => {
                let mark = self.below(n);
                (marks[mark] + 1, marks.get(mark + 1).copied().unwrap_or(line.len()))
            }
        };
        let (head, rest) = line.split_at(from);
        let (element, tail) = rest.split_at(to.saturating_sub(from).min(rest.len()));
        let odd = self.element();
        match self.below(5) {
            0 => [head, &odd, element, tail].concat(),
            1 => [head, element, &odd, tail].concat(),
            2 => [head, element, element, tail].concat(),
            3 if self.one_in(4) => [head, tail].concat(),
            _ => [head, &odd, tail].concat(),
        }
    }

    /// A member of one of the classes.
    fn element(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.overflow(),
            1 | 2 => self.integer().into_bytes(),
            3 => self.wrong_utf8(),
            4 => {
                let (a, b) = (*self.pick(&ODD), *self.pick(&ODD));
                format!("{a}{b}").into_bytes()
            }
            _ => self.pick(&ODD).as_bytes().to_vec(),
        }
    }

    fn integer(&mut self) -> String {
        (*self.pick(&INTEGERS)).to_owned()
    }

    fn overflow(&mut self) -> Vec<u8> {
        let length = *self.pick(&[64, 255, 256, 257, 1_024, 4_096, 16_384]);
        let unit = *self.pick(&[
            &b"A"[..],
            b"%41",
            b";a",
            b",",
            b"a=b;",
            b"<",
            b"\"",
            b"\\",
            b"\xff",
            b" ",
            b"9",
            b"@",
        ]);
        unit.repeat(length / unit.len())
    }

    fn wrong_utf8(&mut self) -> Vec<u8> {
        self.pick(&[
            &b"\xff"[..],
            b"\xc3\x28",
            b"\xe2\x82",
            b"\xf8\x88\x80\x80\x80",
            b"\xc0\x80",
            b"\xed\xa0\x80",
        ])
        .to_vec()
    }

    /// The line with a fold where a white space was, or at its colon.
    fn folded(&mut self, line: &[u8]) -> Vec<u8> {
        let fold = *self.pick(&[&b"\r\n "[..], b"\r\n\t", b" \r\n  ", b"\n ", b"\r\n"]);
        let at = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        [&line[..at], fold, &line[at..]].concat()
    }

    /// The line's value as a long list.
    fn many(&mut self, line: &[u8]) -> Vec<u8> {
        let colon = line.iter().position(|b| *b == b':').map_or(0, |at| at + 1);
        let (name, value) = line.split_at(colon);
        let separator = *self.pick(&[&b","[..], b";", b" ", b", "]);
        let times = *self.pick(&[2, 65, 300]);
        [name, &vec![value; times].join(separator)].concat()
    }

    fn below(&mut self, n: usize) -> usize {
        self.entropy.below(u32::try_from(n).unwrap_or(u32::MAX)) as usize
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.entropy.one_in(n)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
