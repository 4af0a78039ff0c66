//! Sound: ports and codecs.

use super::{Finding, count};
use crate::config::Plan;
use senim_sdp::Codec;
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

/// What each side may speak, and whether what one brings must be coded anew for another.
pub(super) fn codecs(plan: &Plan) -> Vec<Finding> {
    let names = |codecs: &[Codec]| codecs.iter().map(|codec| codec.name()).collect::<Vec<_>>().join(", ");
    let softphones = &plan.softphone_codecs;
    let ours = Finding::ok("codecs", format!("softphones: {}; and telephone-event", names(softphones)));
    let trunks = plan.trunks.iter().map(|trunk| {
        let what = format!("codecs of {}", trunk.table.name);
        let foreign: Vec<Codec> =
            trunk.codecs.iter().copied().filter(|c| is_foreign(*c, softphones)).collect();
        let mend = "a softphone that speaks it as well spares the work: write it in [media] softphone_codecs";
        match foreign.as_slice() {
            [] => Finding::ok(
                what,
                format!("{}; what it speaks passes to softphones as it comes", names(&trunk.codecs)),
            ),
            foreign => {
                let found = format!(
                    "{}; {} is always coded anew for softphones",
                    names(&trunk.codecs),
                    names(foreign)
                );
                Finding::warn(what, found, mend)
            }
        }
    });
    core::iter::once(ours).chain(trunks).collect()
}

fn is_foreign(codec: Codec, others: &[Codec]) -> bool {
    others.iter().all(|other| codec.is_foreign_to(*other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_nobody_else_speaks_is_foreign_and_the_laws_are_not() {
        assert!(is_foreign(Codec::G722, &[Codec::Pcma, Codec::Opus]));
        assert!(!is_foreign(Codec::Pcmu, &[Codec::Opus, Codec::Pcma]));
        assert!(!is_foreign(Codec::Opus, &[Codec::Opus]));
    }
}
