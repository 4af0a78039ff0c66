//! On the path of a packet nothing allocates: a counting allocator stands under a warm session.

mod world;

use core::time::Duration;
use senim_base::{ClipId, PlayId, RecordingId, TrackId};
use senim_media::{Order, StreamConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use world::{A, B, C, World, config};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// Tests only: the crate itself forbids unsafe code.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_counter_counts() {
    let before = COUNT.with(Cell::get);
    std::hint::black_box(Vec::<u8>::with_capacity(100));
    assert_eq!(COUNT.with(Cell::get) - before, 1);
}

/// Twelve seconds of packets and ticks, cleared after each; allocations counted.
fn allocations(world: &mut World) -> u64 {
    let addresses: Vec<_> = world.phones.iter().map(|(leg, phone)| (*leg, phone.address)).collect();
    let mut packet = [0x55; 172];
    let before = COUNT.with(Cell::get);
    for n in 0..600u16 {
        let header = senim_rtp::Header {
            payload_type: if n % 50 == 7 { 101 } else { 8 },
            seq: n,
            timestamp: u32::from(n) * 160,
            ssrc: 9,
            marker: false,
        };
        header.write(&mut packet);
        for (leg, address) in &addresses {
            world.session.packet(*leg, *address, false, &packet, world.now, &mut world.out);
            world.out.clear();
        }
        world.now += Duration::from_millis(20);
        world.session.tick(&world.bank, world.now, &mut world.out);
        world.out.clear();
    }
    COUNT.with(Cell::get) - before
}

/// Twelve seconds in which each phone says a tone in its own codec, or silence for a second now and then; allocations
/// of the session alone, counted after the first second.
fn allocations_of_talk(world: &mut World) -> u64 {
    let mut said = Vec::new();
    for n in 0..600u32 {
        for leg in [A, B] {
            let phone = world.phone(leg);
            if n % 100 == 50 {
                phone.hz = if phone.hz.is_some() && n % 200 == 50 { Some(0.0) } else { Some(700.0) };
            }
            said.extend(phone.say().map(|bytes| (n, leg, phone.address, bytes)));
        }
    }
    let mut counted = 0;
    for n in 0..600 {
        let before = COUNT.with(Cell::get);
        for (_, leg, address, bytes) in said.iter().filter(|(at, ..)| *at == n) {
            world.session.packet(*leg, *address, false, bytes, world.now, &mut world.out);
            world.out.clear();
        }
        world.now += Duration::from_millis(20);
        world.session.tick(&world.bank, world.now, &mut world.out);
        world.out.clear();
        if n >= 50 {
            counted += COUNT.with(Cell::get) - before;
        }
    }
    counted
}

#[test]
fn what_is_coded_anew_between_any_two_codecs_does_not_allocate() {
    for a in senim_sdp::Codec::ALL {
        for b in senim_sdp::Codec::ALL {
            let mut wishes = world::speaking(b, "10.0.0.2:4000");
            wishes.opus = senim_audio::Wishes { fec: true, dtx: true };
            let mut world = World::pair(world::speaking(a, "10.0.0.1:4000"), wishes);
            for (leg, track) in [(A, 0), (B, 2)] {
                world.order(Order::Record { leg, recording: RecordingId(1), track: TrackId(track) });
            }
            world.order(Order::Bridge { a: A, b: B });
            assert_eq!(allocations_of_talk(&mut world), 0, "{a} and {b}");
        }
    }
}

