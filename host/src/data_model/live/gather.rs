//! Putting the facts together.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_message::{Bytes, ClientName, IfName, InterfaceAddress};
use dhcpmgr_plugin_api::Protocol;

use super::super::desired::{Desired, HOST_NAME, Whole};
use super::super::numbers::Numbers;
use super::super::options::{Given, Owner};
use super::super::path::Place;
use super::super::schema::Object;
use super::feeds::{DnsServer, Interface, Left, V4Address, V6Address, V6Prefix};
use super::options::each;
use super::softwires::{MapDomain, Tunnel};
use super::vendor::{of_handler, published};
use super::{ClientFacts, Facts};
use crate::config::{Client, Config};
use crate::control::views::{ClientStatus, LanStanding, LanView, WanView};
use crate::events::{Lease, RuleView, SoftwireView};
use crate::flat::FlatMap;
use crate::handlers::VendorParameter;
use crate::network::OwnRoute;
use crate::order;
use crate::softwire::backend::interface_name;

/// What the tree is made of.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// How the clients are.
    pub statuses: Vec<ClientStatus>,
    /// What handlers send and request, by client.
    pub handlers: FlatMap<ClientName, Asked>,
    /// What handlers have for clients besides.
    pub vendor: FlatMap<ClientName, Vec<VendorParameter>>,
    /// What LANs have.
    pub lans: Vec<LanView>,
    /// What carries IPv4 on each WAN.
    pub wans: Vec<WanView>,
    /// The interfaces of those, as the kernel has them.
    pub carriers: FlatMap<IfName, Carrier>,
    /// Our routes.
    pub routes: Vec<OwnRoute>,
    /// The DUID of the device, hex.
    pub duid: String,
    /// What the counters were when they were last reset.
    pub baselines: FlatMap<ClientName, FlatMap<String, u64>>,
    /// The wall clock, milliseconds.
    pub wall_ms: u64,
}

/// The interface of a softwire.
#[derive(Debug, Default, Clone)]
pub struct Carrier {
    /// The other end of a tunnel.
    pub remote: Option<Ipv6Addr>,
    /// Our IPv4 addresses of it.
    pub addresses: Vec<InterfaceAddress>,
}

/// What is asked for on behalf of others than the operator.
#[derive(Debug, Default, Clone)]
pub struct Asked {
    /// Option code → value, and who sends it.
    pub sent: FlatMap<u16, (Bytes, String)>,
    /// Option code → who wants it.
    pub requested: FlatMap<u16, String>,
}

const V4_CLIENTS: &str = "Device.DHCPv4.Client.";
const V6_CLIENTS: &str = "Device.DHCPv6.Client.";
/// The table of interfaces.
pub(in crate::data_model) const INTERFACES: &str = "Device.IP.Interface.";

/// The table of the clients of a protocol.
pub(in crate::data_model) const fn clients(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V4 => V4_CLIENTS,
        Protocol::V6 => V6_CLIENTS,
    }
}

