//! Secure RTP (RFC 3711; AES-GCM by RFC 7714): one [`Sealer`] for what we send, one [`Opener`] for what comes. Keys
//! come from whoever agreed on them, SDES or DTLS alike; nothing is allocated for a packet.
//!
//! Two rules hold whatever the callers do: no key ever seals the same packet index twice, and nothing that was not
//! verified, or was verified before, is given back or changes any state.

use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use aes::{Aes128, Aes256, Block};
use aes_gcm::aead::{AeadInOut, Nonce, Tag};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use arrayvec::ArrayVec;
use core::fmt;
use hmac::{Hmac, Mac};
use senim_base::Entropy;
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Bytes that sealing adds at most: a GCM tag and the SRTCP index.
pub const SRTP_OVERHEAD_MAX: usize = 20;
/// Sources (SSRCs) that one key knows, each way. A packet of a further one is refused: its replays could not be told.
pub const SOURCES_MAX: usize = 16;

/// Master key and salt together, at the longest: AEAD_AES_256_GCM.
const MASTER_MAX: usize = 44;
/// Bytes of a session salt, AES counter mode.
const SALT_CM: usize = 14;
/// Bytes of a session salt and of the nonce, GCM.
const SALT_GCM: usize = 12;
/// Bytes of a GCM tag.
const TAG_GCM: usize = 16;
/// Bytes of an SRTCP tag in counter mode: RFC 4568 section 6.2 shortens those of RTP only.
const TAG_RTCP: usize = 10;
/// Bytes of an HMAC-SHA1 key, RFC 3711 section 8.2.
const AUTH_KEY: usize = 20;
/// How far behind the newest a packet may come, in packets (RFC 3711 section 3.3.2 asks for at least 64).
const WINDOW: u64 = 128;
/// Packets one key may seal, RFC 3711 section 9.2; and compound RTCP packets.
const RTP_INDEX_MAX: u64 = 1 << 48;
const RTCP_INDEX_MAX: u64 = 1 << 31;
/// The flag that says that an SRTCP packet is encrypted.
const RTCP_ENCRYPTED: u32 = 1 << 31;

/// How packets are protected, by the names of RFC 4568 section 6.2 and RFC 7714 section 14.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm80,
    /// `AES_CM_128_HMAC_SHA1_32`: a short tag on RTP, the long one on RTCP.
    AesCm32,
    /// `AEAD_AES_128_GCM`
    AesGcm128,
    /// `AEAD_AES_256_GCM`
    AesGcm256,
}

impl Suite {
    /// Bytes of the master key and of the master salt.
    pub const fn master_len(self) -> (usize, usize) {
        match self {
            Suite::AesCm80 | Suite::AesCm32 => (16, 14),
            Suite::AesGcm128 => (16, 12),
            Suite::AesGcm256 => (32, 12),
        }
    }

    const fn rtp_tag(self) -> usize {
        match self {
            Suite::AesCm80 => 10,
            Suite::AesCm32 => 4,
            Suite::AesGcm128 | Suite::AesGcm256 => TAG_GCM,
        }
    }
}

/// A master key with its salt: whoever has it hears everything.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: ArrayVec<u8, MASTER_MAX>,
}

impl MasterKey {
    /// Key and salt in one run, as SDES writes them (RFC 4568 section 6.1). `None` when the length is not the suite's.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Option<MasterKey> {
        let (key, salt) = suite.master_len();
        let bytes =
            ArrayVec::try_from(key_and_salt).ok().filter(|b: &ArrayVec<_, _>| b.len() == key + salt)?;
        Some(MasterKey { suite, bytes })
    }

    /// A fresh key.
    pub fn draw(suite: Suite, entropy: &mut Entropy) -> MasterKey {
        let (key, salt) = suite.master_len();
        let mut bytes = ArrayVec::from([0; MASTER_MAX]);
        entropy.fill(&mut bytes);
        bytes.truncate(key + salt);
        MasterKey { suite, bytes }
    }

    /// What it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt in one run.
    pub fn key_and_salt(&self) -> &[u8] {
        &self.bytes
    }

    /// The session key of a label, RFC 3711 section 4.3, without key derivation rate. A salt of 96 bits is followed by
    /// zeros (RFC 7714 section 11).
    fn derive(&self, label: u8, out: &mut [u8]) {
        let (key, salt) = self.bytes.split_at_checked(self.suite.master_len().0).unwrap_or_default();
        let mut iv = [0; 16];
        iv.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
        iv[7] ^= label;
        if let Some(cipher) = Cipher::new(key) {
            cipher.xor(iv, out);
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({:?}, ***)", self.suite)
    }
}

