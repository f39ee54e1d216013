//! Parameters that a third party's handler has in the data model: read and written while a lease is in force, with the
//! handler in its worker, and kept through whatever ends.

use dhcpmgr_lab::{Binaries, Cli, Daemon, Dnsmasq, Lab, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::dbus::Bus;
use crate::given::{client, configured, one_client};

const COLOUR: &str = "Device.DHCPv4.Client.1.X_POLICY_Colour";

/// A daemon with the handler with these settings; its second client never gets a lease.
fn installed<'lab>(lab: &'lab Lab, settings: &str) -> Result<Daemon<'lab>> {
    let daemon = Daemon::install(lab)?;
    daemon.add_module(&Binaries::library("fixture_policy")?)?;
    let handler = "[handlers.policy]\nmodule = \"libfixture_policy.so\"\ndeadline_ms = 1000\n\
                   [handlers.policy.settings]\n";
    let other = client("zzz", "elsewhere", 200, "");
    daemon.configure(&(one_client("") + &other + handler + settings + "\n"))?;
    Ok(daemon)
}

/// The same with a lease.
fn bound<'lab>(lab: &'lab Lab, settings: &str) -> Result<(Dnsmasq<'lab>, Daemon<'lab>)> {
    let mut daemon = installed(lab, settings)?;
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(lab, 100)?;
    Ok((server, daemon))
}

fn get(cli: &Cli, path: &str) -> Result<Value> {
    Ok(cli.json(&["get", path])?[path].clone())
}

fn set(cli: &Cli, assignments: &[&str]) -> Result<String> {
    let output = cli.output(&[&["set"], assignments].concat())?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
}

/// What the handler makes of its parameter in the lease that is in force.
fn planned(cli: &Cli) -> Result<Value> {
    Ok(cli.client("wan4")?["lease"]["parameters"]["Policy.Colour"].clone())
}

fn is_blue(cli: &Cli, when: &str) -> Result {
    eventually(when, || {
        let blue = get(cli, COLOUR)? == "blue" && planned(cli)? == "blue";
        Ok(blue.then_some(()))
    })
}

#[test]
fn what_is_written_reaches_the_lease_and_outlives_worker_handler_and_daemon() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound(&lab, "")?;
    let cli = daemon.cli();
    assert_eq!(get(&cli, COLOUR)?, "red");
    assert_eq!(get(&cli, "Device.DHCPv4.Client.1.X_POLICY_HasLease")?, true);
    assert_eq!(planned(&cli)?, "none");
    let supported = cli.text(&["get", "--supported", "Device.DHCPv4.Client.{i}.X_POLICY_Colour"])?;
    assert!(supported.contains("string") && supported.contains("what it looks like"), "{supported}");
    let pid = cli.client("wan4")?["pid"].clone();

    set(&cli, &[&format!("{COLOUR}=blue")])?;
    is_blue(&cli, "the lease is looked at again")?;
    cli.wait_for_event("wan4", "lease-changed", 1)?;
    assert_eq!(cli.client("wan4")?["pid"], pid, "its client goes on");

    let worker = |cli: &Cli| Ok::<_, dhcpmgr_lab::Error>(cli.handler("policy")?["pid"].as_i64());
    let before = worker(&cli)?;
    kill(Pid::from_raw(i32::try_from(before.unwrap_or_default())?), Signal::SIGKILL)?;
    eventually("another worker", || {
        let now = worker(&cli)?;
        Ok((now.is_some() && now != before).then_some(()))
    })?;
    is_blue(&cli, "the next worker is handed it")?;
    cli.text(&["handler", "reload", "policy"])?;
    is_blue(&cli, "so is the module that is loaded anew")?;

    daemon.stop()?;
    daemon.start()?;
    is_blue(&daemon.cli(), "so is that of the next daemon")?;
    daemon.kill()?;
    daemon.start()?;
    is_blue(&daemon.cli(), "also after one that was killed")?;
    configured(&lab, 100)?;
    let files = std::fs::read_to_string(daemon.root().join("etc/dhcpmgr/dhcpmgr.toml"))?;
    assert!(!files.contains("blue"), "the files are not written to");
    Ok(())
}

