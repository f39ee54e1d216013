//! The data model of a running daemon: true when it is read, and acting when it is written.

use dhcpmgr_lab::{Cli, Daemon, Follow, Lab, MessageType, Result, eventually, lab_or_skip};
use serde_json::{Value, json};

use crate::given::{addresses, bound_with, configured, one_client};

const CLIENT: &str = "Device.DHCPv4.Client.1.";

/// One parameter of the client.
fn get(cli: &Cli, name: &str) -> Result<Value> {
    let path = if name.starts_with("Device.") { name.to_owned() } else { format!("{CLIENT}{name}") };
    let flat = cli.json(&["get", &path])?;
    let mut values = flat.as_object().cloned().unwrap_or_default();
    assert_eq!(values.len(), 1, "{path}: {flat}");
    Ok(values.iter_mut().next().map(|(_, value)| value.take()).unwrap_or_default())
}

fn set(daemon: &Daemon<'_>, assignments: &[&str]) -> Result<String> {
    daemon.cli().text(&[&["set"], assignments].concat())
}

#[test]
fn a_lease_is_read_as_it_is() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound_with(&lab, "request = [43]")?;
    let cli = daemon.cli();
    for (name, value) in [
        ("Enable", json!(true)),
        ("Alias", json!("wan4")),
        ("Status", json!("Enabled")),
        ("DHCPStatus", json!("Bound")),
        ("IPAddress", json!("10.77.0.100")),
        ("SubnetMask", json!("255.255.255.0")),
        ("IPRouters", json!("10.77.0.1")),
        ("DNSServers", json!("192.0.2.53")),
        ("DHCPServer", json!("10.77.0.1")),
        ("Interface+.Name", json!("wan0")),
        ("ReqOption.[Tag==6].Value", json!("c0000235")),
        ("Device.DNS.Client.Server.1.DNSServer", json!("192.0.2.53")),
        ("Device.Routing.Router.1.IPv4Forwarding.[DestIPAddress==\"\"].GatewayIPAddress", json!("10.77.0.1")),
    ] {
        assert_eq!(get(&cli, name)?, value, "{name}");
    }
    let left = |value: Value| value.as_i64().unwrap_or_default();
    let first = left(get(&cli, "LeaseTimeRemaining")?);
    assert!((3500..=3600).contains(&first), "{first}");
    eventually("it counts down", || Ok((left(get(&cli, "LeaseTimeRemaining")?) < first).then_some(())))?;
    eventually("what udhcpc said is counted", || {
        let counted = get(&cli, "Stats.Discover")?.as_u64().is_some_and(|n| (1..100).contains(&n));
        Ok((counted && get(&cli, "Stats.ACK")?.as_u64() == Some(1)).then_some(()))
    })?;
    // A tree for people, lines for scripts, and what there can be.
    assert!(cli.text(&["get", CLIENT])?.contains("├─ IPAddress"), "{}", cli.text(&["get", CLIENT])?);
    assert_eq!(
        cli.text(&["get", "Device.DHCPv4.Client.*.IPAddress"])?,
        format!("{CLIENT}IPAddress=10.77.0.100\n")
    );
    assert!(
        cli.text(&["get", "--supported", "Device.DHCPv4."])?.contains("Device.DHCPv4.Client.{i}.Release()")
    );
    assert!(cli.json(&["get", "Device."])?.as_object().is_some_and(|all| all.len() > 100));
    // Errors are those of USP.
    let refused = cli.output(&["get", "Device.DHCPv4.Client.9.Enable"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("7026"), "{refused:?}");
    Ok(())
}