impl Facts {
    /// Puts together what is true now. Rows that have no number get one: those that are kept in `desired`, those that
    /// come and go in `passing`.
    pub fn gather(
        files: &Config,
        whole: &Whole,
        inputs: Inputs,
        desired: &mut Desired,
        passing: &mut Numbers,
    ) -> Self {
        let mut facts = Self { duid: inputs.duid, wall_ms: inputs.wall_ms, ..Self::default() };
        let all: Vec<(&Client, bool)> = whole
            .config
            .clients
            .values()
            .map(|client| (client, false))
            .chain(whole.parked.values().map(|client| (client, true)))
            .collect();
        let lans = whole.config.lans.delegations.keys();
        let mut names: Vec<&IfName> =
            all.iter().filter(|(_, parked)| !parked).map(|(client, _)| &client.interface).collect();
        names.extend(lans);
        order::sort_once(&mut names);
        // Softwires come and go, and keep their numbers.
        let wans = all.iter().filter(|(client, parked)| !parked && client.protocol == Protocol::V6);
        let carriers = wans.filter_map(|(client, _)| interface_name(&client.interface));
        let mut carriers: Vec<IfName> = carriers.filter(|name| names.binary_search(&name).is_err()).collect();
        order::sort_once(&mut carriers);
        let present = names.len();
        names.extend(&carriers);
        let keys: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let numbers = desired.numbers.settle(INTERFACES, &keys);
        for (at, (name, number)) in names.into_iter().zip(numbers).enumerate() {
            if at < present || inputs.carriers.contains_key(name) {
                facts.interfaces.push(Interface::new(number, name.clone()));
            }
        }
        let mut statuses: FlatMap<ClientName, ClientStatus> =
            inputs.statuses.into_iter().map(|status| (status.name.clone(), status)).collect();
        for protocol in [Protocol::V4, Protocol::V6] {
            let own: Vec<_> = all.iter().filter(|(client, _)| client.protocol == protocol).collect();
            let keys: Vec<&str> = own.iter().map(|(client, _)| client.name.as_str()).collect();
            let numbers = desired.numbers.settle(clients(protocol), &keys);
            let mut rows: Vec<ClientFacts> = Vec::with_capacity(own.len());
            for ((client, parked), number) in own.into_iter().zip(numbers) {
                let asked = inputs.handlers.get(&client.name);
                let baseline = inputs.baselines.get(&client.name);
                let interface = facts.interfaces.iter().find(|row| !parked && row.name == client.interface);
                let interface = interface.map_or(0, |row| row.number);
                let base = files.clients.get(&client.name);
                let mut row = one(client, base, asked, desired);
                (row.number, row.is_parked, row.interface) = (number, *parked, interface);
                row.status = statuses.remove(&client.name);
                row.count(baseline);
                let vendor = inputs.vendor.get(&client.name).map_or(&[][..], Vec::as_slice);
                row.extras = vendor.iter().map(of_handler).collect();
                row.of_handlers = row.extras.len();
                row.read_lease(passing);
                rows.push(row);
            }
            order::sort_by_key(&mut rows, |row| row.number);
            match protocol {
                Protocol::V4 => facts.v4 = rows,
                Protocol::V6 => facts.v6 = rows,
            }
        }
        facts.feed(&inputs.lans, &inputs.carriers, passing);
        facts.feed_softwires(&inputs.wans, &inputs.carriers, passing);
        facts.feed_routes(inputs.routes, passing);
        facts
    }

    /// Has a client show another lease than the one that it has now; gives its row. What leases feed elsewhere stays.
    pub(in crate::data_model) fn show(
        &mut self,
        name: &ClientName,
        lease: Option<Lease>,
        passing: &mut Numbers,
    ) -> Option<Place> {
        let mut all = self.v4.iter_mut().chain(&mut self.v6);
        let row = all.find(|row| row.client.name == *name)?;
        row.status.as_mut()?.lease = lease;
        row.read_lease(passing);
        let object = Object::find(&format!("{}{{i}}.", clients(row.client.protocol)))?;
        Some(Place::root().row(object, row.number))
    }

    /// What leases feed elsewhere.
    fn feed(&mut self, lans: &[LanView], carriers: &FlatMap<IfName, Carrier>, passing: &mut Numbers) {
        self.feed_interfaces(lans, carriers, passing);
        let mut servers: Vec<(IpAddr, IfName, bool)> = Vec::new();
        for client in self.v4.iter().chain(&self.v6) {
            let (Some(lease), Some(interface)) = (client.lease(), client.interface_name()) else { continue };
            let (dns, v6) = match lease {
                Lease::V4(lease) => (&lease.dns, false),
                Lease::V6(lease) => (&lease.dns, true),
            };
            for address in dns {
                // The same server of two leases is one row, of the first.
                if !servers.iter().any(|(known, ..)| known == address) {
                    servers.push((*address, interface.clone(), v6));
                }
            }
        }
        let keys: Vec<String> = servers.iter().map(|(address, ..)| address.to_string()).collect();
        let numbers = passing.settle("Device.DNS.Client.Server.", &keys);
        let row = |((address, interface, v6), number)| DnsServer { number, address, interface, v6 };
        self.servers = servers.into_iter().zip(numbers).map(row).collect();
        order::sort_by_key(&mut self.servers, |row| row.number);
    }

