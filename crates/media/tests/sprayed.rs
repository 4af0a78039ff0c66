//! A million packets sprayed at the ports of a call, before, during and after its set-up, and when it is over: no
//! stranger is heard, recorded or sent to (RTP bleed, injection).
#![allow(clippy::unwrap_used)]

mod world;

use senim_audio::{g711, listen};
use senim_base::{LegId, RecordingId, TrackId};
use senim_media::{Order, StreamConfig};
use senim_rtp::Header;
use std::net::SocketAddr;
use world::{A, B, C, World, bytes, config, decode, ip, sine};

/// What strangers say.
const FOREIGN_HZ: f32 = 1_900.0;
/// Packets in each of the four times.
const SPRAYED: u32 = 250_000;
/// Of these in a millisecond.
const AT_ONCE: u32 = 50;

/// Packets of a tone, as someone would send who hopes to be heard at once.
struct Spray {
    sound: Vec<Vec<u8>>,
    n: u32,
}

impl Spray {
    fn new() -> Spray {
        let tone: Vec<u8> = sine(FOREIGN_HZ, 1_000).into_iter().map(g711::alaw_encode).collect();
        Spray { sound: tone.chunks(160).map(<[u8]>::to_vec).collect(), n: 0 }
    }

    /// The next packet: from strangers of many addresses, among them the parties' own hosts at other ports, with
    /// the SSRC and payload type of the party or others.
    fn next(&mut self) -> (LegId, SocketAddr, Vec<u8>) {
        self.n += 1;
        let n = self.n;
        let leg = [A, B, C][n as usize % 3];
        let from = match n % 4 {
            0 => format!("10.0.0.{}:{}", leg.0, 4_002 + n % 1_000),
            1 => "192.0.2.66:4000".to_owned(),
            _ => format!("198.51.{}.{}:{}", n % 200, n % 250, 1_024 + n % 60_000),
        };
        let header = Header {
            marker: n.is_multiple_of(50),
            payload_type: if n.is_multiple_of(9) { 101 } else { 8 },
            seq: (n / 3) as u16,
            timestamp: (n / 3).wrapping_mul(160),
            ssrc: if n.is_multiple_of(2) { 0x1000 + leg.0 as u32 } else { n },
        };
        (leg, from.parse().unwrap(), bytes(header, &self.sound[n as usize % self.sound.len()]))
    }

    fn upon(&mut self, world: &mut World) {
        for n in 1..=SPRAYED {
            let (leg, from, packet) = self.next();
            world.packet(leg, from, &packet);
            if n.is_multiple_of(AT_ONCE) {
                world.run(1);
            }
        }
    }
}

fn parties() -> [(LegId, StreamConfig, f32); 3] {
    [(A, 500.0), (B, 900.0), (C, 1_300.0)].map(|(leg, hz)| {
        // Behind a NAT: their signalling comes from an address of its own.
        let far =
            StreamConfig { signalling_peer: ip(&format!("203.0.113.{}", leg.0)), ..config(&named(leg)) };
        (leg, far, hz)
    })
}

fn named(leg: LegId) -> String {
    format!("10.0.0.{}:4000", leg.0)
}

fn taped(world: &World, leg: LegId) -> Vec<i16> {
    let track = world.taps.iter().filter(|t| u64::from(t.track.0) == leg.0);
    track.flat_map(|t| decode(t.codec, &t.bytes)).collect()
}

fn nobody_but_the_parties(world: &World) {
    for (leg, sent) in &world.sent {
        for packet in sent {
            assert_eq!(packet.to.ip().to_string(), format!("10.0.0.{}", leg.0), "{leg} is sent nowhere else");
        }
    }
    for leg in [A, B, C] {
        assert!(!listen::contains_tone(&taped(world, leg), FOREIGN_HZ), "a stranger was recorded");
    }
    for leg in [A, B, C].into_iter().filter(|leg| world.sent.contains_key(leg)) {
        assert!(!world.hears(leg, FOREIGN_HZ), "a stranger was heard at {leg}");
    }
}

/// FEATURES T12, THREATS «A stranger hears or speaks».
#[test]
fn of_a_million_sprayed_packets_none_is_heard_recorded_or_answered() {
    let (mut world, mut spray) = (World::new(), Spray::new());
    for (leg, _, _) in parties() {
        world.order(Order::Open { leg, port: 20_000 + 2 * leg.0 as u16, ipv6: false });
        world.order(Order::Record { leg, recording: RecordingId(1), track: TrackId(leg.0 as u8) });
    }
    // The ports are open, nothing is agreed.
    spray.upon(&mut world);
    assert!(world.sent.is_empty() && world.taps.is_empty(), "before the answer nobody is anybody");

    // Agreed, joined, and none of the parties has spoken yet.
    let rows = vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])];
    for (leg, stream, _) in parties() {
        world.configure(leg, stream);
    }
    world.order(Order::Mix { rows: rows.clone() });
    spray.upon(&mut world);
    nobody_but_the_parties(&world);
    assert!(world.taps.is_empty() && [A, B, C].iter().all(|leg| world.audio(*leg).is_empty()));

    // They talk.
    world.forget();
    for (leg, stream, hz) in parties() {
        world.leg(leg, stream, Some(hz));
    }
    spray.upon(&mut world);
    nobody_but_the_parties(&world);
    for (ear, others, own) in
        [(A, [900.0, 1_300.0], 500.0), (B, [500.0, 1_300.0], 900.0), (C, [500.0, 900.0], 1_300.0)]
    {
        assert!(others.iter().all(|hz| world.hears(ear, *hz)) && !world.hears(ear, own), "{ear}");
    }
    for (leg, _, hz) in parties() {
        assert!(listen::contains_tone(&taped(&world, leg), hz), "{leg} is recorded");
    }

    // One has left, his phone is silent, then all have.
    let strangers = world.close(C).strangers;
    assert!(strangers > u64::from(SPRAYED) / 2, "{strangers} were counted");
    world.phones.remove(&C);
    world.forget();
    spray.upon(&mut world);
    nobody_but_the_parties(&world);
    assert!(world.hears(A, 900.0) && world.hears(B, 500.0) && !world.sent.contains_key(&C));
    world.order(Order::CloseSession);
    world.forget();
    let (leg, from, packet) = spray.next();
    world.packet(leg, from, &packet);
    assert!(world.sent.is_empty() && world.taps.is_empty() && world.events.is_empty());
}
