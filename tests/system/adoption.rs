//! A daemon starts where another has been: its clients run on as they are, and what became of them meanwhile is known.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Error, Lab, MessageType, Result, eventually, eventually_within, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::given::{addresses, bound, bound_with, configured, default_routes, number, one_client, removals};

/// The process of `wan4`.
fn pid(daemon: &Daemon<'_>) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(number(&daemon.cli().client("wan4")?, "pid")?)?))
}

fn runs(pid: Pid) -> bool {
    // A zombie whom nobody waits for does not.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn udhcpcs(lab: &Lab) -> Vec<Pid> {
    let is_one = |pid: &Pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "udhcpc")
    };
    lab.gateway.processes().into_iter().filter(is_one).filter(|pid| runs(*pid)).collect()
}

fn record(daemon: &Daemon<'_>) -> PathBuf {
    daemon.root().join("run/dhcpmgr/clients/wan4.state")
}

#[test]
fn a_killed_or_stopped_daemon_is_followed_by_one_that_does_nothing() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let udhcpc = pid(&daemon)?;
    let (monitor, packets) = (lab.monitor()?, lab.capture(lab.wan())?);
    let resolv_conf = daemon.resolv_conf();
    for hard in [false, true, false] {
        if hard {
            daemon.kill()?
        } else {
            daemon.stop()?
        }
        assert!(runs(udhcpc));
        assert_eq!(udhcpcs(&lab), [udhcpc]);
        daemon.start()?;
        let client = daemon.cli().wait_for("wan4", "Bound")?;
        assert_eq!(client["pid"], udhcpc.as_raw());
        assert_eq!(client["restarts"], 0);
        assert_eq!(client["lease"]["address"], lab.wan().on_link(100));
        assert_eq!(daemon.cli().kinds("wan4")?, ["client-adopted"]);
        assert_eq!(daemon.resolv_conf(), resolv_conf);
    }
    let seen = monitor.take();
    assert!(!seen.iter().any(dhcpmgr_lab::Change::removes), "{seen:?}");
    assert!(
        seen.iter().all(|change| change.kind != dhcpmgr_lab::Kind::NewRoute || !change.is_v4()),
        "{seen:?}"
    );
    assert!(packets.all().is_empty(), "{:?}", packets.all());

    // It is ours in every way: it is heard, it answers to a signal, and its shim is let in.
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "lease-renewed", 1)?;
    let log = daemon.cli().json(&["why", "wan4"])?["log"].to_string();
    assert!(log.contains("sending renew to server"), "{log}");
    assert_eq!(daemon.cli().counter("unauthorised")?, 0);
    // And its end is noticed.
    kill(udhcpc, Signal::SIGKILL)?;
    let failed = daemon.cli().wait_for_event("wan4", "client-failed", 1)?;
    assert!(failed.detail.is_some_and(|detail| detail.contains("how is not known")));
    daemon.cli().wait_for_event("wan4", "client-started", 1)?;
    assert_eq!(udhcpcs(&lab).len(), 1);
    Ok(())
}

/// udhcpc renews at half of the lease by itself, and what it says waits in the spool.
#[test]
fn renewals_while_no_daemon_runs_count_for_the_next_one() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.kea().lease(24).option("domain-name-servers", "192.0.2.53").start()?;
    let mut daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let (udhcpc, monitor) = (pid(&daemon)?, lab.monitor()?);
    daemon.kill()?;
    // A lease of 24 s is one of 30 to udhcpc: the second renewal comes after the first lease would have ended.
    eventually_within(Duration::from_secs(45), "it renews", || {
        Ok((!daemon.spooled().is_empty()).then_some(()))
    })?;
    let packets = lab.capture(lab.wan())?;
    daemon.start()?;
    let client = daemon.cli().wait_for("wan4", "Bound")?;
    assert_eq!(client["pid"], udhcpc.as_raw());
    assert!(number(&client["lease"], "expires_in")? > 20, "{client}");
    assert!(daemon.spooled().is_empty());
    assert_eq!(daemon.cli().kinds("wan4")?.iter().filter(|kind| *kind == "lease-renewed").count(), 1);
    assert!(removals(&monitor.take()).is_empty());
    assert!(packets.all().is_empty());
    configured(&lab, 100)
}

