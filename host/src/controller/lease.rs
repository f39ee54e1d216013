//! A lease in force: what the plan of the handlers makes of it, how it is shown, and what differs from the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{Bytes, LeaseMessage, Lifetime, V4Report};
use dhcpmgr_plugin_api::{Plan, RoutePlan};

use super::machine::Held;
use crate::config::Client;
use crate::control::views::{LeaseV4, RouteView};
use crate::events::Change;
use crate::network::{Desired, DesiredAddress};

/// Options whose change is a change of vendor data.
const VENDOR_OPTIONS: [u8; 4] = [43, 60, 124, 125];
/// Options that say how long, or what kind of message it was.
const LIFETIME_OPTIONS: [u8; 4] = [51, 53, 58, 59];
/// Options whose effect is compared where it shows: in addresses, routes, name servers, MTU.
const EFFECT_OPTIONS: [u8; 12] = [1, 3, 6, 12, 15, 26, 28, 33, 42, 54, 119, 121];

/// A lease in force.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lease {
    /// What the machine needs of it.
    pub held: Held,
    /// How it is shown; `expires_in` is filled in when it is.
    view: LeaseV4,
    /// What the kernel and the resolver should hold.
    pub desired: Desired,
}

impl Lease {
    /// The lease that a message and the handlers' plan for it make; an error when the plan makes none.
    pub(super) fn build(client: &Client, message: &LeaseMessage, plan: Plan) -> Result<Self, String> {
        let report = message.v4.as_ref().ok_or("the message carries no DHCPv4 values")?;
        let until = |lifetime: Lifetime| end(message.at_ms, client.program.held_for(lifetime));
        let addresses: Vec<DesiredAddress> = plan
            .addresses
            .iter()
            .map(|a| DesiredAddress {
                address: a.address,
                broadcast: a.broadcast,
                preferred_until: until(a.preferred),
                valid_until: until(a.valid),
            })
            .collect();
        let (first, address) = addresses
            .iter()
            .find_map(|a| if let IpAddr::V4(v4) = a.address.address() { Some((a, v4)) } else { None })
            .ok_or("no handler made an address of it; is [handlers.v4] configured and healthy?")?;
        let renews_at = first.valid_until.map(|ends| client.program.renews_at(message.at_ms, ends));
        let held = Held { address, valid_until: first.valid_until, renews_at };
        let view = view(report, first, &plan);
        let desired = Desired {
            routes: plan.routes.into_iter().map(|route| complete(route, client, address)).collect(),
            rules: plan.rules,
            metric: client.metric,
            mtu: plan.mtu.map(|mtu| mtu.0),
            dns: plan.dns,
            domain: plan.domain,
            search: plan.search,
            addresses,
            ..Desired::of(client.interface.clone())
        };
        Ok(Self { held, view, desired })
    }

    /// The server that gave it.
    #[must_use]
    pub(super) fn server(&self) -> Option<Ipv4Addr> {
        self.view.server
    }

    /// The lease as `dhcpmgr lease --json` shows it at `now`, milliseconds of `CLOCK_BOOTTIME`.
    #[must_use]
    pub(super) fn shown(&self, now: u64) -> LeaseV4 {
        let expires_in = self.held.valid_until.map(|end| end.saturating_sub(now).div_ceil(1000));
        LeaseV4 { expires_in, ..self.view.clone() }
    }

    /// What differs from the lease before, or from none.
    #[must_use]
    pub(super) fn changes_from(&self, before: Option<&Self>) -> Vec<Change> {
        let new = &self.view;
        let Some(old) = before.map(|lease| &lease.view) else {
            let present = [
                (Change::Address, true),
                (Change::Route, !new.routes.is_empty()),
                (Change::Dns, !new.dns.is_empty() || !new.search.is_empty() || new.domain.is_some()),
                (Change::Mtu, new.mtu.is_some()),
                (Change::Lifetime, true),
                (Change::Vendor, VENDOR_OPTIONS.iter().any(|code| new.options.contains_key(code))),
                (Change::Meta, true),
            ];
            return present.into_iter().filter_map(|(change, is)| is.then_some(change)).collect();
        };
        let options = differing(&old.options, &new.options);
        let meta = |code: &u8| {
            !VENDOR_OPTIONS.contains(code)
                && !LIFETIME_OPTIONS.contains(code)
                && !EFFECT_OPTIONS.contains(code)
        };
        let different = [
            (Change::Address, old.address != new.address),
            (Change::Route, old.routes != new.routes),
            (Change::Dns, (&old.dns, &old.domain, &old.search) != (&new.dns, &new.domain, &new.search)),
            (Change::Mtu, old.mtu != new.mtu),
            (Change::Lifetime, self.held.valid_until != before.and_then(|lease| lease.held.valid_until)),
            (Change::Vendor, options.iter().any(|code| VENDOR_OPTIONS.contains(code))),
            (
                Change::Meta,
                (&old.server, &old.ntp, &old.hostname) != (&new.server, &new.ntp, &new.hostname)
                    || old.parameters != new.parameters
                        && !options.iter().any(|code| VENDOR_OPTIONS.contains(code))
                    || options.iter().any(meta),
            ),
        ];
        different.into_iter().filter_map(|(change, is)| is.then_some(change)).collect()
    }
}

/// The instant at which a lifetime that began at `from` ends.
fn end(from: u64, lifetime: Lifetime) -> Option<u64> {
    lifetime.seconds().map(|seconds| from + u64::from(seconds) * 1000)
}

fn complete(route: RoutePlan, client: &Client, address: Ipv4Addr) -> RoutePlan {
    RoutePlan {
        metric: route.metric.or(Some(client.metric)),
        source: route.source.or(Some(IpAddr::V4(address))),
        ..route
    }
}

fn view(report: &V4Report, first: &DesiredAddress, plan: &Plan) -> LeaseV4 {
    let defaults = plan.routes.iter().filter(|route| route.to.is_default());
    let hex = |(code, value): (&u8, &Bytes)| (*code, value.to_hex());
    let seconds = |lifetime: Option<Lifetime>| lifetime.and_then(Lifetime::seconds);
    LeaseV4 {
        address: first.address,
        routers: defaults.filter_map(|route| route.via).collect(),
        routes: plan.routes.iter().map(|route| RouteView { to: route.to, via: route.via }).collect(),
        dns: plan.dns.clone(),
        domain: plan.domain.as_ref().map(ToString::to_string),
        search: plan.search.iter().map(ToString::to_string).collect(),
        ntp: plan.ntp.clone(),
        mtu: plan.mtu.map(|mtu| mtu.0).or_else(|| plan.routes.iter().find_map(|route| route.mtu)),
        server: report.server,
        lease_time: seconds(report.lease_time),
        t1: seconds(report.t1),
        t2: seconds(report.t2),
        expires_in: None,
        hostname: plan.hostname.as_ref().map(ToString::to_string),
        parameters: plan.parameters.clone(),
        options: report.options.iter().map(hex).collect(),
    }
}

/// The keys whose values differ.
fn differing(old: &BTreeMap<u8, String>, new: &BTreeMap<u8, String>) -> BTreeSet<u8> {
    old.keys().chain(new.keys()).filter(|code| old.get(code) != new.get(code)).copied().collect()
}
