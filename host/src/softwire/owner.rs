//! Who carries IPv4 on a WAN: DHCPv4 or one of the softwires. One owner at a time, changed in both directions, and
//! always with a reason. Pure: what is offered in, what is to be done out.
//!
//! A softwire is raised while DHCPv4 still carries, and DHCPv4 stands aside only when it is up. One that is changed, or
//! gives way to another one, keeps DHCPv4 aside meanwhile: who has IPv4 by a softwire does not get a lease for a moment.

use crate::config::{Order, Provider};
use crate::flat::FlatMap;
use crate::order;

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input<T> {
    /// At the start: a softwire that an earlier daemon left up.
    Found(Provider),
    /// All that was there at the start has been told; before this nothing is done.
    Begin,
    /// What the DHCPv6 lease offers now.
    Offered {
        /// The softwires.
        softwires: Vec<Offer<T>>,
        /// What the ISP says of their order, best first (RFC 8026); empty when it does not.
        priority: Vec<Provider>,
    },
    /// Whether the DHCPv4 client holds a lease.
    Dhcpv4(bool),
    /// The order of the configuration.
    Order(Order),
    /// The answer to the [`Step::Raise`] of this turn.
    Raised {
        /// Its turn. Any but the last is too late to count.
        turn: u64,
        /// It is up; or it could not be, and nothing of it is left.
        result: Result<(), Failure>,
    },
    /// What was up is there no more, although nobody took it down.
    Broke,
    /// Time to try again what failed and may pass.
    Retry,
    /// What carries softwires out has changed: all of it is tried again, and what is up is raised anew.
    Renewed,
}

/// A softwire that a lease offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer<T> {
    /// Its kind.
    pub provider: Provider,
    /// What it is made of.
    pub with: T,
    /// Why nothing here could carry it, if so.
    pub barred: Option<String>,
}

/// Why a softwire could not be raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A sentence.
    pub why: String,
    /// It may pass by itself.
    pub passing: bool,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Take the softwire down; routes and addresses of it go.
    Lower(Provider),
    /// Bring the softwire up, or make what is up this one; answers with [`Input::Raised`].
    Raise(Provider, T, u64),
    /// DHCPv4 is not needed: IPv4 comes over this.
    Aside(Provider),
    /// DHCPv4 is needed.
    Resume,
}

/// The softwire that is up or being raised.
#[derive(Debug, Clone)]
struct Current<T> {
    provider: Provider,
    /// Of what it is made; not known of one that was found.
    with: Option<T>,
    up: bool,
    /// Its last [`Step::Raise`].
    turn: u64,
}

/// The owner of IPv4 on one WAN. `T` is what a softwire is made of.
#[derive(Debug, Clone)]
pub(super) struct Owner<T> {
    begun: bool,
    order: Order,
    priority: Vec<Provider>,
    offered: FlatMap<Provider, Offer<T>>,
    leased: bool,
    failed: FlatMap<Provider, Failure>,
    current: Option<Current<T>>,
    turn: u64,
    /// By what DHCPv4 was told to stand aside.
    aside: Option<Provider>,
}

impl<T: Clone + PartialEq> Owner<T> {
    /// Nothing is offered yet, and nothing is done before [`Input::Begin`].
    #[must_use]
    pub(super) fn new(order: Order) -> Self {
        Self {
            begun: false,
            order,
            priority: Vec::new(),
            offered: FlatMap::new(),
            leased: false,
            failed: FlatMap::new(),
            current: None,
            turn: 0,
            aside: None,
        }
    }

    /// Takes what happened and says what is to be done.
    pub(super) fn handle(&mut self, input: Input<T>) -> Vec<Step<T>> {
        match input {
            Input::Found(provider) => {
                self.current = Some(Current { provider, with: None, up: true, turn: self.turn });
            }
            Input::Begin => self.begun = true,
            Input::Offered { softwires, priority } => self.on_offered(softwires, priority),
            Input::Dhcpv4(leased) => self.leased = leased,
            Input::Order(order) => self.order = order,
            Input::Raised { turn, result } => self.on_raised(turn, result),
            Input::Broke => {
                if let Some(current) = self.current.as_mut().filter(|current| current.up) {
                    (current.with, current.up) = (None, false);
                }
            }
            Input::Retry => {
                // Who has IPv4 by another softwire keeps it: the try would cost it.
                if self.current.is_none() {
                    self.failed.retain(|_, failure| !failure.passing);
                }
            }
            Input::Renewed => {
                self.failed.clear();
                if let Some(current) = &mut self.current {
                    current.with = None;
                }
            }
        }
        if self.begun { self.settle() } else { Vec::new() }
    }

    fn on_offered(&mut self, softwires: Vec<Offer<T>>, priority: Vec<Provider>) {
        let mut offered = FlatMap::new();
        for offer in softwires {
            // Of one kind the first is the best.
            offered.entry(offer.provider).or_insert(offer);
        }
        // Offered otherwise it may work.
        let before = &self.offered;
        self.failed.retain(|provider, _| {
            let with = |offers: &FlatMap<_, Offer<T>>| offers.get(provider).map(|offer| offer.with.clone());
            with(&offered).is_some() && with(&offered) == with(before)
        });
        (self.offered, self.priority) = (offered, priority);
    }

