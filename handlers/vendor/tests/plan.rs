//! What a lease says to whoever manages the gateway.

#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::collections::BTreeMap;

use dhcpmgr_plugin_api::message::{Bytes, V4Report, V6Report, wire};
use dhcpmgr_plugin_api::testing::{Harness, v4_event, v6_event};
use dhcpmgr_plugin_api::{DATA_LIMITS, OptionsQuery, Plan, Protocol};
use dhcpmgr_vendor::{Settings, VendorHandler, plan};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn v4(options: &[(u8, &[u8])]) -> Plan {
    plan(&v4_event(report4(options)), &Settings::default())
}

fn report4(options: &[(u8, &[u8])]) -> V4Report {
    let options = options.iter().map(|(code, value)| (*code, Bytes(value.to_vec()))).collect();
    V4Report { options, ..V4Report::default() }
}

fn v6(options: &[(u16, &[u8])]) -> Plan {
    let mut report = V6Report::default();
    for (code, value) in options {
        report.options.entry(*code).or_default().push(Bytes(value.to_vec()));
    }
    plan(&v6_event(report), &Settings::default())
}

fn tlv(parts: &[(u8, &str)]) -> Vec<u8> {
    parts.iter().flat_map(|(code, text)| [&[*code, text.len() as u8], text.as_bytes()].concat()).collect()
}

