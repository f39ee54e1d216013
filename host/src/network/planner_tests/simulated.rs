//! A small kernel of one interface: it does what Linux does with each step, refusals included.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{InterfaceAddress, Prefix};
use proptest::prelude::*;

use crate::network::action::{Action, Step};
use crate::network::effects;
use crate::network::planner::{LIFETIME_MARGIN, plan};
use crate::network::state::{AddressState, MAIN_TABLE, RouteKey, RouteKind, RouteState, TAG, View};
use crate::network::wanted::{Wanted, WantedAddress};

const NOW: u64 = 1_000_000;
const HERE: u32 = 2;
const THERE: u32 = 3;

/// Carries a step out; refuses what Linux refuses.
fn carry_out(kernel: &mut View, action: &Action, promotes: bool) -> Result<(), String> {
    match &action.0 {
        Step::AddAddress(to) | Step::RefreshAddress { to, .. } => {
            let until = |seconds: Option<u32>| seconds.map(|s| NOW + u64::from(s) * 1000);
            if to.preferred.unwrap_or(u32::MAX) > to.valid.unwrap_or(u32::MAX) {
                return Err("preferred beyond valid".to_owned());
            }
            let secondary = effects::becomes_secondary(&kernel.addresses, &to.address);
            match kernel.addresses.iter_mut().find(|a| a.is(&to.address)) {
                // Neither prefix length nor broadcast address are changed in place.
                Some(known) => {
                    (known.preferred_until, known.valid_until) = (until(to.preferred), until(to.valid));
                    (known.metric, known.protocol) = (to.metric, to.protocol);
                    known.ours = to.protocol == TAG;
                }
                None => kernel.addresses.push(AddressState {
                    address: to.address,
                    broadcast: to.broadcast,
                    preferred_until: until(to.preferred),
                    valid_until: until(to.valid),
                    metric: to.metric,
                    protocol: to.protocol,
                    secondary,
                    tentative: false,
                    dad_failed: false,
                    no_prefix_route: to.no_prefix_route,
                    ours: to.protocol == TAG,
                }),
            }
        }
        Step::RemoveAddress(gone) => {
            if !kernel.addresses.iter().any(|a| a.is(gone)) {
                return Err("no such address".to_owned());
            }
            effects::remove_address(kernel, gone, promotes);
        }
        Step::AddRoute(to) | Step::AppendRoute(to) | Step::ReplaceRoute(to) => {
            if !kernel.up {
                return Err("network is down".to_owned());
            }
            if to.source.is_some_and(|s| !kernel.addresses.iter().any(|a| a.address.address() == s)) {
                return Err("prefers a source that is no address of ours".to_owned());
            }
            let first = kernel.routes.iter().position(|r| r.key == to.key);
            match (&action.0, first) {
                (Step::AddRoute(_), Some(_)) => return Err("file exists".to_owned()),
                (Step::ReplaceRoute(_), Some(first)) => {
                    kernel.routes.remove(first);
                    kernel.routes.insert(first, to.clone());
                }
                _ if kernel.routes.iter().any(|r| r.same(to) && r.protocol == TAG) => {
                    return Err("file exists".to_owned());
                }
                _ => kernel.routes.push(to.clone()),
            }
        }
        Step::RemoveRoute(gone) => {
            let ours = |r: &RouteState| r.same(gone) && r.protocol == TAG;
            let at = kernel.routes.iter().position(ours).ok_or("no such route")?;
            kernel.routes.remove(at);
        }
        Step::SetMtu { mtu, .. } => kernel.mtu = *mtu,
        Step::SetSysctl { sysctl, value, .. } => {
            kernel.sysctls.insert(*sysctl, *value);
        }
        Step::AddRule(_) | Step::RemoveRule(_) | Step::NameServers { .. } => {}
    }
    Ok(())
}

fn address() -> impl Strategy<Value = InterfaceAddress> {
    // Few values, so that they meet.
    prop_oneof![
        (0..3_u8, 1..5_u8, prop_oneof![Just(24_u8), Just(25), Just(32)]).prop_map(|(net, host, len)| {
            InterfaceAddress::new(Ipv4Addr::new(192, 0, net, host).into(), len).unwrap()
        }),
        (1..4_u16, prop_oneof![Just(64_u8), Just(128)]).prop_map(|(host, len)| {
            let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host);
            InterfaceAddress::new(address.into(), len).unwrap()
        }),
    ]
}

