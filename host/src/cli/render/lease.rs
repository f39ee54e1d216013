//! `dhcpmgr lease`

use std::fmt::Write as _;

use dhcpmgr_plugin_api::Protocol;

use super::options::option_title;
use super::style::{Style, Tone};
use super::text::{duration, plain};
use crate::control::views::{ClientLease, Lease, LeaseV4, LeaseV6, SoftwireView};

/// A block for each client.
#[must_use]
pub fn leases(leases: &[ClientLease], style: Style) -> String {
    if leases.is_empty() {
        return "no clients are configured\n".to_owned();
    }
    let blocks = leases.iter().map(|client| {
        let name = style.tone(Tone::Heading, client.client.as_str());
        match &client.lease {
            Some(Lease::V4(lease)) => {
                format!("{name} on {}\n{}", client.interface, block(&rows_v4(lease), 2))
            }
            Some(Lease::V6(lease)) => {
                format!("{name} on {}\n{}", client.interface, block(&rows_v6(lease), 2))
            }
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

/// Keys with what they have; those that have nothing are left out.
#[derive(Default)]
struct Rows(Vec<(String, Vec<String>)>);

impl Rows {
    fn add(&mut self, key: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.0.push((key.to_owned(), values));
        }
    }
}

fn one(value: Option<String>) -> Vec<String> {
    value.into_iter().collect()
}

fn texts(values: &[String]) -> Vec<String> {
    values.iter().map(|value| plain(value)).collect()
}

/// `1h`, or `never`.
pub(super) fn expiry(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), duration)
}

/// `expires in 1h`, or `never expires`.
pub(super) fn expires(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "never expires".to_owned(), |left| format!("expires in {}", duration(left)))
}

fn rows_v4(lease: &LeaseV4) -> Vec<(String, Vec<String>)> {
    let mut rows = Rows::default();
    let mut row = |key: &str, values| rows.add(key, values);
    let seconds = |value: Option<u32>| value.map(|value| duration(value.into()));
    row("address", vec![lease.address.to_string()]);
    row("server", one(lease.server.map(|server| server.to_string())));
    row("expires in", vec![expiry(lease.expires_in)]);
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
        row(&format!("option {}", option_title(Protocol::V4, (*code).into())), vec![plain(hex)]);
    }
    rows.0
}

fn rows_v6(lease: &LeaseV6) -> Vec<(String, Vec<String>)> {
    let mut rows = Rows::default();
    let mut row = |key: &str, values| rows.add(key, values);
    row(
        "addresses",
        columns(lease.addresses.iter().map(|a| {
            let kind = if a.temporary { "IA_TA" } else { "IA_NA" };
            value(&a.address.to_string(), kind, a.iaid, a.preferred, a.expires_in)
        })),
    );
    row(
        "prefixes",
        columns(
            lease
                .prefixes
                .iter()
                .map(|p| value(&p.prefix.to_string(), "IA_PD", p.iaid, p.preferred, p.expires_in)),
        ),
    );
    row(
        "excluded",
        lease.prefixes.iter().filter_map(|p| p.exclude).map(|exclude| exclude.to_string()).collect(),
    );
    row("server DUID", one(lease.server_duid.as_deref().map(plain)));
    row("expires in", vec![expiry(lease.expires_in)]);
    let seconds = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| duration(value.into()));
    let times = lease.ias.iter().filter(|ia| ia.t1.is_some() || ia.t2.is_some());
    row(
        "renewal",
        columns(times.map(|ia| {
            [
                format!("{} {}", ia.kind, ia.iaid),
                format!("T1 {}", seconds(ia.t1)),
                format!("T2 {}", seconds(ia.t2)),
                String::new(),
            ]
        })),
    );
    row("name servers", lease.dns.iter().map(ToString::to_string).collect());
    row("search", texts(&lease.search));
    row("time servers", texts(&lease.ntp));
    row("AFTR", one(lease.aftr.as_deref().map(plain)));
    row("softwire", lease.softwire.iter().flat_map(softwire).collect());
    // It has a line of its own above.
    for (name, value) in lease.parameters.iter().filter(|(name, _)| *name != "aftr") {
        row(&plain(name), vec![plain(value)]);
    }
    for (code, hex) in &lease.options {
        row(&format!("option {}", option_title(Protocol::V6, *code)), hex.split(',').map(plain).collect());
    }
    rows.0
}

/// `2001:db8::1/128  IA_NA 1  deprecated  expires in 1 h`
fn value(
    text: &str,
    kind: &str,
    iaid: Option<u32>,
    preferred: Option<u32>,
    expires_in: Option<u64>,
) -> [String; 4] {
    let ia = iaid.map_or_else(|| kind.to_owned(), |iaid| format!("{kind} {iaid}"));
    let preferred = if preferred == Some(0) { "deprecated" } else { "preferred" };
    [text.to_owned(), ia, preferred.to_owned(), expires(expires_in)]
}

/// Lines whose words stand below each other.
fn columns<const N: usize>(lines: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let lines: Vec<_> = lines.collect();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |line: &[String; N]| {
        let cells: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}

/// Mechanism, address and ports, and both ends.
fn softwire(softwire: &SoftwireView) -> Vec<String> {
    let mut lines = vec![plain(&softwire.kind)];
    if let Some(customer) = &softwire.customer {
        let address = match customer.ipv4_prefix_len {
            32 => customer.ipv4.to_string(),
            len => format!("{}/{len}", customer.ipv4),
        };
        lines.push(match customer.psid_len {
            0 => address,
            len => format!("{address}, PSID {} of {len} bits after {}", customer.psid, customer.psid_offset),
        });
        lines.push(format!("from {}", customer.ce_ipv6));
    }
    lines.extend(softwire.dmr.map(|dmr| format!("to {dmr}")));
    lines.extend(softwire.br.iter().flatten().map(|br| format!("to {br}")));
    lines.extend(softwire.aftr.iter().map(|aftr| format!("to {aftr}")));
    lines
}
