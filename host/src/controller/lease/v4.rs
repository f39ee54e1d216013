//! A DHCPv4 lease: one address, and what came with it.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{LeaseMessage, Lifetime, V4Report};
use dhcpmgr_plugin_api::{Plan, RoutePlan};

use super::{Lease, is_different};
use crate::config::Client;
use crate::controller::ledger::{Ledger, end};
use crate::controller::machine::Held;
use crate::events::{self, Change, LeaseV4, RouteView};
use crate::network::DesiredAddress;
use crate::softwire::Offered;

/// Options whose change is a change of vendor data: vendor and user class, what vendors say, PacketCable (RFC 3495).
const VENDOR_OPTIONS: [u8; 6] = [43, 60, 77, 122, 124, 125];
/// Options that say how long, or what kind of message it was.
const LIFETIME_OPTIONS: [u8; 4] = [51, 53, 58, 59];
/// Options whose effect is compared where it shows: in addresses, routes, name servers, MTU.
const EFFECT_OPTIONS: [u8; 12] = [1, 3, 6, 12, 15, 26, 28, 33, 42, 54, 119, 121];

pub(super) fn build(client: &Client, message: &LeaseMessage, plan: Plan) -> Result<Lease, String> {
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
    let held = Held { address: Some(address), valid_until: first.valid_until, renews_at };
    let view = events::Lease::V4(Box::new(view(report, first, &plan)));
    let mut desired = super::desired(client, plan, addresses);
    for route in &mut desired.routes {
        complete(route, client, address);
    }
    Ok(Lease {
        held,
        view,
        desired,
        delegated: Vec::new(),
        ledger: Ledger::default(),
        emitted: Vec::new(),
        offered: Offered::default(),
    })
}

fn complete(route: &mut RoutePlan, client: &Client, address: Ipv4Addr) {
    route.metric.get_or_insert(client.metric);
    route.source.get_or_insert(IpAddr::V4(address));
}

fn view(report: &V4Report, first: &DesiredAddress, plan: &Plan) -> LeaseV4 {
    let defaults = plan.routes.iter().filter(|route| route.to.is_default());
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
        options: report.options.iter().map(|(code, value)| (*code, value.to_hex())).collect(),
    }
}

/// What a first lease brings.
pub(super) fn present(new: &LeaseV4) -> Vec<Change> {
    is_different([
        (Change::Address, true),
        (Change::Route, !new.routes.is_empty()),
        (Change::Dns, !new.dns.is_empty() || !new.search.is_empty() || new.domain.is_some()),
        (Change::Mtu, new.mtu.is_some()),
        (Change::Lifetime, true),
        (Change::Vendor, VENDOR_OPTIONS.iter().any(|code| new.options.contains_key(code))),
        (Change::Meta, true),
    ])
}

/// What differs besides the lifetime.
pub(super) fn changes(old: &LeaseV4, new: &LeaseV4) -> Vec<Change> {
    let options = super::differing(&old.options, &new.options);
    let parameters = super::parameter_change(&old.parameters, &new.parameters);
    let vendor =
        parameters == Some(Change::Vendor) || options.iter().any(|code| VENDOR_OPTIONS.contains(code));
    let meta = |code: &u8| {
        !VENDOR_OPTIONS.contains(code) && !LIFETIME_OPTIONS.contains(code) && !EFFECT_OPTIONS.contains(code)
    };
    is_different([
        (Change::Address, old.address != new.address),
        (Change::Route, old.routes != new.routes),
        (Change::Dns, (&old.dns, &old.domain, &old.search) != (&new.dns, &new.domain, &new.search)),
        (Change::Mtu, old.mtu != new.mtu),
        (Change::Vendor, vendor),
        (
            Change::Meta,
            (&old.server, &old.ntp, &old.hostname) != (&new.server, &new.ntp, &new.hostname)
                || parameters == Some(Change::Meta)
                || options.iter().any(meta),
        ),
    ])
}
