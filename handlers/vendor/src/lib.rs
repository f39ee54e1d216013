//! The option pack: what access networks tell a gateway about its management, in options that are the vendors' own.
//!
//! Written to be copied. [`plan`] is a pure function: a lease goes in, parameters and events come out, nothing is
//! remembered and nothing is touched. It goes in three steps, and each file is one of them or a part of it:
//!
//! 1. *Cut*: `suboptions` and `classes` cut the bytes of an option into its parts. They know lengths and no meanings.
//! 2. *Read*: `broadband`, `cablelabs` and `packetcable` know what the parts mean, and `values` what a value may be.
//! 3. *Say*: what was found becomes parameters and events; what cannot be right becomes a note for `dhcpmgr why`, and
//!    costs nothing but itself.
//!
//! A lease is never refused here, and nothing is applied: whoever runs the management client follows the events.
#![forbid(unsafe_code)]

mod broadband;
mod cablelabs;
mod classes;
mod handler;
mod packetcable;
mod sending;
mod settings;
mod suboptions;
mod values;

pub use handler::VendorHandler;
pub use sending::{Send, Sent};
pub use settings::{Codes, Settings};

use std::collections::BTreeMap;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Bytes, V4Report, V6Report};
use dhcpmgr_plugin_api::{LeaseEvent, Plan};

use crate::broadband::Found;
use crate::suboptions::SubOptions;

/// IANA's number of CableLabs.
const CABLELABS: u32 = 4491;

/// What is published: parameter name → value.
type Parameters = BTreeMap<String, String>;

/// Decides what a lease says.
#[must_use]
pub fn plan(event: &LeaseEvent, settings: &Settings) -> Plan {
    let mut notes = Notes::default();
    let mut parameters = Parameters::new();
    let mut found = Found::default();
    if let Some(report) = &event.v4 {
        read_v4(report, settings, &mut found, &mut parameters, &mut notes);
    }
    if let Some(report) = &event.v6 {
        read_v6(report, settings, &mut found, &mut parameters, &mut notes);
    }
    let events = found.events();
    parameters.extend(found.parameters());
    Plan { parameters, events, notes: notes.finish(), ..Plan::default() }
}

/// DHCPv4. Option 125 comes before 43: it says whose sub-options they are, and is the better one to believe.
fn read_v4(
    report: &V4Report,
    settings: &Settings,
    found: &mut Found,
    parameters: &mut Parameters,
    notes: &mut Notes,
) {
    let value = |code: u8| report.options.get(&code).map(Bytes::as_ref);
    for (enterprise, data) in value(125).map(|raw| suboptions::vendors(raw, 125, notes)).unwrap_or_default() {
        let what = format!("option 125 of vendor {enterprise}");
        if settings.enterprises.contains(&enterprise) {
            let parts = SubOptions::short(data, &what, notes);
            found.take(&parts, &settings.option125, &what, notes);
        } else if enterprise == CABLELABS {
            cablelabs::v4(&SubOptions::short(data, &what, notes), parameters, notes);
        }
    }
    if let Some(raw) = value(43) {
        match values::bare_url(raw) {
            Some(url) => found.bare_url(url, notes),
            None => {
                let parts = SubOptions::short(raw, "option 43", notes);
                found.take(&parts, &settings.option43, "option 43", notes);
            }
        }
    }
    if let Some(raw) = value(122) {
        packetcable::read(&SubOptions::short(raw, "option 122", notes), parameters, notes);
    }
    classes::v4(value(60), value(77), value(124), parameters, notes);
}

/// DHCPv6. Options 16 and 17 may come once for each vendor.
fn read_v6(
    report: &V6Report,
    settings: &Settings,
    found: &mut Found,
    parameters: &mut Parameters,
    notes: &mut Notes,
) {
    let all = |code: u16| report.options.get(&code).map(Vec::as_slice).unwrap_or_default();
    for raw in all(17) {
        let Some((enterprise, data)) = suboptions::vendor(raw.as_ref(), 17, notes) else { continue };
        let what = format!("option 17 of vendor {enterprise}");
        if settings.enterprises.contains(&enterprise) {
            let parts = SubOptions::long(data, &what, notes);
            found.take(&parts, &settings.option17, &what, notes);
        } else if enterprise == CABLELABS {
            cablelabs::v6(&SubOptions::long(data, &what, notes), parameters, notes);
        }
    }
    classes::v6(all(15), all(16), parameters, notes);
}
