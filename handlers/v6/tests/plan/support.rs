//! Leases to start from, and a short way to say what differs.

use std::net::Ipv6Addr;

use dhcpmgr_plugin_api::message::{Bytes, Lifetime, V6Address, V6Prefix, V6Report};
use dhcpmgr_plugin_api::testing::v6_event;
use dhcpmgr_plugin_api::{LeaseEvent, Plan};

/// An ordinary lease of an access network: nothing in it is worth a note.
pub(crate) fn ordinary() -> V6Report {
    let mut report = V6Report {
        addresses: vec![address("2001:db8:6::1000/128", 1)],
        prefixes: vec![prefix("2001:db8:f000::/56", 2)],
        ..V6Report::default()
    };
    set(&mut report, 23, &addresses(&["2001:db8:6::1", "2620:fe::fe"]));
    set(&mut report, 24, &wire(&["isp.example"]));
    report
}

/// An address of an IA_NA, for an hour.
pub(crate) fn address(text: &str, iaid: u32) -> V6Address {
    V6Address {
        address: text.parse().unwrap(),
        iaid: Some(iaid),
        temporary: false,
        preferred: Lifetime(1800),
        valid: Lifetime(3600),
        claimed: false,
    }
}

/// A delegated prefix, for an hour.
pub(crate) fn prefix(text: &str, iaid: u32) -> V6Prefix {
    V6Prefix {
        prefix: text.parse().unwrap(),
        iaid: Some(iaid),
        preferred: Lifetime(1800),
        valid: Lifetime(3600),
        claimed: false,
    }
}

/// The event for a lease of client `wan6`.
pub(crate) fn event(report: V6Report) -> LeaseEvent {
    v6_event(report)
}

/// The plan for the ordinary lease after `change`.
pub(crate) fn plan_with(change: impl FnOnce(&mut V6Report)) -> Plan {
    let mut report = ordinary();
    change(&mut report);
    dhcpmgr_v6::plan(&event(report))
}

/// The plan for a lease with this option and nothing else.
pub(crate) fn plan_of(code: u16, value: &[u8]) -> Plan {
    let mut report = V6Report::default();
    set(&mut report, code, value);
    dhcpmgr_v6::plan(&event(report))
}

/// The option has this value and no other.
pub(crate) fn set(report: &mut V6Report, code: u16, value: &[u8]) {
    report.options.insert(code, vec![Bytes(value.to_vec())]);
}

/// The option has this value too.
pub(crate) fn add(report: &mut V6Report, code: u16, value: &[u8]) {
    report.options.entry(code).or_default().push(Bytes(value.to_vec()));
}

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// Addresses as on the wire.
pub(crate) fn addresses(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| ip(text).octets()).collect()
}

/// Names as on the wire.
pub(crate) fn wire(names: &[&str]) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    names.iter().flat_map(|name| [name.split('.').flat_map(label).collect(), vec![0]].concat()).collect()
}

/// A sub-option of 16-bit code and length.
pub(crate) fn sub_option(code: u16, value: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

/// The delegated prefixes as text, with what is excluded.
pub(crate) fn shown(plan: &Plan) -> Vec<String> {
    let show = |p: &dhcpmgr_plugin_api::Delegation| match p.exclude {
        None => p.prefix.to_string(),
        Some(exclude) => format!("{} without {exclude}", p.prefix),
    };
    plan.prefixes.iter().map(show).collect()
}

/// Exactly one note has all these words.
#[track_caller]
pub(crate) fn assert_note(plan: &Plan, words: &[&str]) {
    let count = plan.notes.iter().filter(|note| words.iter().all(|word| note.contains(word))).count();
    assert_eq!(count, 1, "notes with {words:?} in {:#?}", plan.notes);
}

#[track_caller]
pub(crate) fn assert_no_notes(plan: &Plan) {
    assert_eq!(plan.notes, Vec::<String>::new());
}
