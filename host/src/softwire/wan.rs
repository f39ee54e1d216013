//! One WAN: its machine, what is to be done for it, and what is told of it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::Softwire;
use tokio::time::Instant;

use super::backend::{self, Carried};
use super::carrier::{Carriage, Carrier};
use super::owner::{Input, Offer, Owner, Step};
use super::view::{OfferView, OwnerChange, WanView};
use crate::clock;
use crate::config::{Order, Provider};
use crate::events::{Change, Event, EventKind, SoftwireView};

/// Changes of the owner that are remembered.
const KEPT: usize = 16;
/// The first and the longest wait before what failed is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What a DHCPv6 lease has for IPv4.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    /// The softwires.
    pub softwires: Vec<Softwire>,
    /// What the ISP says of their order, best first (RFC 8026).
    pub priority: Vec<Provider>,
    /// Metric of the client's routes.
    pub metric: u32,
    /// An address of the lease.
    pub address: Option<Ipv6Addr>,
    /// The lease's name servers.
    pub dns: Vec<IpAddr>,
}

#[derive(Debug)]
pub(super) struct Wan {
    interface: IfName,
    owner: Owner<Rc<Carriage>>,
    order: Order,
    /// The DHCPv6 client, and what its lease has.
    client: Option<ClientName>,
    offered: Offered,
    dhcpv4_metric: Option<u32>,
    pub(super) steps: VecDeque<Step<Rc<Carriage>>>,
    /// Somebody carries the steps out.
    pub(super) working: bool,
    pub(super) carried: Option<Carried>,
    /// The softwire that was said to be up.
    announced: Option<Provider>,
    /// When that was, milliseconds of the time since the boot.
    up_since: u64,
    /// Tries that failed in a row, and when the next one is.
    failures: u32,
    retry_at: Option<Instant>,
    changes: VecDeque<OwnerChange>,
}

impl Wan {
    pub(super) fn new(interface: IfName, order: Order) -> Self {
        Self {
            interface,
            owner: Owner::new(order.clone()),
            order,
            client: None,
            offered: Offered::default(),
            dhcpv4_metric: None,
            steps: VecDeque::new(),
            working: false,
            carried: None,
            announced: None,
            up_since: 0,
            failures: 0,
            retry_at: None,
            changes: VecDeque::new(),
        }
    }

    /// A softwire that an earlier daemon left up.
    pub(super) fn interface(&self) -> &IfName {
        &self.interface
    }

    pub(super) fn found(&mut self, provider: Provider) {
        self.announced = Some(provider);
        self.owner.handle(Input::Found(provider));
    }

    /// The softwire that carries IPv4.
    pub(super) fn softwire(&self) -> Option<Provider> {
        self.owner.owner().filter(|owner| *owner != Provider::Dhcpv4)
    }

    /// By what way DHCPv4 is not needed: `map-t of wan6`.
    pub(super) fn aside(&self) -> Option<String> {
        let provider = self.owner.aside()?;
        Some(
            self.client
                .as_ref()
                .map_or_else(|| provider.to_string(), |client| format!("{provider} of {client}")),
        )
    }

    /// Takes what happened, for this reason, and gives what is to be published of it.
    pub(super) fn tell(&mut self, input: Input<Rc<Carriage>>, why: &str) -> Vec<Event> {
        let before = self.owner.owner();
        self.steps.extend(self.owner.handle(input));
        match (self.owner.waits_for_another_try(), self.retry_at) {
            (true, None) => {
                let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
                self.retry_at = Some(Instant::now() + wait);
                self.failures += 1;
            }
            (false, _) => self.retry_at = None,
            (true, Some(_)) => {}
        }
        self.owner_changed(before, why).into_iter().collect()
    }

