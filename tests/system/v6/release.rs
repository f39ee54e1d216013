//! Giving a lease back, and ending without giving it back.

use std::time::Duration;

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, lab_or_skip};
use serde_json::Value;

use super::given::{ADDRESS, OLD, address, bound, configured, guarded, home, kea, pid, preferred};

const TIMES: (u32, u32, u32, u32) = (1000, 1600, 3000, 4000);

/// Waits until nothing of the lease is in force.
fn gone(lab: &Lab) -> Result {
    eventually("address, LAN prefix and unreachable route are gone", || {
        let left = address(lab, "wan0", ADDRESS)?.is_some()
            || preferred(lab, OLD)? == Some(true)
            || guarded(lab, &lab.wan().prefix(OLD))?;
        Ok((!left).then_some(()))
    })
}

#[test]
fn a_released_lease_is_given_back_on_the_wire_and_gone_from_the_kernel() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab, TIMES)?;
    let (cli, packets) = (daemon.cli(), lab.capture6(lab.wan())?);
    cli.text(&["release", "wan6"])?;
    let release = packets.wait_for(MessageType6::Release)?.dhcp;
    let given_back: Vec<u16> = release.ias().iter().map(|ia| ia.code).collect();
    assert!(given_back.contains(&3) && given_back.contains(&25), "{release:?}");
    cli.wait_for_event("wan6", "lease-lost", 1)?;
    gone(&lab)?;
    cli.wait_for_event("wan6", "prefix-deprecated", 1)?;
    assert!(!daemon.resolv_conf().contains("nameserver"), "{}", daemon.resolv_conf());
    let row = cli.client("wan6")?;
    assert_eq!(row["lease"], Value::Null);

    // It stays without a lease until it is told otherwise.
    packets.clear();
    std::thread::sleep(Duration::from_secs(4));
    assert!(packets.of(MessageType6::Solicit).is_empty());
    cli.text(&["renew", "wan6"])?;
    cli.wait_for("wan6", "Bound")?;
    configured(&lab, OLD)
}

#[test]
fn a_disabled_client_gives_its_lease_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab, TIMES)?;
    let (cli, packets) = (daemon.cli(), lab.capture6(lab.wan())?);
    cli.text(&["disable", "wan6"])?;
    packets.wait_for(MessageType6::Release)?;
    eventually("the process has ended", || {
        Ok((cli.wait_for("wan6", "Disabled")?["pid"] == Value::Null).then_some(()))
    })?;
    gone(&lab)?;
    cli.text(&["enable", "wan6"])?;
    cli.wait_for("wan6", "Bound")?;
    configured(&lab, OLD)
}

/// SIGTERM makes dibbler release: it must never get one when the lease is to be kept.
#[test]
fn a_client_that_stops_with_the_daemon_keeps_its_lease_at_the_server() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab, TIMES).start()?;
    let packets = lab.capture6(lab.wan())?;
    let mut daemon = lab.daemon(&home("on_stop = \"stop\""))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    let client = pid(&daemon, "wan6")?;
    daemon.stop()?;
    eventually("the client has ended", || Ok((!lab.gateway.processes().contains(&client)).then_some(())))?;
    std::thread::sleep(Duration::from_millis(500));
    assert!(packets.of(MessageType6::Release).is_empty());
    daemon.start()?;
    daemon.cli().wait_for("wan6", "Bound")?;
    assert!(packets.of(MessageType6::Release).is_empty());
    configured(&lab, OLD)
}

#[test]
fn a_client_that_releases_on_stop_leaves_nothing_when_the_daemon_ends() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = kea(&lab, TIMES).start()?;
    let packets = lab.capture6(lab.wan())?;
    let mut daemon = lab.daemon(&home("on_stop = \"release\""))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    daemon.stop()?;
    packets.wait_for(MessageType6::Release)?;
    gone(&lab)
}
