//! Packets under keys (RFC 3711): sealed as they leave a leg, opened before anything else is done with them. What cannot
//! be opened is counted and changes nothing: neither who may speak nor whether the call lives.

use crate::leg::Leg;
use core::net::SocketAddr;
use senim_rtp::{MasterKey, Opener, Sealer};
use senim_sdp::{Keys, Suite};

/// Largest datagram that is sealed or opened, in bytes; a larger one is lost.
pub(crate) const SEALED_MAX: usize = 2_048;

/// The keys of a leg, one each way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamKeys {
    /// What we seal with.
    pub send: MasterKey,
    /// What the peer seals with.
    pub receive: MasterKey,
}

impl StreamKeys {
    /// From what SDP agreed. `None` only for a key that has not its suite's length, which SDP does not agree on.
    pub fn agreed(keys: &Keys) -> Option<StreamKeys> {
        let master = |key: &senim_sdp::Key| MasterKey::new(suite(key.suite()), key.bytes());
        Some(StreamKeys { send: master(&keys.send)?, receive: master(&keys.receive)? })
    }
}

fn suite(suite: Suite) -> senim_rtp::Suite {
    match suite {
        Suite::AesGcm256 => senim_rtp::Suite::AesGcm256,
        Suite::AesGcm128 => senim_rtp::Suite::AesGcm128,
        Suite::AesCm80 => senim_rtp::Suite::AesCm80,
        Suite::AesCm32 => senim_rtp::Suite::AesCm32,
    }
}

/// What seals a leg's packets. It outlives a time in the clear: the same key never begins anew.
#[derive(Debug, Default)]
pub(crate) struct Seal {
    sender: Option<Box<(MasterKey, Sealer)>>,
    on: bool,
}

impl Seal {
    fn set(&mut self, key: Option<&MasterKey>) {
        self.on = key.is_some();
        if let Some(key) = key
            && self.sender.as_ref().is_none_or(|sender| sender.0 != *key)
        {
            self.sender = Sealer::new(key).map(|sealer| Box::new((key.clone(), sealer)));
        }
    }

    /// Puts `head` and `payload` into `room`, sealed. `None`: nothing may go out.
    fn seal<'a>(
        &mut self,
        rtcp: bool,
        (head, payload): (&[u8], &[u8]),
        room: &'a mut [u8; SEALED_MAX],
    ) -> Option<&'a [u8]> {
        let len = head.len() + payload.len();
        let (front, back) = room.get_mut(..len)?.split_at_mut(head.len());
        front.copy_from_slice(head);
        back.copy_from_slice(payload);
        let sealer = &mut self.sender.as_mut()?.1;
        let sealed = if rtcp { sealer.rtcp(room, len) } else { sealer.rtp(room, len) };
        room.get(..sealed.ok()?)
    }

    /// Sends a packet, sealed if this leg's are. `false`: it could not be, and was not sent.
    pub(crate) fn send(
        &mut self,
        rtcp: bool,
        packet: (&[u8], &[u8]),
        send: impl FnOnce(&[u8], &[u8]),
    ) -> bool {
        if !self.on {
            send(packet.0, packet.1);
            return true;
        }
        let mut room = [0; SEALED_MAX];
        let sealed = self.seal(rtcp, packet, &mut room);
        if let Some(bytes) = sealed {
            send(bytes, &[]);
        }
        sealed.is_some()
    }
}

/// What opens a leg's packets.
#[derive(Debug, Default)]
pub(crate) struct Unseal {
    receiver: Option<Box<(MasterKey, Opener)>>,
    /// Packets that could not be opened: forged, replayed, or under another key.
    pub(crate) forged: u64,
}

impl Leg {
    /// Takes keys, or takes them away. The same ones again change nothing.
    pub(crate) fn secure(&mut self, keys: Option<&StreamKeys>) {
        self.out.seal.set(keys.map(|keys| &keys.send));
        let known = self.unseal.receiver.as_ref().map(|receiver| &receiver.0);
        if known != keys.map(|keys| &keys.receive) {
            let opener = |key: &MasterKey| Some(Box::new((key.clone(), Opener::new(key)?)));
            self.unseal.receiver = keys.and_then(|keys| opener(&keys.receive));
        }
    }

    /// What comes must be opened first.
    pub(crate) fn is_sealed(&self) -> bool {
        self.unseal.receiver.is_some()
    }

    /// Opens a datagram into `room`. That of a host which may not speak is given on as it is, to be counted as a
    /// stranger's: nobody makes us work at ciphers by sending.
    pub(crate) fn open_sealed<'a>(
        &mut self,
        from: SocketAddr,
        rtcp: bool,
        bytes: &'a [u8],
        room: &'a mut [u8; SEALED_MAX],
    ) -> Option<&'a [u8]> {
        let stream = self.stream.as_ref()?;
        if stream.latch.is_stranger(from) && from != stream.config.remote_rtcp {
            return Some(bytes);
        }
        let sealed = room.get_mut(..bytes.len())?;
        sealed.copy_from_slice(bytes);
        let opener = &mut self.unseal.receiver.as_mut()?.1;
        let opened = if rtcp { opener.rtcp(sealed) } else { opener.rtp(sealed) };
        let Ok(len) = opened else {
            self.unseal.forged += 1;
            return None;
        };
        room.get(..len)
    }
}