/// Why a packet was not sealed or opened. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SrtpFault {
    /// The peer: fewer bytes than a protected packet has.
    Short,
    /// A stranger, or a peer with another key: the tag does not fit.
    Forged,
    /// The packet was here before, or is too old to tell.
    Replayed,
    /// More than [`SOURCES_MAX`] sources under one key.
    TooManySources,
    /// The key has sealed as many packets as it may; agree on another.
    Exhausted,
    /// We: the buffer has no room for the tag.
    NoRoom,
}

impl fmt::Display for SrtpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SrtpFault::Short => "peer: the packet is shorter than its protection",
            SrtpFault::Forged => "stranger: the packet's tag does not fit",
            SrtpFault::Replayed => "stranger: the packet was here before, or is too old",
            SrtpFault::TooManySources => "peer: too many sources under one key",
            SrtpFault::Exhausted => "us: the key is used up",
            SrtpFault::NoRoom => "us: no room for the tag",
        })
    }
}

impl core::error::Error for SrtpFault {}

/// AES as a stream of bytes.
#[derive(Clone)]
enum Cipher {
    Aes128(Aes128),
    Aes256(Aes256),
}

impl Cipher {
    fn new(key: &[u8]) -> Option<Cipher> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(Cipher::Aes128),
            _ => Aes256::new_from_slice(key).ok().map(Cipher::Aes256),
        }
    }

    /// Counter mode, RFC 3711 section 4.1.1: the last two bytes of `iv` count blocks.
    fn xor(&self, iv: [u8; 16], data: &mut [u8]) {
        /// Blocks worked on together: what the processor can do side by side.
        const ABREAST: usize = 8;
        let mut counter = u128::from_be_bytes(iv);
        for run in data.chunks_mut(ABREAST * 16) {
            let mut blocks = [Block::default(); ABREAST];
            let used = run.len().div_ceil(16).min(ABREAST);
            let Some(blocks) = blocks.get_mut(..used) else { return };
            for block in blocks.iter_mut() {
                *block = counter.to_be_bytes().into();
                counter = counter.wrapping_add(1);
            }
            match self {
                Cipher::Aes128(aes) => aes.encrypt_blocks(blocks),
                Cipher::Aes256(aes) => aes.encrypt_blocks(blocks),
            }
            run.iter_mut().zip(blocks.iter().flatten()).for_each(|(byte, key)| *byte ^= key);
        }
    }
}

/// The session keys of one direction and one of RTP and RTCP.
#[derive(Clone)]
enum Keys {
    Counter { cipher: Box<Cipher>, mac: Box<Hmac<Sha1>>, salt: [u8; 16], tag: usize },
    Gcm128(Box<Aes128Gcm>, [u8; SALT_GCM]),
    Gcm256(Box<Aes256Gcm>, [u8; SALT_GCM]),
}

impl Keys {
    /// `labels`: of the encryption key, the authentication key, the salt (RFC 3711 section 4.3.2).
    fn new(master: &MasterKey, labels: [u8; 3], tag: usize) -> Option<Keys> {
        let [encryption, authentication, salting] = labels;
        let mut key = [0; 32];
        let key = key.get_mut(..master.suite.master_len().0)?;
        master.derive(encryption, key);
        let mut gcm_salt = [0; SALT_GCM];
        master.derive(salting, &mut gcm_salt);
        Some(match master.suite {
            Suite::AesCm80 | Suite::AesCm32 => {
                let mut mac_key = [0; AUTH_KEY];
                master.derive(authentication, &mut mac_key);
                let mut salt = [0; 16];
                master.derive(salting, salt.get_mut(..SALT_CM)?);
                let mac = Box::new(Hmac::new_from_slice(&mac_key).ok()?);
                Keys::Counter { cipher: Box::new(Cipher::new(key)?), mac, salt, tag }
            }
            Suite::AesGcm128 => Keys::Gcm128(Box::new(Aes128Gcm::new_from_slice(key).ok()?), gcm_salt),
            Suite::AesGcm256 => Keys::Gcm256(Box::new(Aes256Gcm::new_from_slice(key).ok()?), gcm_salt),
        })
    }