fn tlv6(parts: &[(u16, &str)]) -> Vec<u8> {
    let part = |(code, text): &(u16, &str)| {
        [&code.to_be_bytes()[..], &(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
    };
    parts.iter().flat_map(part).collect()
}

/// Option 125 of one vendor.
fn of_vendor(enterprise: u32, data: &[u8]) -> Vec<u8> {
    [&enterprise.to_be_bytes()[..], &[data.len() as u8], data].concat()
}

fn told(plan: &Plan) -> Vec<(&str, &str)> {
    plan.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn option_43_names_the_acs() {
    let raw = tlv(&[(1, "https://acs.example:7547/"), (2, "NET-1"), (3, "5"), (4, "2000")]);
    let plan = v4(&[(43, &raw)]);
    assert_eq!(
        told(&plan),
        [
            ("DeviceInfo.ProvisioningCode", "NET-1"),
            ("ManagementServer.CWMPRetryIntervalMultiplier", "2000"),
            ("ManagementServer.CWMPRetryMinimumWaitInterval", "5"),
            ("ManagementServer.URL", "https://acs.example:7547/"),
        ]
    );
    assert_eq!(plan.events.len(), 1);
    assert_eq!(plan.events[0].name, "acs-found");
    assert_eq!(plan.events[0].fields["url"], "https://acs.example:7547/");
    assert_eq!(plan.events[0].fields["provisioning-code"], "NET-1");
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn all_of_option_43_may_be_the_url() {
    let plan = v4(&[(43, b"http://acs.example/cwmp")]);
    assert_eq!(told(&plan), [("ManagementServer.URL", "http://acs.example/cwmp")]);
    assert_eq!(plan.notes.len(), 1);
}

#[test]
fn option_125_names_acs_controller_and_gateway_and_comes_before_43() {
    let parts = tlv(&[
        (4, "00256d"),
        (5, "SN-1"),
        (6, "Gateway"),
        (11, "https://acs.example/"),
        (25, "wss://usp.example/usp"),
        (26, "P"),
        (29, "oui:00256D:controller-1"),
    ]);
    let both = [(125, &of_vendor(3561, &parts)[..]), (43, &tlv(&[(1, "https://other.example/")])[..])];
    let plan = v4(&both);
    assert_eq!(
        told(&plan),
        [
            ("GatewayInfo.ManufacturerOUI", "00256D"),
            ("GatewayInfo.ProductClass", "Gateway"),
            ("GatewayInfo.SerialNumber", "SN-1"),
            ("LocalAgent.Controller.EndpointID", "oui:00256D:controller-1"),
            ("LocalAgent.Controller.MTP", "WebSocket"),
            ("LocalAgent.Controller.ProvisioningCode", "P"),
            ("LocalAgent.Controller.URL", "wss://usp.example/usp"),
            ("ManagementServer.URL", "https://acs.example/"),
        ]
    );
    let events: Vec<_> = plan.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(events, ["acs-found", "usp-controller-found", "gateway-found"]);
    assert_eq!(plan.events[1].fields["protocol"], "WebSocket");
    assert_eq!(plan.notes.len(), 1, "what 43 says otherwise is told: {:?}", plan.notes);
}

#[test]
fn another_vendors_sub_options_mean_nothing_here() {
    let parts = tlv(&[(11, "https://acs.example/")]);
    assert!(v4(&[(125, &of_vendor(9, &parts))]).parameters.is_empty());
    // CableLabs: sub-option 2 is its TFTP servers.
    let cable = of_vendor(4491, &[2, 4, 192, 0, 2, 69]);
    assert_eq!(told(&v4(&[(125, &cable)])), [("CableLabs.TftpServers", "192.0.2.69")]);
}

#[test]
fn one_wrong_sub_option_costs_itself_and_is_told() {
    let raw = tlv(&[(1, "javascript:alert(1)"), (2, "two\nlines"), (3, "soon"), (4, "2000")]);
    let plan = v4(&[(43, &raw), (122, &[8, 1, 99])]);
    assert_eq!(told(&plan), [("ManagementServer.CWMPRetryIntervalMultiplier", "2000")]);
    assert!(plan.events.is_empty());
    assert_eq!(plan.notes.len(), 4, "{:?}", plan.notes);
    assert!(plan.notes.iter().all(|note| note.contains("is ignored") && !note.contains('\n')));
}

#[test]
fn a_cut_option_keeps_what_came_before() {
    let mut raw = tlv(&[(1, "https://acs.example/")]);
    raw.extend([2, 200, b'x']);
    let plan = v4(&[(43, &raw)]);
    assert_eq!(told(&plan), [("ManagementServer.URL", "https://acs.example/")]);
    assert_eq!(plan.notes.len(), 1);
}

#[test]
fn dhcpv6_says_the_same_in_option_17() {
    let forum = [&3561u32.to_be_bytes()[..], &tlv6(&[(1, "https://acs.example/"), (14, "00256D")])].concat();
    let cable = [&4491u32.to_be_bytes()[..], &tlv6(&[(33, "cm.cfg")])].concat();
    let plan = v6(&[(17, &forum), (17, &cable), (17, &[1, 2]), (15, b"\0\x02gw")]);
    assert_eq!(
        told(&plan),
        [
            ("CableLabs.ConfigFile", "cm.cfg"),
            ("GatewayInfo.ManufacturerOUI", "00256D"),
            ("ManagementServer.URL", "https://acs.example/"),
            ("UserClass", "gw"),
        ]
    );
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
}

#[test]
fn an_operator_with_other_numbers_says_so() {
    let acs = BTreeMap::from([("acs_url", 77), ("retry_wait", 0)]);
    let settings = BTreeMap::from([("option43", acs)]);
    let mut handler = Harness::<VendorHandler>::with_settings(&settings).unwrap();
    let raw = tlv(&[(77, "https://acs.example/"), (3, "5"), (2, "code")]);
    let plan = handler.lease(&v4_event(report4(&[(43, &raw)]))).unwrap();
    assert_eq!(
        told(&plan),
        [("DeviceInfo.ProvisioningCode", "code"), ("ManagementServer.URL", "https://acs.example/")]
    );
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let wrong = BTreeMap::from([("option43", BTreeMap::from([("acs", 1)]))]);
    let error = Harness::<VendorHandler>::with_settings(&wrong).unwrap_err().to_string();
    assert!(error.contains("settings.option43.acs") || error.contains("unknown field `acs`"), "{error}");
    let wrong = BTreeMap::from([("send", BTreeMap::from([("oui", "none")]))]);
    let error = Harness::<VendorHandler>::with_settings(&wrong).unwrap_err().to_string();
    assert!(error.contains("settings.send.oui"), "{error}");
}

#[test]
fn each_protocol_requests_its_own_options_and_sends_what_the_settings_say() {
    let send = BTreeMap::from([("vendor_class", "dslforum.org"), ("oui", "00256D")]);
    let mut handler = Harness::<VendorHandler>::with_settings(&BTreeMap::from([("send", send)])).unwrap();
    let mut asked = |protocol| {
        let query = OptionsQuery::new("wan".parse().unwrap(), "wan0".parse().unwrap(), protocol);
        let options = handler.options(&query).unwrap();
        assert!(options.send.iter().all(|option| option.when.is_always()));
        let request: Vec<u16> = options.request.iter().map(|option| option.code).collect();
        let send: Vec<(u16, Vec<u8>)> = options.send.into_iter().map(|o| (o.code, o.value.0)).collect();
        (request, send)
    };
    let (request, send) = asked(Protocol::V4);
    assert_eq!(request, [43, 122, 125]);
    assert_eq!(send[0], (60, b"dslforum.org".to_vec()));
    assert_eq!(send[2], (125, b"\0\0\x0d\xe9\x08\x01\x0600256D".to_vec()));
    let (request, send) = asked(Protocol::V6);
    assert_eq!(request, [17]);
    assert_eq!(send.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [16, 17]);
}

#[test]
fn the_manifest_is_one_that_the_host_accepts() {
    assert_eq!(Harness::<VendorHandler>::manifest().unwrap().name, "vendor");
}

/// What holds for every lease: the host takes the plan, and nothing in it is hostile.
fn harmless(plan: &Plan) {
    let rest = Plan {
        parameters: plan.parameters.clone(),
        events: plan.events.clone(),
        notes: plan.notes.clone(),
        ..Plan::default()
    };
    assert_eq!(*plan, rest, "nothing but parameters, events and notes");
    assert!(plan.parameters.len() <= 256 && plan.events.len() <= 3);
    let fields = plan.events.iter().flat_map(|event| &event.fields);
    for (name, value) in plan.parameters.iter().chain(fields) {
        assert!(name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)));
        assert!(value.len() <= 4096 && !value.contains(char::is_control), "{name}");
    }
    assert!(plan.notes.iter().all(|note| note.len() <= 240 && !note.contains(char::is_control)));
    let bytes = wire::encode(plan).unwrap();
    assert_eq!(wire::decode_within::<Plan>(&bytes, &DATA_LIMITS).as_ref(), Ok(plan));
}

/// Bytes that look like what is expected, with lengths that may lie.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        Just("https://acs.example/".to_owned()),
        Just("oui:00256D:x".to_owned()),
        "[0-9]{1,6}",
        "\\PC{0,20}",
    ];
    let part = (any::<u8>(), text, -3i16..3).prop_map(|(code, text, lie)| {
        let len = (text.len() as i16 + lie).clamp(0, 255) as u8;
        [&[code % 40, len], text.as_bytes()].concat()
    });
    (prop_oneof![Just(3561u32), Just(4491), any::<u32>()], vec(part, 0..8), any::<bool>()).prop_map(
        |(enterprise, parts, vendor)| {
            let parts = parts.concat();
            if vendor { of_vendor(enterprise, &parts) } else { parts }
        },
    )
}

proptest! {
    #[test]
    fn no_options_of_dhcpv4_make_a_plan_that_does_harm(
        options in btree_map(prop_oneof![Just(43u8), Just(125), Just(122), Just(60), Just(77), Just(124)],
            prop_oneof![likely(), vec(any::<u8>(), 0..400)], 0..6),
    ) {
        let report = V4Report {
            options: options.into_iter().map(|(code, value)| (code, Bytes(value))).collect(),
            ..V4Report::default()
        };
        harmless(&plan(&v4_event(report), &Settings::default()));
    }

    #[test]
    fn no_options_of_dhcpv6_make_a_plan_that_does_harm(
        options in btree_map(15u16..18, vec(prop_oneof![likely(), vec(any::<u8>(), 0..400)], 1..40), 0..4),
    ) {
        let report = V6Report {
            options: options.into_iter().map(|(code, all)| (code, all.into_iter().map(Bytes).collect())).collect(),
            ..V6Report::default()
        };
        harmless(&plan(&v6_event(report), &Settings::default()));
    }

    #[test]
    fn a_renewal_that_says_the_same_is_the_same_plan(raw in vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(v4(&[(43, &raw), (125, &raw)]), v4(&[(43, &raw), (125, &raw)]));
    }
}
