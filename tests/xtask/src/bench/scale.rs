//! 64 bound clients that have nothing to do: memory, and how often the daemon wakes up for nothing.

use std::fmt::Write as _;
use std::time::Duration;

use dhcpmgr_lab::{Daemon, Error, Lab, Result, eventually_within};

use super::observer::ON;
use super::table::{Bound, Table};

const CLIENTS: u8 = 64;
const WATCHED: Duration = Duration::from_secs(10);

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::with_uplinks(CLIENTS)?;
    let _server = lab.kea().lease(7200).option("domain-name-servers", "192.0.2.53").start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.forget_files()?;
    daemon.configure(&config(&lab))?;
    daemon.start()?;
    await_bound(&daemon, usize::from(CLIENTS))?;
    std::thread::sleep(Duration::from_secs(2));

    let pid = daemon.process()?.pid();
    let before = wake_ups(pid)?;
    std::thread::sleep(WATCHED);
    let woken = wake_ups(pid)?.saturating_sub(before);
    table.add("resident memory with 64 bound clients", "MB", resident(pid)?, Bound::AtMost(8.0));
    for (part, what) in [("RssAnon", "its own"), ("RssFile", "of files")] {
        let bytes = field(&format!("/proc/{pid}/status"), part)? * 1024;
        table.add(
            &format!("resident memory with 64 bound clients: {what}"),
            "MB",
            bytes as f64 / 1e6,
            Bound::None,
        );
    }
    table.add("wake-ups in 10 idle seconds", "", woken as f64, Bound::AtMost(0.0));

    let without = resident(pid)?;
    daemon.configure(&(ON.to_owned() + &config(&lab)))?;
    daemon.cli().text(&["config", "reload"])?;
    std::thread::sleep(Duration::from_secs(2));
    let added = (resident(pid)? - without) * 1e3;
    table.add("resident memory that the observer adds", "kB", added, Bound::AtMost(256.0));
    let before = wake_ups(pid)?;
    std::thread::sleep(WATCHED);
    let woken = wake_ups(pid)?.saturating_sub(before);
    table.add("wake-ups in 10 idle seconds, observed", "", woken as f64, Bound::AtMost(0.0));
    Ok(())
}

/// A client for every uplink.
pub(super) fn config(lab: &Lab) -> String {
    let mut text = "[daemon]\nlog = \"warn\"\n[handlers.v4]\nmodule = \"libdhcpmgr_v4.so\"\nisolation = \"in-process\"\n".to_owned();
    for (index, uplink) in lab.uplinks.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "[clients.wan{index}]\nprotocol = \"v4\"\ninterface = \"{}\"\nprogram = \"udhcpc\"\nmetric = {}",
            uplink.interface,
            100 + index
        );
    }
    text
}

/// Waits until so many clients are bound.
pub(super) fn await_bound(daemon: &Daemon<'_>, count: usize) -> Result {
    eventually_within(Duration::from_secs(60), "all clients are bound", || {
        let status = daemon.cli().json(&["status"])?;
        let bound =
            status["clients"].as_array().into_iter().flatten().filter(|client| client["status"] == "Bound");
        Ok((bound.count() == count).then_some(()))
    })
}

/// A field of `/proc/PID/status`.
fn field(path: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let line = line.ok_or_else(|| Error::new(format!("{path} has no {name}")))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Resident memory, megabytes.
pub(super) fn resident(pid: impl std::fmt::Display) -> Result<f64> {
    Ok(field(&format!("/proc/{pid}/status"), "VmRSS")? as f64 * 1024.0 / 1e6)
}

/// Memory of its own, megabytes: what is not of files.
pub(super) fn own_memory(pid: impl std::fmt::Display) -> Result<f64> {
    Ok(field(&format!("/proc/{pid}/status"), "RssAnon")? as f64 * 1024.0 / 1e6)
}

/// Processor time of a process so far.
pub(super) fn processor_time(pid: impl std::fmt::Display) -> Result<Duration> {
    let path = format!("/proc/{pid}/schedstat");
    let text = std::fs::read_to_string(&path)?;
    let ns = text.split(' ').next().ok_or_else(|| Error::new(format!("{path} is empty")))?;
    Ok(Duration::from_nanos(ns.parse()?))
}

/// How often its threads gave the processor up to wait, in all.
fn wake_ups(pid: impl std::fmt::Display) -> Result<u64> {
    let mut sum = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        sum += field(&thread?.path().join("status").display().to_string(), "voluntary_ctxt_switches")?;
    }
    Ok(sum)
}
