//! Routes: which option speaks, which routes are believed, how the router is reached, what the operator allows.

use std::fmt::Write as _;

use dhcpmgr_plugin_api::RoutePolicy;

use crate::support::*;

#[test]
fn the_first_router_makes_the_default_route() {
    let plan = plan_with(|_| {});
    let route = &plan.routes[0];
    assert_eq!(route.to.to_string(), "0.0.0.0/0");
    assert_eq!(route.via, Some(ip("192.0.2.1").into()));
    assert_eq!(route.source, Some(ip("192.0.2.7").into()));
    assert_eq!((route.metric, route.table, route.onlink), (Some(100), None, false));
}

#[test]
fn further_routers_are_not_used() {
    let plan = plan_with(|r| r.routers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(ip).to_vec());
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
    assert_note(&plan, &["option 3", "192.0.2.2, 192.0.2.3"]);
}

#[test]
fn a_router_that_cannot_be_one_is_passed_over() {
    let bad = [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.9",
        "192.0.2.7",
        "192.0.2.0",
        "192.0.2.255",
    ];
    for bad in bad {
        let plan = plan_with(|r| r.routers = vec![ip(bad), ip("192.0.2.1")]);
        assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"], "{bad}");
        assert_note(&plan, &[&format!("via {bad} (option 3) is ignored")]);
    }
}

#[test]
fn a_lease_without_a_router_is_good_and_says_so() {
    let plan = plan_with(|r| r.routers.clear());
    assert_eq!(plan.refuse, None);
    assert!(plan.routes.is_empty());
    assert_note(&plan, &["no router (option 3)"]);
}

#[test]
fn option_121_silences_3_and_33_and_249() {
    let plan = plan_with(|r| {
        r.classless_routes = static_routes("10.0.0.0/8 192.0.2.254 0.0.0.0/0 192.0.2.9");
        r.ms_classless_routes = static_routes("172.16.0.0/12 192.0.2.252");
        r.static_routes = static_routes("203.0.113.5/32 192.0.2.3");
    });
    assert_eq!(shown(&plan), ["10.0.0.0/8 via 192.0.2.254", "0.0.0.0/0 via 192.0.2.9"]);
    assert_note(&plan, &["option 121", "3, 33, 249", "RFC 3442"]);
}

#[test]
fn option_121_without_a_default_route_means_none() {
    let plan = plan_with(|r| r.classless_routes = static_routes("10.0.0.0/8 192.0.2.254"));
    assert_eq!(shown(&plan), ["10.0.0.0/8 via 192.0.2.254"]);
    assert_note(&plan, &["option 121", "no default route"]);
}

#[test]
fn option_249_counts_when_121_is_absent() {
    let plan = plan_with(|r| r.ms_classless_routes = static_routes("172.16.0.0/12 192.0.2.252"));
    assert_eq!(shown(&plan), ["172.16.0.0/12 via 192.0.2.252"]);
    assert_note(&plan, &["option 249", "option 3 is ignored"]);
}

#[test]
fn an_option_121_that_nobody_could_read_does_not_cost_the_default_route() {
    let plan = plan_with(|r| drop(r.options.insert(121, bytes(&[33, 1, 2]))));
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
    assert_note(&plan, &["option 121 could not be read"]);
}

#[test]
fn host_routes_of_option_33_go_beside_the_default_route() {
    let plan = plan_with(|r| {
        r.static_routes = static_routes("203.0.113.5/32 192.0.2.3 0.0.0.0/32 192.0.2.4 0.0.0.0/0 192.0.2.4");
    });
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1", "203.0.113.5/32 via 192.0.2.3"]);
    assert_note(&plan, &["0.0.0.0/32 via 192.0.2.4 (option 33)"]);
    assert_note(&plan, &["0.0.0.0/0 via 192.0.2.4 (option 33)", "default route"]);
}

#[test]
fn a_router_of_zero_is_on_link_in_121_only() {
    let plan = plan_with(|r| r.classless_routes = static_routes("198.51.100.0/24 0.0.0.0 0.0.0.0/0 0.0.0.0"));
    assert_eq!(shown(&plan), ["198.51.100.0/24", "0.0.0.0/0"]);
    let plan = plan_with(|r| r.static_routes = static_routes("203.0.113.5/32 0.0.0.0"));
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
    assert_note(&plan, &["203.0.113.5/32 via 0.0.0.0 (option 33) is ignored"]);
}

#[test]
fn a_single_address_reaches_its_router_on_the_link() {
    let plan = plan_with(|r| {
        r.prefix_len = Some(32);
        r.broadcast = None;
        r.routers = vec![ip("100.64.0.1")];
    });
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 100.64.0.1 onlink"]);
}

#[test]
fn both_ends_of_a_point_to_point_subnet_are_on_link() {
    let plan = plan_with(|r| {
        r.address = Some(ip("192.0.2.0"));
        r.prefix_len = Some(31);
        r.broadcast = None;
    });
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
}

#[test]
fn an_on_link_route_of_the_lease_makes_its_routers_reachable() {
    // The list may name the router first: on-link routes are planned first, so that they can be added in order.
    let plan = plan_with(|r| {
        r.prefix_len = Some(32);
        r.broadcast = None;
        r.classless_routes =
            static_routes("0.0.0.0/0 100.64.0.1 10.0.0.0/8 100.64.9.9 100.64.0.1/32 0.0.0.0");
    });
    assert_eq!(
        shown(&plan),
        ["100.64.0.1/32", "0.0.0.0/0 via 100.64.0.1", "10.0.0.0/8 via 100.64.9.9 onlink"]
    );
}

