//! A handler of a third party has a say at every hook: it refuses, lets wait, replaces, sends, publishes. With the real
//! udhcpc, and the handler in its worker.

use dhcpmgr_lab::{Binaries, Daemon, Dnsmasq, Lab, MessageType, Result, eventually, lab_or_skip};

use crate::given::{configured, one_client};

const GRANTS: &str =
    "grants = [\"events\", \"parameters\", \"send-options\", \"refuse\", \"mtu\", \"routes\"]";

/// A client whose leases the fixture judges as these settings say.
fn with_policy<'lab>(lab: &'lab Lab, settings: &str) -> Result<(Dnsmasq<'lab>, Daemon<'lab>)> {
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.1").start()?;
    let mut daemon = Daemon::install(lab)?;
    daemon.add_module(&Binaries::library("fixture_policy")?)?;
    let section = format!(
        "[handlers.policy]\nmodule = \"libfixture_policy.so\"\n{GRANTS}\n[handlers.policy.settings]\n{settings}\n"
    );
    daemon.configure(&(one_client("") + &section))?;
    daemon.start()?;
    Ok((server, daemon))
}

#[test]
fn a_lease_that_a_handler_refuses_is_not_used() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_policy(&lab, "validate = \"refuse\"")?;
    let refused = daemon.cli().wait_for_event("wan4", "lease-refused", 1)?;
    let why = refused.detail.unwrap_or_default();
    assert_eq!(why, "the operator does not want this lease (handler policy)");
    assert!(lab.addresses("wan0")?.is_empty());
    assert!(!daemon.cli().kinds("wan4")?.contains(&"lease-acquired".to_owned()));
    Ok(())
}

#[test]
fn a_lease_that_a_handler_cannot_judge_yet_waits_and_then_comes() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_policy(&lab, "validate = \"defer\"\npatience = 1500")?;
    let cli = daemon.cli();
    let deferred = cli.wait_for_event("wan4", "lease-deferred", 1)?;
    assert_eq!(deferred.detail.as_deref(), Some("the line is being measured (handler policy)"));
    cli.wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let kinds = cli.kinds("wan4")?;
    let at = |kind: &str| kinds.iter().position(|known| known == kind);
    assert!(at("lease-deferred") < at("lease-acquired"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "lease-deferred").count(), 1, "it is said once");
    let why = cli.json(&["why", "wan4"])?.to_string();
    assert!(why.contains("waits 100 ms: the line is being measured"), "{why}");
    Ok(())
}

#[test]
fn what_a_policy_puts_in_place_of_the_plan_reaches_the_kernel() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_policy(&lab, "decide = \"replace\"\nmtu = 1400")?;
    daemon.cli().wait_for("wan4", "Bound")?;
    eventually("the MTU is set", || Ok((lab.mtu("wan0")? == 1399).then_some(())))?;
    let routes = lab.routes("wan0")?;
    let metrics: Vec<_> = routes.iter().filter(|r| r.to == "default").map(|r| r.metric).collect();
    assert_eq!(metrics, [7], "the metric is the policy's: {routes:?}");
    Ok(())
}

#[test]
fn a_handler_says_for_each_client_what_it_sends() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let packets = lab.capture(lab.wan())?;
    let (_server, daemon) = with_policy(&lab, "")?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let discover = packets.wait_for(MessageType::Discover)?.dhcp;
    assert_eq!(discover.options[&60], b"policy of wan4");
    assert_eq!(discover.options[&124], b"always", "udhcpc cannot send it in some messages only");
    assert!(!discover.options.contains_key(&77), "and this one is for some messages exactly");
    let log = daemon.cli().json(&["why", "wan4"])?["log"].to_string();
    assert!(log.contains("option 77 is not sent"), "{log}");
    Ok(())
}

#[test]
fn what_a_handler_publishes_after_the_fact_is_published_and_told_to_nobody_again() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = with_policy(&lab, "emit = \"policy-saw\"")?;
    let cli = daemon.cli();
    cli.wait_for("wan4", "Bound")?;
    let saw = cli.wait_for_event("wan4", "policy-saw", 1)?;
    assert_eq!(saw.handler.as_deref(), Some("policy"));
    cli.text(&["renew", "wan4"])?;
    // It counts its leases in a parameter, so that a renewal changes something.
    cli.wait_for_event("wan4", "lease-changed", 1)?;
    cli.wait_for_event("wan4", "policy-saw", 2)?;
    let kinds = cli.kinds("wan4")?;
    let told = ["lease-acquired", "lease-changed", "lease-renewed"];
    let causes = kinds.iter().filter(|kind| told.contains(&kind.as_str())).count();
    assert_eq!(kinds.iter().filter(|kind| *kind == "policy-saw").count(), causes, "one for each: {kinds:?}");
    Ok(())
}

#[test]
fn settings_that_the_module_does_not_take_are_found_in_their_line() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_policy")?)?;
    let section =
        "[handlers.policy]\nmodule = \"libfixture_policy.so\"\n[handlers.policy.settings]\nmtu = 68\n";
    let config = one_client("") + section;
    let line = config.lines().position(|line| line == "mtu = 68").map_or(0, |at| at + 1);
    daemon.configure(&config)?;
    let (status, said) = daemon.check()?;
    assert_eq!(status, Some(1), "{said}");
    let expected = format!(
        "dhcpmgr.toml:{line}:1: handlers.policy.settings.mtu: 68 is refused; accepted: a whole number"
    );
    assert!(said.contains(&expected), "{expected}: {said}");
    Ok(())
}
