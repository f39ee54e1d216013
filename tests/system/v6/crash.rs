//! Daemon and client are killed, alone and at the worst moment: the kernel notices nothing, and neither does the
//! server.

use std::time::Duration;

use dhcpmgr_lab::{Daemon, Lab, MessageType6, Monitor, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};

use super::given::{
    NEW, OLD, address, bound, configured, delegation, home, identity, kea, pid, preferred, reboot, removals,
    started_again, values,
};

const LONG: (u32, u32, u32, u32) = (1000, 1600, 3000, 4000);

/// Neither the kernel nor an event says that anything was taken away or is another.
fn nothing_moved(lab: &Lab, daemon: &Daemon<'_>, monitor: &Monitor) -> Result {
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{:?}", removals(&seen));
    let kinds = daemon.cli().kinds("wan6")?;
    assert!(
        !kinds
            .iter()
            .any(|kind| matches!(kind.as_str(), "lease-lost" | "lease-changed" | "prefix-deprecated")),
        "{kinds:?}"
    );
    configured(lab, OLD)
}

#[test]
fn a_killed_client_is_started_again_with_its_identity_and_gets_the_same() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture6(lab.wan())?;
    let (_server, daemon) = bound(&lab, LONG)?;
    let before = identity(&packets, MessageType6::Request)?;
    let monitor = lab.monitor()?;
    packets.clear();
    let killed = pid(&daemon, "wan6")?;
    kill(killed, Signal::SIGKILL)?;
    daemon.cli().wait_for_event("wan6", "client-failed", 1)?;
    started_again(&daemon, "wan6", killed)?;
    assert_eq!(identity(&packets, MessageType6::Request)?, before);
    packets.wait_for(MessageType6::Reply)?;
    daemon.cli().wait_for_event("wan6", "lease-renewed", 1)?;
    daemon.cli().wait_for("wan6", "Bound")?;
    nothing_moved(&lab, &daemon, &monitor)
}

#[test]
fn a_restart_of_the_daemon_moves_nothing_and_says_nothing_to_the_server() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab, LONG)?;
    let client = pid(&daemon, "wan6")?;
    for gently in [false, true] {
        let (monitor, packets) = (lab.monitor()?, lab.capture6(lab.wan())?);
        if gently {
            daemon.stop()?;
        } else {
            daemon.kill()?;
        }
        daemon.start()?;
        let row = daemon.cli().wait_for("wan6", "Bound")?;
        assert_eq!(values(&row["lease"], "prefixes", "prefix"), ["2001:db8:f000::/56"], "{row}");
        // Whatever it would set right, it has by now.
        std::thread::sleep(Duration::from_secs(1));
        let seen = monitor.take();
        assert!(removals(&seen).is_empty(), "{:?}", removals(&seen));
        assert!(packets.all().is_empty(), "{:?}", packets.all());
        assert_eq!(pid(&daemon, "wan6")?, client);
        configured(&lab, OLD)?;
    }
    Ok(())
}

/// The configuration changed while no daemon ran: the lease is the same, and what LANs get of it is not.
#[test]
fn a_lan_that_is_new_to_a_lease_that_is_taken_over_is_an_event() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    lab.lan("lan1")?;
    let (_server, mut daemon) = bound(&lab, LONG)?;
    daemon.kill()?;
    daemon.configure(&(home("") + &delegation("lan1", "wan6", 2)))?;
    daemon.start()?;
    let about = |lan: &str| -> Result<bool> {
        let events = daemon.cli().events()?;
        Ok(events.iter().any(|event| {
            event.event == "prefix-assigned" && event.fields.get("lan").is_some_and(|name| name == lan)
        }))
    };
    eventually("lan1 has its part", || {
        Ok(address(&lab, "lan1", &format!("2001:db8:{OLD:x}:2::1/64"))?.map(drop))
    })?;
    eventually("the event of lan1 is there", || Ok(about("lan1")?.then_some(())))?;
    assert!(!about("lan0")?, "lan0 has what it had");
    Ok(())
}

