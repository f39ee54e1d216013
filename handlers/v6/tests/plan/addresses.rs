//! Leased addresses: IA_NA and IA_TA.

use dhcpmgr_plugin_api::Plan;
use dhcpmgr_plugin_api::message::Lifetime;

use crate::support::*;

fn leased(plan: &Plan) -> Vec<String> {
    plan.addresses.iter().map(|plan| plan.address.to_string()).collect()
}

#[test]
fn an_ordinary_lease_is_taken_without_a_remark() {
    let plan = plan_with(|_| {});
    assert_no_notes(&plan);
    assert_eq!(leased(&plan), ["2001:db8:6::1000/128"]);
    assert_eq!((plan.addresses[0].preferred, plan.addresses[0].valid), (Lifetime(1800), Lifetime(3600)));
    assert_eq!(plan.addresses[0].broadcast, None);
    assert_eq!(shown(&plan), ["2001:db8:f000::/56"]);
    assert!(plan.routes.is_empty() && plan.mtu.is_none() && plan.refuse.is_none());
}

#[test]
fn every_association_has_its_own_lifetimes() {
    let plan = plan_with(|r| {
        let mut second = address("2001:db8:7::1/128", 7);
        (second.preferred, second.valid) = (Lifetime(0), Lifetime(100));
        let mut third = address("2001:db8:6::aaaa/128", 9);
        third.temporary = true;
        third.valid = Lifetime::INFINITE;
        r.addresses.extend([second, third]);
    });
    assert_no_notes(&plan);
    let times: Vec<_> = plan.addresses.iter().map(|a| (a.preferred, a.valid)).collect();
    assert_eq!(
        times,
        [
            (Lifetime(1800), Lifetime(3600)),
            (Lifetime(0), Lifetime(100)),
            (Lifetime(1800), Lifetime::INFINITE)
        ]
    );
}

#[test]
fn an_address_that_is_no_host_is_left_out_and_the_rest_kept() {
    for (bad, why) in [
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("ff02::1", "multicast"),
        ("fe80::1", "link-local"),
        ("::ffff:192.0.2.7", "IPv4 address in disguise"),
        ("::192.0.2.7", "::/96"),
        ("192.0.2.7", "no IPv6 address"),
    ] {
        let len = if bad.contains(':') { 128 } else { 32 };
        let plan = plan_with(|r| r.addresses.insert(0, address(&format!("{bad}/{len}"), 3)));
        assert_eq!(leased(&plan), ["2001:db8:6::1000/128"], "{bad}");
        assert_note(&plan, &["(IA_NA 3) is ignored", why]);
    }
}

#[test]
fn what_is_over_never_becomes_for_ever() {
    let plan = plan_with(|r| (r.addresses[0].preferred, r.addresses[0].valid) = (Lifetime(0), Lifetime(0)));
    assert!(plan.addresses.is_empty());
    assert_note(&plan, &["address 2001:db8:6::1000/128 (IA_NA 1)", "0 s"]);
}

#[test]
fn an_address_that_is_preferred_longer_than_valid_is_discarded() {
    for (preferred, valid) in [(3601, 3600), (1, 0), (u32::MAX, 3600), (u32::MAX, u32::MAX - 1)] {
        let plan = plan_with(|r| {
            (r.addresses[0].preferred, r.addresses[0].valid) = (Lifetime(preferred), Lifetime(valid));
        });
        assert!(plan.addresses.is_empty(), "{preferred} {valid}");
        assert_note(&plan, &["(IA_NA 1) is ignored"]);
    }
    let plan = plan_with(|r| {
        (r.addresses[0].preferred, r.addresses[0].valid) = (Lifetime::INFINITE, Lifetime::INFINITE);
    });
    assert_eq!(plan.addresses[0].valid, Lifetime::INFINITE);
    assert_no_notes(&plan);
}

#[test]
fn a_length_is_taken_as_given_but_never_puts_a_network_on_the_link() {
    let plan = plan_with(|r| r.addresses[0] = address("2001:db8:6::1000/64", 1));
    assert_eq!(leased(&plan), ["2001:db8:6::1000/64"]);
    assert_no_notes(&plan);
    for len in [0, 8, 63] {
        let plan = plan_with(|r| r.addresses[0] = address(&format!("2001:db8:6::1000/{len}"), 1));
        assert_eq!(leased(&plan), ["2001:db8:6::1000/128"]);
        assert_note(&plan, &[&format!("2001:db8:6::1000/{len} (IA_NA 1)"), "taken as /128"]);
    }
}

#[test]
fn an_address_in_two_associations_stays_for_the_longest_time() {
    for longer_first in [true, false] {
        let plan = plan_with(|r| {
            let mut other = address("2001:db8:6::1000/128", 5);
            other.valid = Lifetime(7200);
            r.addresses.insert(usize::from(!longer_first), other);
        });
        assert_eq!(plan.addresses.len(), 1);
        assert_eq!(plan.addresses[0].valid, Lifetime(7200));
        assert_note(&plan, &["leased more than once"]);
    }
}

#[test]
fn a_flood_of_addresses_is_cut() {
    let plan = plan_with(|r| {
        r.addresses = (0..100).map(|i| address(&format!("2001:db8::{i:x}:1/128"), i)).collect();
    });
    assert_eq!(plan.addresses.len(), 64);
    assert_note(&plan, &["only the first 64 addresses", "36 more"]);
}

#[test]
fn a_lease_of_options_alone_has_no_addresses() {
    let plan = plan_with(|r| {
        r.addresses.clear();
        r.prefixes.clear();
    });
    assert!(plan.addresses.is_empty() && plan.prefixes.is_empty());
    assert_eq!((plan.dns.len(), plan.search.len()), (2, 1));
    assert_no_notes(&plan);
    assert_eq!(dhcpmgr_v6::plan(&event(Default::default())), Plan::default());
}
