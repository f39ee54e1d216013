//! The handler as the host meets it: bytes through the exported function table.

#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::collections::BTreeMap;

use dhcpmgr_plugin_api::abi_stable::library::lib_header_from_path;
use dhcpmgr_plugin_api::message::{ClientEvent, Lifetime, V4Report, V6Address, V6Report, wire};
use dhcpmgr_plugin_api::root_module::{Object, RootModuleRef, describe};
use dhcpmgr_plugin_api::testing::{Harness, v4_event, v6_event};
use dhcpmgr_plugin_api::{CallError, DATA_LIMITS, LeaseEvent, Manifest, Plan, Protocol, operation};
use dhcpmgr_v6::V6Handler;

fn lease() -> LeaseEvent {
    v6_event(V6Report {
        addresses: vec![V6Address {
            address: "2001:db8:6::1000/128".parse().unwrap(),
            iaid: Some(1),
            temporary: false,
            preferred: Lifetime(1800),
            valid: Lifetime(3600),
            claimed: false,
        }],
        dns: vec!["2001:db8:6::1".parse().unwrap()],
        ..V6Report::default()
    })
}

#[test]
fn the_library_is_a_module_that_answers_as_the_function_does() {
    // cargo builds the library beside the tests.
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libdhcpmgr_v6.so");
    let table = lib_header_from_path(&library).unwrap().init_root_module::<RootModuleRef>().unwrap();
    let manifest: Manifest = wire::decode(&describe(table).unwrap()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("v6", env!("CARGO_PKG_VERSION")));
    let mut handler = Object::create(table, &[]).unwrap();
    let answer = handler.call(operation::LEASE, &wire::encode(&lease()).unwrap()).unwrap();
    let plan: Plan = wire::decode_within(&answer, &DATA_LIMITS).unwrap();
    assert_eq!(plan, dhcpmgr_v6::plan(&lease()));
    assert_eq!(plan.addresses[0].address.to_string(), "2001:db8:6::1000/128");
}

#[test]
fn what_nobody_carries_out_is_not_requested() {
    let manifest = Harness::<V6Handler>::manifest().unwrap();
    assert_eq!(manifest.protocols, [Protocol::V6]);
    let mut codes = manifest.options_consumed.clone();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, manifest.options_consumed, "each once");
    // RFC 8415 sections 21.24 and 21.25 demand the last two of every client.
    assert!([23, 24, 56, 82, 83].iter().all(|code| codes.contains(code)));
    // Tunnels, the exclusion that not every client tells, and what no client may request (RFC 8415 section 24).
    assert!([64, 94, 95, 96, 67, 1, 2, 3, 4, 7, 12, 13, 25].iter().all(|code| !codes.contains(code)));
}

#[test]
fn settings_are_refused_by_name() {
    let error =
        Harness::<V6Handler>::with_settings(&BTreeMap::from([("aftr", "yes")])).unwrap_err().to_string();
    assert!(error.contains("settings.aftr") && error.contains("takes no settings"), "{error}");
}

#[test]
fn an_event_that_is_no_v6_lease_is_an_error_and_the_next_call_works() {
    let mut handler = Harness::<V6Handler>::new().unwrap();
    let mut delete = lease();
    delete.event = ClientEvent::Delete;
    let mut empty = lease();
    empty.v6 = None;
    for (event, why) in [
        (v4_event(V4Report::default()), "client wan4 is not DHCPv6"),
        (delete, "client wan6 is \"delete\""),
        (empty, "client wan6 carries no DHCPv6 values"),
    ] {
        match handler.lease(&event).unwrap_err() {
            CallError::Failed(text) => assert!(text.contains(why), "{text}"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(handler.lease(&lease()).unwrap().addresses.len(), 1);
}

#[test]
fn bytes_that_are_no_event_are_an_error() {
    let mut handler = Harness::<V6Handler>::new().unwrap();
    for bytes in [&[][..], &[0xc1], &[0x80], b"\x81\xa2v6"] {
        assert!(matches!(handler.call(operation::LEASE, bytes), Err(CallError::Failed(_))));
    }
}
