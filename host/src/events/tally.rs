//! What the events add up to since the daemon started: how often each thing happened to each client, and how long
//! clients were without a lease until they had one.

use dhcpmgr_message::ClientName;

use super::{Event, EventKind};
use crate::flat::FlatMap;
use crate::histogram::{Histogram, Times};

/// Upper bounds of the time to a lease, microseconds: 50 ms to 5 minutes.
const TIME_TO_LEASE_US: [u64; 12] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];

/// Counts events.
#[derive(Debug, Default)]
pub(super) struct Tally {
    clients: FlatMap<ClientName, OfClient>,
    others: FlatMap<EventKind, u64>,
}

#[derive(Debug)]
struct OfClient {
    events: FlatMap<EventKind, u64>,
    time_to_lease: Histogram<{ TIME_TO_LEASE_US.len() }>,
    /// Since when it could get a lease and has none, milliseconds of `CLOCK_BOOTTIME`.
    waits_since: Option<u64>,
}

impl Default for OfClient {
    fn default() -> Self {
        let time_to_lease = Histogram::new(&TIME_TO_LEASE_US);
        Self { events: FlatMap::new(), time_to_lease, waits_since: None }
    }
}

impl Tally {
    /// Counts an event that happens at `now`, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn count(&mut self, event: &Event, now: u64) {
        // Handlers name theirs as they like, and a counter for each name would be without bounds.
        let kind = match &event.event {
            EventKind::Vendor(_) => EventKind::Vendor("vendor".to_owned()),
            known => known.clone(),
        };
        let Some(client) = &event.client else {
            *self.others.entry(kind).or_default() += 1;
            return;
        };
        let client = self.clients.entry(client.clone()).or_default();
        client.time(&kind, now);
        *client.events.entry(kind).or_default() += 1;
    }

    /// A client that is not configured any more is not told of for ever.
    pub(super) fn forget(&mut self, client: &ClientName) {
        self.clients.remove(client);
    }

    pub(super) fn view(&self) -> Counted {
        let clients = self.clients.iter().map(|(name, client)| {
            let counted =
                ClientCounted { events: client.events.clone(), time_to_lease: client.time_to_lease.view() };
            (name.clone(), counted)
        });
        Counted { clients: clients.collect(), others: self.others.clone() }
    }
}

impl OfClient {
    fn time(&mut self, kind: &EventKind, now: u64) {
        match kind {
            EventKind::LeaseLost => self.waits_since = Some(now),
            EventKind::ClientStarted if self.waits_since.is_none() && !self.has_lease() => {
                self.waits_since = Some(now);
            }
            // Nobody gets a lease without a carrier.
            EventKind::LinkChanged if self.waits_since.is_some() => self.waits_since = Some(now),
            EventKind::ClientStopped => self.waits_since = None,
            EventKind::LeaseAcquired => {
                if let Some(since) = self.waits_since.take() {
                    self.time_to_lease.count(now.saturating_sub(since).saturating_mul(1_000));
                }
            }
            _ => {}
        }
    }

    /// A client that is started again may have its lease still; then the time to the next one says nothing.
    fn has_lease(&self) -> bool {
        let count = |kind| self.events.get(&kind).copied().unwrap_or_default();
        count(EventKind::LeaseAcquired) > count(EventKind::LeaseLost)
    }
}

/// What was counted since the daemon started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// What happened to each client.
    pub clients: FlatMap<ClientName, ClientCounted>,
    /// What is about no client in particular.
    pub others: FlatMap<EventKind, u64>,
}

/// What happened to one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCounted {
    /// How often each kind of event happened; those of handlers together as `vendor`.
    pub events: FlatMap<EventKind, u64>,
    /// From being able to get a lease to having one.
    pub time_to_lease: Times,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(tally: &mut Tally, kind: EventKind, now: u64) {
        let client = Some("wan4".parse().unwrap());
        tally.count(&Event { client, ..Event::now(kind) }, now);
    }

    fn of_wan4(tally: &Tally) -> ClientCounted {
        tally.view().clients.into_values().next().unwrap()
    }

    #[test]
    fn the_time_to_a_lease_begins_where_one_could_be_had() {
        let mut tally = Tally::default();
        tell(&mut tally, EventKind::ClientStarted, 1_000);
        tell(&mut tally, EventKind::LinkChanged, 5_000);
        tell(&mut tally, EventKind::LeaseAcquired, 5_200);
        assert_eq!(of_wan4(&tally).time_to_lease.sum_us, 200_000);
        // Its client dies and is started again, and the lease stays.
        tell(&mut tally, EventKind::ClientStarted, 6_000);
        tell(&mut tally, EventKind::LeaseRenewed, 6_300);
        assert_eq!(of_wan4(&tally).time_to_lease.count, 1);
        tell(&mut tally, EventKind::LeaseLost, 10_000);
        tell(&mut tally, EventKind::ClientStarted, 11_000);
        tell(&mut tally, EventKind::LeaseAcquired, 10_000 + 400_000);
        let times = of_wan4(&tally).time_to_lease;
        assert_eq!((times.count, times.sum_us), (2, 400_200_000));
        assert_eq!(times.buckets.last(), Some(&(300_000_000, 1)), "400 s are above all bounds");
    }

    #[test]
    fn a_client_that_was_stopped_does_not_wait() {
        let mut tally = Tally::default();
        tell(&mut tally, EventKind::ClientStarted, 1_000);
        tell(&mut tally, EventKind::ClientStopped, 2_000);
        tell(&mut tally, EventKind::ClientStarted, 900_000);
        tell(&mut tally, EventKind::LeaseAcquired, 900_100);
        assert_eq!(of_wan4(&tally).time_to_lease.sum_us, 100_000);
    }

    #[test]
    fn names_that_handlers_choose_make_no_counters() {
        let mut tally = Tally::default();
        for number in 0..100 {
            tell(&mut tally, EventKind::Vendor(format!("acme-{number}")), 0);
        }
        tally.count(&Event::now(EventKind::ConfigReloaded), 0);
        let events = of_wan4(&tally).events;
        assert_eq!(events.into_iter().collect::<Vec<_>>(), [(EventKind::Vendor("vendor".to_owned()), 100)]);
        assert_eq!(tally.view().others[&EventKind::ConfigReloaded], 1);
        tally.forget(&"wan4".parse().unwrap());
        assert!(tally.view().clients.is_empty());
    }
}
