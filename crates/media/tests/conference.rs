//! Several legs in one talk: who hears whom is as the matrix says, whatever their laws, packet sizes and losses.

mod world;

use senim_audio::listen::tone_level_db;
use senim_base::{LegId, RecordingId, TrackId};
use senim_media::{Order, StreamConfig};
use senim_sdp::{Codec, Direction};
use world::{A, B, C, World, config, decode};

const HZ: [(LegId, f32); 3] = [(A, 500.0), (B, 900.0), (C, 1_300.0)];

/// Three legs with a tone each, not joined yet.
fn three(a: StreamConfig, b: StreamConfig, c: StreamConfig) -> World {
    let mut world = World::pair(a, b);
    world.leg(C, c, Some(1_300.0));
    world.run(100);
    world
}

fn equal() -> World {
    three(config("10.0.0.1:4000"), config("10.0.0.2:4000"), config("10.0.0.3:4000"))
}

fn conference() -> Order {
    Order::Mix { rows: vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])] }
}

/// Each ear hears just the mouths that the matrix gives it.
fn assert_hears(world: &World, rows: &[(LegId, &[LegId])], what: &str) {
    for (ear, mouths) in rows {
        for (mouth, hz) in HZ {
            let level = tone_level_db(&world.heard(*ear), hz);
            if mouths.contains(&mouth) {
                assert!(world.hears(*ear, hz), "{ear} hears {mouth} ({level} dB): {what}");
            } else {
                assert!(
                    world.heard(*ear).is_empty() || level < -40.0,
                    "{ear} hears {mouth}, {level} dB: {what}"
                );
            }
        }
    }
}

/// FEATURES X3: each hears the sum of the others, no one himself.
#[test]
fn each_of_three_hears_both_others_and_not_himself() {
    let mut world = equal();
    world.order(conference());
    world.run(2_000);
    assert_hears(&world, &[(A, &[B, C]), (B, &[A, C]), (C, &[A, B])], "equal phones");
    for leg in [A, B, C] {
        assert!((98..=101).contains(&world.rtp(leg).len()), "a packet each 20 ms: {}", world.rtp(leg).len());
        world.assert_one_stream(leg);
    }
}

#[test]
fn laws_packet_sizes_and_payload_types_may_differ() {
    for ptime in [10, 30, 40, 60] {
        let other = StreamConfig {
            codec: Codec::Pcmu,
            send_ptime_ms: ptime,
            send_payload_type: 96,
            receive_payload_type: 96,
            ..config("10.0.0.2:4000")
        };
        let third = StreamConfig { codec: Codec::Pcmu, send_payload_type: 0, ..config("10.0.0.3:4000") };
        let third = StreamConfig { receive_payload_type: 0, ..third };
        let mut world = three(config("10.0.0.1:4000"), other, third);
        world.order(conference());
        world.run(2_000);
        assert_hears(&world, &[(A, &[B, C]), (B, &[A, C]), (C, &[A, B])], &format!("{ptime} ms"));
        assert!(world.rtp(B).iter().all(|s| s.payload.len() == usize::from(ptime) * 8));
        for leg in [A, B, C] {
            let seconds = world.heard(leg).len() as f32 / 8_000.0;
            assert!((1.8..=2.1).contains(&seconds), "{leg} heard {seconds} s at {ptime} ms");
            world.assert_one_stream(leg);
        }
    }
}

