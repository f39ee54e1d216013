//! The configuration is read again: only the difference is applied, and a broken file changes nothing.

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::given::{V4, addresses, client, removals};

fn two_uplinks(
    lab: &Lab,
) -> Result<(dhcpmgr_lab::Dnsmasq<'_>, dhcpmgr_lab::Dnsmasq<'_>, dhcpmgr_lab::Daemon<'_>)> {
    let (first, second) = (&lab.uplinks[0], &lab.uplinks[1]);
    let servers = (lab.dnsmasq(first).range(100, 100).start()?, lab.dnsmasq(second).range(100, 100).start()?);
    let daemon = lab.daemon(&(client("a", "wan0", 100, "") + V4))?;
    daemon.cli().wait_for("a", "Bound")?;
    eventually("it is configured", || Ok((lab.routes("wan0")?.len() == 2).then_some(())))?;
    Ok((servers.0, servers.1, daemon))
}

#[test]
fn a_client_is_added_and_removed_without_touching_the_other() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let (_first, _second, daemon) = two_uplinks(&lab)?;
    let cli = daemon.cli();
    let pid = cli.client("a")?["pid"].clone();
    let monitor = lab.monitor()?;

    let nothing = cli.text(&["config", "reload"])?;
    assert!(!nothing.contains("wan0") && !nothing.contains("handler"), "nothing differs: {nothing}");

    daemon.configure(&(client("a", "wan0", 100, "") + &client("b", "wan1", 200, "") + V4))?;
    let reload = cli.text(&["config", "reload"])?;
    assert!(reload.lines().any(|line| line.contains("client b")), "{reload}");
    cli.wait_for("b", "Bound")?;
    assert_eq!(cli.client("a")?["pid"], pid);

    daemon.configure(&(client("a", "wan0", 100, "") + V4))?;
    cli.text(&["config", "reload"])?;
    eventually("b is gone", || {
        Ok((cli.json(&["status"])?["clients"].as_array().map(Vec::len) == Some(1)).then_some(()))
    })?;
    let wan0: Vec<_> = monitor.take();
    let lost: Vec<_> = removals(&wan0)
        .into_iter()
        .filter(|c| c.subject.is_some_and(|s| s.0 == lab.uplinks[0].host(100)))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(cli.client("a")?["pid"], pid);
    Ok(())
}

#[test]
fn another_metric_moves_the_routes_and_keeps_client_and_address() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let (_first, _second, mut daemon) = two_uplinks(&lab)?;
    let cli = daemon.cli();
    let pid = cli.client("a")?["pid"].clone();
    daemon.configure(&(client("a", "wan0", 700, "") + V4))?;
    daemon.process()?.signal(Signal::SIGHUP)?;
    eventually("the default route has the new metric", || {
        let routes = lab.routes("wan0")?;
        let defaults: Vec<_> =
            routes.iter().filter(|route| route.to == "default").map(|route| route.metric).collect();
        Ok((defaults == [700]).then_some(()))
    })?;
    assert_eq!(cli.client("a")?["pid"], pid);
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    Ok(())
}

#[test]
fn a_broken_configuration_is_refused_and_the_old_one_stays_in_force() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let (_first, _second, mut daemon) = two_uplinks(&lab)?;
    let cli = daemon.cli();
    let before = cli.client("a")?;
    daemon.configure(&(client("a", "wan0", 100, "metrik = 7") + V4))?;
    let refused = cli.output(&["config", "reload"])?;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("metrik") && said.contains("dhcpmgr.toml"), "{said}");
    daemon.process()?.signal(Signal::SIGHUP)?;
    std::thread::sleep(std::time::Duration::from_millis(500));
    daemon.process()?.must_run()?;
    let after = cli.client("a")?;
    assert_eq!(after["pid"], before["pid"]);
    assert_eq!(after["lease"]["address"], before["lease"]["address"]);
    assert_ne!(after["lease"], Value::Null);
    Ok(())
}
