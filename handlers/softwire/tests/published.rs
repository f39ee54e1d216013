//! Examples that others published, with the traps in them: see `published/NOTICE`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_softwire::{
    Content, Destination, Input, InterfaceId, Ipv6Prefix, Kind, Quirk, Quirks, Remote, Softwire, decode,
    rfc6052,
};
use serde_json::Value;
use support::{hex, option};

fn published() -> Vec<Value> {
    serde_json::from_str(include_str!("published/published.json")).unwrap()
}

fn prefix(text: &str) -> Ipv6Prefix {
    let (address, len) = text.split_once('/').unwrap();
    Ipv6Prefix::containing(address.parse().unwrap(), len.parse().unwrap()).unwrap()
}

/// The option of an example, decoded for its customer; an example of a border relay has none, so any of the rule.
fn softwire(example: &Value) -> Option<Softwire> {
    let (kind, text) = match (&example["option95_hex"], &example["option94_hex"]) {
        (Value::String(text), _) => (Kind::MapT, text),
        (_, Value::String(text)) => (Kind::MapE, text),
        _ => return None,
    };
    let bytes = hex(text);
    let input = Input::pasted(kind.option(), &bytes).unwrap();
    let decoded = decode(kind, input, Quirks::NONE, &mut ()).unwrap();
    let Content::Map { rules, .. } = decoded.content() else { panic!("{example}") };
    let end_user = match example["end_user_prefix"].as_str() {
        Some(text) => prefix(text),
        None => Ipv6Prefix::containing(rules[0].ipv6_prefix().address(), rules[0].end_user_len()).unwrap(),
    };
    Some(decoded.configure(&[end_user]).unwrap())
}

#[test]
fn customers_get_what_is_published() {
    let mut checked = 0;
    for example in published() {
        let (id, expected) = (&example["id"], &example["expected"]);
        let (Some(softwire), Some(psid_len)) = (softwire(&example), expected["psid_len"].as_u64()) else {
            continue;
        };
        let edge = softwire.customer.unwrap();
        assert_eq!(edge.ipv4.address().to_string(), expected["ipv4"], "{id}");
        assert_eq!(u64::from(edge.ipv4.len()), expected["ipv4_len"].as_u64().unwrap(), "{id}");
        assert_eq!(u64::from(edge.ports.psid_len()), psid_len, "{id}");
        assert_eq!(u64::from(edge.ports.psid()), expected["psid"].as_u64().unwrap(), "{id}");
        assert_eq!(edge.ea_bits, expected["ea_bits"].as_u64().unwrap(), "{id}");
        assert_eq!(
            u64::from(edge.ports.sharing_ratio()),
            expected["sharing_ratio"].as_u64().unwrap(),
            "{id}"
        );
        assert_eq!(u64::from(edge.ports.count()), expected["ports"].as_u64().unwrap(), "{id}");
        assert_eq!(edge.ipv6, expected["ce6"].as_str().unwrap().parse::<Ipv6Addr>().unwrap(), "{id}");
        let ranges: Vec<_> = edge.ports.ranges().collect();
        assert_eq!(ranges.len() as u64, expected["ranges_count"].as_u64().unwrap(), "{id}");
        let listed: Vec<(u16, u16)> = serde_json::from_value(expected["ranges"].clone()).unwrap();
        let (first, last) = listed.split_at(listed.len().min(3));
        assert!(ranges.starts_with(first) && ranges.ends_with(last), "{id}: {ranges:?}");
        assert_eq!(softwire.remarks, [], "{id}");
        checked += 1;
    }
    assert_eq!(checked, 9);
}

