//! Sysctls of an interface: set where they are desired, and given back.

use std::fs;

use dhcpmgr::config::{DnsBackend, Sysctl};
use dhcpmgr::flat::FlatMap;
use dhcpmgr::network::{Desired, Owner};

use crate::lab::{Lab, client, in_namespace, ip, nothing, wan};

fn link(name: &str) -> Owner {
    Owner::Link(client(name))
}

fn desiring(values: &[(Sysctl, u8)]) -> Desired {
    Desired { sysctls: values.iter().copied().collect::<FlatMap<_, _>>(), ..nothing("wan0") }
}

fn value(name: &str) -> String {
    fs::read_to_string(format!("/proc/sys/net/ipv6/conf/wan0/{name}")).unwrap().trim().to_owned()
}

fn lines(applied: &dhcpmgr::network::Applied) -> Vec<String> {
    applied.actions.iter().map(ToString::to_string).collect()
}

#[test]
fn they_are_set_and_given_back_and_a_lease_on_the_same_link_changes_nothing() {
    in_namespace(async || {
        wan("wan0");
        let lab = Lab::start().await;
        let desired = desiring(&[(Sysctl::AcceptRa, 2), (Sysctl::Autoconf, 0)]);
        let applied = lab.network.apply(link("wan6"), Some(desired.clone())).await.unwrap();
        assert_eq!(lines(&applied), ["sysctl accept_ra 2 set", "sysctl autoconf 0 set"]);
        assert_eq!((value("accept_ra"), value("autoconf")), ("2".to_owned(), "0".to_owned()));
        assert_eq!(lab.network.apply(link("wan6"), Some(desired)).await.unwrap().actions, []);
        lab.apply("wan6", nothing("wan0")).await;
        lab.network.apply(&client("wan6"), None).await.unwrap();
        assert_eq!(value("accept_ra"), "2");

        // One less, then none.
        let applied =
            lab.network.apply(link("wan6"), Some(desiring(&[(Sysctl::AcceptRa, 2)]))).await.unwrap();
        assert_eq!(lines(&applied), ["sysctl autoconf 1 restored"]);
        lab.network.apply(link("wan6"), None).await.unwrap();
        assert_eq!((value("accept_ra"), value("autoconf")), ("1".to_owned(), "1".to_owned()));
    });
}

#[test]
fn a_later_daemon_knows_what_they_were() {
    in_namespace(async || {
        wan("wan0");
        let first = Lab::start().await;
        first.network.apply(link("wan6"), Some(desiring(&[(Sysctl::AcceptRa, 2)]))).await.unwrap();
        let root = first.end();

        let second = Lab::start_in(root, DnsBackend::None).await;
        let applied =
            second.network.apply(link("wan6"), Some(desiring(&[(Sysctl::AcceptRa, 2)]))).await.unwrap();
        assert_eq!(lines(&applied), [""; 0], "nothing is written twice");
        assert_eq!(second.sweep().await, [""; 0]);
        let root = second.end();

        // The client is gone from the configuration meanwhile.
        let third = Lab::start_in(root, DnsBackend::None).await;
        assert_eq!(value("accept_ra"), "2", "until everybody has spoken");
        assert_eq!(third.sweep().await, ["sysctl accept_ra 1 restored"]);
        assert_eq!(value("accept_ra"), "1");
    });
}

#[test]
fn they_come_back_with_an_interface_and_a_wrong_one_is_said() {
    in_namespace(async || {
        let mut lab = Lab::start().await;
        let desired = desiring(&[(Sysctl::AcceptRa, 2)]);
        assert!(lab.network.apply(link("wan6"), Some(desired.clone())).await.is_err());
        wan("wan0");
        assert_eq!(lab.repaired().await, ["sysctl accept_ra 2 set"]);
        fs::write("/proc/sys/net/ipv6/conf/wan0/accept_ra", "0").unwrap();
        ip("link set wan0 down");
        ip("link set wan0 up");
        assert_eq!(
            lab.repaired().await,
            ["sysctl accept_ra 2 set"],
            "looked at again when the link comes up"
        );
        // Below 1280 the kernel has no IPv6 on the link, and no sysctls of it.
        ip("link set wan0 mtu 600");
        let error = lab.network.apply(link("wan6"), Some(desired)).await.unwrap_err().to_string();
        assert_eq!(error, "not \"sysctl accept_ra 2 set\": the kernel has no such sysctl for this interface");
    });
}