#[test]
fn a_client_that_died_meanwhile_is_started_again_and_asks_for_its_address() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let (udhcpc, monitor) = (pid(&daemon)?, lab.monitor()?);
    daemon.kill()?;
    kill(udhcpc, Signal::SIGKILL)?;
    eventually("it is gone", || Ok((!runs(udhcpc)).then_some(())))?;
    let packets = lab.capture(lab.wan())?;
    daemon.start()?;
    let failed = daemon.cli().wait_for_event("wan4", "client-failed", 1)?;
    assert!(failed.detail.is_some_and(|detail| detail.contains("ended while no daemon ran")));
    let discover = packets.wait_for(MessageType::Discover)?;
    assert_eq!(discover.dhcp.options[&50], lab.wan().host(100).octets(), "it asks for what it had");
    packets.wait_for(MessageType::Ack)?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert!(removals(&monitor.take()).is_empty());
    assert_eq!(udhcpcs(&lab).len(), 1);
    configured(&lab, 100)
}

#[test]
fn a_lease_that_ended_meanwhile_is_taken_out_at_the_start() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let server = lab.kea().lease(20).option("domain-name-servers", "192.0.2.53").start()?;
    let mut daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    server.freeze(true)?;
    let granted = Instant::now();
    daemon.kill()?;
    // udhcpc holds it for 30 s; the kernel takes the address at its end, what is left of it falls to the daemon.
    std::thread::sleep(Duration::from_secs(32).saturating_sub(granted.elapsed()));
    daemon.start()?;
    let client = daemon.cli().client("wan4")?;
    assert_eq!(client["lease"], serde_json::Value::Null, "{client}");
    assert!(addresses(&lab)?.is_empty() && default_routes(&lab)?.is_empty());
    assert!(!daemon.resolv_conf().contains("nameserver"), "{}", daemon.resolv_conf());
    assert_eq!(udhcpcs(&lab).len(), 1);
    server.freeze(false)?;
    daemon.cli().wait_for_event_within(Duration::from_secs(60), "wan4", "lease-acquired", 1)?;
    configured(&lab, 100)
}

#[test]
fn a_client_that_gave_its_lease_up_meanwhile_is_not_taken_for_bound() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, mut daemon) = bound(&lab)?;
    let (udhcpc, monitor) = (pid(&daemon)?, lab.monitor()?);
    server.freeze(true)?;
    daemon.kill()?;
    // Asked twice, udhcpc drops the lease and starts over.
    kill(udhcpc, Signal::SIGUSR1)?;
    std::thread::sleep(Duration::from_millis(500));
    kill(udhcpc, Signal::SIGUSR1)?;
    eventually_within(Duration::from_secs(20), "it says so", || {
        Ok((!daemon.spooled().is_empty()).then_some(()))
    })?;
    for _ in 0..2 {
        daemon.start()?;
        let client = daemon.cli().client("wan4")?;
        assert_eq!(client["status"], "Rebinding", "{client}");
        assert_eq!(client["pid"], udhcpc.as_raw());
        assert_eq!(addresses(&lab)?, [lab.wan().on_link(100)], "the lease has not ended");
        // What was known once is known to the daemon after the next as well.
        daemon.kill()?;
    }
    daemon.start()?;
    server.freeze(false)?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert_eq!(pid(&daemon)?, udhcpc);
    assert!(removals(&monitor.take()).is_empty());
    Ok(())
}

#[test]
fn a_configuration_that_changed_meanwhile_is_what_the_client_is_started_again_with() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let (before, monitor) = (pid(&daemon)?, lab.monitor()?);
    daemon.stop()?;
    daemon.configure(&one_client("hostname = \"gw\""))?;
    let packets = lab.capture(lab.wan())?;
    daemon.start()?;
    let discover = packets.wait_for(MessageType::Discover)?;
    assert_eq!(discover.dhcp.options[&12], *b"gw");
    packets.wait_for(MessageType::Ack)?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert_ne!(pid(&daemon)?, before);
    assert_eq!(udhcpcs(&lab), [pid(&daemon)?]);
    assert!(removals(&monitor.take()).is_empty());
    Ok(())
}