fn end() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (20_u64..4000).prop_map(|s| Some(NOW + s * 1000))]
}

prop_compose! {
    fn present_address()(
        address in address(), end in end(), metric in prop_oneof![Just(0_u32), Just(100)], ours: bool,
        broadcast in prop_oneof![3 => Just(None), 1 => Just(Some(Ipv4Addr::new(192, 0, 0, 255)))],
    ) -> AddressState {
        AddressState {
            address, metric, ours,
            broadcast: broadcast.filter(|_| address.address().is_ipv4()),
            preferred_until: end, valid_until: end,
            protocol: if ours { TAG } else { 0 }, secondary: false, tentative: false, dad_failed: false,
            no_prefix_route: ours && address.address().is_ipv6(),
        }
    }
}

prop_compose! {
    fn wanted_address()(
        address in address(), end in end(), metric in prop_oneof![Just(0_u32), Just(100)],
        broadcast in prop_oneof![3 => Just(None), 1 => Just(Some(Ipv4Addr::new(192, 0, 0, 255)))],
        takes_over: bool,
    ) -> WantedAddress {
        WantedAddress {
            address, takes_over,
            metric: if address.address().is_ipv4() { metric } else { 0 },
            broadcast: broadcast.filter(|_| address.address().is_ipv4()),
            preferred_until: end, valid_until: end,
        }
    }
}

prop_compose! {
    fn some_route()(
        to in prop_oneof![Just("0.0.0.0/0"), Just("10.0.0.0/8"), Just("2001:db8:9::/48")],
        via in prop_oneof![Just(None), (1..3_u8).prop_map(Some)],
        metric in prop_oneof![Just(100_u32), Just(200)],
        mtu in prop_oneof![3 => Just(None), 1 => Just(Some(1280_u32))],
        interface in prop_oneof![3 => Just(HERE), 1 => Just(THERE)],
        ours: bool,
    ) -> RouteState {
        let to: Prefix = to.parse().unwrap();
        let via = via.map(|host| match to.address() {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::new(192, 0, 0, 200 + host)),
            IpAddr::V6(_) => std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, u16::from(host)).into(),
        });
        let ours = ours && interface == HERE;
        RouteState {
            key: RouteKey { table: MAIN_TABLE, to, metric },
            kind: RouteKind::Unicast, interface: Some(interface),
            via, onlink: false, source: None, mtu,
            protocol: if ours { TAG } else { 4 }, ours,
        }
    }
}

/// A kernel that could be: no address and no path twice, secondaries marked, sources that are addresses.
fn kernel(addresses: Vec<AddressState>, routes: Vec<RouteState>, up: bool, sources: &[usize]) -> View {
    let mut view = View { index: HERE, up, mtu: 1500, ..View::default() };
    for mut address in addresses {
        if !view.addresses.iter().any(|a| a.is(&address.address)) {
            address.secondary = effects::becomes_secondary(&view.addresses, &address.address);
            view.addresses.push(address);
        }
    }
    for (mut route, pick) in routes.into_iter().zip(sources) {
        route.source = source_for(&route, view.addresses.iter().map(|a| a.address), *pick);
        if up && !view.routes.iter().any(|r| r.same_path(&route)) {
            view.routes.push(route);
        }
    }
    view
}

fn source_for(
    route: &RouteState,
    addresses: impl Iterator<Item = InterfaceAddress>,
    pick: usize,
) -> Option<IpAddr> {
    let fitting: Vec<IpAddr> =
        addresses.map(|a| a.address()).filter(|a| a.is_ipv4() == route.key.to.address().is_ipv4()).collect();
    // One in two has none.
    if pick.is_multiple_of(2) { None } else { fitting.get(pick / 2 % fitting.len().max(1)).copied() }
}