    fn on_raised(&mut self, turn: u64, result: Result<(), Failure>) {
        let Some(current) = self.current.as_mut().filter(|current| current.turn == turn) else { return };
        match result {
            Ok(()) => {
                current.up = true;
                self.failed.remove(&current.provider);
            }
            Err(failure) => {
                self.failed.insert(current.provider, failure);
                self.current = None;
            }
        }
    }

    /// What carries IPv4 now.
    #[must_use]
    pub(super) fn owner(&self) -> Option<Provider> {
        match &self.current {
            Some(current) if current.up => Some(current.provider),
            _ => self.leased.then_some(Provider::Dhcpv4),
        }
    }

    /// By what DHCPv4 was told to stand aside.
    #[must_use]
    pub(super) fn aside(&self) -> Option<Provider> {
        self.aside
    }

    /// Whether [`Input::Retry`] would do something now.
    #[must_use]
    pub(super) fn waits_for_another_try(&self) -> bool {
        self.current.is_none() && self.failed.values().any(|failure| failure.passing)
    }

    /// What is offered, best first.
    pub(super) fn offers(&self) -> impl Iterator<Item = &Offer<T>> {
        let ranked = self.ranked();
        let mut offers: Vec<_> = self.offered.values().collect();
        let place = |provider| ranked.iter().position(|ranked| *ranked == provider).unwrap_or(usize::MAX);
        order::sort_by_key(&mut offers, |offer| place(offer.provider));
        offers.into_iter()
    }

    /// Why this one, which is offered, does not carry IPv4: a sentence. `None` when it does.
    #[must_use]
    pub(super) fn obstacle(&self, offer: &Offer<T>) -> Option<String> {
        let provider = offer.provider;
        let owner = self.owner();
        if owner == Some(provider) {
            return None;
        }
        Some(if !self.order.providers().contains(&provider) {
            "it is not in the configured order".to_owned()
        } else if let Some(barred) = &offer.barred {
            barred.clone()
        } else if let Some(failure) = self.failed.get(&provider) {
            format!("it could not be raised: {}", failure.why)
        } else if self.current.as_ref().is_some_and(|current| current.provider == provider) {
            "it is being raised".to_owned()
        } else {
            match owner.or(self.current.as_ref().map(|current| current.provider)) {
                Some(better) => format!("{better} goes before it"),
                None => "nothing is begun yet".to_owned(),
            }
        })
    }

    /// The providers, best first. What stands on one side of DHCPv4 stays there: the ISP orders softwires, and the
    /// operator says when they are used (RFC 8026 section 1.4).
    fn ranked(&self) -> Vec<Provider> {
        let place = |provider: &Provider| {
            self.priority.iter().position(|said| said == provider).unwrap_or(usize::MAX)
        };
        let mut ranked = Vec::new();
        for (index, side) in self.order.providers().split(|p| *p == Provider::Dhcpv4).enumerate() {
            if index > 0 {
                ranked.push(Provider::Dhcpv4);
            }
            let mut side = side.to_vec();
            order::sort_by_key(&mut side, place);
            ranked.extend(side);
        }
        ranked
    }

    /// The softwire that should be up: the first that is offered and can be raised, unless a DHCPv4 lease goes before.
    fn wanted(&self, ranked: &[Provider]) -> Option<(Provider, T)> {
        let usable = |provider: &Provider| {
            let offer = self.offered.get(provider).filter(|offer| offer.barred.is_none())?;
            (!self.failed.contains_key(provider)).then(|| (*provider, offer.with.clone()))
        };
        ranked.iter().take_while(|provider| **provider != Provider::Dhcpv4 || !self.leased).find_map(usable)
    }

    fn settle(&mut self) -> Vec<Step<T>> {
        let mut steps = Vec::new();
        let ranked = self.ranked();
        match (self.current.take(), self.wanted(&ranked)) {
            (Some(now), Some((provider, with))) if now.provider == provider => {
                let same = now.with.as_ref() == Some(&with);
                // What is up stays up while it is changed.
                let turn = if same { now.turn } else { self.raise(&mut steps, provider, &with) };
                self.current = Some(Current { with: Some(with), turn, ..now });
            }
            (now, wanted) => {
                steps.extend(now.map(|now| Step::Lower(now.provider)));
                if let Some((provider, with)) = wanted {
                    let turn = self.raise(&mut steps, provider, &with);
                    self.current = Some(Current { provider, with: Some(with), up: false, turn });
                }
            }
        }
        let before_dhcpv4 = |softwire: Provider| {
            ranked.iter().take_while(|provider| **provider != Provider::Dhcpv4).any(|p| *p == softwire)
        };
        let aside = match &self.current {
            Some(Current { provider, up, .. })
                if before_dhcpv4(*provider) && (*up || self.aside.is_some()) =>
            {
                Some(*provider)
            }
            _ => None,
        };
        if self.aside != aside {
            steps.push(aside.map_or(Step::Resume, Step::Aside));
            self.aside = aside;
        }
        steps
    }

    fn raise(&mut self, steps: &mut Vec<Step<T>>, provider: Provider, with: &T) -> u64 {
        self.turn += 1;
        steps.push(Step::Raise(provider, with.clone(), self.turn));
        self.turn
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod stories;
