//! The data model against the facts of the standard: every parameter of the clients on a daemon with live leases, its
//! presence, type, access and range. What comes of it is the table `host/src/data_model/CONFORMANCE.md`; with
//! `DHCPMGR_BLESS=1` it is written anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use dhcpmgr_lab::{Daemon, Error, Lab, Result, lab_or_skip};
use serde_json::{Value, json};

use super::given::{configured, home, kea};
use crate::given::client as v4_client;

const FACTS: &str = include_str!("../../../host/src/data_model/facts/dhcp-client.json");
const TABLE: &str = include_str!("../../../host/src/data_model/CONFORMANCE.md");

const HEAD: &str = "# TR-181 2.21, the clients: what is there, and what acts\n\n\
    Written by the test `every_parameter_of_the_standard_is_there_and_as_it_should_be` (`cargo xtask test conformance`,\n\
    with `DHCPMGR_BLESS=1` to write it anew) from a daemon with live leases of udhcpc and dibbler, and with the packet\n\
    observer. *shown*: read-only, and there with its type. *unknown*: the same, and nothing tells it: its value is the\n\
    standard's for no data. *acts*: a valid value is taken, one out of range (7012) and one of another type (7011) are not.\n\
    *fixed*: the client program cannot be told; its value in effect is shown, and another one is refused (7009).\n\
    *once*: written when its row is added. *command*: carried out.\n\n";

/// The control socket, spoken to directly: thousands of programs would take long to start.
struct Control(BufReader<UnixStream>);

impl Control {
    fn open(daemon: &Daemon<'_>) -> Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(daemon.root().join("run/dhcpmgr/control.sock"))?)))
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn get(&mut self, path: &str) -> Result<BTreeMap<String, Value>> {
        let answer = self.ask(&json!({"command": "get", "paths": [path]}))?;
        Ok(serde_json::from_value(answer["result"].clone()).unwrap_or_default())
    }

    /// 0 when it was written, else the USP error code.
    fn set(&mut self, path: &str, value: &Value) -> Result<u64> {
        let mut values = serde_json::Map::new();
        values.insert(path.to_owned(), value.clone());
        let answer = self.ask(&json!({"command": "set", "values": values}))?;
        Ok(if answer["ok"] == true { 0 } else { answer["faults"][0]["code"].as_u64().unwrap_or(1) })
    }

    fn add(&mut self, path: &str, values: &Value) -> Result<String> {
        let answer = self.ask(&json!({"command": "add", "path": path, "values": values}))?;
        assert_eq!(answer["ok"], true, "{path}: {answer}");
        Ok(answer["result"]["paths"][0].as_str().unwrap_or_default().to_owned())
    }
}

/// The path of a fact with the rows of `rows` for its `{i}`: the longest beginning that is there counts.
fn instance(path: &str, rows: &[(&str, String)]) -> String {
    let longest =
        rows.iter().filter(|(table, _)| path.starts_with(table)).max_by_key(|(table, _)| table.len());
    longest.map_or_else(|| path.to_owned(), |(table, row)| format!("{row}{}", &path[table.len()..]))
}

fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// A value that the standard allows, and that is another one than now.
fn valid(fact: &Value, now: &Value) -> Value {
    match (name(fact["path"].as_str().unwrap_or_default()), fact["type"].as_str().unwrap_or_default()) {
        ("Interface", _) => json!("wan9"),
        ("PassthroughDHCPPool", _) => json!("Device.DHCPv4.Server.Pool.1"),
        ("RequestedOptions", _) => json!("23,24"),
        ("Tag", _) => json!("99"),
        ("Value", _) => json!("0102"),
        (_, "boolean") => json!(*now != true),
        ("DSCPMark", _) => json!(12),
        (_, "int" | "unsignedInt") => json!(if *now == 7 { 8 } else { 7 }),
        _ => fact["enum"][1]["value"].clone(),
    }
}

/// One that it does not allow, where it can be written on a line.
fn out_of_range(fact: &Value) -> Option<Value> {
    let kind = fact["type"].as_str().unwrap_or_default();
    let (max, longest) = (fact["range"][0]["max"].as_i64(), fact["size"][0]["maxLength"].as_u64());
    match kind {
        _ if fact["enum"].is_array() => Some(json!("None of these")),
        "unsignedInt" if fact["list"] == true => Some(json!("4294967296")),
        "int" => Some(json!(max.map_or(1 << 31, |max| max + 1))),
        "unsignedInt" => Some(json!(max.map_or(1_i64 << 32, |max| max + 1))),
        "string" => longest.map(|longest| json!("x".repeat(longest as usize + 1))),
        "hexBinary" => {
            longest.filter(|longest| *longest < 1000).map(|longest| json!("00".repeat(longest as usize + 1)))
        }
        _ => None,
    }
}

fn wrong_type(fact: &Value) -> Value {
    match fact["type"].as_str().unwrap_or_default() {
        "boolean" => json!("maybe"),
        "hexBinary" => json!("0g"),
        "string" => json!(7),
        _ => json!("seven"),
    }
}

fn has_type(fact: &Value, value: &Value) -> bool {
    match fact["type"].as_str().unwrap_or_default() {
        "boolean" => value.is_boolean(),
        _ if fact["list"] == true => value.is_string(),
        "int" => value.is_i64(),
        "unsignedInt" | "unsignedLong" => value.is_u64(),
        "hexBinary" => value
            .as_str()
            .is_some_and(|text| text.len() % 2 == 0 && text.bytes().all(|b| b.is_ascii_hexdigit())),
        _ if fact["enum"].is_array() => {
            fact["enum"].as_array().is_some_and(|words| words.iter().any(|word| word["value"] == *value))
        }
        _ => value.is_string(),
    }
}

#[test]
fn every_parameter_of_the_standard_is_there_and_as_it_should_be() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let _v4 = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let _v6 = kea(&lab, (900, 1440, 1800, 3600)).start()?;
    let observer = "[observer]\nenabled = true\n";
    let v4 = v4_client("wan4", "wan0", 100, "") + crate::given::V4;
    let daemon = lab.daemon(&(observer.to_owned() + &v4 + &home("request = [23]")))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(&lab, super::given::OLD)?;
    let mut control = Control::open(&daemon)?;