/// dibbler tells of addresses and prefixes of one renewal in two hook calls; between them nobody is there.
#[test]
fn a_daemon_that_dies_between_the_two_parts_of_a_renewal_loses_neither() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab, (1, 60, 12, 15))?;
    let monitor = lab.monitor()?;
    for _ in 0..4 {
        let follow = daemon.cli().follow(&lab.dir().join("follow.log"))?;
        let told = follow.events()?.len();
        eventually("one part is there", || Ok((follow.events()?.len() > told).then_some(())))?;
        daemon.kill()?;
        drop(follow);
        eventually("the other one lies in the spool", || Ok((!daemon.spooled().is_empty()).then_some(())))?;
        daemon.start()?;
        eventually("it is taken out", || Ok(daemon.spooled().is_empty().then_some(())))?;
        let lease = daemon.cli().wait_for("wan6", "Bound")?["lease"].clone();
        assert_eq!(values(&lease, "prefixes", "prefix"), ["2001:db8:f000::/56"]);
        assert_eq!(lease["addresses"].as_array().map(Vec::len), Some(1), "{lease}");
    }
    // Longer than what was there at the beginning: both have been renewed.
    std::thread::sleep(Duration::from_secs(8));
    nothing_moved(&lab, &daemon, &monitor)
}

/// The provider renumbered while nobody listened.
#[test]
fn a_renumbering_that_went_to_the_spool_is_carried_out_by_the_next_daemon() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, mut daemon) = bound(&lab, (2, 60, 3000, 9000))?;
    daemon.kill()?;
    let server = server.stop().times(2, 60, 3000, 9000).prefix(NEW).start()?;
    let packets = lab.capture6(lab.wan())?;
    eventually("three renewals lie in the spool", || Ok((daemon.spooled().len() >= 3).then_some(())))?;
    assert!(packets.of(MessageType6::Release).is_empty());
    assert_eq!(preferred(&lab, OLD)?, Some(true), "nobody was there to change it");
    daemon.start()?;
    configured(&lab, NEW)?;
    assert_eq!(preferred(&lab, OLD)?, Some(false));
    drop(server);
    Ok(())
}

/// As after a reboot: nothing of `/run` and nothing in the kernel is left, what is durable is.
#[test]
fn after_a_reboot_the_identity_is_the_same_and_a_prefix_that_changed_is_announced_as_deprecated() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture6(lab.wan())?;
    let (server, mut daemon) = bound(&lab, LONG)?;
    let before = identity(&packets, MessageType6::Request)?;
    eventually("it is stored", || {
        Ok((stored(&daemon, "device", &before.0)? && stored(&daemon, "delegations", b"lan0")?).then_some(()))
    })?;
    reboot(&lab, &mut daemon)?;
    drop(server.forget());
    packets.clear();

    daemon.start()?;
    assert_eq!(identity(&packets, MessageType6::Solicit)?, before);
    assert_ne!(preferred(&lab, OLD)?, Some(true), "nobody has confirmed it in this boot");
    let _server = kea(&lab, LONG).prefix(NEW).start()?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, NEW)?;
    assert_ne!(preferred(&lab, OLD)?, Some(true), "{:?}", lab.gateway.addresses6("lan0")?);
    daemon.cli().wait_for_event("wan6", "prefix-deprecated", 1).map(drop)
}

#[test]
fn after_a_reboot_the_same_prefix_is_not_deprecated() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab, LONG)?;
    eventually("what the LAN has is stored", || Ok(stored(&daemon, "delegations", b"lan0")?.then_some(())))?;
    reboot(&lab, &mut daemon)?;
    daemon.start()?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    let kinds = daemon.cli().kinds("wan6")?;
    assert!(!kinds.iter().any(|kind| kind == "prefix-deprecated"), "{kinds:?}");
    Ok(())
}

/// Whether a durable record has this in it.
fn stored(daemon: &Daemon<'_>, record: &str, what: &[u8]) -> Result<bool> {
    let file = daemon.root().join(format!("var/lib/dhcpmgr/{record}.state"));
    Ok(std::fs::read(file)?.windows(what.len()).any(|window| window == what))
}
