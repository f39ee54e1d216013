//! What ends a lease, or a part of it: the server takes it back or falls silent. Each part has its own life.

use std::time::{Duration, Instant};

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, eventually_within, lab_or_skip};
use serde_json::{Value, json};

use super::given::{
    ADDRESS, NEW, OLD, address, bound, configured, guarded, has_address, has_prefix, home, kea, preferred,
    values,
};

/// The server does not know the prefix any more, and says so with a status that stock dibbler keeps to itself: then its
/// time is not extended, while that of the address is.
#[test]
fn a_prefix_that_is_not_confirmed_ends_while_the_address_is_renewed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let times = (2, 5, 8, 12);
    let (server, daemon) = bound(&lab, times)?;
    server.reload(&kea(&lab, times).no_prefixes())?;
    let cli = daemon.cli();
    let changed = cli.wait_for_event("wan6", "lease-changed", 1)?;
    assert_eq!(changed.changed, ["prefix"], "{changed:?}");
    assert_eq!(changed.lease["prefixes"], json!([]));
    eventually("the LAN does not prefer it any more", || {
        Ok((preferred(&lab, OLD)? != Some(true)).then_some(()))
    })?;
    cli.wait_for_event("wan6", "prefix-deprecated", 1)?;
    assert!(address(&lab, "wan0", ADDRESS)?.is_some());
    // It renews every two seconds.
    eventually("it is bound", || Ok((cli.client("wan6")?["status"] == "Bound").then_some(())))?;
    let kinds = cli.kinds("wan6")?;
    assert!(!kinds.iter().any(|kind| kind == "lease-lost"), "{kinds:?}");

    server.reload(&kea(&lab, times).prefix(NEW))?;
    // dibbler asks again for the prefix that it misses.
    eventually_within(Duration::from_secs(60), "another prefix is on the LAN", || {
        Ok((preferred(&lab, NEW)? == Some(true)).then_some(()))
    })
}

#[test]
fn a_server_without_addresses_gives_a_prefix_and_the_other_way_round() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = kea(&lab, (1000, 1600, 3000, 4000)).no_addresses().start()?;
    let mut daemon = lab.daemon(&home(""))?;
    has_prefix(&lab, OLD)?;
    let row = daemon.cli().wait_for("wan6", "Bound")?;
    assert_eq!(row["lease"]["addresses"], json!([]));
    assert!(lab.gateway.addresses6("wan0")?.is_empty());

    daemon.cli().text(&["release", "wan6"])?;
    daemon.cli().wait_for_event("wan6", "lease-lost", 1)?;
    server.reload(&kea(&lab, (1000, 1600, 3000, 4000)).no_prefixes())?;
    daemon.cli().text(&["renew", "wan6"])?;
    has_address(&lab)?;
    let row = daemon.cli().wait_for("wan6", "Bound")?;
    assert_eq!(row["lease"]["prefixes"], json!([]));
    assert_ne!(preferred(&lab, OLD)?, Some(true));
    daemon.process()?.must_run()
}

#[test]
fn a_server_that_has_nothing_is_no_lease_and_no_failure() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = kea(&lab, (1000, 1600, 3000, 4000)).no_addresses().no_prefixes().start()?;
    let packets = lab.capture6(lab.wan())?;
    let daemon = lab.daemon(&home(""))?;
    eventually("it is refused twice", || Ok((packets.of(MessageType6::Advertise).len() >= 2).then_some(())))?;
    let row = daemon.cli().client("wan6")?;
    assert_eq!((&row["status"], &row["lease"]), (&json!("Selecting"), &Value::Null));
    let kinds = daemon.cli().kinds("wan6")?;
    assert!(!kinds.iter().any(|kind| kind == "lease-acquired" || kind == "client-failed"), "{kinds:?}");
    server.reload(&kea(&lab, (1000, 1600, 3000, 4000)))?;
    eventually_within(Duration::from_secs(60), "it is bound", || {
        Ok((daemon.cli().client("wan6")?["status"] == "Bound").then_some(()))
    })?;
    configured(&lab, OLD)
}

/// Stock dibbler says nothing when a lease ends, drops prefixes too early, and starts over on its own.
#[test]
fn everything_goes_when_its_time_is_over_and_not_before() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture6(lab.wan())?;
    let (server, daemon) = bound(&lab, (4, 8, 12, 20))?;
    let granted = packets.wait_for(MessageType6::Reply)?.at;
    server.freeze(true)?;
    packets.clear();
    packets.wait_for(MessageType6::Renew)?;

    let at = |seconds: u64| {
        std::thread::sleep((granted + Duration::from_secs(seconds)).saturating_duration_since(Instant::now()))
    };
    at(11);
    assert_eq!(preferred(&lab, OLD)?, Some(true), "it is preferred for 12 s");
    at(14);
    assert_eq!(preferred(&lab, OLD)?, Some(false), "and valid for 20 s");
    at(18);
    assert!(address(&lab, "wan0", ADDRESS)?.is_some());
    assert!(guarded(&lab, &lab.wan().prefix(OLD))?);
    assert_eq!(values(&daemon.cli().client("wan6")?["lease"], "prefixes", "prefix"), ["2001:db8:f000::/56"]);
    daemon.cli().wait_for_event("wan6", "lease-lost", 1)?;
    let lasted = granted.elapsed();
    assert!((Duration::from_millis(19_500)..Duration::from_secs(24)).contains(&lasted), "{lasted:?} of 20 s");
    eventually("all of it is gone", || {
        let left = address(&lab, "wan0", ADDRESS)?.is_some()
            || preferred(&lab, OLD)?.is_some()
            || guarded(&lab, &lab.wan().prefix(OLD))?;
        Ok((!left).then_some(()))
    })?;
    let row = daemon.cli().client("wan6")?;
    assert_eq!(row["lease"], Value::Null);
    assert_ne!(row["status"], "Bound");

    server.freeze(false)?;
    daemon.cli().wait_for_event_within(Duration::from_secs(60), "wan6", "lease-acquired", 2)?;
    configured(&lab, OLD)
}