#[test]
fn three_codecs_in_conference_and_prompts_of_each_do_not_allocate() {
    let opus = world::speaking(senim_sdp::Codec::Opus, "10.0.0.1:4000");
    let plain = StreamConfig { receive_telephone_event: None, ..opus };
    let mut world = World::pair(plain, world::speaking(senim_sdp::Codec::G722, "10.0.0.2:4000"));
    world.leg(C, world::speaking(senim_sdp::Codec::Pcmu, "10.0.0.3:4000"), None);
    world.order(Order::Mix { rows: vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])] });
    assert_eq!(allocations_of_talk(&mut world), 0, "conference, and keys in band of Opus");
    let clips: Vec<ClipId> = vec![world.clip("one", 600.0, 1_000), world.clip("two", 700.0, 333)];
    for leg in [A, B] {
        let order = Order::Play { leg, play: PlayId(leg.0), clips: clips.clone(), repeat: true };
        world.order(order);
    }
    assert_eq!(allocations_of_talk(&mut world), 0, "prompts");
}

/// The one exception: a lost packet of Opus that its successor repeats costs its decoder a short buffer.
#[test]
fn a_lost_packet_of_opus_costs_one_allocation_at_most() {
    let opus = world::speaking(senim_sdp::Codec::Opus, "10.0.0.1:4000");
    let mut world = World::pair(opus, world::config("10.0.0.2:4000"));
    world.phone(A).lose = |seq| seq % 20 == 3;
    world.order(Order::Bridge { a: A, b: B });
    let allocations = allocations_of_talk(&mut world);
    assert!(allocations <= 30, "{allocations} for 28 lost packets");
}

fn recorded(other: StreamConfig) -> World {
    let mut world = World::pair(config("10.0.0.1:4000"), other);
    for (leg, track) in [(A, 0), (B, 2)] {
        world.order(Order::Record { leg, recording: RecordingId(1), track: TrackId(track) });
        world.order(Order::RecordHeard { leg, recording: RecordingId(1), track: TrackId(track + 1) });
    }
    world
}

#[test]
fn bridged_recorded_translated_and_recut_packets_do_not_allocate() {
    for (codec, ptime) in
        [(senim_sdp::Codec::Pcma, 20), (senim_sdp::Codec::Pcmu, 20), (senim_sdp::Codec::Pcmu, 30)]
    {
        let mut world = recorded(StreamConfig { codec, send_ptime_ms: ptime, ..config("10.0.0.2:4000") });
        world.order(Order::Bridge { a: A, b: B });
        assert_eq!(allocations(&mut world), 0, "{codec:?} {ptime}");
    }
}

#[test]
fn a_conference_of_unequal_phones_does_not_allocate() {
    let slow = StreamConfig { codec: senim_sdp::Codec::Pcmu, send_ptime_ms: 30, ..config("10.0.0.2:4000") };
    let mut world = recorded(slow);
    world.leg(C, StreamConfig { send_telephone_event: None, ..config("10.0.0.3:4000") }, Some(1_300.0));
    world.order(Order::Mix { rows: vec![(A, vec![B, C]), (B, vec![A, C]), (C, vec![A, B])] });
    assert_eq!(allocations(&mut world), 0);
}

#[test]
fn sealed_packets_do_not_allocate() {
    for suite in [senim_rtp::Suite::AesCm80, senim_rtp::Suite::AesGcm256] {
        let mut world = recorded(config("10.0.0.2:4000"));
        world.order(Order::Secure { leg: B, keys: Some(world::stream_keys(suite, 1)) });
        world.order(Order::Bridge { a: A, b: B });
        // What A says goes out to B sealed; what comes for B is not under its key.
        assert_eq!(allocations(&mut world), 0, "{suite:?}");
        assert_eq!((world.close(B).forged, world.close(A).forged), (600, 0));
    }
}

#[test]
fn prompts_digits_and_reports_do_not_allocate() {
    let mut world = recorded(StreamConfig { receive_telephone_event: None, ..config("10.0.0.2:4000") });
    let clips: Vec<ClipId> = vec![world.clip("one", 600.0, 1_000), world.clip("two", 700.0, 333)];
    world.order(Order::Play { leg: A, play: PlayId(1), clips: clips.clone(), repeat: true });
    world.order(Order::Play { leg: B, play: PlayId(2), clips, repeat: false });
    // The play that ends gives its list of clips back: a free, not an allocation.
    assert_eq!(allocations(&mut world), 0);
}
