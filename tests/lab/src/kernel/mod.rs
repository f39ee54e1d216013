//! What the gateway's kernel holds, read through `ip -json`: another pair of eyes than the daemon's own.

mod v6;

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use v6::{Address6, Route6};

use crate::error::Context;
use crate::process::Process;
use crate::{Namespace, Result, eventually};

/// One IPv4 address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// With the length of its on-link prefix: `10.77.0.100/24`.
    pub address: String,
    /// Broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Seconds that it is still valid; `u32::MAX` for ever.
    pub valid: u32,
    /// Seconds that it is still preferred.
    pub preferred: u32,
    /// Who set it (`IFA_PROTO`), by name or number.
    pub protocol: Option<String>,
    /// Metric of its on-link route.
    pub metric: Option<u32>,
}

/// One IPv4 route.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// Destination: `default`, a network or an address.
    #[serde(rename = "dst")]
    pub to: String,
    /// Router.
    #[serde(rename = "gateway")]
    pub via: Option<Ipv4Addr>,
    /// Metric; 0 when the kernel says none.
    #[serde(default)]
    pub metric: u32,
    /// Who set it, by name or number: `kernel`, `dhcp`, ….
    #[serde(default)]
    pub protocol: String,
    /// `onlink`, ….
    #[serde(default)]
    pub flags: Vec<String>,
    /// Preferred source.
    #[serde(rename = "prefsrc")]
    pub source: Option<Ipv4Addr>,
    /// Routing table; main when absent.
    pub table: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    mtu: u32,
    #[serde(default)]
    addr_info: Vec<AddressInfo>,
}

#[derive(Deserialize)]
struct AddressInfo {
    local: String,
    prefixlen: u8,
    broadcast: Option<Ipv4Addr>,
    valid_life_time: u32,
    preferred_life_time: u32,
    protocol: Option<String>,
    metric: Option<u32>,
}

fn query<T: DeserializeOwned>(namespace: &Namespace, arguments: &[&str]) -> Result<T> {
    let text = namespace.ip(arguments)?;
    // `ip` prints nothing at all where there is nothing.
    let text = if text.trim().is_empty() { "[]" } else { &text };
    serde_json::from_str(text).context(|| format!("ip {} said {text}", arguments.join(" ")))
}

pub(crate) fn addresses(namespace: &Namespace, interface: &str) -> Result<Vec<Address>> {
    let links: Vec<Link> = query(namespace, &["-4", "-json", "addr", "show", "dev", interface])?;
    let of = |info: AddressInfo| Address {
        address: format!("{}/{}", info.local, info.prefixlen),
        broadcast: info.broadcast,
        valid: info.valid_life_time,
        preferred: info.preferred_life_time,
        protocol: info.protocol,
        metric: info.metric,
    };
    Ok(links.into_iter().flat_map(|link| link.addr_info).map(of).collect())
}

pub(crate) fn routes(namespace: &Namespace, interface: &str) -> Result<Vec<Route>> {
    let all: Vec<Route> =
        query(namespace, &["-4", "-json", "route", "show", "table", "all", "dev", interface])?;
    Ok(all.into_iter().filter(|route| route.table.as_deref() != Some("local")).collect())
}

pub(crate) fn mtu(namespace: &Namespace, interface: &str) -> Result<u32> {
    let links: Vec<Link> = query(namespace, &["-json", "link", "show", "dev", interface])?;
    links.first().map(|link| link.mtu).ok_or_else(|| crate::Error::new(format!("no interface {interface}")))
}

/// UDP sockets to wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sockets {
    /// `udp` or `udp6`
    pub(crate) table: &'static str,
    pub(crate) port: u16,
    /// At least so many.
    pub(crate) count: usize,
}

/// How many UDP sockets are bound to the port.
pub(crate) fn listening(namespace: &Namespace, table: &'static str, port: u16) -> Result<usize> {
    let table =
        namespace.run(move || Ok(std::fs::read_to_string(format!("/proc/thread-self/net/{table}"))?))?;
    let local = format!(":{port:04X}");
    Ok(table
        .lines()
        .skip(1)
        .filter(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&local)))
        .count())
}

/// Waits until a server listens.
pub(crate) fn await_sockets(namespace: &Namespace, process: &mut Process, sockets: Sockets) -> Result {
    let Sockets { table, port, count } = sockets;
    eventually("the DHCP server listens", || {
        process.must_run()?;
        Ok((listening(namespace, table, port)? >= count).then_some(()))
    })
}
