//! The D-Bus door, with a real bus and with `busctl`, as a person would use it.

use dhcpmgr_lab::{Daemon, Error, Lab, Process, Result, SystemBus, eventually, lab_or_skip};
use serde_json::{Value, json};

use crate::given::{addresses, one_client};

const POLICY: &str = include_str!("../../host/packaging/org.dhcpmgr1.conf");
const CLIENT: &str = "Device.DHCPv4.Client.1.";
const OBJECT: &str = "/org/dhcpmgr1/clients/wan4";

/// The bus, and what a user asks on it.
pub(crate) struct Bus<'lab> {
    lab: &'lab Lab,
    bus: SystemBus<'lab>,
}

impl<'lab> Bus<'lab> {
    pub(crate) fn new(lab: &'lab Lab, daemon: &Daemon<'_>) -> Result<Self> {
        Ok(Self { lab, bus: SystemBus::start(lab, daemon, &[POLICY])? })
    }

    pub(crate) fn served(&self) -> Result {
        eventually("org.dhcpmgr1 is on the bus", || {
            let asked =
                self.output(&["call", "org.dhcpmgr1", "/org/dhcpmgr1", "org.freedesktop.DBus.Peer", "Ping"])?;
            Ok(asked.status.success().then_some(()))
        })
    }

    fn output(&self, arguments: &[&str]) -> Result<std::process::Output> {
        self.bus.busctl(arguments)
    }

    /// Calls a method of the manager; gives the first value of the answer.
    pub(crate) fn call(&self, words: &[&str]) -> Result<Value> {
        let manager = ["call", "org.dhcpmgr1", "/org/dhcpmgr1", "org.dhcpmgr1.Manager"];
        let output = self.output(&[&manager, words].concat())?;
        if !output.status.success() {
            return Err(Error::new(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ok(answer["data"][0].clone())
    }

    fn property(&self, name: &str) -> Result<Value> {
        let words = ["get-property", "org.dhcpmgr1", OBJECT, "org.dhcpmgr1.Client", name];
        let output = self.output(&words)?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ok(answer["data"].clone())
    }

    fn address(&self) -> String {
        format!("--address={}", self.bus.address())
    }

    /// Everything that the manager and the clients tell from now on.
    fn monitor(&self) -> Result<Process> {
        let log = self.lab.dir().join("busctl.log");
        let rule = "--match=type='signal',sender='org.dhcpmgr1'";
        self.lab.gateway.spawn("busctl", &[&self.address(), "--json=short", rule, "monitor"], &[], &log)
    }
}

/// A bus, a server, and a daemon whose client has a lease.
fn given<'lab>(lab: &'lab Lab) -> Result<(dhcpmgr_lab::Dnsmasq<'lab>, Bus<'lab>, Daemon<'lab>)> {
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let mut daemon = Daemon::install(lab)?;
    daemon.configure(&one_client(""))?;
    let bus = Bus::new(lab, &daemon)?;
    daemon.start()?;
    daemon.cli().wait_for("wan4", "Bound")?;
    bus.served()?;
    Ok((server, bus, daemon))
}

#[test]
fn the_manager_reads_writes_and_calls() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, bus, daemon) = given(&lab)?;
    let address = format!("{CLIENT}IPAddress");
    let read = bus.call(&["Get", "as", "2", &address, &format!("{CLIENT}LeaseTimeRemaining")])?;
    assert_eq!(read[&address], json!({"type": "s", "data": "10.77.0.100"}));
    assert_eq!(read[format!("{CLIENT}LeaseTimeRemaining")]["type"], "i", "{read}");
    let rows = bus.call(&["GetInstances", "s", "Device.DHCPv4.Client."])?;
    assert!(rows.as_array().is_some_and(|rows| rows.contains(&json!(CLIENT))), "{rows}");
    let supported = bus.call(&["GetSupportedDM", "s", "Device.DHCPv4.Client.{i}.DSCPMark"])?;
    assert_eq!(supported[0][1], "unsignedInt", "{supported}");
    let status: Value = serde_json::from_str(bus.call(&["Status"])?.as_str().unwrap_or_default())?;
    assert_eq!(status["clients"][0]["name"], "wan4");

    let missing =
        bus.call(&["Get", "as", "1", "Device.DHCPv4.Client.9.Enable"]).expect_err("there is no such row");
    assert!(missing.to_string().contains("7026"), "{missing}");
    let failed = bus.call(&["Set", "a{sv}b", "1", &format!("{CLIENT}DSCPMark"), "u", "99", "false"])?;
    assert_eq!(failed[format!("{CLIENT}DSCPMark")][0], 7012, "{failed}");
    let row = bus.call(&[
        "Add",
        "sa{sv}",
        &format!("{CLIENT}SentOption."),
        "2",
        "Tag",
        "u",
        "77",
        "Value",
        "s",
        "01",
    ])?;
    let row = row.as_str().unwrap_or_default().to_owned();
    let done = bus.call(&["Set", "a{sv}b", "1", &format!("{row}Enable"), "b", "true", "false"])?;
    assert_eq!(done, json!({}));
    assert_eq!(daemon.cli().text(&["get", &format!("{row}Enable")])?, format!("{row}Enable=true\n"));
    bus.call(&["Delete", "as", "1", &row])?;
    daemon.cli().wait_for("wan4", "Bound")?;
    bus.call(&["Operate", "sa{sv}", &format!("{CLIENT}Release()"), "0"])?;
    eventually("its address is gone", || Ok(addresses(&lab)?.is_empty().then_some(())))
}

