//! `[delegations.IFACE]`, `[ula]` and `[router_advertisements]`.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use dhcpmgr_message::{ClientName, IfName, Prefix};
use dhcpmgr_plugin_api::Protocol;

use crate::config::lan::{Delegation, Lans, RouterAdvertisements, Token, Ula};
use crate::config::model::Client;
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::tree::Value;
use crate::config::words::{RA_BACKENDS, RA_DNS, quoted};
use crate::flat::{FlatMap, FlatSet};

const KEYS: [&str; 5] = ["from", "subnet", "length", "token", "ula"];
const RA_KEYS: [&str; 4] = ["backend", "config", "pidfile", "dns"];

const FROM: &str = "the name of a v6 client, or a list of them, best first";
const TOKEN: &str = "an interface identifier such as \"::1\", or \"eui64\"";
const ULA: &str = "\"auto\", or a /48 below fd00::/8 such as \"fd12:3456:789a::/48\"";

/// The LAN of a prefix is a /64 unless told otherwise: hosts make their addresses in nothing else (RFC 4862
/// section 5.5.3, RFC 7084 L-2).
const DEFAULT_LENGTH: u8 = 64;

/// All sections about LANs. `declared` are the clients that have a section, also those with an error.
pub(super) fn lans(
    top: &Section<'_>,
    clients: &FlatMap<ClientName, Client>,
    declared: &FlatSet<ClientName>,
) -> Lans {
    let ula = super::section(top, "ula").and_then(|section| ula(&section));
    let reader = Reader { clients, declared, ula: top.get("ula").is_some() };
    Lans {
        delegations: reader.delegations(top),
        ula,
        router_advertisements: super::section(top, "router_advertisements")
            .map(|section| router_advertisements(&section))
            .unwrap_or_default(),
    }
}

fn ula(section: &Section<'_>) -> Option<Ula> {
    section.accept_only(&["prefix"], &[]);
    let Some(item) = section.get("prefix") else { return Some(Ula::Generated) };
    if matches!(&item.node.value, Value::Text(text) if text == "auto") {
        return Some(Ula::Generated);
    }
    let prefix = item.parsed::<Prefix>(ULA)?;
    let local = matches!(prefix.address(), IpAddr::V6(address) if address.octets()[0] == 0xfd);
    if !local || prefix.len() != 48 {
        item.refuse(format!("{prefix} is no prefix of unique local addresses (RFC 4193); accepted: {ULA}"));
        return None;
    }
    Some(Ula::Prefix(prefix))
}

fn router_advertisements(section: &Section<'_>) -> RouterAdvertisements {
    section.accept_only(&RA_KEYS, &[]);
    let path = |key: &str, example: &str| {
        let accepted = format!("an absolute path, such as \"{example}\"");
        let item = section.get(key)?;
        let path = PathBuf::from(item.text(&accepted)?);
        if !path.is_absolute() || path.file_name().is_none() {
            item.refuse(format!("{path:?} is no absolute path of a file; accepted: {accepted}"));
            return None;
        }
        Some(path)
    };
    RouterAdvertisements {
        backend: super::client::choice(section, "backend", "a router-advertisement daemon", RA_BACKENDS)
            .unwrap_or_default(),
        config: path("config", "/run/dhcpmgr/radvd.conf"),
        pidfile: path("pidfile", "/run/radvd.pid"),
        dns: super::client::choice(section, "dns", "a choice of name servers", RA_DNS).unwrap_or_default(),
    }
}

struct Reader<'a> {
    clients: &'a FlatMap<ClientName, Client>,
    declared: &'a FlatSet<ClientName>,
    /// There is a section `[ula]`.
    ula: bool,
}