#[test]
fn a_client_that_is_configured_no_more_gives_its_lease_back_and_one_that_is_disabled_too() -> Result {
    lab_or_skip!();
    for config in [crate::given::V4.to_owned(), one_client("enabled = false")] {
        let lab = Lab::new()?;
        let (_server, mut daemon) = bound(&lab)?;
        let before = pid(&daemon)?;
        let packets = lab.capture(lab.wan())?;
        daemon.kill()?;
        daemon.configure(&config)?;
        daemon.start()?;
        packets.wait_for(MessageType::Release)?;
        eventually("nothing is left of it", || {
            let in_kernel = !addresses(&lab)?.is_empty() || !default_routes(&lab)?.is_empty();
            Ok((!runs(before) && !in_kernel && !record(&daemon).exists()).then_some(()))
        })?;
    }
    Ok(())
}

/// The record names a process that is not the client: it is left alone, and the client is found all the same.
#[test]
fn a_pid_that_belongs_to_another_process_by_now_is_not_touched() -> Result {
    lab_or_skip!();
    let lab = Lab::with_uplinks(2)?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&one_client(""))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let udhcpc = pid(&daemon)?;
    daemon.kill()?;
    // As if the client had died and its pid had come round to this.
    let innocent = lab.gateway.spawn("sleep", &["60"], &[], &lab.dir().join("sleep.log"))?;
    forge(&record(&daemon), udhcpc, innocent.pid())?;
    kill(udhcpc, Signal::SIGKILL)?;
    eventually("it is gone", || Ok((!runs(udhcpc)).then_some(())))?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert_ne!(pid(&daemon)?, innocent.pid());
    assert!(runs(innocent.pid()));
    assert!(daemon.log().contains("is left alone"), "{}", daemon.log());
    Ok(())
}

/// A record with one pid in place of another and a checksum that fits.
fn forge(file: &std::path::Path, from: Pid, to: Pid) -> Result {
    let mut bytes = std::fs::read(file)?;
    let number = |pid: Pid| rmp(u32::try_from(pid.as_raw()).unwrap_or_default());
    let (from, to) = (number(from), number(to));
    assert_eq!(from.len(), to.len(), "pids of the same length");
    let name = b"\xa3pid";
    let found = bytes.windows(name.len()).position(|window| window == name);
    let at = found.ok_or_else(|| Error::new("the record has no pid"))? + name.len();
    assert_eq!(bytes[at..at + from.len()], from);
    bytes[at..at + to.len()].copy_from_slice(&to);
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..36]);
    sum.update(&bytes[40..]);
    bytes[36..40].copy_from_slice(&sum.finalize().to_be_bytes());
    Ok(std::fs::write(file, bytes)?)
}

/// A number as MessagePack.
fn rmp(number: u32) -> Vec<u8> {
    match number {
        0..=0x7f => vec![number as u8],
        0x80..=0xff => vec![0xcc, number as u8],
        0x100..=0xffff => [&[0xcd][..], &(number as u16).to_be_bytes()].concat(),
        _ => [&[0xce][..], &number.to_be_bytes()].concat(),
    }
}

#[test]
fn a_client_without_a_record_is_found_and_one_with_a_damaged_record_too() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let (udhcpc, monitor, packets) = (pid(&daemon)?, lab.monitor()?, lab.capture(lab.wan())?);
    for damaged in [false, true] {
        daemon.kill()?;
        if damaged {
            std::fs::write(record(&daemon), b"dhcpmgr\0 and nothing that fits")?;
        } else {
            std::fs::remove_file(record(&daemon))?;
        }
        daemon.start()?;
        assert_eq!(daemon.cli().wait_for("wan4", "Bound")?["pid"], udhcpc.as_raw(), "damaged: {damaged}");
        assert!(record(&daemon).exists(), "it has one again");
    }
    assert!(daemon.root().join("run/dhcpmgr/clients/wan4.damaged").exists());
    assert!(daemon.log().contains("its environment proves it ours"));
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "lease-renewed", 1)?;
    assert!(removals(&monitor.take()).is_empty());
    assert!(packets.of(MessageType::Discover).is_empty());
    Ok(())
}

