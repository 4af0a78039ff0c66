//! Doors and ways: where the line listens, what it says its address is, whether its trunks answer.

use super::knock::{self, Answer, options};
use super::{Finding, count};
use crate::config::{Plan, Target, TrunkPlan};
use core::time::Duration;
use senim_sip::Transport;
use senim_switch::api::{Board, RegistrationRow};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

/// A door of ours that takes longer than this to answer is busy.
const SLOW: Duration = Duration::from_millis(200);

/// Every address that is listened on: answers an OPTIONS, or can be had by a line that is to start.
pub(super) fn listening(plan: &Plan, running: bool) -> Vec<Finding> {
    let wires = &plan.wires;
    let doors = [
        (Transport::Udp, &plan.udp),
        (Transport::Tcp, &plan.tcp),
        (Transport::Tls, &wires.tls),
        (Transport::Ws, &wires.ws),
        (Transport::Wss, &wires.wss),
    ];
    let doors = doors.into_iter().flat_map(|(t, all)| all.iter().map(move |at| (t, *at)));
    doors.map(|(t, at)| if running { door(plan, t, at) } else { could_listen(t, at) }).collect()
}

/// Knocks: an OPTIONS, or a page that asks for a WebSocket.
fn knock_at(plan: &Plan, transport: Transport, at: SocketAddr) -> io::Result<Answer> {
    let rules = &plan.wires.websocket;
    match (transport, rules.origins.first()) {
        (Transport::Ws | Transport::Wss, Some(origin)) => {
            let answer = knock::websocket(transport.is_secure(), reached(at), &rules.path, origin)?;
            match answer.status {
                101 => Ok(answer),
                status => Err(io::Error::other(format!("a page of {origin} is refused with {status}"))),
            }
        }
        _ => options(transport, reached(at), &at.to_string()),
    }
}

fn door(plan: &Plan, transport: Transport, at: SocketAddr) -> Finding {
    let what = format!("listens {}:{at}", transport.word());
    match knock_at(plan, transport, at) {
        Ok(answer) if answer.took > SLOW => {
            let mend = "the line is busy or short of processor; see `top` and docs/performance.md";
            Finding::warn(what, answer.said(), mend)
        }
        Ok(answer) => Finding::ok(what, answer.said()),
        Err(e) => Finding::fail(
            what,
            knock::why(&e),
            "the running line has not opened this address, or a firewall drops packets to it; start the line again after a \
             change of [sip], and see `ss -lnp` and `nft list ruleset`",
        ),
    }
}

/// Where a machine reaches its own "any address".
fn reached(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

fn could_listen(transport: Transport, at: SocketAddr) -> Finding {
    let what = format!("listens {}:{at}", transport.word());
    let had = match transport {
        Transport::Udp => UdpSocket::bind(at).map(drop),
        _ => TcpListener::bind(at).map(drop),
    };
    match had {
        Ok(()) => Finding::ok(what, "can be had"),
        Err(e) => {
            let mend = match e.kind() {
                io::ErrorKind::AddrInUse => {
                    format!(
                        "another program has it; stop that one (`ss -lnp sport = :{}`) or write another port",
                        at.port()
                    )
                }
                io::ErrorKind::AddrNotAvailable => "write an address that `ip address` shows in [sip]".into(),
                io::ErrorKind::PermissionDenied => {
                    "write a port above 1023, or grant CAP_NET_BIND_SERVICE".into()
                }
                _ => "write another address in [sip]".into(),
            };
            Finding::fail(what, e.to_string(), mend)
        }
    }
}

/// What Via, Contact and SDP say, beside who is to reach it.
pub(super) fn advertised(plan: &Plan) -> Vec<Finding> {
    let sip = plan.advertised.map(|(ip, _)| ip);
    let sip = sip.or_else(|| plan.udp.iter().chain(&plan.tcp).map(SocketAddr::ip).next());
    let far: Vec<IpAddr> =
        plan.trunks.iter().filter_map(|t| t.target.as_ref()?.hop()).map(|hop| hop.address.ip()).collect();
    let mut findings = Vec::new();
    for (what, key, ip) in
        [("advertised SIP", "[sip]", sip), ("advertised sound", "[media]", Some(plan.media_address))]
    {
        let Some(ip) = ip else { continue };
        let mend = format!("write an address that the trunks reach, and NAT leads here, in {key} advertised");
        findings.push(match unreachable(ip, &far) {
            Some(why) => Finding::warn(what, format!("{ip}: {why}"), mend),
            None => Finding::ok(what, ip.to_string()),
        });
    }
    findings
}

/// Why trunks at these addresses cannot reach `ip`, if they cannot.
fn unreachable(ip: IpAddr, far: &[IpAddr]) -> Option<&'static str> {
    let somebody = |is: fn(&IpAddr) -> bool| far.iter().any(is);
    match ip {
        ip if ip.is_unspecified() => Some("nobody can send to it"),
        ip if ip.is_loopback() && somebody(|f| !f.is_loopback()) => {
            Some("only this machine reaches it, and a trunk is elsewhere")
        }
        ip if is_private(&ip) && somebody(|f| !is_private(f) && !f.is_loopback()) => {
            Some("a private address, and a trunk has a public one")
        }
        _ => None,
    }
}

