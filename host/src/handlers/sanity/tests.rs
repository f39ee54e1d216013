//! What a plan may and may not hold.

use std::collections::BTreeMap;

use dhcpmgr_message::{Bytes, Lifetime};
use dhcpmgr_plugin_api::{
    AddressPlan, Delegation, Emitted, Mtu, Plan, Ports, Refusal, RoutePlan, RulePlan, Softwire, SoftwireRule,
};
use proptest::prelude::*;

use super::check;

fn address(text: &str, preferred: u32, valid: u32) -> Plan {
    let address = text.parse().unwrap();
    let plan =
        AddressPlan { address, broadcast: None, preferred: Lifetime(preferred), valid: Lifetime(valid) };
    Plan { addresses: vec![plan], ..Plan::default() }
}

fn route(to: &str, via: Option<&str>) -> RoutePlan {
    RoutePlan {
        to: to.parse().unwrap(),
        via: via.map(|v| v.parse().unwrap()),
        onlink: false,
        source: None,
        metric: None,
        table: None,
        mtu: None,
    }
}

fn with_route(route: RoutePlan) -> Plan {
    Plan { routes: vec![route], ..Plan::default() }
}

fn event(name: &str) -> Plan {
    Plan { events: vec![Emitted { name: name.into(), fields: BTreeMap::new() }], ..Plan::default() }
}

fn parameter(name: &str, value: &str) -> Plan {
    Plan { parameters: [(name.to_owned(), value.to_owned())].into(), ..Plan::default() }
}

fn delegation(prefix: &str) -> Plan {
    let prefix = prefix.parse().unwrap();
    let plan =
        Delegation { preferred: Lifetime(60), valid: Lifetime(120), prefix, iaid: Some(1), exclude: None };
    Plan { prefixes: vec![plan], ..Plan::default() }
}

