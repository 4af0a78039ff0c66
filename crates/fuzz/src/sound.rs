//! Packets: sound, reports, keys, what is sealed, and what is none of it. Each is a total function of its bytes; a whole
//! call under fire is in [`Studio`].

use crate::{Broken, Studio};
use senim_audio::{Band, Coding, DECODED_MAX, Decoder};
use senim_base::Instant;
use senim_rtp::{
    Digit, Event, EventDetector, HEADER_LEN, Header, Kind, MasterKey, Opener, Packet, REPORT_LEN_MAX,
    Receiver, Report, SRTP_OVERHEAD_MAX, Sealer, SrtpFault, Suite,
};

fn held(so: bool, what: &str) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(what.to_owned()) }
}

/// What reads as RTP has kind and length of RTP, writes its fixed header and reads again the same, and is counted by
/// whoever receives it.
pub fn rtp(bytes: &[u8]) -> Result<(), Broken> {
    let Ok(packet) = Packet::read(bytes) else { return Ok(()) };
    held(matches!(Kind::of(bytes), Kind::Rtp | Kind::Rtcp), "RTP that is told to be something else")?;
    held(packet.payload.len() + HEADER_LEN <= bytes.len(), "more payload than came")?;
    let mut again = packet.header.to_bytes().to_vec();
    again.extend_from_slice(packet.payload);
    held(Packet::read(&again) == Ok(packet), "what was written reads otherwise")?;
    let Header { ssrc, seq, timestamp, .. } = packet.header;
    let (mut receiver, now) = (Receiver::default(), Instant::from_secs(1));
    receiver.packet(1, 65_535, (0, 8_000), now);
    for (late, clock_hz) in [(0, 8_000), (20, 48_000), (40, 48_000)] {
        receiver.packet(ssrc, seq.wrapping_add(late), (timestamp, clock_hz), now);
    }
    held(receiver.received() <= 4, "more was counted than came")?;
    receiver.report(now).map(drop).ok_or_else(|| "nothing to report of what came".to_owned())
}

/// What reads as a report writes and reads again the same.
pub fn rtcp(bytes: &[u8]) -> Result<(), Broken> {
    let about = bytes.get(8..12).and_then(|four| four.try_into().ok()).map_or(7, u32::from_be_bytes);
    let Ok(report) = Report::read(bytes, about) else { return Ok(()) };
    let mut room = [0; REPORT_LEN_MAX];
    let len = report.write(&mut room);
    let again = Report::read(room.get(..len).unwrap_or_default(), about);
    held(again == Ok(report), "what was written reads otherwise")
}

/// What nobody sealed does not open, whichever suite, and the one who has the key is heard afterwards as before.
pub fn srtp(bytes: &[u8]) -> Result<(), Broken> {
    for suite in [Suite::AesCm80, Suite::AesGcm128, Suite::AesGcm256] {
        let (key, salt) = suite.master_len();
        let master =
            MasterKey::new(suite, &vec![0x5a; key + salt]).ok_or("a key of its suite's length is none")?;
        let (mut sealer, mut opener) =
            Sealer::new(&master).zip(Opener::new(&master)).ok_or("a whole key seals nothing")?;
        let mut fair = |opener: &mut Opener, seq| {
            let header = Header { payload_type: 8, seq, ssrc: 0x5a5a, ..Header::default() };
            let mut packet = header.to_bytes().to_vec();
            let plain = packet.len() + 160;
            packet.resize(plain + SRTP_OVERHEAD_MAX, 0xd5);
            let len = sealer.rtp(&mut packet, plain).map_err(|fault| format!("{suite:?}: {fault}"))?;
            packet.truncate(len);
            match opener.rtp(&mut packet) {
                Ok(len) if len == plain => Ok(()),
                other => Err(format!("{suite:?}: one who has the key is not heard: {other:?}")),
            }
        };
        fair(&mut opener, 1)?;
        let forged =
            |opened: Result<usize, SrtpFault>| held(opened.is_err(), "what nobody sealed was opened");
        for _ in 0..2 {
            forged(opener.rtp(&mut bytes.to_vec()))?;
            forged(opener.rtcp(&mut bytes.to_vec()))?;
        }
        fair(&mut opener, 2)?;
    }
    Ok(())
}

/// Telephone events: each payload of four bytes and a timestamp. A key is told at most once an event, and what is read is
/// written the same but for the bit that is reserved.
pub fn telephone_event(bytes: &[u8]) -> Result<(), Broken> {
    let mut detector = EventDetector::default();
    let mut before = None;
    for part in bytes.chunks_exact(8) {
        let Some((stamp, payload)) = part.split_first_chunk::<4>() else { continue };
        let timestamp = u32::from_be_bytes(*stamp);
        let event = Event::read(payload).ok_or("four bytes are no event")?;
        let written = event.to_bytes();
        let same = written
            .iter()
            .zip(payload)
            .enumerate()
            .all(|(n, (a, b))| *a == *b & [255, !0x40, 255, 255][n % 4]);
        held(same, "what was written reads otherwise")?;
        let digit = detector.packet(timestamp, event);
        held(digit.is_none() || digit == Digit::from_code(event.code), "another key was told")?;
        held(digit.is_none() || before != Some(timestamp), "a key was told twice")?;
        held(detector.packet(timestamp, event).is_none(), "a key was told twice")?;
        before = Some(timestamp);
    }
    Ok(())
}

/// A datagram is one thing, whatever it is, and what is no RTP reads as none.
pub fn demux(bytes: &[u8]) -> Result<(), Broken> {
    match Kind::of(bytes) {
        Kind::Rtp | Kind::Rtcp => Ok(()),
        Kind::Stun | Kind::Dtls | Kind::Other => {
            held(Packet::read(bytes).is_err(), "what is no RTP was read as such")?;
            held(Report::read(bytes, 1).is_err() || bytes.is_empty(), "what is no RTCP was read as such")
        }
    }
}

/// What a payload sounds like in each codec and width: the first byte says how the others are cut into a stream of
/// payloads. As much sound comes out as the payload says it holds, or none.
pub fn payload(bytes: &[u8]) -> Result<(), Broken> {
    let Some((cut, stream)) = bytes.split_first() else { return Ok(()) };
    let mut pcm = [0; DECODED_MAX];
    for coding in Coding::ALL {
        for band in [Band::Narrow, Band::Wide] {
            let mut decoder = Decoder::new(coding, band);
            for payload in stream.chunks(usize::from(*cut) + 1) {
                let len = decoder.decode(payload, &mut pcm);
                let holds = coding.ticks(payload) as usize * decoder.band().per_ms() / 8;
                held(len == 0 || len == holds.min(DECODED_MAX), "another length than the payload says")?;
                let concealed = decoder.conceal((cut % 2 == 0).then_some(payload), &mut pcm[..160]);
                held(concealed <= 160, "more was concealed than asked for")?;
            }
        }
    }
    Ok(())
}

/// A whole call takes the bytes: from the peer, from a neighbour of his, from a stranger, in the clear and under keys.
pub fn call(bytes: &[u8]) -> Result<(), Broken> {
    let mut studio = Studio::new()?;
    studio.datagram(bytes)?;
    studio.rest()
}
