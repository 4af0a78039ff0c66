//! What SIP costs, one operation at a time, by the clock: `cargo bench -p senim-sip`. `cargo xtask bench sip` counts the
//! instructions of the same operations.
#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros make what cannot be documented

#[path = "../examples/operations/work.rs"]
mod work;

use criterion::{Criterion, criterion_group, criterion_main};
use senim_sip::Message;
use std::hint::black_box;
use work::{Phones, Two, invite, ok, registration};

fn operations(c: &mut Criterion) {
    let (asked, registered) = (invite(), registration(1, 1, 1, ""));
    let read = Message::parse(&asked).unwrap();
    let answered = ok(&read);
    c.bench_function("read an INVITE", |b| b.iter(|| Message::parse(black_box(&asked))));
    c.bench_function("read a REGISTER", |b| b.iter(|| Message::parse(black_box(registered.as_bytes()))));
    c.bench_function("read a 200", |b| b.iter(|| Message::parse(black_box(&answered))));
    c.bench_function("make a 200", |b| b.iter(|| ok(black_box(&read))));
    let mut two = Two::new();
    c.bench_function("INVITE, 200, ACK, BYE, 200: both ends", |b| b.iter(|| two.call(false)));
    let mut phones = Phones::new(1_000);
    c.bench_function("REGISTER, 401, REGISTER, 200", |b| b.iter(|| phones.register()));
}

criterion_group!(benches, operations);
criterion_main!(benches);
