//! The provider gives another prefix: the LAN has the new one and the old one is deprecated, at once and in one go.

use std::time::Duration;

use dhcpmgr_lab::{Kind, Lab, MessageType6, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};

use super::given::{
    ADDRESS, NEW, OLD, address, bound, configured, guarded, has_prefix, home, on_lan, pid, preferred,
    removals, values,
};

const TIMES: (u32, u32, u32, u32) = (2, 60, 3000, 9000);

#[test]
fn the_old_prefix_is_deprecated_in_the_moment_in_which_the_new_one_comes() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab, TIMES)?;
    let server = server.stop();
    let (monitor, packets) = (lab.monitor()?, lab.capture6(lab.wan())?);
    let (t1, t2, preferred_for, valid) = TIMES;
    let _server = server
        .times(t1, t2, preferred_for, valid)
        .prefix(NEW)
        .option("dns-servers", "2001:db8::53")
        .start()?;
    configured(&lab, NEW)?;
    let withdrawn = eventually("the reply that renumbers", || {
        let renumbers = |packet: &dhcpmgr_lab::Packet6| {
            packet.dhcp.ias().iter().any(|ia| ia.code == 25 && ia.values.len() == 2)
        };
        Ok(packets.of(MessageType6::Reply).into_iter().find(renumbers))
    })?;

    let old = address(&lab, "lan0", &on_lan(OLD))?.expect("it is still there, for what is under way");
    assert!(old.deprecated, "{old:?}");
    // The kernel's own clock is the last resort, some seconds later than the daemon.
    assert!(old.valid <= 7210, "two hours at most (RFC 9096 section 3.5): {old:?}");
    let seen = monitor.take();
    let subject = |group| Some((on_lan(group).trim_end_matches("/64").parse().expect("an address"), 64));
    let came =
        seen.iter().find(|c| c.kind == Kind::NewAddr && c.subject == subject(NEW)).expect("the new one");
    let went = seen
        .iter()
        .find(|c| {
            c.kind == Kind::NewAddr
                && c.subject == subject(OLD)
                && c.lifetimes.is_some_and(|(left, _)| left == 0)
        })
        .expect("the old one is deprecated");
    let apart = came.at.max(went.at) - came.at.min(went.at);
    assert!(apart < Duration::from_millis(100), "one transaction: {apart:?} apart");
    for change in [came, went] {
        let after = change.at.saturating_duration_since(withdrawn.at);
        assert!(after < Duration::from_secs(1), "{after:?} after the reply");
    }
    let lost = removals(&seen);
    assert!(lost.iter().all(|change| change.kind == Kind::DelRoute), "no address may go: {lost:?}");

    let cli = daemon.cli();
    let deprecated = cli.wait_for_event("wan6", "prefix-deprecated", 1)?;
    assert!(format!("{deprecated:?}").contains("2001:db8:f000:"), "{deprecated:?}");
    let changed = cli.wait_for_event("wan6", "lease-changed", 1)?;
    assert!(changed.changed.iter().any(|what| what == "prefix"), "{changed:?}");
    assert!(!changed.changed.iter().any(|what| what == "address"), "{changed:?}");
    assert_eq!(values(&changed.lease, "prefixes", "prefix"), ["2001:db8:f100::/56"]);
    let kinds = cli.kinds("wan6")?;
    assert_eq!(kinds.iter().filter(|kind| *kind == "lease-changed").count(), 1, "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "lease-lost"), "{kinds:?}");
    assert!(address(&lab, "wan0", ADDRESS)?.is_some());
    Ok(())
}

/// Renewals go on after it, and none of them brings the old prefix back or takes the mark off it.
#[test]
fn a_deprecated_prefix_stays_deprecated_through_what_follows() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, mut daemon) = bound(&lab, TIMES)?;
    let (t1, t2, preferred_for, valid) = TIMES;
    let _server = server.stop().times(t1, t2, preferred_for, valid).prefix(NEW).start()?;
    configured(&lab, NEW)?;
    let packets = lab.capture6(lab.wan())?;
    eventually("it is renewed three times", || {
        Ok((packets.of(MessageType6::Reply).len() >= 6).then_some(()))
    })?;
    assert_eq!((preferred(&lab, OLD)?, preferred(&lab, NEW)?), (Some(false), Some(true)));
    let first = address(&lab, "lan0", &on_lan(OLD))?.expect("it is there");

    daemon.kill()?;
    daemon.start()?;
    daemon.cli().wait_for("wan6", "Bound")?;
    kill(pid(&daemon, "wan6")?, Signal::SIGKILL)?;
    packets.clear();
    packets.wait_for(MessageType6::Request)?;
    eventually("and renewed again", || Ok((packets.of(MessageType6::Reply).len() >= 3).then_some(())))?;
    assert_eq!((preferred(&lab, OLD)?, preferred(&lab, NEW)?), (Some(false), Some(true)));
    let last = address(&lab, "lan0", &on_lan(OLD))?.expect("it is there");
    assert!(last.valid < first.valid, "its time runs out and is not renewed: {first:?}, {last:?}");
    Ok(())
}

/// The server was away until everything had ended, and comes back with another prefix.
#[test]
fn a_server_that_comes_back_with_another_prefix_renumbers_too() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab, (2, 4, 6, 9))?;
    let stopped = server.forget();
    daemon.cli().wait_for_event("wan6", "lease-lost", 1)?;
    eventually("nothing is left of it", || {
        let left = lab.gateway.addresses6("wan0")?.len() + usize::from(preferred(&lab, OLD)? == Some(true));
        Ok((left == 0).then_some(()))
    })?;
    let _server = stopped.times(1000, 1600, 3000, 4000).prefix(NEW).start()?;
    // dibbler's pauses between SOLICITs grow to half a minute.
    daemon.cli().wait_for_event_within(Duration::from_secs(60), "wan6", "lease-acquired", 2)?;
    configured(&lab, NEW)?;
    eventually("the old prefix is not preferred any more", || {
        Ok((preferred(&lab, OLD)? != Some(true)).then_some(()))
    })?;
    assert!(!guarded(&lab, &lab.wan().prefix(OLD))?);
    Ok(())
}

/// dibbler-server that has lost its leases answers REBIND with an empty IA_PD, and dibbler tells its hook of that
/// prefix all the same: its own words.
#[test]
fn what_only_the_client_claims_is_not_renewed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dibbler_server().times(3, 5, 12, 14).prefix(OLD).start()?;
    let daemon = lab.daemon(&home(""))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, OLD)?;
    let packets = lab.capture6(lab.wan())?;
    let stopped = server.forget()?;
    packets.wait_for(MessageType6::Rebind)?;
    let _server = stopped.times(3, 5, 12, 14).prefix(NEW).start()?;
    has_prefix(&lab, NEW)?;
    eventually("the prefix that nobody confirmed is not preferred for longer than it was", || {
        Ok((preferred(&lab, OLD)? != Some(true)).then_some(()))
    })?;
    eventually("and is no part of the lease", || {
        let lease = daemon.cli().client("wan6")?["lease"].clone();
        Ok((values(&lease, "prefixes", "prefix") == ["2001:db8:f100::/56"]).then_some(()))
    })?;
    // dibbler goes on to renew both, and lists the dead one each time.
    packets.clear();
    eventually("it was renewed", || Ok((packets.of(MessageType6::Reply).len() >= 3).then_some(())))?;
    assert_ne!(preferred(&lab, OLD)?, Some(true));
    assert_eq!(values(&daemon.cli().client("wan6")?["lease"], "prefixes", "prefix"), ["2001:db8:f100::/56"]);
    Ok(())
}
