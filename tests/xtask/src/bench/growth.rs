//! A long life: 64 clients whose leases go through five handlers, four of them in workers. What grows is what leaks.

use dhcpmgr_lab::{Binaries, Daemon, Error, Forged, Lab, Result, eventually, lease_of};
use dhcpmgr_message::ClientEvent;

use super::scale::{await_bound, config, resident};
use super::table::{Bound, Table};

const CLIENTS: u8 = 64;
const LEASES: usize = 100_000;
const WORKERS: [&str; 4] = ["w1", "w2", "w3", "w4"];
/// Leases of each client that are on their way at once: nobody is asked more than he can answer.
const AT_ONCE: usize = 4;
/// Before it counts: buffers grow to what they need, the events that are kept are all there, and the allocator has seen
/// every mixture of what lives at once.
const WARM: usize = 50_000;

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::with_uplinks(CLIENTS)?;
    let _server = lab.kea().lease(7200).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_good")?)?;
    let section =
        |name: &&str| format!("[handlers.{name}]\nmodule = \"libfixture_good.so\"\ndeadline_ms = 5000\n");
    let sections: String = WORKERS.iter().map(section).collect();
    daemon.configure(&(config(&lab) + &sections))?;
    daemon.start()?;
    await_bound(&daemon, usize::from(CLIENTS))?;
    let (socket, cli) = (daemon.lease_socket()?, daemon.cli());
    let mut pids =
        vec![("the daemon".to_owned(), u64::from(daemon.process()?.pid().as_raw().unsigned_abs()))];
    for name in WORKERS {
        let row = cli.handler(name)?;
        let pid = row["pid"].as_u64().ok_or_else(|| Error::new(format!("{name} has no worker")))?;
        pids.push((format!("worker {name}"), pid));
    }
    let rows: Vec<_> =
        (0..CLIENTS).map(|number| cli.client(&format!("wan{number}"))).collect::<Result<_>>()?;
    let send = |leases: usize| -> Result {
        let mut sent = 0;
        while sent < leases {
            let answered = calls(&daemon)?;
            for (row, uplink) in (0..AT_ONCE).flat_map(|_| rows.iter().zip(&lab.uplinks)) {
                let message = Forged::of(row, ClientEvent::Renew, lease_of(uplink, 100))?;
                socket.ask(&message.bytes()?)?;
            }
            let more = AT_ONCE * rows.len();
            sent += more;
            let all = answered + (more * WORKERS.len()) as u64;
            eventually("every worker has answered", || Ok((calls(&daemon)? >= all).then_some(())))?;
        }
        Ok(())
    };
    send(WARM)?;
    let before = sizes(&pids)?;
    send(LEASES)?;
    for (((who, _), before), after) in pids.iter().zip(before).zip(sizes(&pids)?) {
        let what = format!("memory that {who} took for 100,000 leases of 64 clients, 5 handlers");
        table.add(&what, "MB", after - before, Bound::AtMost(0.5));
    }
    Ok(())
}

fn sizes(pids: &[(String, u64)]) -> Result<Vec<f64>> {
    pids.iter().map(|(_, pid)| resident(pid)).collect()
}

/// Calls that the workers have answered.
fn calls(daemon: &Daemon<'_>) -> Result<u64> {
    let rows = daemon.cli().json(&["handler", "list"])?;
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let answered = rows.iter().filter(|row| row["isolation"] == "worker").map(|row| {
        let number = |field: &str| row[field].as_u64().unwrap_or_default();
        number("calls") - number("failures")
    });
    Ok(answered.sum())
}
