//! The daemon is killed in the middle of a switch, at many moments, and stopped and started while MAP-T carries. The next
//! one brings it to the right end; nothing flaps, and nothing is left of what is no longer offered.

use std::time::Duration;

use dhcpmgr_lab::{Error, Lab, Result, lab_or_skip};

use super::given::{
    MAP_T, SOFTWIRE, hex, hook, installed, settled, tell, wan, wrong_with_dhcpv4, wrong_with_map_t,
};

/// After the hook has ended, milliseconds: from before anything is done until after everything is.
const MOMENTS: [u64; 9] = [0, 1, 3, 6, 12, 25, 50, 100, 200];

#[test]
fn a_switch_that_the_daemon_does_not_survive_is_finished_by_the_next_one() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let (mut daemon, nat46) = installed(&lab, "")?;
    daemon.start()?;
    let hook = hook(&lab, &daemon)?;
    tell(&lab, &hook, "REQUEST", &[])?;
    settled("DHCPv4 carries IPv4", || wrong_with_dhcpv4(&lab, &daemon, &nat46))?;
    for moment in MOMENTS {
        let kill_after = |daemon: &mut dhcpmgr_lab::Daemon<'_>| -> Result {
            std::thread::sleep(Duration::from_millis(moment));
            daemon.kill()?;
            daemon.start()
        };
        tell(&lab, &hook, "RENEW", &[(95, hex(MAP_T))])?;
        kill_after(&mut daemon)?;
        settled("MAP-T carries IPv4", || wrong_with_map_t(&lab, &daemon, &nat46))
            .map_err(|error| Error::new(format!("killed {moment} ms after MAP-T came: {error}")))?;
        tell(&lab, &hook, "RENEW", &[])?;
        kill_after(&mut daemon)?;
        settled("DHCPv4 carries IPv4", || wrong_with_dhcpv4(&lab, &daemon, &nat46))
            .map_err(|error| Error::new(format!("killed {moment} ms after MAP-T went: {error}")))?;
    }
    Ok(())
}

#[test]
fn a_daemon_that_is_started_again_changes_nothing_while_map_t_carries() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let (mut daemon, nat46) = installed(&lab, "")?;
    daemon.start()?;
    let hook = hook(&lab, &daemon)?;
    tell(&lab, &hook, "REQUEST", &[(95, hex(MAP_T))])?;
    settled("MAP-T carries IPv4", || wrong_with_map_t(&lab, &daemon, &nat46))?;
    let (told, discovers) = (nat46.told()?, server.log().matches("DHCPDISCOVER").count());
    let monitor = lab.monitor()?;
    for stop in [true, false, true] {
        if stop {
            daemon.stop()?
        } else {
            daemon.kill()?
        }
        daemon.start()?;
        settled("MAP-T carries IPv4", || wrong_with_map_t(&lab, &daemon, &nat46))?;
        assert_eq!(nat46.told()?, told, "nat46 was told nothing");
        let events = daemon.cli().events()?;
        let news = |event: &dhcpmgr_lab::Event| {
            let of_dhcpv4 = event.client.as_deref() == Some("wan4") && event.event == "client-started";
            of_dhcpv4 || event.event.starts_with("softwire") || event.event == "ipv4-owner"
        };
        let news: Vec<_> = events.iter().filter(|event| news(event)).collect();
        assert!(news.is_empty(), "{news:?}");
    }
    let moved: Vec<_> = monitor.take().into_iter().filter(dhcpmgr_lab::Change::is_v4).collect();
    assert!(moved.is_empty(), "{moved:?}");
    assert_eq!(server.log().matches("DHCPDISCOVER").count(), discovers);
    Ok(())
}

#[test]
fn what_is_no_longer_offered_goes_when_the_next_daemon_starts() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let (mut daemon, nat46) = installed(&lab, "")?;
    daemon.start()?;
    let hook = hook(&lab, &daemon)?;
    tell(&lab, &hook, "REQUEST", &[(95, hex(MAP_T))])?;
    settled("MAP-T carries IPv4", || wrong_with_map_t(&lab, &daemon, &nat46))?;
    daemon.kill()?;
    // The message waits in the spool.
    tell(&lab, &hook, "RENEW", &[])?;
    daemon.start()?;
    settled("DHCPv4 carries IPv4", || wrong_with_dhcpv4(&lab, &daemon, &nat46))?;

    tell(&lab, &hook, "RENEW", &[(95, hex(MAP_T))])?;
    settled("MAP-T carries IPv4", || wrong_with_map_t(&lab, &daemon, &nat46))?;
    daemon.kill()?;
    // Nobody is left who could offer it.
    daemon.configure(&crate::given::one_client(""))?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert_eq!((nat46.told()?, lab.routes(SOFTWIRE)?.len()), (None, 0));
    assert_eq!(wan(&daemon)?["owner"], "dhcpv4");
    Ok(())
}
