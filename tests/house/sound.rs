//! Sound for the peers to send, and ears for what comes back.

use senim_audio::listen::{contains_tone, lacks_tone, tone_level_db};
use senim_audio::{g711, tone};
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Samples of 20 ms.
const FRAME: usize = 160;

/// A WAV file of this tone for softphones.
pub(crate) fn tone_file(file: &Path, hz: f32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file, spec).unwrap();
    tone::sine(hz, -10.0, seconds * 1_000).into_iter().for_each(|s| wav.write_sample(s).unwrap());
    wav.finalize().unwrap();
}

/// The first channel of a WAV file that a peer may still be writing, 8 kHz.
pub(crate) fn mono(file: &Path) -> Vec<i16> {
    let mut wav = hound::WavReader::open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let (channels, rate) = (u32::from(wav.spec().channels), wav.spec().sample_rate);
    assert!(rate % 8_000 == 0, "{}: {rate} Hz", file.display());
    let all: Vec<i16> = wav.samples::<i16>().map_while(Result::ok).collect();
    // The mean of what falls into a sample of 8 kHz: good enough an ear for tones.
    let group = (channels * rate / 8_000) as usize;
    let mean = |g: &[i16]| (g.iter().map(|s| i32::from(*s)).sum::<i32>() / group as i32) as i16;
    all.chunks_exact(group).map(mean).collect()
}

/// Left and right of an exported recording.
pub(crate) fn stereo(file: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut wav = hound::WavReader::open(file).unwrap();
    assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
    let all: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    (all.iter().step_by(2).copied().collect(), all.iter().skip(1).step_by(2).copied().collect())
}

/// How many tenths of a second hold this tone. Short, because a recording follows the sender's clock by leaving out
/// single samples, which a long window takes for another tone.
pub(crate) fn tenths_with(pcm: &[i16], hz: f32) -> usize {
    pcm.chunks_exact(800).filter(|part| contains_tone(part, hz)).count()
}

/// The tone is there for a second or more.
#[track_caller]
pub(crate) fn hears(whose: &str, pcm: &[i16], hz: f32) {
    let tenths = tenths_with(pcm, hz);
    assert!(tenths >= 10, "{whose}: {hz} Hz in {tenths} tenths of a second of {}", pcm.len() / 800);
}

/// While the other tone sounds, there is no trace of this one.
#[track_caller]
pub(crate) fn hears_only(whose: &str, pcm: &[i16], hz: f32, never: f32) {
    hears(whose, pcm, hz);
    for (n, half) in pcm.chunks_exact(4_000).enumerate() {
        let steady = half.chunks_exact(800).all(|part| contains_tone(part, hz));
        let level = tone_level_db(half, never);
        assert!(!steady || lacks_tone(half, never), "{whose}: {never} Hz at {level} dB in half second {n}");
        assert!(!contains_tone(half, never), "{whose}: {never} Hz in half second {n}");
    }
}

/// A capture of one RTP stream for SIPp to play: keys a second apart as RFC 4733 events (payload type 101), then this
/// tone in PCMA.
pub(crate) fn capture(file: &Path, keys: &str, hz: f32, seconds: u32) {
    let mut out: Vec<u8> = Vec::new();
    out.extend([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
    for word in [0u32, 0, 65_535, 1] {
        out.extend(word.to_le_bytes());
    }
    let mut n = 0u32;
    let mut put = |payload_type: u8, timestamp: Option<u32>, payload: &[u8]| {
        let mut rtp = vec![0x80, payload_type];
        rtp.extend((n as u16).to_be_bytes());
        rtp.extend(timestamp.unwrap_or(n * 160).to_be_bytes());
        rtp.extend(0x5eed_0001u32.to_be_bytes());
        rtp.extend(payload);
        let packet = ethernet(&rtp);
        let ms = n * 20;
        for word in [ms / 1_000, ms % 1_000 * 1_000, packet.len() as u32, packet.len() as u32] {
            out.extend(word.to_le_bytes());
        }
        out.extend(packet);
        n += 1;
        n * 160
    };
    let silence = [g711::ALAW_SILENCE; FRAME];
    for key in keys.chars() {
        let mut clock = 0;
        for _ in 0..50 {
            clock = put(8, None, &silence);
        }
        let code = "0123456789*#".find(key).unwrap() as u8;
        for step in 1..=8u16 {
            let [high, low] = (step * 160).to_be_bytes();
            put(101, Some(clock), &[code, if step > 5 { 0x8a } else { 0x0a }, high, low]);
        }
    }
    for frame in tone::sine(hz, -10.0, seconds * 1_000).chunks_exact(FRAME) {
        let payload: Vec<u8> = frame.iter().map(|s| g711::alaw_encode(*s)).collect();
        put(8, None, &payload);
    }
    std::fs::write(file, out).unwrap();
}

/// The payload in UDP in IPv4 in Ethernet; SIPp writes the addresses itself.
fn ethernet(rtp: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 12];
    out.extend([8, 0, 0x45, 0]);
    out.extend((rtp.len() as u16 + 28).to_be_bytes());
    out.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    out.extend([0x40, 0, 0x40, 0]);
    out.extend((rtp.len() as u16 + 8).to_be_bytes());
    out.extend([0, 0]);
    out.extend(rtp);
    out
}

/// Takes the RTP that comes to an address and keeps the sound of it.
pub(crate) struct Ear {
    heard: Arc<Mutex<Vec<i16>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    pub(crate) fn at(address: &str, port: u16) -> Ear {
        // A child that another test begins just now may hold the ear before this one for a moment more.
        let socket = super::wait("the ear's port is free", || UdpSocket::bind((address, port)).ok());
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut ear = Ear { heard: Arc::default(), over: Arc::default(), thread: None };
        let (heard, over) = (ear.heard.clone(), ear.over.clone());
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while !over.load(Ordering::Relaxed) {
                let Ok(n) = socket.recv(&mut packet) else { continue };
                // Only plain RTP in PCMA is sound; events (RFC 4733) have another type.
                if n > 12 && packet[0] == 0x80 && packet[1] & 0x7f == 8 {
                    heard.lock().unwrap().extend(packet[12..n].iter().map(|b| g711::alaw_decode(*b)));
                }
            }
        });
        ear.thread = Some(thread);
        ear
    }

    pub(crate) fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The socket is closed before another test takes its port.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
