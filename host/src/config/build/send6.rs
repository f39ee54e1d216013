//! `[clients.NAME.send]` of a client for DHCPv6: options that it sends, as bytes on the wire.

use dhcpmgr_message::{Bytes, HostName};

use super::send::{bytes_of, number};
use crate::config::reader::{Item, Section};
use crate::flat::FlatMap;

/// What a value of any option looks like.
const FORMS: &str = "{ text = \"…\" } or { hex = \"0102…\" }";
/// What a code looks like.
const CODES: &str = "an option code from 1 to 65535, such as 16 or 0x10";

/// What the message has room for beside what the client itself sends.
const ROOM: usize = 1024;

/// Options that have an owner already.
const OWNED: [(u16, &str); 17] = [
    (1, "is the DUID of the device (`dhcpmgr import`)"),
    (2, "names the server, and the client fills it in"),
    (3, "is made of the key \"ia_na\""),
    (4, "is an IA_TA, which is not asked for"),
    (5, "stands within an IA_NA; the key \"ia_na\" takes an address"),
    (6, "is made of what handlers ask for and of the key \"request\""),
    (7, "is sent by servers only (RFC 8415 section 21.8)"),
    (8, "is the time since the client began, which it fills in"),
    (9, "is sent by relays only"),
    (11, "authenticates a message, which no client program of ours does"),
    (12, "is sent by servers only (RFC 8415 section 21.12)"),
    (13, "is the outcome of a message, which the client fills in"),
    (14, "is made of the key \"rapid_commit\""),
    (19, "is sent by servers only (RFC 8415 section 21.19)"),
    (20, "is made of the key \"reconfigure_accept\""),
    (25, "is made of the key \"ia_pd\""),
    (26, "stands within an IA_PD; the key \"ia_pd\" takes a prefix"),
];

/// Reads the table.
pub(super) fn send6(item: &Item<'_>) -> FlatMap<u16, Bytes> {
    let mut options = FlatMap::new();
    let Some(table) = item.table(&format!("a table of option code = {FORMS}")) else { return options };
    for (entry, value) in table.items() {
        let refuse_key = |what: String| table.report.add(entry.name_at, &value.key, what);
        let Some(code) = number(&entry.name).filter(|code| *code > 0) else {
            refuse_key(format!("{:?} is not an option code; accepted: {CODES}", entry.name));
            continue;
        };
        if let Some((_, why)) = OWNED.iter().find(|(owned, _)| *owned == code) {
            refuse_key(format!("option {code} {why}; accepted: other options"));
            continue;
        }
        let Some(bytes) = option(code, &value) else { continue };
        if bytes.is_empty() || bytes.len() > ROOM {
            value.refuse(format!("option {code} would have {} bytes; accepted: 1 to {ROOM}", bytes.len()));
        } else if options.insert(code, Bytes(bytes)).is_some() {
            refuse_key(format!(
                "option {code} is here twice; accepted: each option once, however its code is written"
            ));
        }
    }
    let needed: usize = options.values().map(|value: &Bytes| value.0.len() + 4).sum();
    if needed > ROOM {
        item.refuse(format!(
            "the options need {needed} bytes together; accepted: up to {ROOM}, the room in a message"
        ));
    }
    options
}

fn option(code: u16, item: &Item<'_>) -> Option<Vec<u8>> {
    let forms = match code {
        15 => format!("{{ classes = [\"…\"] }} or {FORMS}"),
        16 => format!("{{ enterprise = 4491, classes = [\"…\"] }} or {FORMS}"),
        17 => format!("{{ enterprise = 4491, options = {{ 1 = {{ text = \"…\" }} }} }} or {FORMS}"),
        39 => format!("{{ fqdn = \"gw.example\", server_updates = false }} or {FORMS}"),
        _ => FORMS.to_owned(),
    };
    let table = item.table(&forms)?;
    let has = |key: &str| table.get(key).is_some();
    match code {
        15 if has("classes") => {
            table.accept_only(&["classes"], &[]);
            classes(&table)
        }
        16 if has("enterprise") => {
            table.accept_only(&["enterprise", "classes"], &[]);
            Some([enterprise(&table)?, classes(&table)?].concat())
        }
        17 if has("enterprise") => {
            table.accept_only(&["enterprise", "options"], &[]);
            Some([enterprise(&table)?, vendor_options(&table)?].concat())
        }
        39 if has("fqdn") => {
            table.accept_only(&["fqdn", "server_updates"], &[]);
            fqdn(&table)
        }
        _ => bytes_of(item, &forms),
    }
}

/// RFC 8415 section 21.15: each class with its length before it.
fn classes(table: &Section<'_>) -> Option<Vec<u8>> {
    let accepted = "a list of texts or { hex = \"…\" }";
    let mut bytes = Vec::new();
    let Some(item) = table.get("classes") else {
        let at = table.entries.first()?.name_at;
        table.report.add(at, &table.key, format!("key \"classes\" is missing; accepted: {accepted}"));
        return None;
    };
    let list = item.list(accepted)?;
    for class in &list {
        let class = match &class.node.value {
            crate::config::tree::Value::Text(text) => text.as_bytes().to_vec(),
            _ => bytes_of(class, accepted)?,
        };
        put(&mut bytes, &class);
    }
    Some(bytes)
}

/// The number that IANA has given a vendor.
fn enterprise(table: &Section<'_>) -> Option<Vec<u8>> {
    let number = table.get("enterprise")?.whole(0..=u32::MAX, "(a private enterprise number)")?;
    Some(number.to_be_bytes().to_vec())
}

/// RFC 8415 section 21.17: options within the option, coded alike.
fn vendor_options(table: &Section<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(item) = table.get("options") else { return Some(bytes) };
    for (entry, value) in item.table(&format!("a table of option code = {FORMS}"))?.items() {
        let Some(code) = number(&entry.name) else {
            value.report.add(entry.name_at, &value.key, format!("is not an option code; accepted: {CODES}"));
            continue;
        };
        bytes.extend(code.to_be_bytes());
        put(&mut bytes, &bytes_of(&value, FORMS)?);
    }
    Some(bytes)
}

/// RFC 4704 section 4.1: the S bit, then the name; one without a dot is a partial one and has no end.
fn fqdn(table: &Section<'_>) -> Option<Vec<u8>> {
    let name: HostName = table.get("fqdn")?.parsed("a name after RFC 1123, such as \"gw.example\"")?;
    let server_updates = table.get("server_updates").and_then(|item| item.flag()).unwrap_or(false);
    let mut bytes = vec![u8::from(server_updates)];
    for label in name.as_str().trim_end_matches('.').split('.') {
        // A label of a HostName has 63 bytes at most.
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    if name.as_str().contains('.') {
        bytes.push(0);
    }
    Some(bytes)
}

/// Values here are shorter than a message.
fn put(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
}
