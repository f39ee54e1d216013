//! IPv6: duplicate address detection, routes that wait for it, and what belongs to no interface.

use std::time::Duration;

use dhcpmgr::clock::boottime_ms;
use dhcpmgr::network::{ActionKind, Desired, DesiredAddress, NetworkEvent};

use crate::lab::{Lab, Monitor, addresses_v6, client, in_namespace, ip, nothing, route, wan};

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
fn an_address_that_another_host_has_is_told_once_whether_it_lasts_for_ever_or_not() {
    in_namespace(async || {
        wan("wan0");
        ip("addr add 2001:db8::7/64 dev p-wan0 nodad");
        ip("addr add 2001:db8::8/64 dev p-wan0 nodad");
        let mut lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/128");
        let for_ever = DesiredAddress {
            address: "2001:db8::8/128".parse().unwrap(),
            broadcast: None,
            preferred_until: None,
            valid_until: None,
        };
        desired.addresses.push(for_ever);
        lab.apply("wan6", desired).await;
        let said = lab.quiet(Duration::from_millis(2_500)).await;
        let told = |address: &str| {
            let event = NetworkEvent::Duplicate {
                interface: "wan0".parse().unwrap(),
                address: address.parse().unwrap(),
            };
            said.iter().filter(|said| **said == event).count()
        };
        assert_eq!((told("2001:db8::7/128"), told("2001:db8::8/128"), said.len()), (1, 1, 2), "{said:?}");
        lab.network.apply(&client("wan6"), None).await.unwrap();
        assert!(!ip("-6 addr show dev wan0").contains("2001:db8:"));
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
            [
                "address 2001:db8::7/128 removed",
                "address 2001:db8::7/64 added, lifetime 3600 s",
                "route 2001:db8::/64 metric 100 added"
            ]
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

#[test]
fn an_unchanged_renewal_is_one_message_for_each_address() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/128");
        desired.addresses.push(v6("2001:db8:1::1/64").addresses.remove(0));
        desired.unreachable = vec!["2001:db8:1::/56".parse().unwrap()];
        lab.apply("wan6", desired.clone()).await;
        // Duplicate address detection has its own to say.
        lab.quiet(Duration::from_millis(2_500)).await;
        let monitor = Monitor::v6();
        for _ in 0..5 {
            for address in &mut desired.addresses {
                address.preferred_until = address.preferred_until.map(|t| t + 10_000);
                address.valid_until = address.valid_until.map(|t| t + 10_000);
            }
            let applied = lab.network.apply(&client("wan6"), Some(desired.clone())).await.unwrap();
            assert!(
                applied.actions.iter().all(|action| action.kind() == ActionKind::Lifetime),
                "{applied:?}"
            );
            assert_eq!(monitor.heard(), ["NEWADDR", "NEWADDR"]);
        }
        assert_eq!(lab.apply("wan6", desired).await, [""; 0]);
        assert_eq!(monitor.heard(), [""; 0]);
    });
}

#[test]
fn only_a_prefix_has_an_on_link_route_and_it_goes_with_the_address() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/128");
        desired.addresses.push(v6("2001:db8:1::1/64").addresses.remove(0));
        let deprecated = &mut desired.addresses[1];
        deprecated.preferred_until = Some(boottime_ms());
        desired.metric = 0;
        lab.apply("wan6", desired).await;
        let routes = || ip("-6 route show dev wan0");
        assert!(routes().contains("2001:db8:1::/64 proto 68 metric 256"), "{}", routes());
        assert!(!routes().contains("2001:db8::7"), "{}", routes());
        let shown = addresses_v6("wan0");
        assert!(
            shown.iter().any(|line| line.contains("2001:db8:1::1/64") && line.contains("deprecated")),
            "{shown:?}"
        );
        assert!(
            shown.iter().any(|line| line.contains("2001:db8::7/128") && !line.contains("deprecated")),
            "{shown:?}"
        );
        lab.network.apply(&client("wan6"), None).await.unwrap();
        assert!(!routes().contains("2001:db8"), "{}", routes());
    });
}

