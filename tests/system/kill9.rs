//! The daemon is killed: nothing moves, what clients say meanwhile waits in the spool, and is taken at the start.

use std::time::Duration;

use dhcpmgr_lab::{Lab, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::given::{addresses, bound, configured, number, removals};

#[test]
fn what_a_client_says_while_the_daemon_is_dead_is_taken_when_it_is_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let monitor = lab.monitor()?;
    let pid = number(&daemon.cli().client("wan4")?, "pid")?;
    let udhcpc = Pid::from_raw(i32::try_from(pid)?);

    daemon.kill()?;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(addresses(&lab)?, ["10.77.0.100/24"]);
    assert!(lab.gateway.processes().contains(&udhcpc), "the client lives on");

    // It renews, and its shim finds nobody.
    kill(udhcpc, Signal::SIGUSR1)?;
    eventually("the message waits in the spool", || Ok((daemon.spooled().len() == 1).then_some(())))?;
    daemon.start()?;
    eventually("it is taken", || Ok(daemon.spooled().is_empty().then_some(())))?;
    eventually("and known", || {
        let why = daemon.cli().json(&["why", "wan4"])?;
        let exchanges = why["exchanges"].as_array().cloned().unwrap_or_default();
        Ok(exchanges.iter().any(|exchange| exchange["event"] == "renew").then_some(()))
    })?;
    assert!(daemon.cli().counter("replayed")? >= 1);
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    assert!(removals(&monitor.take()).is_empty());
    Ok(())
}

#[test]
fn a_restart_of_the_daemon_moves_nothing_and_leaves_one_client() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let monitor = lab.monitor()?;
    for hard in [false, true] {
        if hard {
            daemon.kill()?
        } else {
            daemon.stop()?
        }
        assert_eq!(addresses(&lab)?, ["10.77.0.100/24"], "killed: {hard}");
        daemon.start()?;
        daemon.cli().wait_for("wan4", "Bound")?;
        configured(&lab, 100)?;
        let clients = || lab.gateway.processes().into_iter().filter(|pid| runs(*pid, "udhcpc")).count();
        eventually("exactly one udhcpc runs", || Ok((clients() == 1).then_some(())))?;
    }
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    Ok(())
}

/// A shim whose patience ended leaves its message in the spool while the next one is answered.
#[test]
fn a_message_in_the_spool_that_was_overtaken_changes_nothing() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let udhcpc = Pid::from_raw(i32::try_from(number(&daemon.cli().client("wan4")?, "pid")?)?);
    daemon.kill()?;
    kill(udhcpc, Signal::SIGUSR1)?;
    eventually("the message waits in the spool", || Ok((daemon.spooled().len() == 1).then_some(())))?;
    let older = daemon.spooled().remove(0);
    let aside = lab.dir().join("older");
    std::fs::rename(&older, &aside)?;
    daemon.start()?;
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "lease-renewed", 1)?;
    std::fs::rename(&aside, &older)?;
    eventually("it is read", || Ok(daemon.spooled().is_empty().then_some(())))?;
    let why = eventually("and known", || {
        let why = daemon.cli().json(&["why", "wan4"])?;
        Ok(why.to_string().contains("the lease in force is newer").then_some(why))
    })?;
    assert_eq!(why["client"]["status"], "Bound");
    assert_eq!(daemon.cli().kinds("wan4")?.iter().filter(|kind| *kind == "lease-renewed").count(), 1);
    Ok(())
}

#[test]
fn a_message_in_the_spool_that_is_no_message_is_set_aside() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    daemon.kill()?;
    let spool = daemon.root().join("run/dhcpmgr/spool");
    std::fs::create_dir_all(&spool)?;
    std::fs::write(
        spool.join(dhcpmgr_message::context::spool_file_name(1, 1)),
        b"\x91\x91\x91 not a message",
    )?;
    std::fs::write(spool.join(dhcpmgr_message::context::spool_file_name(2, 2)), vec![0; 200_000])?;
    daemon.start()?;
    eventually("both are set aside", || {
        let aside = std::fs::read_dir(&spool)?
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "refused"));
        Ok((aside.count() == 2).then_some(()))
    })?;
    assert!(daemon.spooled().is_empty(), "{:?}", daemon.spooled());
    assert!(daemon.cli().counter("malformed")? >= 1);
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

fn runs(pid: Pid, program: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == program)
}