#[test]
fn what_is_written_acts_and_outlives_the_daemon() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut daemon) = bound_with(&lab, "")?;
    let packets = lab.capture(lab.wan())?;
    let sent = format!("{CLIENT}SentOption.");
    let added = daemon.cli().text(&["add", &sent, "Tag=60", "Value=61636d65", "Enable=true"])?;
    let row = added.trim().to_owned();
    // What is sent is told on the command line of udhcpc, so it is started again.
    let discover = packets.wait_for(MessageType::Discover)?.dhcp;
    assert_eq!(discover.options[&60], b"acme");
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;
    let before = std::fs::read_to_string(daemon.root().join("etc/dhcpmgr/dhcpmgr.toml"))?;
    daemon.stop()?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    let cli = daemon.cli();
    assert_eq!(get(&cli, &format!("{row}Value"))?, "61636d65", "{row}");
    assert_eq!(std::fs::read_to_string(daemon.root().join("etc/dhcpmgr/dhcpmgr.toml"))?, before);

    set(&daemon, &[&format!("{CLIENT}Enable=false")])?;
    daemon.cli().wait_for("wan4", "Disabled")?;
    eventually("its address is gone", || Ok(addresses(&lab)?.is_empty().then_some(())))?;
    assert_eq!(get(&cli, "IPAddress")?, "");
    set(&daemon, &[&format!("{CLIENT}Enable=true")])?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(&lab, 100)?;

    daemon.cli().text(&["del", &row])?;
    let again = daemon.cli().text(&["add", &sent, "Tag=60", "Value=00"])?;
    assert_ne!(again.trim(), row, "a number is never another row's");
    Ok(())
}

#[test]
fn all_of_a_change_is_done_or_nothing() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound_with(&lab, "")?;
    let cli = daemon.cli();
    let pid = cli.client("wan4")?["pid"].clone();
    let (fine, wrong) = (format!("{CLIENT}Enable=false"), format!("{CLIENT}DSCPMark=99"));
    let output = cli.output(&["set", &fine, &wrong])?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("7012"), "{output:?}");
    assert_eq!(get(&cli, "Enable")?, true);
    assert_eq!(cli.client("wan4")?["pid"], pid, "nothing moved");
    // Each object for itself: the option is written, the client is not.
    let output = cli.output(&["add", &format!("{CLIENT}SentOption."), "Tag=77"])?;
    assert!(output.status.success(), "{output:?}");
    let row = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (value, mark) = (format!("{row}Value=01"), format!("{CLIENT}DSCPMark=99"));
    let output = cli.output(&["set", "--partial", "--json", &value, &mark])?;
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(answer["paths"], json!([format!("{row}Value")]), "{answer}");
    assert_eq!(answer["failed"][0]["code"], 7012, "{answer}");
    assert_eq!(get(&cli, &format!("{row}Value"))?, "01");
    // udhcpc's timers do not grow, and it cannot be told that they should.
    let output = cli.output(&["set", &format!("{CLIENT}Retransmission.DiscoverMaxTimeout=64")])?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("7009"), "{output:?}");
    Ok(())
}

#[test]
fn commands_renew_release_and_reset() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound_with(&lab, "")?;
    let cli = daemon.cli();
    let call = |command: &str| cli.text(&["call", &format!("{CLIENT}{command}")]);
    let packets = lab.capture(lab.wan())?;
    call("Renew()")?;
    packets.wait_for(MessageType::Ack)?;
    cli.wait_for_event("wan4", "lease-renewed", 1)?;
    call("Stats.Reset()")?;
    assert_eq!(get(&cli, "Stats.ACK")?, 0);
    call("Release()")?;
    packets.wait_for(MessageType::Release)?;
    eventually("its address is gone", || Ok(addresses(&lab)?.is_empty().then_some(())))?;
    // RDK's way to say the same.
    set(&daemon, &[&format!("{CLIENT}Renew=true")])?;
    cli.wait_for("wan4", "Bound")?;
    set(&daemon, &[&format!("{CLIENT}X_RDK_Release=true")])?;
    cli.wait_for("wan4", "Disabled")?;
    let refused = cli.output(&["call", &format!("{CLIENT}Renew()")])?;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("7022"), "{refused:?}");
    Ok(())
}

