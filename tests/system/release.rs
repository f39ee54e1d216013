//! A release gives the lease back to the server and takes it out of the kernel.

use std::time::Duration;

use dhcpmgr_lab::{Lab, MessageType, Result, eventually, lab_or_skip};
use serde_json::Value;

use crate::given::{addresses, bound, bound_with, configured, default_routes};

#[test]
fn a_released_lease_is_given_back_on_the_wire_and_gone_from_the_kernel() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, packets) = (daemon.cli(), lab.capture(lab.wan())?);

    cli.text(&["release", "wan4"])?;
    let release = packets.wait_for(MessageType::Release)?;
    assert_eq!(release.dhcp.ciaddr, lab.wan().host(100));
    assert_eq!(release.to, lab.wan().host(1));
    cli.wait_for_event("wan4", "lease-lost", 1)?;
    eventually("the address is gone", || Ok(addresses(&lab)?.is_empty().then_some(())))?;
    assert!(lab.routes("wan0")?.is_empty());
    eventually("the name server is gone", || {
        Ok((!daemon.resolv_conf().contains("nameserver")).then_some(()))
    })?;
    let client = cli.client("wan4")?;
    assert_eq!(client["lease"], Value::Null);
    assert_ne!(client["status"], "Bound");

    // It stays without a lease until it is told otherwise.
    std::thread::sleep(Duration::from_secs(4));
    assert!(packets.of(MessageType::Discover).is_empty());
    cli.text(&["renew", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn a_disabled_client_gives_its_lease_back_and_asks_for_the_same_when_enabled() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, packets) = (daemon.cli(), lab.capture(lab.wan())?);
    cli.text(&["disable", "wan4"])?;
    packets.wait_for(MessageType::Release)?;
    let client = eventually("the process has ended", || {
        let client = cli.wait_for("wan4", "Disabled")?;
        Ok((client["pid"] == Value::Null).then_some(client))
    })?;
    assert_eq!(client["enabled"], false);
    assert!(addresses(&lab)?.is_empty() && lab.routes("wan0")?.is_empty());
    cli.text(&["enable", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn a_client_that_releases_on_stop_leaves_nothing_when_the_daemon_ends() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound_with(&lab, "on_stop = \"release\"")?;
    let packets = lab.capture(lab.wan())?;
    daemon.stop()?;
    packets.wait_for(MessageType::Release)?;
    assert!(addresses(&lab)?.is_empty());
    assert!(default_routes(&lab)?.is_empty());
    Ok(())
}
