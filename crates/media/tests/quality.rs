//! How a leg sounds is told while it is so, and sound that goes one way only within three seconds.
#![allow(clippy::unwrap_used)]

mod world;

use core::time::Duration;
use senim_base::{Instant, LegId, RecordingId, TrackId};
use senim_media::{Event, Lamp, Order, Quality, StreamConfig, Way};
use senim_rtp::{Header, REPORT_LEN_MAX, Report, ReportBlock};
use senim_sdp::Direction;
use world::{A, B, World, bytes, config};

fn bridged() -> World {
    let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
    world.order(Order::Bridge { a: A, b: B });
    world.run(1_000);
    world
}

fn one_way(world: &World) -> Vec<(LegId, Way, bool)> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        Event::OneWay { leg, way, missing } => Some((*leg, *way, *missing)),
        _ => None,
    });
    told.collect()
}

fn qualities(world: &World, of: LegId) -> Vec<Quality> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        Event::Quality { leg, quality } if *leg == of => Some(*quality),
        _ => None,
    });
    told.collect()
}

/// FEATURES T13, T14: whoever should be heard and is not is told of within three seconds, and when he is heard again.
#[test]
fn a_party_that_is_not_heard_is_told_of_within_three_seconds_and_when_it_is_back() {
    let mut world = bridged();
    world.run(5_000);
    assert_eq!(one_way(&world), []);
    world.phone(A).hz = None;
    let since: Instant = world.now;
    world.run(3_000);
    assert_eq!(one_way(&world), [(A, Way::FromParty, true)]);
    let told = world.told(|e| matches!(e, Event::OneWay { .. }))[0];
    assert!(told.since(since) <= Duration::from_secs(3));
    world.run(10_000);
    assert_eq!(one_way(&world).len(), 1, "it is told once");
    world.phone(A).hz = Some(500.0);
    world.run(100);
    assert_eq!(one_way(&world)[1..], [(A, Way::FromParty, false)]);
    assert!(world.hears(B, 500.0));
}

#[test]
fn one_who_never_spoke_is_told_of_only_where_somebody_would_hear_him() {
    let silent = |order: Option<Order>| {
        let mut world = World::pair(config("10.0.0.1:4000"), config("10.0.0.2:4000"));
        world.phone(A).hz = None;
        order.into_iter().for_each(|order| world.order(order));
        world.run(6_000);
        one_way(&world)
    };
    assert_eq!(silent(None), []);
    assert_eq!(silent(Some(Order::Hear { leg: B, from: A })), [(A, Way::FromParty, true)]);
    assert_eq!(silent(Some(Order::Mix { rows: vec![(B, vec![A, LegId(9)])] })), [(A, Way::FromParty, true)]);
    let record = Order::Record { leg: A, recording: RecordingId(1), track: TrackId(0) };
    assert_eq!(silent(Some(record)), [(A, Way::FromParty, true)]);
}

#[test]
fn hold_and_a_silence_that_was_announced_are_no_fault() {
    let mut world = bridged();
    world.phone(A).hz = None;
    for direction in [Direction::RecvOnly, Direction::SendOnly, Direction::Inactive] {
        world.configure(A, StreamConfig { direction, ..config("10.0.0.1:4000") });
        world.run(6_000);
        assert_eq!(one_way(&world), [], "{direction:?}");
    }
    world.configure(A, config("10.0.0.1:4000"));
    // Comfort noise: RFC 3389.
    let header = Header { payload_type: 13, seq: 7, timestamp: 9, ssrc: 0x1001, marker: false };
    world.packet(A, "10.0.0.1:4000".parse().unwrap(), &bytes(header, &[60]));
    world.run(10_000);
    assert_eq!(one_way(&world), []);
    world.phone(A).hz = Some(500.0);
    world.run(500);
    world.phone(A).hz = None;
    world.run(3_000);
    assert_eq!(one_way(&world), [(A, Way::FromParty, true)]);
    // Held while it is missing: nobody waits for him any more.
    world.configure(A, StreamConfig { direction: Direction::RecvOnly, ..config("10.0.0.1:4000") });
    assert_eq!(one_way(&world)[1..], [(A, Way::FromParty, false)]);
}

#[test]
fn a_party_whose_own_reports_say_that_it_hears_nothing_is_told_of() {
    let mut world = bridged();
    let report = |world: &mut World, highest: Option<u32>| {
        let about = world.rtp(A).last().unwrap().header.ssrc;
        let block =
            highest.map(|highest_seq| ReportBlock { ssrc: about, highest_seq, ..ReportBlock::default() });
        let mut room = [0; REPORT_LEN_MAX];
        let len = Report { ssrc: 0x1001, block, ..Report::default() }.write(&mut room);
        let from = "10.0.0.1:4001".parse().unwrap();
        world.session.packet(A, from, true, &room[..len], world.now, &mut world.out);
        world.run(5_000);
    };
    // It never spoke of what it hears: that says nothing.
    report(&mut world, None);
    report(&mut world, None);
    for highest in [100, 350, 600] {
        report(&mut world, Some(highest));
    }
    assert_eq!(one_way(&world), []);
    report(&mut world, Some(600));
    assert_eq!(one_way(&world), [(A, Way::ToParty, true)]);
    report(&mut world, None);
    assert_eq!(one_way(&world).len(), 1);
    report(&mut world, Some(700));
    assert_eq!(one_way(&world)[1..], [(A, Way::ToParty, false)]);
}

/// FEATURES D10.
#[test]
fn the_lamp_follows_the_network_and_the_report_says_the_whole() {
    let mut world = bridged();
    world.run(12_000);
    let [good] = qualities(&world, A)[..] else { panic!("told once: {:?}", qualities(&world, A)) };
    assert_eq!((good.lamp(), good.loss_per_mille), (Lamp::Good, 0));
    assert!((430..=441).contains(&good.mos_x100), "{good:?}");
    world.phone(A).lose = |seq| seq % 8 == 0;
    world.run(12_000);
    let poor = *qualities(&world, A).last().unwrap();
    assert_eq!(poor.lamp(), Lamp::Poor, "{poor:?}");
    assert!((110..=135).contains(&poor.loss_per_mille), "{poor:?}");
    world.phone(A).lose = |_| false;
    world.run(12_000);
    assert_eq!(qualities(&world, A).last().unwrap().lamp(), Lamp::Good);
    assert!(qualities(&world, B).len() == 1, "the other one's network was well all the time");
    let (a, b) = (world.close(A).mos_x100.unwrap(), world.close(B).mos_x100.unwrap());
    assert!(a < b && b >= 430 && a > 300, "{a} {b}");
}
