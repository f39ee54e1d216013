//! The acceptance tests that the project was started with, by number.

use std::time::Duration;

use dhcpmgr_lab::{Lab, Result, lab_or_skip};

use crate::given::{addresses, bound, configured, number, removals};

/// 1: unchanged renew ×100 → 0 `RTM_DEL*`, 0 `changed` events.
#[test]
fn acceptance_1_a_hundred_unchanged_renewals_delete_nothing_and_change_nothing() -> Result {
    const RENEWALS: usize = 100;
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, monitor) = (daemon.cli(), lab.monitor()?);
    let log = lab.dir().join("events.log");
    let events = cli.follow(&log)?;
    let pid = cli.client("wan4")?["pid"].clone();
    let renewals =
        |events: &[dhcpmgr_lab::Event]| events.iter().filter(|e| e.event == "lease-renewed").count();
    for count in 1..=RENEWALS {
        cli.text(&["renew", "wan4"])?;
        dhcpmgr_lab::eventually_within(Duration::from_secs(20), "it is renewed", || {
            Ok((renewals(&events.events()?) >= count).then_some(()))
        })?;
    }
    for event in events.events()?.iter().filter(|event| !matches!(event.event.as_str(), "client-started")) {
        assert!(matches!(event.event.as_str(), "lease-acquired" | "lease-renewed"), "{event:?}");
        assert!(event.event != "lease-renewed" || event.changed == ["lifetime"], "{event:?}");
    }
    assert_eq!(renewals(&events.events()?), RENEWALS);
    let seen = monitor.take();
    assert!(!seen.iter().any(dhcpmgr_lab::Change::removes), "{seen:?}");
    assert_eq!(cli.client("wan4")?["pid"], pid);
    configured(&lab, 100)
}

/// 7: `kill -9` of the daemon, then start: no address change, clients adopted.
#[test]
fn acceptance_7_a_killed_daemon_comes_back_to_the_same_clients_and_addresses() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let _servers: Vec<_> = lab
        .uplinks
        .iter()
        .map(|uplink| lab.dnsmasq(uplink).range(100, 100).start())
        .collect::<Result<_>>()?;
    let config = crate::given::client("wan4", "wan0", 100, "")
        + &crate::given::client("lte4", "wan1", 200, "")
        + crate::given::V4;
    let mut daemon = lab.daemon(&config)?;
    let pids = |daemon: &dhcpmgr_lab::Daemon<'_>| -> Result<Vec<u64>> {
        ["wan4", "lte4"].iter().map(|name| number(&daemon.cli().wait_for(name, "Bound")?, "pid")).collect()
    };
    let before = pids(&daemon)?;
    configured(&lab, 100)?;
    let monitor = lab.monitor()?;
    let captures = lab.uplinks.iter().map(|uplink| lab.capture(uplink)).collect::<Result<Vec<_>>>()?;

    daemon.kill()?;
    daemon.start()?;

    assert_eq!(pids(&daemon)?, before);
    for name in ["wan4", "lte4"] {
        assert_eq!(daemon.cli().kinds(name)?, ["client-adopted"]);
        assert_eq!(daemon.cli().client(name)?["restarts"], 0);
    }
    let seen = monitor.take();
    assert!(!seen.iter().any(dhcpmgr_lab::Change::removes), "{seen:?}");
    assert!(captures.iter().all(|capture| capture.all().is_empty()));
    assert_eq!(addresses(&lab)?, [lab.wan().on_link(100)]);
    assert!(removals(&seen).is_empty());
    Ok(())
}
