//! Events, plans and manifests cross years: what one side does not know is ignored, what the other does not say
//! takes its default, and bytes that are neither are an error, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use dhcpmgr_plugin_api::message::{V4Report, V6Report, wire};
use dhcpmgr_plugin_api::testing::{v4_event, v6_event};
use dhcpmgr_plugin_api::{
    AddressPlan, DATA_LIMITS, Emitted, LeaseEvent, Manifest, MtuPolicy, Plan, Protocol, RoutePlan,
    RoutePolicy,
};
use proptest::prelude::*;
use serde::Serialize;

fn plan() -> Plan {
    let mut route = RoutePlan::to("198.51.100.0/24".parse().unwrap()).via([192, 0, 2, 1]);
    route.onlink = true;
    let valid = dhcpmgr_plugin_api::message::Lifetime(3600);
    Plan::default()
        .with_address(AddressPlan::new("192.0.2.7/24".parse().unwrap(), valid))
        .with_route(route)
        .with_mtu(1400)
        .with_dns([192, 0, 2, 53])
        .with_search("example.net".parse().unwrap())
        .with_ntp("time.example.net")
        .with_parameter("Vendor.Url", "https://acs.example.net/")
        .with_event(Emitted::new("acs-found").with("url", "https://acs.example.net/"))
        .with_note("option 43 has an unknown sub-option 9")
}

#[test]
fn a_plan_of_an_older_or_newer_module_is_understood() {
    #[derive(Serialize)]
    struct Odd {
        dns: [&'static str; 1],
        teleport: BTreeMap<&'static str, [u8; 3]>,
    }
    let odd = Odd { dns: ["192.0.2.53"], teleport: BTreeMap::from([("to", [1, 2, 3])]) };
    let decoded: Plan = wire::decode(&wire::encode(&odd).unwrap()).unwrap();
    assert_eq!(decoded, Plan::default().with_dns([192, 0, 2, 53]));
    assert_eq!(wire::decode::<Plan>(b"\x80").unwrap(), Plan::default());
}

#[test]
fn an_event_of_an_older_or_newer_host_is_understood() {
    #[derive(Serialize)]
    struct Odd {
        client: &'static str,
        interface: &'static str,
        protocol: &'static str,
        event: &'static str,
        weather: &'static str,
        link: BTreeMap<&'static str, u32>,
    }
    let odd = Odd {
        client: "wan4",
        interface: "wan0",
        protocol: "v4",
        event: "bound",
        weather: "rain",
        link: BTreeMap::from([("mtu", 1500), ("carrier_changes", 7)]),
    };
    let decoded: LeaseEvent = wire::decode(&wire::encode(&odd).unwrap()).unwrap();
    let mut expected = v4_event(V4Report::default());
    expected.v4 = None;
    expected.link.mtu = Some(1500);
    assert_eq!(decoded, expected);
    assert_eq!((decoded.policy.mtu, decoded.policy.routes), (MtuPolicy::Link, RoutePolicy::All));
}

#[test]
fn a_manifest_that_says_little_takes_defaults() {
    let decoded: Manifest = wire::decode(b"\x82\xa4name\xa1a\xa6zodiac\x07").unwrap();
    assert_eq!(decoded, Manifest { name: "a".to_owned(), ..Manifest::default() });
}

#[test]
fn an_event_as_large_as_a_lease_message_may_be_fits_and_is_answered_in_full() {
    // Close to 64 KiB of options: the host adds its own words and is still within what a module reads.
    let mut report = V6Report::default();
    report.options.insert(17, vec![vec![0x55; 63 * 1024].into()]);
    let mut event = v6_event(report);
    event.policy.metric = 100;
    let bytes = wire::encode(&event).unwrap();
    assert_eq!(wire::decode_within::<LeaseEvent>(&bytes, &DATA_LIMITS).unwrap(), event);
    assert_eq!(event.option(17).map(<[u8]>::len), Some(63 * 1024));
}

#[test]
fn an_option_is_found_in_either_family() {
    let mut v4 = V4Report::default();
    v4.options.insert(43, vec![1, 2].into());
    let event = v4_event(v4);
    assert_eq!((event.option(43), event.option(44), event.option(43 + 256)), (Some(&[1, 2][..]), None, None));
    let mut v6 = V6Report::default();
    v6.options.insert(95, vec![vec![9].into(), vec![8].into()]);
    v6.options.insert(96, vec![]);
    let event = v6_event(v6);
    assert_eq!((event.option(95), event.option(96)), (Some(&[9][..]), None));
    assert_eq!(event.protocol, Protocol::V6);
}

/// The encodings of one of each.
fn samples() -> Vec<Vec<u8>> {
    let mut report = V4Report { address: Some([192, 0, 2, 7].into()), ..V4Report::default() };
    report.options.insert(43, vec![1, 2, 3].into());
    let manifest = Manifest::new("acme", "1.0.0").protocol(Protocol::V4).sends(Protocol::V4, 60, "acme");
    vec![
        wire::encode(&plan()).unwrap(),
        wire::encode(&v4_event(report)).unwrap(),
        wire::encode(&manifest).unwrap(),
    ]
}

/// Decodes the bytes as everything; what is accepted can be written and read again.
fn decode_as_all(bytes: &[u8]) {
    if let Ok(value) = wire::decode_within::<Plan>(bytes, &DATA_LIMITS) {
        let again = wire::encode(&value).unwrap();
        assert_eq!(wire::decode_within::<Plan>(&again, &DATA_LIMITS).unwrap(), value);
    }
    if let Ok(value) = wire::decode_within::<LeaseEvent>(bytes, &DATA_LIMITS) {
        let again = wire::encode(&value).unwrap();
        assert_eq!(wire::decode_within::<LeaseEvent>(&again, &DATA_LIMITS).unwrap(), value);
    }
    if let Ok(value) = wire::decode_within::<Manifest>(bytes, &DATA_LIMITS) {
        let _ = value.validate();
    }
}

#[test]
fn what_is_cut_anywhere_is_an_error() {
    for sample in samples() {
        for len in 0..sample.len() {
            assert!(wire::decode::<Plan>(&sample[..len]).is_err(), "{len} of {}", sample.len());
        }
        decode_as_all(&sample);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_as_all(&bytes);
    }

    #[test]
    fn no_damage_makes_a_decoder_panic(
        which in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = samples().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        decode_as_all(&bytes);
    }
}
