//! How long to wait before the next try: not at all at first, then twice as long each time, and never in step with
//! others.

/// The second wait, milliseconds.
const FIRST_MS: u64 = 1_000;
/// The longest wait before jitter, milliseconds.
pub(super) const LONGEST_MS: u64 = 64_000;

/// The wait after `failures` tries that failed before, milliseconds.
pub(super) fn wait_ms(failures: usize, jitter: u8) -> u64 {
    match failures.checked_sub(1) {
        None => 0,
        Some(doublings) => spread((FIRST_MS << doublings.min(16)).min(LONGEST_MS), jitter),
    }
}

/// ±25 %: clients that died together do not come back together.
pub(super) fn spread(wait_ms: u64, jitter: u8) -> u64 {
    wait_ms - wait_ms / 4 + wait_ms / 2 * u64::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        let waits: Vec<u64> = (0..10).map(|failures| wait_ms(failures, 127)).collect();
        assert_eq!(waits[0], 0);
        assert!((990..1_010).contains(&waits[1]) && (1_980..2_020).contains(&waits[2]), "{waits:?}");
        assert!((63_000..65_000).contains(&waits[9]), "{waits:?}");
        assert_eq!((spread(1_000, 0), spread(1_000, 255)), (750, 1_250));
        assert!(wait_ms(usize::MAX, 255) <= LONGEST_MS / 4 * 5);
    }
}
