//! `[clients.NAME]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use dhcpmgr_message::{ClientName, HostName, IfName};
use dhcpmgr_plugin_api::Protocol;

use super::recovery::recovery;
use super::send::send;
use super::send6::send6;
use super::sysctls::sysctls;
use super::v6::v6;
use crate::clients::Program;
use crate::config::model::{Client, V6};
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::words::{MTU_POLICIES, ON_STOP, PROTOCOLS, ROUTE_POLICIES, quoted, word_of};
use crate::flat::FlatSet;

/// Keys of every client.
const KEYS: [&str; 10] = [
    "enabled",
    "protocol",
    "interface",
    "program",
    "request",
    "send",
    "metric",
    "on_stop",
    "recovery",
    "sysctls",
];

/// Keys of clients for DHCPv4.
const V4_KEYS: [&str; 6] =
    ["hostname", "mtu", "routes", "discover_attempts", "discover_interval", "discover_pause"];

/// Keys of clients for DHCPv6.
const V6_KEYS: [&str; 6] = ["addresses", "prefixes", "rapid_commit", "reconfigure_accept", "ia_na", "ia_pd"];

/// Routes of a lease lose against static ones without a metric, and leave room on both sides.
const DEFAULT_METRIC: u32 = 100;

/// Longest of the DISCOVER timings, seconds. udhcpc counts milliseconds in 32 bits.
const LONGEST: u32 = 86_400;

/// The longest pause between two SOLICITs (RFC 8415 section 7.6: SOL_MAX_RT was 120 s before it, and still is for
/// dibbler).
const SOLICIT_PAUSE: Duration = Duration::from_secs(120);

/// Reads one client; `None` when a key that it cannot be without is missing or wrong.
pub(super) fn client(name: ClientName, at: Place, table: &Section<'_>) -> Option<Client> {
    let required = |key: &str, accepted: &str| {
        let item = table.get(key);
        if item.is_none() {
            table.report.add(at, &table.key, format!("key \"{key}\" is missing; accepted: {accepted}"));
        }
        item
    };
    let words = quoted(PROTOCOLS.iter().map(|(word, _)| *word));
    let protocol = required("protocol", &words).and_then(|item| item.choice("a protocol", PROTOCOLS));
    accept_keys(table, protocol);
    let whole = |key: &str, default, range, unit: &str| {
        table.get(key).and_then(|item| item.whole(range, unit)).unwrap_or(default)
    };
    let interface = required("interface", "the name of a network interface, such as \"wan0\"")
        .and_then(|item| item.parsed::<IfName>("the name of a network interface, such as \"wan0\""));
    // Stands in for a missing one, so that the other keys are still checked.
    let speaks = protocol.unwrap_or(Protocol::V4);
    let program = match table.get("program") {
        Some(item) => program(&item, protocol),
        None => Program::default_for(speaks),
    };
    let is_v6 = speaks == Protocol::V6;
    let hostname = table.get("hostname").and_then(|item| item.parsed::<HostName>("a name after RFC 1123"));
    let codes = if is_v6 { 1..=u16::MAX.into() } else { 1..=254 };
    let request = table.get("request").map(|item| request(&item, codes)).unwrap_or_default();
    let sent = |item: Item<'_>| if is_v6 { send6(&item) } else { send(&item, hostname.is_some()) };
    let send = table.get("send").map(sent).unwrap_or_default();
    let seconds = |key, default| Duration::from_secs(whole(key, default, 1..=LONGEST, "seconds").into());
    let (attempts, interval) = (whole("discover_attempts", 3, 1..=1000, ""), seconds("discover_interval", 3));
    let pause = seconds("discover_pause", 20);
    let recovery = recovery(table, if is_v6 { SOLICIT_PAUSE } else { interval * attempts + pause });
    let client = Client {
        name,
        enabled: table.get("enabled").and_then(|item| item.flag()).unwrap_or(true),
        protocol: speaks,
        interface: interface.clone().or_else(|| "lo".parse().ok())?,
        program: program.or_else(|| Program::default_for(speaks))?,
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
        v6: if is_v6 { v6(table) } else { V6::default() },
    };
    (protocol.is_some() && interface.is_some()).then_some(client)
}

/// Reports every key that a client of this protocol does not take; where the protocol is not known, takes those of both.
fn accept_keys(table: &Section<'_>, protocol: Option<Protocol>) {
    let others = |keys: &[&'static str], family: &'static str| -> Vec<(&'static str, &'static str)> {
        keys.iter().map(|key| (*key, family)).collect()
    };
    match protocol {
        None => table.accept_only(&[&KEYS[..], &V4_KEYS, &V6_KEYS].concat(), &[]),
        Some(Protocol::V4) => table.accept_only(
            &[&KEYS[..], &V4_KEYS].concat(),
            &others(&V6_KEYS, "is for DHCPv6, and this client has protocol = \"v4\""),
        ),
        Some(Protocol::V6) => table.accept_only(
            &[&KEYS[..], &V6_KEYS].concat(),
            &others(&V4_KEYS, "is for DHCPv4, and this client has protocol = \"v6\""),
        ),
    }
}

pub(super) fn choice<T: Copy>(
    table: &Section<'_>,
    key: &str,
    what: &str,
    words: crate::config::words::Words<T>,
) -> Option<T> {
    table.get(key)?.choice(what, words)
}

fn program(item: &Item<'_>, protocol: Option<Protocol>) -> Option<Program> {
    let all: Vec<_> = Program::all().map(|program| (program.name(), program)).collect();
    let program = item.choice("a client program", &all)?;
    let Some(protocol) = protocol.filter(|protocol| *protocol != program.protocol()) else {
        return Some(program);
    };
    let fitting = all.iter().filter(|(_, program)| program.protocol() == protocol);
    item.refuse(format!(
        "\"{}\" does not speak {}; accepted: {}",
        program.name(),
        word_of(PROTOCOLS, &protocol),
        quoted(fitting.map(|(name, _)| *name))
    ));
    None
}

fn request(item: &Item<'_>, accepted: RangeInclusive<u32>) -> FlatSet<u16> {
    let mut codes = FlatSet::new();
    for code in item.list("a list of option codes, such as [43, 125]").unwrap_or_default() {
        let Some(number) = code.whole(accepted.clone(), "(an option code)") else { continue };
        // The range fits.
        if !codes.insert(number as u16) {
            code.refuse(format!("option {number} is listed twice; accepted: each option once"));
        }
    }
    codes
}
