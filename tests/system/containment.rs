//! One client's handler crashes in a loop; another client's leases arrive as ever.

use std::time::Duration;

use dhcpmgr_lab::{Binaries, Crashing, Daemon, Lab, Result, lab_or_skip, lease_to_kernel, median};

use crate::given::{V4, client, number};

/// How much slower a busy machine may make it; `cargo xtask bench handlers` says how much it is.
const FACTOR: u32 = 5;
/// What is too short to be compared.
const SMALL: Duration = Duration::from_millis(20);

#[test]
fn a_handler_that_crashes_in_a_loop_does_not_slow_other_clients_down() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let _servers = [0, 1].map(|uplink| lab.dnsmasq(&lab.uplinks[uplink]).range(100, 100).start());
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_misbehaving")?)?;
    let vendor = "[handlers.vendor]\nmodule = \"libfixture_misbehaving.so\"\nclients = [\"other\"]\n\
                  [handlers.vendor.settings]\nmode = \"segfault\"\nafter = 1\n";
    let clients = client("wan", "wan0", 100, "") + &client("other", "wan1", 200, "");
    daemon.configure(&(clients + V4 + vendor))?;
    daemon.start()?;
    daemon.cli().wait_for("wan", "Bound")?;
    daemon.cli().wait_for("other", "Bound")?;

    let other = Crashing { daemon: &daemon, client: "other", uplink: &lab.uplinks[1] };
    let measure = || lease_to_kernel(&lab, &daemon, "wan", &lab.uplinks[0], 40);
    let (quiet, loud) = (median(measure()?)?, median(other.beside(measure)?)?);
    assert!(loud <= quiet * FACTOR + SMALL, "{loud:?} beside crashes, {quiet:?} without");

    let vendor = daemon.cli().handler("vendor")?;
    assert!(number(&vendor, "failures")? > 0 && number(&vendor, "restarts")? > 0, "{vendor}");
    assert_eq!(daemon.cli().handler("v4")?["failures"], 0);
    // Nobody puts it right any more: it is given up, and says why.
    dhcpmgr_lab::eventually("it is quarantined, with its reason", || {
        other.crash()?;
        let vendor = daemon.cli().handler("vendor")?;
        let told = vendor["reason"].as_str().is_some_and(|reason| reason.contains("SIGSEGV"));
        Ok((vendor["state"] == "quarantined" && told).then_some(()))
    })?;
    daemon.process()?.must_run()
}
