//! Programs that are run for events of real leases.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Lab, Result, eventually, lab_or_skip};

use crate::given::{configured, one_client};

/// A daemon with a hook that runs this script for these events; its OUT is the directory that comes with it.
fn with_hook<'lab>(lab: &'lab Lab, client: &str, body: &str, keys: &str) -> Result<(Daemon<'lab>, PathBuf)> {
    let mut daemon = Daemon::install(lab)?;
    let (program, out) = (daemon.root().join("hook"), daemon.root().join("out"));
    fs::create_dir(&out)?;
    fs::write(&program, format!("#!/bin/sh\nOUT={}\n{body}\n", out.display()))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    // Below a directory that is only this user's; who root becomes without being told is proven elsewhere.
    let hook = format!("[hooks.site]\nrun = [\"{}\"]\nuser = \"root\"\n{keys}\n", program.display());
    daemon.configure(&(one_client(client) + &hook))?;
    daemon.start()?;
    Ok((daemon, out))
}

#[test]
fn a_hook_is_told_of_a_lease_and_inherits_nothing() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let body =
        "env > $OUT/env; cat > $OUT/event; ls /proc/self/fd | tr '\\n' ' ' > $OUT/fds; echo > $OUT/done";
    let (daemon, out) = with_hook(&lab, "", body, "events = [\"lease-acquired\"]")?;
    eventually("the hook ran", || Ok(out.join("done").exists().then_some(())))?;
    let event: serde_json::Value = serde_json::from_str(&fs::read_to_string(out.join("event"))?)?;
    assert_eq!(event["event"], "lease-acquired");
    assert_eq!(event["lease"]["dns"], serde_json::json!(["192.0.2.53"]));
    let env = fs::read_to_string(out.join("env"))?;
    for line in ["DHCPMGR_CLIENT=wan4", "DHCPMGR_INTERFACE=wan0", "DHCPMGR_DNS=192.0.2.53"] {
        assert!(env.lines().any(|said| said == line), "{line}: {env}");
    }
    assert!(!env.contains("CARGO"), "nothing of the daemon's own: {env}");
    assert_eq!(fs::read_to_string(out.join("fds"))?, "0 1 2 3 ", "3 is the listing's own");
    assert!(!daemon.cli().events()?.iter().any(|event| event.event == "hook-failed"));
    Ok(())
}

#[test]
fn a_hook_that_hangs_delays_no_lease_and_is_told_of() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let keys = "events = [\"lease-acquired\", \"lease-renewed\"]\ntimeout_ms = 3000";
    let (daemon, out) = with_hook(&lab, "", "echo $$ >> $OUT/pids; exec sleep 300", keys)?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    eventually("the hook hangs", || Ok(out.join("pids").exists().then_some(())))?;
    let start = Instant::now();
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    let before_its_end = cli.events()?.iter().all(|event| event.event != "hook-failed");
    assert!(before_its_end || start.elapsed() > Duration::from_secs(2), "the renewal waited for the hook");
    let failed = cli.wait_for_event("wan4", "hook-failed", 1)?;
    assert_eq!(failed.fields["hook"], "site");
    assert!(failed.detail.as_deref().is_some_and(|what| what.contains("3000 ms")), "{failed:?}");
    Ok(())
}

#[test]
fn the_last_words_of_a_client_reach_a_hook_while_the_daemon_ends() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let client = "on_stop = \"release\"";
    let (mut daemon, out) =
        with_hook(&lab, client, "echo $DHCPMGR_EVENT >> $OUT/log", "events = [\"lease-lost\"]")?;
    daemon.cli().wait_for("wan4", "Bound")?;
    daemon.stop()?;
    assert_eq!(fs::read_to_string(out.join("log"))?, "lease-lost\n");
    Ok(())
}

#[test]
fn a_program_that_others_may_write_is_refused_by_check_and_by_a_reload() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let (daemon, out) = with_hook(&lab, "", "echo >> $OUT/log", "events = [\"lease-renewed\"]")?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let (status, said) = daemon.check()?;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("hook site: right, runs as root"), "{said}");
    fs::set_permissions(daemon.root().join("hook"), Permissions::from_mode(0o777))?;
    let (status, said) = daemon.check()?;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("writable by others"), "{said}");
    assert!(!daemon.cli().output(&["config", "reload"])?.status.success());
    // It runs no more, however it was when the daemon was started.
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "hook-failed", 1)?;
    assert!(!out.join("log").exists());
    Ok(())
}
