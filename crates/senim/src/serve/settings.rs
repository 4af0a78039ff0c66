//! From the proven configuration to what the rooms want to be told.

use super::places::Places;
use crate::config::{Plan, TrunkPlan};
use core::time::Duration;
use senim_audio::Bank;
use senim_ivr::Script;
use senim_sip::{Enrolment, Expiry, Flow, Hop, IpNet, Network, Transport, TrunkSource};
use senim_switch::{
    FloodSettings, ForwardSettings, MediaSettings, RegistrationSettings, Settings, TrunkSettings,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What the switch is told.
pub fn switch(plan: &Plan, bank: &Bank, scripts: BTreeMap<String, Arc<Script>>, places: &Places) -> Settings {
    let line = &plan.config.line;
    let forwards = plan.ucc_trunk.iter().map(|trunk| {
        let ring = seconds(line.ucc_ring_s);
        (
            crate::scripts::UCC.to_owned(),
            ForwardSettings { trunk: trunk.clone(), number: line.ucc_number.clone(), ring },
        )
    });
    let sounding = plan.wires.networks.iter().filter_map(|n| Some((n.cidr.clone(), n.media_advertised?)));
    Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        utc_offset_minutes: line.utc_offset_minutes,
        numbers: plan.numbers.clone(),
        trunks: plan.trunks.iter().map(|t| trunk(t, places)).collect(),
        registrations: plan.trunks.iter().filter_map(|t| registration(t, places)).collect(),
        register_expiry: Expiry {
            min_s: plan.config.sip.register_min_s,
            max_s: plan.config.sip.register_max_s,
        },
        softphone_probe: Some(seconds(plan.config.sip.softphone_probe_s)).filter(|every| !every.is_zero()),
        queues: plan.queues.clone(),
        priority_worth_s: line.priority_worth_s,
        scripts,
        catalogue: crate::prompts::catalogue(bank),
        forwards: forwards.collect(),
        media: MediaSettings {
            address: plan.media_address,
            address6: media6(plan),
            networks: sounding.collect(),
            ports: plan.ports,
            softphone_srtp: plan.config.media.softphone_srtp,
            softphone_codecs: plan.softphone_codecs.clone(),
            caller_inactivity: seconds(plan.config.media.caller_inactivity_s),
            consultant_inactivity: seconds(plan.config.media.consultant_inactivity_s),
        },
        keep_restricted: line.keep_restricted,
        trace: plan.config.sip.trace,
        show_number: line.show_number,
        features: line.features.clone(),
        flood: (line.flood_calls > 0).then(|| FloodSettings {
            calls: line.flood_calls,
            window: seconds(line.flood_window_s),
            script: line.flood_script.clone(),
        }),
        blocked_script: line.blocked_script.clone(),
        service_level: plan.service_level,
        progress_max: seconds(line.softphone_silence_s),
    }
}

/// The address for sound of IPv6; one that is any address is told by networks alone.
fn media6(plan: &Plan) -> Option<IpAddr> {
    plan.wires.media_bind6.filter(|ip| !ip.is_unspecified())
}

fn seconds(s: u32) -> Duration {
    Duration::from_secs(u64::from(s))
}

/// The way out to a place, from the address of ours that fits best: one of the transport, or any of the family, since
/// a connection brings its answers back itself.
pub fn way(hop: Hop, local: &[(Transport, SocketAddr)]) -> Option<Flow> {
    let family = |address: &SocketAddr| address.is_ipv4() == hop.address.is_ipv4();
    let of_transport = local.iter().find(|(t, a)| *t == hop.transport && family(a));
    let of_family = || local.iter().find(|(_, a)| family(a)).filter(|_| hop.transport.can_be_opened());
    let (_, local) = *of_transport.or_else(of_family)?;
    Some(Flow { transport: hop.transport, local, remote: hop.address, connection: 0 })
}

fn registration(t: &TrunkPlan, places: &Places) -> Option<RegistrationSettings> {
    let target = t.target.as_ref().filter(|_| t.table.register)?;
    let enrolment = Enrolment {
        flows: places.get(&t.table.name).cloned().unwrap_or_default(),
        domain: target.host.clone(),
        user: t.table.username.clone(),
        contact_user: t.table.contact_user.clone(),
        expires_s: t.table.register_expires_s,
        credentials: t.credentials.clone(),
    };
    Some(RegistrationSettings { trunk: t.table.name.clone(), enrolment })
}

fn trunk(t: &TrunkPlan, places: &Places) -> TrunkSettings {
    let probe = t.table.probe_s;
    TrunkSettings {
        name: t.table.name.clone(),
        targets: places.get(&t.table.name).cloned().unwrap_or_default(),
        forwards: t.table.forwards,
        identity: t.table.identity,
        priority: t.table.priority,
        weight: t.table.weight,
        host: t.target.as_ref().map(|target| target.host.clone()).unwrap_or_default(),
        plan: t.table.number_plan.clone(),
        calls_max: t.table.calls_max,
        calls_per_second_max: t.table.calls_per_second_max,
        probe_every: (probe > 0).then(|| seconds(probe)),
        probes_to_turn: t.table.probes_to_turn,
        silence_max: seconds(t.table.silence_s),
        srtp: t.table.srtp,
        codecs: t.codecs.clone(),
        credentials: t.credentials.clone(),
    }
}

fn nets(trunk: &TrunkPlan) -> impl Iterator<Item = IpNet> {
    trunk.sources.iter().map(|(addr, prefix)| IpNet { addr: *addr, prefix: *prefix })
}

/// Where trunks speak from, for the switch's inbox.
pub fn trunk_nets(plan: &Plan) -> Vec<IpNet> {
    plan.trunks.iter().flat_map(nets).collect()
}

/// What the SIP endpoint is told.
pub fn sip(plan: &Plan, local: &[(Transport, SocketAddr)]) -> senim_sip::Settings {
    let advertised = plan.advertised.map_or_else(Vec::new, |(ip, port)| {
        local.iter().map(|(t, a)| (*t, SocketAddr::new(ip, port.unwrap_or(a.port())))).collect()
    });
    let networks = plan.wires.networks.iter().filter_map(|n| {
        let (address, port) = n.advertised?;
        Some(Network { peers: n.cidr.clone(), address, port })
    });
    let networks = networks.collect();
    let trunks = plan
        .trunks
        .iter()
        .map(|t| TrunkSource {
            name: t.table.name.clone(),
            sources: nets(t).collect(),
            tls_only: t.table.tls_only || !t.table.tls_name.is_empty(),
        })
        .collect();
    senim_sip::Settings {
        user_agent: plan.config.sip.user_agent.clone(),
        realm: plan.config.sip.realm.clone(),
        advertised,
        networks,
        streams: local.iter().filter(|(t, _)| *t == Transport::Tcp).map(|(_, a)| *a).collect(),
        trunks,
        digest: plan.digest.clone(),
        accept_users: true,
        session_timer: senim_sip::SessionTimer {
            expires_s: plan.config.sip.session_expires_s,
            min_s: plan.config.sip.session_min_s,
        },
    }
}