    fn tag_len(&self) -> usize {
        match self {
            Keys::Counter { tag, .. } => *tag,
            Keys::Gcm128(..) | Keys::Gcm256(..) => TAG_GCM,
        }
    }

    /// The counter of a packet, RFC 3711 section 4.1.1.
    fn counter_iv(salt: &[u8; 16], ssrc: u32, index: u64) -> [u8; 16] {
        let place = u128::from(ssrc) << 64 | u128::from(index) << 16;
        (u128::from_be_bytes(*salt) ^ place).to_be_bytes()
    }

    /// The nonce of a packet, RFC 7714 sections 8.1 and 9.1: source, then index in its last six bytes.
    fn gcm_iv(salt: &[u8; SALT_GCM], ssrc: u32, index: u64) -> [u8; SALT_GCM] {
        let mut wide = [0; 16];
        wide.iter_mut().skip(4).zip(salt).for_each(|(to, from)| *to = *from);
        let place = u128::from(ssrc) << 48 | u128::from(index);
        let [_, _, _, _, nonce @ ..] = (u128::from_be_bytes(wide) ^ place).to_be_bytes();
        nonce
    }

    /// HMAC over `parts`, cut to the tag's length.
    fn tag_of(mac: &Hmac<Sha1>, parts: [&[u8]; 2]) -> [u8; 20] {
        let mut mac = mac.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// GCM, sealing `text` in place.
    fn gcm_seal(&self, ssrc: u32, index: u64, aad: &[u8], text: &mut [u8]) -> Option<[u8; TAG_GCM]> {
        match self {
            Keys::Gcm128(gcm, salt) => {
                let nonce = Nonce::<Aes128Gcm>::from(Keys::gcm_iv(salt, ssrc, index));
                gcm.encrypt_inout_detached(&nonce, aad, text.into()).ok().map(Into::into)
            }
            Keys::Gcm256(gcm, salt) => {
                let nonce = Nonce::<Aes256Gcm>::from(Keys::gcm_iv(salt, ssrc, index));
                gcm.encrypt_inout_detached(&nonce, aad, text.into()).ok().map(Into::into)
            }
            Keys::Counter { .. } => None,
        }
    }

    fn gcm_open(&self, ssrc: u32, index: u64, aad: &[u8], text: &mut [u8], tag: [u8; TAG_GCM]) -> bool {
        match self {
            Keys::Gcm128(gcm, salt) => {
                let nonce = Nonce::<Aes128Gcm>::from(Keys::gcm_iv(salt, ssrc, index));
                let tag = Tag::<Aes128Gcm>::from(tag);
                gcm.decrypt_inout_detached(&nonce, aad, text.into(), &tag).is_ok()
            }
            Keys::Gcm256(gcm, salt) => {
                let nonce = Nonce::<Aes256Gcm>::from(Keys::gcm_iv(salt, ssrc, index));
                let tag = Tag::<Aes256Gcm>::from(tag);
                gcm.decrypt_inout_detached(&nonce, aad, text.into(), &tag).is_ok()
            }
            Keys::Counter { .. } => false,
        }
    }
}

/// Which packets of one source were there: the highest index, and those below it as bits.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    highest: u64,
    below: u128,
    begun: bool,
}

