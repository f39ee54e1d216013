//! Softwires that carry IPv4: `Device.MAP.` and `Device.DSLite.`.

use std::net::Ipv6Addr;

use dhcpmgr_message::IfName;

use super::super::path::Place;
use super::super::value::Value;
use super::Facts;
use super::feeds::V6Prefix;
use crate::events::SoftwireView;
use crate::softwire::backend::{Stats, Traffic};

/// A softwire of rules.
#[derive(Debug)]
pub(super) struct MapDomain {
    pub(super) number: u32,
    pub(super) wan: IfName,
    pub(super) softwire: SoftwireView,
    /// What IPv4 leaves through.
    pub(super) interface: Option<IfName>,
    /// Seconds since it is up.
    pub(super) up_s: Option<u64>,
    pub(super) stats: Option<Stats>,
    pub(super) rules: Vec<u32>,
}

/// A DS-Lite tunnel.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) number: u32,
    pub(super) aftr: String,
    /// The address of that.
    pub(super) address: Option<Ipv6Addr>,
    pub(super) interface: Option<IfName>,
}

impl Facts {
    /// A value of one of these; `None` when the row is gone, nothing when it is as the standard presumes.
    #[allow(clippy::option_option, reason = "a row that is gone is not a value that is not known")]
    pub(super) fn softwire_value(&self, place: &Place, name: &str) -> Option<Option<Value>> {
        let (first, last) = (place.numbers().first(), place.numbers().last());
        let domain = || self.domains.iter().find(|row| first == Some(&row.number));
        Some(match place.object.name {
            "MAP" => (name == "Enable").then(|| (!self.domains.is_empty()).into()),
            "DSLite" => (name == "Enable").then(|| (!self.tunnels.is_empty()).into()),
            "Domain" => self.domain(domain()?, name),
            "Rule" => rule(domain()?, last.copied(), name),
            "Interface" => self.map_interface(domain()?, name),
            "Stats" => stats(domain()?.stats, name),
            "InterfaceSetting" => {
                self.tunnel(self.tunnels.iter().find(|row| first == Some(&row.number))?, name)
            }
            _ => None,
        })
    }

    /// Whether IPv4 leaves through this interface over IPv6.
    pub(super) fn carries(&self, name: &IfName) -> bool {
        let domains = self.domains.iter().filter_map(|row| row.interface.as_ref());
        domains.chain(self.tunnels.iter().filter_map(|row| row.interface.as_ref())).any(|own| own == name)
    }

    fn tunnel(&self, row: &Tunnel, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "EndpointAssignmentPrecedence" | "Origin" => "DHCPv6".into(),
            "EndpointAddressTypePrecedence" => "FQDN".into(),
            "EndpointAddressInUse" => row.address?.to_string().into(),
            "EndpointName" => row.aftr.as_str().into(),
            "TunnelInterface" => self.interface_of(row.interface.as_ref()?).into(),
            _ => return None,
        })
    }

    fn map_interface(&self, row: &MapDomain, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Up".into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "Name" => row.interface.as_ref()?.as_str().into(),
            "LowerLayers" => self.interface_of(&row.wan).into(),
            "LastChange" => row.up_s?.min(u32::MAX.into()).into(),
            _ => return None,
        })
    }

    fn domain(&self, row: &MapDomain, name: &str) -> Option<Value> {
        let softwire = &row.softwire;
        let rule = || softwire.selected.and_then(|at| softwire.rules.get(at));
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "TransportMode" => if softwire.kind == "map-t" { "Translation" } else { "Encapsulation" }.into(),
            "WANInterface" => self.interface_of(&row.wan).into(),
            "BRIPv6Prefix" => match (&softwire.dmr, &softwire.br) {
                (Some(dmr), _) => dmr.to_string().into(),
                (None, Some(relays)) => format!("{}/128", relays.first()?).into(),
                (None, None) => return None,
            },
            "IPv6Prefix" => {
                // The one that was delegated, of which LANs have parts.
                let wanted = rule()?.ipv6_prefix;
                let inside = |p: &&V6Prefix| !p.is_child && wanted.contains(p.prefix.address());
                let wan = self.interfaces.iter().find(|interface| interface.name == row.wan)?;
                let (interface, prefix) = (wan.number, wan.prefixes.iter().find(inside)?.number);
                format!("Device.IP.Interface.{interface}.IPv6Prefix.{prefix}").into()
            }
            _ => return None,
        })
    }
}

fn rule(domain: &MapDomain, number: Option<u32>, name: &str) -> Option<Value> {
    let at = domain.rules.iter().position(|other| Some(*other) == number)?;
    let rule = domain.softwire.rules.get(at)?;
    let own = domain.softwire.customer.as_ref().filter(|_| domain.softwire.selected == Some(at));
    Some(match name {
        "Enable" => true.into(),
        "Status" => "Enabled".into(),
        "Alias" => format!("cpe-{}", number?).into(),
        "Origin" => "DHCPv6".into(),
        "IPv6Prefix" => rule.ipv6_prefix.to_string().into(),
        "IPv4Prefix" => rule.ipv4_prefix.to_string().into(),
        "EABitsLength" => u32::from(rule.ea_len).into(),
        "IsFMR" => rule.fmr.into(),
        "PSIDOffset" => u32::from(rule.psid_offset).into(),
        "PSIDLength" => u32::from(own.map_or(rule.psid_len, |own| own.psid_len)).into(),
        "PSID" => u32::from(own.map(|own| own.psid).or(rule.psid)?).into(),
        _ => return None,
    })
}

/// What its back-end counts of each direction.
fn stats(stats: Option<Stats>, name: &str) -> Option<Value> {
    let (sent, received) = stats.map(|stats| (stats.sent, stats.received))?;
    let bytes = |traffic: Traffic| Value::from(traffic.bytes);
    let packets = |traffic: Traffic| Value::from(traffic.packets);
    match name {
        "BytesSent" => sent.map(bytes),
        "BytesReceived" => received.map(bytes),
        "PacketsSent" => sent.map(packets),
        "PacketsReceived" => received.map(packets),
        _ => None,
    }
}