/// The sum loses nothing of one party when another loses packets, falls silent, holds, or goes.
#[test]
fn silence_loss_and_hold_of_one_party_harm_no_other() {
    let whole = |world: &World, ear, hz, what: &str| {
        let parts = world.heard(ear);
        let missing = parts.chunks_exact(800).filter(|part| tone_level_db(part, hz) < -40.0).count();
        assert_eq!(missing, 0, "{ear} misses {hz} Hz: {what}");
    };
    let mut world = equal();
    world.order(conference());
    world.run(200);
    world.forget();
    world.phone(C).lose = |seq| seq % 3 != 0;
    world.run(2_000);
    whole(&world, A, 900.0, "C loses two of three packets");
    whole(&world, B, 500.0, "C loses two of three packets");
    whole(&world, C, 500.0, "C loses, and hears");
    world.phone(C).hz = None;
    world.run(300);
    world.forget();
    world.run(1_000);
    assert_hears(&world, &[(A, &[B]), (B, &[A]), (C, &[A, B])], "C is silent");
    world.phone(C).hz = Some(1_300.0);
    world.phone(C).lose = |_| false;
    world.configure(C, StreamConfig { direction: Direction::Inactive, ..config("10.0.0.3:4000") });
    world.run(300);
    world.forget();
    world.run(1_000);
    assert!(world.rtp(C).is_empty(), "nothing is sent to who holds");
    assert_hears(&world, &[(A, &[B]), (B, &[A])], "C holds");
    world.configure(C, config("10.0.0.3:4000"));
    world.run(300);
    world.forget();
    world.run(1_000);
    assert_hears(&world, &[(A, &[B, C]), (B, &[A, C]), (C, &[A, B])], "C is back");
    world.close(C);
    world.run(300);
    world.forget();
    world.run(1_000);
    assert_hears(&world, &[(A, &[B]), (B, &[A])], "C is gone");
    world.close(B);
    world.run(300);
    world.forget();
    world.run(500);
    assert!(world.rtp(A).is_empty(), "nobody is left to be heard");
}

/// Who listens hears both and is heard by nobody; who whispers is heard by one.
#[test]
fn one_may_listen_unheard_or_whisper_to_one() {
    let mut world = equal();
    world.order(Order::Bridge { a: A, b: B });
    world.order(Order::Mix { rows: vec![(C, vec![A, B])] });
    world.run(1_000);
    assert_hears(&world, &[(A, &[B]), (B, &[A]), (C, &[A, B])], "C listens");
    world.order(Order::Mix { rows: vec![(B, vec![A, C])] });
    world.run(300);
    world.forget();
    world.run(1_000);
    assert_hears(&world, &[(A, &[B]), (B, &[A, C]), (C, &[A, B])], "C whispers to B");
}

/// Two rows of one mouth are a bridge, with its packets passed as they come; one's own row holds oneself never.
#[test]
fn a_row_of_one_mouth_is_passed_and_an_empty_one_is_silence() {
    let mut world = equal();
    world.order(Order::Mix { rows: vec![(A, vec![B]), (B, vec![A, B]), (C, vec![C])] });
    world.run(1_000);
    assert_hears(&world, &[(A, &[B]), (B, &[A]), (C, &[])], "two, and one alone");
    let same = world.rtp(B).iter().all(|s| decode(Codec::Pcma, &s.payload).len() == 160);
    assert!(same && world.rtp(C).is_empty());
}

/// FEATURES R2, R4: the taps are before the sum: each party is alone on his track.
#[test]
fn each_party_of_a_conference_is_alone_on_his_track() {
    let mut world = equal();
    for (leg, track) in [(A, 0), (B, 2), (C, 3)] {
        world.order(Order::Record { leg, recording: RecordingId(1), track: TrackId(track) });
    }
    world.order(conference());
    world.run(1_000);
    for (track, own) in [(0, 500.0), (2, 900.0), (3, 1_300.0)] {
        let taps = world.taps.iter().filter(|tap| tap.track == TrackId(track));
        let sound: Vec<i16> = taps.flat_map(|tap| decode(tap.codec, &tap.bytes)).collect();
        for (_, hz) in HZ {
            assert_eq!(tone_level_db(&sound, hz) > -30.0, hz == own, "track {track} at {hz} Hz");
        }
    }
}

#[test]
fn keys_of_one_reach_the_others_once_unless_they_stay_with_us() {
    let mut world = equal();
    world.order(conference());
    world.run(300);
    world.press(A, "5");
    world.run(1_000);
    assert_eq!(
        (world.keys_heard(A), world.keys_heard(B), world.keys_heard(C)),
        ("".into(), "5".into(), "5".into())
    );
    world.order(Order::AbsorbDigits { leg: A, on: true });
    world.press(A, "7");
    world.run(1_000);
    assert_eq!((world.keys_heard(B), world.keys_heard(C)), ("5".into(), "5".into()));
    assert_eq!(world.keys_told(), "57");
    world.forget();
    world.run(500);
    assert_hears(&world, &[(B, &[A, C]), (C, &[A, B])], "sound goes on after a key");
}
