//! When the service manager's watchdog is fed: while the daemon does its work, and not merely while it lives.
//!
//! At each beat every controller is asked for its state. A controller that waits for a slow handler may take as long
//! as handlers may; one that takes longer is stuck, and then the watchdog is left to bite.

use std::env;
use std::time::Duration;

/// The manager's watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    period: Duration,
}

/// What a beat is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everybody has answered: ask again.
    Ask,
    /// Not everybody has answered, and need not have yet: feed.
    Feed,
    /// Somebody is stuck: do not feed.
    Starve,
}

impl Watchdog {
    /// The one that `WATCHDOG_USEC` names for this process; without one, nothing ever wakes up for it.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let variable = |name| env::var(name).ok();
        Self::read(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
            std::process::id(),
        )
    }

    fn read(usec: Option<&str>, meant: Option<&str>, pid: u32) -> Option<Self> {
        let period = Duration::from_micros(usec?.parse().ok().filter(|usec| *usec > 0)?);
        let ours = meant.is_none_or(|meant| meant.parse() == Ok(pid));
        ours.then_some(Self { period })
    }

    /// How often to feed: twice in its patience, as `sd_watchdog_enabled(3)` says.
    #[must_use]
    pub fn beat(self) -> Duration {
        self.period / 2
    }

    /// What a beat is to do when a round of questions has been open for this long, or none is open. `slowest` is how
    /// long a controller may wait for its handlers.
    #[must_use]
    pub fn verdict(self, open_for: Option<Duration>, slowest: Duration) -> Verdict {
        match open_for {
            None => Verdict::Ask,
            Some(open_for) if open_for <= slowest => Verdict::Feed,
            Some(_) => Verdict::Starve,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_only_believed_when_it_is_meant_for_us() {
        let watchdog = Watchdog { period: Duration::from_secs(60) };
        assert_eq!(Watchdog::read(Some("60000000"), None, 7), Some(watchdog));
        assert_eq!(Watchdog::read(Some("60000000"), Some("7"), 7), Some(watchdog));
        assert_eq!(watchdog.beat(), Duration::from_secs(30));
        for (usec, pid) in
            [(None, Some("7")), (Some("0"), None), (Some("x"), None), (Some("60000000"), Some("8"))]
        {
            assert_eq!(Watchdog::read(usec, pid, 7), None, "{usec:?} {pid:?}");
        }
    }

    #[test]
    fn a_slow_handler_is_waited_for_and_a_stuck_controller_is_not() {
        let watchdog = Watchdog { period: Duration::from_secs(60) };
        let slowest = Duration::from_secs(40);
        assert_eq!(watchdog.verdict(None, slowest), Verdict::Ask);
        assert_eq!(watchdog.verdict(Some(Duration::from_secs(30)), slowest), Verdict::Feed);
        assert_eq!(watchdog.verdict(Some(Duration::from_secs(60)), slowest), Verdict::Starve);
    }
}
