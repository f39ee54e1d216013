//! Several clients: two uplinks, and DHCPv4 beside DHCPv6 on one.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};

use super::given::{OLD, V6, address, client, configured, delegation, home, kea, preferred, removals};
use crate::given;

const TIMES: (u32, u32, u32, u32) = (1000, 1600, 3000, 4000);

#[test]
fn two_uplinks_have_a_lease_each_and_one_that_ends_leaves_the_other_alone() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    lab.lan("lan1")?;
    let _server = kea(&lab, TIMES).start()?;
    let config = client("first", "wan0", "")
        + &client("second", "wan1", "")
        + &delegation("lan0", "first", 1)
        + &delegation("lan1", "second", 1)
        + V6;
    let daemon = lab.daemon(&config)?;
    for name in ["first", "second"] {
        daemon.cli().wait_for(name, "Bound")?;
    }
    configured(&lab, OLD)?;
    let other = || -> Result<bool> {
        let wan = address(&lab, "wan1", "2001:db8:77:1::100/128")?;
        Ok(wan.is_some()
            && address(&lab, "lan1", "2001:db8:f001:1::1/64")?.is_some_and(|lan| !lan.deprecated))
    };
    eventually("the second one has its own", || Ok(other()?.then_some(())))?;
    let monitor = lab.monitor()?;
    daemon.cli().text(&["release", "first"])?;
    daemon.cli().wait_for_event("first", "lease-lost", 1)?;
    eventually("the first LAN has nothing to prefer", || {
        Ok((preferred(&lab, OLD)? != Some(true)).then_some(()))
    })?;
    assert!(other()?);
    let seen = monitor.take();
    let theirs = |change: &&&dhcpmgr_lab::Change| {
        change.subject.is_some_and(|(address, _)| address.to_string().starts_with("2001:db8:f001:"))
    };
    let lost = removals(&seen);
    assert_eq!(lost.iter().filter(theirs).count(), 0, "{lost:?}");
    assert_eq!(daemon.cli().client("second")?["status"], "Bound");
    Ok(())
}

#[test]
fn v4_and_v6_on_one_interface_do_not_wait_for_each_other() -> Result {
    lab_or_skip!();
    let config = given::client("wan4", "wan0", 100, "") + given::V4 + &home("");
    for v4_first in [true, false] {
        let lab = Lab::new()?;
        let daemon = lab.daemon(&config)?;
        let v4 = || lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start();
        let v6 = || kea(&lab, TIMES).start();
        let (mut servers, mut servers6) = (Vec::new(), Vec::new());
        if v4_first {
            servers.push(v4()?);
            daemon.cli().wait_for("wan4", "Bound")?;
            given::configured(&lab, 100)?;
            assert_eq!(daemon.cli().client("wan6")?["status"], "Selecting");
            servers6.push(v6()?);
        } else {
            servers6.push(v6()?);
            daemon.cli().wait_for("wan6", "Bound")?;
            configured(&lab, OLD)?;
            assert_eq!(daemon.cli().client("wan4")?["status"], "Selecting");
            servers.push(v4()?);
        }
        daemon.cli().wait_for("wan4", "Bound")?;
        daemon.cli().wait_for("wan6", "Bound")?;
        given::configured(&lab, 100)?;
        configured(&lab, OLD)?;
        // What one of them loses is not what the other one has.
        daemon.cli().text(&["release", "wan4"])?;
        daemon.cli().wait_for_event("wan4", "lease-lost", 1)?;
        eventually("its address is gone", || Ok(given::addresses(&lab)?.is_empty().then_some(())))?;
        configured(&lab, OLD)?;
        assert!(daemon.resolv_conf().contains("2001:db8::53"), "{}", daemon.resolv_conf());
    }
    Ok(())
}

/// The provider's router says that there is DHCPv6; the default route is the kernel's own and stays.
#[test]
fn the_default_route_of_the_router_advertisement_is_left_alone() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _router = lab.router_advertisements()?;
    let _server = kea(&lab, TIMES).start()?;
    let daemon = lab.daemon(&home(""))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    let by_kernel = || -> Result<bool> {
        let routes = lab.gateway.default_routes6()?;
        Ok(routes.len() == 1 && routes[0].protocol == "ra")
    };
    eventually("the kernel has its default route", || Ok(by_kernel()?.then_some(())))?;
    daemon.cli().text(&["release", "wan6"])?;
    daemon.cli().wait_for_event("wan6", "lease-lost", 1)?;
    assert!(by_kernel()?);
    Ok(())
}
