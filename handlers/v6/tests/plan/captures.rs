//! What a real Kea sent, as two clients handed it on: odhcp6c the bytes of nearly all options, dibbler the bytes of
//! those that it does not know.

use dhcpmgr_plugin_api::message::{Bytes, V6Report};

use crate::support::*;

const DIBBLER: &str = include_str!("../../../../client-shims/dibbler/tests/captures/kea-full/0001-add.env");
const ODHCP6C: &str = include_str!("../captures/odhcp6c.env");

fn variables(capture: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    capture.split('\0').filter_map(|variable| variable.split_once('='))
}

fn variable(capture: &'static str, name: &str) -> &'static str {
    variables(capture).find(|(known, _)| *known == name).unwrap().1
}

/// Options as they follow each other in a message.
fn message(mut raw: &[u8]) -> V6Report {
    let mut report = V6Report::default();
    while let Some((head, rest)) = raw.split_first_chunk::<4>() {
        let [code, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (value, rest) = rest.split_at(len.into());
        add(&mut report, code, value);
        raw = rest;
    }
    report
}

#[test]
fn what_kea_sent_to_odhcp6c_is_understood() {
    let mut report = message(&Bytes::from_hex(variable(ODHCP6C, "PASSTHRU")).unwrap().0);
    for (name, value) in variables(ODHCP6C) {
        if let Some(code) = name.strip_prefix("OPTION_") {
            set(&mut report, code.parse().unwrap(), &Bytes::from_hex(value).unwrap().0);
        }
    }
    let plan = dhcpmgr_v6::plan(&event(report));
    assert_eq!(plan.dns, [ip("2001:db8:9::1"), ip("2620:fe::fe")]);
    assert_eq!(
        plan.search.iter().map(|n| n.as_str()).collect::<Vec<_>>(),
        ["isp.example", "corp.isp.example"]
    );
    assert_eq!(plan.ntp, ["2001:db8:9::123", "2001:db8:9::7", "2001:db8:9::8"]);
    assert_eq!(plan.parameters["SipServers"], "2001:db8:9::20");
    assert_eq!(plan.parameters["PosixTimezone"], "EST5EDT");
    assert_eq!(plan.parameters["ClientFqdn"], "vm");
    assert_eq!(plan.parameters["VendorEnterprises"], "3561");
    assert_no_notes(&plan);
}

#[test]
fn what_dibbler_hands_on_as_bytes_is_understood() {
    let mut report = V6Report::default();
    for code in [41, 56, 82] {
        let hex = variable(DIBBLER, &format!("SRV_OPTION{code}")).replace(':', "");
        set(&mut report, code, &Bytes::from_hex(&hex).unwrap().0);
    }
    report.addresses = vec![address(&format!("{}/128", variable(DIBBLER, "ADDR1")), 1)];
    let length = variable(DIBBLER, "PREFIX1LEN");
    report.prefixes = vec![prefix(&format!("{}/{length}", variable(DIBBLER, "PREFIX1")), 2)];
    let plan = dhcpmgr_v6::plan(&event(report));
    assert_eq!(plan.addresses[0].address.to_string(), "2001:db8:6::1000/128");
    assert_eq!(shown(&plan), ["2001:db8:f000::/56"]);
    assert_eq!(plan.ntp, ["2001:db8:6::123"]);
    assert_eq!(plan.parameters["PosixTimezone"], "EST5EDT");
    assert_eq!(plan.parameters["SolMaxRt"], "3600");
    assert_no_notes(&plan);
}
