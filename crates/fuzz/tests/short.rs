//! The short run of every test run: the grammar from a seed against every target, the torture messages and their broken
//! copies, and the same seed twice. `cargo xtask fuzz` is the long one.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use senim_audio::{Band, Coding, ENCODED_MAX, Encoder, Wishes};
use senim_base::Entropy;
use senim_fuzz::{Grammar, House, Studio, targets};
use std::path::Path;

fn survives(name: &str, target: targets::Target, bytes: &[u8]) {
    if let Err(broken) = target(bytes) {
        panic!("{name}: {broken}: {:?}", String::from_utf8_lossy(bytes));
    }
}

/// FEATURES S8.
#[test]
fn mutants_of_every_header_and_method_break_no_promise() {
    let mut grammar = Grammar::new(111);
    let mut house = House::new(111);
    for n in 0..20_000 {
        let bytes = grammar.message();
        survives("message", targets::message, &bytes);
        for outcome in
            [house.stranger(&bytes), house.trunk(&bytes), house.stream(&bytes), house.websocket(&bytes)]
        {
            assert_eq!(outcome, Ok(()), "{:?}", String::from_utf8_lossy(&bytes));
        }
        if n % 2_000 == 1_999 {
            assert_eq!(house.rest(), Ok(()));
        }
    }
}

/// FEATURES S8.
#[test]
fn mutants_of_uris_descriptions_digests_and_streams_break_no_promise() {
    let mut grammar = Grammar::new(112);
    for _ in 0..5_000 {
        survives("uri", targets::uri, &grammar.uri());
        survives("sdp", targets::sdp, &grammar.body());
        survives("digest", targets::digest, &grammar.digest());
    }
    for _ in 0..500 {
        survives("stream", targets::stream, &grammar.stream());
    }
}

/// FEATURES S8.
#[test]
fn mutants_of_openings_and_frames_of_websockets_break_no_promise() {
    let mut grammar = Grammar::new(114);
    for _ in 0..5_000 {
        survives("opening", targets::opening, &grammar.opening());
        survives("frames", targets::frames, &grammar.frames());
    }
}

/// FEATURES S8, THREATS «Packets that are no packets».
#[test]
fn mutants_of_packets_break_no_promise_and_no_talk() {
    let mut grammar = Grammar::new(115);
    let mut studio = Studio::new().unwrap();
    for n in 0..40_000 {
        let bytes = grammar.datagram();
        for (name, target) in
            [("rtp", targets::rtp as targets::Target), ("rtcp", targets::rtcp), ("demux", targets::demux)]
        {
            survives(name, target, &bytes);
        }
        survives("telephone_event", targets::telephone_event, &grammar.telephone_events());
        if n % 20 == 0 {
            survives("srtp", targets::srtp, &bytes);
            survives("call", targets::call, &bytes);
        }
        assert_eq!(studio.datagram(&bytes), Ok(()), "{bytes:?}");
    }
    assert_eq!(studio.rest(), Ok(()));
}

/// Packets of Opus as our encoder makes them, and what becomes of them by a few wrong bytes.
#[test]
fn mutants_of_payloads_break_no_decoder() {
    let mut encoder = Encoder::new(Coding::Opus, Band::Wide, Wishes { fec: true, dtx: false });
    let voice = senim_audio::music::on_hold();
    let mut packet = [0; ENCODED_MAX];
    let packets: Vec<Vec<u8>> = voice
        .chunks_exact(320)
        .take(400)
        .map(|frame| {
            let len = encoder.encode(frame, &mut packet);
            packet[..len].to_vec()
        })
        .collect();
    let mut entropy = Entropy::from_seed(116);
    let mut pick = |n: usize| entropy.u32() as usize % n.max(1);
    for _ in 0..2_000 {
        let mut bytes = packets[pick(packets.len())].clone();
        for _ in 0..pick(6) {
            let at = pick(bytes.len());
            bytes[at] = pick(256) as u8;
        }
        bytes.truncate(pick(8) * 64 + pick(64));
        bytes.insert(0, [255, 40, 3, pick(256) as u8][pick(4)]);
        survives("payload", targets::payload, &bytes);
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let run = |seed| {
        let (mut grammar, mut house) = (Grammar::new(seed), House::new(seed));
        for _ in 0..500 {
            let bytes = grammar.message();
            house.stranger(&bytes).unwrap();
            house.trunk(&bytes).unwrap();
        }
        house.said()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

/// Every torture message cut at each byte, and each of its bytes changed.
#[test]
fn torture_messages_cut_and_bitten_break_no_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/torture");
    let mut seen = 0;
    for folder in ["rfc4475", "rfc5118"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for at in 0..bytes.len() {
                survives("message", targets::message, &bytes[..at]);
                let mut bitten = bytes.clone();
                bitten[at] = [0, b'\r', b'"', 0xff][at % 4];
                survives("message", targets::message, &bitten);
            }
            survives("stream", targets::stream, &bytes);
            survives("websocket", targets::websocket, &bytes);
            survives("endpoint", targets::endpoint, &bytes);
            seen += 1;
        }
    }
    assert_eq!(seen, 61);
}

/// What cargo-fuzz begins with, and copies of it with a few bytes changed at random.
#[test]
fn seeds_of_the_fuzzers_and_their_broken_copies_break_no_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut entropy = Entropy::from_seed(113);
    let mut seen = 0;
    for (name, target) in targets::ALL.into_iter().filter(|(name, _)| root.join(name).is_dir()) {
        for file in std::fs::read_dir(root.join(name)).unwrap() {
            let seed = std::fs::read(file.unwrap().path()).unwrap();
            survives(name, target, &seed);
            for _ in 0..300 {
                let mut bytes = seed.clone();
                for _ in 0..=entropy.below(4) {
                    let at = entropy.below(u32::try_from(bytes.len()).unwrap()) as usize;
                    bytes[at] = entropy.below(256) as u8;
                }
                survives(name, target, &bytes);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 28);
}
