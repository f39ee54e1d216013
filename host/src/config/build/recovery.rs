//! `[clients.NAME.recovery]`.

use std::time::Duration;

use super::client::choice;
use crate::config::model::Recovery;
use crate::config::reader::Section;
use crate::config::words::ON_STUCK;

const KEYS: [&str; 6] = ["restarts", "window_s", "slow_s", "steady_s", "stuck_s", "on_stuck"];

/// A week: beyond that nobody waits.
const LONGEST: u32 = 604_800;

/// Cycles of DISCOVERs that a client may be silent, unless the configuration says otherwise.
const CYCLES: u32 = 3;

/// Reads how a client is recovered. `cycle` is how long it looks for a server until it says that there is none.
pub(super) fn recovery(client: &Section<'_>, cycle: Duration) -> Recovery {
    let default = Recovery::default();
    let default = Recovery { stuck: default.stuck.max(cycle * CYCLES), ..default };
    let Some(table) = client.get("recovery").and_then(|item| item.table("a table, [clients.NAME.recovery]"))
    else {
        return default;
    };
    table.accept_only(&KEYS, &[]);
    let seconds_up_to = |longest, key, default: Duration| {
        let found = table.get(key).and_then(|item| item.whole(1..=longest, "seconds"));
        found.map_or(default, |seconds| Duration::from_secs(seconds.into()))
    };
    let seconds = |key, default| seconds_up_to(LONGEST, key, default);
    let recovery = Recovery {
        restarts: table.get("restarts").and_then(|item| item.whole(1..=1000, "")).unwrap_or(default.restarts),
        window: seconds("window_s", default.window),
        slow: seconds("slow_s", default.slow),
        steady: seconds("steady_s", default.steady),
        // The slowest search takes years.
        stuck: seconds_up_to(u32::MAX, "stuck_s", default.stuck),
        on_stuck: choice(&table, "on_stuck", "a way to treat it", ON_STUCK).unwrap_or_default(),
    };
    refuse_contradictions(&table, &recovery, cycle);
    recovery
}

/// Each value alone may be right, and together they cannot be meant.
fn refuse_contradictions(table: &Section<'_>, recovery: &Recovery, cycle: Duration) {
    let pace = recovery.window.as_secs() / u64::from(recovery.restarts);
    if recovery.slow.as_secs() < pace
        && let Some(item) =
            table.get("slow_s").or_else(|| table.get("window_s")).or_else(|| table.get("restarts"))
    {
        item.refuse(format!(
            "slow_s = {} is faster than the {} restarts within {} s that it comes after; accepted: slow_s of at \
             least {pace} seconds",
            recovery.slow.as_secs(),
            recovery.restarts,
            recovery.window.as_secs()
        ));
    }
    if recovery.stuck <= cycle
        && let Some(item) = table.get("stuck_s")
    {
        item.refuse(format!(
            "{} s is not longer than one search for a server, discover_attempts times discover_interval and \
             discover_pause: {} s; accepted: more than that",
            recovery.stuck.as_secs(),
            cycle.as_secs()
        ));
    }
}
