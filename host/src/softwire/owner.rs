//! Who carries IPv4 on a WAN: DHCPv4 or one of the softwires. One owner at a time, changed in both directions, and
//! always with a reason. Pure: what is offered in, what is to be done out.

use std::collections::BTreeMap;
use std::fmt;

/// A way to IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Native IPv4.
    Dhcpv4,
    /// RFC 7597
    MapE,
    /// RFC 7599
    MapT,
    /// RFC 7596
    Lw4o6,
    /// RFC 6333
    DsLite,
}

impl Provider {
    /// All of them, in the order that holds where neither operator nor server says otherwise: what costs the ISP least
    /// state first, and DHCPv4 when there is no softwire.
    pub const ALL: [Self; 5] = [Self::MapE, Self::MapT, Self::Lw4o6, Self::DsLite, Self::Dhcpv4];

    /// Its word in the configuration and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dhcpv4 => "dhcpv4",
            Self::MapE => "map-e",
            Self::MapT => "map-t",
            Self::Lw4o6 => "lw4o6",
            Self::DsLite => "ds-lite",
        }
    }

    /// The provider with this word.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// The option that provisions it; what OPTION_S46_PRIORITY names it by (RFC 8026 section 1.4.1).
    #[must_use]
    pub fn option(self) -> Option<u16> {
        match self {
            Self::Dhcpv4 => None,
            Self::MapE => Some(94),
            Self::MapT => Some(95),
            Self::Lw4o6 => Some(96),
            Self::DsLite => Some(64),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the DHCPv4 client of the WAN stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dhcpv4 {
    /// There is none, or it is not subject to the order.
    #[default]
    Absent,
    /// It has no lease.
    Without,
    /// It has a lease.
    Leased,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<T> {
    /// What the DHCPv6 lease offers now.
    Offered {
        /// The softwires.
        softwires: Vec<(Provider, T)>,
        /// What the server says of their order: option codes, best first (RFC 8026); empty when it does not.
        priority: Vec<u16>,
    },
    /// The DHCPv4 client.
    Dhcpv4(Dhcpv4),
    /// The order of the configuration.
    Order(Vec<Provider>),
    /// A softwire that was to be raised is up; or it could not be raised, and nothing of it is left.
    Raised(Provider, Result<(), String>),
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// Take the softwire down; routes and addresses of it go.
    Lower(Provider),
    /// Bring the softwire up, or change it; answers with [`Input::Raised`].
    Raise(Provider, T),
    /// DHCPv4 is not needed: IPv4 comes over this.
    Aside(Provider),
    /// DHCPv4 is needed.
    Resume,
}

/// The owner of IPv4 on one WAN. `T` is what a softwire is made of.
#[derive(Debug, Clone)]
pub struct Owner<T> {
    order: Vec<Provider>,
    priority: Vec<u16>,
    offered: BTreeMap<Provider, T>,
    dhcpv4: Dhcpv4,
    /// What could not be raised as it was offered, and why.
    failed: BTreeMap<Provider, (T, String)>,
    /// The softwire that is up or being raised, as it was offered.
    softwire: Option<(Provider, T, bool)>,
    /// By what DHCPv4 was told to stand aside.
    aside: Option<Provider>,
}

impl<T: Clone + PartialEq> Owner<T> {
    /// Nothing is offered yet.
    #[must_use]
    pub fn new(order: Vec<Provider>) -> Self {
        Self {
            order,
            priority: Vec::new(),
            offered: BTreeMap::new(),
            dhcpv4: Dhcpv4::Absent,
            failed: BTreeMap::new(),
            softwire: None,
            aside: None,
        }
    }

    /// Takes what happened and says what is to be done.
    pub fn handle(&mut self, input: Input<T>) -> Vec<Step<T>> {
        match input {
            Input::Offered { softwires, priority } => {
                self.offered = softwires.into_iter().collect();
                self.priority = priority;
                let offered = &self.offered;
                self.failed.retain(|provider, (with, _)| offered.get(provider) == Some(with));
            }
            Input::Dhcpv4(state) => self.dhcpv4 = state,
            Input::Order(order) => {
                self.order = order;
                self.failed.clear();
            }
            Input::Raised(provider, result) => self.on_raised(provider, result),
        }
        self.settle()
    }

    fn on_raised(&mut self, provider: Provider, result: Result<(), String>) {
        let Some((raised, with, up)) = &mut self.softwire else { return };
        if *raised != provider {
            return;
        }
        match result {
            Ok(()) => *up = true,
            Err(why) => {
                self.failed.insert(provider, (with.clone(), why));
                self.softwire = None;
            }
        }
    }

    /// What carries IPv4 now.
    #[must_use]
    pub fn owner(&self) -> Option<Provider> {
        match (&self.softwire, self.dhcpv4) {
            (Some((provider, _, true)), _) => Some(*provider),
            (_, Dhcpv4::Leased) => Some(Provider::Dhcpv4),
            _ => None,
        }
    }

    /// Why what is offered does not carry IPv4, a sentence each.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let owner = self.owner();
        let waits = self.offered.keys().filter(|provider| Some(**provider) != owner);
        waits
            .map(|provider| match (self.failed.get(provider), owner) {
                (Some((_, why)), _) => format!("{provider} could not be raised: {why}"),
                (None, _) if !self.order.contains(provider) => {
                    format!("{provider} is offered and not in the configured order")
                }
                (None, Some(owner)) => format!("{provider} is offered, and {owner} goes before it"),
                (None, None) => format!("{provider} is being raised"),
            })
            .collect()
    }

    /// The providers, best first: what the server says of softwires goes for the places that softwires have in the
    /// configured order; what it does not name comes after what it names.
    fn ranked(&self) -> Vec<Provider> {
        let place = |provider: &Provider| {
            let code = provider.option();
            self.priority.iter().position(|said| Some(*said) == code).unwrap_or(usize::MAX)
        };
        let mut softwires: Vec<_> = self.order.iter().copied().filter(|p| *p != Provider::Dhcpv4).collect();
        softwires.sort_by_key(place);
        let mut softwires = softwires.into_iter();
        let ranked = self.order.iter().map(|provider| match provider {
            Provider::Dhcpv4 => Some(Provider::Dhcpv4),
            _ => softwires.next(),
        });
        ranked.flatten().collect()
    }

    /// The softwire that should be up: the first that is offered and can be raised, unless a DHCPv4 lease goes before.
    fn wanted(&self, ranked: &[Provider]) -> Option<Provider> {
        let usable = |p: &Provider| self.offered.contains_key(p) && !self.failed.contains_key(p);
        let first = ranked.iter().find(|provider| match provider {
            Provider::Dhcpv4 => self.dhcpv4 == Dhcpv4::Leased,
            softwire => usable(softwire),
        });
        first.copied().filter(|provider| *provider != Provider::Dhcpv4)
    }

    fn settle(&mut self) -> Vec<Step<T>> {
        let mut steps = Vec::new();
        let ranked = self.ranked();
        let wanted =
            self.wanted(&ranked).and_then(|provider| Some((provider, self.offered.get(&provider)?.clone())));
        match (&self.softwire, wanted) {
            (Some((now, with, _)), Some((provider, offered))) if *now == provider => {
                if *with != offered {
                    // What is up stays up while it is changed.
                    let up = self.softwire.as_ref().is_some_and(|(_, _, up)| *up);
                    self.softwire = Some((provider, offered.clone(), up));
                    steps.push(Step::Raise(provider, offered));
                }
            }
            (now, wanted) => {
                steps.extend(now.iter().map(|(provider, ..)| Step::Lower(*provider)));
                self.softwire = wanted.map(|(provider, offered)| {
                    steps.push(Step::Raise(provider, offered.clone()));
                    (provider, offered, false)
                });
            }
        }
        let before_dhcpv4 = |softwire: &Provider| {
            let place = |p: &Provider| ranked.iter().position(|ranked| ranked == p);
            place(&Provider::Dhcpv4).is_some_and(|dhcpv4| place(softwire) < Some(dhcpv4))
        };
        // DHCPv4 goes when the softwire carries, and not before.
        let aside = match &self.softwire {
            Some((provider, _, true)) => Some(*provider).filter(before_dhcpv4),
            _ => None,
        };
        if self.dhcpv4 != Dhcpv4::Absent && self.aside != aside {
            steps.push(aside.map_or(Step::Resume, Step::Aside));
            self.aside = aside;
        }
        steps
    }
}

#[cfg(test)]
mod tests;
