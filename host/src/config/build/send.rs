//! `[clients.NAME.send]`: options that the client sends, as bytes on the wire.

use std::net::Ipv4Addr;

use dhcpmgr_message::Bytes;

use crate::config::reader::Item;
use crate::flat::FlatMap;

/// What a value looks like.
const FORMS: &str = "{ text = \"…\" }, { hex = \"0102…\" } or { ip = \"192.0.2.1\" }";

/// What a code looks like.
const CODES: &str = "an option code from 1 to 254, such as 60 or 0x3c";

/// Bytes of sent options that fit into a DHCPREQUEST of udhcpc 1.35 (measured: 269 beside its seven default codes to
/// request and its own option 61). What does not fit it leaves out, with one line in its log. Each code that is
/// requested takes a byte more, which is not known here: more than this cannot fit, less than this nearly always does.
const ROOM: usize = 276;

/// Room that becomes free when the configuration brings its own option 61.
const CLIENT_ID: usize = 9;

/// Options that have an owner already.
const OWNED: [(u8, &str); 9] = [
    (12, "is sent for the key \"hostname\" of this client; accepted: one of the two"),
    (50, "names the address that the client asks for, and the client fills it in; accepted: other options"),
    (52, "says how the client uses the header of the message; accepted: other options"),
    (53, "is the type of the message, which the client fills in; accepted: other options"),
    (54, "names the server, and the client fills it in; accepted: other options"),
    (55, "is made of what handlers ask for and of the key \"request\"; accepted: codes in \"request\""),
    (57, "is the largest message that the client takes, which it fills in; accepted: other options"),
    (58, "is sent by servers only (RFC 2132 section 9.11); accepted: other options"),
    (59, "is sent by servers only (RFC 2132 section 9.12); accepted: other options"),
];

/// Reads the table. `has_hostname` when option 12 is taken by the key `hostname`.
pub(super) fn send(item: &Item<'_>, has_hostname: bool) -> FlatMap<u16, Bytes> {
    let mut options = FlatMap::new();
    let Some(table) = item.table(&format!("a table of option code = {FORMS}")) else { return options };
    for (entry, value) in table.items() {
        let refuse_key = |what: String| table.report.add(entry.name_at, &value.key, what);
        let Some(code) = code(&entry.name) else {
            refuse_key(format!("{:?} is not an option code; accepted: {CODES}", entry.name));
            continue;
        };
        let owner = OWNED.iter().find(|(owned, _)| *owned == code && (code != 12 || has_hostname));
        if let Some((_, why)) = owner {
            refuse_key(format!("option {code} {why}"));
            continue;
        }
        let Some(bytes) = bytes(code, &value) else { continue };
        if options.insert(u16::from(code), bytes).is_some() {
            refuse_key(format!(
                "option {code} is here twice; accepted: each option once, however its code is written"
            ));
        }
    }
    let needed: usize = options.values().map(|value| value.0.len() + 2).sum();
    let room = ROOM + if options.contains_key(&61) { CLIENT_ID } else { 0 };
    if needed > room {
        item.refuse(format!(
            "the options need {needed} bytes together; accepted: up to {room}, the room in a message"
        ));
    }
    options
}

/// A code of DHCPv4.
fn code(text: &str) -> Option<u8> {
    number(text).and_then(|code| u8::try_from(code).ok()).filter(|code| (1..=254).contains(code))
}

/// A number in decimal or, after `0x`, in hexadecimal.
pub(super) fn number(text: &str) -> Option<u16> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let clean = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, radix).ok().filter(|_| clean)
}

/// The value of any option, written as text or in hex.
pub(super) fn bytes_of(item: &Item<'_>, forms: &str) -> Option<Vec<u8>> {
    let (form, name) = one_of(item, &["text", "hex"], forms)?;
    if name == "text" { Some(form.text("a string")?.as_bytes().to_vec()) } else { hex(&form) }
}

/// The one of these keys that a table has.
fn one_of<'a>(item: &Item<'a>, names: &[&'static str], forms: &str) -> Option<(Item<'a>, &'static str)> {
    let table = item.table(forms)?;
    table.accept_only(names, &[]);
    let mut found: Vec<_> = names.iter().filter_map(|name| Some((table.get(name)?, *name))).collect();
    if found.len() > 1 || table.entries.is_empty() {
        item.refuse(format!("has {} values; accepted: exactly one of {forms}", found.len()));
        return None;
    }
    found.pop()
}

fn hex(form: &Item<'_>) -> Option<Vec<u8>> {
    let bytes = Bytes::from_hex(form.text("a string of hex digits")?);
    bytes
        .map(|bytes| bytes.0)
        .map_err(|error| form.refuse(format!("{error}; accepted: such as \"01020304\"")))
        .ok()
}

fn bytes(code: u8, item: &Item<'_>) -> Option<Bytes> {
    let (form, name) = one_of(item, &["text", "hex", "ip"], FORMS)?;
    let bytes = match name {
        "text" => form.text("a string")?.as_bytes().to_vec(),
        "hex" => hex(&form)?,
        _ => {
            let text = form.text("an IPv4 address")?;
            let Ok(address) = text.parse::<Ipv4Addr>() else {
                form.refuse(format!("{text:?} is not an IPv4 address; accepted: such as \"192.0.2.1\""));
                return None;
            };
            address.octets().to_vec()
        }
    };
    // RFC 2132: the length of option 51 is 4 (section 9.2), that of option 61 at least 2 (section 9.14).
    let accepted = match code {
        51 => 4..=4,
        61 => 2..=255,
        _ => 1..=255,
    };
    if !accepted.contains(&bytes.len()) {
        let (least, most) = (accepted.start(), accepted.end());
        let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
        form.refuse(format!("option {code} would have {} bytes; accepted: {range}", bytes.len()));
        return None;
    }
    Some(Bytes(bytes))
}
