//! So many packets through a session, for whoever counts instructions: `packets bridge|record|play N`.
//!
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/packets bridge 20000

use core::time::Duration;
use senim_audio::Bank;
use senim_base::{CallId, Instant, LegId, PlayId, RecordingId, TrackId};
use senim_media::{Order, Outbox, Session, StreamConfig};
use senim_rtp::Header;
use std::hint::black_box;

const A: LegId = LegId(1);
const B: LegId = LegId(2);

fn config(remote: &str) -> Option<StreamConfig> {
    let remote = remote.parse().ok()?;
    Some(StreamConfig { remote_rtcp: remote, rtcp_mux: true, ..StreamConfig::of_telephone(remote) })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (Some(shape), Some(packets)) = (args.get(1), args.get(2).and_then(|n| n.parse::<u32>().ok())) else {
        eprintln!("packets bridge|record|play N");
        return;
    };
    let (mut bank, mut out, mut now) = (Bank::new(), Outbox::new(), Instant::from_secs(1));
    let clip = bank.add(None, "test", &[1_000; 8_000]);
    let mut session = Session::new(CallId(1), 1);
    let mut orders = Vec::new();
    for (leg, remote) in [(A, "10.0.0.1:4000"), (B, "10.0.0.2:4000")] {
        let Some(stream) = config(remote) else { return };
        orders.push(Order::Open { leg, port: 4_000, ipv6: false });
        orders.push(Order::Configure { leg, stream });
        if shape == "record" {
            orders.push(Order::Record { leg, recording: RecordingId(1), track: TrackId(0) });
        }
    }
    orders.push(match shape.as_str() {
        "play" => Order::Play { leg: A, play: PlayId(1), clips: vec![clip], repeat: true },
        _ => Order::Bridge { a: A, b: B },
    });
    orders.iter().for_each(|order| session.order(order, now, &mut out));
    let Some(from) = config("10.0.0.1:4000").map(|stream| stream.remote) else { return };
    let mut packet = [0x55; 172];
    for n in 0..packets {
        let timestamp = n.wrapping_mul(160);
        Header { payload_type: 8, seq: n as u16, timestamp, ssrc: 5, marker: false }.write(&mut packet);
        session.packet(A, from, false, &packet, now, &mut out);
        black_box(out.items().count());
        out.clear();
        now += Duration::from_millis(20);
        if session.deadline().is_some_and(|at| at <= now) {
            session.tick(&bank, now, &mut out);
            black_box(out.items().count());
            out.clear();
        }
    }
}
