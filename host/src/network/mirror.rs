//! A copy of what the kernel has, kept up to date by its notifications. It never asks and never acts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use dhcpmgr_message::{IfName, InterfaceAddress};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_REPLACE};

use super::claims::ClaimSet;
use super::decode::Notice;
use super::state::{AddressState, HostView, RouteKey, RouteKind, RouteState, RuleState, TAG, View};
use super::wanted::{HostWanted, Wanted};
use super::{LinkState, effects};

/// What a notification was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// A link came, changed or went.
    Link(IfName, Option<LinkState>),
    /// Addresses, routes or the state of the interface with this index.
    Interface(u32),
    /// The link with this index came up (`IFF_UP`).
    Up(u32),
    /// Rules, or routes that go nowhere.
    Host,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    name: IfName,
    state: LinkState,
}

/// The copy.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    links: BTreeMap<u32, Link>,
    indices: BTreeMap<IfName, u32>,
    addresses: BTreeMap<u32, Vec<AddressState>>,
    /// The paths of each route, in the kernel's order.
    routes: BTreeMap<RouteKey, Vec<RouteState>>,
    /// Where our tag is seen.
    tagged: BTreeSet<(Option<u32>, RouteKey)>,
    rules: Vec<RuleState>,
    /// Addresses that we added: kernels before 5.18 do not keep our tag on them.
    remembered: HashSet<(u32, InterfaceAddress)>,
}

impl Mirror {
    pub(super) fn index(&self, name: &IfName) -> Option<u32> {
        self.indices.get(name).copied()
    }

    pub(super) fn link(&self, name: &IfName) -> Option<&LinkState> {
        self.links.get(&self.index(name)?).map(|link| &link.state)
    }

    pub(super) fn name(&self, index: u32) -> Option<&IfName> {
        self.links.get(&index).map(|link| &link.name)
    }

    pub(super) fn links(&self) -> impl Iterator<Item = (&IfName, &LinkState)> {
        self.links.values().map(|link| (&link.name, &link.state))
    }

    pub(super) fn is_tentative(&self, index: u32, address: IpAddr) -> bool {
        let here = self.addresses.get(&index).into_iter().flatten();
        here.filter(|state| state.address.address() == address).any(|state| state.tentative)
    }

    /// Addresses of an interface that another host on the link has.
    pub(super) fn duplicates(&self, index: u32) -> impl Iterator<Item = InterfaceAddress> {
        let here = self.addresses.get(&index).into_iter().flatten();
        here.filter(|state| state.dad_failed).map(|state| state.address)
    }

    /// Addresses of an interface that are ours, by their tag or because we added them.
    pub(super) fn own_addresses(&self, index: u32) -> impl Iterator<Item = InterfaceAddress> {
        let here = self.addresses.get(&index).into_iter().flatten();
        here.filter(move |state| self.is_tagged(index, state)).map(|state| state.address)
    }

    fn is_tagged(&self, index: u32, state: &AddressState) -> bool {
        state.protocol == TAG || self.remembered.contains(&(index, state.address))
    }

    /// Takes an address for ours although it carries no tag.
    pub(super) fn remember(&mut self, index: u32, address: InterfaceAddress) {
        self.remembered.insert((index, address));
    }

    /// What only the copy knows is taken over from the one before.
    pub(super) fn inherit(&mut self, before: &Self) {
        let alive = |(index, address): &&(u32, InterfaceAddress)| {
            self.addresses.get(index).is_some_and(|all| all.iter().any(|a| a.is(address)))
        };
        self.remembered = before.remembered.iter().filter(alive).copied().collect();
    }

    /// The view of one interface that the planner needs.
    pub(super) fn view(
        &self,
        index: u32,
        wanted: &Wanted,
        original_mtu: Option<u32>,
        claims: &ClaimSet,
    ) -> View {
        let mut view = View { index, original_mtu, ..View::default() };
        if let Some(link) = self.links.get(&index) {
            (view.up, view.mtu) = (link.state.up, link.state.mtu);
        }
        view.addresses = self.addresses.get(&index).cloned().unwrap_or_default();
        for address in &mut view.addresses {
            address.ours = self.is_tagged(index, address) && claims.address(index, &address.address);
        }
        let mut keys: BTreeSet<RouteKey> = wanted.routes.iter().map(|route| route.key).collect();
        keys.extend(self.tagged_keys(Some(index)));
        view.routes = self.with_keys(keys, Some(index), claims);
        view
    }

    /// The view of what belongs to no interface.
    pub(super) fn host_view(&self, wanted: &HostWanted, claims: &ClaimSet) -> HostView {
        let mut keys: BTreeSet<RouteKey> = wanted.routes.iter().map(|route| route.key).collect();
        keys.extend(self.tagged_keys(None));
        let mut rules = self.rules.clone();
        for rule in &mut rules {
            rule.ours = rule.protocol == TAG && claims.rule(&rule.rule);
        }
        HostView { rules, routes: self.with_keys(keys, None, claims) }
    }

