//! Several owners at once: a client and the delegations of what it got.

use std::time::Duration;

use dhcpmgr::clock::boottime_ms;
use dhcpmgr::network::{Applied, Desired, DesiredAddress, NetworkError, NetworkEvent, Owner};

use crate::lab::{Lab, Monitor, client, in_namespace, ip, nothing, wan};

fn delegation(interface: &str) -> Owner {
    Owner::Delegation(interface.parse().unwrap())
}

fn wan6() -> Owner {
    Owner::from(&client("wan6"))
}

/// An interface with these addresses: `2001:db8::1/64`, or `!2001:db8::1/64` for one that is deprecated.
fn holding(interface: &str, addresses: &[&str]) -> Desired {
    let now = boottime_ms();
    let mut desired = nothing(interface);
    desired.addresses = (addresses.iter())
        .map(|text| DesiredAddress {
            address: text.trim_start_matches('!').parse().unwrap(),
            broadcast: None,
            preferred_until: Some(if text.starts_with('!') { now } else { now + 1_800_000 }),
            valid_until: Some(now + 3_600_000),
        })
        .collect();
    desired
}

fn with_prefix(mut desired: Desired, prefixes: &[&str]) -> Desired {
    desired.unreachable = prefixes.iter().map(|text| text.parse().unwrap()).collect();
    desired
}

fn lines(results: &[(Owner, Result<Applied, NetworkError>)]) -> Vec<String> {
    let line = |owner: &Owner, action: &dyn ToString| format!("{owner}: {}", action.to_string());
    (results.iter())
        .flat_map(|(owner, result)| match result {
            Ok(applied) => applied.actions.iter().map(|action| line(owner, action)).collect(),
            Err(error) => vec![line(owner, error)],
        })
        .collect()
}

#[test]
fn a_renumbering_of_the_wan_and_its_lans_is_one_batch_in_a_safe_order() {
    in_namespace(async || {
        for name in ["wan0", "lan1", "lan2"] {
            wan(name);
        }
        let lab = Lab::start().await;
        let first = vec![
            (wan6(), Some(with_prefix(holding("wan0", &["2001:db8::7/128"]), &["2001:db8:100::/56"]))),
            (delegation("lan1"), Some(holding("lan1", &["2001:db8:100:1::1/64"]))),
            (delegation("lan2"), Some(holding("lan2", &["2001:db8:100:2::1/64"]))),
        ];
        assert_eq!(
            lines(&lab.network.apply_all(first.clone()).await),
            [
                "client wan6: address 2001:db8::7/128 added, lifetime 3600 s",
                "client wan6: unreachable route 2001:db8:100::/56 metric 2147483647 added",
                "delegation to lan1: address 2001:db8:100:1::1/64 added, lifetime 3600 s",
                "delegation to lan1: route 2001:db8:100:1::/64 metric 100 added",
                "delegation to lan2: address 2001:db8:100:2::1/64 added, lifetime 3600 s",
                "delegation to lan2: route 2001:db8:100:2::/64 metric 100 added",
            ]
        );
        assert_eq!(lines(&lab.network.apply_all(first).await), [""; 0], "and again it is nothing");

        let monitor = Monitor::v6();
        let second = vec![
            (wan6(), Some(with_prefix(holding("wan0", &["2001:db8::8/128"]), &["2001:db8:200::/56"]))),
            (delegation("lan1"), Some(holding("lan1", &["2001:db8:200:1::1/64", "!2001:db8:100:1::1/64"]))),
            (delegation("lan2"), Some(holding("lan2", &["2001:db8:200:2::1/64"]))),
        ];
        let results = lab.network.apply_all(second).await;
        assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
        let order = monitor.heard_of("2001:db8:");
        let at = |what: &str| {
            order.iter().position(|line| line == what).unwrap_or_else(|| panic!("{what} in {order:#?}"))
        };
        let new_addresses_at = ["NEWROUTE 2001:db8:200:1::/64", "NEWROUTE 2001:db8:200:2::/64"].map(at);
        assert!(new_addresses_at.iter().all(|there| at("NEWROUTE 2001:db8:200::/56") < *there), "{order:#?}");
        let gone = at("DELROUTE 2001:db8:100::/56");
        assert!(
            at("DELADDR 2001:db8:100:2::1/64") < gone && new_addresses_at.iter().all(|there| *there < gone)
        );
        let shown = ip("-6 -o addr show dev lan1");
        let line = shown.lines().find(|line| line.contains("2001:db8:100:1::1/64")).unwrap();
        assert!(line.contains(" deprecated "), "{line}");
    });
}

#[test]
fn what_a_client_and_a_delegation_want_of_one_interface_is_joined() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let both = vec![
            (wan6(), Some(holding("wan0", &["2001:db8::7/128"]))),
            (delegation("wan0"), Some(holding("wan0", &["2001:db8:100::1/64"]))),
        ];
        lab.network.apply_all(both).await;
        lab.network.apply(wan6(), None).await.unwrap();
        let shown = ip("-6 addr show dev wan0");
        assert!(!shown.contains("2001:db8::7") && shown.contains("2001:db8:100::1/64"), "{shown}");
        lab.network.apply(delegation("wan0"), None).await.unwrap();
        assert!(!ip("-6 addr show dev wan0").contains("2001:db8:"));
    });
}

#[test]
fn a_lan_that_is_not_there_holds_up_nobody() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let results = lab
            .network
            .apply_all(vec![
                (delegation("lan1"), Some(holding("lan1", &["2001:db8:100:1::1/64"]))),
                (wan6(), Some(with_prefix(holding("wan0", &["2001:db8::7/128"]), &["2001:db8:100::/56"]))),
            ])
            .await;
        assert!(
            matches!(&results[0].1, Err(NetworkError::NoSuchInterface { interface }) if interface.as_str() == "lan1")
        );
        assert!(results[1].1.is_ok(), "{results:?}");
        assert!(ip("-6 route show type unreachable").contains("2001:db8:100::/56"));
        wan("lan1");
        assert!(lab.repaired().await[0].starts_with("address 2001:db8:100:1::1/64 added"));
    });
}

#[test]
fn a_link_local_address_counts_when_duplicate_address_detection_is_over() {
    in_namespace(async || {
        let mut lab = Lab::start().await;
        let name = wan("wan0");
        let usable = |wanted: bool| {
            move |event: &NetworkEvent| match event {
                NetworkEvent::Link { name, state: Some(state) } if name.as_str() == "wan0" => {
                    (state.link_local == wanted).then_some(state.carrier)
                }
                _ => None,
            }
        };
        lab.event("a link without", usable(false)).await;
        assert!(!lab.network.link(&name).unwrap().link_local);
        assert!(lab.event("duplicate address detection is over", usable(true)).await, "with carrier");
        assert!(!ip("-6 addr show dev wan0").contains("tentative"));
        assert!(lab.network.link(&name).unwrap().link_local);

        ip("link set wan0 down");
        lab.event("the kernel took it away", usable(false)).await;
        ip("link set wan0 up");
        lab.event("and it came back", usable(true)).await;
        ip("addr flush dev wan0 scope link");
        lab.event("somebody took it away", usable(false)).await;
        // One that another host has is none.
        ip("addr add fe80::7/64 dev p-wan0 nodad");
        ip("addr add fe80::7/64 dev wan0 valid_lft 600 preferred_lft 600");
        let mut said = Vec::new();
        let listen = async {
            while let Some(event) = lab.events.recv().await {
                said.extend(usable(true)(&event));
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(2_500), listen).await;
        assert_eq!(said, [false; 0]);
    });
}