fn is_private(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.octets().starts_with(&[100, 64]),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Trunks: their names, whether they answer now, what the line thinks of them; and what their clocks say.
pub(super) fn trunks(plan: &Plan, board: Option<&Board>) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    let mut dates = Vec::new();
    if plan.trunks.is_empty() {
        findings.push(Finding::warn("trunks", "none", "nobody can call from outside; write a [[trunk]]"));
    }
    for trunk in &plan.trunks {
        let Some(target) = &trunk.target else {
            findings.push(Finding::ok(format!("trunk {}", trunk.table.name), "only brings calls"));
            continue;
        };
        findings.extend(name(trunk, target));
        findings.push(asked(trunk, target, board, &mut dates));
    }
    (findings, dates)
}

/// Our registrations at carriers, as the line has them.
pub(super) fn registrations(plan: &Plan, board: &Board) -> Vec<Finding> {
    let wanted = plan.trunks.iter().filter(|t| t.table.register).map(|t| t.table.name.as_str());
    let row = |name: &str| {
        let what = format!("registration at {name}");
        match board.registrations.iter().find(|row| row.trunk == name) {
            Some(row) if row.up => Finding::ok(what, stands(row)),
            _ => Finding::fail(
                what,
                "the carrier has not taken it: calls of this carrier do not arrive",
                "see the log for its status; check username, password and realm of the [[trunk]], and that the carrier answers",
            ),
        }
    };
    wanted.map(row).collect()
}

fn stands(row: &RegistrationRow) -> String {
    let seconds = |ms: Option<u64>| ms.unwrap_or_default() / 1_000;
    let (granted, left) = (seconds(row.granted_ms), seconds(row.expires_ms));
    format!("granted {granted} s ago, stands for {left} s more and is refreshed before")
}

/// `host`, `host:port`, `[::1]:port` without port and brackets.
pub(super) fn bare_host(host: &str) -> &str {
    let with_port = host.rsplit_once(':').filter(|(h, _)| !h.contains(':') || h.ends_with(']'));
    with_port.map_or(host, |(host, _)| host).trim_start_matches('[').trim_end_matches(']')
}

/// A trunk's host name, asked again: the line may have asked long ago.
fn name(trunk: &TrunkPlan, target: &Target) -> Option<Finding> {
    let plain = bare_host(&target.host);
    if plain.parse::<IpAddr>().is_ok() {
        return None;
    }
    let what = format!("addresses of {}", trunk.table.name);
    Some(match (plain, target.place.without_service().1).to_socket_addrs().map(Iterator::count) {
        Ok(n) if n > 0 => Finding::ok(what, format!("{plain} has {n} of them")),
        _ => {
            let mend = "ask the carrier for the right name, or see /etc/resolv.conf and the name server";
            Finding::fail(what, format!("{plain} has no address"), mend)
        }
    })
}

fn asked(trunk: &TrunkPlan, target: &Target, board: Option<&Board>, dates: &mut Vec<String>) -> Finding {
    let what = format!("trunk {}", trunk.table.name);
    let Some(hop) = target.hop() else {
        let mend = "ask the carrier for the right name, or see /etc/resolv.conf and the name server";
        return Finding::fail(what, format!("{} has no address", target.host), mend);
    };
    let way = format!("{}:{}", hop.transport.word(), hop.address);
    let row = board.and_then(|b| b.trunks.iter().find(|t| t.name == trunk.table.name));
    let line = row.map(|t| {
        format!(
            "; the line {} it, {}",
            if t.alive { "uses" } else { "passes over" },
            count(usize::try_from(t.calls).unwrap_or(usize::MAX), "call",)
        )
    });
    let line = line.unwrap_or_default();
    match options(hop.transport, hop.address, &target.host) {
        Ok(answer) => {
            dates.extend(answer.date.clone());
            let found = format!("{way} {}{line}", answer.said());
            match row.is_some_and(|t| !t.alive) {
                true => Finding::warn(
                    what,
                    found,
                    "it answers now and the line has not noticed yet; it will after probes_to_turn answers, if probe_s is not 0",
                ),
                false => Finding::ok(what, found),
            }
        }
        Err(e) => {
            let found = format!("{way}: {}{line}", knock::why(&e));
            match row.filter(|t| t.alive && trunk.table.probe_s > 0) {
                Some(_) => Finding::warn(
                    what,
                    found,
                    "the line's own probes are answered and these are not: the carrier answers the line's port only",
                ),
                None => Finding::fail(
                    what,
                    found,
                    "ask the carrier whether it answers OPTIONS from here; see [[trunk]] uri, the route and the firewall",
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_from_its_port() {
        for (said, host) in [
            ("sip.example.kz", "sip.example.kz"),
            ("sip.example.kz:5061", "sip.example.kz"),
            ("192.0.2.1:5060", "192.0.2.1"),
            ("[2001:db8::1]:5060", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(bare_host(said), host);
        }
    }

    #[test]
    fn an_address_that_a_trunk_cannot_reach_is_told() {
        let why = |ip: &str, far: &str| unreachable(ip.parse().unwrap(), &[far.parse().unwrap()]);
        assert!(why("127.0.0.1", "192.0.2.1").is_some() && why("127.0.0.1", "127.0.0.2").is_none());
        assert!(why("10.0.0.1", "198.51.100.1").is_some() && why("10.0.0.1", "10.9.9.9").is_none());
        assert!(why("fd00::1", "2001:db8::1").is_some() && why("198.51.100.1", "192.0.2.1").is_none());
        assert!(why("0.0.0.0", "127.0.0.1").is_some());
    }
}
