//! What the packet filter does for a softwire, as text for `nft -f`. Pure. Everything in it is a number, an address or a
//! name that we made, so there is nothing to quote.
//!
//! Customers share an address by their ports (RFC 7597 section 5.1): a packet with a port of somebody else must neither
//! leave nor be taken. Each new flow takes the next range of ports: one range alone would run out, and the translator does
//! not look for another one by itself.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{IfName, Prefix};
use dhcpmgr_plugin_api::{Ports, Softwire};
use dhcpmgr_softwire::{Kind, PortSet};

/// Of IPv4 and TCP without options: what is taken from an MTU for the maximum segment size (RFC 879).
const HEADERS: u32 = 40;

/// What of a softwire's packets is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Translation {
    /// Nothing: the ISP does (RFC 6333 section 8.4).
    None,
    /// Everything that does not start from these addresses, to them.
    Addresses(Prefix),
    /// TCP, UDP and ICMP echoes, to the ports of a shared address; nothing else can be.
    Ports(Ipv4Addr, PortSet),
}

fn translation(kind: Kind, softwire: &Softwire) -> Option<Translation> {
    if kind == Kind::DsLite {
        return Some(Translation::None);
    }
    let own = softwire.ipv4?;
    let ports = PortSet::new(softwire.ports.offset, softwire.ports.psid_len, softwire.ports.psid)?;
    match own.address() {
        IpAddr::V4(address) if ports.psid_len() > 0 => {
            (own.len() == 32).then_some(Translation::Ports(address, ports))
        }
        IpAddr::V4(_) => Some(Translation::Addresses(own)),
        IpAddr::V6(_) => None,
    }
}

/// Whether a softwire of this kind is of any use without the packet filter.
pub(super) fn is_needed(kind: Kind) -> bool {
    kind != Kind::DsLite
}

/// A rule set with all that any softwire needs.
pub(super) fn sample(interface: &IfName) -> String {
    let ports = Ports { offset: 6, psid_len: 8, psid: 1 };
    let ipv4 = Prefix::new(Ipv4Addr::new(192, 0, 0, 2).into(), 32).ok();
    let softwire = Softwire { ipv4, ports, mtu: Some(1280), ..Softwire::default() };
    rule_set(interface, Kind::MapE, &softwire).unwrap_or_default()
}

/// The name of the table that is ours.
fn table(interface: &IfName) -> String {
    format!("ip dhcpmgr-{interface}")
}

/// Removes the table; no error when there is none.
pub(super) fn removal(interface: &IfName) -> String {
    let table = table(interface);
    format!("table {table} {{ }}\ndelete table {table}\n")
}

/// The whole table, in place of the one before. `None` when the softwire says nothing that could be translated to.
pub(super) fn rule_set(interface: &IfName, kind: Kind, softwire: &Softwire) -> Option<String> {
    let mut set = removal(interface);
    let mut arriving = Vec::new();
    let mut translated = Vec::new();
    let mut leaving = Vec::new();
    // What came from the ISP does not go back there: it is for nobody here.
    let mut forwarded = vec![format!("iifname \"{interface}\" oifname \"{interface}\" drop")];
    let (from, to) = (format!("iifname \"{interface}\""), format!("oifname \"{interface}\""));
    match translation(kind, softwire)? {
        Translation::None => {}
        Translation::Addresses(own) => {
            arriving.push(format!("{from} ip daddr != {own} drop"));
            translated.push(format!("{to} ip saddr != {own} snat to {}", first_to_last(own)));
            leaving.push(format!("{to} ip saddr != {own} drop"));
        }
        Translation::Ports(own, ports) => {
            arriving.push(format!("{from} ip daddr != {own} drop"));
            arriving.extend(foreign(&from, "th dport", ports));
            translated.push(format!("{to} meta l4proto {{ tcp, udp, icmp }} snat {}", targets(own, ports)));
            leaving.push(format!("{to} ip saddr != {own} drop"));
            leaving.push(format!("{to} meta l4proto != {{ tcp, udp, icmp }} drop"));
            leaving.extend(foreign(&to, "th sport", ports));
            // A port of ours that leads to nobody, asked for from the LAN: the ISP would only send it back.
            forwarded.push(format!(
                "{to} ip daddr {own} meta l4proto {{ tcp, udp }} {} reject with icmp type port-unreachable",
                ours("th dport", ports)
            ));
        }
    }
    let clamp = softwire.mtu.and_then(|mtu| mtu.checked_sub(HEADERS)).map(|size| {
        format!(
            "tcp flags & (syn | rst) == syn tcp option maxseg size > {size} tcp option maxseg size set {size}"
        )
    });
    let mangled = |way: &str| clamp.iter().map(|clamp| format!("{way} {clamp}")).collect::<Vec<_>>();
    // Writing to a String cannot fail.
    let _ = writeln!(set, "table {} {{", table(interface));
    chain(&mut set, "arriving", "filter hook prerouting priority raw", &arriving);
    chain(&mut set, "sizes_in", "filter hook prerouting priority mangle", &mangled(&from));
    chain(&mut set, "forwarded", "filter hook forward priority filter - 5", &forwarded);
    chain(&mut set, "sizes_out", "filter hook postrouting priority mangle", &mangled(&to));
    // Before a firewall's own, which does not know of ports.
    chain(&mut set, "translated", "nat hook postrouting priority srcnat - 5", &translated);
    chain(&mut set, "leaving", "filter hook postrouting priority srcnat + 5", &leaving);
    set.push_str("}\n");
    Some(set)
}

