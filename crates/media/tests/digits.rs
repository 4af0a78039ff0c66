//! Keys: told once, passed on or kept, sent and heard in every form a peer may have.

mod world;

use senim_audio::{Band, ENCODED_MAX, Encoder, Wishes};
use senim_media::{DigitSource, Event, Order, StreamConfig};
use senim_rtp::Digit;
use senim_sdp::Codec;
use world::{A, B, World, config};

/// FEATURES T10.
#[test]
fn a_key_is_told_once_though_its_end_packets_are_lost() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.phone(A).lose = |seq| seq % 3 != 0;
    world.press(A, "1122#");
    world.run(2_000);
    assert_eq!(world.keys_told(), "1122#");
    assert!(world.taps.is_empty());
}

#[test]
fn a_key_reaches_the_bridged_ear_once_between_sound_that_stays_one_stream() {
    for ptime in [20, 30] {
        let other =
            StreamConfig { send_telephone_event: Some(99), send_ptime_ms: ptime, ..config("10.0.0.2:4000") };
        let mut world = World::pair(config("10.0.0.1:4000"), other);
        world.order(Order::Bridge { a: A, b: B });
        world.run(500);
        world.press(A, "135");
        world.run(2_000);
        assert_eq!((world.keys_told().as_str(), world.keys_heard(B).as_str()), ("135", "135"), "{ptime} ms");
        world.assert_one_stream(B);
        assert!(world.hears(B, 500.0));
    }
}

#[test]
fn absorbed_keys_are_told_but_not_passed_and_leave_no_hole() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Bridge { a: A, b: B });
    world.order(Order::AbsorbDigits { leg: A, on: true });
    world.run(500);
    world.press(A, "*9");
    world.run(1_500);
    assert_eq!((world.keys_told().as_str(), world.keys_heard(B).as_str()), ("*9", ""));
    for pair in world.rtp(B).windows(2) {
        assert_eq!(pair[1].header.seq.wrapping_sub(pair[0].header.seq), 1);
    }
    world.order(Order::AbsorbDigits { leg: A, on: false });
    world.press(A, "7");
    world.run(500);
    assert_eq!(world.keys_heard(B), "7");
}

#[test]
fn keys_that_we_send_are_heard_and_the_bridge_goes_on_after() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Bridge { a: A, b: B });
    world.run(500);
    let digits = "12345".chars().filter_map(Digit::from_char).collect();
    world.order(Order::SendDigits { leg: B, digits });
    world.run(3_000);
    assert_eq!(world.keys_heard(B), "12345");
    world.assert_one_stream(B);
    world.forget();
    world.run(500);
    assert_eq!(world.audio(B).len(), 25);
    assert!(world.hears(B, 500.0));
}

/// FEATURES T10: the in-band fallback.
#[test]
fn without_telephone_events_keys_are_heard_in_the_sound() {
    let plain =
        StreamConfig { receive_telephone_event: None, send_telephone_event: None, ..config("10.0.0.1:4000") };
    for codec in Codec::ALL {
        let mut world = World::new();
        world.leg(A, StreamConfig { codec, receive_payload_type: codec.payload_type(), ..plain }, None);
        let mut encoder = Encoder::new(world::coding(codec), Band::Narrow, Wishes::default());
        let pcm = world::tones(&[(697.0, 1_209.0), (770.0, 1_336.0), (852.0, 1_477.0), (941.0, 1_477.0)]);
        for (n, chunk) in pcm.chunks(160).enumerate() {
            let mut sound = vec![0; ENCODED_MAX];
            let len = encoder.encode(chunk, &mut sound);
            sound.truncate(len);
            let header = senim_rtp::Header {
                payload_type: codec.payload_type(),
                seq: n as u16,
                timestamp: n as u32 * codec.clock_hz() / 50,
                ..Default::default()
            };
            world.packet(A, "10.0.0.1:4000".parse().unwrap(), &world::bytes(header, &sound));
            world.run(20);
        }
        assert_eq!(world.keys_told(), "159#", "{codec}");
        assert!(!world.told(|e| matches!(e, Event::Digit { source: DigitSource::InBand, .. })).is_empty());
    }
}

#[test]
fn a_peer_without_telephone_events_hears_keys_as_tones() {
    let plain =
        StreamConfig { receive_telephone_event: None, send_telephone_event: None, ..config("10.0.0.2:4000") };
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    world.leg(B, plain, None);
    world.order(Order::Bridge { a: A, b: B });
    world.run(100);
    world.press(A, "4#");
    world.run(1_500);
    let mut detector = senim_audio::dtmf::Detector::new();
    let mut sound = Vec::new();
    for (n, sent) in world.audio(B).iter().enumerate() {
        if n > 0 && sent.header.marker {
            sound.extend([0i16; 800]);
        }
        sound.extend(world::decode(Codec::Pcma, &sent.payload));
    }
    sound.extend([0i16; 800]);
    let keys: String = sound.chunks(160).filter_map(|chunk| detector.feed(chunk)).collect();
    assert_eq!(keys, "4#");
}

#[test]
fn an_event_that_prints_does_not_show_its_key() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.press(A, "8");
    world.run(300);
    let text = format!("{:?}", world.events);
    assert!(text.contains("digit: *") && !text.contains('8'), "{text}");
}
