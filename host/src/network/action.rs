//! One step of a plan, as data and as one line for people.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dhcpmgr_message::{DomainName, InterfaceAddress};
use dhcpmgr_plugin_api::RulePlan;

use crate::config::Sysctl;

use super::state::{MAIN_TABLE, RouteKind, RouteState};

/// What [`Network::apply`](super::Network::apply) did.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// What was done, in order. Empty when everything was as wanted.
    pub actions: Vec<Action>,
    /// How long it took, the kernel's answers and the resolver's file included.
    pub took: Duration,
}

impl Applied {
    /// Whether anything of this kind changed.
    #[must_use]
    pub fn changed(&self, kind: ActionKind) -> bool {
        self.actions.iter().any(|action| action.kind() == kind)
    }
}

/// What an [`Action`] is about: the event mask of what really changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ActionKind {
    /// An address came, went or changed its metric.
    Address,
    /// A route or rule came, went or changed.
    Route,
    /// The MTU of the link.
    Mtu,
    /// Name servers, domain or search list.
    Dns,
    /// Lifetimes of an address, and nothing else.
    Lifetime,
    /// A sysctl of the interface.
    Sysctl,
}

/// One change of the kernel or of the resolver. `Display` is one line without a final full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action(pub(super) Step);

impl Action {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match &self.0 {
            Step::RefreshAddress { what: Refresh::Lifetime, .. } => ActionKind::Lifetime,
            Step::AddAddress(_) | Step::RefreshAddress { .. } | Step::RemoveAddress(_) => ActionKind::Address,
            Step::AddRoute(_)
            | Step::AppendRoute(_)
            | Step::ReplaceRoute(_)
            | Step::RemoveRoute(_)
            | Step::AddRule(_)
            | Step::RemoveRule(_) => ActionKind::Route,
            Step::SetMtu { .. } => ActionKind::Mtu,
            Step::SetSysctl { .. } => ActionKind::Sysctl,
            Step::NameServers { .. } => ActionKind::Dns,
        }
    }

    pub(super) fn takes_over(&self) -> bool {
        matches!(self.0, Step::RefreshAddress { what: Refresh::Owner, .. })
    }

    pub(super) fn adds_route(&self) -> bool {
        matches!(self.0, Step::AddRoute(_) | Step::AppendRoute(_))
    }
}

/// The steps. Replace is always preferred to remove-and-add; see the planner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    AddAddress(AddressSetting),
    /// The address is there; it is set anew, in place.
    RefreshAddress {
        to: AddressSetting,
        what: Refresh,
    },
    RemoveAddress(InterfaceAddress),
    /// No route has this key.
    AddRoute(RouteState),
    /// Somebody else's route has this key; ours goes behind it.
    AppendRoute(RouteState),
    /// Our own route, and only that one, has this key.
    ReplaceRoute(RouteState),
    RemoveRoute(RouteState),
    SetMtu {
        mtu: u32,
        restored: bool,
    },
    SetSysctl {
        sysctl: Sysctl,
        value: u8,
        restored: bool,
    },
    AddRule(RulePlan),
    RemoveRule(RulePlan),
    NameServers {
        servers: Vec<IpAddr>,
        search: Vec<DomainName>,
    },
}

/// What of an address that is there is set anew, besides its lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// Nothing.
    Lifetime,
    /// Its metric.
    Metric,
    /// Its owner: somebody else had put it there.
    Owner,
}

/// What an address is set to, in the kernel's own units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressSetting {
    pub(super) address: InterfaceAddress,
    pub(super) broadcast: Option<Ipv4Addr>,
    /// Seconds, `None` for ever.
    pub(super) preferred: Option<u32>,
    /// Seconds with the margin, `None` for ever.
    pub(super) valid: Option<u32>,
    /// Seconds that the lease really has, for people.
    pub(super) lease: Option<u32>,
    pub(super) metric: u32,
    /// `IFA_PROTO`; our tag, or what a foreign address already carries.
    pub(super) protocol: u8,
    /// `IFA_F_NOPREFIXROUTE`: of every IPv6 address of ours, or what a foreign one already has.
    pub(super) no_prefix_route: bool,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Step::AddAddress(to) => write!(f, "address {} added, {}", to.address, Lasting(to.lease)),
            Step::RefreshAddress { to, what: Refresh::Lifetime } => {
                write!(f, "address {} {}", to.address, Lasting(to.lease))
            }
            Step::RefreshAddress { to, what: Refresh::Metric } => {
                write!(f, "address {} metric {}, {}", to.address, to.metric, Lasting(to.lease))
            }
            Step::RefreshAddress { to, what: Refresh::Owner } => {
                write!(f, "address {} taken over, {}", to.address, Lasting(to.lease))
            }
            Step::RemoveAddress(address) => write!(f, "address {address} removed"),
            Step::AddRoute(route) => write!(f, "{} added", Line(route)),
            Step::AppendRoute(route) => write!(f, "{} added behind another with this metric", Line(route)),
            Step::ReplaceRoute(route) => write!(f, "{} replaced", Line(route)),
            Step::RemoveRoute(route) => write!(f, "{} removed", Line(route)),
            Step::SetMtu { mtu, restored: false } => write!(f, "mtu {mtu} set"),
            Step::SetMtu { mtu, restored: true } => write!(f, "mtu {mtu} restored"),
            Step::SetSysctl { sysctl, value, restored } => {
                write!(f, "sysctl {} {value} {}", sysctl.name(), if *restored { "restored" } else { "set" })
            }
            Step::AddRule(rule) => write!(f, "{} added", RuleLine(rule)),
            Step::RemoveRule(rule) => write!(f, "{} removed", RuleLine(rule)),
            Step::NameServers { servers, search } if servers.is_empty() && search.is_empty() => {
                f.write_str("name servers removed")
            }
            Step::NameServers { servers, search } => {
                f.write_str("name servers")?;
                servers.iter().try_for_each(|server| write!(f, " {server}"))?;
                if !search.is_empty() {
                    f.write_str(" search")?;
                    search.iter().try_for_each(|domain| write!(f, " {domain}"))?;
                }
                Ok(())
            }
        }
    }
}

struct Lasting(Option<u32>);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "lifetime {seconds} s"),
            None => f.write_str("lifetime for ever"),
        }
    }
}

struct Line<'a>(&'a RouteState);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.0;
        f.write_str(if route.kind == RouteKind::Unreachable { "unreachable route " } else { "route " })?;
        if route.key.to.is_default() {
            f.write_str("default")?;
        } else {
            write!(f, "{}", route.key.to)?;
        }
        if let Some(via) = route.via {
            write!(f, " via {via}")?;
        }
        if route.onlink {
            f.write_str(" onlink")?;
        }
        if let Some(source) = route.source {
            write!(f, " source {source}")?;
        }
        write!(f, " metric {}", route.key.metric)?;
        if let Some(mtu) = route.mtu {
            write!(f, " mtu {mtu}")?;
        }
        if route.key.table != MAIN_TABLE {
            write!(f, " table {}", route.key.table)?;
        }
        Ok(())
    }
}

struct RuleLine<'a>(&'a RulePlan);

impl fmt::Display for RuleLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} from {} table {}", self.0.priority, self.0.from, self.0.table)
    }
}
