//! IPv6: duplicate address detection, routes that wait for it, and what belongs to no interface.

use std::time::Duration;

use dhcpmgr::clock::boottime_ms;
use dhcpmgr::network::{Desired, DesiredAddress};

use crate::lab::{Lab, Monitor, client, in_namespace, ip, nothing, route, wan};

fn v6(address: &str) -> Desired {
    let mut desired = nothing("wan0");
    let until = boottime_ms() + 3_600_000;
    desired.addresses.push(DesiredAddress {
        address: address.parse().unwrap(),
        broadcast: None,
        preferred_until: Some(until - 1_800_000),
        valid_until: Some(until),
    });
    desired
}

#[test]
fn a_route_that_prefers_a_tentative_address_is_there_once_the_address_is() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/64");
        let mut default = route("::/0", Some("2001:db8::1"));
        default.source = Some("2001:db8::7".parse().unwrap());
        desired.routes.push(default);
        let error = lab.network.apply(&client("wan6"), Some(desired.clone())).await.unwrap_err().to_string();
        assert!(error.contains("route default via 2001:db8::1"), "{error}");
        let shown = ip("-6 addr show dev wan0");
        assert!(shown.contains("inet6 2001:db8::7/64"), "{shown}");
        assert!(lab.repaired().await[0].starts_with("route default via 2001:db8::1"));
        let shown = ip("-6 route show default");
        assert!(
            shown.contains("default via 2001:db8::1 dev wan0 proto 68 src 2001:db8::7 metric 100"),
            "{shown}"
        );

        // A renewal changes lifetimes only.
        let monitor = Monitor::v6();
        desired.addresses[0].valid_until = desired.addresses[0].valid_until.map(|t| t + 600_000);
        assert_eq!(lab.apply("wan6", desired).await.len(), 1);
        assert!(!monitor.heard().iter().any(|m| m.starts_with("DEL")));
        lab.network.apply(&client("wan6"), None).await.unwrap();
        assert!(!ip("-6 addr show dev wan0").contains("2001:db8::7"));
        assert!(!ip("-6 route show").contains("proto 68"));
    });
}

#[test]
fn an_address_that_another_host_has_is_an_event() {
    in_namespace(async || {
        wan("wan0");
        ip("addr add 2001:db8::7/64 dev p-wan0 nodad");
        let mut lab = Lab::start().await;
        lab.apply("wan6", v6("2001:db8::7/128")).await;
        let what = lab.mismatch().await;
        assert_eq!(
            what,
            ["address 2001:db8::7/128 is in use by another host on the link (duplicate address detection)"]
        );
        assert_eq!(lab.quiet(Duration::from_millis(300)).await, [], "said once");
    });
}

#[test]
fn a_changed_prefix_length_is_made_anew_and_addresses_come_back_with_the_link() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        lab.apply("wan6", v6("2001:db8::7/128")).await;
        let lines = lab.apply("wan6", v6("2001:db8::7/64")).await;
        assert_eq!(
            lines,
            ["address 2001:db8::7/128 removed", "address 2001:db8::7/64 added, lifetime 3600 s"]
        );
        ip("link set wan0 down");
        assert_eq!(lab.quiet(Duration::from_millis(200)).await, []);
        assert!(!ip("-6 addr show dev wan0").contains("2001:db8::7"));
        ip("link set wan0 up");
        let what = lab.repaired().await;
        assert!(what[0].starts_with("address 2001:db8::7/64 added"), "{what:?}");
    });
}

#[test]
fn a_delegated_prefix_is_unreachable_where_nothing_more_specific_is() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/64");
        desired.unreachable = vec!["2001:db8:100::/56".parse().unwrap(), "203.0.113.0/24".parse().unwrap()];
        lab.apply("wan6", desired.clone()).await;
        let shown =
            format!("{}{}", ip("-6 route show type unreachable"), ip("-4 route show type unreachable"));
        assert!(
            shown.contains("unreachable 2001:db8:100::/56") && shown.contains("unreachable 203.0.113.0/24"),
            "{shown}"
        );
        assert_eq!(lab.apply("wan6", desired).await, [""; 0]);
        ip("-6 route del unreachable 2001:db8:100::/56");
        assert_eq!(lab.repaired().await, ["unreachable route 2001:db8:100::/56 metric 2147483647 added"]);
        lab.network.apply(&client("wan6"), None).await.unwrap();
        assert!(!ip("-6 route show").contains("2001:db8:100::/56"));
    });
}

#[test]
fn an_mtu_below_1280_does_not_turn_ipv6_off() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/64");
        desired.mtu = Some(600);
        lab.apply("wan6", desired).await;
        assert!(ip("link show wan0").contains("mtu 1280"));
        assert!(ip("-6 addr show dev wan0").contains("2001:db8::7"));
    });
}
