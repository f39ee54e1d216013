//! The budget: how often a client may be started again within a window. The instants are kept, not a count, so that
//! it means the same to a daemon that is started again.

use crate::config::Recovery;

/// The instants that still count at `now`: those within the window.
pub(super) fn prune(starts: &mut Vec<u64>, policy: &Recovery, now: u64) {
    let window = policy.window.as_millis() as u64;
    starts.retain(|at| at.saturating_add(window) > now);
}

/// How many restarts are left.
pub(super) fn left(starts: &[u64], policy: &Recovery, now: u64) -> u32 {
    let window = policy.window.as_millis() as u64;
    let used = starts.iter().filter(|at| at.saturating_add(window) > now).count();
    policy.restarts.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
}
