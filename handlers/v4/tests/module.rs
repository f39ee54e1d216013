//! The handler as the host meets it: bytes through the exported function table.

#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::collections::BTreeMap;

use dhcpmgr_plugin_api::abi_stable::library::lib_header_from_path;
use dhcpmgr_plugin_api::message::{ClientEvent, Lifetime, V4Report, V6Report, wire};
use dhcpmgr_plugin_api::root_module::{Object, RootModuleRef, describe};
use dhcpmgr_plugin_api::testing::{Harness, v4_event, v6_event};
use dhcpmgr_plugin_api::{CallError, DATA_LIMITS, LeaseEvent, Manifest, Plan, operation};
use dhcpmgr_v4::V4Handler;

fn lease() -> LeaseEvent {
    v4_event(V4Report {
        address: Some("192.0.2.7".parse().unwrap()),
        prefix_len: Some(24),
        routers: vec!["192.0.2.1".parse().unwrap()],
        server: Some("192.0.2.1".parse().unwrap()),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    })
}

#[test]
fn the_library_is_a_module_that_answers_as_the_function_does() {
    // cargo builds the library beside the tests.
    let test = std::env::current_exe().unwrap();
    let library = test.with_file_name("libdhcpmgr_v4.so");
    let table = lib_header_from_path(&library).unwrap().init_root_module::<RootModuleRef>().unwrap();
    let manifest: Manifest = wire::decode(&describe(table).unwrap()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("v4", env!("CARGO_PKG_VERSION")));
    let mut handler = Object::create(table, &[]).unwrap();
    let answer = handler.call(operation::LEASE, &wire::encode(&lease()).unwrap()).unwrap();
    let plan: Plan = wire::decode_within(&answer, &DATA_LIMITS).unwrap();
    assert_eq!(plan, dhcpmgr_v4::plan(&lease()));
    assert_eq!(plan.addresses[0].address.to_string(), "192.0.2.7/24");
}

#[test]
fn the_manifest_is_one_that_the_host_accepts_and_names_every_option_once() {
    let manifest = Harness::<V4Handler>::manifest().unwrap();
    let mut codes = manifest.options_consumed.clone();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, manifest.options_consumed);
    assert!(codes.iter().all(|code| (1..=254).contains(code)), "DHCPv4 option codes");
    // Without the classless routes the server is free to send a lease without any (RFC 3442).
    assert!([1, 3, 6, 26, 51, 121].iter().all(|code| codes.contains(code)));
}

#[test]
fn a_refused_lease_is_a_plan_and_not_an_error() {
    let mut handler = Harness::<V4Handler>::new().unwrap();
    let mut event = lease();
    event.v4.as_mut().unwrap().prefix_len = Some(33);
    assert!(handler.lease(&event).unwrap().refuse.unwrap().reason.contains("/33"));
    assert_eq!(handler.lease(&lease()).unwrap().refuse, None, "the next lease is another one");
}

#[test]
fn settings_are_refused_by_name() {
    let error =
        Harness::<V4Handler>::with_settings(&BTreeMap::from([("mtu", "link")])).unwrap_err().to_string();
    assert!(error.contains("settings.mtu") && error.contains("takes no settings"), "{error}");
}

#[test]
fn an_event_that_is_no_v4_lease_is_an_error_and_the_next_call_works() {
    let mut handler = Harness::<V4Handler>::new().unwrap();
    let mut deconfig = lease();
    deconfig.event = ClientEvent::Deconfig;
    let mut empty = lease();
    empty.v4 = None;
    for (event, why) in [
        (v6_event(V6Report::default()), "client wan6 is not DHCPv4"),
        (deconfig, "client wan4 is \"deconfig\""),
        (empty, "client wan4 carries no DHCPv4 values"),
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
    let mut handler = Harness::<V4Handler>::new().unwrap();
    for bytes in [&[][..], &[0xc1], &[0x80], b"\x81\xa2v4"] {
        assert!(matches!(handler.call(operation::LEASE, bytes), Err(CallError::Failed(_))));
    }
}
