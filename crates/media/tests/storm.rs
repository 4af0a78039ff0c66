//! Any order at any time, any bytes from anyone: nothing panics, time always goes on, every play ends.

mod world;

use core::time::Duration;
use proptest::prelude::*;
use senim_audio::Wishes;
use senim_base::{ClipId, LegId, PlayId, RecordingId, TrackId};
use senim_media::{Event, Order, StreamConfig};
use senim_sdp::{Codec, Direction};
use world::{World, config};

#[derive(Clone, Debug)]
enum Act {
    Order(Order),
    Bytes { leg: u64, from: u8, bytes: Vec<u8> },
    Run(u64),
    Starve(u64),
}

fn stream() -> impl Strategy<Value = StreamConfig> {
    (0u8..3, 0usize..4, 0u16..90, 0u8..4, any::<bool>()).prop_map(
        |(host, codec, ptime, direction, events)| StreamConfig {
            codec: Codec::ALL[codec],
            // Whatever comes with payload type 8 is in it: packets of others are nothing that it can read.
            opus: Wishes { fec: events, dtx: !events },
            telephone_event_hz: [8_000, 48_000][usize::from(ptime > 50)],
            send_ptime_ms: ptime,
            send_telephone_event: events.then_some(101),
            receive_telephone_event: events.then_some(101),
            direction: [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
                [usize::from(direction)],
            ..config(&format!("10.0.0.{host}:4000"))
        },
    )
}

fn order() -> impl Strategy<Value = Order> {
    let leg = || (0u64..4).prop_map(LegId);
    let recording = || (0u128..3).prop_map(RecordingId);
    prop_oneof![
        leg().prop_map(|leg| Order::Open { leg, port: 4_000, ipv6: false }),
        (leg(), stream()).prop_map(|(leg, stream)| Order::Configure { leg, stream }),
        (leg(), stream()).prop_map(|(leg, stream)| Order::Configure { leg, stream }),
        (leg(), any::<u16>(), proptest::collection::vec(0u32..9, 0..3), any::<bool>()).prop_map(
            |(leg, play, clips, repeat)| Order::Play {
                leg,
                play: PlayId(play.into()),
                clips: clips.into_iter().map(ClipId).collect(),
                repeat
            }
        ),
        leg().prop_map(|leg| Order::Silence { leg }),
        (leg(), leg()).prop_map(|(a, b)| Order::Bridge { a, b }),
        (leg(), leg()).prop_map(|(leg, from)| Order::Hear { leg, from }),
        (leg(), recording()).prop_map(|(leg, recording)| Order::Record { leg, recording, track: TrackId(0) }),
        (leg(), recording()).prop_map(|(leg, recording)| Order::RecordHeard {
            leg,
            recording,
            track: TrackId(1)
        }),
        recording().prop_map(|recording| Order::StopRecording { recording }),
        (leg(), any::<bool>()).prop_map(|(leg, on)| Order::AbsorbDigits { leg, on }),
        (leg(), 0u64..3_000)
            .prop_map(|(leg, ms)| Order::Inactivity { leg, after: Duration::from_millis(ms) }),
        (leg(), 0u8..16).prop_map(|(leg, code)| Order::SendDigits {
            leg,
            digits: senim_rtp::Digit::from_code(code).into_iter().collect()
        }),
        leg().prop_map(|leg| Order::Close { leg }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let rtp = (any::<bool>(), 0u8..4, any::<u16>(), any::<u32>(), 0usize..700).prop_map(
        |(marker, kind, seq, timestamp, len)| {
            let payload_type = [0, 8, 101, 13][usize::from(kind)];
            world::bytes(senim_rtp::Header { marker, payload_type, seq, timestamp, ssrc: 1 }, &vec![1; len])
        },
    );
    let bytes = prop_oneof![rtp, proptest::collection::vec(any::<u8>(), 0..60)];
    prop_oneof![
        3 => order().prop_map(Act::Order),
        4 => (0u64..4, 0u8..3, bytes).prop_map(|(leg, from, bytes)| Act::Bytes { leg, from, bytes }),
        2 => (1u64..300).prop_map(Act::Run),
        1 => (1u64..100_000).prop_map(Act::Starve),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn no_order_and_no_packet_breaks_a_session(acts in proptest::collection::vec(act(), 1..120)) {
        let mut world = World::new();
        let mut plays = 0;
        for act in acts {
            match act {
                Act::Order(order) => {
                    plays += usize::from(matches!(order, Order::Play { .. }));
                    if let Order::Configure { leg, stream } = order {
                        world.configure(leg, stream);
                    } else {
                        world.order(order);
                    }
                }
                Act::Bytes { leg, from, bytes } => {
                    let from = format!("10.0.0.{from}:4000").parse().unwrap();
                    world.packet(LegId(leg), from, &bytes);
                }
                Act::Run(ms) => world.run(ms),
                Act::Starve(ms) => world.starve(ms),
            }
        }
        world.order(Order::CloseSession);
        prop_assert!(world.session.is_empty() && world.session.deadline().is_none());
        prop_assert_eq!(world.told(|e| matches!(e, Event::PlayEnded { .. })).len(), plays);
        let told = |f: fn(&Event) -> bool| world.told(f).len();
        prop_assert_eq!(told(|e| matches!(e, Event::Closed { .. })), told(|e| matches!(e, Event::Report { .. })));
    }
}
