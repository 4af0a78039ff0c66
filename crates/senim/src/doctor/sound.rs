//! Sound: ports and codecs.

use super::{Finding, count};
use crate::config::Plan;
use senim_sdp::{Capabilities, Codec};
use std::net::UdpSocket;

/// Pairs of the range that are tried.
const TRIED: u16 = 16;
/// Ports of a call with a consultant: two legs, a pair each.
pub(super) const PORTS_A_CALL: usize = 4;

/// Calls that the range can carry.
pub(super) fn calls_of(plan: &Plan) -> usize {
    usize::from(plan.ports.1 - plan.ports.0 + 1) / PORTS_A_CALL
}

/// Calls that the trunks may bring.
pub(super) fn calls_allowed(plan: &Plan) -> usize {
    plan.trunks
        .iter()
        .map(|t| usize::try_from(t.table.calls_max).unwrap_or(usize::MAX))
        .fold(0, usize::saturating_add)
}

/// The range: large enough, and not another program's.
pub(super) fn ports(plan: &Plan) -> Vec<Finding> {
    let (first, last) = plan.ports;
    let what = "sound ports";
    let pairs = (last - first).div_ceil(2);
    let step = (pairs / TRIED).max(1) * 2;
    let even = first + first % 2;
    let tried: Vec<u16> =
        (0..TRIED).map_while(|n| even.checked_add(n * step).filter(|p| *p < last)).collect();
    let free = tried.iter().filter(|p| had(plan, **p)).count();
    let carries = calls_of(plan);
    let allowed = calls_allowed(plan);
    let found = format!(
        "{first}-{last} on {}: {free} of {} pairs tried are free; enough for {}",
        plan.media_bind,
        tried.len(),
        count(carries, "call")
    );
    let finding = if free == 0 {
        let mend =
            "another program has these ports, or [media] bind is no address of this machine; see `ss -lnpu`";
        Finding::fail(what, found, mend)
    } else if carries < allowed {
        let mend =
            format!("trunks may bring {}; widen [media] ports, or lower calls_max", count(allowed, "call"));
        Finding::warn(what, found, mend)
    } else {
        Finding::ok(what, found)
    };
    vec![finding]
}

fn had(plan: &Plan, port: u16) -> bool {
    let bind = |port: u16| UdpSocket::bind((plan.media_bind, port));
    // Both at once: RTP and RTCP go together.
    bind(port).is_ok_and(|_rtp| bind(port + 1).is_ok())
}

/// What is offered.
pub(super) fn codecs() -> Vec<Finding> {
    let offered = Capabilities::default().codecs;
    let names: Vec<&str> = offered.iter().map(|c: &Codec| c.name()).collect();
    vec![Finding::ok("codecs", format!("{} and telephone-event are offered", names.join(", ")))]
}
