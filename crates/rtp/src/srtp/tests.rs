//! SRTP as RFC 3711 and RFC 7714 show it: what must come back whole, and replays and forgeries that must not open.

use super::*;
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn master(suite: Suite) -> MasterKey {
    let (key, salt) = suite.master_len();
    MasterKey::new(suite, &(0..key + salt).map(|n| (n as u8).wrapping_mul(7)).collect::<Vec<_>>()).unwrap()
}

const SUITES: [Suite; 4] = [Suite::AesCm80, Suite::AesCm32, Suite::AesGcm128, Suite::AesGcm256];

fn packet(ssrc: u32, seq: u16, sound: &[u8]) -> Vec<u8> {
    let header = crate::Header { marker: false, payload_type: 8, seq, timestamp: 160, ssrc };
    [&header.to_bytes()[..], sound].concat()
}

fn sealed(sealer: &mut Sealer, packet: &[u8]) -> Result<Vec<u8>, SrtpFault> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + SRTP_OVERHEAD_MAX, 0);
    let len = sealer.rtp(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn opened(opener: &mut Opener, packet: &[u8]) -> Result<Vec<u8>, SrtpFault> {
    let mut buffer = packet.to_vec();
    let len = opener.rtp(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// RFC 3711 appendix B.3.
#[test]
fn session_keys_are_derived_as_the_rfc_shows() {
    let master =
        MasterKey::new(Suite::AesCm80, &hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6"))
            .unwrap();
    let derived = |label, len| {
        let mut out = vec![0; len];
        master.derive(label, &mut out);
        out
    };
    assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(1, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

/// RFC 3711 appendix B.2.
#[test]
fn the_counter_stream_is_that_of_the_rfc() {
    let cipher = Cipher::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let mut salt = [0; 16];
    put(&mut salt, &hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let mut stream = [0; 0xff02 * 16];
    cipher.xor(Keys::counter_iv(&salt, 0, 0), &mut stream);
    assert_eq!(stream[..32], hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(
        stream[0xfeff * 16..0xff01 * 16],
        hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE")
    );
}

/// RFC 7714 sections 16.1.1, 16.2.1 and 17.1: they give session keys, not master keys.
#[test]
fn gcm_packets_are_those_of_the_rfc() {
    let salt: [u8; 12] = hex("517569642070726f2071756f").try_into().unwrap();
    let key128 = Aes128Gcm::new_from_slice(&hex("000102030405060708090a0b0c0d0e0f")).unwrap();
    let key256 =
        Aes256Gcm::new_from_slice(&hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
            .unwrap();
    let cases = [
        (
            Keys::Gcm128(Box::new(key128.clone()), salt),
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Keys::Gcm256(Box::new(key256), salt),
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    let plain =
        [hex("8040f17b8041f8d35501a0b2"), b"Gallia est omnis divisa in partes tres".to_vec()].concat();
    for (rtp, wanted) in cases {
        let rtcp = rtp.clone();
        let mut sealer = Sealer { rtp, rtcp, sent: Sources::default(), reports: 0 };
        let made = sealed(&mut sealer, &plain).unwrap();
        assert_eq!(made[12..], hex(wanted));
    }
    let rtcp = Keys::Gcm128(Box::new(key128), salt);
    let mut sealer = Sealer { rtp: rtcp.clone(), rtcp, sent: Sources::default(), reports: 0x5d4 };
    let plain = hex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    );
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + SRTP_OVERHEAD_MAX, 0);
    let len = sealer.rtcp(&mut buffer, plain.len()).unwrap();
    let wanted = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded\
                  0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4";
    assert_eq!(buffer[..len], hex(wanted));
}

/// A whole packet in counter mode, as other implementations make it of the key of RFC 3711 appendix B.3.
#[test]
fn a_whole_packet_in_counter_mode_is_what_others_make_of_it() {
    let master =
        MasterKey::new(Suite::AesCm80, &hex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"))
            .unwrap();
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let wanted = hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    let made = sealed(&mut Sealer::new(&master).unwrap(), &plain).unwrap();
    assert_eq!(made, wanted);
    assert_eq!(opened(&mut Opener::new(&master).unwrap(), &wanted).unwrap(), plain);
}

#[test]
fn what_is_sealed_opens_once_and_not_with_a_bit_changed() {
    for suite in SUITES {
        let key = master(suite);
        let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
        let plain = packet(7, 100, b"a child may be whispering here");
        let wire = sealed(&mut sealer, &plain).unwrap();
        assert!(!wire.windows(5).any(|w| w == b"child"), "{suite:?}");
        for bit in 0..wire.len() * 8 {
            let mut forged = wire.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&mut opener, &forged).is_err(), "{suite:?} bit {bit}");
        }
        assert_eq!(opened(&mut opener, &wire).unwrap(), plain);
        assert_eq!(opened(&mut opener, &wire), Err(SrtpFault::Replayed), "{suite:?}");
        assert_eq!(
            sealed(&mut sealer, &plain),
            Err(SrtpFault::Replayed),
            "the same index is never sealed twice"
        );
        for len in 0..wire.len() {
            assert!(opened(&mut opener, &wire[..len]).is_err());
        }
    }
}

#[test]
fn reports_are_sealed_too_and_open_once() {
    for suite in SUITES {
        let key = master(suite);
        let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
        let plain = [hex("80c9000100000007"), b"who hears how well".to_vec()].concat();
        for _ in 0..3 {
            let mut wire = plain.clone();
            wire.resize(plain.len() + SRTP_OVERHEAD_MAX, 0);
            let len = sealer.rtcp(&mut wire, plain.len()).unwrap();
            wire.truncate(len);
            for bit in 0..wire.len() * 8 {
                let mut forged = wire.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert!(opener.rtcp(&mut forged).is_err(), "{suite:?} bit {bit}");
            }
            let mut again = wire.clone();
            let len = opener.rtcp(&mut wire).unwrap();
            assert_eq!(wire[..len], plain);
            assert_eq!(opener.rtcp(&mut again), Err(SrtpFault::Replayed));
        }
    }
}

#[test]
fn the_roll_over_is_followed_through_loss_and_disorder() {
    let key = master(Suite::AesCm80);
    let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
    let mut late = Vec::new();
    for n in 0..200_000u32 {
        let seq = 65_000u16.wrapping_add(n as u16);
        let wire = sealed(&mut sealer, &packet(7, seq, b"sound")).unwrap();
        match n % 50 {
            // Two in a hundred are lost, two come forty packets late.
            0 => {}
            1 => late.push((n + 40, wire)),
            _ => assert!(opened(&mut opener, &wire).is_ok(), "packet {n}"),
        }
        late.retain(|(due, wire)| {
            let now = *due <= n;
            assert!(!now || opened(&mut opener, wire).is_ok(), "late packet at {n}");
            !now
        });
    }
}

#[test]
fn a_packet_older_than_the_window_cannot_be_told_from_a_replay() {
    let key = master(Suite::AesGcm128);
    let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
    let wires: Vec<_> =
        (0..=WINDOW as u16).map(|n| sealed(&mut sealer, &packet(7, n, b"x")).unwrap()).collect();
    opened(&mut opener, &wires[WINDOW as usize]).unwrap();
    assert_eq!(opened(&mut opener, &wires[0]), Err(SrtpFault::Replayed));
    assert!(opened(&mut opener, &wires[1]).is_ok());
}

#[test]
fn as_many_sources_as_may_and_not_one_more() {
    let key = master(Suite::AesCm32);
    let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
    for ssrc in 0..SOURCES_MAX as u32 {
        let wire = sealed(&mut sealer, &packet(ssrc, 1, b"x")).unwrap();
        opened(&mut opener, &wire).unwrap();
    }
    assert_eq!(sealed(&mut sealer, &packet(99, 1, b"x")), Err(SrtpFault::TooManySources));
    let other = sealed(&mut Sealer::new(&key).unwrap(), &packet(99, 1, b"x")).unwrap();
    assert_eq!(opened(&mut opener, &other), Err(SrtpFault::TooManySources));
}

#[test]
fn forgeries_open_no_source_and_move_nothing() {
    let key = master(Suite::AesCm80);
    let (mut sealer, mut opener) = (Sealer::new(&key).unwrap(), Opener::new(&key).unwrap());
    for n in 0..100_000u32 {
        let forged = packet(n, n as u16, &[n as u8; 30]);
        assert!(matches!(opened(&mut opener, &forged), Err(SrtpFault::Forged)));
    }
    let wire = sealed(&mut sealer, &packet(7, 9, b"x")).unwrap();
    assert!(opened(&mut opener, &wire).is_ok());
}

#[test]
fn a_buffer_without_room_and_a_used_up_key_are_said() {
    let key = master(Suite::AesCm80);
    let mut sealer = Sealer::new(&key).unwrap();
    let mut plain = packet(7, 1, b"x");
    let len = plain.len();
    assert_eq!(sealer.rtp(&mut plain, len), Err(SrtpFault::NoRoom));
    assert_eq!(sealer.rtp(&mut plain, len + 1), Err(SrtpFault::NoRoom));
    sealer.reports = RTCP_INDEX_MAX;
    let mut report = hex("80c9000100000007");
    report.resize(64, 0);
    assert_eq!(sealer.rtcp(&mut report, 8), Err(SrtpFault::Exhausted));
    sealer.sent.mark(7, RTP_INDEX_MAX - 2);
    assert!(sealed(&mut sealer, &packet(7, 0xffff, b"x")).is_ok());
    assert_eq!(sealed(&mut sealer, &packet(7, 0, b"x")), Err(SrtpFault::Exhausted));
}

#[test]
fn keys_have_their_suites_length_and_never_print() {
    for suite in SUITES {
        let (key, salt) = suite.master_len();
        assert!(MasterKey::new(suite, &vec![0; key + salt]).is_some());
        assert!(MasterKey::new(suite, &vec![0; key + salt - 1]).is_none());
        assert!(MasterKey::new(suite, &vec![0; key + salt + 1]).is_none());
        let mut entropy = Entropy::from_seed(1);
        let (a, b) = (MasterKey::draw(suite, &mut entropy), MasterKey::draw(suite, &mut entropy));
        assert_ne!(a, b);
        assert!(format!("{a:?} {:?} {:?}", Sealer::new(&a), Opener::new(&a)).contains("***"));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), suite in 0usize..4) {
        let key = master(SUITES[suite]);
        let mut opener = Opener::new(&key).unwrap();
        let _ = opener.rtp(&mut bytes.clone());
        let _ = opener.rtcp(&mut bytes.clone());
        let mut sealer = Sealer::new(&key).unwrap();
        let len = bytes.len() / 2;
        let _ = sealer.rtp(&mut bytes.clone(), len);
        let _ = sealer.rtcp(&mut bytes.clone(), len);
    }

    #[test]
    fn every_packet_comes_back(
        sound in proptest::collection::vec(any::<u8>(), 0..300),
        csrcs in 0u8..16,
        words in 0u8..4,
        suite in 0usize..4,
    ) {
        let mut plain = packet(7, 3, &[]);
        plain[0] |= csrcs | 0x10;
        plain.extend(vec![1; usize::from(csrcs) * 4]);
        plain.extend([0xbe, 0xde, 0, words]);
        plain.extend(vec![2; usize::from(words) * 4]);
        plain.extend(&sound);
        let key = master(SUITES[suite]);
        let wire = sealed(&mut Sealer::new(&key).unwrap(), &plain).unwrap();
        prop_assert_eq!(opened(&mut Opener::new(&key).unwrap(), &wire).unwrap(), plain);
    }
}