    // Read where leases are; written where nothing is disturbed: in rows that are added.
    let (c4, c6) = ("Device.DHCPv4.Client.{i}.", "Device.DHCPv6.Client.{i}.");
    let mut live =
        vec![(c4, "Device.DHCPv4.Client.1.".to_owned()), (c6, "Device.DHCPv6.Client.1.".to_owned())];
    let mut spare = Vec::new();
    for (table, path) in [(c4, "Device.DHCPv4.Client."), (c6, "Device.DHCPv6.Client.")] {
        spare.push((table, control.add(path, &json!({}))?));
    }
    let tables = [
        "Device.DHCPv4.Client.{i}.SentOption.{i}.",
        "Device.DHCPv4.Client.{i}.ReqOption.{i}.",
        "Device.DHCPv6.Client.{i}.SentOption.{i}.",
    ];
    for table in tables {
        let path = instance(table.trim_end_matches("{i}."), &spare);
        let values = if table.contains("SentOption") { json!({"Value": "01"}) } else { json!({}) };
        let row = control.add(&path, &values)?;
        live.push((table, row.clone()));
        spare.push((table, row));
    }
    for (table, row) in [
        ("Device.DHCPv6.Client.{i}.Server.{i}.", "Device.DHCPv6.Client.1.Server.1."),
        ("Device.DHCPv6.Client.{i}.ReceivedOption.{i}.", "Device.DHCPv6.Client.1.ReceivedOption.1."),
    ] {
        live.push((table, row.to_owned()));
    }