fn wish(
    addresses: Vec<WantedAddress>,
    routes: Vec<RouteState>,
    mtu: Option<u32>,
    sources: &[usize],
) -> Wanted {
    let mut wanted = Wanted { mtu, ..Wanted::default() };
    for address in addresses {
        let same = |a: &WantedAddress| {
            a.address.address() == address.address.address()
                && (a.address.address().is_ipv6() || a.address == address.address)
        };
        if !wanted.addresses.iter().any(same) {
            wanted.addresses.push(address);
        }
    }
    for (mut route, pick) in routes.into_iter().zip(sources) {
        (route.interface, route.ours, route.protocol) = (Some(HERE), true, TAG);
        route.source = source_for(&route, wanted.addresses.iter().map(|a| a.address), *pick);
        if !wanted.routes.iter().any(|r| r.key == route.key) {
            wanted.routes.push(route);
        }
    }
    wanted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_leads_to_what_is_wanted_and_touches_nothing_foreign(
        present in prop::collection::vec(present_address(), 0..5),
        present_routes in prop::collection::vec(some_route(), 0..5),
        addresses in prop::collection::vec(wanted_address(), 0..4),
        routes in prop::collection::vec(some_route(), 0..4),
        mtu in prop_oneof![Just(None), Just(Some(1400_u32)), Just(Some(1500))],
        sources in prop::collection::vec(0..20_usize, 10),
        promotes: bool,
        up in prop::bool::weighted(0.9),
    ) {
        let before = kernel(present, present_routes, up, &sources[..5]);
        let wanted = wish(addresses, routes, mtu, &sources[5..]);
        let first = plan(&before, &wanted, NOW, promotes);
        let mut after = before.clone();
        for action in &first.actions {
            if let Err(refusal) = carry_out(&mut after, action, promotes) {
                prop_assert!(false, "{action}: {refusal}\nplan {:#?}", first.actions);
            }
        }

        let second = plan(&after, &wanted, NOW, promotes);
        prop_assert!(second.actions.is_empty(), "again {:?}\nfirst {:?}", second.actions, first.actions);

        // Everything wanted is there (an IPv6 address or a route only on a link that is up).
        for w in wanted.addresses.iter().filter(|w| up || w.address.address().is_ipv4()) {
            let there = after.addresses.iter().find(|a| a.is(&w.address));
            prop_assert!(there.is_some(), "{} is missing", w.address);
            prop_assert!(there.is_some_and(|a| a.ours) || !w.takes_over, "{} is not taken over", w.address);
            let valid = w.valid_until.map(|end| end + u64::from(LIFETIME_MARGIN) * 1000);
            let off = match (there.and_then(|a| a.valid_until), valid) {
                (Some(a), Some(b)) => a.abs_diff(b),
                (a, b) => if a == b { 0 } else { u64::MAX },
            };
            prop_assert!(off < 2000, "{} ends {off} ms off", w.address);
        }
        if up {
            for w in &wanted.routes {
                prop_assert!(after.routes.iter().any(|r| r.same(w) || (!r.ours && r.same_path(w))), "{w:?} is missing");
            }
        }
        // Nothing of ours is there that is not wanted.
        for a in after.addresses.iter().filter(|a| a.ours) {
            prop_assert!(wanted.addresses.iter().any(|w| a.is(&w.address)), "{} is left", a.address);
        }
        for r in after.routes.iter().filter(|r| r.ours) {
            prop_assert!(wanted.routes.iter().any(|w| w.same(r)), "{r:?} is left");
        }
        // What is foreign and not to be taken over is as it was, but for what a kernel without promotion takes along.
        let never_takes = promotes || !before.addresses.iter().any(|a| a.secondary);
        let taken_over = |a: &AddressState| wanted.addresses.iter().any(|w| w.takes_over && a.is(&w.address));
        for a in before.addresses.iter().filter(|a| !a.ours && never_takes && !taken_over(a)) {
            let there = after.addresses.iter().find(|b| b.is(&a.address));
            prop_assert!(there.is_some_and(|b| !b.ours && b.metric == a.metric), "foreign {} was touched", a.address);
        }
        let loses_addresses = before.addresses.iter().any(|a| !after.addresses.iter().any(|b| b.is(&a.address)))
            || first.actions.iter().any(|a| matches!(a.0, Step::RemoveAddress(_)));
        for r in before.routes.iter().filter(|r| !r.ours && (r.interface != Some(HERE) || !loses_addresses)) {
            let sourced = r.source.is_some() && loses_addresses;
            prop_assert!(sourced || after.routes.contains(r), "foreign {r:?} was touched");
        }
    }
}
