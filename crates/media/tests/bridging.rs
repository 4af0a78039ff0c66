//! Two legs hear each other, whatever their laws, packet sizes and payload types.

mod world;

use senim_media::{Event, Order, StreamConfig};
use senim_sdp::{Codec, Direction};
use world::{A, B, World, config};

fn bridged(a: StreamConfig, b: StreamConfig) -> World {
    let mut world = World::pair(a, b);
    world.run(100);
    world.order(Order::Bridge { a: A, b: B });
    world.run(2_000);
    world
}

#[test]
fn the_same_law_and_size_passes_at_arrival_byte_for_byte() {
    let world = bridged(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    assert!(world.hears(B, 500.0) && !world.hears(B, 900.0));
    assert!(world.hears(A, 900.0) && !world.hears(A, 500.0));
    assert!(world.rtp(B).len() >= 99);
    assert!(world.rtp(B)[0].header.marker && world.rtp(B)[1..].iter().all(|s| !s.header.marker));
    world.assert_one_stream(A);
    world.assert_one_stream(B);
}

#[test]
fn laws_sizes_and_payload_types_are_translated() {
    for (codec, ptime, payload_type) in [
        (Codec::Pcmu, 20, 0),
        (Codec::Pcmu, 30, 0),
        (Codec::Pcma, 30, 96),
        (Codec::Pcma, 60, 8),
        (Codec::Pcmu, 60, 97),
        (Codec::Pcma, 10, 8),
    ] {
        let other = StreamConfig {
            codec,
            send_ptime_ms: ptime,
            send_payload_type: payload_type,
            receive_payload_type: payload_type,
            ..config("10.0.0.2:4000")
        };
        let world = bridged(config("10.0.0.1:4000"), other);
        let what = format!("{codec:?} {ptime} ms PT {payload_type}");
        assert!(world.hears(B, 500.0), "B hears A: {what}");
        assert!(world.hears(A, 900.0), "A hears B: {what}");
        let seconds = world.heard(B).len() as f32 / 8_000.0;
        assert!((1.8..=2.1).contains(&seconds), "{seconds} s heard: {what}");
        assert!(world.rtp(B).iter().all(|s| s.header.payload_type == payload_type), "{what}");
        assert!(world.rtp(B).iter().all(|s| s.payload.len() == usize::from(ptime) * 8), "{what}");
        assert!(world.rtp(A).iter().all(|s| s.payload.len() == 160), "{what}");
        world.assert_one_stream(A);
        world.assert_one_stream(B);
    }
}

#[test]
fn loss_stays_visible_and_reordered_packets_keep_their_place() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.phone(A).lose = |seq| seq % 10 == 3;
    world.order(Order::Bridge { a: A, b: B });
    world.run(2_000);
    let seqs: Vec<u16> = world.rtp(B).iter().map(|s| s.header.seq).collect();
    let span = seqs.last().unwrap().wrapping_sub(seqs[0]) as usize + 1;
    assert_eq!(span - seqs.len(), 10, "ten of a hundred are missing, and seen to be");
    for pair in world.rtp(B).windows(2) {
        let packets = pair[1].header.seq.wrapping_sub(pair[0].header.seq);
        let ticks = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
        assert_eq!(ticks, u32::from(packets) * 160);
    }
}

#[test]
fn a_new_ssrc_of_the_speaker_is_one_stream_to_the_hearer() {
    let mut world = bridged(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    let before = world.rtp(B).len();
    let phone = world.phone(A);
    (phone.ssrc, phone.seq, phone.timestamp) = (0x9999, 7, 12_345);
    world.run(1_000);
    assert!(world.rtp(B).len() >= before + 49);
    assert!(world.rtp(B)[before].header.marker);
    let step = world.rtp(B)[before].header.seq.wrapping_sub(world.rtp(B)[before - 1].header.seq);
    assert_eq!(step, 1, "no loss is made up");
    world.assert_one_stream(B);
}

/// FEATURES T13.
#[test]
fn a_re_invite_to_another_port_moves_the_stream_at_once() {
    let mut world = bridged(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    let (ssrc, seq) = {
        let last = world.rtp(B)[world.rtp(B).len() - 1];
        (last.header.ssrc, last.header.seq)
    };
    world.forget();
    world.configure(B, config("10.0.0.7:5000"));
    world.phone(B).address = "10.0.0.7:5000".parse().unwrap();
    world.run(500);
    let first = world.rtp(B)[0];
    assert_eq!(first.to, "10.0.0.7:5000".parse().unwrap());
    assert_eq!((first.header.ssrc, first.header.seq), (ssrc, seq.wrapping_add(1)));
    assert!(world.hears(B, 500.0) && world.hears(A, 900.0), "no one-way audio");
}

#[test]
fn nothing_is_sent_to_a_peer_on_hold_and_sound_returns_with_him() {
    let mut world = bridged(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.forget();
    world.configure(B, StreamConfig { direction: Direction::RecvOnly, ..config("10.0.0.2:4000") });
    world.run(1_000);
    assert!(world.rtp(B).is_empty());
    assert!(world.hears(A, 900.0), "what he says is still heard");
    world.configure(B, StreamConfig { direction: Direction::Inactive, ..config("10.0.0.2:4000") });
    world.forget();
    world.run(1_000);
    assert!(world.rtp(B).is_empty() && world.rtp(A).is_empty());
    world.configure(B, config("10.0.0.2:4000"));
    world.run(1_000);
    assert!(world.hears(B, 500.0) && world.hears(A, 900.0));
    assert!(world.rtp(B)[0].header.marker);
    world.assert_one_stream(B);
}

#[test]
fn one_ear_only_and_a_leg_that_closes_leaves_silence() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Hear { leg: B, from: A });
    world.run(1_000);
    assert!(world.hears(B, 500.0) && world.rtp(A).is_empty());
    world.close(A);
    world.forget();
    world.run(500);
    assert!(world.rtp(B).is_empty());
    assert_eq!(world.told(|e| matches!(e, Event::Closed { .. })).len(), 0);
}

#[test]
fn strangers_are_neither_heard_nor_answered_and_are_told_once_a_second() {
    let mut world = bridged(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.forget();
    world.phone(A).hz = None;
    let stranger = "192.0.2.66:4000".parse().unwrap();
    for n in 0..150u16 {
        let header = senim_rtp::Header {
            payload_type: 8,
            seq: n,
            timestamp: u32::from(n) * 160,
            ssrc: 5,
            ..Default::default()
        };
        world.packet(A, stranger, &world::bytes(header, &[0x2a; 160]));
        world.run(20);
    }
    assert!(world.rtp(B).is_empty());
    assert!(world.rtp(A).iter().all(|s| s.to != stranger));
    let told = world.told(|e| matches!(e, Event::Strangers { .. }));
    assert!((3..=4).contains(&told.len()), "{told:?}");
    assert_eq!(world.close(A).strangers, 150);
}
