//! What becomes of every LAN when prefixes come, change or go, or when time passes. Pure: no clock, no kernel, no file.

use dhcpmgr_message::{IfName, Prefix};

use super::allocate::{Offer, Refusal, allocate, numbers, takes};
use super::memory::{Given, Memory, Source, State};
use super::space;
use crate::config::{Delegation, Token};
use crate::flat::{FlatMap, FlatSet};
use crate::network::HardwareAddress;
use crate::order;

/// How long a LAN keeps the address of a prefix that is gone, milliseconds (RFC 7084 L-13, RFC 4862 section 5.5.3 e).
pub(super) const TWO_HOURS: u64 = 7_200_000;

/// Prefixes that are gone and still kept for a LAN. A provider that hands out another one every few minutes must not
/// fill the LAN with old ones; who has been told once is told.
const MOST_STALE: usize = 16;

/// What the decision depends on besides the memory.
pub(super) struct World<'a> {
    pub(super) lans: &'a FlatMap<IfName, Delegation>,
    /// In the order of their sources and prefixes; what is over at `now` is passed over.
    pub(super) offers: &'a [Offer],
    /// What an earlier daemon gave out of this source's prefixes may still turn out to be delegated.
    /// (`here`: the LAN has its address.)
    pub(super) awaits: &'a dyn Fn(&Source, bool) -> bool,
    pub(super) hardware: &'a dyn Fn(&IfName) -> Option<HardwareAddress>,
    pub(super) now: u64,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) memory: Memory,
    /// Sorted.
    pub(super) refusals: Vec<Refusal>,
}

/// How often it is decided until nothing changes any more.
const ROUNDS: usize = 8;

/// Decides. What one LAN has to give up may be another's in the next round.
pub(super) fn plan(before: &Memory, world: &World<'_>) -> Plan {
    let mut plan = round(before, world);
    let mut last = before.clone();
    for _ in 1..ROUNDS {
        if plan.memory.has_the_shape_of(&last) {
            break;
        }
        last = plan.memory;
        plan = round(&last, world);
    }
    plan
}

fn round(before: &Memory, world: &World<'_>) -> Plan {
    let offers = alive(world.offers, world.now);
    let mut before = before.clone();
    before.given.retain(|given| world.lans.contains_key(&given.lan));
    let allocation = allocate(world.lans, &offers, &before);
    let mut plan = Plan { refusals: allocation.refusals, ..Plan::default() };
    plan.memory.ids = allocation.ids;
    plan.memory.numbers = numbers(world.lans);
    let mut parts = allocation.parts;
    order::sort_by(&mut parts, |a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    for (lan, index, part) in parts {
        let offer = &offers[index];
        let delegation = &world.lans[&lan];
        let same = offers.iter().filter(|o| o.prefix == offer.prefix && takes(delegation, o));
        let ends = same.map(Ends::of).reduce(Ends::longer).unwrap_or_else(|| Ends::of(offer));
        // A prefix may be part of another one.
        if let Some(known) = plan.memory.given.last_mut().filter(|g| g.lan == lan && g.subnet == part) {
            if let State::Current { preferred_until: preferred, valid_until: valid, .. } = known.state {
                known.state = ends.longer(Ends { preferred, valid }).state(Some(known), world.now);
            }
            continue;
        }
        match address(&before, &lan, part, delegation.token, world) {
            Some(address) => plan.memory.given.push(Given {
                source: offer.source.clone(),
                delegated: offer.prefix,
                subnet: part,
                address,
                state: ends.state(before.find(&lan, part), world.now),
                lan,
            }),
            None => plan.refusals.push(Refusal {
                reason: format!("{lan} has no Ethernet address that token = \"eui64\" could be made of"),
                lan,
                prefix: offer.prefix,
            }),
        }
    }
    keep_what_is_gone(&before, &offers, world, &mut plan.memory);
    plan.memory.sort();
    order::sort(&mut plan.refusals);
    plan
}

/// Offers that are not over; of several of one source and prefix the one that lasts longest.
pub(super) fn alive(offers: &[Offer], now: u64) -> Vec<Offer> {
    let mut alive: Vec<Offer> = Vec::new();
    for offer in offers.iter().filter(|offer| !is_over(offer.valid_until, now)) {
        match alive.iter_mut().find(|known| known.source == offer.source && known.prefix == offer.prefix) {
            Some(known) => {
                known.preferred_until = later(known.preferred_until, offer.preferred_until);
                known.valid_until = later(known.valid_until, offer.valid_until);
                known.exclude = known.exclude.or(offer.exclude);
            }
            None => alive.push(offer.clone()),
        }
    }
    alive
}

fn is_over(until: Option<u64>, now: u64) -> bool {
    until.is_some_and(|end| end <= now)
}

fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.max(b?))
}

/// The ends of the lifetimes of what is delegated.
#[derive(Clone, Copy)]
struct Ends {
    preferred: Option<u64>,
    valid: Option<u64>,
}

impl Ends {
    fn of(offer: &Offer) -> Self {
        Self { preferred: offer.preferred_until, valid: offer.valid_until }
    }

