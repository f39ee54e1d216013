//! `dhcpmgr why`: the story of a client, told from its end.

use std::fmt::Write as _;

use super::event::changes;
use super::ipv4;
use super::lease::{block, expires};
use super::options::option_title;
use super::status::{protocol, tone, word};
use super::style::{Style, Tone};
use super::text::{duration, micros, plain, times};
use crate::control::views::{
    Exchange, HandlerDid, IdentityView, Lease, LeaseV6, RecoveryView, Standing, Why,
};

/// State and reason, what is requested and for whom, the last exchanges, the last words of the client.
#[must_use]
pub fn why(why: &Why, style: Style) -> String {
    let mut text = state(why, style);
    let mut section = |title: &str, body: String| {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}\n{body}", style.tone(Tone::Heading, title));
    };
    if !why.requested.is_empty() {
        let rows: Vec<_> = why
            .requested
            .iter()
            .map(|(code, whom)| {
                (option_title(why.client.protocol, *code), vec![format!("for {}", plain(&whom.join(", ")))])
            })
            .collect();
        section("Requested from the server", block(&rows, 2));
    }
    if let Some(view) = &why.recovery {
        section("Recovery", recovery(view));
    }
    if let Some(body) = why.ipv4.as_ref().and_then(|wan| ipv4::section(wan, style)) {
        section(&format!("IPv4 on {}", why.client.interface), body);
    }
    if !why.command.is_empty() {
        let words: Vec<_> = why.command.iter().map(|word| argument(word)).collect();
        section("Client process", format!("  {}\n", words.join(" ")));
    }
    let exchanges: Vec<_> = why.exchanges.iter().map(|it| exchange(it, style)).collect();
    let exchanges = if exchanges.is_empty() { "  none yet\n".to_owned() } else { exchanges.join("\n") };
    section("Exchanges, newest first", exchanges);
    if !why.log.is_empty() {
        let lines = why.log.iter().map(|line| format!("  {}\n", plain(line)));
        section("Last lines of the client process", lines.collect());
    }
    style.finish(text)
}

fn state(why: &Why, style: Style) -> String {
    let client = &why.client;
    let mut text = format!(
        "{} ({} on {}): {}",
        style.tone(Tone::Heading, client.name.as_str()),
        protocol(client),
        client.interface,
        style.tone(tone(client.status), word(client.status))
    );
    match client.pid {
        Some(pid) => text.push_str(&format!(", process {pid}")),
        None => text.push_str(", no process"),
    }
    if client.restarts > 0 {
        let _ = write!(text, ", restarted {}", times(client.restarts));
    }
    text.push('\n');
    let mut rows = Vec::new();
    if let Some(reason) = &client.reason {
        rows.push(("because".to_owned(), vec![plain(reason)]));
    }
    let lease = match &client.lease {
        Some(Lease::V4(lease)) => {
            let from = lease.server.map(|server| format!(" from {server}")).unwrap_or_default();
            format!("{}{from}, {}", lease.address, expires(lease.expires_in))
        }
        Some(Lease::V6(lease)) => format!("{}, {}", summary_v6(lease), expires(lease.expires_in)),
        None => "none".to_owned(),
    };
    rows.push(("lease".to_owned(), vec![lease]));
    if let Some(packets) = &why.packets {
        let last = duration(packets.last_sent);
        rows.push((
            "packets".to_owned(),
            vec![plain(&format!("{}; the last {last} ago", packets.sentence()))],
        ));
    }
    rows.extend(identity(&why.identity));
    text + &block(&rows, 2)
}

/// The first address and the first prefix, and how many more there are.
fn summary_v6(lease: &LeaseV6) -> String {
    let addresses = lease.addresses.iter().map(|a| a.address.address().to_string());
    let prefixes = lease.prefixes.iter().map(|p| p.prefix.to_string());
    let some = |all: Vec<String>| match all.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        [first, more @ ..] => Some(format!("{first} (+{})", more.len())),
    };
    let parts: Vec<_> = [some(addresses.collect()), some(prefixes.collect())].into_iter().flatten().collect();
    if parts.is_empty() { "options only".to_owned() } else { parts.join(", ") }
}

