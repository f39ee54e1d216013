//! What leases feed elsewhere in the tree: addresses, prefixes, routes and name servers. Our own entries only.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};

use super::super::path::Place;
use super::super::schema::Object;
use super::super::value::{NEVER, Value};
use super::v4::mask;
use super::{ClientFacts, Facts};
use crate::clock;
use crate::network::OwnRoute;

/// A row of IP.Interface.
#[derive(Debug)]
pub(in crate::data_model) struct Interface {
    pub(in crate::data_model) number: u32,
    pub(in crate::data_model) name: IfName,
    pub(super) v4: Vec<V4Address>,
    pub(super) v6: Vec<V6Address>,
    pub(super) prefixes: Vec<V6Prefix>,
}

#[derive(Debug)]
pub(super) struct V4Address {
    pub(super) number: u32,
    pub(super) address: InterfaceAddress,
    /// By a DHCPv4 server; else it is that of a softwire.
    pub(super) leased: bool,
}

#[derive(Debug)]
pub(super) struct V6Address {
    pub(super) number: u32,
    pub(super) address: Ipv6Addr,
    /// The prefix that it was made in; empty for one that was leased.
    pub(super) within: String,
    pub(super) left: Left,
    pub(super) leased: bool,
}

#[derive(Debug)]
pub(super) struct V6Prefix {
    pub(super) number: u32,
    pub(super) prefix: Prefix,
    /// The delegated prefix that it is a part of; empty for that itself.
    pub(super) parent: String,
    pub(super) left: Left,
    pub(super) is_child: bool,
}

/// Seconds left; `None` for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) preferred: Option<u64>,
    pub(super) valid: Option<u64>,
}

#[derive(Debug)]
pub(super) struct DnsServer {
    pub(super) number: u32,
    pub(super) address: IpAddr,
    pub(super) interface: IfName,
    pub(super) v6: bool,
}

impl Interface {
    pub(super) const fn new(number: u32, name: IfName) -> Self {
        Self { number, name, v4: Vec::new(), v6: Vec::new(), prefixes: Vec::new() }
    }
}

impl Facts {
    pub(super) fn fed_rows(&self, table: &'static Object, within: &Place) -> Vec<u32> {
        let numbers = within.numbers();
        let interface = || self.interfaces.iter().find(|row| numbers.first() == Some(&row.number));
        match table.path {
            "Device.IP.Interface.{i}." => self.interfaces.iter().map(|row| row.number).collect(),
            "Device.Routing.Router.{i}." => vec![1],
            "Device.DNS.Client.Server.{i}." => self.servers.iter().map(|row| row.number).collect(),
            "Device.MAP.Domain.{i}." => self.domains.iter().map(|row| row.number).collect(),
            "Device.DSLite.InterfaceSetting.{i}." => self.tunnels.iter().map(|row| row.number).collect(),
            "Device.MAP.Domain.{i}.Rule.{i}." => self
                .domains
                .iter()
                .find(|row| numbers.first() == Some(&row.number))
                .map(|row| row.rules.clone())
                .unwrap_or_default(),
            _ => match table.name {
                "IPv4Address" => {
                    interface().map(|row| row.v4.iter().map(|a| a.number).collect()).unwrap_or_default()
                }
                "IPv6Address" => {
                    interface().map(|row| row.v6.iter().map(|a| a.number).collect()).unwrap_or_default()
                }
                "IPv6Prefix" => {
                    interface().map(|row| row.prefixes.iter().map(|p| p.number).collect()).unwrap_or_default()
                }
                "IPv4Forwarding" => self.v4_routes.iter().map(|row| row.0).collect(),
                "IPv6Forwarding" => self.v6_routes.iter().map(|row| row.0).collect(),
                _ => Vec::new(),
            },
        }
    }

    /// A value of one of these; `None` when the row is gone, nothing when it is as the standard presumes.
    #[allow(clippy::option_option, reason = "a row that is gone is not a value that is not known")]
    pub(super) fn fed_value(&self, place: &Place, name: &str) -> Option<Option<Value>> {
        if place.object.path.starts_with("Device.MAP.") || place.object.path.starts_with("Device.DSLite.") {
            return self.softwire_value(place, name);
        }
        let (first, last) = (place.numbers().first(), place.numbers().last());
        let interface = || self.interfaces.iter().find(|row| first == Some(&row.number));
        Some(match place.object.name {
            "Interface" => {
                let row = interface()?;
                Some(match name {
                    "Alias" => format!("cpe-{}", row.name).into(),
                    "Name" => row.name.as_str().into(),
                    _ => return Some(None),
                })
            }
            "Router" => (name == "Alias").then(|| "cpe-1".into()),
            "IPv4Address" => v4_address(interface()?.v4.iter().find(|row| last == Some(&row.number))?, name),
            "IPv6Address" => {
                self.v6_address(interface()?.v6.iter().find(|row| last == Some(&row.number))?, name)
            }
            "IPv6Prefix" => {
                self.v6_prefix(interface()?.prefixes.iter().find(|row| last == Some(&row.number))?, name)
            }
            "IPv4Forwarding" => {
                let (number, route) = self.v4_routes.iter().find(|row| last == Some(&row.0))?;
                self.v4_route(*number, route, name)
            }
            "IPv6Forwarding" => {
                let (number, route) = self.v6_routes.iter().find(|row| last == Some(&row.0))?;
                self.v6_route(*number, route, name)
            }
            "Server" => self.server(self.servers.iter().find(|row| last == Some(&row.number))?, name),
            "Client" => match name {
                "Enable" => Some(true.into()),
                "Status" => Some("Enabled".into()),
                _ => None,
            },
            _ => None,
        })
    }