    /// Everything, a line each, in an order that does not depend on how it was learnt.
    #[cfg(test)]
    pub(super) fn summary(&self) -> Vec<String> {
        let links = self.links.values().map(|link| format!("{link:?}"));
        let addresses =
            self.addresses.iter().flat_map(|(i, all)| all.iter().map(move |a| format!("{i} {a:?}")));
        let routes = self.routes.values().flatten().map(|route| format!("{route:?}"));
        let rules = self.rules.iter().map(|rule| format!("{rule:?}"));
        let mut all: Vec<_> = links.chain(addresses).chain(routes).chain(rules).collect();
        all.sort();
        all
    }

    /// Every route with our tag.
    pub(super) fn tagged(&self) -> impl Iterator<Item = &RouteState> {
        let of = |(interface, key): &(Option<u32>, RouteKey)| {
            let interface = *interface;
            let here = self.routes.get(key).into_iter().flatten();
            here.filter(move |route| route.protocol == TAG && route.interface == interface)
        };
        self.tagged.iter().flat_map(of)
    }

    fn tagged_keys(&self, index: Option<u32>) -> impl Iterator<Item = RouteKey> {
        let least = RouteKey {
            table: 0,
            to: dhcpmgr_message::Prefix::DEFAULT_V4, // the least of all prefixes
            metric: 0,
        };
        self.tagged.range((index, least)..).take_while(move |(i, _)| *i == index).map(|(_, key)| *key)
    }

    fn with_keys(&self, keys: BTreeSet<RouteKey>, index: Option<u32>, claims: &ClaimSet) -> Vec<RouteState> {
        let mut routes: Vec<_> =
            keys.iter().filter_map(|key| self.routes.get(key)).flatten().cloned().collect();
        for route in &mut routes {
            route.ours = route.protocol == TAG && route.interface == index && claims.route(index, &route.key);
        }
        routes
    }

    /// Takes in what a message of a dump or a notification with these `nlmsg_flags` says.
    pub(super) fn note(&mut self, notice: &Notice, flags: u16, touched: &mut Vec<Touched>) {
        match notice {
            Notice::Link(name, state) => self.new_link(name.clone(), state.clone(), touched),
            Notice::LinkGone(index) => self.lose_link(*index, touched),
            Notice::Address(index, state) => {
                self.new_address(*index, state);
                touched.push(Touched::Interface(*index));
                self.look_for_link_local(*index, touched);
            }
            Notice::AddressGone(index, state) => {
                self.lose_address(*index, state);
                touched.push(Touched::Interface(*index));
                self.look_for_link_local(*index, touched);
            }
            Notice::Route(routes) => {
                touched.extend(routes.iter().map(touched_by_route));
                self.new_route(routes, flags);
            }
            Notice::RouteGone(routes) => {
                for route in routes {
                    touched.push(touched_by_route(route));
                    self.lose_route(route);
                }
            }
            Notice::Rule(rule) => {
                self.rules.retain(|r| r.rule != rule.rule);
                self.rules.push(rule.clone());
                touched.push(Touched::Host);
            }
            Notice::RuleGone(rule) => {
                self.rules.retain(|r| r.rule != rule.rule);
                touched.push(Touched::Host);
            }
        }
    }

    fn new_link(&mut self, name: IfName, mut state: LinkState, touched: &mut Vec<Touched>) {
        let index = state.index;
        state.link_local = self.has_link_local(index);
        let before = self.links.get(&index);
        if before.is_some_and(|link| link.name == name && link.state == state) {
            return; // Most notifications are about something that nobody here looks at.
        }
        let was_up = before.is_some_and(|link| link.state.up);
        let (went_down, came_up) = (was_up && !state.up, !was_up && state.up);
        if let Some(renamed) = before.filter(|link| link.name != name).map(|link| link.name.clone()) {
            self.indices.remove(&renamed);
            touched.push(Touched::Link(renamed, None));
        }
        if went_down {
            // `fib_disable_ip`: all routes through it go, without a word for IPv4. IPv6 addresses go too, and are told.
            self.edit_all(|routes| routes.retain(|route| route.interface != Some(index)));
            if let Some(all) = self.addresses.get_mut(&index) {
                all.retain(|address| !address.dad_failed);
            }
        }
        self.indices.insert(name.clone(), index);
        self.links.insert(index, Link { name: name.clone(), state: state.clone() });
        touched.push(Touched::Link(name, Some(state)));
        touched.push(if came_up { Touched::Up(index) } else { Touched::Interface(index) });
    }

