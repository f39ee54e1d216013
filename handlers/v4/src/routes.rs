//! Which routes of a lease are taken: options 3, 33, 121 and 249, the operator's route policy, and how each
//! gateway is reached. The on-link route of the subnet is the kernel's and comes with the address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_handler_common::notes::{Notes, listed};
use dhcpmgr_plugin_api::message::{Prefix, StaticRoute, V4Report};
use dhcpmgr_plugin_api::{Policy, RoutePlan, RoutePolicy};

use crate::address::{Leased, not_a_destination};

/// Routes of one lease that are taken. A gateway of an access network has a handful.
pub(crate) const MAX_ROUTES: usize = 256;
/// With `no-default`, shorter destinations than this count as a default route in parts (`0.0.0.0/1` and
/// `128.0.0.0/1` together outrank a default route and cover as much; CVE-2024-3661).
const MIN_SPECIFIC_LEN: u8 = 8;

/// The option that a route comes from. They differ in what they may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Option 3: default routes.
    Routers,
    /// Option 33: host routes, never the default one (RFC 2132 section 5.8).
    Static,
    /// Option 121 or 249: anything, also on-link routes (RFC 3442).
    Classless(u8),
}

impl Origin {
    fn option(self) -> u8 {
        match self {
            Self::Routers => 3,
            Self::Static => 33,
            Self::Classless(option) => option,
        }
    }
}

/// A route as offered; `via` `0.0.0.0` is on-link.
#[derive(Debug, Clone, Copy)]
struct Offer {
    to: Prefix,
    via: Ipv4Addr,
    origin: Origin,
}

impl std::fmt::Display for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} via {}", self.to, self.via)
    }
}

/// A route that is taken; without `via` it is on-link.
#[derive(Debug, Clone, Copy)]
struct Taken {
    to: Prefix,
    via: Option<Ipv4Addr>,
}

/// The routes of the lease, on-link ones first, so that they can be added in this order. At most one for each
/// destination.
pub(crate) fn decide(
    report: &V4Report,
    leased: Leased,
    policy: &Policy,
    mtu: Option<u32>,
    notes: &mut Notes,
) -> Vec<RoutePlan> {
    let valid = accept(offers(report, notes), leased, notes);
    let allowed = apply_policy(valid, policy.routes, notes);
    let mut taken = bounded(allowed, notes);
    taken.sort_by_key(|route| route.via.is_some());
    let plan = |route: &Taken| RoutePlan {
        to: route.to,
        via: route.via.map(IpAddr::V4),
        onlink: route.via.is_some_and(|via| !is_on_link(via, leased, &taken)),
        source: Some(IpAddr::V4(leased.address())),
        metric: Some(policy.metric),
        table: None,
        mtu,
    };
    taken.iter().map(plan).collect()
}

/// What the lease offers, after the precedence of RFC 3442: option 121 silences 3 and 33; so does 249, the same
/// option under Microsoft's number, which counts only without 121.
fn offers(report: &V4Report, notes: &mut Notes) -> Vec<Offer> {
    let (option, classless) = if report.classless_routes.is_empty() {
        (249, &report.ms_classless_routes)
    } else {
        (121, &report.classless_routes)
    };
    if classless.is_empty() {
        for option in [121, 249] {
            if report.options.get(&option).is_some_and(|raw| !raw.0.is_empty()) {
                notes.add(format!("option {option} could not be read as routes and is ignored"));
            }
        }
        return classful(report, notes);
    }
    let silenced = [
        (3, report.routers.len()),
        (33, report.static_routes.len()),
        (249, if option == 121 { report.ms_classless_routes.len() } else { 0 }),
    ];
    let silenced: Vec<_> = silenced.iter().filter(|(_, count)| *count > 0).map(|(o, _)| o).collect();
    if !silenced.is_empty() {
        notes.add(format!(
            "option {option} carries the routes of this lease; option {} is ignored (RFC 3442)",
            listed(silenced)
        ));
    }
    if !classless.iter().any(|route| route.to.is_default()) {
        notes.add(format!("option {option} carries no default route, so this lease has none (RFC 3442)"));
    }
    classless.iter().map(|r| Offer { to: r.to, via: r.via, origin: Origin::Classless(option) }).collect()
}

fn classful(report: &V4Report, notes: &mut Notes) -> Vec<Offer> {
    if report.routers.is_empty() {
        notes.add("the lease names no router (option 3), so it has no default route");
    }
    let default = |via: &Ipv4Addr| Offer { to: Prefix::DEFAULT_V4, via: *via, origin: Origin::Routers };
    let host = |r: &StaticRoute| Offer { to: r.to, via: r.via, origin: Origin::Static };
    report.routers.iter().map(default).chain(report.static_routes.iter().map(host)).collect()
}

