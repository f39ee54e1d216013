//! What a handler that crashes in a loop costs others, and how long a worker takes to be there again.

use std::time::{Duration, Instant};

use dhcpmgr_lab::{Binaries, Crashing, Daemon, Lab, Result, eventually, lease_to_kernel, median};

use super::scale::{await_bound, config};
use super::table::{Bound, Table};

/// Leases of one phase; phases with and without crashes take turns.
const RUNS: u8 = 120;
const PHASES: usize = 4;
/// How often a worker that was given up is started again.
const RESTARTS: usize = 9;

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::with_uplinks(2)?;
    let _server = lab.kea().lease(7200).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_misbehaving")?)?;
    let vendor = "[handlers.vendor]\nmodule = \"libfixture_misbehaving.so\"\nclients = [\"wan1\"]\n\
                  [handlers.vendor.settings]\nmode = \"segfault\"\nafter = 1\n";
    daemon.configure(&(config(&lab) + vendor))?;
    daemon.start()?;
    await_bound(&daemon, 2)?;
    let other = Crashing { daemon: &daemon, client: "wan1", uplink: &lab.uplinks[1] };
    let measure = || lease_to_kernel(&lab, &daemon, "wan0", &lab.uplinks[0], RUNS);
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    for _ in 0..PHASES {
        quiet.extend(measure()?);
        loud.extend(other.beside(measure)?);
    }
    let (quiet, loud) = (median(quiet)?, median(loud)?);
    let what = "lease to kernel, another client's handler crashes in a loop";
    table.beside(what, "ms", millis(loud), millis(quiet), Bound::TimesFloor(1.1));
    let crashes = daemon.cli().handler("vendor")?["restarts"].as_u64().unwrap_or_default();
    table.add("… crashes meanwhile", "", crashes as f64, Bound::AtLeast(20.0));
    restart(&other, table)
}

/// From the order to start a worker that was given up until it has answered that it is there, less what a question
/// costs that starts nothing.
fn restart(other: &Crashing<'_>, table: &mut Table) -> Result {
    let cli = other.daemon.cli();
    let timed = |arguments: &[&str]| {
        let start = Instant::now();
        cli.text(arguments).map(|_| start.elapsed())
    };
    let (mut orders, mut questions) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        eventually("it is given up", || {
            other.crash()?;
            std::thread::sleep(Duration::from_millis(50));
            Ok((cli.handler("vendor")?["state"] == "quarantined").then_some(()))
        })?;
        questions.push(timed(&["handler", "list"])?);
        orders.push(timed(&["handler", "reset", "vendor"])?);
    }
    let took = median(orders)?.saturating_sub(median(questions)?);
    table.add("a worker is started again, median", "ms", millis(took), Bound::AtMost(20.0));
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