#[test]
fn what_a_lease_usually_brings_is_accepted() {
    let mut default = route("0.0.0.0/0", Some("192.0.2.1"));
    default.metric = Some(100);
    let mut host = route("198.51.100.1/32", Some("10.0.0.1"));
    host.onlink = true;
    host.source = Some("192.0.2.7".parse().unwrap());
    for plan in [
        Plan::default(),
        address("192.0.2.7/24", 3600, 3600),
        address("192.0.2.7/32", u32::MAX, u32::MAX),
        address("2001:db8::7/128", 0, 60),
        with_route(default),
        with_route(host),
        with_route(route("224.0.0.0/4", None)),
        Plan { mtu: Some(Mtu(1492)), ..Plan::default() },
        Plan { dns: vec!["127.0.0.1".parse().unwrap()], ..Plan::default() },
        Plan { ntp: vec!["192.0.2.1".into(), "ntp.example.net".into()], ..Plan::default() },
        delegation("2001:db8::/56"),
        event("acme-acs-found"),
        parameter("ManagementServer.URL", "https://acs.example.net/\u{e9}"),
    ] {
        assert_eq!(check(plan.clone()), Ok(plan));
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_is_wrong() {
    let mut other_family = route("0.0.0.0/0", Some("fe80::1"));
    other_family.metric = Some(1);
    let mut local = route("192.0.2.0/24", None);
    local.table = Some(255);
    let mut tiny = route("192.0.2.0/24", None);
    tiny.mtu = Some(68);
    let mut routerless = route("192.0.2.0/24", None);
    routerless.onlink = true;
    let mut v6_broadcast = address("2001:db8::7/64", 1, 1);
    v6_broadcast.addresses[0].broadcast = Some("192.0.2.255".parse().unwrap());
    let rule = |table, priority| Plan {
        rules: vec![RulePlan { from: "192.0.2.0/24".parse().unwrap(), table, priority }],
        ..Plan::default()
    };
    let softwire = |kind: &str, bytes| Plan {
        softwires: vec![Softwire { kind: kind.into(), option: Bytes(vec![0; bytes]), ..Softwire::default() }],
        ..Plan::default()
    };
    let odd_softwire = |change: &dyn Fn(&mut Softwire)| {
        let mut plan = softwire("map-t", 1);
        change(&mut plan.softwires[0]);
        plan
    };
    let (v4, v6) = ("192.0.2.0/24".parse().unwrap(), "2001:db8::/40".parse().unwrap());
    let (right, wrong) =
        (Ports { offset: 6, psid_len: 8, psid: 255 }, Ports { offset: 9, psid_len: 8, psid: 0 });
    let mapping = |ipv6, ipv4, ports| SoftwireRule { ipv6, ipv4, ea_len: 16, ports, fmr: true };
    assert!(check(odd_softwire(&|s| s.rules = vec![mapping(v6, v4, right); 257])).is_ok());
    for (plan, word) in [
        (odd_softwire(&|s| s.ports = wrong), "more than 16 bits"),
        (odd_softwire(&|s| s.ports = Ports { psid: 256, ..right }), "more than 16 bits"),
        (odd_softwire(&|s| s.rules = vec![mapping(v6, v4, wrong)]), "more than 16 bits"),
        (odd_softwire(&|s| s.rules = vec![mapping(v4, v4, right)]), "other address family"),
        (odd_softwire(&|s| s.rules = vec![mapping(v6, v6, right)]), "other address family"),
        (odd_softwire(&|s| s.ipv4 = Some(v6)), "other address family"),
        (odd_softwire(&|s| s.dmr = Some(v4)), "other address family"),
        (odd_softwire(&|s| s.prefix = Some(v4)), "other address family"),
        (odd_softwire(&|s| s.rules = vec![mapping(v6, v4, right); 513]), "513 softwire rules"),
        (odd_softwire(&|s| s.br = vec!["2001:db8::1".parse().unwrap(); 17]), "17 border relays"),
        (address("192.0.2.7/24", 61, 60), "preferred"),
        (address("192.0.2.7/24", 0, 0), "valid for 0 s"),
        (address("192.0.2.7/0", 1, 1), "whole Internet"),
        (address("255.255.255.255/32", 1, 1), "host"),
        (address("0.0.0.0/8", 1, 1), "host"),
        (address("224.0.0.1/24", 1, 1), "host"),
        (address("127.0.0.1/8", 1, 1), "host"),
        (address("::1/128", 1, 1), "host"),
        (address("ff02::1/64", 1, 1), "host"),
        (v6_broadcast, "broadcast"),
        (with_route(other_family), "family"),
        (with_route(route("0.0.0.0/0", Some("0.0.0.0"))), "no router"),
        (with_route(route("127.0.0.0/8", None)), "own addresses"),
        (with_route(local), "table 255"),
        (with_route(tiny), "MTU of 68"),
        (with_route(routerless), "names none"),
        (rule(255, 100), "table 255"),
        (rule(0, 100), "table 0"),
        (rule(100, 0), "priority 0"),
        (Plan { mtu: Some(Mtu(68)), ..Plan::default() }, "MTU of 68"),
        (Plan { mtu: Some(Mtu(70_000)), ..Plan::default() }, "MTU of 70000"),
        (Plan { dns: vec!["0.0.0.0".parse().unwrap()], ..Plan::default() }, "dns server"),
        (Plan { ntp: vec!["a b\"c".into()], ..Plan::default() }, "time server"),
        (Plan { ntp: vec!["224.0.1.1".into()], ..Plan::default() }, "time server"),
        (delegation("10.0.0.0/8"), "delegated"),
        (delegation("::/0"), "delegated"),
        (softwire("gre", 1), "map-t"),
        (softwire("map-t", 5000), "5000 bytes"),
        (event("Lease"), "lower-case"),
        (event("a--b"), "lower-case"),
        (event(""), "lower-case"),
        (event("lease-acquired"), "host's own"),
        (event("handler-quarantined"), "host's own"),
        (parameter("a b", ""), "parameter"),
        (parameter("a", "line\nline"), "control"),
        (Plan { refuse: Some(Refusal { reason: " ".into() }), ..Plan::default() }, "without a reason"),
        (Plan { dns: vec!["192.0.2.1".parse().unwrap(); 33], ..Plan::default() }, "33 dns servers"),
        (Plan { routes: vec![route("0.0.0.0/0", None); 1025], ..Plan::default() }, "1025 routes"),
        (Plan { notes: vec![String::new(); 65], ..Plan::default() }, "65 notes"),
    ] {
        let why = check(plan.clone()).expect_err(&format!("{plan:?}"));
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn sentences_are_made_fit_for_a_log_line() {
    let plan = Plan {
        notes: vec!["one\ntwo".into(), "x".repeat(2000)],
        refuse: Some(Refusal { reason: "no\u{1b}[2J".into() }),
        ..Plan::default()
    };
    let plan = check(plan).unwrap();
    assert_eq!(plan.notes[0], "one\\ntwo");
    assert!(plan.notes[1].chars().count() < 400);
    assert_eq!(plan.refuse.unwrap().reason, "no\\u{1b}[2J");
}

proptest! {
    #[test]
    fn lifetimes_are_accepted_exactly_when_they_can_be(preferred: u32, valid: u32) {
        let good = preferred <= valid && valid > 0;
        prop_assert_eq!(check(address("192.0.2.7/24", preferred, valid)).is_ok(), good);
    }

    #[test]
    fn no_parameter_passes_with_a_control_character(name in "\\PC{0,20}", value in "(?s).{0,40}") {
        if check(parameter(&name, &value)).is_ok() {
            prop_assert!(!name.is_empty() && name.is_ascii());
            prop_assert!(!value.chars().any(char::is_control));
        }
    }
}
