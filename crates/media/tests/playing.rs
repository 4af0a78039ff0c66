//! Prompts, music, the schedule they keep, and how they give way.

mod world;

use senim_base::{ClipId, PlayId};
use senim_media::{Event, Order, StreamConfig};
use senim_sdp::{Codec, Direction};
use world::{A, B, World, config};

fn ended(world: &World, id: u64) -> Option<bool> {
    world.events.iter().find_map(|(_, event)| match event {
        Event::PlayEnded { play, completed, .. } if *play == PlayId(id) => Some(*completed),
        _ => None,
    })
}

#[test]
fn clips_play_without_a_gap_and_end_with_their_last_sample() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut world = World::new();
        world.leg(A, StreamConfig { codec, ..config("10.0.0.1:4000") }, None);
        let (one, two) = (world.clip("one", 600.0, 505), world.clip("two", 1_000.0, 500));
        let began = world.now;
        world.play(A, 1, &[one, two], false);
        world.run(1_200);
        assert_eq!(ended(&world, 1), Some(true));
        let at = world.told(|e| matches!(e, Event::PlayEnded { .. }))[0].since(began).as_millis();
        assert!((1_000..=1_020).contains(&at), "ended after {at} ms");
        assert_eq!(world.rtp(A).len(), 51, "1005 ms in packets of 20");
        let heard = world.heard(A);
        assert!(senim_audio::listen::contains_tone(&heard[..4_000], 600.0));
        assert!(senim_audio::listen::contains_tone(&heard[4_100..8_000], 1_000.0));
        assert!(world.rtp(A)[0].header.marker && !world.rtp(A)[1].header.marker);
        for pair in world.rtp(A).windows(2) {
            assert_eq!(pair[1].at.since(pair[0].at).as_millis(), 20);
            assert_eq!(pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp), 160);
        }
    }
}

/// FEATURES T16: the ring tone of the former-USSR plan is a clip like any other, repeated.
#[test]
fn the_ring_tone_repeats_one_second_on_four_off() {
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    let ring = world.bank.find(None, "tone.ring").expect("the bank brings its tones");
    world.play(A, 1, &[ring], true);
    world.run(12_000);
    let heard = world.heard(A);
    let loud = |from: usize| {
        senim_audio::listen::contains_tone(&heard[from * 8_000 + 800..from * 8_000 + 7_200], 425.0)
    };
    let seconds: Vec<bool> = (0..11).map(loud).collect();
    assert_eq!(seconds, [true, false, false, false, false, true, false, false, false, false, true]);
    assert_eq!(ended(&world, 1), None);
}

#[test]
fn silence_cuts_a_prompt_within_one_packet() {
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    let clip = world.clip("long", 600.0, 5_000);
    world.play(A, 1, &[clip], false);
    world.run(333);
    world.order(Order::Silence { leg: A });
    assert_eq!(ended(&world, 1), Some(false));
    let sent = world.rtp(A).len();
    world.run(1_000);
    assert_eq!(world.rtp(A).len(), sent);
}

#[test]
fn from_prompt_to_music_to_bridge_is_one_stream() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    let (prompt, music) = (world.clip("prompt", 600.0, 400), world.clip("music", 1_100.0, 1_000));
    world.play(A, 1, &[prompt], false);
    world.run(700);
    world.play(A, 2, &[music], true);
    world.run(2_500);
    assert!(world.hears(A, 1_100.0));
    world.order(Order::Bridge { a: A, b: B });
    assert_eq!((ended(&world, 1), ended(&world, 2)), (Some(true), Some(false)));
    world.run(1_000);
    let markers = world.rtp(A).iter().filter(|s| s.header.marker).count();
    assert_eq!(markers, 3, "each source begins a talkspurt");
    world.assert_one_stream(A);
    world.play(A, 3, &[prompt], false);
    world.run(600);
    world.assert_one_stream(A);
    assert_eq!(ended(&world, 3), Some(true));
}

#[test]
fn every_play_ends_whatever_is_missing() {
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    let clip = world.clip("here", 600.0, 100);
    world.play(A, 1, &[ClipId(9_999)], false);
    world.run(50);
    assert_eq!(ended(&world, 1), Some(false), "a clip that is not in the bank");
    world.play(A, 2, &[ClipId(9_999), clip], false);
    world.run(200);
    assert_eq!(ended(&world, 2), Some(false), "what is there was played");
    assert_eq!(world.rtp(A).len(), 5);
    world.play(A, 3, &[], true);
    world.run(50);
    assert_eq!(ended(&world, 3), Some(true), "nothing, for ever, is over at once");
    world.play(B, 4, &[clip], false);
    assert_eq!(ended(&world, 4), Some(false), "a leg that is not there");
    world.play(A, 5, &[clip], true);
    world.close(A);
    assert_eq!(ended(&world, 5), Some(false), "a leg that closes");
    assert!(world.session.is_empty());
}

#[test]
fn a_starved_leg_catches_up_with_three_packets_and_shows_the_rest_as_loss() {
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    let clip = world.clip("long", 600.0, 10_000);
    world.play(A, 1, &[clip], true);
    world.run(200);
    let before = world.rtp(A).len();
    let last = world.rtp(A)[before - 1].header;
    world.starve(200);
    world.run(1);
    let burst: Vec<_> = world.rtp(A)[before..].iter().map(|s| s.header).collect();
    assert_eq!(burst.len(), 3);
    let skipped = burst[0].seq.wrapping_sub(last.seq) - 1;
    assert!((6..=8).contains(&skipped), "{skipped}");
    assert_eq!(burst[0].timestamp.wrapping_sub(last.timestamp), (u32::from(skipped) + 1) * 160);
    assert_eq!(world.close(A).not_sent, u64::from(skipped));
}

#[test]
fn a_prompt_to_a_held_leg_ends_in_its_time_unheard() {
    let mut world = World::new();
    world.leg(A, StreamConfig { direction: Direction::Inactive, ..config("10.0.0.1:4000") }, None);
    let clip = world.clip("prompt", 600.0, 400);
    world.play(A, 1, &[clip], false);
    world.run(500);
    assert_eq!(ended(&world, 1), Some(true));
    assert!(world.rtp(A).is_empty());
}

#[test]
fn a_prompt_waits_for_the_answer() {
    let mut world = World::new();
    world.order(Order::Open { leg: A, port: 4_000, ipv6: false });
    let clip = world.clip("prompt", 600.0, 200);
    world.play(A, 1, &[clip], false);
    world.run(1_000);
    assert_eq!(ended(&world, 1), None);
    world.configure(A, config("10.0.0.1:4000"));
    world.run(300);
    assert_eq!((ended(&world, 1), world.rtp(A).len()), (Some(true), 10));
}
