//! What must survive a restart of the daemon: otherwise a daemon that keeps dying would give every client a fresh
//! budget each time. Lies below `/run`: its instants are of this boot.

use serde::{Deserialize, Serialize};

use super::backoff::{LONGEST_MS, spread};
use super::fault::{Argument, Path};
use crate::config::Recovery;
use crate::order;
use crate::store;

/// Arguments that may be left out at the same time.
pub(super) const MOST_LEFT_OUT: usize = 16;

/// The memory of one client's faults. Fields may be added with a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// When it was started again, oldest first: milliseconds of `CLOCK_BOOTTIME`, within the window.
    pub starts: Vec<u64>,
    /// How it stands.
    pub standing: Standing,
    /// No start before then: milliseconds of `CLOCK_BOOTTIME`.
    pub retry_at: Option<u64>,
    /// The last fault that nothing has made up for yet, for people.
    pub trouble: Option<Trouble>,
    /// Tries in a row that ended in the same kind of trouble, which the budget does not count.
    pub tries: u32,
    /// What the program refuses to be started with.
    pub left_out: Vec<Argument>,
}

impl store::Record for Record {
    const KIND: [u8; 4] = *b"RCVR";
    const VERSION: u16 = 1;
}

/// How a client stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It may be started whenever there is a reason.
    #[default]
    Trusted,
    /// It refuses its configuration.
    Misconfigured,
    /// It cannot be run.
    Disabled,
    /// Its budget is used up.
    Escalated,
}

/// A fault that nothing has made up for yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened, for people.
    pub what: String,
    /// [`super::Fault::name`]
    pub fault: String,
    /// What is done about it.
    pub path: Path,
}

impl Record {
    /// Makes a record that came from a file possible: whatever it says, nothing is waited for longer than the policy
    /// would.
    #[must_use]
    pub(super) fn checked(mut self, policy: &Recovery, now: u64) -> Self {
        self.starts.retain(|at| *at <= now.saturating_add(2 * LONGEST_MS));
        order::sort(&mut self.starts);
        let most = policy.restarts as usize;
        self.starts.drain(..self.starts.len().saturating_sub(most));
        self.left_out.truncate(MOST_LEFT_OUT);
        let longest = spread(policy.slow.as_millis() as u64, 255).max(super::supervisor::LONGEST_WAIT_MS);
        self.retry_at = self.retry_at.map(|at| at.min(now.saturating_add(longest)));
        self
    }
}