    fn date(&self, left: Option<u64>) -> Value {
        left.map_or_else(|| NEVER.into(), |left| clock::date_after(self.wall_ms, left).into())
    }

    fn v6_address(&self, row: &V6Address, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "IPAddressStatus" => preference(row.left).into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "IPAddress" => row.address.to_string().into(),
            "Origin" => if row.leased { "DHCPv6" } else { "AutoConfigured" }.into(),
            "Prefix" => row.within.as_str().into(),
            "PreferredLifetime" => self.date(row.left.preferred),
            "ValidLifetime" => self.date(row.left.valid),
            _ => return None,
        })
    }

    fn v6_prefix(&self, row: &V6Prefix, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "PrefixStatus" => preference(row.left).into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "Prefix" => row.prefix.to_string().into(),
            "Origin" => if row.is_child { "Child" } else { "PrefixDelegation" }.into(),
            "StaticType" => "Inapplicable".into(),
            "ParentPrefix" => row.parent.as_str().into(),
            // Hosts of the LAN make their addresses in it; the whole is on no link.
            "OnLink" | "Autonomous" => row.is_child.into(),
            "PreferredLifetime" => self.date(row.left.preferred),
            "ValidLifetime" => self.date(row.left.valid),
            _ => return None,
        })
    }

    fn v4_route(&self, number: u32, route: &OwnRoute, name: &str) -> Option<Value> {
        // The default route is empty in both.
        let shown = |text: String| if route.to.is_default() { String::new() } else { text };
        let over = route.interface.as_ref();
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "Alias" => format!("cpe-{number}").into(),
            "DestIPAddress" => shown(route.to.address().to_string()).into(),
            "DestSubnetMask" => {
                let address = InterfaceAddress::new(route.to.address(), route.to.len()).ok()?;
                shown(mask(address)).into()
            }
            "GatewayIPAddress" => route.via?.to_string().into(),
            "Interface" => self.interface_of(over?).into(),
            // The standard has no word for what a softwire brings.
            "Origin" => if over.is_some_and(|name| self.carries(name)) { "Static" } else { "DHCPv4" }.into(),
            "ForwardingMetric" => Value::Int(route.metric.into()),
            _ => return None,
        })
    }

    fn v6_route(&self, number: u32, route: &OwnRoute, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "Alias" => format!("cpe-{number}").into(),
            "Type" => if route.interface.is_some() { "Normal" } else { "Unreachable" }.into(),
            "DestIPPrefix" => route.to.to_string().into(),
            "NextHop" => route.via?.to_string().into(),
            "Interface" => self.interface_of(route.interface.as_ref()?).into(),
            "Origin" => "DHCPv6".into(),
            "ForwardingMetric" => Value::Int(route.metric.into()),
            // That of a prefix is over with it; any other is taken away when its time has come.
            "ExpirationTime" => {
                let mut prefixes = self.interfaces.iter().flat_map(|interface| &interface.prefixes);
                self.date(prefixes.find(|row| row.prefix == route.to)?.left.valid)
            }
            _ => return None,
        })
    }

    fn server(&self, row: &DnsServer, name: &str) -> Option<Value> {
        Some(match name {
            "Enable" => true.into(),
            "Status" => "Enabled".into(),
            "Alias" => format!("cpe-{}", row.number).into(),
            "DNSServer" => row.address.to_string().into(),
            "Interface" => self.interface_of(&row.interface).into(),
            "Type" => if row.v6 { "DHCPv6" } else { "DHCPv4" }.into(),
            _ => return None,
        })
    }
}

fn v4_address(row: &V4Address, name: &str) -> Option<Value> {
    Some(match name {
        "Enable" => true.into(),
        "Status" => "Enabled".into(),
        "Alias" => format!("cpe-{}", row.number).into(),
        "IPAddress" => row.address.address().to_string().into(),
        "SubnetMask" => mask(row.address).into(),
        "AddressingType" => if row.leased { "DHCP" } else { "Static" }.into(),
        _ => return None,
    })
}

fn preference(left: Left) -> &'static str {
    match left {
        Left { valid: Some(0), .. } => "Invalid",
        Left { preferred: Some(0), .. } => "Deprecated",
        _ => "Preferred",
    }
}

impl ClientFacts {
    /// Its interface, unless it has none.
    pub(super) fn interface_name(&self) -> Option<&IfName> {
        (!self.is_parked).then_some(&self.client.interface)
    }
}
