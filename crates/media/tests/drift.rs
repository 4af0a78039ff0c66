//! Clocks that differ, and clocks that jump: a voice goes on, without growing delay and without gaps that are heard.
#![allow(clippy::unwrap_used)]

mod world;

use core::time::Duration;
use senim_audio::listen;
use senim_base::LegId;
use senim_media::{Order, StreamConfig};
use senim_sdp::Codec;
use world::{A, B, C, World, config, decode};

const D: LegId = LegId(4);
const E: LegId = LegId(5);
const QUIET: LegId = LegId(6);

/// Milliseconds until each ear hears a new tone of A.
fn ways(world: &mut World, ears: &[LegId], hz: f32) -> Vec<u64> {
    world.forget();
    world.phone(A).hz = Some(hz);
    let from = world.now;
    let mut ways = vec![None; ears.len()];
    while ways.contains(&None) && world.now.since(from) < Duration::from_secs(1) {
        world.run(5);
        for (way, ear) in ways.iter_mut().zip(ears) {
            let heard = world.heard(*ear);
            let last = &heard[heard.len().saturating_sub(320)..];
            if way.is_none() && last.len() == 320 && listen::contains_tone(last, hz) {
                *way = Some(world.now.since(from).as_millis() as u64);
            }
        }
    }
    ways.into_iter().map(|way| way.unwrap_or(u64::MAX)).collect()
}

/// FEATURES R6: two hundred millionths for an hour are 0.7 s. Where packets pass it costs nothing; where they are cut anew,
/// coded anew or summed, the buffer takes it up.
#[test]
fn an_hour_of_clocks_that_differ_costs_neither_delay_nor_sound() {
    let size = StreamConfig { send_ptime_ms: 30, ..config("10.0.0.3:4000") };
    let codec = StreamConfig {
        codec: Codec::G722,
        send_payload_type: 9,
        receive_payload_type: 9,
        ..config("10.0.0.4:4000")
    };
    let ears = [
        ("passed", B, config("10.0.0.2:4000")),
        ("cut anew", C, size),
        ("coded anew", D, codec),
        ("summed", E, config("10.0.0.5:4000")),
    ];
    // The other way round a quarter of an hour: the buffer is the same.
    for (ppm, minutes) in [(200, 60), (-200, 15)] {
        let mut world = World::new();
        world.leg(A, config("10.0.0.1:4000"), Some(500.0));
        world.leg(QUIET, config("10.0.0.6:4000"), None);
        world.phone(A).ppm = ppm;
        for (_, ear, stream) in ears {
            world.leg(ear, stream, None);
            world.order(Order::Hear { leg: ear, from: A });
        }
        world.order(Order::Mix { rows: vec![(E, vec![A, QUIET])] });
        world.run(10_000);
        let all: Vec<LegId> = ears.iter().map(|(_, ear, _)| *ear).collect();
        let at_first = ways(&mut world, &all, 1_500.0);
        world.phone(A).hz = Some(500.0);
        world.run(1_000);
        let mut poor = [0; 4];
        for _ in 0..minutes {
            world.forget();
            world.run(60_000);
            for ((what, ear, stream), poor) in ears.iter().zip(&mut poor) {
                let heard: Vec<i16> =
                    world.audio(*ear).iter().flat_map(|s| decode(stream.codec, &s.payload)).collect();
                let wall = 60 * 8_000usize;
                assert!(
                    heard.len().abs_diff(wall) <= wall / 1_000,
                    "{what} {ppm}: {} samples a minute",
                    heard.len()
                );
                *poor += heard.chunks_exact(1_600).filter(|part| !listen::contains_tone(part, 500.0)).count();
            }
        }
        let at_last = ways(&mut world, &all, 1_500.0);
        assert!(poor.iter().all(|poor| *poor <= 18), "{ppm}: fifths of a second were not well: {poor:?}");
        assert!(
            at_first.iter().chain(&at_last).all(|ms| *ms <= 160),
            "{ppm}: {at_first:?} ms, an hour later {at_last:?}"
        );
        all.iter().for_each(|ear| world.assert_one_stream(*ear));
    }
}

#[test]
fn a_clock_that_jumps_and_a_stream_that_stops_and_begins_anew_are_heard_on() {
    for b in [config("10.0.0.2:4000"), StreamConfig { send_ptime_ms: 30, ..config("10.0.0.2:4000") }] {
        let mut world = World::pair(config("10.0.0.1:4000"), b);
        world.order(Order::Bridge { a: A, b: B });
        world.run(1_000);
        for jump in [1_000_000, -1_000_000, 0x7fff_ffff, 160 * 7] {
            world.phone(A).timestamp = world.phone(A).timestamp.wrapping_add_signed(jump);
            world.run(400);
            world.forget();
            world.run(1_000);
            assert!(world.hears(B, 500.0), "a jump by {jump}");
        }
        world.phone(A).hz = None;
        world.run(30_000);
        world.phone(A).ssrc = 77;
        world.phone(A).seq = 12;
        world.phone(A).hz = Some(700.0);
        world.run(400);
        world.forget();
        world.run(1_000);
        assert!(world.hears(B, 700.0));
        world.assert_one_stream(B);
        assert!(world.now.since(senim_base::Instant::ZERO) > Duration::from_secs(30));
    }
}
