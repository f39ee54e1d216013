//! A renewal that changes nothing moves nothing, again and again: lifetimes only, no RTM_DEL*, one event.

use std::time::Duration;

use dhcpmgr_lab::{Kind, Lab, MessageType6, Result, eventually_within, lab_or_skip};

use super::given::{ADDRESS, OLD, address, bound, configured, on_lan, pid, removals, started_again};

#[test]
fn a_hundred_unchanged_renewals_change_lifetimes_only() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    // dibbler renews addresses and prefixes in messages of their own: two a second.
    let (_server, daemon) = bound(&lab, (1, 60, 100, 120))?;
    let cli = daemon.cli();
    let (monitor, packets) = (lab.monitor()?, lab.capture6(lab.wan())?);
    let follow = cli.follow(&lab.dir().join("follow.log"))?;
    let before = pid(&daemon, "wan6")?;
    eventually_within(Duration::from_secs(150), "a hundred renewals are answered", || {
        Ok((packets.of(MessageType6::Reply).len() >= 100).then_some(()))
    })?;
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{:?}", removals(&seen));
    let moved = seen.iter().filter(|change| change.kind == Kind::NewRoute && change.is_v6());
    // Of its own accord the kernel announces the on-link route of a changed lifetime.
    let moved: Vec<_> = moved.filter(|change| change.protocol != 2).collect();
    assert!(moved.is_empty(), "{moved:?}");
    let events: Vec<_> =
        follow.events()?.into_iter().filter(|event| event.client.as_deref() == Some("wan6")).collect();
    let renewed = events.iter().filter(|event| event.event == "lease-renewed");
    assert!(renewed.clone().count() >= 90, "{} of {}", renewed.count(), events.len());
    for event in events {
        let before = ["client-started", "lease-acquired", "prefix-assigned"].contains(&event.event.as_str());
        let plain = event.event == "lease-renewed" && event.changed == ["lifetime"];
        assert!(before || plain, "{event:?}");
    }
    assert_eq!(pid(&daemon, "wan6")?, before);
    for (interface, wanted) in [("wan0", ADDRESS), ("lan0", &on_lan(OLD))] {
        let found = address(&lab, interface, wanted)?.expect("it is still there");
        assert!(found.valid > 110, "it was renewed: {found:?}");
    }
    Ok(())
}

/// dibbler knows no signal for it: it is killed and started again, and asks for what it has.
#[test]
fn renew_on_demand_releases_nothing_and_takes_nothing_away() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab, (1000, 1600, 3000, 4000))?;
    let cli = daemon.cli();
    let (monitor, packets) = (lab.monitor()?, lab.capture6(lab.wan())?);
    let before = pid(&daemon, "wan6")?;
    cli.text(&["renew", "wan6"])?;
    started_again(&daemon, "wan6", before)?;
    packets.wait_for(MessageType6::Reply)?;
    let renewed = cli.wait_for_event("wan6", "lease-renewed", 1)?;
    assert_eq!(renewed.changed, ["lifetime"]);
    cli.wait_for("wan6", "Bound")?;
    assert!(packets.of(MessageType6::Release).is_empty());
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{:?}", removals(&seen));
    let kinds = cli.kinds("wan6")?;
    assert!(
        !kinds.iter().any(|kind| matches!(kind.as_str(), "lease-lost" | "lease-changed" | "client-failed")),
        "{kinds:?}"
    );
    configured(&lab, OLD)
}
