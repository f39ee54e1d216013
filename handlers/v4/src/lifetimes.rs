//! How long the lease lasts (options 51, 58 and 59). When to renew is the client's business; the times are only
//! compared with each other here.

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Lifetime, V4Report};

/// What udhcpc assumes when a server sends no lease time.
const WITHOUT_OPTION_51: Lifetime = Lifetime(3600);
/// What udhcpc takes shorter leases for, so that it renews them too late.
const SHORTEST_KEPT: Lifetime = Lifetime(30);

/// The lease time: valid and preferred lifetime of the address. The error is the reason for which the lease is
/// refused.
pub(crate) fn lease_time(report: &V4Report, notes: &mut Notes) -> Result<Lifetime, String> {
    let lease = match report.lease_time {
        Some(Lifetime(0)) => {
            return Err("the lease time (option 51) is 0 s: the lease ends before it begins".to_owned());
        }
        Some(lease) => lease,
        None => {
            notes.add(format!(
                "the lease has no lease time (option 51); {WITHOUT_OPTION_51} is assumed, as udhcpc does"
            ));
            WITHOUT_OPTION_51
        }
    };
    if lease < SHORTEST_KEPT {
        notes.add(format!(
            "the lease time of {lease} (option 51) is too short: udhcpc renews as if it were {SHORTEST_KEPT}"
        ));
    }
    compare(report, lease, notes);
    Ok(lease)
}

/// RFC 2131 section 4.4.5: T1 is earlier than T2, which is earlier than the end of the lease.
fn compare(report: &V4Report, lease: Lifetime, notes: &mut Notes) {
    let rule = "(RFC 2131 section 4.4.5)";
    // For ever is the largest number, and nothing is after it: equal infinite times are in order.
    let late = |earlier: Lifetime, later: Lifetime| earlier >= later && later != Lifetime::INFINITE;
    if let (Some(t1), Some(t2)) = (report.t1, report.t2)
        && late(t1, t2)
    {
        notes.add(format!("T1 {t1} (option 58) is not before T2 {t2} (option 59) {rule}"));
    }
    for (name, option, time) in [("T1", 58, report.t1), ("T2", 59, report.t2)] {
        if let Some(time) = time.filter(|time| late(*time, lease)) {
            notes.add(format!(
                "{name} {time} (option {option}) is not before the end of the lease, {lease} {rule}"
            ));
        }
    }
}
