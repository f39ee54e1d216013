//! What no plan may hold, granted or not: a handler may lie, or pass on what a hostile server sent. Pure.
//!
//! This is the last line, not the only one: handlers check what they decode, the network part checks what it
//! applies. A plan that fails here counts as misbehaviour of its handler.

use std::net::IpAddr;

use dhcpmgr_message::{DomainName, Lifetime, Prefix};
use dhcpmgr_plugin_api::{
    AddressPlan, Delegation, Emitted, Parameter, Plan, Ports, RoutePlan, RulePlan, Softwire,
};
use dhcpmgr_softwire::PortSet;

use super::text::one_line;
use crate::events::EventKind;

/// Longest lists of a plan.
mod most {
    pub(super) const ADDRESSES: usize = 64;
    pub(super) const ROUTES: usize = 1024;
    pub(super) const RULES: usize = 64;
    pub(super) const DNS: usize = 32;
    pub(super) const SEARCH: usize = 64;
    pub(super) const NTP: usize = 32;
    pub(super) const PREFIXES: usize = 64;
    pub(super) const SOFTWIRES: usize = 16;
    pub(super) const SOFTWIRE_RULES: usize = 512;
    pub(super) const BORDER_RELAYS: usize = 16;
    pub(super) const PARAMETERS: usize = 256;
    pub(super) const EVENTS: usize = 64;
    pub(super) const EVENT_FIELDS: usize = 32;
    pub(super) const NOTES: usize = 64;
}

/// The longest name of a parameter, an event or an event's field, bytes.
const NAME_BYTES: usize = 128;
/// The longest value of a parameter or of an event's field, bytes.
const VALUE_BYTES: usize = 4096;
/// The longest sentence, characters; longer ones are cut, not refused.
const SENTENCE: usize = 300;
/// The longest container option of a softwire, bytes.
const SOFTWIRE_BYTES: usize = 4096;
/// The smallest MTU that a plan may set: what every IPv4 host accepts (RFC 791).
const MTU_MIN: u32 = 576;
/// The largest MTU that a plan may set: the largest IPv4 packet.
const MTU_MAX: u32 = 65_535;
/// The kernel's own table (`RT_TABLE_LOCAL`): whoever writes it owns the machine's addresses.
const TABLE_LOCAL: u32 = 255;

/// Checks a plan. Sentences are made fit for logs on the way; everything else is accepted as it is or refused with
/// what is wrong.
pub(super) fn check(mut plan: Plan) -> Result<Plan, String> {
    count("addresses", plan.addresses.len(), most::ADDRESSES)?;
    count("routes", plan.routes.len(), most::ROUTES)?;
    count("rules", plan.rules.len(), most::RULES)?;
    count("dns servers", plan.dns.len(), most::DNS)?;
    count("search domains", plan.search.len(), most::SEARCH)?;
    count("time servers", plan.ntp.len(), most::NTP)?;
    count("prefixes", plan.prefixes.len(), most::PREFIXES)?;
    count("softwires", plan.softwires.len(), most::SOFTWIRES)?;
    count("parameters", plan.parameters.len(), most::PARAMETERS)?;
    count("notes", plan.notes.len(), most::NOTES)?;
    plan.addresses.iter().try_for_each(check_address)?;
    plan.routes.iter().try_for_each(check_route)?;
    plan.rules.iter().try_for_each(check_rule)?;
    if let Some(mtu) = plan.mtu {
        check_mtu("mtu", mtu.0)?;
    }
    for server in &plan.dns {
        if is_no_host(*server) {
            return Err(format!("dns server {server} is no host"));
        }
    }
    for server in &plan.ntp {
        check_time_server(server)?;
    }
    plan.prefixes.iter().try_for_each(check_delegation)?;
    plan.softwires.iter().try_for_each(check_softwire)?;
    for (name, value) in &plan.parameters {
        check_pair("parameter", name, value)?;
    }
    check_events(&plan.events)?;
    for note in &mut plan.notes {
        *note = one_line(note, SENTENCE);
    }
    if let Some(refusal) = &mut plan.refuse {
        refusal.reason = one_line(&refusal.reason, SENTENCE);
        if refusal.reason.is_empty() {
            return Err("refuses the lease without a reason".to_owned());
        }
    }
    Ok(plan)
}

