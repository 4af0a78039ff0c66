//! Our codecs beside those of others, as libraries: SpanDSP's G.722 bit by bit, libopus by what it hears. Both come with
//! baresip; a few lines of C call them.

use senim_audio::{Band, Coding, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, Wishes, listen, tone};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls `PROGRAM encode|decode RATE IN OUT`; what they are is in the source below.
const G722: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *g722_encode_init(void *, int rate, int options);
int g722_encode(void *, unsigned char *, const short *, int);
void *g722_decode_init(void *, int rate, int options);
int g722_decode(void *, short *, const unsigned char *, int);
int main(int n, char **arg) {
    static unsigned char in[1 << 22], out[1 << 23];
    FILE *file = fopen(arg[3], "rb");
    int options = atoi(arg[2]) == 8000 ? 1 : 0, len = fread(in, 1, sizeof in, file);
    if (strcmp(arg[1], "encode") == 0)
        len = g722_encode(g722_encode_init(0, 64000, options), out, (short *) in, len / 2);
    else
        len = 2 * g722_decode(g722_decode_init(0, 64000, options), (short *) out, in, len);
    file = fopen(arg[4], "wb");
    fwrite(out, 1, len, file);
    return fclose(file);
}
"#;

/// Packets lie in files with their length before them, 16 bits.
const OPUS: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void *opus_encoder_create(int, int, int, int *);
int opus_encode(void *, const short *, int, unsigned char *, int);
void *opus_decoder_create(int, int, int *);
int opus_decode(void *, const unsigned char *, int, short *, int, int);
int main(int n, char **arg) {
    unsigned char packet[4096];
    short pcm[5760], len;
    int rate = atoi(arg[2]), error, got;
    FILE *in = fopen(arg[3], "rb"), *out = fopen(arg[4], "wb");
    if (strcmp(arg[1], "encode") == 0) {
        void *encoder = opus_encoder_create(rate, 1, 2048, &error);
        while (fread(pcm, 2, rate / 50, in) == (size_t) rate / 50) {
            len = opus_encode(encoder, pcm, rate / 50, packet, sizeof packet);
            fwrite(&len, 2, 1, out);
            fwrite(packet, 1, len, out);
        }
    } else {
        void *decoder = opus_decoder_create(rate, 1, &error);
        while (fread(&len, 2, 1, in) == 1 && fread(packet, 1, len, in) == (size_t) len) {
            got = opus_decode(decoder, packet, len, pcm, 5760, 0);
            if (got <= 0) return 1;
            fwrite(pcm, 2, got, out);
        }
    }
    return fclose(out);
}
"#;

struct Other {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl Other {
    fn new(source: &str, library: &str) -> Other {
        let dir = tempfile::tempdir().unwrap();
        let (file, program) = (dir.path().join("other.c"), dir.path().join("other"));
        fs::write(&file, source).unwrap();
        let built = Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(&file).arg(library).status();
        assert!(built.unwrap().success(), "{library} is not there: apt install baresip");
        Other { dir, program }
    }

    fn run(&self, verb: &str, rate: u32, input: &[u8]) -> Vec<u8> {
        let file = |name: &str| -> PathBuf { Path::new(self.dir.path()).join(name) };
        fs::write(file("in"), input).unwrap();
        let mut command = Command::new(&self.program);
        let done = command.arg(verb).arg(rate.to_string()).arg(file("in")).arg(file("out")).status().unwrap();
        assert!(done.success(), "{verb} at {rate}");
        fs::read(file("out")).unwrap()
    }
}

fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Loud and soft tones, noise of every level, clicks, silence, overload: two minutes and more of samples.
fn everything() -> Vec<i16> {
    let mut x = 4u32;
    let mut noise = move || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 16) as i16
    };
    let mut pcm = Vec::new();
    for (n, hz) in [60.0, 440.0, 1_004.0, 3_000.0, 3_900.0].into_iter().enumerate() {
        pcm.extend(tone::sine(hz, -3.0 - 9.0 * n as f32, 1_000));
    }
    for shift in 0..15 {
        pcm.extend((0..16_000).map(|_| noise() >> shift));
    }
    pcm.extend([0; 8_000]);
    pcm.extend((0..8_000).map(|n| if n % 400 == 0 { i16::MAX } else { 0 }));
    pcm.extend((0..8_000).map(|n| if n / 7 % 2 == 0 { i16::MAX } else { i16::MIN }));
    // A word at a time, so that loud follows on soft.
    pcm.extend((0..400_000).map(|n| noise() >> (n / 1_600 % 13)));
    pcm.truncate(pcm.len() / 2 * 2);
    pcm
}

