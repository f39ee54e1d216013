//! `client.conf`: what dibbler is told, and what of it says which interfaces another dibbler runs on.

use std::fmt::Write as _;
use std::path::Path;

use dhcpmgr_message::{IaKind, IfName, Prefix};

use super::super::adapter::{LaunchContext, LaunchError};
use crate::config::Client;
use crate::flat::FlatSet;
use crate::identity::WantedIa;

/// Options that are never requested (RFC 8415 section 24, "Client ORO"): it asks for what they stand for by itself.
const NOT_REQUESTED: [u16; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 25, 26];

/// Recursive DNS servers (RFC 3646).
const DNS_SERVERS: u16 = 23;

/// What is written, and what is to be said of it.
pub(super) struct Conf {
    /// What it runs with.
    pub(super) with_wishes: String,
    /// The same without what was last leased.
    pub(super) base: String,
    /// For the log and for `why`.
    pub(super) notes: Vec<String>,
}

/// Writes it. An error when a name cannot stand in it.
pub(super) fn write(client: &Client, context: &LaunchContext<'_>, shim: &Path) -> Result<Conf, LaunchError> {
    let mut notes = Vec::new();
    if client.v6.rapid_commit {
        notes.push(
            "rapid_commit is left out: dibbler runs no hook for the REPLY to a SOLICIT, and its first word would be \
             the renewal at T1"
                .to_owned(),
        );
    }
    let quoted_shim = quoted(shim.to_str(), "the path of the shim")?;
    let interface = quoted(Some(client.interface.as_str()), "the name of the interface")?;
    let text = |wishes: bool| {
        let mut out = String::new();
        // 7 tells what it asks for; 8 would tell every sleep.
        let _ = writeln!(out, "script {quoted_shim}\nlog-level 7\nlog-mode short");
        // It waits for the interface, instead of ending.
        let _ = writeln!(out, "inactive-mode\nskip-confirm\ndownlink-prefix-ifaces \"none\"");
        if client.v6.reconfigure_accept {
            let _ = writeln!(out, "reconfigure-accept 1");
        }
        let _ = writeln!(out, "iface {interface} {{");
        if context.ias.is_empty() {
            // For options by number alone dibbler would not ask at all: INFORMATION-REQUEST is for those that it knows.
            let _ = writeln!(out, "\tstateless\n\toption dns-server");
        }
        for ia in context.ias {
            association(&mut out, ia, wishes);
        }
        options(&mut out, client, context);
        out.push_str("}\n");
        out
    };
    Ok(Conf { with_wishes: text(true), base: text(false), notes })
}

/// `ia 1` alone, or with a block: an empty one is a syntax error.
fn association(out: &mut String, ia: &WantedIa, wishes: bool) {
    let keyword = if ia.kind == IaKind::Pd { "pd" } else { "ia" };
    let _ = write!(out, "\t{keyword} {}", ia.iaid);
    let wish = ia.configured.or_else(|| ia.last.filter(|_| wishes));
    let times = [("t1", ia.t1), ("t2", ia.t2)];
    let mut lines: Vec<String> =
        times.into_iter().filter_map(|(key, time)| Some(format!("{key} {}", time?))).collect();
    lines.extend(wish.map(|wish| wished(ia.kind, &wish)));
    if lines.is_empty() {
        out.push('\n');
    } else {
        let _ = writeln!(out, " {{\n\t\t{}\n\t}}", lines.join("\n\t\t"));
    }
}

fn wished(kind: IaKind, wish: &Prefix) -> String {
    match kind {
        IaKind::Pd => format!("prefix {wish}"),
        IaKind::Na | IaKind::Ta => format!("address {}", wish.address()),
    }
}

/// Sent options, as bytes, and then requested ones: an option that is sent is requested with it.
fn options(out: &mut String, client: &Client, context: &LaunchContext<'_>) {
    // What the operator says goes before what a handler wants.
    let mut sent = context.wants.send.clone();
    sent.extend(client.send.iter().map(|(code, value)| (*code, value.clone())));
    for (code, value) in sent.iter().filter(|(_, value)| !value.0.is_empty()) {
        let _ = writeln!(out, "\toption {code:04} hex 0x{}", value.to_hex());
    }
    let requested: FlatSet<u16> = context.wants.request.union(&client.request).copied().collect();
    let by_name = |code: u16| context.ias.is_empty() && code == DNS_SERVERS;
    let asked = |code: &&u16| !sent.contains_key(code) && !NOT_REQUESTED.contains(code) && !by_name(**code);
    for code in requested.iter().filter(asked) {
        let _ = writeln!(out, "\toption {code:04} hex");
    }
}

/// A name between quotes, of which it knows two and no escapes.
fn quoted(name: Option<&str>, what: &'static str) -> Result<String, LaunchError> {
    let impossible = |why: &str| LaunchError::Unwritable { what, why: why.to_owned() };
    let name = name.ok_or_else(|| impossible("it is not UTF-8"))?;
    if name.contains(char::is_control) {
        return Err(impossible("it has control characters"));
    }
    match ['"', '\''].into_iter().find(|quote| !name.contains(*quote)) {
        Some(quote) => Ok(format!("{quote}{name}{quote}")),
        None => Err(impossible("it has both kinds of quotes")),
    }
}

/// The interfaces of a configuration, whoever wrote it: `iface NAME`, with or without quotes.
pub(super) fn interfaces(text: &str) -> Vec<IfName> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split(['#']).next().unwrap_or_default().trim_start();
        let Some(rest) = line.strip_prefix("iface").filter(|rest| rest.starts_with([' ', '\t'])) else {
            continue;
        };
        let rest = rest.trim_start();
        let name = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next(),
            _ => rest.split([' ', '\t', '{']).next(),
        };
        found.extend(name.and_then(|name| name.parse().ok()));
    }
    found
}
