//! `dhcpmgr lease`

use std::fmt::Write as _;

use super::options::option_title;
use super::style::{Style, Tone};
use super::text::{duration, plain};
use crate::control::views::{ClientLease, Lease, LeaseV4};

/// A block for each client.
#[must_use]
pub fn leases(leases: &[ClientLease], style: Style) -> String {
    if leases.is_empty() {
        return "no clients are configured\n".to_owned();
    }
    let blocks = leases.iter().map(|client| {
        let name = style.tone(Tone::Heading, client.client.as_str());
        match &client.lease {
            Some(Lease::V4(lease)) => format!("{name} on {}\n{}", client.interface, block(&rows(lease), 2)),
            None => format!("{name} on {}: no lease\n", client.interface),
        }
    });
    style.finish(blocks.collect::<Vec<_>>().join("\n"))
}

/// Keys and values, a value a line, indented.
pub(super) fn block(rows: &[(String, Vec<String>)], indent: usize) -> String {
    let width = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (key, values) in rows {
        for (index, value) in values.iter().enumerate() {
            let key = if index == 0 { key } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:indent$}{key:width$}  {value}", "");
        }
    }
    text
}

fn rows(lease: &LeaseV4) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, values: Vec<String>| {
        if !values.is_empty() {
            rows.push((key.to_owned(), values));
        }
    };
    let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
    let texts = |values: &[String]| values.iter().map(|value| plain(value)).collect::<Vec<_>>();
    let seconds = |value: Option<u32>| value.map(|value| duration(value.into()));
    row("address", vec![lease.address.to_string()]);
    row("server", one(lease.server.map(|server| server.to_string())));
    row("expires in", vec![lease.expires_in.map_or_else(|| "never".to_owned(), duration)]);
    row("lease time", vec![seconds(lease.lease_time).unwrap_or_else(|| "for ever".to_owned())]);
    row("renewal T1", one(seconds(lease.t1)));
    row("rebinding T2", one(seconds(lease.t2)));
    row("routers", lease.routers.iter().map(ToString::to_string).collect());
    let route = |to: &_, via: Option<_>| match via {
        Some(via) => format!("{to} via {via}"),
        None => format!("{to} on-link"),
    };
    row(
        "routes",
        lease.routes.iter().map(|r| route(&r.to.to_string(), r.via.map(|v| v.to_string()))).collect(),
    );
    row("name servers", lease.dns.iter().map(ToString::to_string).collect());
    row("domain", one(lease.domain.as_deref().map(plain)));
    row("search", texts(&lease.search));
    row("time servers", texts(&lease.ntp));
    row("MTU", one(lease.mtu.map(|mtu| mtu.to_string())));
    row("host name", one(lease.hostname.as_deref().map(plain)));
    for (name, value) in &lease.parameters {
        row(&plain(name), vec![plain(value)]);
    }
    for (code, hex) in &lease.options {
        row(&format!("option {}", option_title((*code).into())), vec![plain(hex)]);
    }
    rows
}
