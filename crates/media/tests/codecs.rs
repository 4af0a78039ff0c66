//! Legs that speak different codecs: each hears the other, on the wire and in the recording, whatever the pair.

mod world;

use senim_audio::{Band, DECODED_MAX, Decoder, goertzel, listen};
use senim_base::{PlayId, RecordingId, TrackId};
use senim_media::{Event, Order, StreamConfig};
use senim_rtp::Digit;
use senim_sdp::Codec;
use world::{A, B, C, World, coding, speaking};

const ADDRESS: [&str; 3] = ["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"];

fn pairs() -> impl Iterator<Item = (Codec, Codec)> {
    Codec::ALL.into_iter().flat_map(|a| Codec::ALL.into_iter().map(move |b| (a, b)))
}

fn recorded(world: &mut World) {
    for (leg, track) in [(A, 0), (B, 2)] {
        world.order(Order::Record { leg, recording: RecordingId(1), track: TrackId(track) });
    }
}

fn bridged(a: Codec, b: Codec) -> World {
    let mut world = World::pair(speaking(a, ADDRESS[0]), speaking(b, ADDRESS[1]));
    recorded(&mut world);
    world.run(100);
    world.order(Order::Bridge { a: A, b: B });
    world.run(2_000);
    world
}

/// What a track sounds like.
fn taped(world: &World, track: u8) -> Vec<i16> {
    let mut decoder: Option<Decoder> = None;
    let (mut pcm, mut heard) = ([0; DECODED_MAX], Vec::new());
    for tap in world.taps.iter().filter(|t| t.track == TrackId(track)) {
        let new = decoder.take().filter(|d| d.coding() == coding(tap.codec));
        let same = decoder.insert(new.unwrap_or_else(|| Decoder::new(coding(tap.codec), Band::Narrow)));
        let len = same.decode(&tap.bytes, &mut pcm);
        heard.extend_from_slice(&pcm[..len]);
    }
    heard
}

/// The tone at 16 kHz: how much of it there is, 0 to 1.
fn share_wide(pcm: &[i16], hz: f32) -> f32 {
    goertzel::power(pcm, hz / 2.0) / goertzel::mean_square(pcm).max(1.0)
}

/// FEATURES T11, R7.
#[test]
fn each_pair_hears_each_other_and_is_recorded_as_it_spoke() {
    for (a, b) in pairs() {
        let world = bridged(a, b);
        for (leg, own, other, codec) in [(A, 500.0, 900.0, a), (B, 900.0, 500.0, b)] {
            let heard = world.heard(leg);
            let what = format!("{a} and {b}, {leg:?}");
            assert!(listen::contains_tone(&heard[800..], other), "hears the other: {what}");
            assert!(!listen::contains_tone(&heard[800..], own), "and not himself: {what}");
            let seconds = heard.len() as f32 / 8_000.0;
            assert!((1.8..=2.1).contains(&seconds), "{seconds} s heard: {what}");
            let audio = world.audio(leg);
            assert!(audio.iter().all(|s| s.header.payload_type == codec.payload_type()), "{what}");
            let clock = codec.clock_hz() / 50;
            let steps = audio.windows(2).map(|w| w[1].header.timestamp.wrapping_sub(w[0].header.timestamp));
            assert!(steps.clone().filter(|step| *step == clock).count() + 3 > steps.count(), "{what}");
            world.assert_one_stream(leg);
        }
        for (track, hz, codec) in [(0, 500.0, a), (2, 900.0, b)] {
            assert!(world.taps.iter().filter(|t| t.track == TrackId(track)).all(|t| t.codec == codec));
            let sound = taped(&world, track);
            assert!(listen::contains_tone(&sound, hz), "{a} and {b}: track {track}");
            assert!(sound.len().abs_diff(2_100 * 8) <= 160, "{a} and {b}: {} samples", sound.len());
        }
    }
}

