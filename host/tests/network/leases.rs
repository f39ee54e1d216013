//! Leases that come, are renewed, change and go.

use std::fs;
use std::process::Command;

use dhcpmgr::clock::boottime_ms;
use dhcpmgr::network::{ActionKind, NetworkError};

use crate::lab::{Lab, Monitor, addresses, client, in_namespace, ip, lease, nothing, route, routes, wan};

#[test]
fn a_lease_ends_up_in_the_kernel_and_in_resolv_conf() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 3600);
        desired.addresses[0].broadcast = Some("192.0.2.255".parse().unwrap());
        desired.mtu = Some(1400);
        desired.dns = vec!["192.0.2.53".parse().unwrap()];
        desired.domain = Some("isp.example".parse().unwrap());
        let applied = lab.network.apply(&client("wan4"), Some(desired)).await.unwrap();
        let lines: Vec<_> = applied.actions.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "address 192.0.2.7/24 added, lifetime 3600 s",
                "route default via 192.0.2.1 source 192.0.2.7 metric 100 added",
                "mtu 1400 set",
                "name servers 192.0.2.53 search isp.example",
            ]
        );
        assert!(applied.changed(ActionKind::Address) && !applied.changed(ActionKind::Lifetime));

        let shown = ip("-4 addr show dev wan0");
        assert!(shown.contains("inet 192.0.2.7/24 metric 100 brd 192.0.2.255 scope global"), "{shown}");
        assert!(shown.contains("valid_lft 3605sec") || shown.contains("valid_lft 3604sec"), "{shown}");
        let shown = ip("-4 route show");
        assert!(
            shown.contains("default via 192.0.2.1 dev wan0 proto 68 src 192.0.2.7 metric 100"),
            "{shown}"
        );
        assert!(
            shown.contains("192.0.2.0/24 dev wan0 proto kernel scope link src 192.0.2.7 metric 100"),
            "{shown}"
        );
        assert!(ip("link show wan0").contains("mtu 1400"));
        let text = fs::read_to_string(lab.resolv_conf()).unwrap();
        assert!(text.ends_with("nameserver 192.0.2.53\nsearch isp.example\n"), "{text}");

        let applied = lab.network.apply(&client("wan4"), None).await.unwrap();
        assert!(applied.changed(ActionKind::Mtu) && applied.changed(ActionKind::Dns));
        assert_eq!((addresses("wan0"), routes("wan0")), (vec![], vec![]));
        assert!(ip("link show wan0").contains("mtu 1500"), "the MTU from before comes back");
        assert!(!fs::read_to_string(lab.resolv_conf()).unwrap().contains("nameserver"));
    });
}

#[test]
fn an_unchanged_renewal_refreshes_the_lifetime_and_removes_nothing() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.routes.push(route("10.0.0.0/8", Some("192.0.2.254")));
        desired.dns = vec!["192.0.2.53".parse().unwrap()];
        lab.apply("wan4", desired.clone()).await;
        let monitor = Monitor::v4();
        assert_eq!(lab.apply("wan4", desired.clone()).await, [""; 0], "the same once more is nothing at all");
        for renewal in 1..=100 {
            let until = Some(boottime_ms() + 60_000 + renewal * 60_000);
            (desired.addresses[0].valid_until, desired.addresses[0].preferred_until) = (until, until);
            let applied = lab.network.apply(&client("wan4"), Some(desired.clone())).await.unwrap();
            assert_eq!(applied.actions.len(), 1);
            assert_eq!(applied.actions[0].kind(), ActionKind::Lifetime, "{}", applied.actions[0]);
        }
        assert_eq!(monitor.heard(), ["NEWADDR"; 100]);
    });
}