impl Seen {
    /// The index that a sequence number most likely means, RFC 3711 section 3.3.1. `None`: before the beginning.
    fn index_of(&self, seq: u16) -> Option<u64> {
        let (roc, last) = (self.highest >> 16, (self.highest & 0xffff) as u16);
        let seq_u64 = u64::from(seq);
        if !self.begun {
            return Some(seq_u64);
        }
        let roc = if last < 0x8000 && seq.saturating_sub(last) > 0x8000 {
            roc.checked_sub(1)?
        } else if last >= 0x8000 && last - 0x8000 > seq {
            roc + 1
        } else {
            roc
        };
        Some(roc << 16 | seq_u64)
    }

    fn is_new(&self, index: u64) -> bool {
        if !self.begun || index > self.highest {
            return true;
        }
        let back = self.highest - index;
        back < WINDOW && self.below >> back & 1 == 0
    }

    fn mark(&mut self, index: u64) {
        if !self.begun {
            *self = Seen { highest: index, below: 1, begun: true };
        } else if index > self.highest {
            let ahead = u32::try_from(index - self.highest).unwrap_or(u32::MAX);
            self.below = self.below.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = index;
        } else {
            let back = u32::try_from(self.highest - index).unwrap_or(u32::MAX);
            self.below |= 1u128.checked_shl(back).unwrap_or(0);
        }
    }
}

/// What was seen of each source.
#[derive(Clone, Debug, Default)]
struct Sources(ArrayVec<(u32, Seen), SOURCES_MAX>);

impl Sources {
    fn seen(&self, ssrc: u32) -> Result<Seen, SrtpFault> {
        match self.0.iter().find(|(known, _)| *known == ssrc) {
            Some((_, seen)) => Ok(*seen),
            None if self.0.is_full() => Err(SrtpFault::TooManySources),
            None => Ok(Seen::default()),
        }
    }

    fn mark(&mut self, ssrc: u32, index: u64) {
        if !self.0.iter().any(|(known, _)| *known == ssrc) && !self.0.is_full() {
            self.0.push((ssrc, Seen::default()));
        }
        if let Some((_, seen)) = self.0.iter_mut().find(|(known, _)| *known == ssrc) {
            seen.mark(index);
        }
    }
}

/// The labels of RFC 3711 section 4.3.2.
const RTP_LABELS: [u8; 3] = [0, 1, 2];
const RTCP_LABELS: [u8; 3] = [3, 4, 5];

/// Protects what we send.
#[derive(Clone)]
pub struct Sealer {
    rtp: Keys,
    rtcp: Keys,
    sent: Sources,
    reports: u64,
}

/// Takes the protection off what comes.
#[derive(Clone)]
pub struct Opener {
    rtp: Keys,
    rtcp: Keys,
    heard: Sources,
    reports: Sources,
}

fn both(master: &MasterKey) -> Option<(Keys, Keys)> {
    let rtp = Keys::new(master, RTP_LABELS, master.suite.rtp_tag())?;
    Some((rtp, Keys::new(master, RTCP_LABELS, TAG_RTCP)?))
}

impl Sealer {
    /// A sender under this key. Never make two of one key: packet indices would begin anew.
    pub fn new(master: &MasterKey) -> Option<Sealer> {
        let (rtp, rtcp) = both(master)?;
        Some(Sealer { rtp, rtcp, sent: Sources::default(), reports: 0 })
    }

    /// Seals the RTP packet in the first `len` bytes of `buffer`; gives its new length.
    ///
    /// # Errors
    /// [`SrtpFault::Replayed`] for a sequence number that was sealed before, [`SrtpFault::NoRoom`],
    /// [`SrtpFault::Exhausted`], [`SrtpFault::TooManySources`], [`SrtpFault::Short`] when it is no RTP packet.
    pub fn rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpFault> {
        let head = Head::read(buffer.get(..len).ok_or(SrtpFault::NoRoom)?).ok_or(SrtpFault::Short)?;
        let seen = self.sent.seen(head.ssrc)?;
        let index = seen.index_of(head.seq).filter(|i| seen.is_new(*i)).ok_or(SrtpFault::Replayed)?;
        if index >= RTP_INDEX_MAX {
            return Err(SrtpFault::Exhausted);
        }
        let whole = len + self.rtp.tag_len();
        let packet = buffer.get_mut(..whole).ok_or(SrtpFault::NoRoom)?;
        let (packet, tag) = packet.split_at_mut(len);
        let (aad, text) = packet.split_at_mut(head.len);
        if let Keys::Counter { cipher, mac, salt, .. } = &self.rtp {
            cipher.xor(Keys::counter_iv(salt, head.ssrc, index), text);
            let roc = ((index >> 16) as u32).to_be_bytes();
            put(tag, &Keys::tag_of(mac, [packet, &roc]));
        } else {
            let made = self.rtp.gcm_seal(head.ssrc, index, aad, text).ok_or(SrtpFault::NoRoom)?;
            put(tag, &made);
        }
        self.sent.mark(head.ssrc, index);
        Ok(whole)
    }

