//! Leases to start from, and a short way to say what differs.

use std::net::Ipv4Addr;

use dhcpmgr_plugin_api::message::{Bytes, ClientEvent, Lifetime, StaticRoute, V4Report};
use dhcpmgr_plugin_api::{LeaseEvent, Link, Plan, Policy, Protocol, RoutePlan};

/// An ordinary lease of an access network: nothing in it is worth a note.
pub(crate) fn ordinary() -> V4Report {
    V4Report {
        address: Some(ip("192.0.2.7")),
        prefix_len: Some(24),
        broadcast: Some(ip("192.0.2.255")),
        routers: vec![ip("192.0.2.1")],
        dns: vec![ip("192.0.2.53"), ip("198.51.100.53")],
        domain: Some("isp.example".to_owned()),
        server: Some(ip("192.0.2.1")),
        lease_time: Some(Lifetime(3600)),
        t1: Some(Lifetime(1800)),
        t2: Some(Lifetime(3150)),
        ..V4Report::default()
    }
}

/// The event for a report: client `wan4` on `wan0`, nothing known of the link, default policy but for metric 100.
pub(crate) fn event(report: V4Report) -> LeaseEvent {
    LeaseEvent {
        client: "wan4".parse().unwrap(),
        interface: "wan0".parse().unwrap(),
        protocol: Protocol::V4,
        event: ClientEvent::Bound,
        link: Link::default(),
        policy: Policy { metric: 100, ..Policy::default() },
        v4: Some(report),
        v6: None,
    }
}

/// The plan for the ordinary lease after `change`.
pub(crate) fn plan_with(change: impl FnOnce(&mut V4Report)) -> Plan {
    plan_for(change, |_| {})
}

/// The plan for the ordinary lease after `change`, the event after `configure`.
pub(crate) fn plan_for(change: impl FnOnce(&mut V4Report), configure: impl FnOnce(&mut LeaseEvent)) -> Plan {
    let mut report = ordinary();
    change(&mut report);
    let mut event = event(report);
    configure(&mut event);
    dhcpmgr_v4::plan(&event)
}

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn bytes(raw: &[u8]) -> Bytes {
    Bytes(raw.to_vec())
}

/// Routes as udhcpc writes them: `10.0.0.0/8 192.0.2.1 …`.
pub(crate) fn static_routes(text: &str) -> Vec<StaticRoute> {
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .chunks_exact(2)
        .map(|pair| StaticRoute { to: pair[0].parse().unwrap(), via: pair[1].parse().unwrap() })
        .collect()
}

/// The routes as `ip route` writes them, without what all routes of a lease share.
pub(crate) fn shown(plan: &Plan) -> Vec<String> {
    let show = |route: &RoutePlan| {
        let mut text = route.to.to_string();
        if let Some(via) = route.via {
            text.push_str(&format!(" via {via}"));
        }
        if route.onlink {
            text.push_str(" onlink");
        }
        text
    };
    plan.routes.iter().map(show).collect()
}

/// The reason of a refusal; the plan must then carry nothing else.
#[track_caller]
pub(crate) fn refusal(plan: &Plan) -> &str {
    let reason = &plan.refuse.as_ref().expect("the lease is refused").reason;
    let rest = Plan { refuse: plan.refuse.clone(), notes: plan.notes.clone(), ..Plan::default() };
    assert_eq!(*plan, rest, "a refused lease carries nothing else");
    reason
}

/// Exactly one note has all these words.
#[track_caller]
pub(crate) fn assert_note(plan: &Plan, words: &[&str]) {
    let count = plan.notes.iter().filter(|note| words.iter().all(|word| note.contains(word))).count();
    assert_eq!(count, 1, "notes with {words:?} in {:#?}", plan.notes);
}
