//! What one handler's calls cost: counters, a histogram for each hook, and a small memory of the last durations.

use std::time::Duration;

use dhcpmgr_plugin_api::Hook;
use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;
use crate::histogram::Histogram;
use crate::order;

/// How many of the last calls the percentile is taken of.
const KEPT: usize = 256;

/// Upper bounds of the histograms' buckets, microseconds; the last bucket is for what took longer.
pub const HISTOGRAM_US: [u64; 12] =
    [25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 50_000, 250_000, 1_000_000, 10_000_000];

/// The counters of one hook of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatus {
    /// The hook.
    pub hook: Hook,
    /// Calls made.
    pub calls: u64,
    /// Calls that gave no answer, or none that could be used.
    pub failures: u64,
    /// Calls that took longer than their deadline; of a worker these are failures too.
    pub late: u64,
    /// What all calls took together, microseconds.
    pub total_us: u64,
    /// How many calls took at most as long as each of [`HISTOGRAM_US`] and longer than the one before; the last number
    /// is for those that took longer than all.
    pub histogram: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Counters {
    failures: u64,
    late: u64,
    times: Histogram<{ HISTOGRAM_US.len() }>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { failures: 0, late: 0, times: Histogram::new(&HISTOGRAM_US) }
    }
}

/// The counters of one handler.
#[derive(Debug, Clone, Default)]
pub(super) struct Statistics {
    hooks: FlatMap<Hook, Counters>,
    recent_us: Vec<u32>,
    next: usize,
}

impl Statistics {
    /// Counts one call.
    pub(super) fn record(&mut self, hook: Hook, took: Duration, deadline: Duration, failed: bool) {
        let late = took >= deadline;
        let us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let counters = self.hooks.entry(hook).or_default();
        counters.failures += u64::from(failed);
        counters.late += u64::from(late);
        counters.times.count(us.into());
        if self.recent_us.len() < KEPT {
            self.recent_us.push(us);
        } else {
            self.recent_us[self.next] = us;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// Calls made, at all hooks.
    pub(super) fn calls(&self) -> u64 {
        self.hooks.values().map(|counters| counters.times.total()).sum()
    }

    /// Calls that gave no answer, at all hooks.
    pub(super) fn failures(&self) -> u64 {
        self.hooks.values().map(|counters| counters.failures).sum()
    }

    /// The counters of the hooks that were called.
    pub(super) fn hooks(&self) -> Vec<HookStatus> {
        let shown = |(hook, counters): (&Hook, &Counters)| HookStatus {
            hook: *hook,
            calls: counters.times.total(),
            failures: counters.failures,
            late: counters.late,
            total_us: counters.times.sum_us(),
            histogram: counters.times.buckets(),
        };
        self.hooks.iter().map(shown).collect()
    }

    /// The 99th percentile of the last calls in microseconds, by nearest rank; 0 before the first.
    #[must_use]
    pub(super) fn p99_us(&self) -> u64 {
        let mut sorted = self.recent_us.clone();
        order::sort(&mut sorted);
        let rank = (sorted.len() * 99).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(2);

    fn after(durations: impl IntoIterator<Item = u64>) -> Statistics {
        let mut statistics = Statistics::default();
        for us in durations {
            statistics.record(Hook::Lease, Duration::from_micros(us), DEADLINE, false);
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
        assert_eq!(slow_then_fast.calls(), 556);
        assert_eq!(slow_then_fast.failures(), 0);
    }

    #[test]
    fn each_hook_is_counted_by_itself_and_each_call_once() {
        let mut statistics = after([1, 25, 26, 20_000_000]);
        statistics.record(Hook::Event, Duration::from_micros(60), Duration::from_micros(50), true);
        let [lease, event] = &statistics.hooks()[..] else { panic!("two hooks") };
        assert_eq!((lease.hook, lease.calls, lease.failures, lease.late), (Hook::Lease, 4, 0, 1));
        assert_eq!((lease.histogram[0], lease.histogram[1], lease.histogram[12]), (2, 1, 1));
        assert_eq!(lease.histogram.iter().sum::<u64>(), lease.calls);
        assert_eq!((event.calls, event.failures, event.late, event.total_us), (1, 1, 1, 60));
        assert_eq!((statistics.calls(), statistics.failures()), (5, 1));
    }
}
