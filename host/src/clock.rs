//! The clocks: leases count on `CLOCK_BOOTTIME`, which goes on through suspend; people read wall-clock time.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Milliseconds of `CLOCK_BOOTTIME`.
#[must_use]
pub fn boottime_ms() -> u64 {
    now(ClockId::CLOCK_BOOTTIME)
}

/// Microseconds of `CLOCK_MONOTONIC`.
#[must_use]
pub fn monotonic_us() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(|t| Duration::from(t).as_micros() as u64).unwrap_or_default()
}

/// The wall clock, milliseconds since 1970.
#[must_use]
pub fn wall_ms() -> u64 {
    now(ClockId::CLOCK_REALTIME)
}

/// The wall clock as RFC 3339 in UTC with milliseconds: `2026-11-23T05:08:44.120Z`.
#[must_use]
pub fn timestamp() -> String {
    rfc3339(wall_ms())
}

/// [`timestamp`] of a time that [`wall_ms`] gave.
#[must_use]
pub fn timestamp_of(wall_ms: u64) -> String {
    rfc3339(wall_ms)
}

/// A time so many seconds after another, as TR-106 writes it: whole seconds, UTC.
#[must_use]
pub fn date_after(wall_ms: u64, seconds: u64) -> String {
    // Nobody leases anything beyond the year 9999, which is as far as the text goes.
    let ms = wall_ms.saturating_add(seconds.saturating_mul(1000)).min(253_402_300_799_000);
    let text = rfc3339(ms);
    text.split_once('.').map_or_else(|| text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// Which boot of the machine it is: dates on `CLOCK_BOOTTIME` mean something within one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId([u8; 16]);

impl BootId {
    /// No boot in particular.
    pub const NONE: Self = Self([0; 16]);

    /// The boot that this is. Where the kernel does not say, one that nothing written earlier has.
    #[must_use]
    pub fn current() -> Self {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
        match dhcpmgr_message::Bytes::from_hex(&hex).map(|bytes| <[u8; 16]>::try_from(bytes.0)) {
            Ok(Ok(bytes)) => Self(bytes),
            _ => Self(crate::random::bytes().unwrap_or_default()),
        }
    }

    /// As it is written into files.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As it was written.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

fn now(clock: ClockId) -> u64 {
    // The kernel has had both clocks since 2.6.39; zero is the answer of a broken one.
    clock_gettime(clock).map(|t| Duration::from(t).as_millis() as u64).unwrap_or_default()
}

/// Milliseconds since 1970 as RFC 3339. The calendar is Howard Hinnant's `civil_from_days`: years that start in
/// March, in eras of 400.
fn rfc3339(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_has_an_id_that_stays() {
        assert_ne!(BootId::current(), BootId::NONE);
        assert_eq!(BootId::current(), BootId::current());
    }

    #[test]
    fn the_calendar_knows_leap_days_and_year_ends() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (1_795_410_524_120, "2026-11-23T05:08:44.120Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }
}
