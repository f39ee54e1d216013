//! A renewal that changes nothing moves nothing: lifetimes only, no RTM_DEL*, one event.

use std::time::Duration;

use dhcpmgr_lab::{Kind, Lab, MessageType, Result, lab_or_skip};

use crate::given::{addresses, bound, configured, default_routes, one_client, removals};

#[test]
fn an_unchanged_renewal_changes_lifetimes_only() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let (monitor, packets) = (lab.monitor()?, lab.capture(lab.wan())?);
    let before = cli.client("wan4")?;

    cli.text(&["renew", "wan4"])?;
    let renewed = cli.wait_for_event("wan4", "lease-renewed", 1)?;

    assert_eq!(renewed.changed, ["lifetime"]);
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    assert!(!seen.iter().any(|change| change.kind == Kind::NewRoute && change.is_v4()), "{seen:?}");
    for change in seen.iter().filter(|change| change.kind == Kind::NewAddr && change.is_v4()) {
        assert_eq!(change.subject, Some((lab.wan().host(100).into(), 24)));
    }
    let request = packets.wait_for(MessageType::Request)?;
    assert_eq!(request.dhcp.ciaddr, lab.wan().host(100));
    assert_eq!(request.to, lab.wan().host(1), "a renewal is unicast");
    let after = cli.wait_for("wan4", "Bound")?;
    assert_eq!(after["pid"], before["pid"]);
    let kinds = cli.kinds("wan4")?;
    let expected =
        |kind: &&String| !matches!(kind.as_str(), "client-started" | "lease-acquired" | "lease-renewed");
    assert!(!kinds.iter().any(|kind| expected(&kind)), "{kinds:?}");
    Ok(())
}

#[test]
fn short_leases_are_renewed_again_and_again_without_a_gap() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.kea().lease(20).option("domain-name-servers", "192.0.2.53").start()?;
    let daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let monitor = lab.monitor()?;
    // udhcpc raises a lease to 30 s and renews at half of it: the address must live through the second 20 too.
    let second = daemon.cli().wait_for_event_within(Duration::from_secs(45), "wan4", "lease-renewed", 2)?;
    assert_eq!(second.changed, ["lifetime"]);
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    configured(&lab, 100)
}

/// A second SIGUSR1 before the answer makes udhcpc start over, and against a dead server one alone costs the lease.
#[test]
fn impatient_renewals_do_not_cost_the_lease() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let (cli, monitor, packets) = (daemon.cli(), lab.monitor()?, lab.capture(lab.wan())?);
    let pid = cli.client("wan4")?["pid"].clone();
    for _ in 0..5 {
        // Refused or done: it is the lease that counts.
        cli.output(&["renew", "wan4"])?;
    }
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    std::thread::sleep(Duration::from_secs(2));
    assert!(packets.of(MessageType::Discover).is_empty(), "udhcpc started over");
    assert!(removals(&monitor.take()).is_empty());
    assert_eq!(cli.client("wan4")?["pid"], pid);

    // The server is dead: udhcpc gives up within 12 s of being asked; the lease has nearly an hour left.
    server.freeze(true)?;
    cli.output(&["renew", "wan4"])?;
    std::thread::sleep(Duration::from_secs(16));
    assert!(removals(&monitor.take()).is_empty());
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    assert_eq!(default_routes(&lab)?.len(), 1);
    assert_eq!(cli.client("wan4")?["lease"]["address"], "10.77.0.100/24");
    Ok(())
}
