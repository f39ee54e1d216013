//! The handler as the host meets it: bytes through the exported function table.

#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::collections::BTreeMap;

use dhcpmgr_mapt::{MaptHandler, Settings};
use dhcpmgr_plugin_api::abi_stable::library::lib_header_from_path;
use dhcpmgr_plugin_api::message::{
    Bytes, ClientEvent, Lifetime, V4Report, V6Address, V6Prefix, V6Report, wire,
};
use dhcpmgr_plugin_api::root_module::{Object, RootModuleRef, describe};
use dhcpmgr_plugin_api::testing::{Harness, v4_event, v6_event};
use dhcpmgr_plugin_api::{CallError, DATA_LIMITS, LeaseEvent, Manifest, Plan, Ports, Softwire, operation};

const RULE: &str = "0059000d001018c00002002820010db800";
const DMR: &str = "005b00094020010db8ffff0000";
const BR: &str = "005a001020010db8ffff00000000000000000001";
const AFTR: &str = "046166747207 6578616d706c6500";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn prefix(text: &str) -> V6Prefix {
    let (preferred, valid) = (Lifetime(1800), Lifetime(3600));
    V6Prefix { prefix: text.parse().unwrap(), iaid: Some(1), preferred, valid, claimed: false }
}

/// A lease with a delegated prefix and these options.
fn lease(options: &[(u16, &[&str])]) -> LeaseEvent {
    let options = options
        .iter()
        .map(|(code, parts)| (*code, vec![Bytes(hex(&parts.concat()))]))
        .collect::<BTreeMap<_, _>>();
    let mut event = v6_event(V6Report {
        prefixes: vec![prefix("2001:db8:12:3400::/56")],
        options,
        ..V6Report::default()
    });
    event.link.mtu = Some(1500);
    event
}

fn plan(event: &LeaseEvent) -> Plan {
    Harness::<MaptHandler>::new().unwrap().lease(event).unwrap()
}

fn kinds(plan: &Plan) -> Vec<&str> {
    plan.softwires.iter().map(|softwire| softwire.kind.as_str()).collect()
}

/// No softwire, and one note that says so.
#[track_caller]
fn discarded(event: &LeaseEvent, words: &str) {
    let plan = plan(event);
    assert_eq!(plan.softwires, []);
    assert!(plan.notes.len() == 1 && plan.notes[0].contains(words), "{:?}", plan.notes);
}