/// Checks what a handler wants published.
pub(super) fn check_events(events: &[Emitted]) -> Result<(), String> {
    count("events", events.len(), most::EVENTS)?;
    events.iter().try_for_each(check_event)
}

/// Checks the parameters that a handler has for the data model (TR-106 section 3.3: `X_`, the vendor, a name).
pub(super) fn check_parameters(parameters: &[Parameter]) -> Result<(), String> {
    count("parameters", parameters.len(), most::PARAMETERS)?;
    for (at, parameter) in parameters.iter().enumerate() {
        let Parameter { name, kind, value, description, .. } = parameter;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let shown = one_line(name, 32);
        let parts: Vec<_> = name.splitn(3, '_').collect();
        let named = matches!(parts[..], ["X", vendor, rest] if !vendor.is_empty() && !rest.is_empty());
        if !named || name.len() > NAME_BYTES || !name.bytes().all(word) {
            return Err(format!("parameter \"{shown}\" must be named X_VENDOR_Name"));
        }
        check_pair("parameter", name, value)?;
        kind.check(value)
            .map_err(|accepted| format!("parameter {shown} must have a value that is {accepted}"))?;
        if description.len() > VALUE_BYTES || description.chars().any(char::is_control) {
            return Err(format!("parameter {shown} must be told in one line"));
        }
        if parameters[..at].iter().any(|earlier| earlier.name == *name) {
            return Err(format!("parameter {shown} is there twice"));
        }
    }
    Ok(())
}

fn count(what: &str, found: usize, most: usize) -> Result<(), String> {
    if found > most { Err(format!("plan has {found} {what}, at most {most} are accepted")) } else { Ok(()) }
}

/// Not the address of one host: unspecified, multicast, limited broadcast, or reserved (RFC 1112 class E).
fn is_no_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.octets()[0] == 0 || a.is_multicast() || a.octets()[0] >= 240,
        IpAddr::V6(a) => a.is_unspecified() || a.is_multicast() || a.to_ipv4_mapped().is_some(),
    }
}

fn check_lifetimes(what: &str, preferred: Lifetime, valid: Lifetime) -> Result<(), String> {
    if preferred > valid {
        return Err(format!("{what} is preferred for {preferred} but valid for {valid}"));
    }
    if valid.0 == 0 {
        return Err(format!("{what} is valid for 0 s; what is over must be left out"));
    }
    Ok(())
}

fn check_address(plan: &AddressPlan) -> Result<(), String> {
    let address = plan.address;
    let what = format!("address {address}");
    if is_no_host(address.address()) || address.address().is_loopback() {
        return Err(format!("{what} is not the address of a host"));
    }
    if address.prefix_len() == 0 {
        return Err(format!("{what} has the whole Internet on its link"));
    }
    if plan.broadcast.is_some() && address.address().is_ipv6() {
        return Err(format!("{what} has a broadcast address, which IPv6 does not know"));
    }
    check_lifetimes(&what, plan.preferred, plan.valid)
}

fn check_route(plan: &RoutePlan) -> Result<(), String> {
    let what = format!("route to {}", plan.to);
    let family = |address: IpAddr| address.is_ipv4() == plan.to.address().is_ipv4();
    if plan.to.address().is_loopback() {
        return Err(format!("{what} takes the machine's own addresses away"));
    }
    if let Some(via) = plan.via
        && (is_no_host(via) || via.is_loopback() || !family(via))
    {
        return Err(format!("{what} goes through {via}, which is no router of its family"));
    }
    if plan.onlink && plan.via.is_none() {
        return Err(format!("{what} says that its router is on the link, but names none"));
    }
    if let Some(source) = plan.source
        && (is_no_host(source) || !family(source))
    {
        return Err(format!("{what} has the source {source}, which is no host of its family"));
    }
    if let Some(table) = plan.table {
        check_table(&what, table)?;
    }
    plan.mtu.map_or(Ok(()), |mtu| check_mtu(&what, mtu))
}

fn check_table(what: &str, table: u32) -> Result<(), String> {
    if table == 0 || table == TABLE_LOCAL {
        return Err(format!("{what} is for table {table}, which belongs to the kernel"));
    }
    Ok(())
}

fn check_rule(plan: &RulePlan) -> Result<(), String> {
    let what = format!("rule from {}", plan.from);
    check_table(&what, plan.table)?;
    if plan.priority == 0 {
        return Err(format!("{what} has priority 0, which goes before the machine's own addresses"));
    }
    Ok(())
}