    fn feed_routes(&mut self, routes: Vec<OwnRoute>, passing: &mut Numbers) {
        let (v6, v4) = routes.into_iter().partition(|route: &OwnRoute| route.to.address().is_ipv6());
        self.v4_routes = numbered("Device.Routing.Router.1.IPv4Forwarding.", v4, passing);
        self.v6_routes = numbered("Device.Routing.Router.1.IPv6Forwarding.", v6, passing);
    }

    /// Softwires that carry IPv4; what a lease merely offers is shown with its client.
    fn feed_softwires(
        &mut self,
        wans: &[WanView],
        carriers: &FlatMap<IfName, Carrier>,
        passing: &mut Numbers,
    ) {
        let up = wans.iter().filter_map(|view| Some((view, view.softwire.as_ref()?)));
        let (tunnels, domains): (Vec<_>, Vec<_>) = up.partition(|(_, softwire)| softwire.kind == "ds-lite");
        let keys: Vec<&str> = domains.iter().map(|(view, _)| view.interface.as_str()).collect();
        let numbers = passing.settle("Device.MAP.Domain.", &keys);
        for ((view, softwire), number) in domains.into_iter().zip(numbers) {
            let key = |rule: &RuleView| format!("{} {}", rule.ipv6_prefix, rule.ipv4_prefix);
            let keys: Vec<String> = softwire.rules.iter().map(key).collect();
            let rules = passing.settle(&format!("Device.MAP.Domain.{number}.Rule."), &keys);
            let (wan, softwire) = (view.interface.clone(), softwire.clone());
            let (interface, up_s, stats) = (view.softwire_interface.clone(), view.softwire_up_s, view.stats);
            self.domains.push(MapDomain { number, wan, softwire, interface, up_s, stats, rules });
        }
        order::sort_by_key(&mut self.domains, |row| row.number);
        let keys: Vec<&str> = tunnels.iter().map(|(view, _)| view.interface.as_str()).collect();
        let numbers = passing.settle("Device.DSLite.InterfaceSetting.", &keys);
        let row = |((view, softwire), number): ((&WanView, &SoftwireView), u32)| Tunnel {
            number,
            aftr: softwire.aftr.as_ref().map(ToString::to_string).unwrap_or_default(),
            address: view.softwire_interface.as_ref().and_then(|name| carriers.get(name)?.remote),
            interface: view.softwire_interface.clone(),
        };
        self.tunnels = tunnels.into_iter().zip(numbers).map(row).collect();
        order::sort_by_key(&mut self.tunnels, |row| row.number);
    }