    fn owner_changed(&mut self, before: Option<Provider>, why: &str) -> Option<Event> {
        let owner = self.owner.owner();
        let is_softwire = |owner: Option<Provider>| owner.is_some_and(|owner| owner != Provider::Dhcpv4);
        // Where there never was a softwire, the leases of DHCPv4 say it all.
        if owner == before || (self.changes.is_empty() && !is_softwire(owner) && !is_softwire(before)) {
            return None;
        }
        self.changes.truncate(KEPT - 1);
        let reason = why.to_owned();
        self.changes.push_front(OwnerChange { time: clock::timestamp(), owner, before, reason });
        tracing::info!(
            "{}: IPv4 comes over {}, not over {}: {why}",
            self.interface,
            name(owner),
            name(before)
        );
        let fields = [("owner", name(owner)), ("before", name(before))];
        Some(self.event(EventKind::Ipv4Owner, &fields, why.to_owned()))
    }

    /// What the lease has now; nothing of it when there is none.
    pub(super) fn offer(
        &mut self,
        client: &ClientName,
        offered: Offered,
        carrier: &dyn Carrier,
        why: &str,
    ) -> Vec<Event> {
        if self.offered != offered {
            self.failures = 0;
        }
        (self.client, self.offered) = (Some(client.clone()), offered);
        self.weigh(carrier, why)
    }

    pub(super) fn dhcpv4(&mut self, metric: u32, leased: bool, carrier: &dyn Carrier) -> Vec<Event> {
        let mut events = Vec::new();
        if self.dhcpv4_metric != Some(metric) {
            self.dhcpv4_metric = Some(metric);
            events = self.weigh(carrier, "the metric of DHCPv4 has changed");
        }
        let why = if leased { "DHCPv4 has a lease" } else { "DHCPv4 has no lease any more" };
        events.extend(self.tell(Input::Dhcpv4(leased), why));
        events
    }

    /// Looks at what is offered, with what there is to carry it.
    pub(super) fn weigh(&mut self, carrier: &dyn Carrier, why: &str) -> Vec<Event> {
        let Offered { softwires, priority, metric, address, dns } = &self.offered;
        // Before DHCPv4, so that there is no moment in which the two have the same route.
        let metric = match self.dhcpv4_metric.unwrap_or(*metric) {
            0 => 1,
            metric => metric - 1,
        };
        let offer = |softwire: &Softwire| {
            let provider = Provider::of_kind(&softwire.kind)?;
            let barred = carrier.able(softwire).err();
            let wan = backend::Wan {
                interface: self.interface.clone(),
                metric,
                address: *address,
                dns: dns.clone(),
            };
            Some(Offer { provider, with: Rc::new(Carriage { wan, softwire: softwire.clone() }), barred })
        };
        let softwires = softwires.iter().filter_map(offer).collect();
        let priority = priority.clone();
        self.tell(Input::Offered { softwires, priority }, why)
    }

    pub(super) fn reorder(&mut self, order: &Order) -> Vec<Event> {
        if self.order == *order {
            return Vec::new();
        }
        self.order = order.clone();
        self.tell(Input::Order(order.clone()), "the configured order has changed")
    }

