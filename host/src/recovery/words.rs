//! Durations in sentences.

/// `4 s`, `15 min`, `2 h`; rounded up, because people wait that long.
pub(super) fn seconds(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}