#[test]
fn a_client_that_is_added_gets_a_lease_and_one_that_is_deleted_gives_it_back() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let daemon = lab.daemon(&one_client("").replace("\"wan0\"", "\"elsewhere\""))?;
    let cli = daemon.cli();
    let words = ["add", "Device.DHCPv4.Client.", "Alias=second", "Interface=wan0", "Enable=true"];
    assert_eq!(cli.text(&words)?, "Device.DHCPv4.Client.2.\n");
    cli.wait_for("second", "Bound")?;
    eventually("it has its address", || Ok((addresses(&lab)?.len() == 1).then_some(())))?;
    let watch = cli.watch(&["Device.DHCPv4.Client."], &lab.dir().join("watch.log"))?;
    eventually("the watcher is told what is", || Ok((!watch.lines()?.is_empty()).then_some(())))?;
    cli.text(&["del", "Device.DHCPv4.Client.2."])?;
    eventually("its address is gone", || Ok(addresses(&lab)?.is_empty().then_some(())))?;
    eventually("the watcher is told", || {
        let gone = json!("Device.DHCPv4.Client.2.");
        let told = |line: &Value| line["deleted"].as_array().is_some_and(|rows| rows.contains(&gone));
        Ok(watch.lines()?.iter().any(told).then_some(()))
    })?;
    let missing = cli.output(&["get", "Device.DHCPv4.Client.2.Enable"])?;
    assert_eq!(missing.status.code(), Some(1));
    Ok(())
}

#[test]
fn a_subscriber_is_told_what_he_asked_for_and_no_more_often() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound_with(&lab, "")?;
    let cli = daemon.cli();
    let log = |name: &str| lab.dir().join(format!("{name}.log"));
    let options = format!("{CLIENT}SentOption.");
    let rows = cli.watch(&[&options, "--type", "ObjectCreation,ObjectDeletion"], &log("rows"))?;
    let commands = cli.watch(&["Device.DHCPv4.Client.*.Stats.Reset()"], &log("commands"))?;
    let addresses = cli.watch(&["Device.", "--changed", "address"], &log("addresses"))?;
    let search = "Device.DHCPv4.Client.[DHCPStatus==\"Bound\"].SentOption.";
    let slow = cli.watch(&[search, "--every", "3s"], &log("slow"))?;
    for follow in [&rows, &commands, &addresses, &slow] {
        eventually("the watcher is told what is", || Ok((!follow.lines()?.is_empty()).then_some(())))?;
    }
    let row = cli.text(&["add", &options, "Tag=77"])?.trim().to_owned();
    let value = format!("{row}Value");
    for said in ["01", "02", "03"] {
        set(&daemon, &[&format!("{value}={said}")])?;
    }
    cli.text(&["call", &format!("{CLIENT}Stats.Reset()")])?;
    cli.text(&["del", &row])?;
    let last = |follow: &Follow| -> Result<Value> { Ok(follow.lines()?.pop().unwrap_or_default()) };
    eventually("rows are told", || Ok((last(&rows)?["deleted"] == json!([row])).then_some(())))?;
    let told = rows.lines()?;
    let created = told.iter().find(|line| line["created"] == json!([row])).cloned().unwrap_or_default();
    assert_eq!(created["values"][format!("{row}Tag")], 77, "the key of the new row: {told:?}");
    assert!(told.iter().all(|line| line["values"].get(&value).is_none()), "no values: {told:?}");
    eventually("commands are told", || {
        Ok((last(&commands)?["operations"] == json!([format!("{CLIENT}Stats.Reset()")])).then_some(()))
    })?;
    eventually("the slow one is told of the end", || {
        Ok((last(&slow)?["deleted"] == json!([row])).then_some(()))
    })?;
    let told = slow.lines()?;
    assert!(told.len() <= 3, "what is there, at once, and the rest together: {told:?}");
    assert_eq!(addresses.lines()?.len(), 1, "no address changed");
    cli.text(&["release", "wan4"])?;
    let address = format!("{CLIENT}IPAddress");
    eventually("the address is told", || Ok((last(&addresses)?["values"][&address] == "").then_some(())))?;
    for line in addresses.lines()?.iter().skip(1) {
        assert_eq!(line["changed"], json!(["address"]), "{line}");
        assert!(
            line["values"]
                .as_object()
                .is_some_and(|all| all.keys().all(|path| !path.ends_with("DNSServers")))
        );
    }
    for (wrong, said) in [
        (vec!["watch", "Device.DHCPv4.Client.9."], "7026"),
        (vec!["watch", "Device.DHCPv4.Client.1.IPAdress"], "7010"),
        (vec!["watch", "Device.", "--type", "Value"], "ValueChange"),
        (vec!["watch", "Device.", "--every", "5"], "5s"),
    ] {
        let output = cli.output(&wrong)?;
        assert!(!output.status.success(), "{wrong:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{wrong:?}: {output:?}");
    }
    Ok(())
}