    fn feed_interfaces(
        &mut self,
        lans: &[LanView],
        carriers: &FlatMap<IfName, Carrier>,
        passing: &mut Numbers,
    ) {
        for at in 0..self.interfaces.len() {
            let name = self.interfaces[at].name.clone();
            let own = |client: &&ClientFacts| client.interface_name() == Some(&name);
            let within = |table: &str| format!("{INTERFACES}{}.{table}.", self.interfaces[at].number);
            let carried = carriers.get(&name).into_iter().flat_map(|carrier| &carrier.addresses);
            let mut v4: Vec<_> = carried.map(|address| (*address, false)).collect();
            for client in self.v4.iter().filter(own) {
                if let Some(Lease::V4(lease)) = client.lease() {
                    v4.push((lease.address, true));
                }
            }
            let keys: Vec<String> = v4.iter().map(|(address, _)| address.to_string()).collect();
            let numbers = passing.settle(&within("IPv4Address"), &keys);
            let mut prefixes = Vec::new();
            let mut addresses = Vec::new();
            for lease in self.v6.iter().filter(own).filter_map(ClientFacts::v6) {
                for given in &lease.prefixes {
                    let left = Left {
                        preferred: soonest(given.preferred, given.valid, given.expires_in),
                        valid: given.expires_in,
                    };
                    prefixes.push((given.prefix, None, left));
                }
                for given in &lease.addresses {
                    let left = Left {
                        preferred: soonest(given.preferred, given.valid, given.expires_in),
                        valid: given.expires_in,
                    };
                    addresses.push((given.address, None, left));
                }
            }
            for part in lans.iter().filter(|lan| lan.interface == name).flat_map(|lan| &lan.prefixes) {
                if part.state != LanStanding::Withdrawn {
                    let left = Left { preferred: part.preferred, valid: part.valid };
                    prefixes.push((part.prefix, Some(part.delegated), left));
                    addresses.push((part.address, Some(part.prefix), left));
                }
            }
            let keys: Vec<String> = prefixes.iter().map(|(prefix, ..)| prefix.to_string()).collect();
            let prefix_numbers = passing.settle(&within("IPv6Prefix"), &keys);
            let keys: Vec<String> = addresses.iter().map(|(address, ..)| address.to_string()).collect();
            let address_numbers = passing.settle(&within("IPv6Address"), &keys);
            let row = &mut self.interfaces[at];
            let row_of = |(number, (address, leased))| V4Address { number, address, leased };
            row.v4 = numbers.into_iter().zip(v4).map(row_of).collect();
            row.prefixes = prefixes
                .into_iter()
                .zip(prefix_numbers)
                .map(|((prefix, parent, left), number)| V6Prefix {
                    number,
                    prefix,
                    parent: parent.map(|parent| parent.to_string()).unwrap_or_default(),
                    left,
                    is_child: parent.is_some(),
                })
                .collect();
            row.v6 = addresses
                .into_iter()
                .zip(address_numbers)
                .filter_map(|((address, within, left), number)| {
                    let IpAddr::V6(v6) = address.address() else { return None };
                    let within = within.map(|within| within.to_string()).unwrap_or_default();
                    Some(V6Address { number, address: v6, leased: within.is_empty(), within, left })
                })
                .collect();
            order::sort_by_key(&mut row.v4, |row| row.number);
            order::sort_by_key(&mut row.v6, |row| row.number);
            order::sort_by_key(&mut row.prefixes, |row| row.number);
        }
        self.refer();
    }

    /// Parents and prefixes are named by their rows.
    fn refer(&mut self) {
        let rows: FlatMap<String, String> = self
            .interfaces
            .iter()
            .flat_map(|interface| {
                let path = |p: &V6Prefix| format!("{INTERFACES}{}.IPv6Prefix.{}", interface.number, p.number);
                interface.prefixes.iter().map(move |p| (p.prefix.to_string(), path(p)))
            })
            .collect();
        let path = |text: &mut String| *text = rows.get(text.as_str()).cloned().unwrap_or_default();
        for interface in &mut self.interfaces {
            interface.prefixes.iter_mut().for_each(|row| path(&mut row.parent));
            interface.v6.iter_mut().for_each(|row| path(&mut row.within));
        }
    }
}

fn numbered(table: &str, routes: Vec<OwnRoute>, passing: &mut Numbers) -> Vec<(u32, OwnRoute)> {
    let key = |route: &OwnRoute| {
        let OwnRoute { to, via, metric, interface } = route;
        format!("{to} {via:?} {metric} {interface:?}")
    };
    let keys: Vec<String> = routes.iter().map(key).collect();
    let mut rows: Vec<_> = passing.settle(table, &keys).into_iter().zip(routes).collect();
    order::sort_by_key(&mut rows, |row| row.0);
    rows
}

/// What is left of the preferred lifetime: as much less as is left of the valid one.
fn soonest(preferred: Option<u32>, valid: Option<u32>, left: Option<u64>) -> Option<u64> {
    let preferred = u64::from(preferred?);
    let passed = valid.map_or(0, |valid| u64::from(valid).saturating_sub(left.unwrap_or_default()));
    Some(preferred.saturating_sub(passed))
}