    /// When what failed is tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn retry(&mut self) -> Vec<Event> {
        self.retry_at = None;
        self.tell(Input::Retry, "what failed is tried again")
    }

    /// The softwire carries.
    pub(super) fn raised(&mut self, provider: Provider, turn: u64, carried: Carried) -> Vec<Event> {
        let detail = format!("{provider} carries IPv4 over {}, by {}", carried.interface, carried.backend);
        for line in carried.done.iter().chain(&carried.notes) {
            tracing::info!("{}: {line}", self.interface);
        }
        self.carried = Some(carried);
        let mut events = self.tell(Input::Raised { turn, result: Ok(()) }, &detail);
        if self.softwire() == Some(provider) {
            self.failures = 0;
            if self.announced.replace(provider) != Some(provider) {
                self.up_since = clock::boottime_ms();
                let up = self.event(EventKind::SoftwireUp, &[("kind", provider.name())], detail);
                events.insert(0, up);
            }
        }
        events
    }

    /// It could not be raised.
    pub(super) fn not_raised(
        &mut self,
        provider: Provider,
        turn: u64,
        failure: super::owner::Failure,
    ) -> Vec<Event> {
        self.carried = None;
        let why = format!("{provider} could not be raised: {}", failure.why);
        tracing::warn!("{}: {why}", self.interface);
        let mut events =
            vec![self.event(EventKind::SoftwireFailed, &[("kind", provider.name())], why.clone())];
        events.extend(self.said_down(provider, &why));
        events.extend(self.tell(Input::Raised { turn, result: Err(failure) }, &why));
        events
    }

    /// Its interface went, and nobody here took it.
    pub(super) fn broke(&mut self, interface: &IfName) -> Vec<Event> {
        let Some(provider) = self.softwire().filter(|_| !self.working && self.steps.is_empty()) else {
            return Vec::new();
        };
        if self.carried.as_ref().is_none_or(|carried| carried.interface != *interface) {
            return Vec::new();
        }
        let why = format!("interface {interface} of {provider} was removed; it is raised again");
        tracing::warn!("{}: {why}", self.interface);
        let mut events =
            vec![self.event(EventKind::SoftwireFailed, &[("kind", provider.name())], why.clone())];
        events.extend(self.tell(Input::Broke, &why));
        events
    }

    /// It was taken down.
    pub(super) fn lowered(&mut self, provider: Provider, result: Result<Vec<String>, String>) -> Vec<Event> {
        self.carried = None;
        let why = match &result {
            Ok(_) => "it was taken down".to_owned(),
            Err(error) => format!("something of it may be left: {error}"),
        };
        if let Err(error) = &result {
            tracing::error!("{}: {provider}: {error}", self.interface);
        }
        self.said_down(provider, &why).into_iter().collect()
    }

    fn said_down(&mut self, provider: Provider, why: &str) -> Option<Event> {
        self.announced.take_if(|announced| *announced == provider)?;
        let fields = [("kind", provider.name())];
        Some(self.event(EventKind::SoftwireDown, &fields, why.to_owned()))
    }

    fn event(&self, kind: EventKind, fields: &[(&str, &str)], detail: String) -> Event {
        let fields = fields.iter().copied().chain([("interface", self.interface.as_str())]);
        Event {
            client: self.client.clone(),
            changed: vec![Change::Softwire],
            detail: Some(detail),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ..Event::now(kind)
        }
    }

    pub(super) fn view(&self) -> WanView {
        let offered = self
            .owner
            .offers()
            .map(|offer| OfferView { kind: offer.provider, obstacle: self.owner.obstacle(offer) });
        let carried = self.carried.as_ref().filter(|_| self.softwire().is_some());
        let mut offers = self.owner.offers();
        let with = offers.find(|offer| Some(offer.provider) == self.softwire());
        let with = with.map(|offer| SoftwireView::of(&offer.with.softwire));
        WanView {
            stats: None,
            interface: self.interface.clone(),
            owner: self.owner.owner(),
            reason: self.reason(),
            order: self.order.providers().to_vec(),
            client: self.client.clone(),
            softwire_interface: carried.map(|carried| carried.interface.clone()),
            softwire: carried.and(with),
            softwire_up_s: carried.map(|_| clock::boottime_ms().saturating_sub(self.up_since) / 1000),
            backend: carried.map(|carried| carried.backend),
            notes: carried.map(|carried| carried.notes.clone()).unwrap_or_default(),
            offered: offered.collect(),
            changes: self.changes.iter().cloned().collect(),
        }
    }

    fn reason(&self) -> String {
        let first = self.owner.offers().next();
        let obstacle = first.and_then(|offer| Some((offer.provider, self.owner.obstacle(offer)?)));
        let client = self.client.as_ref().map_or("the DHCPv6 lease", ClientName::as_str);
        match (self.owner.owner(), obstacle) {
            (Some(owner), None) if owner != Provider::Dhcpv4 => format!("{client} offers it"),
            (Some(Provider::Dhcpv4), None) => "no softwire is offered".to_owned(),
            (None, None) => "DHCPv4 has no lease, and no softwire is offered".to_owned(),
            (Some(_), Some((provider, why))) => format!("{client} offers {provider}, but {why}"),
            (None, Some((provider, why))) => {
                format!("DHCPv4 has no lease, and {client} offers {provider}, but {why}")
            }
            (Some(_), None) => String::new(),
        }
    }
}

fn name(owner: Option<Provider>) -> &'static str {
    owner.map_or("none", Provider::name)
}
