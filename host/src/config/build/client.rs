//! `[clients.NAME]`.

use std::collections::BTreeSet;
use std::time::Duration;

use dhcpmgr_message::{ClientName, HostName, IfName};
use dhcpmgr_plugin_api::Protocol;

use super::V6_COMES_LATER;
use super::recovery::recovery;
use super::send::send;
use super::sysctls::sysctls;
use crate::clients::Program;
use crate::config::model::Client;
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::tree::Value;
use crate::config::words::{MTU_POLICIES, ON_STOP, ROUTE_POLICIES};

const KEYS: [&str; 16] = [
    "enabled",
    "protocol",
    "interface",
    "program",
    "request",
    "send",
    "hostname",
    "metric",
    "mtu",
    "routes",
    "discover_attempts",
    "discover_interval",
    "discover_pause",
    "on_stop",
    "recovery",
    "sysctls",
];

const LATER: [(&str, &str); 3] =
    [("addresses", V6_COMES_LATER), ("prefixes", V6_COMES_LATER), ("rapid_commit", V6_COMES_LATER)];

/// Routes of a lease lose against static ones without a metric, and leave room on both sides.
const DEFAULT_METRIC: u32 = 100;

/// Longest of the DISCOVER timings, seconds. udhcpc counts milliseconds in 32 bits.
const LONGEST: u32 = 86_400;

/// Reads one client; `None` when a key that it cannot be without is missing or wrong.
pub(super) fn client(name: ClientName, at: Place, table: &Section<'_>) -> Option<Client> {
    table.accept_only(&KEYS, &LATER);
    let required = |key: &str, accepted: &str| {
        let item = table.get(key);
        if item.is_none() {
            table.report.add(at, &table.key, format!("key \"{key}\" is missing; accepted: {accepted}"));
        }
        item
    };
    let whole = |key: &str, default, range, unit: &str| {
        table.get(key).and_then(|item| item.whole(range, unit)).unwrap_or(default)
    };
    let protocol = required("protocol", "\"v4\"").and_then(|item| protocol(&item));
    let interface = required("interface", "the name of a network interface, such as \"wan0\"")
        .and_then(|item| item.parsed::<IfName>("the name of a network interface, such as \"wan0\""));
    let program = match table.get("program") {
        Some(item) => program(&item),
        None => Program::default_for(Protocol::V4),
    };
    let hostname = table.get("hostname").and_then(|item| item.parsed::<HostName>("a name after RFC 1123"));
    let request = table.get("request").map(|item| request(&item)).unwrap_or_default();
    let send = table.get("send").map(|item| send(&item, hostname.is_some())).unwrap_or_default();
    let seconds = |key, default| Duration::from_secs(whole(key, default, 1..=LONGEST, "seconds").into());
    let (attempts, interval) = (whole("discover_attempts", 3, 1..=1000, ""), seconds("discover_interval", 3));
    let pause = seconds("discover_pause", 20);
    let recovery = recovery(table, interval * attempts + pause);
    let client = Client {
        name,
        enabled: table.get("enabled").and_then(|item| item.flag()).unwrap_or(true),
        protocol: Protocol::V4,
        // Stands in for a missing one, so that the other keys are still checked.
        interface: interface.clone().or_else(|| "lo".parse().ok())?,
        program: program.or_else(|| Program::default_for(Protocol::V4))?,
        request,
        send,
        hostname,
        metric: whole("metric", DEFAULT_METRIC, 0..=u32::MAX, ""),
        mtu: choice(table, "mtu", "a policy for the MTU", MTU_POLICIES).unwrap_or_default(),
        routes: choice(table, "routes", "a policy for routes", ROUTE_POLICIES).unwrap_or_default(),
        discover_attempts: attempts,
        discover_interval: interval,
        discover_pause: pause,
        on_stop: choice(table, "on_stop", "a way to stop", ON_STOP).unwrap_or_default(),
        sysctls: sysctls(table),
        recovery,
    };
    (protocol.is_some() && interface.is_some()).then_some(client)
}

pub(super) fn choice<T: Copy>(
    table: &Section<'_>,
    key: &str,
    what: &str,
    words: crate::config::words::Words<T>,
) -> Option<T> {
    table.get(key)?.choice(what, words)
}

fn protocol(item: &Item<'_>) -> Option<Protocol> {
    if matches!(&item.node.value, Value::Text(text) if text == "v6") {
        item.refuse("\"v6\": DHCPv6 comes in a later version; accepted: \"v4\"");
        return None;
    }
    item.choice("a protocol", &[("v4", Protocol::V4)])
}

fn program(item: &Item<'_>) -> Option<Program> {
    if matches!(&item.node.value, Value::Text(text) if text == "dibbler") {
        item.refuse(
            "\"dibbler\" is a client for DHCPv6, which comes in a later version; accepted: \"udhcpc\"",
        );
        return None;
    }
    let programs: Vec<_> = Program::all().map(|program| (program.name(), program)).collect();
    item.choice("a client program", &programs)
}

fn request(item: &Item<'_>) -> BTreeSet<u16> {
    let mut codes = BTreeSet::new();
    for code in item.list("a list of option codes, such as [43, 125]").unwrap_or_default() {
        let Some(number) = code.whole(1..=254, "(an option code)") else { continue };
        // The range fits.
        if !codes.insert(number as u16) {
            code.refuse(format!("option {number} is listed twice; accepted: each option once"));
        }
    }
    codes
}
