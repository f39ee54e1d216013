//! What happened between two looks, told in its turn: a lease that was another one again before anybody looked at the tree
//! is shown once more, from the event that told of it. Only what its client has is; rows elsewhere that leases feed are
//! told as they stand when all is looked at.

use std::sync::Arc;

use dhcpmgr_message::ClientName;

use super::live::Facts;
use super::numbers::Numbers;
use super::watchers::Watchers;
use crate::events::{Event, EventKind, Lease};

/// Tells of every lease that another one of the same client followed. The facts, which were gathered before the last of
/// the events came, show the last lease of each client afterwards.
pub fn replay(watchers: &mut Watchers, facts: &mut Facts, passing: &mut Numbers, events: &[Arc<Event>]) {
    for (at, event) in events.iter().enumerate() {
        let Some((client, lease)) = lease(event) else { continue };
        let Some(place) = facts.show(client, lease.cloned(), passing) else { continue };
        let later = events.get(at + 1..).unwrap_or_default().iter();
        if later.filter_map(|event| self::lease(event)).any(|(other, _)| other == client) {
            watchers.look_below(&place, facts, &event.time);
        }
    }
}

/// Whose lease an event tells, and which: none is left after one is lost; about any other event without a lease nothing
/// is known.
fn lease(event: &Event) -> Option<(&ClientName, Option<&Lease>)> {
    let told = event.lease.is_some() || event.event == EventKind::LeaseLost;
    Some((event.client.as_ref().filter(|_| told)?, event.lease.as_ref()))
}
