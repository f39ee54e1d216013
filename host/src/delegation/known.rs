//! Everything that is known, and what follows from it. Pure: instants come from outside, and what is to be done is a value.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_message::{ClientName, IfName, Prefix};

use super::advertise::{self, Advertised, Names};
use super::allocate::{Offer, Refusal};
use super::desired::{LOOPBACK, desired};
use super::memory::{Memory, Source, State};
use super::planner::{self, World};
use super::record::{Moment, Record};
use super::view::{LanPrefix, LanView};
use super::{Delegated, Handed, news};
use crate::config::{Lans, RaBackend, Token};
use crate::events::Event;
use crate::flat::{FlatMap, FlatSet};
use crate::network::{Desired, HardwareAddress};
use crate::order;

/// How long after a reboot a prefix that a LAN had is waited for, milliseconds. Providers hand out the same one again
/// more often than not, and a LAN that is told otherwise meanwhile flaps for nothing.
const PATIENCE: u64 = 120_000;

/// Prefixes of one client that are used. A server may send any number.
const MOST_PREFIXES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) lans: Lans,
    pub(super) ula: Option<Prefix>,
    clients: FlatMap<ClientName, Handed>,
    pub(super) memory: Memory,
    refusals: Vec<Refusal>,
    /// Every controller has told what it found.
    pub(super) settled: bool,
    /// After a reboot: until when a prefix that is not there yet is waited for.
    patience_until: u64,
    /// Clients that have another prefix than before: the old one is not waited for.
    answered: FlatSet<ClientName>,
}

/// What is to be so from now on, and what happened.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) events: Vec<Event>,
    pub(super) desired: FlatMap<IfName, Desired>,
    pub(super) advertised: Vec<Advertised>,
}

impl Known {
    /// What an earlier daemon left.
    pub(super) fn restore(kept: Option<Record>, now: Moment) -> Self {
        Self { memory: kept.map(|record| record.restore(now)).unwrap_or_default(), ..Self::default() }
    }

    pub(super) fn hand(&mut self, client: &ClientName, handed: Handed) {
        let source = Source::Client(client.clone());
        let awaited = self
            .memory
            .given
            .iter()
            .filter(|given| given.source == source && matches!(given.state, State::Awaited { .. }));
        let is_back = |prefix: Prefix| handed.prefixes.iter().any(|delegated| delegated.prefix == prefix);
        // Nothing at all may be a lease that has come by half, and so may one of several that were there before.
        if !handed.prefixes.is_empty() && !awaited.map(|given| given.delegated).any(is_back) {
            self.answered.insert(client.clone());
        }
        if handed.prefixes.len() > MOST_PREFIXES {
            let count = handed.prefixes.len();
            tracing::warn!("{client} has {count} prefixes; LANs get parts of {MOST_PREFIXES} of them");
        }
        if handed == Handed::default() {
            self.clients.remove(client);
        } else {
            self.clients.insert(client.clone(), handed);
        }
    }

    pub(super) fn settle(&mut self, now: u64) {
        self.settled = true;
        self.patience_until = now.saturating_add(PATIENCE);
    }

    /// Decides what is so at `now`.
    pub(super) fn decide(
        &mut self,
        now: u64,
        hardware: &dyn Fn(&IfName) -> Option<HardwareAddress>,
    ) -> Decision {
        let offers = self.offers();
        let world = World {
            lans: &self.lans.delegations,
            offers: &offers,
            awaits: &|source, here| self.awaits(source, here, now),
            hardware,
            now,
        };
        let plan = planner::plan(&self.memory, &world);
        let mut events = news::news(&self.memory, &plan.memory, &offers, now);
        events.extend(news::refused(&self.refusals, &plan.refusals, &offers));
        (self.memory, self.refusals) = (plan.memory, plan.refusals);
        let alive = planner::alive(&offers, now);
        let told = self.lans.router_advertisements.backend != RaBackend::None;
        let lans = self.lans.delegations.iter().filter(|_| told);
        let advertised = lans.map(|(lan, delegation)| {
            let names = (self.lans.router_advertisements.dns, self.names(&delegation.from));
            advertise::advertise(lan, delegation, &self.memory, &alive, names, now)
        });
        let advertised = advertised.collect();
        Decision { events, desired: desired(&self.memory, planner::unreachable(&alive)), advertised }
    }

