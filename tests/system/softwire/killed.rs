//! The daemon is killed in the middle of a switch, at many moments, and stopped and started while MAP-T carries. The next
//! one brings it to the right end; nothing flaps, and nothing is left of what is no longer offered.

use std::time::Duration;

use dhcpmgr_lab::{Error, Lab, Result, lab_or_skip};

use super::given::{Home, MAP_T, SOFTWIRE, hex, wan};

/// After the hook has ended, milliseconds: from before anything is done until after everything is.
const MOMENTS: [u64; 9] = [0, 1, 3, 6, 12, 25, 50, 100, 200];

#[test]
fn a_switch_that_the_daemon_does_not_survive_is_finished_by_the_next_one() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut home = Home::with_dhcpv4(&lab)?;
    for moment in MOMENTS {
        let kill_after = |daemon: &mut dhcpmgr_lab::Daemon<'_>| -> Result {
            std::thread::sleep(Duration::from_millis(moment));
            daemon.kill()?;
            daemon.start()
        };
        home.tell("RENEW", &[(95, hex(MAP_T))])?;
        kill_after(&mut home.daemon)?;
        home.map_t_carries()
            .map_err(|error| Error::new(format!("killed {moment} ms after MAP-T came: {error}")))?;
        home.tell("RENEW", &[])?;
        kill_after(&mut home.daemon)?;
        home.dhcpv4_carries()
            .map_err(|error| Error::new(format!("killed {moment} ms after MAP-T went: {error}")))?;
    }
    Ok(())
}

#[test]
fn a_daemon_that_is_started_again_changes_nothing_while_map_t_carries() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut home = Home::with_map_t(&lab)?;
    let (told, discovers) = (home.nat46.told()?, home.server.log().matches("DHCPDISCOVER").count());
    let monitor = lab.monitor()?;
    for stop in [true, false, true] {
        if stop {
            home.daemon.stop()?
        } else {
            home.daemon.kill()?
        }
        home.daemon.start()?;
        home.map_t_carries()?;
        assert_eq!(home.nat46.told()?, told, "nat46 was told nothing");
        let events = home.daemon.cli().events()?;
        let news = |event: &dhcpmgr_lab::Event| {
            let of_dhcpv4 = event.client.as_deref() == Some("wan4") && event.event == "client-started";
            of_dhcpv4 || event.event.starts_with("softwire") || event.event == "ipv4-owner"
        };
        let news: Vec<_> = events.iter().filter(|event| news(event)).collect();
        assert!(news.is_empty(), "{news:?}");
    }
    let moved: Vec<_> = monitor.take().into_iter().filter(dhcpmgr_lab::Change::is_v4).collect();
    assert!(moved.is_empty(), "{moved:?}");
    assert_eq!(home.server.log().matches("DHCPDISCOVER").count(), discovers);
    Ok(())
}

#[test]
fn what_is_no_longer_offered_goes_when_the_next_daemon_starts() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut home = Home::with_map_t(&lab)?;
    home.daemon.kill()?;
    // The message waits in the spool.
    home.tell("RENEW", &[])?;
    home.daemon.start()?;
    home.dhcpv4_carries()?;

    home.tell("RENEW", &[(95, hex(MAP_T))])?;
    home.map_t_carries()?;
    home.daemon.kill()?;
    // Nobody is left who could offer it.
    home.daemon.configure(&crate::given::one_client(""))?;
    home.daemon.start()?;
    home.daemon.cli().wait_for("wan4", "Bound")?;
    assert_eq!((home.nat46.told()?, lab.routes(SOFTWIRE)?.len()), (None, 0));
    assert_eq!(wan(&home.daemon)?["owner"], "dhcpv4");
    Ok(())
}