#[test]
fn an_on_link_default_route_does_not_vouch_for_routers() {
    let plan = plan_with(|r| r.classless_routes = static_routes("0.0.0.0/0 0.0.0.0 10.0.0.0/8 100.64.9.9"));
    assert_eq!(shown(&plan), ["0.0.0.0/0", "10.0.0.0/8 via 100.64.9.9 onlink"]);
}

#[test]
fn a_route_through_its_own_destination_is_on_link() {
    let plan =
        plan_with(|r| r.classless_routes = static_routes("100.64.0.1/32 100.64.0.1 0.0.0.0/0 100.64.0.1"));
    assert_eq!(shown(&plan), ["100.64.0.1/32", "0.0.0.0/0 via 100.64.0.1"]);
    assert_note(&plan, &["100.64.0.1/32", "its own router"]);
}

#[test]
fn a_destination_that_is_none_is_left_out_and_the_rest_kept() {
    let bad = [
        "127.0.0.0/8",
        "127.0.0.1/32",
        "224.0.0.0/4",
        "239.1.0.0/16",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "224.0.0.0/3",
        "0.0.0.0/8",
        "0.1.0.0/16",
        "192.0.2.7/32",
        "2001:db8::/32",
    ];
    for bad in bad {
        let plan = plan_with(|r| {
            r.classless_routes = static_routes(&format!("{bad} 192.0.2.9 0.0.0.0/0 192.0.2.1"));
        });
        assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"], "{bad}");
        assert_note(&plan, &[&format!("{bad} via 192.0.2.9 (option 121) is ignored")]);
    }
}

#[test]
fn the_first_route_to_a_destination_counts() {
    let plan = plan_with(|r| {
        r.classless_routes = static_routes("10.0.0.0/8 192.0.2.2 10.0.0.0/8 192.0.2.3 10.0.0.0/8 192.0.2.2");
    });
    assert_eq!(shown(&plan), ["10.0.0.0/8 via 192.0.2.2"]);
    assert_note(&plan, &["10.0.0.0/8 via 192.0.2.3", "same destination"]);
}

fn many_routes(count: u32, default_at: Option<u32>) -> String {
    (0..count).fold(String::new(), |mut text, i| {
        let to = if Some(i) == default_at {
            "0.0.0.0/0".to_owned()
        } else {
            format!("10.{}.{}.0/24", i / 256, i % 256)
        };
        write!(text, "{to} 192.0.2.1 ").unwrap();
        text
    })
}

#[test]
fn four_hundred_routes_cost_neither_the_lease_nor_the_default_route() {
    let plan = plan_with(|r| {
        r.classless_routes = static_routes(&many_routes(400, Some(399)));
        r.routers.clear();
    });
    assert_eq!(plan.refuse, None);
    assert_eq!(plan.routes.len(), 256);
    let shown = shown(&plan);
    assert_eq!(
        (shown[0].as_str(), shown[254].as_str()),
        ("10.0.0.0/24 via 192.0.2.1", "10.0.254.0/24 via 192.0.2.1")
    );
    assert_eq!(shown[255], "0.0.0.0/0 via 192.0.2.1");
    assert_eq!(plan.notes.len(), 1);
    assert_note(&plan, &["400 routes", "256", "144"]);
}

#[test]
fn as_many_routes_as_are_taken_need_no_remark() {
    let plan = plan_with(|r| {
        r.classless_routes = static_routes(&many_routes(256, Some(0)));
        r.routers.clear();
    });
    assert_eq!(plan.routes.len(), 256);
    assert!(plan.notes.is_empty());
}

#[test]
fn the_operator_decides_which_routes_a_server_may_set() {
    // 0.0.0.0/1 and 128.0.0.0/1 together are how a default route is hijacked.
    let offered = "0.0.0.0/0 100.64.0.1 0.0.0.0/1 192.0.2.66 128.0.0.0/1 192.0.2.66 10.0.0.0/8 192.0.2.9 \
                   100.64.0.1/32 0.0.0.0";
    for (policy, expected, word) in [
        (RoutePolicy::DefaultOnly, &["0.0.0.0/0 via 100.64.0.1 onlink"][..], "default-only"),
        (RoutePolicy::NoDefault, &["100.64.0.1/32", "10.0.0.0/8 via 192.0.2.9"][..], "no-default"),
        (RoutePolicy::None, &[][..], "\"none\""),
    ] {
        let plan =
            plan_for(|r| r.classless_routes = static_routes(offered), |event| event.policy.routes = policy);
        assert_eq!(shown(&plan), expected);
        assert_note(&plan, &["are not taken", "configuration", word]);
        assert_eq!(plan.addresses.len(), 1);
    }
    let plan = plan_with(|r| r.classless_routes = static_routes(offered));
    assert_eq!(plan.routes.len(), 5, "all is the default");
}

#[test]
fn a_policy_that_drops_nothing_says_nothing() {
    let plan = plan_for(|_| {}, |event| event.policy.routes = RoutePolicy::DefaultOnly);
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
    assert!(plan.notes.is_empty());
}
