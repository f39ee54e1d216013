//! Health is progress: when the next sign of life of a running client is due.
//!
//! A sign is a message of its hook, or a line that it writes about asking a server. Lines are read only when somebody
//! looks, so [`Health::look_at`] says when to look.

/// What a running client should be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing: it does not run, or there is no link to do it on.
    Nothing,
    /// It looks for a server: it says so at least once in a cycle.
    Searching,
    /// It was told to extend its lease then.
    Renewing {
        /// When, milliseconds of `CLOCK_BOOTTIME`.
        since: u64,
    },
    /// It holds a lease, and asks for more time by itself.
    Holding {
        /// When it first asks, milliseconds of `CLOCK_BOOTTIME`.
        renews_at: u64,
        /// When the lease ends.
        ends_at: u64,
    },
}

/// Within this time before the end of a lease clients have given up already and say so.
const LAST_MS: u64 = 30_000;

/// The signs of life of one process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Health {
    /// The last sign.
    last: u64,
    /// Its absence was noticed.
    noticed: bool,
}

impl Health {
    /// A sign of life, or the beginning of a time in which one is expected.
    pub fn sign(&mut self, now: u64) {
        (self.last, self.noticed) = (now, false);
    }

    /// When the client is stuck if no sign has come by then; `None` when none is expected.
    #[must_use]
    pub fn due(&self, expected: Expectation, stuck_ms: u64) -> Option<u64> {
        if self.noticed {
            return None;
        }
        match expected {
            Expectation::Nothing => None,
            Expectation::Searching => Some(self.last.saturating_add(stuck_ms)),
            Expectation::Renewing { since } => Some(self.last.max(since).saturating_add(stuck_ms)),
            Expectation::Holding { renews_at, ends_at } => {
                // Clients ask again after half of what remains.
                let left = ends_at.saturating_sub(self.last);
                let next = if self.last < renews_at { renews_at } else { self.last + left / 2 };
                let patience = stuck_ms.min(ends_at.saturating_sub(next) / 2);
                (self.last < renews_at || left > LAST_MS).then(|| next.saturating_add(patience))
            }
        }
    }

    /// When to look for lines that it has written: half way, so that an old line is not taken for a new one for long.
    #[must_use]
    pub fn look_at(&self, expected: Expectation, stuck_ms: u64, now: u64) -> Option<u64> {
        let due = self.due(expected, stuck_ms)?;
        let half = self.last.saturating_add(stuck_ms / 2);
        Some(if expected == Expectation::Searching && half > now { half } else { due })
    }

    /// Whether the sign that was due has not come: once for each absence.
    pub fn notice(&mut self, expected: Expectation, stuck_ms: u64, now: u64) -> bool {
        let stuck = self.due(expected, stuck_ms).is_some_and(|due| due <= now);
        self.noticed |= stuck;
        stuck
    }

    /// Whether a sign is missing.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.noticed
    }

    /// How long it has been silent, milliseconds.
    #[must_use]
    pub fn silent_for(&self, now: u64) -> u64 {
        now.saturating_sub(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUCK: u64 = 120_000;

    #[test]
    fn one_that_searches_and_says_nothing_is_noticed_once_until_it_says_something() {
        let mut health = Health::default();
        health.sign(1_000);
        let searching = Expectation::Searching;
        assert_eq!(health.look_at(searching, STUCK, 1_000), Some(61_000));
        assert_eq!(health.look_at(searching, STUCK, 61_000), Some(121_000));
        assert!(!health.notice(searching, STUCK, 120_999));
        assert!(health.notice(searching, STUCK, 121_000));
        assert!(!health.notice(searching, STUCK, 121_001), "said once");
        assert_eq!(health.due(searching, STUCK), None);
        health.sign(200_000);
        assert_eq!(health.due(searching, STUCK), Some(320_000));
        assert_eq!(health.due(Expectation::Nothing, STUCK), None);
    }

    #[test]
    fn a_holder_is_left_alone_until_it_should_have_asked() {
        let mut health = Health::default();
        health.sign(0);
        let holding = Expectation::Holding { renews_at: 1_800_000, ends_at: 3_600_000 };
        assert_eq!(health.due(holding, STUCK), Some(1_920_000));
        // It asked at half time and nobody answered: it asks again after half of what remains.
        health.sign(1_920_000);
        assert_eq!(health.due(holding, STUCK), Some(2_760_000 + STUCK));
        health.sign(3_580_000);
        assert_eq!(health.due(holding, STUCK), None, "it gives up now, and says so");
    }

    #[test]
    fn a_short_lease_is_looked_at_before_it_ends() {
        let mut health = Health::default();
        health.sign(0);
        let holding = Expectation::Holding { renews_at: 15_000, ends_at: 30_000 };
        assert_eq!(health.due(holding, STUCK), Some(22_500));
    }
}
