//! The server falls silent: the address stays until the lease has really ended, whatever udhcpc thinks of it.

use std::time::{Duration, Instant};

use dhcpmgr_lab::{Lab, MessageType, Result, eventually, eventually_within, lab_or_skip};

use crate::given::{addresses, configured, default_routes, one_client, removals};

#[test]
fn the_address_stays_until_the_lease_ends_and_then_goes() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.kea().lease(36).option("domain-name-servers", "192.0.2.53").start()?;
    let (packets, daemon) = (lab.capture(lab.wan())?, lab.daemon(&one_client(""))?);
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let granted = packets.wait_for(MessageType::Ack)?.at;
    server.freeze(true)?;
    packets.clear();

    // udhcpc gives the lease up some seconds early and starts from scratch.
    let patience = Duration::from_secs(36);
    eventually_within(patience, "udhcpc starts over", || {
        Ok(packets.of(MessageType::Discover).first().map(drop))
    })?;
    assert!(
        granted.elapsed() < Duration::from_secs(35),
        "too late to show anything: {:?}",
        granted.elapsed()
    );
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    assert_eq!(default_routes(&lab)?.len(), 1);
    assert_eq!(cli.client("wan4")?["lease"]["address"], "10.77.0.100/24");

    cli.wait_for_event("wan4", "lease-lost", 1)?;
    let lasted = granted.elapsed();
    assert!(
        (Duration::from_secs(35)..Duration::from_secs(40)).contains(&lasted),
        "it lasted {lasted:?} of 36 s"
    );
    eventually("the address goes with it", || Ok(addresses(&lab)?.is_empty().then_some(())))?;
    assert!(default_routes(&lab)?.is_empty());
    assert_ne!(cli.client("wan4")?["status"], "Bound");

    server.freeze(false)?;
    cli.wait_for_event_within(Duration::from_secs(60), "wan4", "lease-acquired", 2)?;
    configured(&lab, 100)
}

#[test]
fn when_the_client_comes_back_with_the_same_lease_in_time_nothing_has_moved() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.kea().lease(50).option("domain-name-servers", "192.0.2.53").start()?;
    let daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let (monitor, packets, start) = (lab.monitor()?, lab.capture(lab.wan())?, Instant::now());
    server.freeze(true)?;
    let patience = Duration::from_secs(50);
    eventually_within(patience, "udhcpc starts over", || {
        Ok(packets.of(MessageType::Discover).first().map(drop))
    })?;
    server.freeze(false)?;
    eventually("the lease is there again", || {
        let acks = packets.of(MessageType::Ack);
        Ok((!acks.is_empty()).then_some(()))
    })?;
    assert!(start.elapsed() < Duration::from_secs(49), "too late to show anything: {:?}", start.elapsed());
    daemon.cli().wait_for("wan4", "Bound")?;
    // Past the end of the first lease.
    std::thread::sleep(Duration::from_secs(52).saturating_sub(start.elapsed()));
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    let kinds = daemon.cli().kinds("wan4")?;
    assert!(!kinds.iter().any(|kind| kind == "lease-lost"), "{kinds:?}");
    configured(&lab, 100)
}