    fn has_link_local(&self, index: u32) -> bool {
        self.addresses.get(&index).is_some_and(|all| all.iter().any(AddressState::is_usable_link_local))
    }

    fn look_for_link_local(&mut self, index: u32, touched: &mut Vec<Touched>) {
        let has = self.has_link_local(index);
        if let Some(link) = self.links.get_mut(&index).filter(|link| link.state.link_local != has) {
            link.state.link_local = has;
            touched.push(Touched::Link(link.name.clone(), Some(link.state.clone())));
        }
    }

    fn lose_link(&mut self, index: u32, touched: &mut Vec<Touched>) {
        let Some(link) = self.links.remove(&index) else { return };
        if self.indices.get(&link.name) == Some(&index) {
            self.indices.remove(&link.name);
            touched.push(Touched::Link(link.name, None));
        }
        self.addresses.remove(&index);
        self.remembered.retain(|(i, _)| *i != index);
        self.edit_all(|routes| routes.retain(|route| route.interface != Some(index)));
        touched.push(Touched::Interface(index));
    }

    fn new_address(&mut self, index: u32, state: &AddressState) {
        let all = self.addresses.entry(index).or_default();
        match all.iter_mut().find(|a| a.is(&state.address)) {
            Some(known) => known.clone_from(state),
            None => all.push(state.clone()),
        }
    }

    fn lose_address(&mut self, index: u32, gone: &AddressState) {
        let all = self.addresses.entry(index).or_default();
        if let Some(known) = all.iter_mut().find(|a| gone.dad_failed && a.is(&gone.address)) {
            // The kernel takes away at once what another host has (`addrconf_dad_stop`). Kept as taken, so that it is
            // not put back only to be taken away again.
            known.dad_failed = true;
            return;
        }
        all.retain(|a| !a.is(&gone.address));
        self.remembered.remove(&(index, gone.address));
        let left = all.clone();
        let address = gone.address.address();
        let elsewhere = self
            .addresses
            .iter()
            .any(|(i, all)| *i != index && all.iter().any(|a| a.address.address() == address));
        self.edit_all(|routes| effects::after_address_loss(routes, index, &left, address, elsewhere));
    }

    fn new_route(&mut self, routes: &[RouteState], flags: u16) {
        for (at, route) in routes.iter().enumerate() {
            let is_v4 = route.key.to.address().is_ipv4();
            self.edit(route.key, |here| {
                if here.iter().any(|r| r.same(route) && r.protocol == route.protocol) {
                    return;
                }
                if flags & NLM_F_REPLACE != 0 && at == 0 {
                    if !is_v4 {
                        // All next hops of a multipath route, or the one path that has none.
                        here.retain(|r| r.kind != route.kind || r.via.is_some() != route.via.is_some());
                    } else if !here.is_empty() {
                        // The kernel replaces the first of the key.
                        here.remove(0);
                    }
                }
                // Without a flag IPv4 puts the new one before the others.
                let front = is_v4 && flags & NLM_F_APPEND == 0;
                here.insert(if front { 0 } else { here.len() }, route.clone());
            });
        }
    }

    fn lose_route(&mut self, route: &RouteState) {
        self.edit(route.key, |here| {
            // The same path may be there twice, by two owners.
            let exact = here.iter().position(|r| r.same(route) && r.protocol == route.protocol);
            if let Some(at) = exact.or_else(|| here.iter().position(|r| r.same_path(route))) {
                here.remove(at);
            }
        });
    }

    /// Changes the routes of one key, and keeps in step where our tag is seen.
    fn edit(&mut self, key: RouteKey, change: impl FnOnce(&mut Vec<RouteState>)) {
        let here = self.routes.entry(key).or_default();
        for route in here.iter().filter(|route| route.protocol == TAG) {
            self.tagged.remove(&(route.interface, key));
        }
        change(here);
        for route in here.iter().filter(|route| route.protocol == TAG) {
            self.tagged.insert((route.interface, key));
        }
        if here.is_empty() {
            self.routes.remove(&key);
        }
    }

    /// Takes routes away wherever they are; rare, so it may look at all of them.
    fn edit_all(&mut self, change: impl Fn(&mut Vec<RouteState>)) {
        let tagged = &mut self.tagged;
        self.routes.retain(|key, here| {
            let before: Vec<_> =
                here.iter().filter(|route| route.protocol == TAG).map(|route| route.interface).collect();
            change(here);
            for interface in before {
                if !here.iter().any(|route| route.protocol == TAG && route.interface == interface) {
                    tagged.remove(&(interface, *key));
                }
            }
            !here.is_empty()
        });
    }
}

fn touched_by_route(route: &RouteState) -> Touched {
    match (route.kind, route.interface) {
        (RouteKind::Unicast, Some(index)) => Touched::Interface(index),
        _ => Touched::Host,
    }
}