    let facts: Value = serde_json::from_str(FACTS)?;
    let facts = facts["items"].as_array().cloned().unwrap_or_default();
    let (mut rows, mut sums) = (String::new(), BTreeMap::<&str, u32>::new());
    for fact in facts.iter().filter(|fact| fact["kind"] != "object") {
        let path = fact["path"].as_str().unwrap_or_default();
        let outcome = if fact["kind"] == "command" {
            let call = instance(path, &live);
            let answer = control.ask(&json!({"command": "get-supported", "path": call}))?;
            assert_eq!(answer["result"][0]["type"], "command", "{path}: {answer}");
            "command"
        } else {
            parameter(&mut control, fact, &instance(path, &live), &instance(path, &spare))?
        };
        *sums.entry(outcome).or_default() += 1;
        let kind = fact["type"].as_str().unwrap_or("-");
        let _ = writeln!(rows, "| {path} | {kind} | {outcome} |");
    }
    let sum: Vec<String> = sums.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let parameters: u32 =
        sums.iter().filter(|(outcome, _)| **outcome != "command").map(|(_, count)| count).sum();
    assert_eq!((parameters, sums["command"]), (119, 6), "all of the standard");
    let table = format!("{HEAD}{}.\n\n| parameter | type | |\n|---|---|---|\n{rows}", sum.join(", "));
    let file =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../host/src/data_model/CONFORMANCE.md"));
    if std::env::var_os("DHCPMGR_BLESS").is_some() {
        std::fs::write(file, table)?;
        return Ok(());
    }
    assert!(
        table == TABLE,
        "{}: run with DHCPMGR_BLESS=1 and look at the difference:\n{table}",
        file.display()
    );
    Ok(())
}

/// Reads it, and tries to write it; gives the word of the table.
fn parameter(control: &mut Control, fact: &Value, live: &str, spare: &str) -> Result<&'static str> {
    let shown = control.get(live)?;
    let value = shown.get(live).ok_or_else(|| Error::new(format!("{live} is not there: {shown:?}")))?;
    assert!(has_type(fact, value), "{live} = {value} is not of its type: {fact}");
    let access = fact["access_usp"].as_str().or(fact["access_cwmp"].as_str()).unwrap_or_default();
    match access {
        "readOnly" => {
            assert_eq!(control.set(live, value)?, 7013, "{live} is read-only");
            // The standard's word for no data.
            return Ok(if *value == u64::MAX { "unknown" } else { "shown" });
        }
        "writeOnceReadOnly" => {
            assert_eq!(control.set(live, &json!("another"))?, 7013, "{live} is written once");
            return Ok("once");
        }
        _ => {}
    }
    if let Some(wrong) = out_of_range(fact) {
        assert_eq!(control.set(spare, &wrong)?, 7012, "{spare} = {wrong} is out of range");
    }
    let wrong = wrong_type(fact);
    let refused = control.set(spare, &wrong)?;
    assert_eq!(refused, 7011, "{spare} = {wrong} is of another type");
    if !fact["command_parameter"].is_null() || fact["flavour"] == "cwmp" {
        assert_eq!(value, &json!(false), "{live} always reads false");
        assert_eq!(control.set(spare, &json!(false))?, 0, "{spare} = false does nothing");
        return Ok("acts");
    }
    let now = control.get(spare)?.remove(spare).unwrap_or_default();
    let valid = valid(fact, &now);
    match control.set(spare, &valid)? {
        0 => {
            let now = control.get(spare)?.remove(spare).unwrap_or_default();
            let reads_as_row = spare.ends_with(".Interface")
                && now.as_str().is_some_and(|r| r.starts_with("Device.IP.Interface."));
            let same = now.to_string().trim_matches('"') == valid.to_string().trim_matches('"');
            assert!(same || reads_as_row, "{spare} was written as {valid} and reads {now}");
            Ok("acts")
        }
        7009 => {
            assert_eq!(control.set(spare, &now)?, 0, "{spare} as it is");
            Ok("fixed")
        }
        other => Err(Error::new(format!("{spare} = {valid} was refused with {other}"))),
    }
}