#[test]
fn all_of_a_change_is_taken_or_nothing_of_it() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab, "")?;
    let cli = daemon.cli();
    let blue = format!("{COLOUR}=blue");
    let others = "Device.DHCPv4.Client.2.X_POLICY_Colour=loud";
    let said = set(&cli, &[&blue, others])?;
    assert!(
        said.contains("7012") && said.contains("loud is no colour; accepted: red, green, blue"),
        "{said}"
    );
    assert_eq!(get(&cli, COLOUR)?, "red", "the first had agreed");
    assert_eq!(planned(&cli)?, "none");
    for (wrong, code) in [
        ("Device.DHCPv4.Client.1.X_POLICY_Leases=7", "7013"),
        ("Device.DHCPv4.Client.1.X_POLICY_Smell=7", "7010"),
        ("Device.DHCPv4.Client.1.DSCPMark=99", "7012"),
    ] {
        let said = set(&cli, &[&blue, wrong])?;
        assert!(said.contains(code), "{wrong}: {said}");
        assert_eq!(get(&cli, COLOUR)?, "red", "{wrong}");
    }
    let output = cli.output(&["set", "--partial", "--json", &blue, others])?;
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&answer["paths"], &answer["failed"][0]["code"]),
        (&json!([COLOUR]), &json!(7012)),
        "{answer}"
    );
    is_blue(&cli, "each object for itself")
}

#[test]
fn a_value_that_hangs_or_crashes_the_handler_is_refused_and_everything_else_goes_on() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab, "")?;
    let cli = daemon.cli();
    set(&cli, &[&format!("{COLOUR}=blue")])?;
    is_blue(&cli, "it is written")?;
    for (value, why) in [("hang", "gave no answer within 1000 ms"), ("panic", "panicked")] {
        let said = set(&cli, &[&format!("{COLOUR}={value}")])?;
        assert!(said.contains("7009") && said.contains(why), "{said}");
        is_blue(&cli, "what was written before stays")?;
    }
    configured(&lab, 100)
}

#[test]
fn a_handler_that_lies_about_its_parameters_harms_nobody_and_is_told_of() -> Result {
    lab_or_skip!();
    for (mode, told) in [
        ("ours", "its parameter X_RDK_Restart is left out"),
        ("many", "its parameters are not known: its answer has"),
        ("hang", "its parameters are not known: gave no answer within 1000 ms"),
    ] {
        let lab = Lab::new()?;
        let (_server, daemon) = bound(&lab, &format!("parameters = \"{mode}\""))?;
        let cli = daemon.cli();
        let all = cli.json(&["get", "Device.DHCPv4."])?;
        assert_eq!(all["Device.DHCPv4.Client.1.IPAddress"], "10.77.0.100", "{mode}");
        assert_eq!(all["Device.DHCPv4.Client.1.X_RDK_Restart"], false, "{mode}");
        // A read waits no longer for a handler than the handler may take: it may be answered first.
        eventually(&format!("{mode} is told of"), || {
            let conflicts = cli.handler("policy")?["conflicts"].to_string();
            Ok((conflicts.contains(told) && daemon.log().contains(told)).then_some(()))
        })?;
    }
    Ok(())
}

#[test]
fn the_bus_reads_and_writes_them_too() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = installed(&lab, "")?;
    let bus = Bus::new(&lab, &daemon)?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    bus.served()?;
    let got = bus.call(&["Get", "as", "2", COLOUR, "Device.DHCPv4.Client.1.X_POLICY_Leases"])?;
    assert_eq!(got[COLOUR], json!({"type": "s", "data": "red"}), "{got}");
    assert_eq!(got["Device.DHCPv4.Client.1.X_POLICY_Leases"]["type"], "u", "{got}");
    assert_eq!(bus.call(&["Set", "a{sv}b", "1", COLOUR, "s", "blue", "false"])?, json!({}));
    is_blue(&daemon.cli(), "it is written")?;
    let failed = bus.call(&["Set", "a{sv}b", "1", COLOUR, "s", "loud", "false"])?;
    assert_eq!(failed[COLOUR][0], 7012, "{failed}");
    let supported = bus.call(&["GetSupportedDM", "s", COLOUR])?;
    assert_eq!(supported[0][1], "string", "{supported}");
    assert_eq!(supported[0][2], true, "{supported}");
    Ok(())
}