#[test]
fn what_both_understand_passes_as_it_came() {
    for (a, b) in pairs().filter(|(a, b)| a == b) {
        let world = bridged(a, b);
        let said: Vec<&[u8]> =
            world.taps.iter().filter(|t| t.track == TrackId(0)).map(|t| &*t.bytes).collect();
        let sent: Vec<&[u8]> = world.rtp(B).iter().map(|s| &*s.payload).collect();
        assert!(sent.len() >= 99, "{a}");
        assert_eq!(said[said.len() - sent.len()..], sent, "{a}: byte for byte");
    }
}

#[test]
fn unequal_packet_times_and_codecs_go_together() {
    for (a, b) in pairs() {
        for (ms_a, ms_b) in [(10, 30), (60, 20), (30, 60)] {
            let with = |codec, address, ms| StreamConfig { send_ptime_ms: ms, ..speaking(codec, address) };
            // A phone of Opus says what it is asked to as well, but ours makes packets of 20 ms alone.
            let ms = |codec, ms| if codec == Codec::Opus { 20 } else { ms };
            let (ms_a, ms_b) = (ms(a, ms_a), ms(b, ms_b));
            let mut world = World::pair(with(a, ADDRESS[0], ms_a), with(b, ADDRESS[1], ms_b));
            world.order(Order::Bridge { a: A, b: B });
            world.run(2_000);
            let what = format!("{a} {ms_a} ms and {b} {ms_b} ms");
            assert!(listen::contains_tone(&world.heard(A)[1_600..], 900.0), "{what}");
            assert!(listen::contains_tone(&world.heard(B)[1_600..], 500.0), "{what}");
            world.assert_one_stream(A);
            world.assert_one_stream(B);
        }
    }
}

/// FEATURES T11: sound of 5 kHz, which no telephone carries, comes from one wide phone to the other.
#[test]
fn two_wide_phones_hear_each_other_wide() {
    for (a, b) in pairs().filter(|(a, b)| a.is_wide() && b.is_wide()) {
        let mut world = World::pair(speaking(a, ADDRESS[0]), speaking(b, ADDRESS[1]));
        world.phone(A).speak_wide(5_000.0);
        world.phone(B).speak_wide(3_000.0);
        world.order(Order::Bridge { a: A, b: B });
        world.run(2_000);
        for (leg, hz) in [(B, 5_000.0), (A, 3_000.0)] {
            let heard = world.heard_in(leg, Band::Wide);
            let share = share_wide(&heard[3_200..], hz);
            assert!(share > 0.8, "{a} and {b}: {share} of {hz} Hz");
        }
    }
}

#[test]
fn prompts_are_heard_and_recorded_in_every_codec_and_last_as_long_as_they_are() {
    for codec in Codec::ALL {
        let mut world = World::new();
        world.leg(A, speaking(codec, ADDRESS[0]), None);
        world.order(Order::RecordHeard { leg: A, recording: RecordingId(1), track: TrackId(1) });
        let clips = [world.clip("one", 600.0, 500), world.clip("two", 1_000.0, 700)];
        let begun = world.now;
        world.play(A, 1, &clips, false);
        world.run(1_500);
        let heard = world.heard(A);
        assert!(listen::contains_tone(&heard[400..3_600], 600.0), "{codec}");
        assert!(listen::contains_tone(&heard[4_400..9_200], 1_000.0), "{codec}");
        let ended = world.told(|e| matches!(e, Event::PlayEnded { play: PlayId(1), completed: true, .. }));
        let lasted = ended[0].since(begun).as_millis();
        assert!((1_180..=1_260).contains(&lasted), "{codec}: {lasted} ms");
        let taped = taped(&world, 1);
        assert!(listen::contains_tone(&taped[400..3_600], 600.0), "{codec}: in the recording");
        world.assert_one_stream(A);
        world.play(A, 2, &clips[..1], true);
        world.run(2_000);
        let again = world.heard(A);
        assert!(listen::contains_tone(&again[again.len() - 8_000..], 600.0), "{codec}: again and again");
    }
}

