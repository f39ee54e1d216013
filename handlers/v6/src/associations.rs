//! What a server says of identity associations as a whole, and of the lease: status codes and times. Nothing of it is
//! configured; the client program acts on it, and whoever asks `dhcpmgr why` shall read it.

use dhcpmgr_handler_common::notes::{Notes, quoted};
use dhcpmgr_plugin_api::message::{Lifetime, V6Ia, V6Report};

use crate::options;

/// Adds the remarks.
pub(crate) fn note(report: &V6Report, notes: &mut Notes) {
    if let Some((code, words)) = options::decoded(report, 13, options::status, notes)
        && let Some(meaning) = meaning(code)
    {
        let words = if words.is_empty() { String::new() } else { format!(": {}", quoted(&words)) };
        notes.add(format!("the server says (option 13) {meaning}{words}"));
    }
    if let Some(address) = options::decoded(report, 12, options::address, notes) {
        notes.add(format!("unicast to {address} (option 12) is the client's business, and obsolete"));
    }
    report.ias.iter().for_each(|ia| note_association(ia, notes));
}

fn note_association(ia: &V6Ia, notes: &mut Notes) {
    let V6Ia { kind, iaid, t1, t2, status } = ia;
    if let Some(meaning) = status.and_then(meaning) {
        notes.add(format!("the server says of {kind} {iaid} {meaning}"));
    }
    // 0 leaves the time to the client (RFC 8415 section 21.4).
    let time = |time: &Option<Lifetime>| time.filter(|time| *time != Lifetime(0));
    if let (Some(t1), Some(t2)) = (time(t1), time(t2))
        && t1 > t2
    {
        notes.add(format!(
            "{kind} {iaid}: T1 {t1} is after T2 {t2}, which no client should believe (RFC 8415); both are ignored"
        ));
    }
}

/// What a status code says; `None` for success.
fn meaning(code: u16) -> Option<String> {
    let (name, meaning) = match code {
        0 => return None,
        1 => ("UnspecFail", "that it failed for a reason of its own"),
        2 => ("NoAddrsAvail", "that it has no addresses for it"),
        3 => ("NoBinding", "that it knows of no lease"),
        4 => ("NotOnLink", "that the values do not belong to this link"),
        5 => ("UseMulticast", "that it must be asked by multicast"),
        6 => ("NoPrefixAvail", "that it has no prefixes for it"),
        other => return Some(format!("status {other}, which is not known")),
    };
    Some(format!("{meaning} ({name}, status {code})"))
}
