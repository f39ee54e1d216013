//! The clocks: leases count on `CLOCK_BOOTTIME`, which goes on through suspend; people read wall-clock time.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Milliseconds of `CLOCK_BOOTTIME`.
#[must_use]
pub fn boottime_ms() -> u64 {
    now(ClockId::CLOCK_BOOTTIME)
}

/// Milliseconds since 1970.
#[must_use]
pub fn realtime_ms() -> u64 {
    now(ClockId::CLOCK_REALTIME)
}

fn now(clock: ClockId) -> u64 {
    // The kernel has had both clocks since 2.6.39; zero is the answer of a broken one.
    clock_gettime(clock).map(|t| Duration::from(t).as_millis() as u64).unwrap_or_default()
}
