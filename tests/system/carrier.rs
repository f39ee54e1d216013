//! The cable is pulled and plugged in while bound: the lease is renewed, not started over, and nothing is deleted.

use std::time::Duration;

use dhcpmgr_lab::{Lab, MessageType, Result, eventually, lab_or_skip};

use crate::given::{addresses, bound, removals};

#[test]
fn carrier_loss_deletes_nothing_and_its_return_renews() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, monitor, packets) = (daemon.cli(), lab.monitor()?, lab.capture(lab.wan())?);
    let pid = cli.client("wan4")?["pid"].clone();

    lab.carrier(lab.wan(), false)?;
    cli.wait_for_event("wan4", "link-changed", 1)?;
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    assert_eq!(cli.client("wan4")?["lease"]["address"], "10.77.0.100/24");

    // Sent into a dead link, a renewal would cost a lease that is still good.
    let refused = cli.output(&["renew", "wan4"])?;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("carrier") || said.contains("link"), "it says why: {said}");

    lab.carrier(lab.wan(), true)?;
    let renewed = cli.wait_for_event("wan4", "lease-renewed", 1)?;
    assert_eq!(renewed.changed, ["lifetime"]);
    let request = packets.wait_for(MessageType::Request)?;
    assert_eq!(request.dhcp.ciaddr, lab.wan().host(100));
    assert!(packets.of(MessageType::Discover).is_empty());
    assert_eq!(cli.client("wan4")?["pid"], pid, "the client was not restarted");
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    Ok(())
}

#[test]
fn a_flapping_link_costs_neither_the_lease_nor_a_storm_of_renewals() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, monitor, packets) = (daemon.cli(), lab.monitor()?, lab.capture(lab.wan())?);
    for _ in 0..10 {
        lab.carrier(lab.wan(), false)?;
        std::thread::sleep(Duration::from_millis(100));
        lab.carrier(lab.wan(), true)?;
        std::thread::sleep(Duration::from_millis(100));
    }
    // However busy the machine is and however long its flaps last, the last one is confirmed.
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    eventually("it is bound", || Ok((cli.client("wan4")?["status"] == "Bound").then_some(())))?;
    std::thread::sleep(Duration::from_secs(3));
    assert!(removals(&monitor.take()).is_empty());
    assert!(packets.of(MessageType::Discover).is_empty());
    // One renewal when the link has calmed down, and what udhcpc repeats when an answer is lost. On a machine so busy
    // that a flap lasts longer than the link needs to settle there is one for each of those.
    let settled = cli.events()?.into_iter().filter(|event| event.event == "lease-renewed").count();
    let requests = packets.of(MessageType::Request).len();
    assert!(settled <= 3 && requests <= 2 * settled + 2, "{requests} requests for {settled} renewals");
    assert_eq!(cli.client("wan4")?["restarts"], 0);
    Ok(())
}