#[test]
fn what_another_boot_left_in_run_is_not_believed() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let before = pid(&daemon)?;
    daemon.kill()?;
    kill(before, Signal::SIGKILL)?;
    // The boot id is at 16; with the old checksum the file would only be damaged.
    let mut bytes = std::fs::read(record(&daemon))?;
    bytes[16] ^= 1;
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..36]);
    sum.update(&bytes[40..]);
    bytes[36..40].copy_from_slice(&sum.finalize().to_be_bytes());
    std::fs::write(record(&daemon), bytes)?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let kinds = daemon.cli().kinds("wan4")?;
    assert!(
        !kinds.iter().any(|kind| matches!(kind.as_str(), "client-adopted" | "client-failed")),
        "{kinds:?}"
    );
    assert_ne!(pid(&daemon)?, before);
    configured(&lab, 100)
}

#[test]
fn a_client_that_is_not_ours_is_reported_and_left_alone() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    daemon.stop()?;
    let arguments = ["-f", "-i", "wan0", "-s", "/bin/true"];
    let mut foreign = lab.gateway.spawn("udhcpc", &arguments, &[], &lab.dir().join("foreign.log"))?;
    eventually("it runs", || Ok(foreign.log().contains("obtained").then_some(())))?;
    daemon.start()?;
    let event = daemon.cli().wait_for_event("wan4", "foreign-client", 1)?;
    let words = format!("another DHCP client, pid {}, runs on wan0", foreign.pid());
    assert!(event.detail.is_some_and(|detail| detail.contains(&words)));
    let reason = daemon.cli().client("wan4")?["reason"].to_string();
    assert!(reason.contains(&words), "{reason}");
    foreign.must_run()?;
    foreign.kill();
    assert_eq!(daemon.cli().client("wan4")?["reason"], serde_json::Value::Null);

    // One that comes later is found when there is a reason to look.
    let mut later = lab.gateway.spawn("udhcpc", &arguments, &[], &lab.dir().join("later.log"))?;
    eventually("it runs", || Ok(later.log().contains("obtained").then_some(())))?;
    // A look holds for two seconds.
    std::thread::sleep(Duration::from_millis(2100));
    kill(pid(&daemon)?, Signal::SIGKILL)?;
    let event = daemon.cli().wait_for_event("wan4", "foreign-client", 2)?;
    assert!(event.detail.is_some_and(|detail| detail.contains(&format!("pid {}", later.pid()))));
    later.must_run()
}

#[test]
fn a_client_that_is_not_ours_is_looked_for_when_no_server_answers() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let impatient = "discover_attempts = 1\ndiscover_interval = 1\ndiscover_pause = 1\n\
                     [clients.wan4.recovery]\nstuck_s = 4\n";
    let daemon = lab.daemon(&one_client(impatient))?;
    let arguments = ["-f", "-i", "wan0", "-s", "/bin/true"];
    let foreign = lab.gateway.spawn("udhcpc", &arguments, &[], &lab.dir().join("foreign.log"))?;
    daemon.cli().wait_for_event("wan4", "server-silent", 1)?;
    let event = daemon.cli().wait_for_event("wan4", "foreign-client", 1)?;
    assert!(event.detail.is_some_and(|detail| detail.contains(&format!("pid {}", foreign.pid()))));
    Ok(())
}

#[test]
fn a_new_interface_of_the_same_name_is_another_network() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let before = pid(&daemon)?;
    daemon.kill()?;
    lab.remove_interface(lab.wan())?;
    lab.restore_interface(lab.wan())?;
    daemon.start()?;
    eventually("the client is another", || Ok(pid(&daemon).is_ok_and(|pid| pid != before).then_some(())))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    assert!(!runs(before));
    configured(&lab, 100)
}

