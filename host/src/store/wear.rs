//! How often flash may be written for a lease that does not settle: two servers that hand a client to and fro, or one
//! that means harm, must not wear it out.

use std::collections::VecDeque;

/// As many writes are made at once, …
const AT_ONCE: usize = 8;
/// … and no more within this time, milliseconds.
const WITHIN_MS: u64 = 3_600_000;

/// The last writes for one client. Nothing waits for its turn: what could not be written is tried again with the next
/// message of the client.
#[derive(Debug, Clone, Default)]
pub struct Wear {
    recent: VecDeque<u64>,
}

impl Wear {
    /// Whether a write may be made at `now`, milliseconds of `CLOCK_BOOTTIME`; it is counted.
    pub fn allows(&mut self, now: u64) -> bool {
        while self.recent.front().is_some_and(|then| now.saturating_sub(*then) >= WITHIN_MS) {
            self.recent.pop_front();
        }
        let allowed = self.recent.len() < AT_ONCE;
        if allowed {
            self.recent.push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_changes_every_15_s_for_a_day_is_written_eight_times_an_hour() {
        let mut wear = Wear::default();
        let day = (0..24 * 240).filter(|turn| wear.allows(turn * 15_000)).count();
        assert_eq!(day, 24 * AT_ONCE);
    }

    #[test]
    fn a_lease_that_changes_now_and_then_is_always_written() {
        let mut wear = Wear::default();
        assert!((0..1000).all(|turn| wear.allows(turn * 450_001)));
    }
}
