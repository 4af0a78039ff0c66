//! What a session notices: first sound, silence on the wire, peers behind NAT, reports; and its ceilings.

mod world;

use core::time::Duration;
use senim_base::LegId;
use senim_media::{Event, LEGS_MAX, Order, StreamConfig};
use senim_rtp::{Report, ReportBlock, SenderInfo, ntp};
use senim_sdp::Direction;
use world::{A, B, World, config, ip};

/// FEATURES T14.
#[test]
fn silence_on_the_wire_is_told_once_and_so_is_its_end() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Inactivity { leg: A, after: Duration::from_secs(3) });
    world.run(1_000);
    assert_eq!(world.told(|e| matches!(e, Event::FirstPacket { .. })).len(), 2);
    world.phone(A).hz = None;
    let quiet = world.now;
    world.run(8_000);
    let told = world.told(|e| matches!(e, Event::Inactive { leg: A, .. }));
    assert_eq!(told.len(), 1);
    let after = told[0].since(quiet).as_millis();
    assert!((2_980..=3_000).contains(&after), "{after}");
    world.phone(A).hz = Some(500.0);
    world.run(4_000);
    assert_eq!(world.told(|e| matches!(e, Event::Resumed { leg: A })).len(), 1);
    assert_eq!(world.told(|e| matches!(e, Event::Inactive { leg: B, .. })).len(), 0);
}

#[test]
fn a_leg_that_never_speaks_is_inactive_too_but_not_one_on_hold() {
    let mut world = World::new();
    world.leg(A, config("10.0.0.1:4000"), None);
    world.leg(B, StreamConfig { direction: Direction::SendOnly, ..config("10.0.0.2:4000") }, None);
    for leg in [A, B] {
        world.order(Order::Inactivity { leg, after: Duration::from_secs(3) });
    }
    world.run(5_000);
    assert_eq!(world.told(|e| matches!(e, Event::Inactive { .. })).len(), 1);
    world.configure(B, config("10.0.0.2:4000"));
    world.run(2_900);
    assert_eq!(world.told(|e| matches!(e, Event::Inactive { leg: B, .. })).len(), 0, "its time begins anew");
    world.run(200);
    assert_eq!(world.told(|e| matches!(e, Event::Inactive { leg: B, .. })).len(), 1);
}

#[test]
fn a_peer_behind_nat_is_found_heard_and_sent_to() {
    let inside = StreamConfig { signalling_peer: ip("203.0.113.9"), ..config("192.168.1.5:4000") };
    let mut world = World::pair(inside, config("10.0.0.2:4000"));
    world.phone(A).address = "203.0.113.9:61000".parse().unwrap();
    world.order(Order::Bridge { a: A, b: B });
    world.run(2_000);
    assert_eq!(world.told(|e| matches!(e, Event::Relatched { leg: A })).len(), 1);
    assert!(world.hears(B, 500.0));
    assert_eq!(world.rtp(A).last().unwrap().to, "203.0.113.9:61000".parse().unwrap());
}

#[test]
fn reports_go_every_five_seconds_and_the_peers_are_understood() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Bridge { a: A, b: B });
    world.phone(A).lose = |seq| seq % 5 == 0;
    world.run(11_000);
    let rtcp: Vec<_> = world.sent[&A].iter().filter(|s| s.rtcp).collect();
    assert_eq!(rtcp.len(), 2);
    assert!(rtcp.iter().all(|s| s.to == "10.0.0.1:4001".parse().unwrap()));
    let report = Report::read(&rtcp[1].payload, 0x1001).unwrap();
    let ssrc = world.rtp(A)[0].header.ssrc;
    assert_eq!(report.ssrc, ssrc);
    assert!(report.sender.is_some_and(|s| s.packets > 400));
    let fraction = report.block.unwrap().fraction_lost;
    assert!((45..=58).contains(&fraction), "a fifth is lost: {fraction}");

    let middle = (ntp(world.now - Duration::from_millis(140)) >> 16) as u32;
    let block = ReportBlock {
        ssrc,
        cumulative_lost: 9,
        last_sr: middle,
        delay_since_last_sr: 65_536 / 10,
        ..Default::default()
    };
    let sender = Some(SenderInfo { ntp: 5 << 32, ..Default::default() });
    let mut bytes = [0; senim_rtp::REPORT_LEN_MAX];
    let len = Report { ssrc: 0x1001, sender, block: Some(block), bye: false }.write(&mut bytes);
    world.session.packet(A, "10.0.0.1:4001".parse().unwrap(), true, &bytes[..len], world.now, &mut world.out);
    world.session.packet(
        A,
        "192.0.2.1:4001".parse().unwrap(),
        true,
        &bytes[..len],
        world.now,
        &mut world.out,
    );
    let figures = world.close(A);
    assert_eq!(figures.peer_lost, Some(9));
    let trip = figures.round_trip_us.unwrap();
    assert!((39_000..=41_000).contains(&trip), "{trip}");
    assert_eq!(figures.strangers, 1);
    assert!((105..=115).contains(&figures.lost), "{}", figures.lost);
    let bye = Report::read(&world.sent[&A].last().unwrap().payload, 0).unwrap();
    assert!(bye.bye);
}

#[test]
fn who_never_sent_anything_leaves_without_a_bye() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.close(A);
    assert!(world.sent.get(&A).is_none_or(Vec::is_empty));
    world.run(6_000);
    world.close(B);
    let last = world.sent[&B].last().unwrap();
    assert!(Report::read(&last.payload, 0).unwrap().bye, "it had reported");
}

#[test]
fn legs_have_a_ceiling_and_orders_for_strangers_do_nothing() {
    let mut world = World::new();
    for n in 0..=LEGS_MAX as u64 {
        world.order(Order::Open { leg: LegId(n), port: 4_000, ipv6: false });
    }
    assert_eq!(world.told(|e| matches!(e, Event::OpenFailed { .. })).len(), 1);
    let refused = LegId(LEGS_MAX as u64);
    world.order(Order::Silence { leg: refused });
    world.order(Order::Close { leg: refused });
    world.order(Order::Configure { leg: refused, stream: config("10.0.0.1:4000") });
    world.packet(refused, "10.0.0.1:4000".parse().unwrap(), &[0x80; 40]);
    world.order(Order::CloseSession);
    assert_eq!(world.told(|e| matches!(e, Event::Closed { .. })).len(), LEGS_MAX);
    assert!(world.session.is_empty() && world.session.deadline().is_none());
}

#[test]
fn malformed_datagrams_are_counted_and_do_nothing() {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    let from = "10.0.0.1:4000".parse().unwrap();
    for n in 0..64usize {
        world.packet(A, from, &vec![n as u8; n]);
    }
    world.packet(A, from, &[0x80, 200, 0, 99]);
    world.packet(A, from, &world::bytes(senim_rtp::Header { payload_type: 101, ..Default::default() }, &[1]));
    world.packet(
        A,
        from,
        &world::bytes(senim_rtp::Header { payload_type: 77, seq: 1, ..Default::default() }, &[1; 3_000]),
    );
    assert!(world.close(A).malformed > 60);
    assert_eq!(world.keys_told(), "");
}