impl Reader<'_> {
    fn delegations(&self, top: &Section<'_>) -> FlatMap<IfName, Delegation> {
        let mut delegations = FlatMap::new();
        let Some(section) = super::section(top, "delegations") else { return delegations };
        for (entry, item) in section.items() {
            let name = match entry.name.parse::<IfName>() {
                Ok(name) => name,
                Err(error) => {
                    item.report.add(entry.name_at, &item.key, error.to_string());
                    continue;
                }
            };
            let Some(table) = item.table("a table, [delegations.IFACE]") else { continue };
            let Some(delegation) = self.delegation(&name, entry.name_at, &table) else { continue };
            if let Some((first, _)) = delegations.iter().find(|(_, known)| self.meet(known, &delegation))
                && let Some(subnet) = table.get("subnet")
            {
                subnet.refuse(format!(
                    "this part of a prefix is given to {first} already; accepted: a subnet that no other LAN has"
                ));
            }
            delegations.insert(name, delegation);
        }
        delegations
    }

    /// Whether two LANs are told to take the same part of one prefix.
    fn meet(&self, a: &Delegation, b: &Delegation) -> bool {
        let (Some(first), Some(second)) = (a.subnet, b.subnet) else { return false };
        let share = a.from.iter().any(|client| b.from.contains(client)) || (self.ula && a.ula && b.ula);
        let length = a.length.min(b.length);
        // In parts of the larger one of the two.
        let at = |subnet: u32, own: u8| subnet.checked_shr(u32::from(own - length)).unwrap_or(0);
        share && at(first, a.length) == at(second, b.length)
    }

    fn delegation(&self, lan: &IfName, at: Place, table: &Section<'_>) -> Option<Delegation> {
        table.accept_only(&KEYS, &[]);
        let ula = table.get("ula").and_then(|item| item.flag()).unwrap_or(true);
        let from = match table.get("from") {
            Some(item) => self.from(lan, &item)?,
            None if self.ula && ula => Vec::new(),
            None => {
                table.report.add(at, &table.key, format!("key \"from\" is missing; accepted: {FROM}"));
                return None;
            }
        };
        let length = table.get("length").and_then(|item| item.whole(1..=127, "bits"));
        // The range fits.
        let length = length.map_or(DEFAULT_LENGTH, |length| length as u8);
        let token = match table.get("token") {
            Some(item) => token(&item, length)?,
            None => Token::Bits(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 1)),
        };
        Some(Delegation {
            from,
            subnet: table.get("subnet").and_then(|item| item.whole(0..=u32::MAX, "")),
            length,
            token,
            ula,
        })
    }

    fn from(&self, lan: &IfName, item: &Item<'_>) -> Option<Vec<ClientName>> {
        let names = match &item.node.value {
            Value::Text(_) => vec![item.clone()],
            _ => item.list(FROM)?,
        };
        if names.is_empty() {
            item.refuse(format!("is empty; accepted: {FROM}"));
        }
        let mut from = Vec::new();
        for name in names {
            let Some(text) = name.text(FROM) else { continue };
            let Some(client) = self.declared.get(text) else {
                let accepted = quoted(self.declared.iter().map(ClientName::as_str));
                let accepted = if accepted.is_empty() { "none, no client is configured" } else { &accepted };
                name.refuse(format!("{text:?} is not a client of this configuration; accepted: {accepted}"));
                continue;
            };
            match self.clients.get(client) {
                Some(known) if known.protocol != Protocol::V6 => {
                    name.refuse(format!("{text:?} is a v4 client, and gets no prefixes; accepted: {FROM}"));
                }
                // RFC 8415 section 6.3: not the link that it came through.
                Some(known) if known.interface == *lan => {
                    name.refuse(format!(
                        "{text:?} gets its prefixes through {lan} itself; accepted: clients on other interfaces"
                    ));
                }
                _ if from.contains(client) => {
                    name.refuse(format!("{text:?} is listed twice; accepted: each client once"));
                }
                _ => from.push(client.clone()),
            }
        }
        (!from.is_empty()).then_some(from)
    }
}

fn token(item: &Item<'_>, length: u8) -> Option<Token> {
    if matches!(&item.node.value, Value::Text(text) if text == "eui64") {
        if length > 64 {
            item.refuse(format!("\"eui64\" is 64 bits long, which a LAN of /{length} has no room for; accepted: an interface identifier such as \"::1\""));
            return None;
        }
        return Some(Token::Eui64);
    }
    let bits = item.parsed::<Ipv6Addr>(TOKEN)?;
    let host = u128::MAX >> length;
    if bits.is_unspecified() {
        item.refuse(format!("\"::\" is the anycast address of all routers (RFC 4291); accepted: {TOKEN}"));
        return None;
    }
    if u128::from(bits) & !host != 0 {
        item.refuse(format!("\"{bits}\" is longer than the {} bits that a LAN of /{length} leaves to hosts; accepted: {TOKEN}", 128 - u32::from(length)));
        return None;
    }
    Some(Token::Bits(bits))
}