fn chain(set: &mut String, name: &str, what: &str, rules: &[String]) {
    if rules.is_empty() {
        return;
    }
    let _ = writeln!(set, " chain {name} {{\n  type {what}; policy accept;");
    for rule in rules {
        let _ = writeln!(set, "  {rule}");
    }
    set.push_str(" }\n");
}

/// `to 192.0.2.18:1232-1235`, or the next of several ranges for each new flow.
fn targets(own: Ipv4Addr, ports: PortSet) -> String {
    let ranges = ports.ranges();
    let count = ranges.len();
    if count == 1 {
        return ranges.map(|(first, last)| format!("to {own}:{}", span(first, last))).collect();
    }
    let mut text = format!("ip to numgen inc mod {count} map {{ ");
    for (at, (first, last)) in ranges.enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{at} : {own} . {}", span(first, last));
    }
    text.push_str(" }");
    text
}

fn span(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn first_to_last(prefix: Prefix) -> String {
    let IpAddr::V4(first) = prefix.address() else { return prefix.address().to_string() };
    let size = u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
    match size {
        0 => first.to_string(),
        size => format!("{first}-{}", Ipv4Addr::from(u32::from(first) | size)),
    }
}

/// Rules that drop what has a port, or the identifier of an echo, that is not of this set.
fn foreign(way: &str, port: &str, ports: PortSet) -> Vec<String> {
    let (mask, value) = bits(ports);
    let lowest = lowest(ports);
    let both = [
        (format!("{way} meta l4proto {{ tcp, udp }}"), port),
        (format!("{way} icmp type {{ echo-request, echo-reply }}"), "icmp id"),
    ];
    let mut rules = Vec::new();
    for (what, port) in both {
        rules.push(format!("{what} {port} & {mask:#06x} != {value:#06x} drop"));
        if lowest > 0 {
            rules.push(format!("{what} {port} < {lowest} drop"));
        }
    }
    rules
}

/// What is true of the ports of this set only.
fn ours(port: &str, ports: PortSet) -> String {
    let (mask, value) = bits(ports);
    match lowest(ports) {
        0 => format!("{port} & {mask:#06x} == {value:#06x}"),
        lowest => format!("{port} & {mask:#06x} == {value:#06x} {port} >= {lowest}"),
    }
}

/// The bits of a port that hold the PSID, and what they must be.
fn bits(ports: PortSet) -> (u16, u16) {
    let rest = 16 - u32::from(ports.offset()) - u32::from(ports.psid_len());
    let mask = ((1_u32 << ports.psid_len()) - 1) << rest;
    (mask as u16, (u32::from(ports.psid()) << rest) as u16)
}

/// Below it no customer has any, where there are offset bits.
fn lowest(ports: PortSet) -> u32 {
    if ports.offset() == 0 { 0 } else { 1 << (16 - ports.offset()) }
}

#[cfg(test)]
mod tests;