fn recovery(view: &RecoveryView) -> String {
    let standing = match view.standing {
        Standing::Trusted => "trusted",
        Standing::Misconfigured => "refuses its configuration",
        Standing::Disabled => "disabled until it can run",
        Standing::Escalated => "not trusted: it used up its restarts",
    };
    let left = format!("{} of {} within {}", view.restarts_left, view.restarts, duration(view.window_s));
    let mut rows =
        vec![("standing".to_owned(), vec![standing.to_owned()]), ("restarts left".to_owned(), vec![left])];
    if let Some(trouble) = &view.trouble {
        let what = format!("{} ({}, path: {})", trouble.what, trouble.fault, trouble.path.name());
        rows.push(("last fault".to_owned(), vec![plain(&what)]));
    }
    if let Some(seconds) = view.next_try_in {
        rows.push(("next try".to_owned(), vec![format!("in {}", duration(seconds))]));
    }
    let left_out = view.left_out.iter().map(|argument| plain(argument)).collect();
    rows.push(("started without".to_owned(), left_out));
    block(&rows, 2)
}

/// Rows of what is known, and none of what is not.
fn identity(identity: &IdentityView) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    if let Some(id) = &identity.client_id {
        rows.push(("client-id".to_owned(), vec![plain(id)]));
    }
    if let Some(duid) = &identity.duid {
        rows.push(("DUID".to_owned(), vec![plain(duid)]));
    }
    for ia in &identity.ias {
        let last: Vec<_> = ia.last.iter().map(ToString::to_string).collect();
        rows.push((format!("{} {}", ia.kind, ia.iaid), vec![last.join(" ")]));
    }
    if let Some(last) = &identity.last_lease {
        let from = last.server.map(|server| format!(" from {server}")).unwrap_or_default();
        rows.push((
            "asks for".to_owned(),
            vec![format!("{}{from}, since {}", last.address, plain(&last.changed))],
        ));
    }
    rows
}

fn exchange(exchange: &Exchange, style: Style) -> String {
    let mut text = format!(
        "  {}  {}   shim {}, handlers {}, kernel {}\n",
        plain(&exchange.time),
        style.tone(Tone::Heading, &plain(&exchange.event)),
        format_args!("{} ms", exchange.shim_ms),
        micros(exchange.handlers_us),
        micros(exchange.kernel_us)
    );
    let lines = |values: &[String]| values.iter().map(|value| plain(value)).collect::<Vec<_>>();
    let mut rows = Vec::new();
    rows.push(("said".to_owned(), said(exchange)));
    rows.push(("unreadable".to_owned(), lines(&exchange.problems)));
    for handler in &exchange.handlers {
        let asked = handler.hook.map(|hook| format!(" {hook}")).unwrap_or_default();
        rows.push((plain(&handler.name) + &asked, handler_did(handler, style)));
    }
    rows.push(("decided".to_owned(), lines(&exchange.decisions)));
    let nothing = || vec!["nothing".to_owned()];
    let or_nothing = |values: Vec<String>| if values.is_empty() { nothing() } else { values };
    rows.push(("applied".to_owned(), or_nothing(lines(&exchange.applied))));
    let changed = if exchange.changed.is_empty() { nothing() } else { vec![changes(&exchange.changed)] };
    rows.push(("changed".to_owned(), changed));
    text.push_str(&block(&rows, 4));
    text
}

fn said(exchange: &Exchange) -> Vec<String> {
    let width = exchange.values.keys().map(|name| plain(name).chars().count()).max().unwrap_or_default();
    exchange.values.iter().map(|(name, value)| format!("{:width$}  {}", plain(name), plain(value))).collect()
}

fn handler_did(did: &HandlerDid, style: Style) -> Vec<String> {
    let took = micros(did.took_us);
    let first = match &did.failure {
        Some(failure) => style.tone(Tone::Bad, &format!("no plan after {took}: {}", plain(failure))),
        None => format!("a plan after {took}"),
    };
    let mut lines = vec![first];
    if !did.cut.is_empty() {
        lines.push(format!("not granted and cut: {}", plain(&did.cut.join(", "))));
    }
    lines.extend(did.notes.iter().map(|note| plain(note)));
    lines
}

/// An argument as it could be typed; nothing is ever given to a shell.
fn argument(word: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b);
    if !word.is_empty() && word.bytes().all(bare) {
        return word.to_owned();
    }
    format!("'{}'", plain(word).replace('\'', "'\\''"))
}
