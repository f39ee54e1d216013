//! In which order the mechanisms are tried (RFC 8026 section 1.4).

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::V6Report;
use dhcpmgr_softwire::kind::PRIORITY;
use dhcpmgr_softwire::{Input, Kind, decode_priority};

/// The mechanisms that the operator allows: first those that the ISP names, in its order, then the others in the
/// operator's. When none of the ISP's can be used, RFC 8026 leaves the choice to the client.
pub(crate) fn decide(report: &V6Report, allowed: &[Kind], notes: &mut Notes) -> Vec<Kind> {
    let mut order: Vec<Kind> = preferred(report, notes);
    order.retain(|kind| allowed.contains(kind));
    let others: Vec<Kind> = allowed.iter().copied().filter(|kind| !order.contains(kind)).collect();
    order.extend(others);
    order
}

fn preferred(report: &V6Report, notes: &mut Notes) -> Vec<Kind> {
    let Some(value) = report.options.get(&PRIORITY).and_then(|values| values.first()) else {
        return Vec::new();
    };
    match Input::value(&value.0).and_then(|input| decode_priority(input, &mut ())) {
        Ok(priority) => priority.kinds,
        Err(error) => {
            notes.add(format!("option {PRIORITY} (S46 priority) is ignored: byte {}: {error}", error.offset));
            Vec::new()
        }
    }
}
