//! The interface disappears in the middle, as when a modem resets, and comes back.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};

use crate::given::{bound, configured, one_client};

#[test]
fn a_vanished_interface_is_said_and_its_return_brings_the_lease_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let cli = daemon.cli();
    lab.remove_interface(lab.wan())?;
    eventually("it is no longer bound", || Ok((cli.client("wan4")?["status"] != "Bound").then_some(())))?;
    daemon.process()?.must_run()?;
    let client = cli.client("wan4")?;
    assert!(client["reason"].as_str().is_some_and(|reason| reason.contains("wan0")), "{client}");

    lab.restore_interface(lab.wan())?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn a_client_waits_for_an_interface_that_is_not_there_yet() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    lab.remove_interface(lab.wan())?;
    let daemon = lab.daemon(&one_client(""))?;
    let client = daemon.cli().client("wan4")?;
    assert!(matches!(client["status"].as_str(), Some("Init" | "Error")), "{client}");
    lab.restore_interface(lab.wan())?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}
