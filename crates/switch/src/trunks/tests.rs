//! Ways out in their order, limits on both sides, targets that rest, turn and are replaced.

use super::*;
use crate::settings::OutIdentity;
use senim_base::NumberPlan;
use senim_sip::Transport;

fn flow(n: u8) -> Flow {
    let at = |host: u8| core::net::SocketAddr::from(([10, 0, 0, host], 5060));
    Flow { transport: Transport::Udp, local: at(0), remote: at(n), connection: 0 }
}

pub(crate) fn trunk(name: &str, targets: &[u8]) -> TrunkSettings {
    TrunkSettings {
        name: name.into(),
        targets: targets.iter().map(|n| flow(*n)).collect(),
        host: "h".into(),
        plan: NumberPlan::default(),
        forwards: true,
        priority: 10,
        weight: 10,
        identity: OutIdentity::Own,
        calls_max: 2,
        calls_per_second_max: 2,
        probe_every: None,
        probes_to_turn: 3,
        silence_max: Duration::from_secs(4),
        srtp: senim_sdp::Security::Refuse,
        codecs: vec![senim_sdp::Codec::Pcma],
        credentials: None,
    }
}

fn at(s: u64) -> Instant {
    Instant::from_secs(100 + s)
}

fn trunks(settings: &[TrunkSettings]) -> Trunks {
    Trunks::new(settings, at(0))
}

/// Every way, in the order in which a call would try them.
fn ways(t: &Trunks, first: &str, now: Instant) -> Vec<(String, u8)> {
    let (mut tried, mut entropy) = (Vec::new(), Entropy::from_seed(1));
    while let Some(way) = t.way(first, &tried, now, &mut entropy) {
        tried.push(way);
    }
    let last = |w: &Way| match w.flow.remote.ip() {
        core::net::IpAddr::V4(ip) => ip.octets()[3],
        core::net::IpAddr::V6(_) => 0,
    };
    tried.iter().map(|w| (w.trunk.clone(), last(w))).collect()
}

fn names(ways: &[(String, u8)]) -> Vec<(&str, u8)> {
    ways.iter().map(|(n, t)| (n.as_str(), *t)).collect()
}

#[test]
fn the_named_trunk_goes_first_and_then_those_that_may_by_priority() {
    let late = TrunkSettings { priority: 20, ..trunk("late", &[3]) };
    let never = TrunkSettings { forwards: false, ..trunk("never", &[4]) };
    let named = TrunkSettings { forwards: false, priority: 99, ..trunk("named", &[1, 2]) };
    let t = trunks(&[late, never, trunk("soon", &[5]), named]);
    let wanted = [("named", 1), ("named", 2), ("soon", 5), ("late", 3)];
    assert_eq!(names(&ways(&t, "named", at(0))), wanted);
    assert_eq!(names(&ways(&t, "", at(0))), [("soon", 5), ("late", 3)]);
    assert!(t.leads("never", at(0)) && !trunks(&[trunk("in", &[])]).leads("in", at(0)));
}

#[test]
fn equals_share_calls_by_their_weight_and_zero_is_drawn_among_zeros_only() {
    let weigh = |name: &str, n, weight| TrunkSettings { weight, ..trunk(name, &[n]) };
    let t = trunks(&[weigh("none", 1, 0), weigh("one", 2, 10), weigh("three", 3, 30)]);
    let mut entropy = Entropy::from_seed(7);
    let mut drawn = BTreeMap::new();
    for _ in 0..4_000 {
        let way = t.way("", &[], at(0), &mut entropy).unwrap();
        *drawn.entry(way.trunk).or_insert(0) += 1;
    }
    assert_eq!(drawn.get("none"), None);
    assert!((900..1_100).contains(&drawn["one"]), "{drawn:?}");
    assert_eq!(ways(&t, "", at(0)).last().map(|w| w.0.clone()), Some("none".into()));
}

#[test]
fn a_target_that_asked_for_peace_rests_and_no_longer_than_the_ceiling() {
    let mut t = trunks(&[trunk("a", &[1, 2])]);
    let way = Way { trunk: "a".into(), flow: flow(1) };
    t.rest(&way, Duration::from_secs(30), at(0));
    assert_eq!(names(&ways(&t, "a", at(29))), [("a", 2)]);
    assert_eq!(names(&ways(&t, "a", at(30))), [("a", 1), ("a", 2)]);
    t.rest(&way, Duration::from_secs(u64::from(u32::MAX)), at(30));
    assert_eq!(names(&ways(&t, "a", at(30 + REST_MAX.as_secs() - 1))), [("a", 2)]);
    assert_eq!(names(&ways(&t, "a", at(30 + REST_MAX.as_secs()))), [("a", 1), ("a", 2)]);
}

/// FEATURES T8.
#[test]
fn both_limits_hold_on_both_sides_and_refusals_are_told_once_a_second() {
    let mut t = trunks(&[TrunkSettings { calls_max: 3, ..trunk("a", &[]) }]);
    assert_eq!(t.admit("a", at(0)), Ok(()));
    assert_eq!(t.admit("a", at(0)), Ok(()));
    assert_eq!(t.admit("a", at(0)), Err(Excess::Rate));
    assert_eq!(t.admit("a", at(1)), Ok(()));
    assert_eq!(t.admit("a", at(1)), Err(Excess::Calls));
    t.left("a");
    assert_eq!(t.admit("a", at(1)), Ok(()));
    assert_eq!(t.refused("a", 503, at(1)), Some(1));
    assert_eq!(t.refused("a", 503, at(1)), None);
    assert_eq!(t.refused("a", 404, at(1)), Some(3));
    assert_eq!(t.refused("a", 503, at(2)), Some(4));
    assert_eq!(t.rows().next(), Some(("a", true, 3, 4)));
}

#[test]
fn a_full_trunk_carries_no_more_calls_out() {
    let mut t = trunks(&[trunk("a", &[1]), TrunkSettings { priority: 20, ..trunk("b", &[2]) }]);
    t.carry("a");
    assert_eq!(names(&ways(&t, "a", at(0))), [("a", 1), ("b", 2)]);
    t.carry("a");
    assert_eq!(names(&ways(&t, "a", at(0))), [("b", 2)]);
    t.left("a");
    assert_eq!(names(&ways(&t, "a", at(0))), [("a", 1), ("b", 2)]);
}

#[test]
fn targets_are_replaced_and_one_that_was_known_keeps_what_is_known_of_it() {
    let mut t = trunks(&[TrunkSettings { probes_to_turn: 1, ..trunk("a", &[1, 2]) }]);
    t.by_rank[0].targets[1].alive = false;
    assert_eq!(t.retarget("a", &[flow(3), flow(2)]), None);
    assert_eq!(names(&ways(&t, "a", at(0))), [("a", 3)]);
    assert_eq!(t.retarget("a", &[flow(2)]), Some(("a".into(), false)));
    let many: Vec<Flow> = (1..=u8::MAX).map(flow).collect();
    assert_eq!(t.retarget("a", &many), Some(("a".into(), true)));
    assert_eq!(t.by_rank[0].targets.len(), TARGETS_MAX);
    assert_eq!(t.retarget("b", &many), None);
}
