//! Others at work on the same interfaces, and interfaces that come and go.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use dhcpmgr::network::{NetworkError, NetworkEvent};

use crate::lab::{Lab, addresses, client, in_namespace, ip, lease, route, routes, wan};

const DEFAULT: &str = "default via 192.0.2.1 proto 68 src 192.0.2.7 metric 100";

#[test]
fn what_others_remove_or_change_is_put_back() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        desired.mtu = Some(1400);
        lab.apply("wan4", desired).await;

        ip("addr flush dev wan0");
        let what = lab.repaired().await;
        assert_eq!(what.len(), 2, "{what:?}");
        assert_eq!(
            (addresses("wan0"), routes("wan0")),
            (vec!["192.0.2.7/24".to_owned()], vec![DEFAULT.to_owned()])
        );

        ip("route del default dev wan0");
        assert_eq!(lab.repaired().await, ["route default via 192.0.2.1 source 192.0.2.7 metric 100 added"]);
        assert_eq!(routes("wan0"), [DEFAULT]);

        ip("link set wan0 mtu 1500");
        assert_eq!(lab.repaired().await, ["mtu 1400 set"]);

        ip("addr change 192.0.2.7/24 dev wan0 valid_lft 5 preferred_lft 5 metric 7");
        let what = lab.repaired().await;
        assert!(
            what.len() == 1 && what[0].starts_with("address 192.0.2.7/24 metric 100, lifetime"),
            "{what:?}"
        );
        assert_eq!(lab.quiet(Duration::from_millis(200)).await, []);
    });
}

/// What somebody's look took in wakes nobody up by itself.
#[test]
fn what_others_do_is_noticed_whoever_looks_first() {
    in_namespace(async || {
        let wan0 = wan("wan0");
        let mut lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        lab.quiet(Duration::from_millis(200)).await;

        ip("addr flush dev wan0");
        assert!(lab.network.link(&wan0).is_some());
        assert_eq!(lab.repaired().await.len(), 2);
        assert_eq!(lab.quiet(Duration::from_millis(200)).await, []);

        ip("link del wan0");
        assert_eq!(lab.network.link(&wan0), None);
        let gone = |event: &NetworkEvent| {
            matches!(event, NetworkEvent::Link { name, state: None } if *name == wan0).then_some(())
        };
        lab.event("wan0 is gone", gone).await;
    });
}

#[test]
fn a_fight_is_not_fought_at_full_speed() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 600)).await;
        let mut repairs = 0;
        for _ in 0..40 {
            let _ = Command::new("ip")
                .args(["route", "del", "default", "dev", "wan0"])
                .stderr(Stdio::null())
                .status();
            repairs += lab.quiet(Duration::from_millis(75)).await.len();
        }
        assert_eq!(repairs, 10);
        assert_eq!(routes("wan0"), [""; 0], "and now it waits");
    });
}

