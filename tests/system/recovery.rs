//! A client that fails is brought back, each time in the way that fits, and never by hammering.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use dhcpmgr_lab::{Cli, Daemon, Lab, MessageType, Result, eventually, eventually_within, lab_or_skip};
use nix::mount::{MsFlags, mount, umount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::given::{bound, bound_with, configured, number, one_client, removals};

/// A budget of two restarts, and a search for servers that takes two seconds.
const SMALL: &str = "discover_attempts = 1\ndiscover_interval = 1\ndiscover_pause = 1\n\
                     [clients.wan4.recovery]\nrestarts = 2\nwindow_s = 60\nslow_s = 30\n";

/// As [`SMALL`], and silence is noticed after four seconds.
const IMPATIENT: &str = "discover_attempts = 1\ndiscover_interval = 1\ndiscover_pause = 1\n\
                         [clients.wan4.recovery]\nstuck_s = 4\n";

fn pid(cli: &Cli) -> Result<Option<Pid>> {
    let pid = cli.client("wan4")?["pid"].as_i64();
    Ok(pid.map(|pid| Pid::from_raw(pid as i32)))
}

fn running(cli: &Cli) -> Result<Pid> {
    eventually("a client runs", || pid(cli))
}

/// Kills the client as often as it is started until it is an error.
fn kill_until_error(cli: &Cli) -> Result<Value> {
    eventually("its restarts are used up", || {
        let client = cli.client("wan4")?;
        if client["status"] == "Error" {
            return Ok(Some(client));
        }
        if let Some(pid) = client["pid"].as_i64() {
            // It may have ended since.
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        }
        Ok(None)
    })
}

fn milliseconds(time: &str) -> Result<i64> {
    // 2026-11-23T05:08:44.120Z, within a day.
    let parts = time.get(11..23).ok_or_else(|| dhcpmgr_lab::Error::new(time.to_owned()))?;
    let fields: Vec<i64> = parts.split([':', '.']).filter_map(|field| field.parse().ok()).collect();
    let [hours, minutes, seconds, ms] = fields[..] else {
        return Err(dhcpmgr_lab::Error::new(time.to_owned()));
    };
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn reason(client: &Value) -> &str {
    client["reason"].as_str().unwrap_or_default()
}

#[test]
fn a_client_that_dies_is_running_again_at_once() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    kill(running(&cli)?, Signal::SIGKILL)?;
    let failed = cli.wait_for_event("wan4", "client-failed", 1)?;
    let started = cli.wait_for_event("wan4", "client-started", 2)?;
    let took = milliseconds(&started.time)? - milliseconds(&failed.time)?;
    // The target of 20 ms is measured by the benchmark; this machine may be busy.
    assert!((0..200).contains(&took), "{took} ms");
    assert!(failed.detail.as_deref().is_some_and(|d| d.contains("SIGKILL") && d.contains("at once")));
    assert_eq!(failed.fields["path"], "restart");
    cli.wait_for("wan4", "Bound")?;
    let recovery = &cli.json(&["why", "wan4"])?["recovery"];
    assert_eq!((&recovery["restarts_left"], &recovery["standing"]), (&9.into(), &"trusted".into()));
    Ok(())
}

#[test]
fn a_client_that_keeps_dying_is_an_error_also_for_the_next_daemon_until_the_operator_starts_over() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound_with(&lab, SMALL)?;
    let (cli, monitor) = (daemon.cli(), lab.monitor()?);
    let client = kill_until_error(&cli)?;
    assert!(client["pid"].is_null(), "{client}");
    assert!(reason(&client).contains("`dhcpmgr restart wan4`"), "{client}");
    let kinds = cli.kinds("wan4")?;
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("client-failed"), count("client-started")), (3, 3), "{kinds:?}");
    assert_eq!(count("recovery-escalated"), 1, "{kinds:?}");
    let why = cli.text(&["why", "wan4"])?;
    assert!(why.contains("0 of 2 within 1m") && why.contains("next try"), "{why}");

    daemon.kill()?;
    daemon.start()?;
    let client = cli.client("wan4")?;
    assert_eq!(client["status"], "Error", "the budget outlives the daemon: {client}");
    assert!(client["pid"].is_null(), "{client}");
    assert!(number(&cli.json(&["why", "wan4"])?["recovery"], "next_try_in")? > 10);
    configured(&lab, 100)?;
    assert!(removals(&monitor.take()).is_empty(), "the lease is in force all the time");

    cli.text(&["restart", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    assert_eq!(cli.json(&["why", "wan4"])?["recovery"]["restarts_left"], 2);
    configured(&lab, 100)
}

#[test]
fn after_the_budget_it_is_tried_slowly_and_trusted_again_when_it_has_held_a_lease() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let fast = "[clients.wan4.recovery]\nrestarts = 1\nwindow_s = 4\nslow_s = 4\nsteady_s = 3\n";
    let (_server, daemon) = bound_with(&lab, fast)?;
    let cli = daemon.cli();
    kill_until_error(&cli)?;
    let escalated = cli.wait_for_event("wan4", "recovery-escalated", 1)?;
    let again = cli.wait_for_event("wan4", "client-started", 3)?;
    let waited = milliseconds(&again.time)? - milliseconds(&escalated.time)?;
    assert!((3_000..=6_000).contains(&waited), "4 s and a quarter either way: {waited} ms");
    cli.wait_for("wan4", "Bound")?;
    cli.wait_for_event("wan4", "client-recovered", 1)?;
    assert_eq!(cli.json(&["why", "wan4"])?["recovery"]["standing"], "trusted");
    Ok(())
}