#[test]
fn the_library_is_a_module_that_answers_as_the_function_does() {
    // cargo builds the library beside the tests.
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libdhcpmgr_mapt.so");
    let table = lib_header_from_path(&library).unwrap().init_root_module::<RootModuleRef>().unwrap();
    let manifest: Manifest = wire::decode(&describe(table).unwrap()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("mapt", env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest.options_consumed, [64, 94, 95, 96, 111]);
    let event = lease(&[(95, &[RULE, DMR])]);
    let mut handler = Object::create(table, &[]).unwrap();
    let answer = handler.call(operation::LEASE, &wire::encode(&event).unwrap()).unwrap();
    let plan: Plan = wire::decode_within(&answer, &DATA_LIMITS).unwrap();
    assert_eq!(plan, dhcpmgr_mapt::plan(&event, &Settings::default()));
    assert_eq!(plan.softwires.len(), 1);
}

#[test]
fn a_softwire_has_everything_that_carries_it_out() {
    let plan = plan(&lease(&[(95, &[RULE, DMR])]));
    let [softwire] = &plan.softwires[..] else { panic!("{plan:?}") };
    let rules = softwire.rules.clone();
    let expected = Softwire {
        kind: "map-t".to_owned(),
        option: Bytes(hex(&[RULE, DMR].concat())),
        ipv4: Some("192.0.2.18/32".parse().unwrap()),
        ports: Ports { offset: 6, psid_len: 8, psid: 52 },
        ea_bits: 0x1234,
        prefix: Some("2001:db8:12:3400::/56".parse().unwrap()),
        ce_ipv6: Some("2001:db8:12:3400:0:c000:212:34".parse().unwrap()),
        dmr: Some("2001:db8:ffff::/64".parse().unwrap()),
        mtu: Some(1472),
        rules,
        ..Softwire::default()
    };
    assert_eq!(softwire, &expected);
    let [rule] = &softwire.rules[..] else { panic!("{softwire:?}") };
    assert_eq!(
        (rule.ipv6.to_string(), rule.ipv4.to_string()),
        ("2001:db8::/40".into(), "192.0.2.0/24".into())
    );
    assert_eq!((rule.ea_len, rule.ports.psid_len, rule.fmr), (16, 8, false));
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn the_isp_says_which_is_best_then_the_operator() {
    let all: &[(u16, &[&str])] = &[(64, &[AFTR]), (94, &[RULE, BR]), (95, &[RULE, DMR]), (96, &[BR])];
    assert_eq!(kinds(&plan(&lease(all))), ["map-t", "map-e", "lw4o6", "ds-lite"]);
    let with = |priority: &'static [&str]| lease(&[all, &[(111, priority)]].concat());
    assert_eq!(kinds(&plan(&with(&["0040005e"]))), ["ds-lite", "map-e", "map-t", "lw4o6"]);
    let odd = plan(&with(&["00"]));
    assert_eq!(odd.softwires.len(), 4);
    assert!(odd.notes[0].contains("option 111 (S46 priority) is ignored"), "{:?}", odd.notes);
    let mut handler =
        Harness::<MaptHandler>::with_settings(&BTreeMap::from([("kinds", ["ds-lite", "map-e"])])).unwrap();
    assert_eq!(kinds(&handler.lease(&lease(all)).unwrap()), ["ds-lite", "map-e"]);
    assert_eq!(kinds(&handler.lease(&with(&["005f005e"])).unwrap()), ["map-e", "ds-lite"]);
    let aftr = &plan(&with(&["0040"])).softwires[0];
    assert_eq!(aftr.aftr.as_ref().map(ToString::to_string).as_deref(), Some("aftr.example"));
}

#[test]
fn what_is_wrong_is_discarded_whole_and_said() {
    discarded(
        &lease(&[(95, &[RULE])]),
        "option 95 (map-t) is discarded: byte 17: S46_CONT_MAPT (95) has no S46_DMR",
    );
    discarded(&lease(&[(95, &["0059000d001018c0000200c120010db800", DMR])]), "byte 11: prefix6-len is 193");
    let mut nothing = lease(&[(95, &[RULE, DMR])]);
    nothing.v6.as_mut().unwrap().prefixes.clear();
    discarded(&nothing, "no delegated prefix");
    let both = lease(&[(95, &[RULE]), (64, &[AFTR])]);
    assert_eq!(kinds(&plan(&both)), ["ds-lite"], "each option stands for itself");
    assert_eq!(plan(&lease(&[])), Plan::default());
}

#[test]
fn of_several_containers_the_first_that_is_for_us_counts() {
    let mut event = lease(&[(94, &[RULE, BR])]);
    let foreign = hex(&["0059000d001018c00002002820010db9ff", BR].concat());
    event.v6.as_mut().unwrap().options.get_mut(&94).unwrap().insert(0, Bytes(foreign));
    let plan = plan(&event);
    assert_eq!(kinds(&plan), ["map-e"]);
    assert!(plan.notes[0].contains("no rule has an IPv6 prefix"), "{:?}", plan.notes);
}

#[test]
fn only_prefixes_that_we_have_count_and_the_deprecated_last() {
    let of = |change: &dyn Fn(&mut V6Report)| {
        let mut event = lease(&[(95, &[RULE, DMR])]);
        change(event.v6.as_mut().unwrap());
        plan(&event).softwires.first().and_then(|softwire| softwire.ipv4).map(|ipv4| ipv4.to_string())
    };
    let older = |report: &mut V6Report| {
        report.prefixes.insert(0, prefix("2001:db8:99:3400::/56"));
        report.prefixes[0].preferred = Lifetime(0);
    };
    assert_eq!(of(&older).as_deref(), Some("192.0.2.18/32"));
    assert_eq!(of(&|report| report.prefixes[0].preferred = Lifetime(0)).as_deref(), Some("192.0.2.18/32"));
    assert_eq!(of(&|report| report.prefixes[0].valid = Lifetime(0)), None);
    assert_eq!(of(&|report| report.prefixes[0].claimed = true), None);
}

#[test]
fn a_tunnel_may_start_at_an_address_of_the_link() {
    let mut event = lease(&[(96, &["005c0014c00002123820010db8007700005d000406083400", BR])]);
    event.v6.as_mut().unwrap().addresses = vec![V6Address {
        address: "2001:db8:77:1::1000/128".parse().unwrap(),
        iaid: Some(1),
        temporary: false,
        preferred: Lifetime(1800),
        valid: Lifetime(3600),
        claimed: false,
    }];
    let plan = plan(&event);
    let near = plan.softwires.first().and_then(|softwire| softwire.ce_ipv6);
    assert_eq!(near, Some("2001:db8:77:1:0:c000:212:34".parse().unwrap()), "{:?}", plan.notes);
}

#[test]
fn a_softwire_that_leads_nowhere_is_not_used() {
    let rule_for = |v4: &str| format!("0059000d001018{v4}2820010db800");
    for (v4, why) in [("7f000000", "loopback"), ("e0000000", "multicast"), ("00000000", "this network")] {
        discarded(&lease(&[(95, &[&rule_for(v4), DMR])]), why);
    }
    for (dmr, why) in [
        ("005b000940ff0e000000000000", "multicast"),
        ("005b000940fe80000000000000", "link-local"),
        ("005b000d60000000000000000000000000", "none of a network"),
        ("005b00094020010db800123456", "packets would come back"),
        ("005b00052020010db8", "packets would come back"),
    ] {
        discarded(&lease(&[(95, &[RULE, dmr])]), why);
    }
    discarded(&lease(&[(94, &[RULE, "005a001000000000000000000000000000000001"])]), "none of a network");
    discarded(
        &lease(&[(94, &[RULE, BR, "005a001020010db8001234000000000000000001"])]),
        "packets would come back",
    );
}

#[test]
fn many_rules_fit_into_a_plan() {
    let mut option = hex(&[RULE, DMR].concat());
    for n in 0..3000_u16 {
        option.extend(hex("0059000f 01 10 18 c0000200 38 2001 0dba"));
        option.extend(n.to_be_bytes());
        option.extend([0; 1]);
    }
    let mut event = lease(&[(95, &[])]);
    event.v6.as_mut().unwrap().options.insert(95, vec![Bytes(option)]);
    let plan = plan(&event);
    assert_eq!(plan.softwires[0].rules.len(), 257);
    assert!(!plan.softwires[0].rules[0].fmr && plan.softwires[0].rules[256].fmr);
    assert!(
        plan.softwires[0].option.0.is_empty() && plan.notes[0].contains("3000 rules"),
        "{:?}",
        plan.notes
    );
    assert!(wire::encode(&plan).unwrap().len() < DATA_LIMITS.bytes);
}

#[test]
fn quirks_are_settings() {
    let spare = "00590018000c17c00002002c20010db8123000000 05d000400000000 005b00094020010db8ffff0000";
    let mut event = lease(&[(95, &[spare])]);
    event.v6.as_mut().unwrap().prefixes = vec![prefix("2001:db8:1234:5600::/56")];
    discarded(&event, "spare-bytes-before-portparams");
    let settings = BTreeMap::from([("quirks", ["spare-bytes-before-portparams", "legacy-interface-id"])]);
    let plan = Harness::<MaptHandler>::with_settings(&settings).unwrap().lease(&event).unwrap();
    assert_eq!((plan.softwires[0].ports.offset, plan.softwires[0].legacy_interface_id), (0, true));
    assert!(plan.notes[0].contains("accepted by the quirk"), "{:?}", plan.notes);
    for (key, words) in
        [("quirks", "\"nonsense\" is no quirk"), ("kinds", "\"nonsense\" is no kind of softwire")]
    {
        let error =
            Harness::<MaptHandler>::with_settings(&BTreeMap::from([(key, ["nonsense"])])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(key) && text.contains(words), "{text}");
    }
    let error = Harness::<MaptHandler>::with_settings(&BTreeMap::from([("prefer", "map-t")])).unwrap_err();
    assert!(error.to_string().contains("prefer"), "{error}");
}

#[test]
fn an_event_that_is_no_v6_lease_is_an_error_and_the_next_call_works() {
    let mut handler = Harness::<MaptHandler>::new().unwrap();
    let mut delete = lease(&[]);
    delete.event = ClientEvent::Delete;
    for event in [v4_event(V4Report::default()), delete] {
        match handler.lease(&event).unwrap_err() {
            CallError::Failed(text) => assert!(text.contains("carries no DHCPv6 lease"), "{text}"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(handler.lease(&lease(&[(95, &[RULE, DMR])])).unwrap().softwires.len(), 1);
}