#[test]
fn foreign_addresses_and_routes_are_left_alone() {
    in_namespace(async || {
        wan("wan0");
        wan("lan0");
        ip("addr add 10.0.0.1/24 dev lan0");
        ip("route add default via 10.0.0.254 dev lan0 metric 100 proto static");
        ip("addr add 198.51.100.9/24 dev wan0");
        ip("route add 10.7.0.0/16 via 198.51.100.1 dev wan0 metric 100 proto static");
        let mut lab = Lab::start().await;
        let foreign = || (routes("lan0"), ip("addr show dev lan0"), routes("wan0").last().cloned());

        // The same destination and metric as a foreign route: ours goes behind it, and comes and goes alone.
        let mut desired = lease("wan0", "192.0.2.7/24", 60);
        // The same route as a foreign one: satisfied.
        desired.routes.push(route("10.7.0.0/16", Some("198.51.100.1")));
        let before = foreign();
        let lines = lab.apply("wan4", desired.clone()).await;
        assert_eq!(
            lines[1],
            "route default via 192.0.2.1 source 192.0.2.7 metric 100 added behind another with this metric"
        );
        assert_eq!(lines.len(), 2, "{lines:?}");
        let defaults: Vec<_> = ip("-4 route show default")
            .lines()
            .map(|line| line.split_whitespace().nth(2).unwrap().to_owned())
            .collect();
        assert_eq!(defaults, ["10.0.0.254", "192.0.2.1"]);

        // A changed one too: the foreign one must not be replaced.
        desired.routes[0].via = Some("192.0.2.254".parse().unwrap());
        lab.apply("wan4", desired.clone()).await;
        let defaults: Vec<_> = ip("-4 route show default")
            .lines()
            .map(|line| line.split_whitespace().nth(2).unwrap().to_owned())
            .collect();
        assert_eq!(defaults, ["10.0.0.254", "192.0.2.254"]);
        assert_eq!(foreign(), before);

        // When the owner of the satisfying route takes it away, ours takes its place.
        ip("route del 10.7.0.0/16 dev wan0");
        assert_eq!(lab.repaired().await, ["route 10.7.0.0/16 via 198.51.100.1 metric 100 added"]);

        lab.network.apply(&client("wan4"), None).await.unwrap();
        assert_eq!(addresses("wan0"), ["198.51.100.9/24"]);
        assert_eq!(routes("wan0"), [""; 0]);
        assert_eq!(foreign().0, before.0);
    });
}

#[test]
fn a_leased_address_that_was_set_by_hand_ends_with_the_lease_but_stays_its_owners() {
    in_namespace(async || {
        wan("wan0");
        ip("addr add 192.0.2.7/24 dev wan0 metric 7");
        let lab = Lab::start().await;
        let desired = lease("wan0", "192.0.2.7/24", 60);
        let lines = lab.apply("wan4", desired.clone()).await;
        assert_eq!(lines[0], "address 192.0.2.7/24 lifetime 60 s");
        let shown = ip("-4 addr show dev wan0");
        assert!(
            shown.contains("inet 192.0.2.7/24 metric 7 scope") && shown.contains("valid_lft 6"),
            "{shown}"
        );
        assert!(!shown.contains("proto"), "{shown}");
        assert_eq!(lab.apply("wan4", desired).await, [""; 0]);
        lab.network.apply(&client("wan4"), None).await.unwrap();
        assert_eq!(addresses("wan0"), ["192.0.2.7/24"]);
        assert_eq!(routes("wan0"), [""; 0]);
    });
}

#[test]
fn routes_come_back_with_the_link() {
    in_namespace(async || {
        let name = wan("wan0");
        let mut lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 60)).await;
        // The kernel announces carrier a little later than it has it.
        lab.carrier(&name, true).await;
        lab.quiet(Duration::from_millis(50)).await;

        // The carrier goes and comes: nothing moves, and it is said.
        ip("link set p-wan0 down");
        let gone = |event: &NetworkEvent| match event {
            NetworkEvent::Link { state: Some(state), name } if name.as_str() == "wan0" => {
                (!state.carrier).then_some(())
            }
            _ => None,
        };
        lab.event("carrier lost", gone).await;
        lab.carrier(&name, false).await;
        assert_eq!(routes("wan0"), [DEFAULT], "nothing moves");
        ip("link set p-wan0 up");
        lab.carrier(&name, true).await;
        assert_eq!(lab.quiet(Duration::from_millis(200)).await, []);
        assert_eq!(routes("wan0"), [DEFAULT]);

        // Down: the kernel drops the routes without a word, and takes none.
        ip("link set wan0 down");
        assert_eq!(lab.quiet(Duration::from_millis(200)).await, []);
        assert_eq!(routes("wan0"), [""; 0]);
        assert_eq!(lab.apply("wan4", lease("wan0", "192.0.2.7/24", 600)).await.len(), 1, "the lifetime only");
        ip("link set wan0 up");
        assert_eq!(lab.repaired().await, ["route default via 192.0.2.1 source 192.0.2.7 metric 100 added"]);
        assert_eq!(routes("wan0"), [DEFAULT]);
    });
}