#[test]
fn destinations_are_what_is_published() {
    let mut checked = 0;
    for example in published() {
        let id = &example["id"];
        let dmr = example["dmr"].as_str().map(prefix);
        for (v4, v6) in example["expected"]["dmr_maps"].as_object().into_iter().flatten() {
            let (v4, v6): (Ipv4Addr, Ipv6Addr) = (v4.parse().unwrap(), v6.as_str().unwrap().parse().unwrap());
            assert_eq!(rfc6052::embed(dmr.unwrap(), v4), Some(v6), "{id}");
            assert_eq!(rfc6052::extract(dmr.unwrap(), v6), Some(v4), "{id}");
            if let Some(softwire) = softwire(&example) {
                assert_eq!(softwire.remote, Remote::Dmr(dmr.unwrap()), "{id}");
                assert_eq!(softwire.destination(v4, 80), Destination::Internet { ipv6: Some(v6) }, "{id}");
            }
            checked += 1;
        }
        for map in example["expected"]["fmr_maps"].as_array().into_iter().flatten() {
            let Some(softwire) = softwire(&example) else { continue };
            let v4 = map["v4"].as_str().unwrap().parse().unwrap();
            let port = map["port"].as_u64().unwrap() as u16;
            let v6 = map["v6"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                softwire.rules[0].map(softwire.kind, v4, port, InterfaceId::Rfc7597),
                Some(v6),
                "{id}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 13);
}

#[test]
fn the_older_interface_identifier_is_a_setting() {
    let mut checked = 0;
    for example in published() {
        let Some(older) = example["published"]["_ce6_old_iid"].as_str() else { continue };
        let softwire = softwire(&example).unwrap();
        let edge = softwire.customer.unwrap();
        let rule = softwire.rules[0];
        let older: Ipv6Addr = older.parse().unwrap();
        assert_ne!(edge.ipv6, older);
        assert_eq!(rule.ce_address(edge.prefix, InterfaceId::Legacy), Some(older), "{}", example["id"]);
        assert_eq!(rule.unmap(older, InterfaceId::Legacy).map(|customer| customer.ipv4), Some(edge.ipv4));
        checked += 1;
    }
    assert_eq!(checked, 2);
}

#[test]
fn an_offset_of_zero_stays_zero() {
    let examples = published();
    let kea = examples.iter().find(|example| example["id"] == "kea-doc-0-3/4").unwrap();
    let params = hex(kea["option_hex"].as_str().unwrap());
    let rule = [hex("00 00 20 c0000212 38 20010db8001234"), params].concat();
    let container = [option(89, &rule), option(91, &hex("40 20010db8ffff0000"))].concat();
    let decoded = decode(Kind::MapT, Input::value(&container).unwrap(), Quirks::NONE, &mut ()).unwrap();
    let softwire = decoded.configure(&[prefix("2001:db8:12:3400::/56")]).unwrap();
    let ranges: Vec<_> = softwire.customer.unwrap().ports.ranges().collect();
    assert_eq!(ranges, serde_json::from_value::<Vec<(u16, u16)>>(kea["expected"]["ranges"].clone()).unwrap());
}

#[test]
fn a_container_with_one_wrong_rule_is_discarded_whole() {
    let examples = published();
    let kea = examples.iter().find(|example| example["id"] == "kea-unit-mape").unwrap();
    let bytes = hex(kea["option_hex"].as_str().unwrap());
    let input = Input::pasted(94, &bytes).unwrap();
    let error = decode(Kind::MapE, input, Quirks::NONE, &mut ()).unwrap_err();
    assert_eq!(bytes[error.offset], 6, "the PSID-len: {error}");
    assert_eq!(
        error.to_string(),
        "PSID-len is 6, but 2 follows from ea-len and prefix4-len; it must be that or 0"
    );
}

#[test]
fn the_flag_that_kea_documents_is_not_the_flag() {
    let flagged = |flags: u8, quirks: Quirks| {
        let rule = [&[flags], &hex("10 18 c0000200 28 20010db800")[..]].concat();
        let container = [option(89, &rule), option(91, &hex("40 20010db8ffff0000"))].concat();
        let decoded = decode(Kind::MapT, Input::value(&container).unwrap(), quirks, &mut ()).unwrap();
        let Content::Map { rules, .. } = decoded.content() else { panic!() };
        (rules[0].fmr(), decoded.remarks().iter().map(|remark| remark.oddity.to_string()).collect::<String>())
    };
    assert_eq!(flagged(0x01, Quirks::NONE), (true, String::new()));
    let (fmr, remark) = flagged(0x80, Quirks::NONE);
    assert!(!fmr && remark.contains("fmr-flag-0x80"), "{remark}");
    assert!(flagged(0x80, [Quirk::FmrFlag0x80].into_iter().collect()).0);
    let (fmr, remark) = flagged(0x06, Quirks::NONE);
    assert!(!fmr && remark.contains("0x06"), "{remark}");
}
