//! One client's handler crashes in a loop; another client's leases arrive as ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhcpmgr_lab::{Binaries, Daemon, Error, Forged, Lab, Result, lab_or_skip, lease_of, lease_to_kernel};
use dhcpmgr_message::ClientEvent;

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

    let quiet = lease_to_kernel(&lab, &daemon, "wan", &lab.uplinks[0], 40)?;
    let loud = beside_crashes(&lab, &daemon)?;
    let (quiet, loud) = (median(quiet), median(loud));
    assert!(loud <= quiet * FACTOR + SMALL, "{loud:?} beside crashes, {quiet:?} without");

    let vendor = daemon.cli().handler("vendor")?;
    assert!(number(&vendor, "failures")? > 0 && number(&vendor, "restarts")? > 0, "{vendor}");
    assert_eq!(daemon.cli().handler("v4")?["failures"], 0);
    // Nobody puts it right any more: it is given up, and says why.
    dhcpmgr_lab::eventually("it is quarantined, with its reason", || {
        crash(&lab, &daemon)?;
        let vendor = daemon.cli().handler("vendor")?;
        let told = vendor["reason"].as_str().is_some_and(|reason| reason.contains("SIGSEGV"));
        Ok((vendor["state"] == "quarantined" && told).then_some(()))
    })?;
    daemon.process()?.must_run()
}

/// The same while the handler of the other client dies of every message, and is started again at once.
fn beside_crashes(lab: &Lab, daemon: &Daemon<'_>) -> Result<Vec<Duration>> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let crashing = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                crash(lab, daemon)?;
                std::thread::sleep(Duration::from_millis(60));
                daemon.cli().output(&["handler", "reset", "vendor"])?;
            }
            Ok::<_, Error>(())
        });
        let took = lease_to_kernel(lab, daemon, "wan", &lab.uplinks[0], 40);
        over.store(true, Ordering::Relaxed);
        crashing.join().map_err(|_| Error::new("the thread that sends messages failed"))??;
        took
    })
}

/// Two messages of the other client: the first one a fresh worker survives.
fn crash(lab: &Lab, daemon: &Daemon<'_>) -> Result {
    let (socket, row) = (daemon.lease_socket()?, daemon.cli().client("other")?);
    for _ in 0..2 {
        let message = Forged::of(&row, ClientEvent::Renew, lease_of(&lab.uplinks[1], 100))?;
        socket.ask(&message.bytes()?)?;
    }
    Ok(())
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}
