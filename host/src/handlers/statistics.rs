//! What one handler's calls cost: counters, and a small memory of the last durations.

use std::time::Duration;

/// How many of the last calls the percentile is taken of.
const KEPT: usize = 256;

/// The counters of one handler.
#[derive(Debug, Clone, Default)]
pub(super) struct Statistics {
    /// Calls made.
    pub(super) calls: u64,
    /// Calls that gave no plan.
    pub(super) failures: u64,
    recent_us: Vec<u32>,
    next: usize,
}

impl Statistics {
    /// Counts one call.
    pub(super) fn record(&mut self, took: Duration, failed: bool) {
        self.calls += 1;
        self.failures += u64::from(failed);
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        if self.recent_us.len() < KEPT {
            self.recent_us.push(took);
        } else {
            self.recent_us[self.next] = took;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// The 99th percentile of the last calls in microseconds, by nearest rank; 0 before the first.
    #[must_use]
    pub(super) fn p99_us(&self) -> u64 {
        let mut sorted = self.recent_us.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(durations: impl IntoIterator<Item = u64>) -> Statistics {
        let mut statistics = Statistics::default();
        for us in durations {
            statistics.record(Duration::from_micros(us), false);
        }
        statistics
    }

    #[test]
    fn the_percentile_is_the_nearest_rank() {
        assert_eq!(after([]).p99_us(), 0);
        assert_eq!(after([7]).p99_us(), 7);
        assert_eq!(after(1..=100).p99_us(), 99);
        assert_eq!(after(1..=200).p99_us(), 198);
    }

    #[test]
    fn only_the_last_calls_count_but_all_are_counted() {
        let slow_then_fast = after(std::iter::repeat_n(1_000_000, 300).chain(std::iter::repeat_n(5, 256)));
        assert_eq!(slow_then_fast.p99_us(), 5);
        assert_eq!(slow_then_fast.calls, 556);
        assert_eq!(slow_then_fast.failures, 0);
    }
}
