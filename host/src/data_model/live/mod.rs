//! The living tree: what is true at the moment of a read, made of what the controllers, the handlers and the LANs say.
//!
//! [`Facts::gather`] puts it together and gives rows their numbers; reading a value is a look-up in it.

mod client;
mod counts;
mod feeds;
mod gather;
mod options;
mod softwires;
mod v4;
mod v6;
mod vendor;

use std::collections::BTreeMap;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Protocol;

use crate::flat::FlatMap;

pub(super) use client::below_client;
pub use client::{can_be_told, not_supported};
pub use gather::{Asked, Carrier, Inputs};
pub(super) use gather::{INTERFACES, clients};
pub use vendor::{is_ours, may_be_named};

use super::options::OptionView;
use super::path::{Extra, Place, Source};
use super::schema::{Kind, Object, Parameter};
use super::value::Value;
use crate::config::Client;
use crate::control::views::ClientStatus;
use crate::events::Lease;
use crate::network::OwnRoute;
use feeds::{DnsServer, Interface};
use softwires::{MapDomain, Tunnel};

/// Everything that the tree shows.
#[derive(Debug, Default)]
pub struct Facts {
    /// DHCPv4 clients by their numbers.
    pub v4: Vec<ClientFacts>,
    /// DHCPv6 clients by their numbers.
    pub v6: Vec<ClientFacts>,
    pub(super) interfaces: Vec<Interface>,
    servers: Vec<DnsServer>,
    v4_routes: Vec<(u32, OwnRoute)>,
    v6_routes: Vec<(u32, OwnRoute)>,
    domains: Vec<MapDomain>,
    tunnels: Vec<Tunnel>,
    /// The DUID of the device, hex.
    duid: String,
    /// The wall clock, milliseconds.
    wall_ms: u64,
}

/// One client.
#[derive(Debug)]
pub struct ClientFacts {
    /// Its number.
    pub number: u32,
    /// What it is configured to be.
    pub client: Client,
    /// It has no interface.
    pub is_parked: bool,
    /// How it is; `None` while it has no controller.
    pub status: Option<ClientStatus>,
    /// Number of its row of IP.Interface.
    pub interface: u32,
    /// SentOption.
    pub sent: Vec<OptionView>,
    /// ReqOption.
    pub requested: Vec<OptionView>,
    /// What was written into RequestedOptions, where that was written.
    pub written_request: Option<String>,
    /// What is requested, whoever asks for it.
    pub all_requested: Vec<u16>,
    /// Messages by name, since they were last reset.
    pub counters: FlatMap<String, u64>,
    /// Numbers of the rows of X_DHCPMGR_Published, ReceivedOption, Server and X_DHCPMGR_IA.
    pub(super) published: Vec<u32>,
    received: Vec<(u32, u16, String)>,
    server: Option<u32>,
    ias: Vec<u32>,
    /// Parameters besides those of the tables: first those that handlers have.
    extras: Vec<Extra>,
    of_handlers: usize,
}

impl ClientFacts {
    pub(super) fn lease(&self) -> Option<&Lease> {
        self.status.as_ref()?.lease.as_ref()
    }

    fn parameters(&self) -> Option<&BTreeMap<String, String>> {
        Some(match self.lease()? {
            Lease::V4(lease) => &lease.parameters,
            Lease::V6(lease) => &lease.parameters,
        })
    }
}

impl Facts {
    /// The client of a place at or below its row.
    #[must_use]
    pub fn client(&self, place: &Place) -> Option<&ClientFacts> {
        let clients = match protocol(place.object.path)? {
            Protocol::V4 => &self.v4,
            Protocol::V6 => &self.v6,
        };
        let number = place.numbers().first()?;
        clients.binary_search_by_key(number, |client| client.number).ok().and_then(|at| clients.get(at))
    }

    /// The path of a row of IP.Interface, as references have it; empty for 0.
    fn reference(&self, interface: u32) -> String {
        if interface == 0 { String::new() } else { format!("Device.IP.Interface.{interface}") }
    }