fn check_mtu(what: &str, mtu: u32) -> Result<(), String> {
    if (MTU_MIN..=MTU_MAX).contains(&mtu) {
        return Ok(());
    }
    Err(format!("{what} has an MTU of {mtu} bytes, accepted are {MTU_MIN} to {MTU_MAX}"))
}

fn check_time_server(server: &str) -> Result<(), String> {
    if let Ok(address) = server.parse::<IpAddr>() {
        return if is_no_host(address) { Err(format!("time server {address} is no host")) } else { Ok(()) };
    }
    server.parse::<DomainName>().map(|_| ()).map_err(|e| format!("time server: {e}"))
}

fn check_delegation(plan: &Delegation) -> Result<(), String> {
    let what = format!("prefix {}", plan.prefix);
    let address = plan.prefix.address();
    if address.is_ipv4()
        || address.is_multicast()
        || address.is_loopback()
        || reaches_everything(&plan.prefix)
    {
        return Err(format!("{what} cannot be delegated"));
    }
    check_lifetimes(&what, plan.preferred, plan.valid)
}

/// Shorter than any registry hands out (RFC 3177 section 4 speaks of /35 and longer to providers; /8 leaves room).
fn reaches_everything(prefix: &Prefix) -> bool {
    prefix.len() < 8
}

fn check_softwire(plan: &Softwire) -> Result<(), String> {
    if !["map-t", "map-e", "lw4o6", "ds-lite"].contains(&plan.kind.as_str()) {
        let kind = one_line(&plan.kind, 32);
        return Err(format!(
            "softwire kind \"{kind}\" is not known; accepted are map-t, map-e, lw4o6 and ds-lite"
        ));
    }
    if plan.option.0.len() > SOFTWIRE_BYTES {
        return Err(format!("softwire option has {} bytes, at most {SOFTWIRE_BYTES}", plan.option.0.len()));
    }
    count("softwire rules", plan.rules.len(), most::SOFTWIRE_RULES)?;
    count("border relays", plan.br.len(), most::BORDER_RELAYS)?;
    let rules = plan.rules.iter().map(|rule| (rule.ipv4, rule.ipv6, rule.ports));
    if rules.clone().map(|(.., ports)| ports).chain([plan.ports]).any(|ports| !is_port_set(ports)) {
        return Err("softwire ports have offset and PSID of more than 16 bits".to_owned());
    }
    let (v4, v6): (Vec<_>, Vec<_>) = rules.map(|(v4, v6, _)| (v4, v6)).unzip();
    let v4_is_v4 = v4.iter().chain(&plan.ipv4).all(|prefix| prefix.address().is_ipv4());
    let v6_is_v6 = v6.iter().chain(&plan.prefix).chain(&plan.dmr).all(|prefix| prefix.address().is_ipv6());
    if !v4_is_v4 || !v6_is_v6 {
        return Err("softwire prefixes are of the other address family".to_owned());
    }
    Ok(())
}

fn is_port_set(ports: Ports) -> bool {
    PortSet::new(ports.offset, ports.psid_len, ports.psid).is_some()
}

fn check_event(event: &Emitted) -> Result<(), String> {
    let shown = one_line(&event.name, 32);
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if event.name.len() > NAME_BYTES || !event.name.split('-').all(word) {
        return Err(format!("event \"{shown}\" must be named with lower-case words joined by hyphens"));
    }
    // Asked of the type itself, so that a kind that is added later cannot be forged either.
    let kind = serde_json::from_value(serde_json::Value::String(event.name.clone()));
    if !matches!(kind, Ok(EventKind::Vendor(_))) {
        return Err(format!("event \"{shown}\" is the host's own and may not be published by a handler"));
    }
    count("fields in an event", event.fields.len(), most::EVENT_FIELDS)?;
    event.fields.iter().try_for_each(|(name, value)| check_pair("event field", name, value))
}

pub(super) fn check_pair(what: &str, name: &str, value: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let shown = one_line(name, 32);
    if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(good) {
        return Err(format!(
            "{what} \"{shown}\" must be named with 1 to {NAME_BYTES} letters, digits, dots, underscores and hyphens"
        ));
    }
    if value.len() > VALUE_BYTES || value.chars().any(char::is_control) {
        return Err(format!(
            "{what} \"{shown}\" must have a value of at most {VALUE_BYTES} bytes without control characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
