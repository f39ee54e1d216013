//! Delegated prefixes.

use dhcpmgr_plugin_api::message::Lifetime;

use crate::support::*;

#[test]
fn every_prefix_keeps_its_association_and_lifetimes() {
    let plan = plan_with(|r| {
        let mut old = prefix("2001:db8:f100::/56", 2);
        old.preferred = Lifetime(0);
        r.prefixes.extend([old, prefix("fd12:3456:789a::/48", 3)]);
    });
    assert_no_notes(&plan);
    assert_eq!(shown(&plan), ["2001:db8:f000::/56", "2001:db8:f100::/56", "fd12:3456:789a::/48"]);
    assert_eq!(plan.prefixes.iter().map(|p| p.iaid).collect::<Vec<_>>(), [Some(2), Some(2), Some(3)]);
    assert_eq!((plan.prefixes[1].preferred, plan.prefixes[1].valid), (Lifetime(0), Lifetime(3600)));
}

#[test]
fn a_prefix_that_nobody_delegates_is_left_out_and_the_rest_kept() {
    for (bad, why) in [
        ("::/0", "shorter than /16"),
        ("2000::/3", "shorter than /16"),
        ("fe00::/9", "shorter than /16"),
        ("2000::/15", "shorter than /16"),
        ("fe80::/64", "link-local"),
        ("feb0::/16", "link-local"),
        ("ff00::/16", "multicast"),
        ("ff3e:30:2001:db8::/64", "multicast"),
        ("::/64", "::/8"),
        ("::1/128", "::/8"),
        ("::ffff:192.0.2.0/120", "::/8"),
        ("10.0.0.0/16", "no IPv6 prefix"),
    ] {
        let plan = plan_with(|r| r.prefixes.insert(0, prefix(bad, 9)));
        assert_eq!(shown(&plan), ["2001:db8:f000::/56"], "{bad}");
        assert_note(&plan, &[&format!("prefix {bad} (IA_PD 9) is ignored"), why]);
    }
}

#[test]
fn lifetimes_that_cannot_be_right_cost_the_prefix() {
    for (preferred, valid) in [(0, 0), (3601, 3600), (u32::MAX, 3600)] {
        let plan = plan_with(|r| {
            (r.prefixes[0].preferred, r.prefixes[0].valid) = (Lifetime(preferred), Lifetime(valid));
        });
        assert!(plan.prefixes.is_empty());
        assert_note(&plan, &["prefix 2001:db8:f000::/56 (IA_PD 2) is ignored"]);
        assert_eq!(plan.addresses.len(), 1);
    }
    let plan = plan_with(|r| r.prefixes[0].valid = Lifetime::INFINITE);
    assert_eq!(plan.prefixes[0].valid, Lifetime::INFINITE);
}

#[test]
fn a_prefix_in_two_associations_stays_for_the_longest_time() {
    for longer_first in [true, false] {
        let plan = plan_with(|r| {
            let mut other = prefix("2001:db8:f000::/56", 5);
            other.valid = Lifetime(7200);
            r.prefixes.insert(usize::from(!longer_first), other);
        });
        assert_eq!(shown(&plan), ["2001:db8:f000::/56"]);
        assert_eq!((plan.prefixes[0].valid, plan.prefixes[0].iaid), (Lifetime(7200), Some(5)));
        assert_note(&plan, &["delegated more than once"]);
    }
}

#[test]
fn prefixes_that_overlap_are_kept_with_a_remark() {
    for (one, other) in [("2001:db8::/48", "2001:db8:0:100::/56"), ("2001:db8:0:100::/56", "2001:db8::/48")] {
        let plan = plan_with(|r| r.prefixes = vec![prefix(one, 1), prefix(other, 2)]);
        assert_eq!(shown(&plan), [one, other]);
        assert_note(&plan, &[one, other, "overlap"]);
    }
}

#[test]
fn a_prefix_without_room_for_a_subnet_is_worth_a_remark() {
    let plan = plan_with(|r| r.prefixes[0] = prefix("2001:db8:f000::/72", 2));
    assert_eq!(shown(&plan), ["2001:db8:f000::/72"]);
    assert_note(&plan, &["2001:db8:f000::/72 (IA_PD 2)", "no LAN"]);
    assert_no_notes(&plan_with(|r| r.prefixes[0] = prefix("2001:db8:f000::/64", 2)));
}

#[test]
fn a_flood_of_prefixes_is_cut() {
    let plan = plan_with(|r| {
        r.prefixes = (0..100).map(|i| prefix(&format!("2001:db8:{i:x}::/48"), i)).collect();
    });
    assert_eq!(plan.prefixes.len(), 64);
    assert_note(&plan, &["only the first 64 prefixes", "36 more"]);
}