#[test]
fn a_clip_that_the_bank_does_not_speak_is_told_missing_at_once() {
    let mut world = World::new();
    world.bank = senim_audio::Bank::new();
    for (leg, codec) in [(A, Codec::G722), (B, Codec::Opus)] {
        world.leg(leg, speaking(codec, ADDRESS[0]), None);
        let clip = world.clip("one", 600.0, 500);
        world.play(leg, leg.0, &[clip], true);
    }
    world.run(100);
    assert_eq!(world.told(|e| matches!(e, Event::PlayEnded { completed: false, .. })).len(), 2);
}

/// FEATURES T10: events on the clocks of 8 and of 48 kHz.
#[test]
fn keys_cross_every_pair_once() {
    for (a, b) in pairs() {
        let mut world = bridged(a, b);
        world.press(A, "159#");
        world.run(1_500);
        assert_eq!(
            (world.keys_told().as_str(), world.keys_heard(B).as_str()),
            ("159#", "159#"),
            "{a} to {b}"
        );
        let digits = "7*".chars().filter_map(Digit::from_char).collect();
        world.order(Order::SendDigits { leg: B, digits });
        world.run(1_000);
        assert_eq!(world.keys_heard(B), "159#7*", "{a} to {b}");
        world.assert_one_stream(B);
        assert!(listen::contains_tone(&world.heard(B), 500.0), "{a} to {b}: sound goes on");
    }
}

#[test]
fn an_opus_peer_with_events_of_the_other_clock_is_understood_and_understands() {
    let odd = StreamConfig { telephone_event_hz: 8_000, ..speaking(Codec::Opus, ADDRESS[1]) };
    for other in [Codec::Opus, Codec::Pcma] {
        let mut world = World::pair(speaking(other, ADDRESS[0]), odd);
        world.order(Order::Bridge { a: A, b: B });
        world.run(500);
        world.press(A, "12");
        world.press(B, "34");
        world.run(1_500);
        assert_eq!((world.keys_heard(A).as_str(), world.keys_heard(B).as_str()), ("34", "12"), "{other}");
        let told = world.events.iter().filter_map(|(_, e)| match e {
            Event::Digit { duration_ms, .. } => Some(*duration_ms),
            _ => None,
        });
        assert!(told.clone().all(|ms| ms <= 100), "{:?}", told.collect::<Vec<_>>());
    }
}

#[test]
fn a_peer_without_events_hears_keys_as_tones_in_its_codec() {
    for codec in Codec::ALL {
        let plain = StreamConfig { send_telephone_event: None, ..speaking(codec, ADDRESS[0]) };
        let mut world = World::new();
        world.leg(A, plain, None);
        let digits = "4#".chars().filter_map(Digit::from_char).collect();
        world.order(Order::SendDigits { leg: A, digits });
        world.run(1_000);
        let mut sound = Vec::new();
        let mut decoder = Decoder::new(coding(codec), Band::Narrow);
        let mut pcm = [0; DECODED_MAX];
        for (n, sent) in world.audio(A).iter().enumerate() {
            if n > 0 && sent.header.marker {
                sound.extend([0i16; 800]);
            }
            let len = decoder.decode(&sent.payload, &mut pcm);
            sound.extend_from_slice(&pcm[..len]);
        }
        sound.extend([0i16; 800]);
        let mut detector = senim_audio::dtmf::Detector::new();
        let keys: String = sound.chunks(160).filter_map(|chunk| detector.feed(chunk)).collect();
        assert_eq!(keys, "4#", "{codec}");
    }
}