/// ITU-T G.722: an implementation that others wrote gives and takes the very same bits, in both widths.
#[test]
fn our_g722_and_spandsps_are_the_same_bit_by_bit() {
    let other = Other::new(G722, "-l:libspandsp.so.2");
    let pcm = everything();
    for band in [Band::Narrow, Band::Wide] {
        let mut encoder = Encoder::new(Coding::G722, band, Wishes::default());
        let mut octets = vec![0; pcm.len() * 8 / band.per_ms()];
        assert_eq!(encoder.encode(&pcm, &mut octets), octets.len());
        assert!(other.run("encode", band.rate_hz(), &bytes(&pcm)) == octets, "{band:?}: what is coded");
        // What is coded, and then octets of all kinds that no encoder makes.
        let mut all = octets.clone();
        all.extend(bytes(&pcm));
        let mut decoded = vec![0; all.len() * band.per_ms() / 8];
        assert_eq!(Decoder::new(Coding::G722, band).decode(&all, &mut decoded), decoded.len());
        let theirs = samples(&other.run("decode", band.rate_hz(), &all));
        // SpanDSP 0.0.6 lets overload behind its filter wrap, where the Recommendation limits it (§4.4): there alone we differ.
        let limited = |s: i16| s == i16::MAX || s == i16::MIN;
        assert_eq!(theirs.len(), decoded.len());
        let like = theirs.iter().zip(&decoded).all(|(theirs, ours)| theirs == ours || limited(*ours));
        assert!(like, "{band:?}: what is heard");
    }
}

#[test]
fn libopus_hears_ours_and_we_hear_it_at_every_rate() {
    let other = Other::new(OPUS, "-l:libopus.so.0");
    for band in [Band::Narrow, Band::Wide] {
        let hz = 700.0;
        let turn = std::f32::consts::TAU * hz / band.rate_hz() as f32;
        let pcm: Vec<i16> =
            (0..band.rate_hz() * 2).map(|n| (9_000.0 * (turn * n as f32).sin()) as i16).collect();
        // Tones are looked for as at 8 kHz.
        let seen = hz * 8.0 / band.per_ms() as f32;
        for fec in [false, true] {
            let mut encoder = Encoder::new(Coding::Opus, band, Wishes { fec, dtx: false });
            let (mut packets, mut payload) = (Vec::new(), [0; ENCODED_MAX]);
            for frame in pcm.chunks(20 * band.per_ms()) {
                let len = encoder.encode(frame, &mut payload);
                packets.extend((len as u16).to_le_bytes());
                packets.extend(&payload[..len]);
            }
            let heard = samples(&other.run("decode", band.rate_hz(), &packets));
            assert_eq!(heard.len(), pcm.len(), "{band:?}");
            assert!(listen::tone_level_db(&heard[8_000..], seen) > -13.0, "{band:?}: libopus hears us");
            assert!(listen::contains_tone(&heard[8_000..], seen), "{band:?}: libopus hears us");
        }
        for rate in [8_000, 16_000, 48_000] {
            let turn = std::f32::consts::TAU * hz / rate as f32;
            let said: Vec<i16> = (0..rate * 2).map(|n| (9_000.0 * (turn * n as f32).sin()) as i16).collect();
            let coded = other.run("encode", rate, &bytes(&said));
            let mut decoder = Decoder::new(Coding::Opus, band);
            let (mut rest, mut heard, mut pcm) = (&coded[..], Vec::new(), [0; DECODED_MAX]);
            while let Some((len, more)) = rest.split_first_chunk::<2>() {
                let (packet, more) = more.split_at(usize::from(u16::from_le_bytes(*len)));
                let len = decoder.decode(packet, &mut pcm);
                heard.extend_from_slice(&pcm[..len]);
                rest = more;
            }
            assert_eq!(heard.len(), 2 * band.rate_hz() as usize, "{band:?} from {rate}");
            assert!(listen::contains_tone(&heard[8_000..], seen), "{band:?} from {rate}: we hear libopus");
            assert!(listen::tone_level_db(&heard[8_000..], seen) > -13.0, "{band:?} from {rate}");
        }
    }
}
