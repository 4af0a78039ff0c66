//! The bare relay and player on real loopback sockets.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use senim_load::args::{Args, Bare};
use senim_load::bare::BareProcess;
use std::net::UdpSocket;
use std::time::Duration;

fn process(kind: Bare, technique: &str) -> BareProcess {
    let name = if kind == Bare::Relay { "relay" } else { "play" };
    let args = ["senim-load", "--bare", name, "--calls", "2", "--target", "127.0.0.1:0"];
    let args = Args::parse_from(args.into_iter().chain(["--technique", technique]));
    BareProcess::open(kind, &args).unwrap()
}

fn phone(at: std::net::SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(at).unwrap();
    socket
}

fn heard(phone: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 512];
    let length = phone.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// Loopback delivers within `send`: one turn finds what was sent before it.
#[test]
fn a_relay_moves_packets_both_ways_and_keeps_calls_apart() {
    for technique in ["wake", "slot"] {
        let mut relay = process(Bare::Relay, technique);
        let addresses = relay.addresses();
        assert_eq!(addresses.len(), 4);
        let phones: Vec<UdpSocket> = addresses.iter().map(|at| phone(*at)).collect();
        // Each port learns its phone.
        for phone in &phones {
            phone.send(b"first").unwrap();
        }
        relay.turn();
        for (number, phone) in phones.iter().enumerate() {
            phone.send(format!("from {number}").as_bytes()).unwrap();
        }
        relay.turn();
        for (number, phone) in phones.iter().enumerate() {
            let mut said = heard(phone);
            if said == b"first" {
                said = heard(phone);
            }
            assert_eq!(said, format!("from {}", number ^ 1).as_bytes(), "{technique}");
        }
    }
}

#[test]
fn a_player_answers_whoever_speaks_with_even_sound() {
    let mut player = process(Bare::Play, "slot");
    let phone = phone(player.addresses()[0]);
    phone.send(b"hello").unwrap();
    // 45 slots of a millisecond hold two ticks at least, however the machine is loaded.
    for _ in 0..45 {
        player.turn();
    }
    let (one, two) = (heard(&phone), heard(&phone));
    assert_eq!((one.len(), &one[..2]), (172, &[0x80, 8][..]));
    let seq = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
    assert_ne!(seq(&one), seq(&two));
}

#[test]
fn calls_that_do_not_fit_into_the_ports_are_refused() {
    let args = ["senim-load", "--bare", "relay", "--calls", "9", "--target", "127.0.0.1:65530"];
    assert!(BareProcess::open(Bare::Relay, &Args::parse_from(args)).is_err());
}