#[test]
fn three_who_speak_three_codecs_confer() {
    for codecs in [[Codec::Pcma, Codec::G722, Codec::Opus], [Codec::Opus, Codec::Opus, Codec::Pcmu]] {
        let mut world = World::new();
        for ((leg, codec), (address, hz)) in
            [A, B, C].into_iter().zip(codecs).zip(ADDRESS.into_iter().zip([500.0, 900.0, 1_300.0]))
        {
            world.leg(leg, speaking(codec, address), Some(hz));
        }
        world.order(Order::Mix { rows: vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])] });
        world.run(2_000);
        for (leg, hears) in [(A, [900.0, 1_300.0]), (B, [500.0, 1_300.0]), (C, [500.0, 900.0])] {
            let heard = world.heard(leg);
            for hz in hears {
                assert!(listen::contains_tone(&heard[1_600..], hz), "{codecs:?}: {leg:?} hears {hz}");
            }
            world.assert_one_stream(leg);
        }
    }
}

/// FEATURES T13, R7: a re-INVITE may change the codec.
#[test]
fn a_party_that_changes_its_codec_is_heard_and_hears_and_is_recorded_on() {
    for (from, to) in pairs().filter(|(from, to)| from != to) {
        let mut world = bridged(Codec::Pcma, from);
        let ssrc = world.rtp(B)[0].header.ssrc;
        world.forget();
        world.configure(B, speaking(to, ADDRESS[1]));
        world.phone(B).speak(to);
        world.run(2_000);
        let what = format!("{from} to {to}");
        assert!(listen::contains_tone(&world.heard(B)[1_600..], 500.0), "{what}");
        assert!(listen::contains_tone(&world.heard(A)[1_600..], 900.0), "{what}");
        // RFC 7160 section 4.1: another clock is another source.
        let same_clock = from.clock_hz() == to.clock_hz();
        assert_eq!(world.rtp(B)[0].header.ssrc == ssrc, same_clock, "{what}");
        world.assert_one_stream(A);
        world.assert_one_stream(B);
        let sound = taped(&world, 2);
        assert!(sound.len().abs_diff(2_000 * 8) <= 320, "{what}: {} samples", sound.len());
        assert!(listen::contains_tone(&sound[sound.len() - 8_000..], 900.0), "{what}");
    }
}

#[test]
fn loss_is_bridged_where_another_codec_is_made_of_it() {
    for (a, b) in pairs().filter(|(a, b)| a.is_foreign_to(*b)) {
        let mut world = World::pair(speaking(a, ADDRESS[0]), speaking(b, ADDRESS[1]));
        world.phone(A).lose = |seq| seq % 10 == 3;
        world.order(Order::Bridge { a: A, b: B });
        world.run(3_000);
        let heard = world.heard(B);
        let seconds = heard.len() as f32 / 8_000.0;
        assert!((2.7..=3.1).contains(&seconds), "{a} to {b}: {seconds} s");
        let silent = heard[1_600..].chunks(160).filter(|c| goertzel::mean_square(c) < 500_000.0).count();
        assert!(silent <= 3, "{a} to {b}: {silent} frames of nothing");
        assert!(listen::contains_tone(&heard[1_600..], 500.0), "{a} to {b}");
        world.assert_one_stream(B);
    }
}

#[test]
fn silence_is_not_sent_to_an_opus_peer_that_wishes_so() {
    let mut wishing = speaking(Codec::Opus, ADDRESS[1]);
    wishing.opus.dtx = true;
    let mut world = World::pair(speaking(Codec::Pcma, ADDRESS[0]), wishing);
    world.order(Order::Bridge { a: A, b: B });
    world.run(1_000);
    world.phone(A).hz = Some(0.0);
    world.run(1_000);
    world.forget();
    world.run(2_000);
    assert!(world.audio(B).len() < 30, "{} packets of silence", world.audio(B).len());
    world.phone(A).hz = Some(500.0);
    world.run(1_000);
    assert!(world.hears(B, 500.0));
    assert!(world.audio(B).iter().any(|s| s.header.marker), "a talkspurt begins");
    world.assert_one_stream(B);
}
