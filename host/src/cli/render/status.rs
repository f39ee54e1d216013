//! `dhcpmgr status`

use std::fmt::Write as _;

use super::handlers::handler_table;
use super::ipv4;
use super::lease::expiry;
use super::style::{Style, Tone};
use super::text::{duration, plain};
use crate::control::views::{
    ClientState, ClientStatus, LanStanding, LanView, Lease, MessageCounters, ObserverView, Status,
};

/// The daemon, the clients, why some are not well, the handlers, and what the lease monitor counted.
#[must_use]
pub fn status(status: &Status, style: Style) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "dhcpmgrd {}, pid {}, up {}\n",
        plain(&status.version),
        status.pid,
        duration(status.uptime)
    );
    if status.clients.is_empty() {
        text.push_str("no clients are configured\n");
    } else {
        text.push_str(&client_table(&status.clients, style));
    }
    let mut reasons = String::new();
    for client in &status.clients {
        if let Some(reason) = &client.reason {
            let _ = writeln!(
                reasons,
                "{}: {}",
                style.tone(tone(client.status), client.name.as_str()),
                plain(reason)
            );
        }
    }
    let lans = lan_table(&status.lans, style);
    let wans = ipv4::table(&status.wans, style);
    let last = messages(&status.messages) + &status.observer.as_ref().map(observer).unwrap_or_default();
    for part in [reasons, wans, lans, handler_table(&status.handlers, style), last] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&part);
        }
    }
    style.finish(text)
}

fn client_table(clients: &[ClientStatus], style: Style) -> String {
    let header = ["NAME", "PROTO", "INTERFACE", "STATUS", "ADDRESS", "SERVER", "EXPIRES", "PID", "RESTARTS"];
    let none = || "-".to_owned();
    let rows = clients.iter().flat_map(|client| {
        let mut held = held(client.lease.as_ref()).into_iter();
        let (address, server, expires) = held.next().unwrap_or_else(|| (none(), none(), none()));
        let first = vec![
            client.name.to_string(),
            protocol(client).to_owned(),
            client.interface.to_string(),
            style.tone(tone(client.status), word(client.status)),
            address,
            server,
            expires,
            client.pid.map_or_else(none, |pid| pid.to_string()),
            client.restarts.to_string(),
        ];
        let more = held.map(|(address, _, expires)| {
            let mut row = vec![String::new(); first.len()];
            (row[4], row[6]) = (address, expires);
            row
        });
        std::iter::once(first.clone()).chain(more.collect::<Vec<_>>())
    });
    style.table(&header, &["PID", "RESTARTS"], rows.collect())
}

/// What a lease holds, a line each: address or prefix, server, end.
fn held(lease: Option<&Lease>) -> Vec<(String, String, String)> {
    match lease {
        None => Vec::new(),
        Some(Lease::V4(lease)) => {
            let server = lease.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
            vec![(lease.address.to_string(), server, expiry(lease.expires_in))]
        }
        Some(Lease::V6(lease)) => {
            let addresses = lease.addresses.iter().map(|a| (a.address.to_string(), a.expires_in));
            let prefixes = lease.prefixes.iter().map(|p| (p.prefix.to_string(), p.expires_in));
            let all: Vec<_> = addresses.chain(prefixes).collect();
            if all.is_empty() {
                return vec![("options only".to_owned(), "-".to_owned(), expiry(lease.expires_in))];
            }
            all.into_iter().map(|(text, left)| (text, "-".to_owned(), expiry(left))).collect()
        }
    }
}

/// What each LAN has of delegated prefixes, and what it does not get.
fn lan_table(lans: &[LanView], style: Style) -> String {
    let header = ["LAN", "ADDRESS", "STATE", "FROM", "PREFERRED", "VALID"];
    let left = |seconds: Option<u64>| seconds.map_or_else(|| "for ever".to_owned(), duration);
    let rows: Vec<_> = lans
        .iter()
        .flat_map(|lan| {
            lan.prefixes.iter().map(|prefix| {
                let from = match &prefix.client {
                    Some(client) => format!("{} of {client}", prefix.delegated),
                    None => format!("{} (ULA)", prefix.delegated),
                };
                let (tone, word) = standing(prefix.state);
                vec![
                    lan.interface.to_string(),
                    prefix.address.to_string(),
                    style.tone(tone, word),
                    from,
                    left(prefix.preferred),
                    left(prefix.valid),
                ]
            })
        })
        .collect();
    let mut text = if rows.is_empty() { String::new() } else { style.table(&header, &[], rows) };
    let refused = lans.iter().flat_map(|lan| lan.refused.iter().map(move |why| (lan, why)));
    for (lan, why) in refused {
        let _ = writeln!(text, "{}: {}", style.tone(Tone::Bad, lan.interface.as_str()), plain(why));
    }
    text
}

fn standing(state: LanStanding) -> (Tone, &'static str) {
    match state {
        LanStanding::Preferred => (Tone::Good, "preferred"),
        LanStanding::Deprecated => (Tone::Waiting, "deprecated"),
        LanStanding::Withdrawn => (Tone::Faint, "withdrawn"),
        LanStanding::Awaited => (Tone::Waiting, "awaited"),
    }
}

fn messages(counters: &MessageCounters) -> String {
    let MessageCounters { accepted, duplicates, malformed, unauthorised, replayed, connections_refused } =
        counters;
    let mut text = format!("lease messages: {accepted} accepted");
    for (number, what) in [
        (replayed, "of them from the spool"),
        (duplicates, "duplicates"),
        (malformed, "malformed"),
        (unauthorised, "unauthorised"),
        (connections_refused, "connections refused"),
    ] {
        if *number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    text.push('\n');
    text
}

fn observer(observer: &ObserverView) -> String {
    let ObserverView { reason, packets, others, dropped } = observer;
    match reason {
        Some(reason) => format!("packet observer: {}\n", plain(reason)),
        None => format!("packets of clients: {packets}, of others {others}, dropped {dropped}\n"),
    }
}

pub(super) fn protocol(client: &ClientStatus) -> &'static str {
    match client.protocol {
        dhcpmgr_plugin_api::Protocol::V4 => "v4",
        dhcpmgr_plugin_api::Protocol::V6 => "v6",
    }
}

/// The word of TR-181.
pub(super) fn word(state: ClientState) -> &'static str {
    match state {
        ClientState::Init => "Init",
        ClientState::Selecting => "Selecting",
        ClientState::Requesting => "Requesting",
        ClientState::Bound => "Bound",
        ClientState::Renewing => "Renewing",
        ClientState::Rebinding => "Rebinding",
        ClientState::Disabled => "Disabled",
        ClientState::Error => "Error",
    }
}

pub(super) fn tone(state: ClientState) -> Tone {
    match state {
        ClientState::Bound | ClientState::Renewing => Tone::Good,
        ClientState::Init | ClientState::Selecting | ClientState::Requesting | ClientState::Rebinding => {
            Tone::Waiting
        }
        ClientState::Disabled => Tone::Faint,
        ClientState::Error => Tone::Bad,
    }
}
