//! RTCP of one leg: our report every five seconds, what the peer's says of us, BYE at the end (RFC 3550 §6).

use crate::Quality;
use crate::leg::Leg;
use crate::outbox::Outbox;
use core::net::SocketAddr;
use core::time::Duration;
use senim_base::{Instant, LegId};
use senim_rtp::{REPORT_LEN_MAX, Report, SenderInfo, ntp};

/// How often a leg reports.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Reports {
    due: Instant,
    /// Packets sent when the last report went: an SR goes only when more were sent since.
    sent_then: u64,
    reported: bool,
    peer_lost: Option<u32>,
    /// What it lost of ours since its report before, in 256ths.
    peer_fraction: Option<u8>,
    round_trip_us: Option<u32>,
    /// How the leg sounded when that was told last.
    pub(crate) told: Option<Quality>,
}

impl Reports {
    pub(crate) fn new(leg: LegId, now: Instant) -> Reports {
        // Spread by leg, so that calls of one burst do not report in one burst.
        let spread = Duration::from_millis(leg.0 % 100 * 10);
        Reports {
            due: now + EVERY - Duration::from_millis(500) + spread,
            sent_then: 0,
            reported: false,
            peer_lost: None,
            peer_fraction: None,
            round_trip_us: None,
            told: None,
        }
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    pub(crate) fn peer_lost(&self) -> Option<u32> {
        self.peer_lost
    }

    /// Share of our packets that the peer lost of late.
    pub(crate) fn peer_loss(&self) -> Option<f64> {
        self.peer_fraction.map(|fraction| f64::from(fraction) / 256.0)
    }

    pub(crate) fn round_trip_us(&self) -> Option<u32> {
        self.round_trip_us
    }
}

impl Leg {
    /// Reports if it is time.
    pub(crate) fn run_reports(&mut self, now: Instant, out: &mut Outbox) {
        if self.stream.is_some() && self.reports.due <= now {
            self.reports.due = now + EVERY;
            self.send_report(false, now, out);
        }
    }

    /// Sends SR or RR, with BYE when leaving; who never sent anything leaves without a word (RFC 3550 section 6.3.7).
    pub(crate) fn send_report(&mut self, bye: bool, now: Instant, out: &mut Outbox) {
        if bye && self.out.packets == 0 && !self.reports.reported {
            return;
        }
        let Some(to) = self.rtcp_address() else { return };
        let mux = self.stream.as_ref().is_some_and(|s| s.config.rtcp_mux);
        let sender = (self.out.packets > self.reports.sent_then).then(|| SenderInfo {
            ntp: ntp(now),
            rtp_timestamp: self.out.clock_now(now),
            packets: self.out.packets as u32,
            octets: self.out.octets as u32,
        });
        self.reports.sent_then = self.out.packets;
        self.reports.reported = true;
        let block = self.receiver.report(now);
        if !bye {
            self.tell_quality(block.as_ref(), out);
        }
        let report = Report { ssrc: self.out.ssrc, sender, block, bye };
        let mut bytes = [0; REPORT_LEN_MAX];
        let len = report.write(&mut bytes);
        let (id, packet) = (self.id, (bytes.get(..len).unwrap_or(&[]), &[][..]));
        // A report that cannot be sealed is done without: the next one comes in five seconds.
        self.out.seal.send(true, packet, |head, rest| out.send(id, to, !mux, head, rest));
    }

    /// Takes a peer's report; only the host that may speak is believed.
    pub(crate) fn hear_report(&mut self, from: SocketAddr, bytes: &[u8], now: Instant, out: &mut Outbox) {
        let Some(stream) = &self.stream else { return };
        if from.ip() != stream.latch.in_use().ip() && from != stream.config.remote_rtcp {
            self.strangers.all += 1;
            return;
        }
        let Ok(report) = Report::read(bytes, self.out.ssrc) else {
            self.malformed += 1;
            return;
        };
        if let Some(sender) = report.sender {
            self.receiver.sender_report(report.ssrc, sender.ntp, now);
        }
        self.note_peers_ear(report.block.as_ref(), out);
        if let Some(block) = report.block {
            self.reports.peer_lost = Some(block.cumulative_lost.max(0).unsigned_abs());
            self.reports.peer_fraction = Some(block.fraction_lost);
            if block.last_sr != 0 {
                let middle = (ntp(now) >> 16) as u32;
                let trip = middle.wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr);
                // Clocks differ by a tick: a trip of nearly the whole circle is a little below zero.
                let trip = if trip > 1 << 31 { 0 } else { trip };
                self.reports.round_trip_us = u32::try_from(u64::from(trip) * 1_000_000 / 65_536).ok();
            }
        }
    }

    /// As the SDP says, or beside the address that was latched.
    fn rtcp_address(&self) -> Option<SocketAddr> {
        let stream = self.stream.as_ref()?;
        let in_use = stream.latch.in_use();
        let to = if stream.config.rtcp_mux {
            in_use
        } else if in_use == stream.config.remote {
            stream.config.remote_rtcp
        } else {
            SocketAddr::new(in_use.ip(), in_use.port().checked_add(1)?)
        };
        (to.port() != 0 && !to.ip().is_unspecified()).then_some(to)
    }
}
