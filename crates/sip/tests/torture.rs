//! RFC 4475: what the reader says to each of the torture messages, under their names there. The texts are ours,
//! each with the oddity its section describes. Whether a read message is then served is the endpoint's to say.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use senim_sip::{Contacts, Malformed, Message, NameAddr, Via};

/// What the reader says.
#[derive(Debug, PartialEq)]
enum Says {
    Take,
    Answer(u16),
    Drop,
}

use Says::{Answer, Drop, Take};

fn says(text: &str) -> Says {
    says_bytes(text.as_bytes())
}

fn says_bytes(bytes: &[u8]) -> Says {
    match Message::parse(bytes) {
        Ok(_) => Take,
        Err(fault) => fault.status().map_or(Drop, Answer),
    }
}

/// Lines joined by CRLF, the empty one and the body added.
fn wire(lines: &[&str], body: &str) -> String {
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// A request that is right but for what `change` makes of it: lines named in `change` replace or join ours.
fn request(first: &str, cseq: &str, change: &[&str]) -> String {
    let name = |line: &str| line.split(':').next().unwrap().trim().to_ascii_lowercase();
    let usual = [
        "Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bK293423",
        "To: <sip:user@example.com>",
        "From: <sip:caller@example.net>;tag=39291",
        "Call-ID: torture.1@host1.example.com",
        "Max-Forwards: 70",
        "Contact: <sip:caller@host1.example.net>",
    ];
    let mut lines = vec![first.to_owned()];
    lines.extend(usual.into_iter().filter(|u| !change.iter().any(|c| name(c) == name(u))).map(str::to_owned));
    lines.push(format!("CSeq: {cseq}"));
    lines.extend(change.iter().map(|c| (*c).to_owned()));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    wire(&lines, "")
}

const INVITE: &str = "INVITE sip:user@example.com SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:user@example.com SIP/2.0";
const REGISTER: &str = "REGISTER sip:example.com SIP/2.0";

#[test]
fn wsinv_is_read_through_all_its_white_space() {
    let text = wire(
        &[
            "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
            "TO :",
            " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
            "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>",
            "  ;",
            "  tag = 98asjd8",
            "MaX-fOrWaRdS: 0068",
            "Call-ID: wsinv.ndaksdj@192.0.2.1",
            "Content-Length   : 0",
            "cseq: 0009",
            "  INVITE",
            "Via  : SIP  /   2.0",
            " /UDP",
            "    192.0.2.2;branch=390skdjuw",
            "s :",
            "NewFangledHeader:   newfangled value",
            " continued newfangled value",
            "UnknownHeaderWithUnusualValue: ;;,,;;,;",
            "Content-Type: application/sdp",
            "Route:",
            " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
            "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
            "  branch  =   z9hG4bK9ikj8  ,",
            " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
            " z9hG4bK30239",
            "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =",
            "      newvalue ;",
            "  secondparam ; q = 0.33",
        ],
        "",
    );
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(m.cseq().unwrap().0, 9);
    assert_eq!(m.max_forwards(), Some(68));
    assert_eq!(m.from().unwrap().display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(m.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(m.header("Subject"), Some(""));
    let vias: Vec<Via> = m.values("Via").into_iter().map(|v| v.parse().unwrap()).collect();
    let branches: Vec<_> = vias.iter().map(|v| v.branch.as_deref().unwrap()).collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(m.contact().unwrap().first().unwrap().param("q"), Some(Some("0.33")));
    assert!(m.header("newfangledheader").unwrap().ends_with("continued newfangled value"));
}

#[test]
fn intmeth_reads_with_every_letter_a_token_may_have() {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    let uri = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    let text = request(
        &format!("{method} {uri} SIP/2.0"),
        &format!("139122385 {method}"),
        &[
            &format!("To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <{uri}>"),
            "From: token1~` token2'+_ token3*%!.- <sip:a@example.net>;tag=x",
        ],
    );
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(m.method().unwrap().as_str(), method);
    let display = m.to().unwrap().display.unwrap();
    assert!(display.starts_with("BEL:") && !display.contains(char::is_control));
}

#[test]
fn the_other_valid_messages_are_taken() {
    let esc01 = request(
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        "149209342 INVITE",
        &["To: sip:%75se%72@example.com", "From: <sip:I%20have%20spaces@example.net>;tag=938"],
    );
    let m = Message::parse(esc01.as_bytes()).unwrap();
    assert_eq!(m.request_uri().unwrap().user.as_deref(), Some("sips:user@example.com"));
    assert_eq!(m.to().unwrap().uri.user.as_deref(), Some("user"));

    let escnull = request(
        REGISTER,
        "14398234 REGISTER",
        &[
            "To: sip:null-%00-null@example.com",
            "Contact: <sip:%00@host5.example.com>",
            "Contact: <sip:%00%00@host5.example.com>",
        ],
    );
    let m = Message::parse(escnull.as_bytes()).unwrap();
    let Contacts::List(contacts) = m.contact().unwrap() else { panic!() };
    assert!(!contacts[0].uri.same_as(&contacts[1].uri));
    assert_eq!(contacts[1].uri.user.as_deref(), Some("\0\0"));

    let esc02 = request(
        "RE%47IST%45R sip:registrar.example.com SIP/2.0",
        "29344 RE%47IST%45R",
        &[
            "To: \"%Z%45\" <sip:resource@example.com>",
            "Contact: <sip:alias1@host1.example.com>, <sip:alias%32@host2.example.com>",
        ],
    );
    let m = Message::parse(esc02.as_bytes()).unwrap();
    assert_ne!(m.method().unwrap().as_str(), "REGISTER");
    assert_eq!(m.to().unwrap().display.as_deref(), Some("%Z%45"));

    let lwsdisp = request(OPTIONS, "60 OPTIONS", &["From: caller<sip:caller@example.com>;tag=323"]);
    let long = "a".repeat(2_000);
    let longreq = request(
        &format!("INVITE sip:{long}@example.com;{long}={long} SIP/2.0"),
        "3882340 INVITE",
        &[
            &format!("To: \"{long}\" <sip:{long}@example.com>"),
            &format!("From: sip:{long}@example.net;tag={long}"),
            &format!("Call-ID: {long}@{long}"),
            &format!("Via: {}", ["SIP/2.0/TCP sip33.example.com"; 33].join(", ")),
        ],
    );
    let semiuri = request("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", "8 OPTIONS", &[]);
    let m = Message::parse(semiuri.as_bytes()).unwrap();
    assert_eq!(m.request_uri().unwrap().user.as_deref(), Some("user;par=u@example.net"));
    let transports = request(
        OPTIONS,
        "60 OPTIONS",
        &[
            "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw, SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
            "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj, SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
        ],
    );
    let unreason = "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n\
        Call-ID: unreason.1234ksdfak3j2erwedfsASdf\r\nCSeq: 35 INVITE\r\nFrom: sip:user@example.com;tag=11141343\r\nTo: sip:user@example.edu;tag=2229\r\n\r\n";
    let noreason = unreason.replace("= 2**3 * 5**2 но сто девяносто девять - простое", "");
    assert!(noreason.starts_with("SIP/2.0 200 \r\n"));
    for (name, text) in [
        ("lwsdisp", lwsdisp.as_str()),
        ("longreq", &longreq),
        ("transports", &transports),
        ("unreason", unreason),
        ("noreason", &noreason),
    ] {
        assert_eq!(says(text), Take, "{name}");
    }
}

#[test]
fn dblreq_is_its_first_message_and_the_rest_is_left() {
    let text = format!(
        "{}{}",
        request(REGISTER, "8 REGISTER", &["Content-Length: 0"]),
        request(INVITE, "8 INVITE", &[])
    );
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!((m.method().unwrap().as_str(), m.body()), ("REGISTER", &b""[..]));
}

#[test]
fn mpart01_keeps_a_binary_body_byte_by_byte() {
    let body: Vec<u8> = (0..=255).chain([b'\r', b'\n', b'\r', b'\n', 0]).collect();
    let head = request(
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        "1 MESSAGE",
        &["Content-Type: multipart/mixed;boundary=7a9cbec02ceef655", &format!("l: {}", body.len())],
    );
    let bytes = [head.as_bytes(), &body, b"beyond"].concat();
    assert_eq!(Message::parse(&bytes).unwrap().body(), body);
}

#[test]
fn the_invalid_messages_are_answered_or_dropped() {
    let i = |change: &[&str]| request(INVITE, "8 INVITE", change);
    let r = |change: &[&str]| request(REGISTER, "8 REGISTER", change);
    let response = |status: &str, cseq: &str| {
        format!(
            "SIP/2.0 {status} Great\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: {cseq} INVITE\r\n\
             From: <sip:user@example.com>;tag=1\r\nTo: sip:user@example.edu;tag=2\r\n\r\n"
        )
    };
    let twice = "Contact: <sip:c@h>\r\nCall-ID: second@h";
    for (name, expected, text) in [
        ("badinv01", Answer(400), i(&["Contact: \"Joe\" <sip:joe@example.org>;;;;"])),
        ("badinv01 via", Answer(400), i(&["Via: SIP/2.0/UDP 192.0.2.15;;,;,,"])),
        ("clerr", Answer(400), i(&["Content-Length: 9999"])),
        ("ncl", Answer(400), i(&["Content-Length: -999"])),
        (
            "scalar02",
            Answer(400),
            request(REGISTER, "36893488147419103232 REGISTER", &["Expires: 10000000000000000"]),
        ),
        ("scalar02 hops", Answer(400), r(&["Max-Forwards: 300"])),
        ("scalarlg", Drop, response("503", "9292394834772304023312")),
        ("quotbal", Answer(400), i(&["To: \"Mr. J. User <sip:j.user@example.com>"])),
        ("ltgtruri", Answer(400), request("INVITE <sip:user@example.com> SIP/2.0", "8 INVITE", &[])),
        ("lwsruri", Answer(400), request("INVITE sip:user@example.com; lr SIP/2.0", "8 INVITE", &[])),
        ("lwsstart", Answer(400), request("INVITE  sip:user@example.com  SIP/2.0", "8 INVITE", &[])),
        ("trws", Answer(400), request("OPTIONS sip:remote@example.com SIP/2.0  ", "8 OPTIONS", &[])),
        (
            "escruri",
            Answer(400),
            request("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", "8 INVITE", &[]),
        ),
        // Nobody here reads Date, and the other two mean only one thing: taken.
        ("baddate", Take, i(&["Date: Fri, 01 Jan 2010 16:00:00 EST"])),
        ("regbadct", Answer(400), r(&["Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"])),
        (
            "badaspec",
            Take,
            request(OPTIONS, "8 OPTIONS", &["To: \"Watson, Thomas\" < sip:t.watson@example.org >"]),
        ),
        (
            "baddn",
            Take,
            request(OPTIONS, "8 OPTIONS", &["From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"]),
        ),
        ("badvers", Answer(505), request("OPTIONS sip:t.watson@example.org SIP/7.0", "8 OPTIONS", &[])),
        ("mismatch01", Answer(400), request(OPTIONS, "8 INVITE", &[])),
        ("mismatch02", Answer(501), request("NEWMETHOD sip:user@example.com SIP/2.0", "8 INVITE", &[])),
        ("bigcode", Drop, response("4294967301", "8")),
        ("badbranch", Take, request(OPTIONS, "8 OPTIONS", &["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"])),
        (
            "insuf",
            Answer(400),
            wire(&[INVITE, "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKk", "CSeq: 193942 INVITE"], ""),
        ),
        (
            "unkscm",
            Answer(416),
            request("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", "8 OPTIONS", &[]),
        ),
        ("novelsc", Answer(416), request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "8 OPTIONS", &[])),
        (
            "unksm2",
            Take,
            r(&["To: isbn:2983792873", "From: <http://www.example.com>;tag=3", "Contact: <name:John_Smith>"]),
        ),
        (
            "bext01",
            Take,
            request(OPTIONS, "8 OPTIONS", &["Require: nothingSupportsThis", "Proxy-Require: norDoesThis"]),
        ),
        ("invut", Take, i(&["Content-Type: application/unknownformat"])),
        ("regaut01", Take, r(&["Authorization: NoOneKnowsThisScheme opaque-data=here"])),
        ("multi01", Answer(400), i(&[twice, "Call-ID: first@h"])),
        ("mcl01", Answer(400), request(OPTIONS, "8 OPTIONS", &["Content-Length: 0", "Content-Length: 5"])),
        ("bcast", Take, response("200", "8").replace("192.0.2.198", "255.255.255.255")),
        ("zeromf", Take, request(OPTIONS, "8 OPTIONS", &["Max-Forwards: 0"])),
        ("cparam01", Take, r(&["Contact: sip:+19725552222@gw1.example.net;unknownparam"])),
        ("cparam02", Take, r(&["Contact: <sip:+19725552222@gw1.example.net;unknownparam>"])),
        ("regescrt", Take, r(&["Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"])),
        ("sdp01", Take, i(&["Accept: text/nobodyKnowsThis"])),
        (
            "inv2543",
            Take,
            wire(
                &[
                    "INVITE sip:UserB@example.com SIP/2.0",
                    "Via: SIP/2.0/UDP iftgw.example.com",
                    "From: <sip:+13035551111@ift.example.net;user=phone>",
                    "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>",
                    "To: sip:+16505552222@ss1.example.net;user=phone",
                    "Call-ID: inv2543.1717@ift.client.example.com",
                    "CSeq: 56 INVITE",
                ],
                "",
            ),
        ),
    ] {
        assert_eq!(says(&text), expected, "{name}");
    }
}

#[test]
fn ipv6_is_read_with_and_without_its_brackets_where_rfc_5118_wants() {
    assert_eq!(
        says(&request(
            "REGISTER sip:[2001:db8::10] SIP/2.0",
            "8 REGISTER",
            &["Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3"]
        )),
        Take
    );
    assert_eq!(says(&request("REGISTER sip:2001:db8::10 SIP/2.0", "8 REGISTER", &[])), Answer(400));
    assert_eq!(
        says(&request(
            OPTIONS,
            "8 OPTIONS",
            &["Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1"]
        )),
        Take
    );
    assert_eq!(
        says(&request(
            OPTIONS,
            "8 OPTIONS",
            &["Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1"]
        )),
        Take
    );
    let mapped = request(INVITE, "8 INVITE", &["Contact: \"Caller\" <sip:caller@[::ffff:192.0.2.2]:5070>"]);
    let m = Message::parse(mapped.as_bytes()).unwrap();
    assert_eq!(m.contact().unwrap().first().unwrap().uri.port, Some(5070));
}

/// Header smuggling: no byte that another reader could take for a line break passes.
#[test]
fn a_bare_line_break_never_hides_a_header() {
    for sneak in [
        "Subject: a\rVia: x",
        "Subject: a\nVia: x",
        "Subject: a\\\nVia: x",
        "Subject: a\0b",
        "Sub ject: a",
        ": a",
        "Subject",
    ] {
        assert_eq!(says(&request(INVITE, "8 INVITE", &[sneak])), Answer(400), "{sneak:?}");
    }
    assert_eq!(says(&request(INVITE, "8 INVITE", &[]).replace("\r\n", "\n")), Drop);
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    assert_eq!(says("\r\n\r\n"), Drop);
    assert_eq!(says("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Drop);
    assert_eq!(says(&request("ACK sip:user@example.com SIP/2.0", "8 ACK", &["Content-Length: -1"])), Drop);
    assert_eq!(says(&request(INVITE, "8 INVITE", &["Via:"])), Drop);
}

#[test]
fn ceilings_hold_on_both_sides() {
    let lines = |n: usize| {
        let many: Vec<String> = (0..n).map(|i| format!("X-{i}: y")).collect();
        request(INVITE, "8 INVITE", &many.iter().map(String::as_str).collect::<Vec<_>>())
    };
    // Seven lines are the request's own.
    assert_eq!(says(&lines(senim_sip::message::HEADERS_MAX - 7)), Take);
    assert_eq!(says(&lines(senim_sip::message::HEADERS_MAX - 6)), Answer(513));
    let head = request(INVITE, "8 INVITE", &[]);
    let sized = |n: usize| format!("{head}{}", "x".repeat(n - head.len()));
    assert_eq!(says(&sized(senim_sip::message::MESSAGE_MAX)), Take);
    let fault = Message::parse(sized(senim_sip::message::MESSAGE_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.status()), (Malformed::TooLarge, None));
}

#[test]
fn latin_letters_of_an_old_exchange_do_not_cost_the_call() {
    let mut bytes = request(INVITE, "8 INVITE", &["From: \"XX\" <sip:1@h>;tag=1"]).into_bytes();
    let at = bytes.windows(2).position(|w| w == b"XX").unwrap();
    bytes[at] = 0xc0;
    assert_eq!(says_bytes(&bytes), Take);
}

#[test]
fn a_message_prints_nobody() {
    let text = request(INVITE, "8 INVITE", &["From: \"Secret\" <sip:+77012345678@h>;tag=1"]);
    let m = Message::parse(text.as_bytes()).unwrap();
    let shown = format!("{m:?} {:?} {:?} {:?}", m.start(), m.from().unwrap(), m.top_via().unwrap());
    assert!(!shown.contains("Secret") && !shown.contains("7701") && !shown.contains("host1"), "{shown}");
    let addr: NameAddr = m.from().unwrap();
    assert_eq!(addr.tag(), Some("1"));
}
