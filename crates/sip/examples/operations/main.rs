//! What SIP costs, one operation at a time: `operations OP COUNT [--hold]`. `cargo xtask bench sip` runs it under
//! callgrind and by the clock, with two counts, so that what it costs to begin falls out; with `--hold` it keeps what it
//! made and waits for the end of its input, so that its memory can be read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A measuring program stops at a fault.

mod work;

use senim_sip::Message;
use std::hint::black_box;
use std::io::{Read, Write};
use work::{Phones, Two, invite, ok, registration};

/// Phones that register in turn, unless they are held.
const PHONES: u32 = 1_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let count: u32 = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let hold = args.iter().any(|arg| arg == "--hold");
    let read = Message::parse(&invite()).unwrap();
    let mut kept: Vec<Box<dyn core::any::Any>> = Vec::new();
    match args.first().map(String::as_str) {
        Some("parse-invite") => parse(&invite(), count),
        Some("parse-200") => parse(&ok(&read), count),
        Some("parse-register") => parse(registration(1, 1, 1, "").as_bytes(), count),
        Some("print-200") => (0..count).for_each(|_| drop(black_box(ok(black_box(&read))))),
        Some("call") => {
            let mut two = Two::new();
            (0..count).for_each(|_| two.call(hold));
            kept.push(Box::new(two));
        }
        Some("register") => {
            let mut phones = Phones::new(if hold { count } else { PHONES });
            (0..count).for_each(|_| phones.register());
            kept.push(Box::new(phones));
        }
        _ => {
            panic!("operations parse-invite|parse-200|parse-register|print-200|call|register COUNT [--hold]")
        }
    }
    if hold {
        println!("ready");
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    drop(kept);
}

fn parse(bytes: &[u8], count: u32) {
    for _ in 0..count {
        black_box(Message::parse(black_box(bytes)).unwrap());
    }
}
