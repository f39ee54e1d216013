//! What the tests of the owner of IPv4 start from, and what they ask afterwards.

use std::net::Ipv6Addr;

use dhcpmgr_lab::{Daemon, Dnsmasq, Error, Exchange, Hook, Lab, Nat46, Result, Told, eventually};
use dhcpmgr_message::Bytes;
use nix::unistd::Pid;
use serde_json::Value;

use crate::given::client;

/// The interface of the softwire over `wan0`.
pub(super) const SOFTWIRE: &str = "sw-wan0";
/// The name server that DHCPv4 gives.
pub(super) const DNS: &str = "192.0.2.53";

/// 2001:db8:f012:3400::/56 is delegated. Behind the 40 bits of the rule stand 16 EA bits, 0x1234: the address is
/// 192.0.2.0 + 0x12, the PSID 0x34.
pub(super) const MAP_T: &str = "0059000d00 10 18 c0000200 28 20010db8f0 005b0009 40 20010db8ffff0000";
/// As nat46 has to be told of it.
pub(super) const RULE: [&str; 4] = [
    "local.v4 192.0.2.0/24",
    "local.v6 2001:db8:f000::/40",
    "local.ea-len 16",
    "remote.v6 2001:db8:ffff::/64",
];

/// DHCPv4 and DHCPv6 on `wan0`, and the handlers of both.
pub(super) fn dual() -> String {
    client("wan4", "wan0", 100, "")
        + "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\nprogram = \"dibbler\"\n\
           [handlers.v4]\nmodule = \"libdhcpmgr_v4.so\"\n[handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\n\
           [handlers.mapt]\nmodule = \"libdhcpmgr_mapt.so\"\n"
}

/// The bytes of hexadecimal text, with spaces where they help.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_ascii_whitespace().collect();
    let bytes = Bytes::from_hex(&digits);
    assert!(bytes.is_ok(), "{text}: {bytes:?}");
    bytes.unwrap_or_default().0
}

/// A gateway whose DHCPv6 client is a stand-in.
fn installed<'lab>(lab: &'lab Lab, more: &str) -> Result<(Daemon<'lab>, Nat46)> {
    lab.stand_in_for_dibbler()?;
    let daemon = Daemon::install(lab)?;
    daemon.configure(&(dual() + more))?;
    let nat46 = Nat46::stand_in(lab, &daemon, "wan0")?;
    Ok((daemon, nat46))
}

const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf012, 0x3400, 0, 0, 0, 0);

/// The hook of the stand-in, once it waits.
fn hook(lab: &Lab, daemon: &Daemon<'_>) -> Result<Hook> {
    let sleeps = |pid: &Pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
    };
    let client = eventually("the client waits in its directory", || {
        Ok(lab.gateway.processes().into_iter().find(sleeps))
    })?;
    Hook::of(client, daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-dibbler"))
}

/// The server gives or extends the prefix, and sends these options besides.
fn tell(lab: &Lab, hook: &Hook, request: &str, options: &[(u16, Vec<u8>)]) -> Result<std::time::Instant> {
    let told = [Told::Prefix(PREFIX, 56, 3000, 9000)];
    let asked: &[Told] = if request == "REQUEST" { &[] } else { &told };
    let exchange = Exchange { request, interface: "wan0", answered: &told, asked };
    hook.tell_with(&lab.gateway, &exchange, options)
}

/// The row of `wan0` in `status`.
pub(super) fn wan(daemon: &Daemon<'_>) -> Result<Value> {
    let status = daemon.cli().json(&["status"])?;
    let wans = status["wans"].as_array().into_iter().flatten();
    let wan = wans.into_iter().find(|wan| wan["interface"] == "wan0").cloned();
    wan.ok_or_else(|| Error::new(format!("no wan0 in {status}")))
}

/// The IPv4 default routes: interface and metric.
pub(super) fn defaults(lab: &Lab) -> Result<Vec<(String, u32)>> {
    let mut found = Vec::new();
    for interface in ["wan0", SOFTWIRE] {
        let routes = lab.routes(interface)?.into_iter().filter(|route| route.to == "default");
        found.extend(routes.map(|route| (interface.to_owned(), route.metric)));
    }
    Ok(found)
}

/// What is not as it should be while MAP-T carries IPv4, if anything: in `status`, in the kernel, at the client, at
/// nat46, in `resolv.conf`.
fn wrong_with_map_t(lab: &Lab, daemon: &Daemon<'_>, nat46: &Nat46) -> Result<Option<String>> {
    let (wan, wan4) = (wan(daemon)?, daemon.cli().client("wan4")?);
    let told = nat46.told()?.unwrap_or_default();
    let softwire = daemon.cli().client("wan6")?["lease"]["softwire"].clone();
    Ok(first_wrong(&[
        ("the owner", wan["owner"] == "map-t", &wan),
        ("the interface", wan["softwire_interface"] == SOFTWIRE && wan["backend"] == "nat46", &wan),
        ("the offer", wan["offered"][0]["kind"] == "map-t" && wan["offered"][0]["obstacle"].is_null(), &wan),
        ("the softwire", softwire["ipv4"] == "192.0.2.18" && softwire["psid"] == 0x34, &softwire),
        ("the DHCPv4 lease", wan4["lease"].is_null() && wan4["status"] == "Init", &wan4),
        ("the DHCPv4 client", wan4["pid"].is_null(), &wan4),
        ("its reason", wan4["reason"] == "stands aside: IPv4 comes over map-t of wan6", &wan4),
        ("the addresses", lab.addresses("wan0")?.is_empty(), &format!("{:?}", lab.addresses("wan0")?).into()),
        (
            "the default route",
            defaults(lab)? == [(SOFTWIRE.to_owned(), 99)],
            &format!("{:?}", defaults(lab)?).into(),
        ),
        (
            "the routes of DHCPv4",
            lab.routes("wan0")?.is_empty(),
            &format!("{:?}", lab.routes("wan0")?).into(),
        ),
        ("the name server", !daemon.resolv_conf().contains(DNS), &daemon.resolv_conf().into()),
        ("nat46", RULE.iter().all(|rule| told.contains(rule)), &told.clone().into()),
    ]))
}