    /// Seals the compound RTCP packet in the first `len` bytes of `buffer`; gives its new length.
    ///
    /// # Errors
    /// As [`Sealer::rtp`].
    pub fn rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpFault> {
        let ssrc = rtcp_ssrc(buffer.get(..len).ok_or(SrtpFault::NoRoom)?).ok_or(SrtpFault::Short)?;
        let index = self.reports;
        if index >= RTCP_INDEX_MAX {
            return Err(SrtpFault::Exhausted);
        }
        let word = (RTCP_ENCRYPTED | index as u32).to_be_bytes();
        let tag_len = self.rtcp.tag_len();
        let whole = len + 4 + tag_len;
        let packet = buffer.get_mut(..whole).ok_or(SrtpFault::NoRoom)?;
        let (head, text) = packet.split_at_mut(RTCP_HEAD);
        let (text, trailer) = text.split_at_mut(len - RTCP_HEAD);
        if let Keys::Counter { cipher, mac, salt, .. } = &self.rtcp {
            cipher.xor(Keys::counter_iv(salt, ssrc, index), text);
            put(trailer, &word);
            let (covered, tag) = packet.split_at_mut(len + 4);
            put(tag, &Keys::tag_of(mac, [covered, &[]]));
        } else {
            let aad = rtcp_aad(head, word);
            let made = self.rtcp.gcm_seal(ssrc, index, &aad, text).ok_or(SrtpFault::NoRoom)?;
            let (tag, last) = trailer.split_at_mut(tag_len);
            put(tag, &made);
            put(last, &word);
        }
        self.reports += 1;
        Ok(whole)
    }
}

impl Opener {
    /// A receiver under this key.
    pub fn new(master: &MasterKey) -> Option<Opener> {
        let (rtp, rtcp) = both(master)?;
        Some(Opener { rtp, rtcp, heard: Sources::default(), reports: Sources::default() })
    }

