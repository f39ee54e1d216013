//! MAP-T comes and goes on a WAN with DHCPv4: each takes the WAN from the other, nothing of the one before is left
//! anywhere, and it is quick.

use std::time::{Duration, Instant};

use dhcpmgr_lab::{Error, Kind, Lab, Result, eventually, lab_or_skip, say};

use super::given::{Home, MAP_T, SOFTWIRE, defaults, hex, wan};

/// How often it goes there and back.
const ROUNDS: usize = 20;
/// What an idle machine never needs; six tests at once on two processors may.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn map_t_and_dual_stack_twenty_times_in_both_directions() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let home = Home::with_dhcpv4(&lab)?;

    let map_t = [(95, hex(MAP_T))];
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let monitor = lab.monitor()?;
        let began = home.tell("RENEW", &map_t)?;
        there.push(until(began, || Ok(defaults(&lab)? == [(SOFTWIRE.to_owned(), 99)]))?);
        home.map_t_carries().map_err(|error| Error::new(format!("round {round}: {error}")))?;
        // The new way is there before the old one goes.
        let moved: Vec<_> = monitor.take().into_iter().filter(is_default).collect();
        let kinds: Vec<_> = moved.iter().map(|change| (change.kind, change.metric)).collect();
        assert_eq!(kinds, [(Kind::NewRoute, 99), (Kind::DelRoute, 100)], "round {round}");

        let began = home.tell("RENEW", &[])?;
        back.push(until(began, || Ok(defaults(&lab)? == [("wan0".to_owned(), 100)]))?);
        home.dhcpv4_carries().map_err(|error| Error::new(format!("round {round}: {error}")))?;
        let moved: Vec<_> = monitor.take().into_iter().filter(is_default).collect();
        let kinds: Vec<_> = moved.iter().map(|change| (change.kind, change.metric)).collect();
        assert_eq!(kinds, [(Kind::DelRoute, 99), (Kind::NewRoute, 100)], "round {round}");
    }
    let commands = ["add", "config", "del"].map(|command| home.nat46.count(command));
    let commands = commands.into_iter().collect::<Result<Vec<_>>>()?;
    assert_eq!(commands, [ROUNDS; 3], "nat46 was told each thing once");
    let kinds = home.daemon.cli().kinds("wan6")?;
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("softwire-up"), count("softwire-down")), (ROUNDS, ROUNDS), "{kinds:?}");
    // From DHCPv4 to MAP-T, from MAP-T to nothing, and to DHCPv4.
    assert_eq!(count("ipv4-owner"), 3 * ROUNDS, "{kinds:?}");
    say(&format!("dual stack to MAP-T {}, MAP-T to dual stack {}", spread(&mut there), spread(&mut back)));
    Ok(())
}

/// How long it took since then.
fn until(began: Instant, mut is_so: impl FnMut() -> Result<bool>) -> Result<Duration> {
    loop {
        if is_so()? {
            return Ok(began.elapsed());
        }
        if began.elapsed() > BOUND {
            return Err(Error::new(format!("not within {BOUND:?}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_default(change: &dhcpmgr_lab::Change) -> bool {
    let of_routes = matches!(change.kind, Kind::NewRoute | Kind::DelRoute);
    of_routes && change.subject.is_some_and(|(address, len)| address.is_ipv4() && len == 0)
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("{:.0} ms (median), {:.0} ms (most)", at(50), at(100))
}

#[test]
fn another_order_in_the_configuration_takes_effect_at_once() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let home = Home::with_map_t(&lab)?;
    let refused = home.daemon.cli().output(&["renew", "wan4"])?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("stands aside: IPv4 comes over map-t of wan6"), "{said}");

    let first = "[softwire.interfaces.wan0]\norder = [\"dhcpv4\", \"map-t\"]\n";
    home.daemon.configure(&(super::given::dual() + first))?;
    home.daemon.cli().text(&["config", "reload"])?;
    // It keeps the WAN until DHCPv4 has a lease: nobody is without IPv4 for a better order.
    eventually("DHCPv4 has the WAN", || {
        Ok((wan(&home.daemon)?["owner"] == "dhcpv4" && home.nat46.told()?.is_none()).then_some(()))
    })?;
    let row = wan(&home.daemon)?;
    assert_eq!(row["offered"][0]["obstacle"], "dhcpv4 goes before it", "{row}");
    let why = home.daemon.cli().text(&["why", "wan4"])?;
    assert!(why.contains("IPv4 on wan0") && why.contains("map-t, but dhcpv4 goes before it"), "{why}");

    home.daemon.cli().text(&["disable", "wan4"])?;
    eventually("without DHCPv4 it is MAP-T", || Ok((wan(&home.daemon)?["owner"] == "map-t").then_some(())))?;
    home.daemon.cli().text(&["enable", "wan4"])?;
    home.daemon.configure(&(super::given::dual() + "[softwire]\norder = []\n"))?;
    home.daemon.cli().text(&["config", "reload"])?;
    eventually("a softwire that is in no order is not used", || {
        let (told, row) = (home.nat46.told()?, wan(&home.daemon)?);
        if told.is_none() && row["owner"] == "dhcpv4" {
            return Ok(Some(()));
        }
        Err(Error::new(format!("{told:?} {row} {}", home.daemon.cli().client("wan4")?)))
    })
}

#[test]
fn an_interface_that_somebody_takes_away_is_made_again_or_dhcpv4_comes_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let home = Home::with_map_t(&lab)?;
    lab.gateway.ip(&["link", "del", SOFTWIRE])?;
    let failed = home.daemon.cli().wait_for_event("wan6", "softwire-failed", 1)?;
    assert_eq!(failed.fields["kind"], "map-t", "{failed:?}");
    // What stands in for the module does not make it again.
    eventually("DHCPv4 carries IPv4", || Ok((wan(&home.daemon)?["owner"] == "dhcpv4").then_some(())))?;
    let why = home.daemon.cli().text(&["why", "wan6"])?;
    assert!(why.contains("map-t, but it could not be raised: "), "{why}");
    assert!(home.nat46.told()?.is_none(), "nothing of it is left");
    // It is tried again after 5, 10 and 20 s.
    home.nat46.make_interface(&lab)?;
    home.map_t_carries()
}
