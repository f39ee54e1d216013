//! Arbitrary lease messages, and MessagePack by hand.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::{
    Bytes, ClientEvent, IaKind, InterfaceAddress, LeaseMessage, Lifetime, Prefix, StaticRoute, Token,
    V4Report, V6Address, V6Ia, V6Prefix, V6Report, V6Request, VERSION,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

pub(crate) fn text(s: &str) -> Vec<u8> {
    assert!(s.len() < 32);
    [&[0xa0 | s.len() as u8], s.as_bytes()].concat()
}

pub(crate) fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    assert!(entries.len() < 16);
    let mut bytes = vec![0x80 | entries.len() as u8];
    for (key, value) in entries {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

pub(crate) const TOKEN: &str = "00112233445566778899aabbccddeeff";

/// The smallest message that is accepted, entry by entry.
pub(crate) fn smallest() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("v", vec![1]),
        ("id", vec![7]),
        ("client", text("wan4")),
        ("token", [&[0xd9, 32], TOKEN.as_bytes()].concat()),
        ("program", text("udhcpc")),
        ("event", text("deconfig")),
        ("interface", text("wan0")),
    ]
}

pub(crate) fn message(event: ClientEvent) -> LeaseMessage {
    LeaseMessage {
        v: VERSION,
        id: 7,
        client: "wan4".parse().unwrap(),
        token: Token::from_random([7; 16]),
        program: "udhcpc".to_owned(),
        event,
        interface: "wan0".parse().unwrap(),
        at_ms: 0,
        v4: None,
        v6: None,
        problems: Vec::new(),
    }
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn v4_prefix() -> impl Strategy<Value = Prefix> {
    (v4(), 0_u8..=32).prop_map(|(a, len)| Prefix::containing(IpAddr::V4(a), len).unwrap())
}

fn v6_prefix() -> impl Strategy<Value = Prefix> {
    (v6(), 0_u8..=128).prop_map(|(a, len)| Prefix::containing(IpAddr::V6(a), len).unwrap())
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    any::<u32>().prop_map(Lifetime)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes)
}

fn routes() -> impl Strategy<Value = Vec<StaticRoute>> {
    vec((v4_prefix(), v4()).prop_map(|(to, via)| StaticRoute { to, via }), 0..4)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    vec(any::<String>(), 0..4)
}

prop_compose! {
    fn v4_addresses()(
        address in option::of(v4()), prefix_len in option::of(any::<u8>()), broadcast in option::of(v4()),
        routers in vec(v4(), 0..3), dns in vec(v4(), 0..4), ntp in vec(v4(), 0..3), server in option::of(v4()),
        siaddr in option::of(v4()), giaddr in option::of(v4()), classless_routes in routes(),
        ms_classless_routes in routes(), static_routes in routes(),
    ) -> V4Report {
        V4Report {
            address, prefix_len, broadcast, routers, dns, ntp, server, siaddr, giaddr, classless_routes,
            ms_classless_routes, static_routes, ..V4Report::default()
        }
    }
}

prop_compose! {
    fn v4_report()(
        report in v4_addresses(),
        texts in vec(option::of(any::<String>()), 10), search in words(), sip in words(),
        mtu in option::of(any::<u32>()), lease_time in option::of(lifetime()), t1 in option::of(lifetime()),
        t2 in option::of(lifetime()), time_offset in option::of(any::<i32>()),
        options in btree_map(any::<u8>(), bytes(), 0..8),
    ) -> V4Report {
        let mut texts = texts.into_iter().flatten();
        V4Report {
            search, sip, mtu, lease_time, t1, t2, time_offset, options,
            domain: texts.next(), hostname: texts.next(), message: texts.next(), posix_timezone: texts.next(),
            tzdb_timezone: texts.next(), tftp_server: texts.next(), bootfile: texts.next(), wpad: texts.next(),
            sname: texts.next(), file: texts.next(),
            ..report
        }
    }
}

fn lifetimes() -> impl Strategy<Value = (Lifetime, Lifetime)> {
    (lifetime(), lifetime())
}

prop_compose! {
    fn v6_report()(
        answer_to in prop::sample::select(vec![None, Some(V6Request::Request), Some(V6Request::InformationRequest)]),
        addresses in vec((v6(), 0_u8..=128, option::of(any::<u32>()), any::<(bool, bool)>(), lifetimes()), 0..3),
        prefixes in vec((v6_prefix(), option::of(any::<u32>()), any::<bool>(), lifetimes()), 0..3),
        ias in vec((any::<u32>(), option::of(lifetime()), option::of(lifetime()), option::of(any::<u16>())), 0..3),
        dns in vec(v6(), 0..3), search in words(), server_duid in option::of(bytes()),
        options in btree_map(any::<u16>(), vec(bytes(), 0..3), 0..6),
    ) -> V6Report {
        let addresses = addresses
            .into_iter()
            .map(|(address, len, iaid, (temporary, claimed), (preferred, valid))| {
                let address = InterfaceAddress::new(IpAddr::V6(address), len).unwrap();
                V6Address { address, iaid, temporary, preferred, valid, claimed }
            })
            .collect();
        let prefixes = prefixes
            .into_iter()
            .map(|(prefix, iaid, claimed, (preferred, valid))| V6Prefix { prefix, iaid, preferred, valid, claimed })
            .collect();
        let ias = ias
            .into_iter()
            .map(|(iaid, t1, t2, status)| V6Ia { kind: IaKind::Pd, iaid, t1, t2, status })
            .collect();
        V6Report { answer_to, addresses, prefixes, ias, dns, search, server_duid, options }
    }
}

fn content() -> impl Strategy<Value = (ClientEvent, Option<V4Report>, Option<V6Report>)> {
    use ClientEvent::{Add, Bound, Deconfig, Delete, Leasefail, Nak, Renew, Update};
    let v4_event = prop::sample::select(vec![Deconfig, Bound, Renew, Nak, Leasefail]);
    let v6_event = prop::sample::select(vec![Deconfig, Leasefail, Add, Update, Delete]);
    let bare_event = prop::sample::select(vec![Deconfig, Nak, Leasefail]);
    prop_oneof![
        4 => (v4_event, v4_report()).prop_map(|(event, report)| (event, Some(report), None)),
        4 => (v6_event, v6_report()).prop_map(|(event, report)| (event, None, Some(report))),
        1 => bare_event.prop_map(|event| (event, None, None)),
    ]
}

prop_compose! {
    /// Any message that may be sent.
    pub(crate) fn lease_message()(
        id in any::<u64>(), client in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}", token in any::<[u8; 16]>(),
        program in "[a-z0-9._-]{1,12}", interface in "[a-z][a-z0-9.@-]{0,14}", at_ms in any::<u64>(),
        (event, v4, v6) in content(), problems in vec(any::<String>(), 0..4),
    ) -> LeaseMessage {
        LeaseMessage {
            v: VERSION, id, client: client.parse().unwrap(), token: Token::from_random(token), program, event,
            interface: interface.parse().unwrap(), at_ms, v4, v6, problems,
        }
    }
}
