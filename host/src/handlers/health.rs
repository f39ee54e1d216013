//! How much misbehaviour is forgiven: the back-off between restarts, and when a handler is left alone. Pure: the
//! clock is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many failures within [`WINDOW`] lead to quarantine.
pub(super) const BUDGET: usize = 5;
/// How long a failure counts. A handler that stays well for so long starts again with a clean sheet.
pub(super) const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The pause before the first restart; it doubles with each failure that still counts.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two restarts.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start it again after this pause.
    Retry(Duration),
    /// Leave it alone until somebody resets it.
    Quarantine,
}

/// The failures that still count.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    failures: VecDeque<Instant>,
}

impl Health {
    /// Counts a failure and says what to do.
    pub(super) fn failed(&mut self, now: Instant) -> Verdict {
        self.failures.retain(|then| now.saturating_duration_since(*then) < WINDOW);
        self.failures.push_back(now);
        let count = self.failures.len();
        if count >= BUDGET {
            return Verdict::Quarantine;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (count - 1));
        Verdict::Retry(doubled.min(LONGEST_PAUSE))
    }

    /// Forgets every failure: somebody repaired the handler.
    pub(super) fn reset(&mut self) {
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_the_fifth_failure_within_the_window_is_the_last() {
        let start = Instant::now();
        let mut health = Health::default();
        let verdicts: Vec<_> = (0..5).map(|n| health.failed(start + Duration::from_secs(n * 60))).collect();
        let retry = |ms| Verdict::Retry(Duration::from_millis(ms));
        assert_eq!(verdicts, [retry(100), retry(200), retry(400), retry(800), Verdict::Quarantine]);
    }

    #[test]
    fn failures_that_are_far_apart_never_add_up() {
        let start = Instant::now();
        let mut health = Health::default();
        for n in 0..50 {
            let now = start + WINDOW * n;
            assert_eq!(health.failed(now), Verdict::Retry(FIRST_PAUSE), "failure {n}");
        }
    }

    #[test]
    fn a_reset_gives_the_whole_budget_back() {
        let now = Instant::now();
        let mut health = Health::default();
        while health.failed(now) != Verdict::Quarantine {}
        health.reset();
        assert_eq!(health.failed(now), Verdict::Retry(FIRST_PAUSE));
    }

    #[test]
    fn a_clock_that_steps_back_is_no_panic() {
        let now = Instant::now() + Duration::from_secs(60);
        let mut health = Health::default();
        health.failed(now);
        assert_eq!(health.failed(now - Duration::from_secs(30)), Verdict::Retry(FIRST_PAUSE * 2));
    }
}
