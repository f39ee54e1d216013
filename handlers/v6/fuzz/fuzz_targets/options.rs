//! Any options, as they follow each other in a DHCPv6 message, and a lease beside them: a plan that can do no harm.
//! Run with `cargo +nightly fuzz run options -- -max_len=65000` in `handlers/v6`.
#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_plugin_api::message::{Bytes, Lifetime, Prefix, V6Prefix, V6Report, wire};
use dhcpmgr_plugin_api::testing::v6_event;
use dhcpmgr_plugin_api::{DATA_LIMITS, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let plan = dhcpmgr_v6::plan(&v6_event(report(bytes)));
    check(&plan);
    let answer = wire::encode(&plan).expect("a plan can be written");
    let read = wire::decode_within::<Plan>(&answer, &DATA_LIMITS).expect("what was written can be read");
    assert_eq!(read, plan);
});

/// Two delegated prefixes, so that option 67 has something to exclude from; a value that is cut takes what is left.
fn report(mut bytes: &[u8]) -> V6Report {
    let mut report = V6Report::default();
    for (third, len) in [(1, 56), (2, 48)] {
        let address = Ipv6Addr::new(0x2001, 0xdb8, third, 0, 0, 0, 0, 0);
        let Ok(prefix) = Prefix::new(address.into(), len) else { continue };
        let (preferred, valid) = (Lifetime(1800), Lifetime(3600));
        report.prefixes.push(V6Prefix { prefix, iaid: Some(1), preferred, valid, claimed: false });
    }
    while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
        let [code, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (value, rest) = rest.split_at(usize::from(len).min(rest.len()));
        report.options.entry(code).or_default().push(Bytes(value.to_vec()));
        bytes = rest;
    }
    report
}

fn check(plan: &Plan) {
    assert!(plan.refuse.is_none() && plan.addresses.is_empty() && plan.routes.is_empty());
    assert_eq!(plan.prefixes.len(), 2, "no option costs a prefix");
    for delegation in &plan.prefixes {
        if let Some(exclude) = delegation.exclude {
            assert!(exclude.len() > delegation.prefix.len(), "{exclude}");
            assert!(delegation.prefix.contains(exclude.address()), "{exclude}");
        }
    }
    assert!(plan.dns.len() <= 32 && plan.search.len() <= 32 && plan.ntp.len() <= 32);
    let host = |address: &IpAddr| !address.is_multicast() && !address.is_loopback() && !address.is_unspecified();
    assert!(plan.dns.iter().all(host));
    assert!(plan.notes.iter().all(|note| note.len() <= 240 && !note.contains(char::is_control)));
    for (name, value) in &plan.parameters {
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{name}");
        assert!(value.len() <= 4096 && !value.contains(char::is_control), "{name}");
    }
}
