//! Option 26: where it goes, and between which limits.

use dhcpmgr_plugin_api::{Link, Mtu, MtuPolicy, Plan};

use crate::support::*;

fn plan_with_mtu(mtu: u32, policy: MtuPolicy, link: Link) -> Plan {
    plan_for(
        |r| r.mtu = Some(mtu),
        |event| {
            event.policy.mtu = policy;
            event.link = link;
        },
    )
}

fn ethernet() -> Link {
    Link { mtu: Some(1500), min_mtu: Some(68), max_mtu: Some(9000) }
}

#[test]
fn without_option_26_the_mtu_is_left_alone() {
    let plan = plan_with(|_| {});
    assert_eq!(plan.mtu, None);
    assert_eq!(plan.routes[0].mtu, None);
}

#[test]
fn the_mtu_goes_to_the_link_unless_said_otherwise() {
    let plan = plan_with_mtu(1492, MtuPolicy::default(), ethernet());
    assert_eq!(plan.mtu, Some(Mtu(1492)));
    assert!(plan.routes.iter().all(|route| route.mtu.is_none()));
    assert!(plan.notes.is_empty());
}

#[test]
fn the_mtu_goes_to_every_route_when_the_policy_says_so() {
    let plan = plan_for(
        |r| {
            r.mtu = Some(1492);
            r.classless_routes =
                static_routes("0.0.0.0/0 192.0.2.1 10.0.0.0/8 192.0.2.2 10.9.0.0/16 0.0.0.0");
            r.routers.clear();
        },
        |event| event.policy.mtu = MtuPolicy::Route,
    );
    assert_eq!(plan.mtu, None);
    assert_eq!(plan.routes.len(), 3);
    assert!(plan.routes.iter().all(|route| route.mtu == Some(1492)));
}

#[test]
fn the_operator_may_ignore_it() {
    let plan = plan_with_mtu(1492, MtuPolicy::Ignore, ethernet());
    assert_eq!((plan.mtu, plan.routes[0].mtu), (None, None));
    assert_note(&plan, &["MTU 1492 (option 26)", "configuration"]);
}

#[test]
fn an_mtu_out_of_range_is_ignored_and_the_lease_kept() {
    for policy in [MtuPolicy::Link, MtuPolicy::Route] {
        for (mtu, link, why) in [
            (0, ethernet(), "at least 576"),
            (68, ethernet(), "at least 576"),
            (575, Link::default(), "at least 576"),
            (9001, ethernet(), "at most 9000"),
            (u32::MAX, ethernet(), "at most 9000"),
            (1000, Link { min_mtu: Some(1280), ..ethernet() }, "at least 1280"),
        ] {
            let plan = plan_with_mtu(mtu, policy, link);
            assert_eq!((plan.mtu, plan.routes[0].mtu), (None, None), "{mtu}");
            assert_note(&plan, &[&format!("MTU {mtu} (option 26) is ignored"), why]);
            assert_eq!(plan.addresses.len(), 1);
        }
    }
}

#[test]
fn the_limits_themselves_are_accepted() {
    for mtu in [576, 9000] {
        assert_eq!(plan_with_mtu(mtu, MtuPolicy::Link, ethernet()).mtu, Some(Mtu(mtu)));
    }
}

#[test]
fn an_unknown_limit_does_not_limit() {
    let link = Link { mtu: None, min_mtu: Some(0), max_mtu: Some(0) };
    assert_eq!(plan_with_mtu(9000, MtuPolicy::Link, link).mtu, Some(Mtu(9000)));
}

#[test]
fn a_route_gets_no_more_than_its_link_carries() {
    let plan = plan_with_mtu(9000, MtuPolicy::Route, ethernet());
    assert_eq!(plan.routes[0].mtu, None);
    assert_note(&plan, &["MTU 9000", "more than its interface, 1500"]);
}

#[test]
fn a_link_that_will_lose_ipv6_is_worth_a_remark() {
    let plan = plan_with_mtu(1279, MtuPolicy::Link, ethernet());
    assert_eq!(plan.mtu, Some(Mtu(1279)));
    assert_note(&plan, &["MTU 1279", "no IPv6"]);
}
