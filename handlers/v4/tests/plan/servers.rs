//! Name servers and time servers.

use std::net::Ipv4Addr;

use crate::support::*;

#[test]
fn every_name_server_is_taken_in_the_servers_order() {
    let offered = ["192.0.2.53", "9.9.9.9", "149.112.112.112", "10.0.0.53"];
    let plan = plan_with(|r| r.dns = offered.iter().map(|s| ip(s)).collect());
    assert_eq!(plan.dns.iter().map(ToString::to_string).collect::<Vec<_>>(), offered);
    assert!(plan.notes.is_empty());
}

#[test]
fn what_is_no_server_is_left_out() {
    for bad in ["0.0.0.0", "127.0.0.53", "224.0.0.251", "255.255.255.255", "240.1.1.1", "192.0.2.7"] {
        let plan = plan_with(|r| {
            r.dns = vec![ip(bad), ip("9.9.9.9")];
            r.ntp = vec![ip("192.0.2.123"), ip(bad)];
        });
        assert_eq!(plan.dns, [ip("9.9.9.9")]);
        assert_eq!(plan.ntp, ["192.0.2.123"]);
        assert_note(&plan, &["name server", bad, "(option 6)"]);
        assert_note(&plan, &["time server", bad, "(option 42)"]);
    }
}

#[test]
fn a_server_offered_twice_is_taken_once() {
    let plan = plan_with(|r| r.dns = ["9.9.9.9", "192.0.2.53", "9.9.9.9"].map(ip).to_vec());
    assert_eq!(plan.dns, [ip("9.9.9.9"), ip("192.0.2.53")]);
    assert_note(&plan, &["9.9.9.9", "more than once"]);
}

#[test]
fn a_flood_of_servers_is_cut() {
    let plan = plan_with(|r| r.dns = (0..200).map(|i| Ipv4Addr::new(198, 51, 100, i)).collect());
    assert_eq!(plan.dns.len(), 32);
    assert_note(&plan, &["only the first 32 name servers", "164 more"]);
}

#[test]
fn time_servers_are_addresses() {
    let plan = plan_with(|r| r.ntp = vec![ip("192.0.2.123"), ip("198.51.100.123")]);
    assert_eq!(plan.ntp, ["192.0.2.123", "198.51.100.123"]);
}