#[test]
fn a_changed_address_of_the_same_subnet_moves_only_what_differs() {
    in_namespace(async || {
        wan("wan0");
        wan("lan0");
        let mut lab = Lab::start().await;
        // Somebody else's: an address of the same subnet, a second default route, a route over the link.
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        ip("addr add 192.0.2.200/24 dev wan0");
        ip("addr add 10.1.0.1/24 dev lan0");
        ip("route add default via 10.1.0.254 dev lan0 metric 50");
        ip("route add 203.0.113.0/24 via 192.0.2.9 dev wan0 proto static");
        lab.quiet(std::time::Duration::from_millis(100)).await;
        let monitor = Monitor::v4();

        let changed = lease("wan0", "192.0.2.8/24", 60);
        let lines = lab.apply("wan4", changed.clone()).await;

        assert_eq!(
            lines,
            [
                "address 192.0.2.8/24 added, lifetime 60 s",
                "route default via 192.0.2.1 source 192.0.2.8 metric 100 replaced",
                "address 192.0.2.7/24 removed",
            ]
        );
        let mut now = addresses("wan0");
        now.sort();
        assert_eq!(now, ["192.0.2.200/24", "192.0.2.8/24"]);
        assert_eq!(
            routes("wan0"),
            [
                "default via 192.0.2.1 proto 68 src 192.0.2.8 metric 100",
                "203.0.113.0/24 via 192.0.2.9 proto static"
            ]
        );
        assert_eq!(routes("lan0"), ["default via 10.1.0.254 metric 50"]);
        // The new address and the moved default route are there before the old address goes.
        let heard = monitor.heard();
        let first_removal = heard.iter().position(|m| m.starts_with("DEL")).unwrap();
        assert_eq!(heard[..2], ["NEWADDR", "NEWROUTE"], "{heard:?}");
        assert!(first_removal >= 2, "{heard:?}");
        assert_eq!(lab.apply("wan4", changed).await, [""; 0]);
        assert_eq!(lab.quiet(std::time::Duration::from_millis(200)).await, []);
    });
}

#[test]
fn without_promotion_of_secondaries_the_old_address_goes_first() {
    in_namespace(async || {
        // A container's /proc/sys is read-only; CLONE_NEWNS makes this one so for this thread alone.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        wan("wan0");
        let mount =
            |arguments: &[&str]| assert!(Command::new("mount").args(arguments).status().unwrap().success());
        mount(&["--make-rprivate", "/"]);
        mount(&["--bind", "/proc/sys", "/proc/sys"]);
        mount(&["-o", "remount,ro,bind", "/proc/sys"]);
        assert!(
            fs::write("/proc/sys/net/ipv4/conf/wan0/promote_secondaries", "1").is_err(),
            "really read-only"
        );
        let lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        let lines = lab.apply("wan4", lease("wan0", "192.0.2.8/24", 60)).await;
        assert_eq!(
            lines,
            [
                "address 192.0.2.7/24 removed",
                "address 192.0.2.8/24 added, lifetime 60 s",
                "route default via 192.0.2.1 source 192.0.2.8 metric 100 added",
            ]
        );
        assert_eq!(addresses("wan0"), ["192.0.2.8/24"]);
        assert_eq!(routes("wan0"), ["default via 192.0.2.1 proto 68 src 192.0.2.8 metric 100"]);
    });
}

#[test]
fn a_changed_prefix_length_and_a_changed_metric_end_in_one_of_each() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/25", 60)).await;
        assert_eq!(addresses("wan0"), ["192.0.2.7/25"]);
        assert_eq!(routes("wan0"), ["default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100"]);
        let mut desired = lease("wan0", "192.0.2.7/25", 60);
        desired.metric = 300;
        lab.apply("wan4", desired).await;
        assert_eq!(addresses("wan0"), ["192.0.2.7/25"]);
        let shown = ip("-4 route show dev wan0");
        assert!(shown.contains("default via 192.0.2.1 proto 68 src 192.0.2.7 metric 300"), "{shown}");
        assert!(shown.contains("192.0.2.0/25 proto kernel scope link src 192.0.2.7 metric 300"), "{shown}");
        assert_eq!(shown.lines().count(), 2, "{shown}");
    });
}

#[test]
fn a_changed_broadcast_address_takes_effect() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.addresses[0].broadcast = Some("192.0.2.255".parse().unwrap());
        lab.apply("wan4", desired.clone()).await;
        assert!(ip("addr show dev wan0").contains("brd 192.0.2.255"));
        assert_eq!(routes("wan0"), ["default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100"]);
        assert_eq!(lab.apply("wan4", desired).await, [""; 0]);
    });
}

