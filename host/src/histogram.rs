//! Times, counted in buckets: what a monitoring system makes percentiles of.

use serde::{Deserialize, Serialize};

/// How many times fell into each bucket. `N` upper bounds, each included, and one bucket for everything above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds_us: &'static [u64; N],
    counts: [u64; N],
    above: u64,
    sum_us: u64,
}

impl<const N: usize> Histogram<N> {
    /// Nothing was counted yet. The bounds are microseconds, the smallest first.
    #[must_use]
    pub const fn new(bounds_us: &'static [u64; N]) -> Self {
        Self { bounds_us, counts: [0; N], above: 0, sum_us: 0 }
    }

    /// All times that were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above
    }

    /// Their sum, microseconds.
    #[must_use]
    pub const fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// How many fell into each bucket alone; the last number is of those above all bounds.
    #[must_use]
    pub fn buckets(&self) -> Vec<u64> {
        self.counts.iter().copied().chain([self.above]).collect()
    }

    /// Counts a time, microseconds.
    pub fn count(&mut self, us: u64) {
        match self.bounds_us.iter().position(|bound| us <= *bound) {
            Some(bucket) => self.counts[bucket] += 1,
            None => self.above += 1,
        }
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// What was counted so far.
    #[must_use]
    pub fn view(&self) -> Times {
        Times::of(self.bounds_us, &self.buckets(), self.sum_us)
    }
}

/// A histogram as it is told: cumulative, as in OpenMetrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Upper bound, microseconds, and how many times were at most that long.
    pub buckets: Vec<(u64, u64)>,
    /// All of them.
    pub count: u64,
    /// Their sum, microseconds.
    pub sum_us: u64,
}

impl Times {
    /// Of buckets that were counted each alone, the last one of what was above all bounds.
    #[must_use]
    pub fn of(bounds_us: &[u64], alone: &[u64], sum_us: u64) -> Self {
        let mut below = 0;
        let buckets = bounds_us.iter().zip(alone).map(|(bound, count)| {
            below += count;
            (*bound, below)
        });
        Self { buckets: buckets.collect(), count: alone.iter().sum(), sum_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_its_bucket_and_in_all_that_are_larger() {
        let mut histogram = Histogram::new(&[10, 100, 1_000]);
        [0, 10, 11, 100, 999, 1_001, u64::MAX].into_iter().for_each(|us| histogram.count(us));
        let times = histogram.view();
        assert_eq!(times.buckets, [(10, 2), (100, 4), (1_000, 5)]);
        assert_eq!((times.count, times.sum_us), (7, u64::MAX));
    }
}
