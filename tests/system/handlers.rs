//! Modules of third parties, good and bad, in the worker: what they do never costs a lease.

use std::time::Duration;

use dhcpmgr_lab::{Binaries, Daemon, Dnsmasq, Lab, Result, eventually, lab_or_skip};

use crate::given::{configured, one_client};

/// A lease with one more handler, `vendor`, made of this fixture.
fn with_module<'lab>(lab: &'lab Lab, module: &str, keys: &str) -> Result<(Dnsmasq<'lab>, Daemon<'lab>)> {
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.1").force("43,68:69").start()?;
    let mut daemon = Daemon::install(lab)?;
    daemon.add_module(&Binaries::library(module)?)?;
    let section = format!("[handlers.vendor]\nmodule = \"lib{module}.so\"\n{keys}\n");
    daemon.configure(&(one_client("request = [43]") + &section))?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(lab, 100)?;
    Ok((server, daemon))
}

fn misbehaving(mode: &str) -> String {
    format!("deadline_ms = 300\n[handlers.vendor.settings]\nmode = \"{mode}\"")
}

#[test]
fn a_good_module_contributes_what_it_is_granted_and_no_more() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture(lab.wan())?;
    let (_server, daemon) = with_module(&lab, "fixture_good", "")?;
    let cli = daemon.cli();
    let lease = cli.client("wan4")?["lease"].clone();
    assert_eq!(lease["parameters"]["Vendor.Text"], "hi");
    assert_eq!(lease["dns"], serde_json::json!(["192.0.2.1"]), "`dns` is not granted to a third party");
    cli.wait_for_event("wan4", "good-lease", 1)?;
    let handler = cli.handler("vendor")?;
    assert_eq!(handler["isolation"], "worker");
    assert_eq!(handler["state"], "healthy");
    let discover = packets.wait_for(dhcpmgr_lab::MessageType::Discover)?.dhcp;
    assert_eq!(discover.options[&60], b"good/1", "it may send options");
    assert!(discover.options[&55].contains(&43), "its option is asked for");
    Ok(())
}

#[test]
fn granted_name_servers_are_used() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let grants = "grants = [\"events\", \"parameters\", \"send-options\", \"dns\"]";
    let (_server, daemon) = with_module(&lab, "fixture_good", grants)?;
    let dns = daemon.cli().client("wan4")?["lease"]["dns"].clone();
    assert_eq!(dns, serde_json::json!(["192.0.2.1", "192.0.2.53"]));
    assert!(daemon.resolv_conf().contains("nameserver 192.0.2.53"));
    Ok(())
}

#[test]
fn a_module_that_crashes_costs_its_own_contribution_only() -> Result {
    lab_or_skip!();
    for mode in ["panic", "panic-twice", "segfault", "abort", "exit", "stack-overflow"] {
        let lab = Lab::new()?;
        let (_server, mut daemon) = with_module(&lab, "fixture_misbehaving", &misbehaving(mode))?;
        let cli = daemon.cli();
        let failed = eventually(&format!("{mode} is said"), || {
            Ok(cli.events()?.into_iter().find(|event| event.event == "handler-failed"))
        })?;
        assert_eq!(failed.handler.as_deref(), Some("vendor"), "{mode}");
        assert!(failed.detail.is_some(), "{mode}: {failed:?}");
        assert!(cli.handler("vendor")?["failures"].as_u64().is_some_and(|count| count > 0), "{mode}");
        assert_eq!(cli.handler("v4")?["failures"], 0, "{mode}");
        daemon.process()?.must_run()?;
        configured(&lab, 100)?;
    }
    Ok(())
}

#[test]
fn a_module_that_says_that_it_cannot_is_heard_and_goes_on() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_module(&lab, "fixture_misbehaving", &misbehaving("fail"))?;
    let why = daemon.cli().json(&["why", "wan4"])?;
    assert!(why["exchanges"].to_string().contains("the option makes no sense to me"), "{why}");
    let handler = daemon.cli().handler("vendor")?;
    assert_eq!(handler["restarts"], 0, "an honest error is no crash");
    assert_ne!(handler["state"], "quarantined");
    Ok(())
}

#[test]
fn a_module_that_hangs_costs_its_deadline_and_is_quarantined_in_the_end() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_module(&lab, "fixture_misbehaving", &misbehaving("hang"))?;
    let cli = daemon.cli();
    for count in 1..=12 {
        if cli.handler("vendor")?["state"] == "quarantined" {
            break;
        }
        cli.output(&["renew", "wan4"])?;
        cli.wait_for_event("wan4", "lease-renewed", count)?;
        std::thread::sleep(Duration::from_millis(500));
    }
    eventually("it is quarantined", || Ok((cli.handler("vendor")?["state"] == "quarantined").then_some(())))?;
    assert!(cli.events()?.iter().any(|event| event.event == "handler-quarantined"));
    assert!(cli.handler("vendor")?["reason"].is_string());
    configured(&lab, 100)?;

    // From now on a lease is as quick as without it.
    let before = cli.kinds("wan4")?.iter().filter(|kind| *kind == "lease-renewed").count();
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-renewed", before + 1)?;
    let why = cli.json(&["why", "wan4"])?;
    let spent = why["exchanges"][0]["handlers_us"].as_u64().unwrap_or(u64::MAX);
    assert!(spent < 200_000, "{spent} us were spent in handlers");
    Ok(())
}

#[test]
fn a_module_cannot_take_what_it_is_not_granted() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    for mode in ["ungranted", "hijack"] {
        let lab = if mode == "hijack" { &Lab::new()? } else { &lab };
        let (_server, daemon) = with_module(lab, "fixture_misbehaving", &misbehaving(mode))?;
        let routes = lab.routes("wan0")?;
        assert_eq!(routes.len(), 2, "{mode}: {routes:?}");
        assert_eq!(lab.mtu("wan0")?, 1500, "{mode}");
        let why = daemon.cli().json(&["why", "wan4"])?;
        let handlers = why["exchanges"][0]["handlers"].as_array().cloned().unwrap_or_default();
        let vendor =
            handlers.iter().find(|handler| handler["name"] == "vendor").expect("the handler's report");
        assert!(
            vendor["cut"].as_array().is_some_and(|cut| !cut.is_empty()),
            "{mode}: what was cut is said: {vendor}"
        );
    }
    Ok(())
}

#[test]
fn a_worker_can_neither_write_files_nor_talk_to_anybody() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_module(&lab, "fixture_misbehaving", &misbehaving("escape"))?;
    let parameters = daemon.cli().client("wan4")?["lease"]["parameters"].clone();
    for attempt in ["Escape.Write", "Escape.Socket", "Escape.Process"] {
        assert_eq!(parameters[attempt], "denied", "{attempt}: {parameters}");
    }
    Ok(())
}

#[test]
fn control_characters_of_a_module_do_not_reach_the_terminal() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_module(&lab, "fixture_misbehaving", &misbehaving("control-characters"))?;
    for command in [&["why", "wan4"][..], &["lease"], &["status"], &["events"]] {
        let text = daemon.cli().text(command)?;
        assert!(!text.contains('\u{1b}') && !text.contains('\0'), "{command:?}: {text:?}");
    }
    Ok(())
}