/// The offers that can be right, each destination once: the server's first word counts.
fn accept(offers: Vec<Offer>, leased: Leased, notes: &mut Notes) -> Vec<Taken> {
    let mut seen = BTreeSet::new();
    let mut taken = Vec::new();
    let mut spare_routers = Vec::new();
    for offer in offers {
        match check(offer, leased, notes) {
            Ok(route) if seen.insert(route.to) => taken.push(route),
            Ok(_) if offer.origin == Origin::Routers => spare_routers.push(offer.via),
            Ok(_) => notes.add(format!(
                "route {offer} (option {}) is ignored: an earlier one has the same destination",
                offer.origin.option()
            )),
            Err(why) => {
                notes.add(format!("route {offer} (option {}) is ignored: {why}", offer.origin.option()))
            }
        }
    }
    if !spare_routers.is_empty() {
        notes.add(format!(
            "only the first router (option 3) becomes a default route; not used: {}",
            listed(spare_routers)
        ));
    }
    taken
}

fn check(offer: Offer, leased: Leased, notes: &mut Notes) -> Result<Taken, String> {
    let Offer { to, via, origin } = offer;
    if let Some(why) = not_a_destination(to) {
        return Err(format!("{} is {why}", to.address()));
    }
    if origin == Origin::Static && (to.is_default() || to.address() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
        return Err("option 33 may not carry a default route (RFC 2132 section 5.8)".to_owned());
    }
    if to.len() == 32 && to.address() == IpAddr::V4(leased.address()) {
        return Err("the destination is the leased address itself".to_owned());
    }
    if via.is_unspecified() && matches!(origin, Origin::Classless(_)) {
        return Ok(Taken { to, via: None });
    }
    if let Some(why) = leased.not_a_router(via) {
        return Err(format!("the router is {why}"));
    }
    if to.len() == 32 && to.address() == IpAddr::V4(via) {
        // What servers write who do not know the on-link form; off the subnet the kernel refuses it as it stands.
        notes.add(format!(
            "route {offer} (option {}) leads to its own router: taken as on-link",
            origin.option()
        ));
        return Ok(Taken { to, via: None });
    }
    Ok(Taken { to, via: Some(via) })
}

/// Drops what the operator does not want servers to decide.
fn apply_policy(routes: Vec<Taken>, policy: RoutePolicy, notes: &mut Notes) -> Vec<Taken> {
    let (word, wanted): (_, fn(&Taken) -> bool) = match policy {
        RoutePolicy::All => return routes,
        RoutePolicy::DefaultOnly => ("default-only", |route| route.to.is_default()),
        RoutePolicy::NoDefault => ("no-default", |route| route.to.len() >= MIN_SPECIFIC_LEN),
        RoutePolicy::None => ("none", |_| false),
    };
    let (kept, dropped): (Vec<_>, Vec<_>) = routes.into_iter().partition(wanted);
    if !dropped.is_empty() {
        notes.add(format!(
            "routes to {} are not taken: the configuration says so (routes = \"{word}\")",
            listed(dropped.iter().map(|route| route.to))
        ));
    }
    kept
}

/// At most [`MAX_ROUTES`]. The default route is never among those left out: without it the lease is of no use.
fn bounded(mut routes: Vec<Taken>, notes: &mut Notes) -> Vec<Taken> {
    let offered = routes.len();
    if offered <= MAX_ROUTES {
        return routes;
    }
    let mut beyond = routes.split_off(MAX_ROUTES);
    if let Some(default) = beyond.iter().position(|route| route.to.is_default()) {
        routes.truncate(MAX_ROUTES - 1);
        routes.push(beyond.swap_remove(default));
    }
    notes.add(format!(
        "the lease carries {offered} routes, at most {MAX_ROUTES} are taken: the {} after them are ignored",
        offered - MAX_ROUTES
    ));
    routes
}

/// Whether the kernel finds the router on the link by itself: it is in the subnet, or in an on-link route that is
/// taken as well.
fn is_on_link(via: Ipv4Addr, leased: Leased, taken: &[Taken]) -> bool {
    let covers =
        |route: &Taken| route.via.is_none() && !route.to.is_default() && route.to.contains(IpAddr::V4(via));
    leased.contains(via) || taken.iter().any(covers)
}
