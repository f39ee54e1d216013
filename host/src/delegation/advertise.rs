//! What hosts of a LAN are to hear in router advertisements. Pure; who says it to them is another matter.
//!
//! Lifetimes are those of RFC 9096 section 3.4, and never more than what is left of the prefix (RFC 9096 section 3.3):
//! hosts forget a prefix within 90 minutes of the last word about it.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_message::{DomainName, IfName, Prefix};

use super::allocate::{Offer, takes};
use super::memory::{Given, Memory, Source, State};
use crate::config::{Delegation, RaDns};
use crate::order;

/// `ND_PREFERRED_LIMIT` of RFC 9096 section 4, seconds: preferred lifetimes, and those of router, routes and name servers.
pub(super) const PREFERRED_LIMIT: u32 = 2700;

/// `ND_VALID_LIMIT`, seconds.
pub(super) const VALID_LIMIT: u32 = 5400;

/// In such steps the valid lifetime of a prefix that is gone is announced, seconds: nobody counts it down for us.
const FADING_STEPS: [(u64, u64); 2] = [(600, 300), (0, 30)];

/// When a lifetime ends, as far as hosts are told.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// Later than they are told in any case.
    Far,
    /// Milliseconds of `CLOCK_BOOTTIME`.
    At(u64),
}

impl End {
    fn new(until: Option<u64>, limit: u32, now: u64) -> Self {
        match until {
            Some(end) if end.saturating_sub(now) <= u64::from(limit) * 1000 => Self::At(end),
            _ => Self::Far,
        }
    }

    /// Whole seconds from `now`, at most `limit`.
    pub(super) fn seconds(self, limit: u32, now: u64) -> u32 {
        match self {
            Self::Far => limit,
            // Cut to the limit, so it fits.
            Self::At(end) => (end.saturating_sub(now) / 1000).min(limit.into()) as u32,
        }
    }
}

impl PartialEq for End {
    /// Renewals that say the same differ by the seconds that they are rounded to.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Far, Self::Far) => true,
            (Self::At(a), Self::At(b)) => a.abs_diff(*b) < 2000,
            _ => false,
        }
    }
}

/// A prefix and its lifetimes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdvertisedPrefix {
    pub(super) prefix: Prefix,
    pub(super) lifetimes: Lifetimes,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lifetimes {
    /// In use.
    Current { preferred: End, valid: End },
    /// Not to be used for new connections; seconds of validity.
    Deprecated { valid: u32 },
}

/// What one LAN hears.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advertised {
    pub(super) lan: IfName,
    /// We are a default router: there is a prefix of a provider (RFC 7084 G-4).
    pub(super) is_router: bool,
    pub(super) prefixes: Vec<AdvertisedPrefix>,
    /// Everything behind us (RFC 7084 L-3, RFC 4191): prefixes as a whole; those that went are taken back.
    pub(super) routes: Vec<(Prefix, End)>,
    pub(super) dns: Vec<Ipv6Addr>,
    pub(super) search: Vec<DomainName>,
}

/// What the leases say of name servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) dns: Vec<Ipv6Addr>,
    pub(super) search: Vec<DomainName>,
}

/// What this LAN hears at `now`.
pub(super) fn advertise(
    lan: &IfName,
    delegation: &Delegation,
    memory: &Memory,
    offers: &[Offer],
    (dns, names): (RaDns, Names),
    now: u64,
) -> Advertised {
    let given: Vec<&Given> = memory.of(lan).collect();
    let prefixes = given.iter().filter_map(|given| {
        Some(AdvertisedPrefix { prefix: given.subnet, lifetimes: lifetimes(given, now)? })
    });
    let mut routes: Vec<(Prefix, End)> = Vec::new();
    for offer in offers.iter().filter(|offer| takes(delegation, offer)) {
        if !routes.iter().any(|(prefix, _)| *prefix == offer.prefix) {
            routes.push((offer.prefix, End::new(offer.valid_until, PREFERRED_LIMIT, now)));
        }
    }
    for gone in given.iter().filter(|given| is_gone(given)) {
        if !routes.iter().any(|(prefix, _)| *prefix == gone.delegated) {
            routes.push((gone.delegated, End::At(0)));
        }
    }
    let own = || {
        let mut own: Vec<&&Given> = given.iter().filter(|given| given.is_preferred()).collect();
        // A local one outlasts every provider.
        order::sort_by_key(&mut own, |given| given.source != Source::Ula);
        own.into_iter().find_map(|given| match given.address.address() {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        })
    };
    Advertised {
        lan: lan.clone(),
        is_router: given.iter().any(|given| given.is_current() && given.source != Source::Ula),
        prefixes: prefixes.collect(),
        routes,
        dns: match dns {
            RaDns::None => Vec::new(),
            RaDns::Lease => names.dns,
            RaDns::Router => own().into_iter().collect(),
        },
        search: if dns == RaDns::None { Vec::new() } else { names.search },
    }
}

fn is_gone(given: &Given) -> bool {
    matches!(given.state, State::Stale { .. } | State::Withdrawn { .. })
}

fn lifetimes(given: &Given, now: u64) -> Option<Lifetimes> {
    match given.state {
        State::Current { preferred_until, valid_until, .. } => {
            let preferred = End::new(preferred_until, PREFERRED_LIMIT, now);
            let valid = End::new(valid_until, VALID_LIMIT, now);
            if preferred.seconds(PREFERRED_LIMIT, now) == 0 {
                let left = u64::from(valid.seconds(VALID_LIMIT, now));
                return Some(Lifetimes::Deprecated { valid: faded(left) });
            }
            Some(Lifetimes::Current { preferred, valid })
        }
        State::Stale { valid_until } => {
            Some(Lifetimes::Deprecated { valid: faded(valid_until.saturating_sub(now) / 1000) })
        }
        State::Withdrawn { .. } => Some(Lifetimes::Deprecated { valid: 0 }),
        State::Awaited { .. } => None,
    }
}

/// The step below what is left, so that it stays true until the next one. Seconds.
fn faded(left: u64) -> u32 {
    let step = FADING_STEPS.iter().find(|(above, _)| left > *above).map_or(1, |(_, step)| *step);
    u32::try_from(left.div_ceil(step).saturating_sub(1) * step).unwrap_or(u32::MAX)
}

/// The next instant at which something else is to be said although nothing happened.
pub(super) fn next(memory: &Memory, now: u64) -> Option<u64> {
    let at = |given: &Given| -> [Option<u64>; 2] {
        let fades = |end: u64| {
            let said = u64::from(faded(end.saturating_sub(now) / 1000));
            (said > 0).then(|| end.saturating_sub(said * 1000))
        };
        match given.state {
            State::Current { preferred_until, valid_until, preferred, .. } => {
                let near = |end: Option<u64>, limit: u32| end?.checked_sub(u64::from(limit) * 1000);
                let fading = if preferred { None } else { valid_until.and_then(fades) };
                [near(preferred_until, PREFERRED_LIMIT), fading.or(near(valid_until, VALID_LIMIT))]
            }
            State::Stale { valid_until } => [fades(valid_until), None],
            State::Withdrawn { .. } | State::Awaited { .. } => [None, None],
        }
    };
    memory.given.iter().flat_map(at).flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_is_gone_is_never_announced_for_longer_than_it_has() {
        for left in 0..8000 {
            let said = u64::from(faded(left));
            assert!(said < left.max(1) && left - said <= 300, "{said} of {left} s");
        }
        assert_eq!((faded(7200), faded(6900), faded(600), faded(30)), (6900, 6600, 570, 0));
    }
}
