//! Taps: each party's sound as it came, stamped with when it came, and nothing after the end.

mod world;

use senim_base::{RecordingId, TrackId};
use senim_media::{Order, StreamConfig};
use senim_sdp::Codec;
use world::{A, B, World, config, decode};

const REC: RecordingId = RecordingId(77);

fn tracks(world: &mut World) {
    world.order(Order::Record { leg: A, recording: REC, track: TrackId(0) });
    world.order(Order::RecordHeard { leg: A, recording: REC, track: TrackId(1) });
    world.order(Order::Record { leg: B, recording: REC, track: TrackId(2) });
}

fn sound(world: &World, track: u8) -> Vec<i16> {
    world.taps.iter().filter(|t| t.track == TrackId(track)).flat_map(|t| decode(t.codec, &t.bytes)).collect()
}

/// FEATURES R2.
#[test]
fn each_party_has_its_own_track_and_the_line_its_own() {
    let mut world = World::pair(
        config("10.0.0.1:4000"),
        StreamConfig { codec: Codec::Pcmu, receive_payload_type: 0, ..config("10.0.0.2:4000") },
    );
    tracks(&mut world);
    let prompt = world.clip("prompt", 1_300.0, 600);
    world.play(A, 1, &[prompt], false);
    world.run(700);
    world.order(Order::Bridge { a: A, b: B });
    world.run(1_000);
    let tone = senim_audio::listen::contains_tone;
    assert!(tone(&sound(&world, 0), 500.0) && !tone(&sound(&world, 0), 900.0));
    assert!(tone(&sound(&world, 1), 1_300.0) && !tone(&sound(&world, 1), 900.0));
    assert!(tone(&sound(&world, 2), 900.0) && !tone(&sound(&world, 2), 500.0));
    assert_eq!(sound(&world, 1).len(), 600 * 8, "bridged sound is not the line's");
    assert!(world.taps.iter().all(|t| (t.codec == Codec::Pcmu) == (t.track == TrackId(2))));
}

#[test]
fn frames_are_stamped_with_their_arrival_and_keep_the_senders_timestamp() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    tracks(&mut world);
    let began = world.now;
    world.run(500);
    let mine: Vec<_> = world.taps.iter().filter(|t| t.track == TrackId(0)).collect();
    assert_eq!(mine.len(), 25);
    for (n, tap) in mine.iter().enumerate() {
        assert_eq!(tap.at.since(began).as_millis(), 3 + 20 * n as u128);
        assert_eq!(tap.timestamp, 0xffff_0001u32.wrapping_add(160 * n as u32));
        assert_eq!(tap.bytes.len(), 160);
    }
}

#[test]
fn the_end_follows_the_last_frame_and_nothing_follows_the_end() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    tracks(&mut world);
    world.run(300);
    world.order(Order::StopRecording { recording: REC });
    world.run(300);
    assert_eq!(world.ended, [(REC, world.taps.len())]);
    world.order(Order::Record { leg: A, recording: RecordingId(78), track: TrackId(0) });
    world.run(100);
    world.order(Order::CloseSession);
    assert_eq!(world.ended[1], (RecordingId(78), world.taps.len()));
    assert_eq!(world.ended.len(), 2);
}

#[test]
fn keys_never_reach_a_recording() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    tracks(&mut world);
    world.phone(A).hz = None;
    world.phone(B).hz = None;
    world.press(A, "0123456789");
    world.run(3_000);
    assert_eq!(world.keys_told(), "0123456789");
    assert!(world.taps.is_empty());
}

#[test]
fn what_a_held_leg_did_not_hear_is_not_recorded_as_heard() {
    let mut world = World::new();
    let held = StreamConfig { direction: senim_sdp::Direction::Inactive, ..config("10.0.0.1:4000") };
    world.leg(A, held, None);
    tracks(&mut world);
    let prompt = world.clip("prompt", 1_300.0, 600);
    world.play(A, 1, &[prompt], false);
    world.run(700);
    assert!(world.taps.is_empty());
}
