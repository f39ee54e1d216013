//! The cable is pulled out and plugged in again.

use dhcpmgr_lab::{Lab, MessageType6, Result, eventually, lab_or_skip};

use super::given::{
    ADDRESS, NEW, OLD, address, bound, configured, has_prefix, identity, preferred, removals,
};

const TIMES: (u32, u32, u32, u32) = (1000, 1600, 3000, 4000);

#[test]
fn a_pulled_cable_takes_nothing_away_and_the_lease_is_asked_for_again_when_it_is_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture6(lab.wan())?;
    let (_server, daemon) = bound(&lab, TIMES)?;
    let before = identity(&packets, MessageType6::Request)?;
    let monitor = lab.monitor()?;
    lab.carrier(lab.wan(), false)?;
    eventually("the carrier is gone", || {
        Ok((!lab.gateway.ip(&["link", "show", "wan0"])?.contains("LOWER_UP")).then_some(()))
    })?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(preferred(&lab, OLD)?, Some(true), "the LAN goes on");
    packets.clear();
    lab.carrier(lab.wan(), true)?;
    packets.wait_for(MessageType6::Reply)?;
    let after = packets
        .all()
        .into_iter()
        .find(|packet| !packet.dhcp.ias().is_empty())
        .expect("a message with IAs")
        .dhcp;
    assert_eq!((after.client_duid(), after.iaids(3), after.iaids(25)), before);
    daemon.cli().wait_for("wan6", "Bound")?;
    assert!(packets.of(MessageType6::Release).is_empty());
    let lost: Vec<_> = monitor.take();
    let lost: Vec<_> =
        removals(&lost).into_iter().filter(|change| change.kind == dhcpmgr_lab::Kind::DelAddr).collect();
    assert!(lost.is_empty(), "{lost:?}");
    configured(&lab, OLD)
}

/// Behind the cable there is another network now.
#[test]
fn another_network_behind_the_cable_renumbers() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab, TIMES)?;
    let (t1, t2, preferred_for, valid) = TIMES;
    // Before the cable goes: Kea listens on a bridge with carrier only. The client does not ask it before T1.
    let _server = server.forget().times(t1, t2, preferred_for, valid).prefix(NEW).start()?;
    lab.carrier(lab.wan(), false)?;
    daemon.cli().wait_for_event("wan6", "link-changed", 1)?;
    lab.carrier(lab.wan(), true)?;
    has_prefix(&lab, NEW)?;
    eventually("the old one is deprecated", || Ok((preferred(&lab, OLD)? != Some(true)).then_some(())))?;
    assert!(address(&lab, "wan0", ADDRESS)?.is_some());
    Ok(())
}