#[test]
fn lifetimes_are_what_was_said_and_nothing_ended_becomes_for_ever() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let now = boottime_ms();
        let longest = now + u64::from(u32::MAX - 1) * 1000;
        let mut desired = v6("2001:db8::1/128");
        let (first, mut all) = (desired.addresses.remove(0), Vec::new());
        for (host, preferred, valid) in [
            ("2001:db8::1/128", None, None),
            ("2001:db8::2/128", Some(now), None),
            ("2001:db8::3/128", Some(now), Some(now)),
            ("2001:db8::4/128", None, Some(now + 600_000)),
            ("2001:db8::5/128", Some(longest), Some(longest)),
        ] {
            let address = host.parse().unwrap();
            all.push(DesiredAddress {
                address,
                preferred_until: preferred,
                valid_until: valid,
                ..first.clone()
            });
        }
        desired.addresses = all;
        lab.apply("wan6", desired.clone()).await;
        let shown = ip("-6 addr show dev wan0").replace('\n', " ");
        let lifetimes = |host: &str| {
            let rest = shown.split(&format!("{host}/128 ")).nth(1)?;
            let words: Vec<_> = rest.split_whitespace().skip_while(|word| *word != "valid_lft").collect();
            Some(format!("{} {}", words[1], words[3]))
        };
        assert_eq!(lifetimes("2001:db8::1").unwrap(), "forever forever");
        assert_eq!(lifetimes("2001:db8::2").unwrap(), "forever 0sec");
        assert_eq!(lifetimes("2001:db8::3"), None, "{shown}");
        assert_eq!(lifetimes("2001:db8::4").unwrap(), "605sec 605sec");
        assert!(!lifetimes("2001:db8::5").unwrap().contains("forever"));
        assert_eq!(lab.apply("wan6", desired).await, [""; 0]);
    });
}

#[test]
fn an_address_that_the_client_program_sets_itself_is_taken_over_where_that_is_asked() {
    in_namespace(async || {
        wan("wan0");
        wan("wan1");
        let mut lab = Lab::start().await;
        let set = |verb: &str, seconds: u32| {
            for link in ["wan0", "wan1"] {
                ip(&format!(
                    "addr {verb} 2001:db8::7/128 dev {link} valid_lft {seconds} preferred_lft {seconds}"
                ));
            }
        };
        // As dibbler does: still tentative when its hook runs.
        set("add", 60);
        let theirs = Desired { interface: "wan1".parse().unwrap(), ..v6("2001:db8::7/128") };
        let mut ours = Desired { takes_over: true, ..v6("2001:db8::7/128") };
        assert_eq!(
            lab.apply("ours", ours.clone()).await,
            ["address 2001:db8::7/128 taken over, lifetime 3600 s"]
        );
        assert_eq!(lab.apply("theirs", theirs).await, ["address 2001:db8::7/128 lifetime 3600 s"]);
        assert_eq!(
            lab.apply("ours", ours.clone()).await,
            [""; 0],
            "what it was changed to while tentative is known"
        );
        // It renews, sets its lifetimes once more and takes our mark off; then its hook tells us.
        set("change", 60);
        ours.addresses[0].valid_until = ours.addresses[0].valid_until.map(|t| t + 60_000);
        assert_eq!(lab.apply("ours", ours).await, ["address 2001:db8::7/128 lifetime 3660 s"]);
        lab.quiet(Duration::from_millis(2_500)).await;
        set("change", 60);
        lab.network.apply(&client("ours"), None).await.unwrap();
        lab.network.apply(&client("theirs"), None).await.unwrap();
        assert!(!ip("-6 addr show dev wan0").contains("2001:db8::7"), "ours, whoever touched it last");
        assert!(ip("-6 addr show dev wan1").contains("2001:db8::7"));
    });
}

#[test]
fn addresses_come_back_at_once_with_what_is_left_however_often_the_link_flaps() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = v6("2001:db8::7/128");
        desired.addresses.push(v6("2001:db8:1::1/64").addresses.remove(0));
        lab.apply("wan6", desired).await;
        for _ in 0..15 {
            ip("link set wan0 down");
            assert_eq!(lab.quiet(Duration::from_millis(30)).await, []);
            ip("link set wan0 up");
            let what = lab.repaired().await;
            assert_eq!(what.len(), 3, "{what:?}");
        }
        let shown = addresses_v6("wan0");
        assert!(shown.iter().any(|line| line.contains("2001:db8:1::1/64")), "{shown:?}");
        assert!(ip("-6 addr show dev wan0").contains("valid_lft 360"), "the margin of five seconds is in it");
    });
}

#[test]
fn that_ipv6_is_turned_off_is_said() {
    in_namespace(async || {
        wan("wan0");
        std::fs::write("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "1").unwrap();
        let lab = Lab::start().await;
        let error = lab.network.apply(&client("wan6"), Some(v6("2001:db8::7/128"))).await.unwrap_err();
        assert!(error.to_string().contains("IPv6 is turned off on the interface"), "{error}");
    });
}
