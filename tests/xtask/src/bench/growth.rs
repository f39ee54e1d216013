//! A long life: 64 clients whose leases go through five handlers, four of them in workers. What grows is what leaks.

use std::time::Duration;

use dhcpmgr_lab::{Binaries, Daemon, Error, Forged, Lab, Result, lease_of};
use dhcpmgr_message::ClientEvent;

use super::scale::{await_bound, config, resident};
use super::table::{Bound, Table};

const CLIENTS: u8 = 64;
const EVENTS: usize = 100_000;
/// Rounds of one lease for each client before it counts: buffers grow to what they need, and the events that are kept are
/// all there.
const WARM: usize = 100;
/// For one lease in four workers, and as much again: nobody is asked more than he can answer.
const PAUSE: Duration = Duration::from_micros(600);

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::with_uplinks(CLIENTS)?;
    let _server = lab.kea().lease(7200).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_good")?)?;
    let workers = ["w1", "w2", "w3", "w4"];
    let section =
        |name: &&str| format!("[handlers.{name}]\nmodule = \"libfixture_good.so\"\ndeadline_ms = 5000\n");
    let sections: String = workers.iter().map(section).collect();
    daemon.configure(&(config(&lab) + &sections))?;
    daemon.start()?;
    await_bound(&daemon, usize::from(CLIENTS))?;
    let (socket, cli) = (daemon.lease_socket()?, daemon.cli());
    let mut pids =
        vec![("the daemon".to_owned(), u64::from(daemon.process()?.pid().as_raw().unsigned_abs()))];
    for name in workers {
        let row = cli.handler(name)?;
        let pid = row["pid"].as_u64().ok_or_else(|| Error::new(format!("{name} has no worker")))?;
        pids.push((format!("worker {name}"), pid));
    }
    let rows: Vec<_> =
        (0..CLIENTS).map(|number| cli.client(&format!("wan{number}"))).collect::<Result<_>>()?;
    let round = || -> Result {
        for (row, uplink) in rows.iter().zip(&lab.uplinks) {
            let message = Forged::of(row, ClientEvent::Renew, lease_of(uplink, 100))?;
            socket.ask(&message.bytes()?)?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    };
    (0..WARM).try_for_each(|_| round())?;
    let before = sizes(&pids)?;
    let asked = calls(&daemon, &workers)?;
    let rounds = EVENTS.div_ceil(usize::from(CLIENTS));
    (0..rounds).try_for_each(|_| round())?;
    std::thread::sleep(Duration::from_secs(1));
    for (((who, _), before), after) in pids.iter().zip(before).zip(sizes(&pids)?) {
        let what = format!("memory that {who} took for 64 clients x 100,000 leases, 5 handlers");
        table.add(&what, "MB", after - before, Bound::AtMost(0.5));
    }
    let answered = calls(&daemon, &workers)? - asked;
    table.add("… calls of the four workers, of 400,000", "", answered as f64, Bound::AtLeast(400_000.0));
    Ok(())
}

fn sizes(pids: &[(String, u64)]) -> Result<Vec<f64>> {
    pids.iter().map(|(_, pid)| resident(pid)).collect()
}

/// Calls that were answered.
fn calls(daemon: &Daemon<'_>, handlers: &[&str]) -> Result<u64> {
    let mut sum = 0;
    for name in handlers {
        let row = daemon.cli().handler(name)?;
        let number = |field: &str| row[field].as_u64().unwrap_or_default();
        sum += number("calls") - number("failures");
    }
    Ok(sum)
}
