//! A call's sound under fire: two parties who talk and are recorded, one in the clear and one under keys, and datagrams
//! from anybody at either. Whom nobody named is neither heard, nor recorded, nor sent to.

use crate::Broken;
use core::time::Duration;
use senim_audio::Bank;
use senim_base::{CallId, Instant, LegId, RecordingId, TrackId};
use senim_media::{Item, Order, Outbox, Session, StreamConfig, StreamKeys};
use senim_rtp::{Header, MasterKey, SRTP_OVERHEAD_MAX, Sealer, Suite};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const CLEAR: LegId = LegId(1);
const SEALED: LegId = LegId(2);
const RECORDING: RecordingId = RecordingId(1);

/// One call.
#[derive(Debug)]
pub struct Studio {
    session: Session,
    bank: Bank,
    out: Outbox,
    now: Instant,
    phone: Sealer,
    seq: u16,
    /// Packets that the sealed party had from the clear one, and the other way round.
    heard: [u64; 2],
}

impl Studio {
    /// Two parties who hear each other and are recorded.
    ///
    /// # Errors
    /// When a key of its suite's length is refused.
    pub fn new() -> Result<Studio, Broken> {
        let (key, salt) = Suite::AesCm80.master_len();
        let master =
            |byte| MasterKey::new(Suite::AesCm80, &vec![byte; key + salt]).ok_or("a whole key is none");
        let keys = StreamKeys { send: master(1)?, receive: master(2)? };
        let phone = Sealer::new(&keys.receive).ok_or("a whole key seals nothing")?;
        let mut studio = Studio {
            session: Session::new(CallId(1), 7),
            bank: Bank::new(),
            out: Outbox::new(),
            now: Instant::from_secs(1),
            phone,
            seq: 0,
            heard: [0; 2],
        };
        for (leg, keys) in [(CLEAR, None), (SEALED, Some(keys))] {
            let port = 20_000 + 2 * leg.0 as u16;
            studio.order(&Order::Open { leg, port, ipv6: false })?;
            studio.order(&Order::Secure { leg, keys })?;
            studio.order(&Order::Configure { leg, stream: stream(leg) })?;
            studio.order(&Order::Record { leg, recording: RECORDING, track: TrackId(leg.0 as u8) })?;
        }
        studio.order(&Order::Bridge { a: CLEAR, b: SEALED })?;
        studio.talk()?;
        Ok(studio)
    }

    /// A datagram at both parties' ports, from everybody who could send one.
    ///
    /// # Errors
    /// Which promise broke.
    pub fn datagram(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        for leg in [CLEAR, SEALED] {
            for (from, may_speak) in senders(leg) {
                for rtcp in [false, true] {
                    self.session.packet(leg, from, rtcp, bytes, self.now, &mut self.out);
                    let may_speak = may_speak && leg == CLEAR;
                    let heard = self.out.items().any(|item| match item {
                        Item::Tap { .. } => true,
                        Item::Send { rtcp, .. } => !rtcp,
                        _ => false,
                    });
                    if heard && !may_speak {
                        return Err(format!("{from} was heard at {leg}"));
                    }
                    self.drain(bytes.len())?;
                }
            }
        }
        self.talk()
    }

    /// Forty milliseconds of the talk itself: both hear each other whatever came in between.
    fn talk(&mut self) -> Result<(), Broken> {
        for _ in 0..2 {
            self.seq = self.seq.wrapping_add(1);
            let timestamp = u32::from(self.seq).wrapping_mul(160);
            for leg in [CLEAR, SEALED] {
                let ssrc = 0x1000 + leg.0 as u32;
                let header = Header { payload_type: 8, seq: self.seq, timestamp, ssrc, marker: false };
                let mut packet = header.to_bytes().to_vec();
                packet.resize(packet.len() + 160, 0xd5);
                if leg == SEALED {
                    let len = packet.len();
                    packet.resize(len + SRTP_OVERHEAD_MAX, 0);
                    let len = self.phone.rtp(&mut packet, len).map_err(|fault| fault.to_string())?;
                    packet.truncate(len);
                }
                let before = self.heard;
                self.session.packet(leg, named(leg), false, &packet, self.now, &mut self.out);
                self.drain(packet.len())?;
                // In the clear anyone may have spoken as the peer and moved its numbers on; a key's holder is always
                // heard.
                if leg == SEALED && before == self.heard {
                    return Err("the one who has the key is not heard".to_owned());
                }
            }
            self.now += Duration::from_millis(20);
            self.session.tick(&self.bank, self.now, &mut self.out);
            self.drain(0)?;
        }
        Ok(())
    }

    /// The call ends: nothing stays, and each leg tells how it was.
    ///
    /// # Errors
    /// Which promise broke.
    pub fn rest(mut self) -> Result<(), Broken> {
        self.order(&Order::CloseSession)?;
        let over = self.session.is_empty() && self.session.deadline().is_none();
        if over { Ok(()) } else { Err("a closed call stays".to_owned()) }
    }

    fn order(&mut self, order: &Order) -> Result<(), Broken> {
        self.session.order(order, self.now, &mut self.out);
        self.drain(0)
    }

    /// What goes out goes to whom it may; nothing is much longer than what came.
    fn drain(&mut self, came: usize) -> Result<(), Broken> {
        let mut broken = None;
        for item in self.out.items() {
            if let Item::Send { leg, to, rtcp, bytes } = item {
                if to.ip() != named(leg).ip() && to.ip() != signalling(leg) {
                    broken = Some(format!("{leg} sends to {to}"));
                }
                if !rtcp && came > 0 && bytes.len() > came.max(172) + SRTP_OVERHEAD_MAX {
                    broken = Some(format!("{came} bytes became {}", bytes.len()));
                }
                if let Some(count) = self.heard.get_mut(usize::from(leg == SEALED)).filter(|_| !rtcp) {
                    *count += 1;
                }
            }
        }
        self.out.clear();
        if self.out.dropped() > 0 {
            return Err("the outbox was full".to_owned());
        }
        broken.map_or(Ok(()), Err)
    }
}

fn stream(leg: LegId) -> StreamConfig {
    StreamConfig { signalling_peer: signalling(leg), ..StreamConfig::of_telephone(named(leg)) }
}

/// Where the leg's SDP points.
fn named(leg: LegId) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(198, 51, 100, leg.0 as u8).into(), 4_000)
}

/// Whence its signalling comes.
fn signalling(leg: LegId) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, leg.0 as u8).into()
}

/// Everybody, and who of them may be heard while the peer speaks.
fn senders(leg: LegId) -> [(SocketAddr, bool); 5] {
    let other = if leg == CLEAR { SEALED } else { CLEAR };
    [
        (SocketAddr::new(Ipv4Addr::new(192, 0, 2, 66).into(), 4_000), false),
        (SocketAddr::new(signalling(leg), 4_000), false),
        (named(other), false),
        (stream(leg).remote_rtcp, false),
        (named(leg), true),
    ]
}
