//! Sound under keys: heard by whom it is for, on either side and on both, and by nobody else.
#![allow(clippy::unwrap_used)]

mod world;

use core::net::SocketAddr;
use core::time::Duration;
use senim_base::{RecordingId, TrackId};
use senim_media::{Event, Order, StreamConfig};
use senim_rtp::{Header, Suite};
use senim_sdp::Codec;
use world::{A, B, C, World, bytes, config, decode, stream_keys};

const SUITES: [Suite; 4] = [Suite::AesCm80, Suite::AesCm32, Suite::AesGcm128, Suite::AesGcm256];

fn bridged(mut world: World) -> World {
    world.order(Order::Record { leg: A, recording: RecordingId(1), track: TrackId(0) });
    world.run(100);
    world.order(Order::Bridge { a: A, b: B });
    world.run(2_000);
    world
}

fn pair() -> World {
    World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"))
}

/// FEATURES T9.
#[test]
fn each_hears_the_other_whoever_of_them_is_encrypted() {
    for suite in SUITES {
        for sides in [&[A][..], &[B], &[A, B]] {
            let mut world = pair();
            for leg in sides {
                world.secure(*leg, suite, leg.0 as u8);
            }
            let mut world = bridged(world);
            assert!(world.hears(B, 500.0) && !world.hears(B, 900.0), "{suite:?} {sides:?}");
            assert!(world.hears(A, 900.0) && !world.hears(A, 500.0), "{suite:?} {sides:?}");
            let taped: Vec<i16> = world.taps.iter().flat_map(|t| decode(Codec::Pcma, &t.bytes)).collect();
            assert!(senim_audio::listen::contains_tone(&taped, 500.0), "the recording is in the clear");
            world.assert_one_stream(A);
            world.assert_one_stream(B);
            assert_eq!((world.close(A).forged, world.close(B).forged), (0, 0));
        }
    }
}

#[test]
fn keys_tones_and_reports_pass_under_keys() {
    let mut world = pair();
    world.secure(A, Suite::AesCm80, 1);
    world.secure(B, Suite::AesGcm128, 2);
    world.order(Order::Bridge { a: A, b: B });
    world.run(200);
    world.press(A, "5#");
    // Six seconds: each leg has reported, and the phones could open the reports.
    world.run(6_000);
    assert_eq!((world.keys_told().as_str(), world.keys_heard(B).as_str()), ("5#", "5#"));
    assert!(world.sent[&A].iter().any(|s| s.rtcp) && world.sent[&B].iter().any(|s| s.rtcp));
}

#[test]
fn a_conference_has_one_key_a_party() {
    let mut world = pair();
    world.leg(C, config("10.0.0.3:4000"), Some(1_300.0));
    for (leg, suite) in [(A, Suite::AesCm80), (B, Suite::AesCm32), (C, Suite::AesGcm256)] {
        world.secure(leg, suite, leg.0 as u8);
    }
    world.order(Order::Mix { rows: vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])] });
    world.run(2_000);
    for (ear, heard, own) in
        [(A, [900.0, 1_300.0], 500.0), (B, [500.0, 1_300.0], 900.0), (C, [500.0, 900.0], 1_300.0)]
    {
        assert!(heard.iter().all(|hz| world.hears(ear, *hz)) && !world.hears(ear, own), "{ear}");
    }
}

#[test]
fn a_talk_that_is_held_and_taken_up_keeps_its_keys_and_a_new_key_begins_anew() {
    let mut world = pair();
    world.secure(A, Suite::AesCm80, 1);
    let mut world = bridged(world);
    // The same keys again, as each re-INVITE brings them: indices go on, so the phone still opens everything.
    world.order(Order::Secure { leg: A, keys: Some(stream_keys(Suite::AesCm80, 1)) });
    world.configure(A, config("10.0.0.1:4000"));
    world.forget();
    world.run(1_000);
    assert!(world.hears(A, 900.0) && world.hears(B, 500.0));
    world.secure(A, Suite::AesGcm256, 9);
    world.forget();
    world.run(1_000);
    assert!(world.hears(A, 900.0) && world.hears(B, 500.0));
    assert_eq!(world.close(A).forged, 0);
}

#[test]
fn a_time_in_the_clear_does_not_let_a_key_begin_anew() {
    let mut world = pair();
    world.secure(A, Suite::AesCm80, 1);
    let mut world = bridged(world);
    let (sealer, opener) = world.sealed.remove(&A).unwrap();
    world.order(Order::Secure { leg: A, keys: None });
    world.run(500);
    // The phone's opener is the old one: had our indices begun anew, it would take the packets for replays.
    world.sealed.insert(A, (sealer, opener));
    world.order(Order::Secure { leg: A, keys: Some(stream_keys(Suite::AesCm80, 1)) });
    world.forget();
    world.run(1_000);
    assert!(world.hears(A, 900.0));
}

/// THREATS: SRTP error kill. A hundred wrong packets ended calls elsewhere.
#[test]
fn ten_million_forgeries_change_nothing_but_their_count() {
    let mut world = pair();
    world.secure(A, Suite::AesCm80, 1);
    let mut world = bridged(world);
    world.forget();
    let named: SocketAddr = "10.0.0.1:4000".parse().unwrap();
    let mut forged = bytes(Header { payload_type: 8, ssrc: 0x1001, ..Header::default() }, &[0x55; 170]);
    for n in 0..10_000_000u32 {
        forged[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        forged[20..24].copy_from_slice(&n.to_be_bytes());
        world.session.packet(A, named, false, &forged, world.now, &mut world.out);
        assert!(world.out.items().next().is_none());
        if n % 100_000 == 0 {
            world.run(20);
        }
    }
    world.run(500);
    assert!(world.hears(A, 900.0) && world.hears(B, 500.0));
    assert_eq!(world.close(A).forged, 10_000_000);
}

#[test]
fn what_is_not_under_the_key_neither_latches_nor_is_heard() {
    let behind_nat = StreamConfig { signalling_peer: world::ip("203.0.113.9"), ..config("10.0.0.1:4000") };
    let mut world = World::new();
    world.leg(A, behind_nat, None);
    world.leg(B, config("10.0.0.2:4000"), Some(900.0));
    world.secure(A, Suite::AesGcm128, 1);
    world.order(Order::Bridge { a: A, b: B });
    world.run(1_000);
    let house: SocketAddr = "203.0.113.9:7000".parse().unwrap();
    let send = |world: &mut World, n: u16, sealed: bool| {
        let header =
            Header { payload_type: 8, seq: n, ssrc: 5, timestamp: u32::from(n) * 160, marker: false };
        let mut packet = bytes(header, &[0x55; 160]);
        if sealed {
            let len = packet.len();
            packet.resize(len + 20, 0);
            let len = world.sealed.get_mut(&A).unwrap().0.rtp(&mut packet, len).unwrap();
            packet.truncate(len);
        }
        world.packet(A, house, &packet);
        world.now += Duration::from_millis(20);
    };
    // Another program of the same house, without the key.
    (0..50).for_each(|n| send(&mut world, n, false));
    assert!(world.rtp(A).iter().all(|s| s.to.to_string() == "10.0.0.1:4000"));
    assert!(world.told(|e| matches!(e, Event::FirstPacket { leg } if *leg == A)).is_empty());
    // Half a second of silence where the SDP pointed, then five packets.
    (50..90).for_each(|n| send(&mut world, n, true));
    world.forget();
    world.run(200);
    assert!(world.rtp(A).iter().all(|s| s.to == house));
}
