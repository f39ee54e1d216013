//! What happened to LANs, as events for everybody who cares: `prefix-assigned`, `prefix-deprecated`, `prefix-removed`,
//! `prefix-refused`, each with the names and both lifetimes that odhcpd or dnsmasq are told.

use std::collections::BTreeMap;

use super::allocate::{Offer, Refusal};
use super::memory::{Given, Memory, Source, State};
use crate::events::{Change, Event, EventKind};

/// The events of the way from one state to the next, in the order new, old, refused.
pub(super) fn news(before: &Memory, after: &Memory, offers: &[Offer], now: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for given in after.given.iter().filter(|given| given.is_current()) {
        let known = before.find(&given.lan, given.subnet);
        let had = known.is_some_and(|known| {
            matches!(known.state, State::Current { .. } | State::Awaited { here: true, .. })
                && known.address == given.address
        });
        let again = known.is_some_and(|known| known.is_current() && !known.is_preferred());
        if !had || (again && given.is_preferred()) {
            let what = format!("{} is given {}", given.lan, given.address);
            events.push(event(EventKind::PrefixAssigned, given, offers, now, what));
        }
    }
    for known in &before.given {
        let given = after.find(&known.lan, known.subnet);
        let could_be_used = known.is_preferred() || matches!(known.state, State::Awaited { .. });
        let waits = given.is_some_and(|given| matches!(given.state, State::Awaited { .. }));
        match given {
            Some(given) if could_be_used && !given.is_preferred() && !waits => {
                let what = format!(
                    "{} is to use {} no more for new connections, and not at all after {} s",
                    given.lan,
                    given.subnet,
                    seconds(lifetimes(given, now).1)
                );
                events.push(event(EventKind::PrefixDeprecated, given, offers, now, what));
            }
            Some(given) if !known.is_held() || given.is_held() => {}
            _ => {
                let what = format!("{} has {} no more", known.lan, known.address);
                let gone = Given { state: State::Withdrawn { told_until: now }, ..known.clone() };
                events.push(event(EventKind::PrefixRemoved, &gone, offers, now, what));
            }
        }
    }
    events
}

/// An event for each refusal that is new.
pub(super) fn refused(before: &[Refusal], after: &[Refusal], offers: &[Offer]) -> Vec<Event> {
    let new = after.iter().filter(|refusal| !before.contains(refusal));
    let event = |refusal: &Refusal| {
        let offer = offers.iter().find(|offer| offer.prefix == refusal.prefix);
        Event {
            client: offer.and_then(|offer| client(&offer.source)),
            detail: Some(format!("{} gets nothing of {}: {}", refusal.lan, refusal.prefix, refusal.reason)),
            fields: BTreeMap::from([
                ("lan".to_owned(), refusal.lan.to_string()),
                ("delegated".to_owned(), refusal.prefix.to_string()),
            ]),
            ..Event::now(EventKind::PrefixRefused)
        }
    };
    new.map(event).collect()
}

/// What is left of the preferred and of the valid lifetime, milliseconds; `None` for ever.
pub(super) fn lifetimes(given: &Given, now: u64) -> (Option<u64>, Option<u64>) {
    let left = |end: Option<u64>| end.map(|end| end.saturating_sub(now));
    match given.state {
        State::Current { preferred_until, valid_until, .. } => (left(preferred_until), left(valid_until)),
        State::Stale { valid_until } => (Some(0), left(Some(valid_until))),
        State::Awaited { .. } | State::Withdrawn { .. } => (Some(0), Some(0)),
    }
}

pub(super) fn seconds(left: Option<u64>) -> String {
    left.map_or_else(|| "infinity".to_owned(), |ms| (ms / 1000).to_string())
}

fn client(source: &Source) -> Option<dhcpmgr_message::ClientName> {
    match source {
        Source::Client(name) => Some(name.clone()),
        Source::Ula => None,
    }
}

fn event(kind: EventKind, given: &Given, offers: &[Offer], now: u64, detail: String) -> Event {
    let (preferred, valid) = lifetimes(given, now);
    let mut fields = BTreeMap::from([
        ("lan".to_owned(), given.lan.to_string()),
        ("prefix".to_owned(), given.subnet.to_string()),
        ("delegated".to_owned(), given.delegated.to_string()),
        ("address".to_owned(), given.address.to_string()),
        ("preferred".to_owned(), seconds(preferred)),
        ("valid".to_owned(), seconds(valid)),
    ]);
    let offer = offers.iter().find(|o| o.source == given.source && o.prefix == given.delegated);
    if let Some(iaid) = offer.and_then(|offer| offer.iaid) {
        fields.insert("iaid".to_owned(), iaid.to_string());
    }
    Event {
        client: client(&given.source),
        changed: vec![Change::Prefix],
        detail: Some(detail),
        fields,
        ..Event::now(kind)
    }
}