    fn longer(self, other: Self) -> Self {
        Self { preferred: later(self.preferred, other.preferred), valid: later(self.valid, other.valid) }
    }

    /// What a LAN's part is then. `before`: what was known of the same part.
    fn state(self, before: Option<&Given>, now: u64) -> State {
        let mut bound = 0;
        if let Some(State::Current { bound: known, .. } | State::Awaited { bound: known, .. }) =
            before.map(|given| given.state)
        {
            bound = known;
        }
        let preferred = match (self.preferred, self.valid) {
            (Some(preferred), Some(valid)) => Some(preferred.min(valid)),
            (preferred, valid) => preferred.or(valid),
        };
        State::Current {
            preferred_until: preferred,
            valid_until: self.valid,
            preferred: !is_over(preferred, now),
            bound: bound.max(bound_of(self.valid, now)),
        }
    }
}

/// For how long hosts may hold a prefix that would go now: at most two hours, rounded up to a minute, two, four and so
/// on, so that it is the same after each renewal.
fn bound_of(valid_until: Option<u64>, now: u64) -> u64 {
    let Some(end) = valid_until else { return TWO_HOURS };
    let minutes = end.saturating_sub(now).div_ceil(60_000);
    minutes
        .checked_next_power_of_two()
        .map_or(TWO_HOURS, |minutes| minutes.saturating_mul(60_000).min(TWO_HOURS))
}

fn address(
    before: &Memory,
    lan: &IfName,
    part: Prefix,
    token: Token,
    world: &World<'_>,
) -> Option<dhcpmgr_message::InterfaceAddress> {
    // A LAN that is away for a moment takes its Ethernet address with it, and brings it back.
    let hardware = (token == Token::Eui64).then(|| (world.hardware)(lan)).flatten();
    let known = || before.find(lan, part).filter(|_| token == Token::Eui64).map(|given| given.address);
    space::router(part, token, hardware).or_else(known)
}

/// What was given before and is not any more: deprecated for as long as hosts may hold it.
fn keep_what_is_gone(before: &Memory, offers: &[Offer], world: &World<'_>, memory: &mut Memory) {
    let now = world.now;
    let gone = before.given.iter().filter(|given| memory.find(&given.lan, given.subnet).is_none());
    let mut kept: Vec<Given> = Vec::new();
    for given in gone {
        let bounded = |valid_until: Option<u64>| {
            let bound = now.saturating_add(TWO_HOURS);
            State::Stale { valid_until: valid_until.map_or(bound, |end| end.min(bound)) }
        };
        let state = match given.state {
            State::Current { valid_until, .. } => bounded(valid_until),
            State::Awaited { here, .. } if (world.awaits)(&given.source, here) => given.state,
            State::Awaited { bound, .. } => bounded(Some(now.saturating_add(bound))),
            State::Stale { .. } | State::Withdrawn { .. } => given.state,
        };
        let in_use = memory.given.iter().any(|other| space::overlap(other.subnet, given.subnet))
            || offers.iter().filter_map(|o| o.exclude).any(|excluded| space::overlap(excluded, given.subnet));
        let state = match state {
            State::Stale { valid_until } if in_use => State::Withdrawn { told_until: valid_until },
            State::Awaited { bound, .. } if in_use => {
                State::Withdrawn { told_until: now.saturating_add(bound) }
            }
            state => state,
        };
        let ends = match state {
            State::Stale { valid_until } => Some(valid_until),
            State::Withdrawn { told_until } => Some(told_until),
            State::Awaited { .. } | State::Current { .. } => None,
        };
        if !is_over(ends, now) {
            kept.push(Given { state, ..given.clone() });
        }
    }
    cut(&mut kept);
    memory.given.append(&mut kept);
}

/// Those that end last stay.
fn cut(kept: &mut Vec<Given>) {
    let ends = |given: &Given| match given.state {
        State::Stale { valid_until: end } | State::Withdrawn { told_until: end } => end,
        State::Awaited { .. } | State::Current { .. } => u64::MAX,
    };
    order::sort_by_key(kept, |given| std::cmp::Reverse(ends(given)));
    let mut count: FlatMap<IfName, usize> = FlatMap::new();
    kept.retain(|given| {
        let count = count.entry(given.lan.clone()).or_default();
        *count += 1;
        *count <= MOST_STALE
    });
}

/// The next instant at which something ends by itself.
pub(super) fn next(memory: &Memory, offers: &[Offer], now: u64) -> Option<u64> {
    let of = |given: &Given| match given.state {
        State::Current { preferred_until, valid_until, .. } => [preferred_until, valid_until],
        State::Stale { valid_until: end } | State::Withdrawn { told_until: end } => [Some(end), None],
        State::Awaited { .. } => [None, None],
    };
    let given = memory.given.iter().flat_map(of);
    let offers = offers.iter().map(|offer| offer.valid_until);
    given.chain(offers).flatten().filter(|end| *end > now).min()
}

/// The prefixes as a whole: what no LAN has of them must not be forwarded (RFC 7084 WPD-5).
pub(super) fn unreachable(alive: &[Offer]) -> Vec<Prefix> {
    alive.iter().map(|offer| offer.prefix).collect::<FlatSet<_>>().into_iter().collect()
}