#[test]
fn an_interface_that_is_not_there_is_an_error_until_it_appears() {
    in_namespace(async || {
        let mut lab = Lab::start().await;
        let error =
            lab.network.apply(&client("wan4"), Some(lease("wan0", "192.0.2.7/24", 60))).await.unwrap_err();
        assert!(
            matches!(&error, NetworkError::NoSuchInterface { interface } if interface.as_str() == "wan0")
        );
        wan("wan0");
        lab.repaired().await;
        lab.quiet(Duration::from_millis(200)).await;
        assert_eq!(
            (addresses("wan0"), routes("wan0")),
            (vec!["192.0.2.7/24".to_owned()], vec![DEFAULT.to_owned()])
        );

        // It goes in the middle, and comes back with another index.
        let index = lab.network.link(&"wan0".parse().unwrap()).unwrap().index;
        ip("link del wan0");
        assert!(lab.network.link(&"wan0".parse().unwrap()).is_none());
        let error =
            lab.network.apply(&client("wan4"), Some(lease("wan0", "192.0.2.7/24", 60))).await.unwrap_err();
        assert!(error.to_string().contains("interface wan0 does not exist"), "{error}");
        assert_eq!(lab.network.apply(&client("other"), None).await.unwrap().actions, []);
        wan("wan0");
        lab.quiet(Duration::from_millis(200)).await;
        assert_ne!(lab.network.link(&"wan0".parse().unwrap()).unwrap().index, index);
        assert_eq!(
            (addresses("wan0"), routes("wan0")),
            (vec!["192.0.2.7/24".to_owned()], vec![DEFAULT.to_owned()])
        );
    });
}

#[test]
fn an_interface_that_is_renamed_to_the_configured_name_is_configured() {
    in_namespace(async || {
        let mut lab = Lab::start().await;
        let applied = lab.network.apply(&client("wan4"), Some(lease("wan0", "192.0.2.7/24", 60))).await;
        assert!(applied.is_err());
        wan("eth7");
        ip("link set eth7 down");
        ip("link set eth7 name wan0");
        ip("link set wan0 up");
        lab.quiet(Duration::from_millis(300)).await;
        assert_eq!(addresses("wan0"), ["192.0.2.7/24"]);
        assert_eq!(routes("wan0"), [DEFAULT]);
        assert!(lab.network.link(&"eth7".parse().unwrap()).is_none());
    });
}

#[test]
fn an_overrun_of_notifications_loses_nothing() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        let desired = lease("wan0", "192.0.2.7/24", 600);
        lab.apply("wan4", desired.clone()).await;
        lab.quiet(Duration::from_millis(100)).await;
        // While the daemon is busy elsewhere: thousands of changes, and our default route goes among them.
        let mut commands = String::new();
        for n in 0..4_000 {
            commands += &format!("route add 10.{}.{}.0/24 dev wan0\n", n / 250, n % 250);
        }
        commands += "route del default dev wan0\n";
        for n in 0..4_000 {
            commands += &format!("route del 10.{}.{}.0/24 dev wan0\n", n / 250, n % 250);
        }
        commands += "link add wan9 type veth peer name p9\n";
        let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        ip.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
        assert!(ip.wait().unwrap().success());

        assert_eq!(lab.repaired().await, ["route default via 192.0.2.1 source 192.0.2.7 metric 100 added"]);
        assert_eq!(routes("wan0"), [DEFAULT]);
        assert!(lab.network.link(&"wan9".parse().unwrap()).is_some(), "the link that was announced and lost");
        assert_eq!(lab.apply("wan4", desired).await, [""; 0]);
    });
}

#[test]
fn an_address_that_the_kernel_let_expire_is_not_put_back() {
    in_namespace(async || {
        wan("wan0");
        let mut lab = Lab::start().await;
        lab.apply("wan4", lease("wan0", "192.0.2.7/24", 1)).await;
        // The kernel keeps it for the margin of five seconds, in case nobody is there to remove it.
        assert_eq!(lab.quiet(Duration::from_millis(8_500)).await, []);
        assert_eq!((addresses("wan0"), routes("wan0")), (vec![], vec![]));
    });
}
