//! How long to wait before a client is started again: not at all the first time, then twice as long each time.

use std::time::Duration;

/// The second wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(64);

/// The waits between starts that keep failing.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `jitter` in 0..=255 spreads it over ±25 %, so that many clients that died
    /// together do not come back together.
    pub fn next(&mut self, jitter: u8) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            return Duration::ZERO;
        }
        let wait = FIRST.saturating_mul(1 << (self.failures - 2).min(16)).min(LONGEST);
        wait.mul_f64(0.75 + f64::from(jitter) / 510.0)
    }

    /// It works: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..10).map(|_| backoff.next(127).as_millis() as u64).collect();
        assert_eq!(waits[0], 0);
        assert!((990..1010).contains(&waits[1]), "{waits:?}");
        assert!((1980..2020).contains(&waits[2]), "{waits:?}");
        assert!(waits[9] <= 64_100, "{waits:?}");
        backoff.reset();
        assert_eq!(backoff.next(127), Duration::ZERO);
    }
}