    /// Whether the Ethernet address of this link makes a difference.
    pub(super) fn depends_on(&self, name: &IfName) -> bool {
        self.lans.delegations.get(name).is_some_and(|lan| lan.token == Token::Eui64)
    }

    /// Interfaces that something of ours may be on.
    pub(super) fn interfaces(&self) -> Vec<IfName> {
        let remembered = self.memory.given.iter().map(|given| &given.lan);
        let all: FlatSet<IfName> = self.lans.delegations.keys().chain(remembered).cloned().collect();
        all.into_iter().chain(LOOPBACK.parse()).collect()
    }

    /// When something is to be done although nothing happens.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        let awaited = self.memory.given.iter().any(|given| matches!(given.state, State::Awaited { .. }));
        let patience = (awaited && self.settled).then_some(self.patience_until).filter(|at| *at > now);
        let ends = planner::next(&self.memory, &self.offers(), now);
        [patience, ends].into_iter().flatten().min()
    }

    pub(super) fn views(&self, now: u64) -> Vec<LanView> {
        let view = |lan: &IfName| LanView {
            interface: lan.clone(),
            prefixes: self.memory.of(lan).map(|given| LanPrefix::of(given, now)).collect(),
            refused: self.refusals.iter().filter(|r| r.lan == *lan).map(|r| r.reason.clone()).collect(),
        };
        self.lans.delegations.keys().map(view).collect()
    }

    fn awaits(&self, source: &Source, here: bool, now: u64) -> bool {
        match source {
            Source::Ula => false,
            Source::Client(name) if self.answered.contains(name) => false,
            Source::Client(_) => !self.settled || (!here && now < self.patience_until),
        }
    }

    /// Everything that can be handed out, in a fixed order.
    fn offers(&self) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        for (client, handed) in &self.clients {
            let mut prefixes: Vec<&Delegated> =
                handed.prefixes.iter().filter(|d| is_usable(d.prefix)).collect();
            order::sort_by_key(&mut prefixes, |delegated| delegated.prefix);
            offers.extend(prefixes.into_iter().take(MOST_PREFIXES).map(|delegated| Offer {
                source: Source::Client(client.clone()),
                prefix: delegated.prefix,
                exclude: delegated.exclude,
                iaid: delegated.iaid,
                preferred_until: delegated.preferred_until,
                valid_until: delegated.valid_until,
            }));
        }
        offers.extend(self.ula.map(|prefix| Offer {
            source: Source::Ula,
            prefix,
            exclude: None,
            iaid: None,
            preferred_until: None,
            valid_until: None,
        }));
        offers
    }

    /// What the leases of these clients say of name servers, each once.
    fn names(&self, from: &[ClientName]) -> Names {
        let mut names = Names::default();
        for handed in from.iter().filter_map(|client| self.clients.get(client)) {
            let dns: Vec<Ipv6Addr> = handed.dns.iter().filter(|a| !names.dns.contains(a)).copied().collect();
            let search: Vec<_> =
                handed.search.iter().filter(|d| !names.search.contains(d)).cloned().collect();
            names.dns.extend(dns);
            names.search.extend(search);
        }
        names
    }
}

/// A prefix that can be handed out: global or unique local unicast (RFC 4291 section 2.4), and not everything.
fn is_usable(prefix: Prefix) -> bool {
    let IpAddr::V6(address) = prefix.address() else { return false };
    let global = address.segments()[0] & 0xe000 == 0x2000 && prefix.len() >= 3;
    let local = address.segments()[0] & 0xfe00 == 0xfc00 && prefix.len() >= 7;
    global || local
}