    fn interface_of(&self, name: &IfName) -> String {
        let row = self.interfaces.iter().find(|row| row.name == *name);
        self.reference(row.map_or(0, |row| row.number))
    }
}

/// Whose client a path is about.
#[must_use]
pub fn protocol(path: &str) -> Option<Protocol> {
    if path.starts_with("Device.DHCPv4.") {
        Some(Protocol::V4)
    } else if path.starts_with("Device.DHCPv6.") {
        Some(Protocol::V6)
    } else {
        None
    }
}

impl Source for Facts {
    fn rows(&self, table: &'static Object, within: &Place) -> Vec<u32> {
        match table.path {
            "Device.DHCPv4.Client.{i}." => self.v4.iter().map(|client| client.number).collect(),
            "Device.DHCPv6.Client.{i}." => self.v6.iter().map(|client| client.number).collect(),
            path if protocol(path).is_some() => {
                let Some(client) = self.client(within) else { return Vec::new() };
                match table.name {
                    "SentOption" => client.sent.iter().map(|row| row.number).collect(),
                    "ReqOption" => client.requested.iter().map(|row| row.number).collect(),
                    "X_DHCPMGR_Published" => client.published.clone(),
                    "X_DHCPMGR_IA" => client.ias.clone(),
                    "ReceivedOption" => client.received.iter().map(|row| row.0).collect(),
                    "Server" => client.server.into_iter().collect(),
                    _ => Vec::new(),
                }
            }
            _ => self.fed_rows(table, within),
        }
    }

    fn value(&self, place: &Place, parameter: &'static Parameter) -> Option<Value> {
        // What counts the rows of a table.
        if let Some(table) = counts::table(place.object, parameter) {
            return Some(Value::from(self.rows(table, place).len() as u64));
        }
        let path = place.object.path;
        let value = match protocol(path) {
            Some(_) if place.numbers().is_empty() => None,
            Some(protocol) => {
                let client = self.client(place)?;
                match place.object.name {
                    "SentOption" | "ReqOption" => options::value(client, place, parameter.name)?,
                    "X_DHCPMGR_Published" => Some(client.published_value(place, parameter.name)?),
                    "Stats" => client.counters.get(parameter.name).map(|count| Value::from(*count)),
                    "Retransmission" => {
                        client.in_effect(&format!("Retransmission.{}", parameter.name), parameter)
                    }
                    _ if protocol == Protocol::V4 => self.v4_value(client, place, parameter),
                    _ => self.v6_value(client, place, parameter),
                }
            }
            None => self.fed_value(place, parameter.name)?,
        };
        Some(value.unwrap_or_else(|| otherwise(parameter)))
    }

    fn extra(&self, place: &Place) -> &[Extra] {
        if place.object.name != "Client" || place.numbers().len() != 1 {
            return &[];
        }
        self.client(place).map_or(&[], |client| &client.extras)
    }
}

/// What a parameter is that nothing else is known of: the default of the standard.
fn otherwise(parameter: &'static Parameter) -> Value {
    let nothing = || Value::nothing(&parameter.kind);
    let Some(default) = parameter.default else { return nothing() };
    // Next to all are right for their parameters, and need not be checked at each read.
    match parameter.kind {
        Kind::Boolean => (default == "true").into(),
        Kind::Int { .. } => default.parse().map_or_else(|_| nothing(), Value::Int),
        Kind::Unsigned { .. } | Kind::Long => default.parse().map_or_else(|_| nothing(), Value::Unsigned),
        // A prefix of nothing is none.
        Kind::Text { .. } if !default.is_empty() => {
            Value::from(default).taken(&parameter.kind).unwrap_or_else(|_| nothing())
        }
        _ => default.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_model::tables::OBJECTS;

    #[test]
    fn a_default_reads_as_if_somebody_had_written_it() {
        for parameter in OBJECTS.iter().flat_map(|object| object.parameters) {
            let taken = parameter.default.and_then(|text| Value::from(text).taken(&parameter.kind).ok());
            let nothing = || Value::nothing(&parameter.kind);
            assert_eq!(otherwise(parameter), taken.unwrap_or_else(nothing), "{}", parameter.name);
        }
    }
}