#[test]
fn each_client_is_an_object_that_tells_what_happens() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, bus, daemon) = given(&lab)?;
    assert_eq!(bus.property("Status")?, "Bound");
    assert_eq!(bus.property("Addresses")?, json!(["10.77.0.100/24"]));
    let managed = bus.output(&[
        "call",
        "org.dhcpmgr1",
        "/org/dhcpmgr1",
        "org.freedesktop.DBus.ObjectManager",
        "GetManagedObjects",
    ])?;
    assert!(String::from_utf8_lossy(&managed.stdout).contains(OBJECT), "{managed:?}");
    let introspected = bus.output(&["introspect", "org.dhcpmgr1", OBJECT])?;
    assert!(introspected.status.success(), "{introspected:?}");
    let tree = bus.output(&["tree", "org.dhcpmgr1"])?;
    assert!(String::from_utf8_lossy(&tree.stdout).contains(OBJECT), "{tree:?}");

    let monitor = bus.monitor()?;
    eventually("the monitor listens", || Ok(monitor.log().contains("Monitoring").then_some(())))?;
    daemon.cli().text(&["release", "wan4"])?;
    eventually("the bus is told", || {
        let log = monitor.log();
        let told =
            ["LeaseEvent", "lease-lost", "PropertiesChanged", "released by the operator", "ValueChanged"];
        Ok(told.iter().all(|word| log.contains(word)).then_some(()))
    })?;
    assert_eq!(bus.property("Addresses")?, json!([]));
    let row = bus.call(&["Add", "sa{sv}", &format!("{CLIENT}SentOption."), "1", "Tag", "u", "77"])?;
    let row = row.as_str().unwrap_or_default().to_owned();
    bus.call(&["Delete", "as", "1", &row])?;
    bus.call(&["Operate", "sa{sv}", &format!("{CLIENT}Stats.Reset()"), "0"])?;
    let told = |signal: &str, path: &str| {
        monitor.log().lines().any(|line| line.contains(&format!("\"{signal}\"")) && line.contains(path))
    };
    eventually("the bus is told of rows and commands", || {
        let gone = told("ObjectCreated", &row) && told("ObjectDeleted", &row);
        Ok((gone && told("OperationComplete", "Stats.Reset()")).then_some(()))
    })?;
    // The door may have looked at the client before it had its first lease: only a second one is sure to be news.
    daemon.cli().text(&["renew", "wan4"])?;
    daemon.cli().wait_for("wan4", "Bound")?;
    eventually("the bus is told of the address", || {
        Ok(monitor.log().contains("Device.DHCPv4.Client.1.IPAddress").then_some(()))
    })
}

#[test]
fn the_door_comes_back_with_the_bus() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, mut bus, daemon) = given(&lab)?;
    bus.bus.stop();
    assert_eq!(daemon.cli().client("wan4")?["status"], "Bound");
    bus.bus.start_again()?;
    bus.served()?;
    assert_eq!(bus.property("Status")?, "Bound");
    Ok(())
}

#[test]
fn anybody_reads_and_only_root_writes() -> Result {
    lab_or_skip!();
    if !dhcpmgr_lab::is_real_root() {
        return Ok(());
    }
    let lab = Lab::new()?;
    let (_server, bus, _daemon) = given(&lab)?;
    // The directory of a test is its user's own.
    let reachable = std::process::Command::new("chmod").args(["-R", "a+rX"]).arg(lab.dir()).status()?;
    assert!(reachable.success());
    let as_nobody = |words: &[&str]| -> Result<std::process::Output> {
        let user = [
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "busctl",
            &bus.address(),
            "--timeout=10",
            "call",
        ];
        let manager = ["org.dhcpmgr1", "/org/dhcpmgr1", "org.dhcpmgr1.Manager"];
        lab.gateway.output("setpriv", &[&user, &manager[..], words].concat())
    };
    let read = as_nobody(&["Get", "as", "1", &format!("{CLIENT}Enable")])?;
    assert!(read.status.success(), "{read:?}");
    let write = as_nobody(&["Set", "a{sv}b", "1", &format!("{CLIENT}Enable"), "b", "false", "false"])?;
    assert!(!write.status.success(), "{write:?}");
    let call = as_nobody(&["Operate", "sa{sv}", &format!("{CLIENT}Release()"), "0"])?;
    assert!(!call.status.success(), "{call:?}");
    assert_eq!(bus.property("Status")?, "Bound");
    Ok(())
}