/// The same while DHCPv4 does.
fn wrong_with_dhcpv4(lab: &Lab, daemon: &Daemon<'_>, nat46: &Nat46) -> Result<Option<String>> {
    let (wan, wan4) = (wan(daemon)?, daemon.cli().client("wan4")?);
    let softwire = daemon.cli().client("wan6")?["lease"]["softwire"].clone();
    let addresses: Vec<_> = lab.addresses("wan0")?.into_iter().map(|found| found.address).collect();
    Ok(first_wrong(&[
        ("the owner", wan["owner"] == "dhcpv4", &wan),
        ("the interface", wan["softwire_interface"].is_null() && wan["backend"].is_null(), &wan),
        ("the softwire", softwire.is_null(), &softwire),
        ("the DHCPv4 client", wan4["status"] == "Bound" && wan4["reason"].is_null(), &wan4),
        ("the addresses", addresses == [lab.wan().on_link(100)], &format!("{addresses:?}").into()),
        (
            "the default route",
            defaults(lab)? == [("wan0".to_owned(), 100)],
            &format!("{:?}", defaults(lab)?).into(),
        ),
        (
            "the softwire's routes",
            lab.routes(SOFTWIRE)?.is_empty(),
            &format!("{:?}", lab.routes(SOFTWIRE)?).into(),
        ),
        ("the softwire's addresses", lab.addresses(SOFTWIRE)?.is_empty(), &Value::Null),
        ("the name server", daemon.resolv_conf().contains(DNS), &daemon.resolv_conf().into()),
        ("nat46", nat46.told()?.is_none(), &nat46.told()?.into()),
    ]))
}

fn first_wrong(facts: &[(&str, bool, &Value)]) -> Option<String> {
    let (what, _, found) = facts.iter().find(|(_, right, _)| !right)?;
    Some(format!("{what}: {found}"))
}

/// Waits until nothing is wrong.
fn settled(what: &str, mut wrong: impl FnMut() -> Result<Option<String>>) -> Result {
    eventually(what, || match wrong()? {
        None => Ok(Some(())),
        Some(wrong) => Err(Error::new(wrong)),
    })
}

/// A dual-stack WAN with a DHCPv4 server, where the DHCPv6 client has its prefix.
pub(super) struct Home<'lab> {
    pub(super) lab: &'lab Lab,
    pub(super) server: Dnsmasq<'lab>,
    pub(super) daemon: Daemon<'lab>,
    pub(super) nat46: Nat46,
    pub(super) hook: Hook,
}

impl<'lab> Home<'lab> {
    /// The server sent these options with the prefix. Nobody has looked yet who carries IPv4.
    fn new(lab: &'lab Lab, options: &[(u16, Vec<u8>)]) -> Result<Self> {
        let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
        let (mut daemon, nat46) = installed(lab, "")?;
        daemon.start()?;
        let hook = hook(lab, &daemon)?;
        let home = Self { lab, server, daemon, nat46, hook };
        home.tell("REQUEST", options)?;
        Ok(home)
    }

    /// No softwire is offered, and DHCPv4 carries IPv4.
    pub(super) fn with_dhcpv4(lab: &'lab Lab) -> Result<Self> {
        let home = Self::new(lab, &[])?;
        home.dhcpv4_carries()?;
        Ok(home)
    }

    /// MAP-T is offered, and carries IPv4.
    pub(super) fn with_map_t(lab: &'lab Lab) -> Result<Self> {
        let home = Self::new(lab, &[(95, hex(MAP_T))])?;
        home.map_t_carries()?;
        Ok(home)
    }

    /// What the server answers to this request, besides the prefix.
    pub(super) fn tell(&self, request: &str, options: &[(u16, Vec<u8>)]) -> Result<std::time::Instant> {
        tell(self.lab, &self.hook, request, options)
    }

    /// Waits until MAP-T carries IPv4, and nothing else is left anywhere.
    pub(super) fn map_t_carries(&self) -> Result {
        settled("MAP-T carries IPv4", || wrong_with_map_t(self.lab, &self.daemon, &self.nat46))
    }

    /// Waits until DHCPv4 does.
    pub(super) fn dhcpv4_carries(&self) -> Result {
        settled("DHCPv4 carries IPv4", || self.wrong_with_dhcpv4())
    }

    /// What is not as it should be while DHCPv4 carries IPv4, if anything.
    pub(super) fn wrong_with_dhcpv4(&self) -> Result<Option<String>> {
        wrong_with_dhcpv4(self.lab, &self.daemon, &self.nat46)
    }
}
