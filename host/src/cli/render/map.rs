//! `dhcpmgr map`: the fields of an option, the softwire that follows, and whose a packet is.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use dhcpmgr_softwire::{
    CustomerEdge, Destination, Ipv4Prefix, Kind, PortSet, Priority, Remark, Remote, Rule, Softwire,
};

use super::style::{Style, Tone};
use super::text::{count, plain};

/// Ranges of ports shown at either end.
const SHOWN_RANGES: usize = 3;
/// Bytes of a field shown.
const SHOWN_BYTES: usize = 16;

/// One field of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Row {
    pub(in crate::cli) offset: usize,
    pub(in crate::cli) depth: usize,
    /// Two hex digits each, separated by spaces.
    pub(in crate::cli) bytes: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) value: String,
}

/// The fields in the order of their bytes, options indented within what contains them.
pub(in crate::cli) fn fields(rows: &[Row], style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells = rows.iter().map(|row| {
        let indent = "  ".repeat(row.depth);
        let shown = 3 * SHOWN_BYTES - 1;
        let bytes = match row.bytes.get(..shown) {
            Some(head) if row.bytes.len() > shown => format!("{head} …"),
            _ => row.bytes.clone(),
        };
        vec![row.offset.to_string(), bytes, format!("{indent}{}", plain(&row.name)), plain(&row.value)]
    });
    let table = style.table(&["BYTE", "HEX", "FIELD", "VALUE"], &["BYTE"], cells.collect());
    style.finish(format!("{table}\n"))
}

/// What follows for the customer.
pub(in crate::cli) fn softwire(softwire: &Softwire, wan_mtu: u32, style: Style) -> String {
    let mut text = format!("{}\n", style.tone(Tone::Heading, softwire.kind.name()));
    let mut line = |title: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {title:<14} {value}");
    };
    for (index, rule) in softwire.rules.iter().enumerate() {
        let role = if softwire.selected == Some(index) { ", selected" } else { "" };
        line(&format!("rule {index}"), &format!("{}{role}", described(rule)));
    }
    if let Some(edge) = &softwire.customer {
        customer(edge, &mut line);
    }
    match &softwire.remote {
        Remote::Dmr(prefix) => line("DMR", &prefix.to_string()),
        Remote::Brs(brs) => brs.iter().for_each(|br| line("border relay", &br.to_string())),
        Remote::Aftr(name) => line("AFTR", name.as_str()),
    }
    let mtu = softwire.kind.ipv4_mtu(wan_mtu);
    line("IPv4 MTU", &format!("{mtu}, over a link with {wan_mtu}"));
    text.push_str(&notes(&softwire.remarks, style));
    style.finish(text)
}

fn described(rule: &Rule) -> String {
    let forwarding = if rule.fmr() { ", for forwarding" } else { "" };
    let PortsText { offset, psid_len } = PortsText::from(rule.ports());
    format!(
        "{} to {}, {}, PSID {psid_len} after {offset}{forwarding}",
        rule.ipv6_prefix(),
        rule.ipv4_prefix(),
        count(usize::from(rule.ea_len()), "EA bit")
    )
}

struct PortsText {
    offset: String,
    psid_len: String,
}

impl From<PortSet> for PortsText {
    fn from(ports: PortSet) -> Self {
        Self {
            offset: count(usize::from(ports.offset()), "bit"),
            psid_len: count(usize::from(ports.psid_len()), "bit"),
        }
    }
}

fn customer(edge: &CustomerEdge, line: &mut impl FnMut(&str, &str)) {
    let CustomerEdge { ipv4, ports, ea_bits, prefix, ipv6 } = edge;
    let shared = match ports.sharing_ratio() {
        1 => "not shared".to_owned(),
        ratio => format!("shared by {ratio}"),
    };
    let address = if ipv4.len() == Ipv4Prefix::WIDTH { ipv4.address().to_string() } else { ipv4.to_string() };
    line("IPv4 address", &format!("{address}, {shared}"));
    if ports.psid_len() > 0 {
        let PortsText { offset, psid_len } = PortsText::from(*ports);
        line("PSID", &format!("{} ({:#x}), {psid_len} after {offset}", ports.psid(), ports.psid()));
    }
    line("ports", &port_ranges(*ports));
    line("EA bits", &format!("{ea_bits:#x}"));
    line("prefix", &prefix.to_string());
    line("IPv6 address", &ipv6.to_string());
}

fn port_ranges(ports: PortSet) -> String {
    let text = |(first, last): (u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    let ranges = ports.ranges();
    let total = ranges.len();
    let shown: Vec<String> = if total <= 2 * SHOWN_RANGES + 1 {
        ranges.map(text).collect()
    } else {
        let head = ports.ranges().take(SHOWN_RANGES).map(text);
        head.chain(["…".to_owned()]).chain(ranges.skip(total - SHOWN_RANGES).map(text)).collect()
    };
    format!("{} in {}: {}", ports.count(), count(total, "range"), shown.join(" "))
}

/// The order that the ISP prefers.
pub(in crate::cli) fn priority(priority: &Priority, style: Style) -> String {
    let names: Vec<_> = priority.kinds.iter().copied().map(Kind::name).collect();
    let order =
        if names.is_empty() { "no mechanism that is known here".to_owned() } else { names.join(", then ") };
    let title = style.tone(Tone::Heading, "s46-priority");
    style.finish(format!("{title}\n  {order}\n{}", notes(&priority.remarks, style)))
}

fn notes(remarks: &[Remark], style: Style) -> String {
    let mut text = String::new();
    for remark in remarks {
        let note = format!("byte {}: {}", remark.offset, plain(&remark.oddity.to_string()));
        let _ = writeln!(text, "  {}", style.tone(Tone::Waiting, &note));
    }
    text
}

/// Whose a packet is, in a sentence.
pub(in crate::cli) fn destination(
    address: Ipv4Addr,
    port: u16,
    softwire: &Softwire,
    destination: Destination,
) -> String {
    let who = match destination {
        Destination::Ours => match softwire.customer {
            Some(edge) if edge.ports.psid_len() > 0 => {
                format!("is ours: PSID {}, at {}", edge.ports.psid(), edge.ipv6)
            }
            Some(edge) => format!("is ours, at {}", edge.ipv6),
            None => "is ours".to_owned(),
        },
        Destination::Customer { rule, psid, ipv6, direct } => {
            let way = if direct { "sent there directly" } else { "reached by way of the ISP" };
            format!("is another customer's: PSID {psid} of rule {rule}, at {ipv6}, {way}")
        }
        Destination::Nobody { rule } => {
            format!("is nobody's: no customer of rule {rule} has this port")
        }
        Destination::Internet { ipv6: Some(ipv6) } => format!("is not of this domain: sent to {ipv6}"),
        Destination::Internet { ipv6: None } => "is not of this domain: sent to the AFTR".to_owned(),
    };
    format!("{address} port {port} {who}\n")
}