#[test]
fn an_unreachable_router_is_named_and_the_rest_is_applied() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.routes.insert(0, route("10.9.0.0/16", Some("198.51.100.1")));
        desired.routes.push(route("10.8.0.0/16", Some("192.0.2.9")));
        let error = lab.network.apply(&client("wan4"), Some(desired.clone())).await.unwrap_err();
        let NetworkError::Incomplete { applied, failures } = &error else { panic!("{error:?}") };
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].what, "route 10.9.0.0/16 via 198.51.100.1 metric 100 added");
        let text = error.to_string();
        assert!(text.contains("the router 198.51.100.1 is in no on-link prefix"), "{text}");
        assert_eq!(applied.actions.len(), 3);
        assert_eq!(
            routes("wan0"),
            [
                "default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100",
                "10.8.0.0/16 via 192.0.2.9 proto 68 metric 100"
            ]
        );
        // What the caller was told is not told again, although it is tried again.
        assert_eq!(lab.quiet(std::time::Duration::from_millis(1_500)).await, []);
        // As soon as the router is reachable, the route is there.
        ip("route add 198.51.100.0/24 dev wan0 scope link");
        assert_eq!(lab.repaired().await, ["route 10.9.0.0/16 via 198.51.100.1 metric 100 added"]);
    });
}

#[test]
fn a_router_outside_the_subnet_works_over_an_on_link_route_or_flag() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = nothing("wan0");
        desired.addresses = lease("wan0", "192.0.2.7/32", 60).addresses;
        // In the wrong order: the route over the router first (RFC 3442 knows no order).
        desired.routes.push(route("0.0.0.0/0", Some("203.0.113.1")));
        desired.routes.push(route("203.0.113.1/32", Some("0.0.0.0")));
        lab.apply("wan4", desired.clone()).await;
        assert_eq!(
            routes("wan0"),
            ["default via 203.0.113.1 proto 68 metric 100", "203.0.113.1 proto 68 scope link metric 100"]
        );
        desired.routes.pop();
        desired.routes[0].onlink = true;
        desired.routes[0].mtu = Some(1280);
        let lines = lab.apply("wan4", desired.clone()).await;
        assert_eq!(
            lines,
            [
                "route default via 203.0.113.1 onlink metric 100 mtu 1280 replaced",
                "route 203.0.113.1/32 metric 100 removed"
            ]
        );
        assert_eq!(routes("wan0"), ["default via 203.0.113.1 proto 68 metric 100 onlink mtu 1280"]);
        assert_eq!(lab.apply("wan4", desired).await, [""; 0]);
    });
}

#[test]
fn two_clients_of_one_interface_are_joined_and_the_lowest_mtu_wins() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut one = lease("wan0", "192.0.2.7/24", 60);
        one.mtu = Some(1400);
        let mut two = lease("wan0", "198.51.100.7/24", 60);
        two.mtu = Some(1300);
        two.metric = 200;
        lab.apply("one", one).await;
        lab.apply("two", two).await;
        assert_eq!(addresses("wan0"), ["192.0.2.7/24", "198.51.100.7/24"]);
        assert!(ip("link show wan0").contains("mtu 1300"));
        lab.network.apply(&client("two"), None).await.unwrap();
        assert_eq!(addresses("wan0"), ["192.0.2.7/24"]);
        assert_eq!(routes("wan0"), ["default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100"]);
        assert!(ip("link show wan0").contains("mtu 1400"));
        lab.network.apply(&client("one"), None).await.unwrap();
        assert!(ip("link show wan0").contains("mtu 1500"));
    });
}

#[test]
fn an_impossible_mtu_is_refused_by_the_kernel_in_words() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.mtu = Some(100_000);
        let error = lab.network.apply(&client("wan4"), Some(desired)).await.unwrap_err().to_string();
        assert!(error.contains("mtu 100000 set") && error.contains("mtu greater than"), "{error}");
        assert_eq!(addresses("wan0"), ["192.0.2.7/24"]);
    });
}

#[test]
fn a_client_that_moves_to_another_interface_leaves_nothing_behind() {
    in_namespace(async || {
        wan("wan0");
        wan("wan1");
        let lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        lab.apply("wan4", lease("wan1", "192.0.2.7/24", 60)).await;
        assert_eq!((addresses("wan0"), routes("wan0")), (vec![], vec![]));
        assert_eq!(addresses("wan1"), ["192.0.2.7/24"]);
        assert_eq!(routes("wan1"), ["default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100"]);
    });
}