#[test]
fn a_frozen_client_is_noticed_and_started_again() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = lab.daemon(&one_client(IMPATIENT))?;
    let cli = daemon.cli();
    // Nobody answers; that alone is no reason for anything.
    cli.wait_for_event("wan4", "server-silent", 1)?;
    let frozen = running(&cli)?;
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(running(&cli)?, frozen, "a client that searches in vain is left alone");
    let status = cli.client("wan4")?;
    assert!(reason(&status).starts_with("no server has answered"), "{status}");

    kill(frozen, Signal::SIGSTOP)?;
    let stuck = cli.wait_for_event("wan4", "client-stuck", 1)?;
    assert!(stuck.detail.is_some_and(|detail| detail.contains("no sign of life")));
    let after = eventually("another one runs", || Ok(pid(&cli)?.filter(|pid| *pid != frozen)))?;
    assert!(!lab.gateway.processes().contains(&frozen), "the frozen one is gone");
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    cli.wait_for("wan4", "Bound")?;
    assert_eq!(running(&cli)?, after);
    configured(&lab, 100)
}

#[test]
fn a_client_whose_hook_hangs_is_only_reported_where_that_is_the_policy() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(&format!("{IMPATIENT}on_stuck = \"report\"\n")))?;
    let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-udhcpc");
    fs::rename(&shim, shim.with_extension("real"))?;
    script(&shim, "exec sleep 600")?;
    daemon.start()?;
    let cli = daemon.cli();
    cli.wait_for_event("wan4", "client-stuck", 1)?;
    let client = cli.client("wan4")?;
    assert!(reason(&client).contains("no sign of life"), "{client}");
    assert_eq!(client["restarts"], 0, "{client}");

    // The operator's restart ends the hook too, and the next hook works.
    fs::remove_file(&shim)?;
    fs::rename(shim.with_extension("real"), &shim)?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    cli.text(&["restart", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn a_bound_client_that_does_not_react_to_a_renewal_is_started_again_and_the_lease_stays() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound_with(&lab, IMPATIENT)?;
    let (cli, monitor) = (daemon.cli(), lab.monitor()?);
    kill(running(&cli)?, Signal::SIGSTOP)?;
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "client-stuck", 1)?;
    cli.wait_for_event("wan4", "client-started", 2)?;
    cli.wait_for("wan4", "Bound")?;
    assert!(removals(&monitor.take()).is_empty());
    configured(&lab, 100)
}

/// udhcpc asks for more time after half of the lease, here after 15 s; this one does not.
#[test]
fn a_bound_client_that_never_asks_for_more_time_is_started_again_before_its_lease_ends() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.kea().lease(20).start()?;
    let daemon = lab.daemon(&one_client(IMPATIENT))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let monitor = lab.monitor()?;
    kill(running(&cli)?, Signal::SIGSTOP)?;
    let stuck = cli.wait_for_event_within(Duration::from_secs(27), "wan4", "client-stuck", 1)?;
    assert!(stuck.detail.is_some_and(|detail| detail.contains("should have extended its lease")));
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    assert!(removals(&monitor.take()).is_empty());
    let kinds = cli.kinds("wan4")?;
    assert!(!kinds.iter().any(|kind| kind == "lease-lost"), "{kinds:?}");
    configured(&lab, 100)
}