    /// Opens the SRTP packet in place; gives the length of the RTP packet at its front.
    ///
    /// # Errors
    /// See [`SrtpFault`]; the bytes are of no use then.
    pub fn rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        let len = packet.len().checked_sub(self.rtp.tag_len()).ok_or(SrtpFault::Short)?;
        let (packet, tag) = packet.split_at_mut(len);
        let head = Head::read(packet).ok_or(SrtpFault::Short)?;
        let seen = self.heard.seen(head.ssrc)?;
        let index = seen.index_of(head.seq).filter(|i| seen.is_new(*i)).ok_or(SrtpFault::Replayed)?;
        let right = if let Keys::Counter { cipher, mac, salt, .. } = &self.rtp {
            let roc = ((index >> 16) as u32).to_be_bytes();
            let right = same(&Keys::tag_of(mac, [packet, &roc]), tag);
            if let (true, Some(text)) = (right, packet.get_mut(head.len..)) {
                cipher.xor(Keys::counter_iv(salt, head.ssrc, index), text);
            }
            right
        } else {
            let (aad, text) = packet.split_at_mut(head.len);
            let tag = <[u8; TAG_GCM]>::try_from(&*tag).map_err(|_| SrtpFault::Short)?;
            self.rtp.gcm_open(head.ssrc, index, aad, text, tag)
        };
        if !right {
            return Err(SrtpFault::Forged);
        }
        self.heard.mark(head.ssrc, index);
        Ok(len)
    }

    /// Opens the SRTCP packet in place; gives the length of the RTCP packet at its front.
    ///
    /// # Errors
    /// See [`SrtpFault`]; the bytes are of no use then.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpFault> {
        let tag_len = self.rtcp.tag_len();
        let len =
            packet.len().checked_sub(tag_len + 4).filter(|l| *l >= RTCP_HEAD).ok_or(SrtpFault::Short)?;
        let ssrc = rtcp_ssrc(packet).ok_or(SrtpFault::Short)?;
        let is_gcm = !matches!(self.rtcp, Keys::Counter { .. });
        let word_at = if is_gcm { len + tag_len } else { len };
        let word =
            packet.get(word_at..).and_then(|b| b.first_chunk::<4>()).copied().ok_or(SrtpFault::Short)?;
        let index = u64::from(u32::from_be_bytes(word) & !RTCP_ENCRYPTED);
        let encrypted = u32::from_be_bytes(word) & RTCP_ENCRYPTED != 0;
        if !self.reports.seen(ssrc)?.is_new(index) {
            return Err(SrtpFault::Replayed);
        }
        let right = if let Keys::Counter { cipher, mac, salt, .. } = &self.rtcp {
            let (covered, tag) = packet.split_at_mut(len + 4);
            let right = same(&Keys::tag_of(mac, [covered, &[]]), tag);
            if let (true, true, Some(text)) = (right, encrypted, covered.get_mut(RTCP_HEAD..len)) {
                cipher.xor(Keys::counter_iv(salt, ssrc, index), text);
            }
            right
        } else {
            // RFC 7714 section 9.3 lets a packet go authenticated alone; nobody needs that of us.
            let (head, rest) = packet.split_at_mut(RTCP_HEAD);
            let (text, rest) = rest.split_at_mut(len - RTCP_HEAD);
            let tag = rest.first_chunk::<TAG_GCM>().copied().ok_or(SrtpFault::Short)?;
            encrypted && self.rtcp.gcm_open(ssrc, index, &rtcp_aad(head, word), text, tag)
        };
        if !right {
            return Err(SrtpFault::Forged);
        }
        self.reports.mark(ssrc, index);
        Ok(len)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(***)")
    }
}

/// What stays readable of an RTP packet.
struct Head {
    len: usize,
    seq: u16,
    ssrc: u32,
}

impl Head {
    /// Fixed header, CSRCs and extension, RFC 3550 section 5.1.
    fn read(packet: &[u8]) -> Option<Head> {
        let [first, _, s0, s1, _, _, _, _, c0, c1, c2, c3, rest @ ..] = packet else { return None };
        if first >> 6 != 2 {
            return None;
        }
        let mut len = 12 + usize::from(first & 0x0f) * 4;
        if first & 0x10 != 0 {
            let extension = rest.get(len - 12..)?.first_chunk::<4>()?;
            len += 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4;
        }
        let (seq, ssrc) = (u16::from_be_bytes([*s0, *s1]), u32::from_be_bytes([*c0, *c1, *c2, *c3]));
        (len <= packet.len()).then_some(Head { len, seq, ssrc })
    }
}

/// Bytes of an RTCP packet that stay readable.
const RTCP_HEAD: usize = 8;

fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let head = packet.first_chunk::<RTCP_HEAD>()?;
    (head[0] >> 6 == 2).then(|| u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}

/// RFC 7714 section 9.3: the header and the word with the index.
fn rtcp_aad(head: &[u8], word: [u8; 4]) -> [u8; RTCP_HEAD + 4] {
    let mut aad = [0; RTCP_HEAD + 4];
    aad.iter_mut().zip(head.iter().chain(&word)).for_each(|(to, from)| *to = *from);
    aad
}

fn put(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Whether `tag` is the front of `full`, told in constant time.
fn same(full: &[u8; 20], tag: &[u8]) -> bool {
    full.get(..tag.len()).is_some_and(|front| bool::from(front.ct_eq(tag)))
}

#[cfg(test)]
mod tests;
