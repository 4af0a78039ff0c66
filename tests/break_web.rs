//! HTTP from those who have no business there: refused in its own words, and the line does not notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, PATIENCE};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends bytes, reads until the end.
fn ask(house: &House, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect((house.line_ip(), 8111)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may hang up while we still write.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn get(house: &House, path: &str, token: Option<&str>) -> String {
    let token = token.map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
    ask(house, format!("GET {path} HTTP/1.1\r\nHost: x\r\n{token}Connection: close\r\n\r\n").as_bytes())
}

/// FEATURES S1 begun: without the token there are no calls to see, and a wrong one looks like none.
#[test]
fn the_api_is_closed_without_its_token() {
    let house = House::new();
    let _line = house.start();
    assert!(get(&house, "/healthz", None).starts_with("HTTP/1.1 200"));
    let open = get(&house, "/api/v1/calls", Some("house-token"));
    assert!(open.starts_with("HTTP/1.1 200"), "{open}");
    let bare =
        |answer: String| answer.lines().filter(|l| !l.starts_with("date:")).collect::<Vec<_>>().join("\n");
    let none = bare(get(&house, "/api/v1/calls", None));
    assert!(none.starts_with("HTTP/1.1 401"), "{none}");
    for wrong in ["house-tokem", "", "house-token2", "%00", "house"] {
        assert_eq!(bare(get(&house, "/api/v1/calls", Some(wrong))), none);
    }
    assert!(get(&house, "/api/v1/nothing", Some("house-token")).starts_with("HTTP/1.1 404"));
    for path in ["/../../../etc/passwd", "/api/v1/calls/..%2f..%2fmaster.key", "/api/v1/calls/call-0"] {
        let answer = get(&house, path, Some("house-token"));
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
}

#[test]
fn rubbish_over_http_is_borne() {
    let house = House::new();
    let mut line = house.start();
    let idle: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect((house.line_ip(), 8111)).unwrap()).collect();
    for rubbish in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let said = ask(&house, rubbish);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 505"),
            "{said}"
        );
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000));
    let said = ask(&house, long.as_bytes());
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    let post = "POST /api/v1/appeals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer house-token\r\nContent-Type: application/json\r\n\
                Content-Length: 9\r\nConnection: close\r\n\r\n{\"call\":[";
    let said = ask(&house, post.as_bytes());
    assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    assert!(get(&house, "/healthz", None).starts_with("HTTP/1.1 200"));
    drop(idle);
    assert!(line.runs());
    assert!(!line.log().contains("panicked"), "{}", line.log());
}

/// What proves a consultant's password does not leave by the event stream.
#[test]
fn the_event_stream_holds_no_secrets() {
    let house = House::new();
    let _line = house.start();
    let facts = get(&house, "/api/v1/facts?limit=1000", Some("house-token"));
    assert!(facts.contains("consultant_added"), "{facts}");
    let hashes = facts.split("ha1_").skip(1).filter(|part| !part.contains("\":\"\"")).count();
    assert_eq!(hashes, 0, "{facts}");
}
