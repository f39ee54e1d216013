//! The modules that we ship, in the daemon: whatever a server sends, what they make of it is a plan that the host accepts.
//! Their own tests know its rules only by hearsay.
#![allow(clippy::unwrap_used, clippy::panic)]

mod handlers_support;
mod support;

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr::config::Isolation;
use dhcpmgr::handlers::Decision;
use dhcpmgr_message::{Bytes, Lifetime, Prefix, StaticRoute, V4Report, V6Address, V6Prefix, V6Report};
use dhcpmgr_plugin_api::LeaseEvent;
use dhcpmgr_plugin_api::testing::{v4_event, v6_event};
use handlers_support::*;
use support::module;

/// As many of everything as a lease message may hold.
const MANY: u16 = 512;

async fn decide(name: &str, event: &LeaseEvent) -> Decision {
    let handler = handler(name, &module(name), Isolation::InProcess);
    let decision = chain(&[handler]).await.decide(event).await;
    assert_eq!(decision.reports[0].failure, None);
    decision
}

fn name(i: u16) -> String {
    format!("n{i}.{}.{}.example", "a".repeat(63), "b".repeat(63))
}

/// A name as on the wire.
fn wire(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    [name.split('.').flat_map(label).collect(), vec![0]].concat()
}

#[tokio::test]
async fn a_flood_in_a_v4_lease_is_no_misbehaviour_of_its_handler() {
    let servers: Vec<_> = (0..MANY).map(|i| Ipv4Addr::from(0xCB00_7100 + u32::from(i))).collect();
    let to =
        |i: u16| Prefix::containing(Ipv4Addr::from(0x0A00_0000 + (u32::from(i) << 8)).into(), 24).unwrap();
    let mut report = V4Report {
        address: Some(Ipv4Addr::new(192, 0, 2, 7)),
        prefix_len: Some(24),
        routers: vec![Ipv4Addr::new(192, 0, 2, 1)],
        classless_routes: (0..MANY)
            .map(|i| StaticRoute { to: to(i), via: Ipv4Addr::new(192, 0, 2, 1) })
            .collect(),
        dns: servers.clone(),
        ntp: servers,
        search: (0..100).map(name).collect(),
        sip: (0..100).map(name).collect(),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    };
    for option in [43, 125, 150] {
        report.options.insert(option, Bytes(vec![1; 2048]));
    }
    let plan = decide("v4", &v4_event(report)).await.plan;
    assert_eq!((plan.dns.len(), plan.ntp.len(), plan.routes.len()), (32, 32, 256));
}

#[tokio::test]
async fn a_flood_in_a_v6_lease_is_no_misbehaviour_of_its_handler() {
    let host = |i: u16| Ipv6Addr::new(0x2001, 0xdb8, i, 0, 0, 0, 0, 1);
    let lifetimes = (Lifetime(1800), Lifetime(3600));
    let mut report = V6Report {
        addresses: (0..MANY)
            .map(|i| V6Address {
                address: format!("{}/128", host(i)).parse().unwrap(),
                iaid: Some(i.into()),
                temporary: false,
                preferred: lifetimes.0,
                valid: lifetimes.1,
                claimed: false,
            })
            .collect(),
        prefixes: (0..MANY)
            .map(|i| V6Prefix {
                prefix: Prefix::containing(host(i).into(), 48).unwrap(),
                iaid: Some(i.into()),
                preferred: lifetimes.0,
                valid: lifetimes.1,
                claimed: false,
            })
            .collect(),
        ..V6Report::default()
    };
    let addresses: Vec<u8> = (MANY..2 * MANY).flat_map(|i| host(i).octets()).collect();
    let names: Vec<u8> = (0..60).flat_map(|i| wire(&name(i))).collect();
    for (option, value) in [(21, &names), (22, &addresses), (23, &addresses), (24, &names), (31, &addresses)]
    {
        report.options.insert(option, vec![Bytes(value.clone())]);
    }
    let vendor = [&[0, 0, 0, 9][..], &[0, 1, 0, 1, 7].repeat(100)].concat();
    report.options.insert(17, vec![Bytes(vendor)]);
    let time_server = |i: u16| {
        let name = wire(&name(i));
        Bytes([&[0, 3][..], &u16::try_from(name.len()).unwrap().to_be_bytes(), &name].concat())
    };
    report.options.insert(56, (0..40).map(time_server).collect());
    let plan = decide("v6", &v6_event(report)).await.plan;
    assert_eq!((plan.addresses.len(), plan.prefixes.len()), (64, 64));
    assert_eq!((plan.dns.len(), plan.search.len(), plan.ntp.len()), (32, 32, 32));
    assert!(plan.ntp.contains(&name(0)), "names of option 56 come first");
    assert!(plan.parameters.contains_key("SipServers") && plan.parameters.contains_key("VendorSpecific.9.1"));
}