/// A client without what changes by itself.
fn one(client: &Client, base: Option<&Client>, asked: Option<&Asked>, desired: &mut Desired) -> ClientFacts {
    let mut sent: Given = FlatMap::new();
    let mut requested: Given = FlatMap::new();
    if let Some(asked) = asked {
        let of_others = |(code, (value, who)): (&u16, &(Bytes, String))| {
            (*code, (value.clone(), Owner::Other(who.clone())))
        };
        sent.extend(asked.sent.iter().map(of_others));
    }
    if let Some(base) = base {
        sent.extend(base.send.iter().map(|(code, value)| (*code, (value.clone(), Owner::Files))));
        if let Some(name) = &base.hostname {
            sent.insert(HOST_NAME, (Bytes(name.as_str().as_bytes().to_vec()), Owner::Files));
        }
        requested.extend(base.request.iter().map(|code| (*code, (Bytes::default(), Owner::Files))));
    }
    let program =
        client.program.requests_itself().iter().map(|code| (*code, client.program.name().to_owned()));
    let handlers =
        asked.into_iter().flat_map(|asked| asked.requested.iter().map(|(code, who)| (*code, who.clone())));
    requested
        .extend(program.chain(handlers).map(|(code, who)| (code, (Bytes::default(), Owner::Other(who)))));
    let edits = desired.clients.entry(client.name.clone()).or_default();
    edits.sent.settle(&sent);
    let of_others = requested.iter().filter(|(_, (_, owner))| *owner != Owner::Files).map(|(code, _)| *code);
    let mut all_requested: Vec<u16> = of_others.chain(client.request.iter().copied()).collect();
    order::sort_once(&mut all_requested);
    // Only DHCPv4 has rows for them.
    let requested = if client.protocol == Protocol::V4 {
        edits.requested.settle(&requested);
        edits.requested.views(&requested)
    } else {
        Vec::new()
    };
    ClientFacts {
        number: 0,
        client: client.clone(),
        is_parked: false,
        status: None,
        interface: 0,
        sent: edits.sent.views(&sent),
        requested,
        written_request: edits.values.get("RequestedOptions").cloned(),
        all_requested,
        counters: FlatMap::new(),
        published: Vec::new(),
        received: Vec::new(),
        server: None,
        ias: Vec::new(),
        extras: Vec::new(),
        of_handlers: 0,
    }
}

impl ClientFacts {
    /// The counters since they were reset.
    fn count(&mut self, baseline: Option<&FlatMap<String, u64>>) {
        let Some(status) = &self.status else { return };
        let since = |name: &String, count: &u64| {
            let before = baseline.and_then(|baseline| baseline.get(name)).copied().unwrap_or_default();
            count.saturating_sub(before)
        };
        self.counters =
            status.counters.iter().map(|(name, count)| (name.clone(), since(name, count))).collect();
    }

    /// Rows and parameters of its lease.
    fn read_lease(&mut self, passing: &mut Numbers) {
        self.number_rows(passing);
        self.extras.truncate(self.of_handlers);
        let more = published(self.client.protocol, &self.extras, self.parameters());
        self.extras.extend(more);
    }

    /// Numbers for the rows of its lease.
    fn number_rows(&mut self, passing: &mut Numbers) {
        (self.ias, self.server, self.received) = (Vec::new(), None, Vec::new());
        let table = |table: &str| format!("{}{}.{table}.", clients(self.client.protocol), self.number);
        let published: Vec<&String> = self.parameters().into_iter().flat_map(|all| all.keys()).collect();
        let published = passing.settle(&table("X_DHCPMGR_Published"), &published);
        if let Some(lease) = self.v6() {
            let keys: Vec<String> = lease.ias.iter().map(|ia| format!("{:?} {}", ia.kind, ia.iaid)).collect();
            let ias = passing.settle(&table("X_DHCPMGR_IA"), &keys);
            let server: Vec<&String> = lease.server_duid.iter().collect();
            let server = passing.settle(&table("Server"), &server).first().copied();
            let rows: Vec<(u16, String)> = lease
                .options
                .iter()
                .flat_map(|(code, values)| each(values).map(|value| (*code, value.to_owned())))
                .collect();
            let mut keys: Vec<String> = Vec::with_capacity(rows.len());
            for (code, _) in &rows {
                let copies =
                    keys.iter().filter(|key| key.split(' ').next() == Some(&code.to_string())).count();
                keys.push(format!("{code} {copies}"));
            }
            let numbers = passing.settle(&table("ReceivedOption"), &keys);
            let received = rows.into_iter().zip(numbers).map(|((code, value), number)| (number, code, value));
            let mut received: Vec<_> = received.collect();
            order::sort_by_key(&mut received, |row| row.0);
            (self.ias, self.server, self.received) = (ias, server, received);
        }
        self.published = published;
    }
}