#[test]
fn a_client_without_the_right_to_send_is_disabled_until_it_has_it() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let real = lab.dir().join("busybox");
    fs::copy("/bin/busybox", &real)?;
    let powerless = lab.dir().join("powerless");
    // In a user namespace of its own it has no power over the network of this one, root or not.
    script(&powerless, &format!("exec unshare --user {} udhcpc \"$@\"", real.display()))?;
    over_busybox(&lab, &powerless)?;
    let daemon = lab.daemon(&one_client(""))?;
    let cli = daemon.cli();
    let disabled = cli.wait_for_event("wan4", "recovery-disabled", 1)?;
    assert!(disabled.detail.is_some_and(|detail| detail.contains("Operation not permitted")));
    let recovery = cli.json(&["why", "wan4"])?["recovery"].clone();
    assert!(number(&recovery, "next_try_in")? > 600, "only a start can show it: {recovery}");
    assert_eq!(recovery["restarts_left"], 10, "{recovery}");

    lab.gateway.run(|| Ok(umount("/bin/busybox")?))?;
    cli.text(&["enable", "wan4"])?;
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn a_program_that_is_missing_disables_the_client_and_runs_when_it_is_installed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    // Without the right to execute it, it is not there.
    let not_a_program = lab.write("nothing", "")?;
    over_busybox(&lab, &not_a_program)?;
    let daemon = lab.daemon(&one_client(""))?;
    let cli = daemon.cli();
    let disabled = cli.wait_for_event("wan4", "recovery-disabled", 1)?;
    assert!(disabled.detail.is_some_and(|detail| detail.contains("not installed")));
    let client = cli.client("wan4")?;
    assert_eq!(client["status"], "Error");
    assert!(reason(&client).contains("`dhcpmgr enable wan4`"), "{client}");

    lab.gateway.run(|| Ok(umount("/bin/busybox")?))?;
    let bound = eventually_within(Duration::from_secs(30), "it is found without anybody", || {
        let client = cli.client("wan4")?;
        Ok((client["status"] == "Bound").then_some(client))
    })?;
    assert!(bound["reason"].is_null(), "{bound}");
    let failures = cli.kinds("wan4")?.into_iter().filter(|kind| kind == "client-failed").count();
    assert_eq!(failures, 1, "the same trouble is said once");
    configured(&lab, 100)
}

#[test]
fn a_shim_that_is_missing_disables_the_client_and_enable_tries_at_once() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(&one_client(""))?;
    let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-udhcpc");
    fs::rename(&shim, shim.with_extension("away"))?;
    daemon.start()?;
    let cli = daemon.cli();
    cli.wait_for_event("wan4", "recovery-disabled", 1)?;
    fs::rename(shim.with_extension("away"), &shim)?;
    cli.text(&["enable", "wan4"])?;
    cli.wait_for_event_within(Duration::from_secs(5), "wan4", "lease-acquired", 1)?;
    configured(&lab, 100)
}

#[test]
fn an_option_that_the_program_refuses_is_left_out_and_said() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    // A udhcpc that knows fewer options, and says so in the words of the real one.
    let real = lab.dir().join("busybox");
    fs::copy("/bin/busybox", &real)?;
    let older = lab.dir().join("older");
    script(
        &older,
        &format!(
            "case \" $* \" in *' -O 125 '*) exec {0} udhcpc -i lo -O 255;; esac\nexec {0} udhcpc \"$@\"",
            real.display()
        )
        // The real one names what it was given.
        .replace("-O 255", "-O 255 2>&1 | sed s/255/125/ >&2; exit 1"),
    )?;
    over_busybox(&lab, &older)?;
    let daemon = lab.daemon(&one_client("request = [43, 125]"))?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    let reconfigured = cli.wait_for_event("wan4", "recovery-reconfigured", 1)?;
    assert!(reconfigured.detail.is_some_and(|detail| detail.contains("`-O 125`")));
    let client = cli.client("wan4")?;
    assert!(reason(&client).contains("started without `-O 125`"), "{client}");
    let why = cli.json(&["why", "wan4"])?;
    assert_eq!(why["recovery"]["restarts_left"], 10, "not the client's fault: {}", why["recovery"]);
    let command: Vec<&str> =
        why["command"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(command.contains(&"43") && !command.contains(&"125"), "{command:?}");
    configured(&lab, 100)
}

#[test]
fn an_interface_that_comes_and_goes_costs_no_restart() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    for _ in 0..3 {
        lab.remove_interface(lab.wan())?;
        eventually("it is said", || {
            Ok(reason(&cli.client("wan4")?).contains("does not exist").then_some(()))
        })?;
        let packets = {
            lab.restore_interface(lab.wan())?;
            lab.capture(lab.wan())?
        };
        cli.wait_for("wan4", "Bound")?;
        configured(&lab, 100)?;
        assert!(packets.of(MessageType::Discover).len() <= 3, "{:?}", packets.all());
    }
    let recovery = &cli.json(&["why", "wan4"])?["recovery"];
    assert_eq!((&recovery["restarts_left"], &recovery["standing"]), (&10.into(), &"trusted".into()));
    Ok(())
}

fn script(file: &Path, body: &str) -> Result {
    // By another process: a file that this one has open for writing cannot be executed by what other threads start.
    let text = format!("#!/bin/sh\n{body}\n");
    let status = std::process::Command::new("install")
        .args(["--mode", "755", "/dev/stdin"])
        .arg(file)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            use std::io::Write as _;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(text.as_bytes())?;
            }
            child.wait()
        })?;
    assert!(status.success() && fs::metadata(file)?.permissions().mode() & 0o111 != 0);
    Ok(())
}

/// Puts a file in the place of busybox, in this gateway only.
fn over_busybox(lab: &Lab, file: &Path) -> Result {
    let file = file.to_owned();
    lab.gateway
        .run(move || Ok(mount(Some(&file), "/bin/busybox", None::<&str>, MsFlags::MS_BIND, None::<&str>)?))
}