#[test]
fn what_a_client_writes_never_stops_it_however_long_nobody_reads() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let udhcpc = pid(&daemon)?;
    daemon.kill()?;
    // Fill what the kernel holds for it, then let it write on.
    let fifo = daemon.root().join("run/dhcpmgr/clients/wan4.out");
    {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = nix::libc::O_NONBLOCK;
        let mut end = std::fs::File::options().read(true).write(true).custom_flags(flags).open(&fifo)?;
        while end.write_all(b"rubbish\n").is_ok() {}
    }
    for _ in 0..3 {
        let before = daemon.spooled().len();
        kill(udhcpc, Signal::SIGUSR1)?;
        eventually("it renews", || Ok((daemon.spooled().len() > before).then_some(())))?;
    }
    daemon.start()?;
    assert_eq!(daemon.cli().wait_for("wan4", "Bound")?["pid"], udhcpc.as_raw());
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for_event("wan4", "lease-renewed", 4)?;
    let log = daemon.cli().json(&["why", "wan4"])?["log"].to_string();
    assert!(log.contains("sending renew to server"), "{log}");
    Ok(())
}

#[test]
fn a_client_that_stops_with_the_daemon_ends_and_its_address_stays() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound_with(&lab, "on_stop = \"stop\"")?;
    let (udhcpc, packets) = (pid(&daemon)?, lab.capture(lab.wan())?);
    daemon.stop()?;
    assert!(!runs(udhcpc));
    assert_eq!(addresses(&lab)?, [lab.wan().on_link(100)]);
    assert!(packets.of(MessageType::Release).is_empty());
    assert!(!record(&daemon).exists());
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

/// The daemon dies right after it took the order: what it was told is done by the next one, and stays done.
#[test]
fn a_release_outlives_the_daemon_that_was_told() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab)?;
    let packets = lab.capture(lab.wan())?;
    daemon.cli().text(&["release", "wan4"])?;
    daemon.kill()?;
    for _ in 0..2 {
        daemon.start()?;
        eventually("the lease is gone, and so is the client", || {
            Ok((addresses(&lab)?.is_empty() && udhcpcs(&lab).is_empty()).then_some(()))
        })?;
        packets.wait_for(MessageType::Release)?;
        let client = daemon.cli().client("wan4")?;
        assert_eq!(client["lease"], serde_json::Value::Null);
        assert!(client["reason"].to_string().contains("released by the operator"), "{client}");
        // Released is released, also the second time and with nobody to tell.
        daemon.cli().text(&["release", "wan4"])?;
        daemon.stop()?;
    }
    assert!(packets.of(MessageType::Discover).is_empty());
    daemon.start()?;
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)
}

#[test]
fn what_is_dead_already_can_be_restarted_disabled_and_released() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    // Without a server the lease stays and no client gets another.
    server.freeze(true)?;
    let cli = daemon.cli();
    for order in ["restart", "release", "disable", "disable"] {
        if let Ok(udhcpc) = pid(&daemon) {
            let _ = kill(udhcpc, Signal::SIGKILL);
        }
        cli.text(&[order, "wan4"])?;
    }
    cli.wait_for("wan4", "Disabled")?;
    eventually("nothing is left", || {
        Ok((addresses(&lab)?.is_empty() && udhcpcs(&lab).is_empty()).then_some(()))
    })?;
    let refused = cli.output(&["release", "wan4"])?;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it is disabled"), "{refused:?}");
    Ok(())
}

/// The link's MTU from before the lease is remembered by the daemon that did not see it.
#[test]
fn a_link_gets_its_own_mtu_back_from_a_later_daemon() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).option("26,1432").start()?;
    let mut daemon = lab.daemon(&one_client(""))?;
    let mtu = |expected: u32| {
        eventually(&format!("the MTU is {expected}"), || Ok((lab.mtu("wan0")? == expected).then_some(())))
    };
    daemon.cli().wait_for("wan4", "Bound")?;
    mtu(1432)?;
    for hard in [true, false] {
        let monitor = lab.monitor()?;
        if hard {
            daemon.kill()?
        } else {
            daemon.stop()?
        }
        daemon.start()?;
        daemon.cli().wait_for("wan4", "Bound")?;
        assert_eq!(lab.mtu("wan0")?, 1432);
        assert!(removals(&monitor.take()).is_empty());
    }
    daemon.cli().text(&["release", "wan4"])?;
    mtu(1500)
}
