//! Words that have no place below the edges: clocks, sockets, files, threads, chance, hash order.

use super::Sin;
use super::source::{line_of, uses, without_unit_tests};

/// Words for all of a room's code, with what to do instead.
const BANNED: [(&str, &str); 15] = [
    ("tokio", "only edges wait"),
    ("std::fs", "files belong to store"),
    ("std::env", "the environment belongs to senim"),
    ("std::thread", "threads belong to the edges"),
    ("thread::spawn", "threads belong to the edges"),
    ("thread::sleep", "give back a deadline"),
    ("rand::", "draw from senim_base::Entropy"),
    ("getrandom", "draw from senim_base::Entropy"),
    ("Instant::now", "take `now` as the last argument"),
    ("SystemTime", "take a senim_base::WallTime"),
    ("HashMap", "write BTreeMap: the order must repeat"),
    ("HashSet", "write BTreeSet: the order must repeat"),
    ("UdpSocket", "sockets belong to net"),
    ("TcpStream", "sockets belong to net"),
    ("TcpListener", "sockets belong to net"),
];

/// What tests of a room must not have either: their time is virtual.
const BANNED_IN_TESTS: [&str; 3] = ["thread::sleep", "Instant::now", "SystemTime"];

/// Of `std::net` only addresses are words of a room.
const ADDRESSES: [&str; 7] =
    ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6", "AddrParseError"];

/// Sins of a file below the edges, given its code view.
pub(super) fn check(file: &str, code: &str, is_test: bool) -> Vec<Sin> {
    let room = if is_test { String::new() } else { without_unit_tests(code) };
    let mut sins = Vec::new();
    for (word, instead) in BANNED {
        let code = if is_test || BANNED_IN_TESTS.contains(&word) { code } else { &room };
        if is_test && !BANNED_IN_TESTS.contains(&word) {
            continue;
        }
        let mut lines: Vec<usize> = occurrences(code, word).map(|at| line_of(code, at)).collect();
        lines.extend(uses(code).into_iter().filter(|(_, path)| is_within(path, word)).map(|(line, _)| line));
        lines.sort_unstable();
        lines.dedup();
        let word = word.trim_end_matches("::");
        sins.extend(lines.into_iter().map(|line| Sin {
            file: file.into(),
            line,
            what: format!("`{word}` has no place below the edges: {instead}"),
        }));
    }
    sins.extend(sockets(file, &room));
    sins
}

/// Places where `word` stands as a whole word or path.
fn occurrences<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(joins) && (word.ends_with("::") || !after.is_some_and(joins))
    })
}

/// Whether an expanded `use` path is `word` or below it.
fn is_within(path: &str, word: &str) -> bool {
    let word = word.trim_end_matches("::");
    path.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Anything of `std::net` but addresses, in `use` trees and in paths.
fn sockets(file: &str, code: &str) -> Vec<Sin> {
    let mut found = Vec::new();
    for net in ["std::net::", "core::net::"] {
        for (line, path) in uses(code) {
            if let Some(name) = path.strip_prefix(net) {
                found.push((line, name.to_owned()));
            }
        }
        for at in occurrences(code, net) {
            let rest = &code[at + net.len()..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push((line_of(code, at), name));
            }
        }
    }
    found.retain(|(_, name)| name.split("::").next().is_some_and(|first| !ADDRESSES.contains(&first)));
    found.sort();
    found.dedup();
    let sin = |(line, name)| Sin {
        file: file.into(),
        line,
        what: format!("`std::net::{name}` has no place below the edges: only addresses do"),
    };
    found.into_iter().map(sin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::views;

    fn sins(source: &str, is_test: bool) -> usize {
        check("x.rs", &views(source).code, is_test).len()
    }

    #[test]
    fn each_banned_word_bites_in_a_path_and_in_a_use() {
        for source in [
            "async fn f() { tokio::spawn(x) }",
            "use tokio::sync::mpsc;",
            "fn f() { std::fs::read(p); }",
            "use std::{fmt, fs};",
            "use std::{fmt, fs::{self, File}};",
            "fn f() { std::env::var(x); }",
            "use std::env;",
            "use std::thread;",
            "fn f() { thread::spawn(g); }",
            "fn f() { rand::random() }",
            "use rand;",
            "fn f() { getrandom::fill(b) }",
            "fn f() { let t = Instant::now(); }",
            "fn f() { SystemTime::UNIX_EPOCH }",
            "use std::collections::{BTreeMap, HashMap};",
            "fn f(x: HashSet<u8>) {}",
            "fn f() { thread::sleep(d) }",
            "use std::net::ToSocketAddrs;",
            "use std::{net::{IpAddr, Shutdown}};",
            "fn f() { std::net::lookup_host(x) }",
            "use std::net::*;",
        ] {
            assert!(sins(source, false) >= 1, "{source}");
        }
        assert!(sins("use std::net::UdpSocket;", false) >= 1);
    }

    #[test]
    fn harmless_look_alikes_pass() {
        for source in [
            "use std::net::{IpAddr, SocketAddr};",
            "fn f() -> std::net::Ipv4Addr { core::net::Ipv6Addr::LOCALHOST }",
            "fn f() { let operand = brand::new(); let environment = 1; }",
            "// HashMap, tokio and Instant::now() are absent here\nfn f() {}",
            "const WHY: &str = \"std::fs is absent\";",
            "#[cfg(test)]\nmod tests { use std::collections::HashMap; use std::fs; }",
            "fn nap(thread: Thread) {}",
        ] {
            assert_eq!(sins(source, false), 0, "{source}");
        }
    }

    #[test]
    fn tests_of_a_room_may_read_files_but_own_their_time() {
        assert_eq!(sins("fn t() { std::fs::read(p); }", true), 0);
        for source in
            ["fn t() { std::thread::sleep(d) }", "fn t() { Instant::now() }", "use std::time::SystemTime;"]
        {
            assert!(sins(source, true) >= 1, "{source}");
            assert!(sins(&format!("#[cfg(test)]\nmod tests {{ {source} }}"), false) >= 1, "{source}");
        }
    }
}
