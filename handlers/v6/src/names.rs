//! The search list, option 24 (RFC 3646 section 4): each name passes RFC 1123 before anybody writes it anywhere.

use std::collections::BTreeSet;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{DomainName, V6Report};

use crate::options::{self, ignored};

/// Search domains that are taken. The C library looks at six, newer ones at as many as fit.
pub(crate) const MAX_SEARCH: usize = 32;

/// The search domains, in the server's order, each once.
pub(crate) fn search(report: &V6Report, notes: &mut Notes) -> Vec<DomainName> {
    let mut search = offered(report, notes);
    let mut seen = BTreeSet::new();
    // Names differ in more than case (RFC 4343).
    search.retain(|name| seen.insert(name.as_str().to_ascii_lowercase()));
    if search.len() > MAX_SEARCH {
        notes.add(format!("{} search domains are offered; the first {MAX_SEARCH} are used", search.len()));
        search.truncate(MAX_SEARCH);
    }
    search
}

/// What the option says, or else what the client says of it.
fn offered(report: &V6Report, notes: &mut Notes) -> Vec<DomainName> {
    if report.options.contains_key(&24) {
        return domains(report, 24, notes);
    }
    let parse =
        |text: &String, notes: &mut Notes| text.parse().map_err(|error| ignored(24, &error, notes)).ok();
    report.search.iter().filter_map(|text| parse(text, notes)).collect()
}

/// The names of an option that lists names; one that is none costs itself.
pub(crate) fn domains(report: &V6Report, code: u16, notes: &mut Notes) -> Vec<DomainName> {
    let offered = options::all_decoded(report, code, options::names, notes);
    let mut names = Vec::new();
    for name in offered.into_iter().flatten() {
        match name.domain() {
            Ok(name) => names.push(name),
            Err(why) => notes.add(format!("a name in option {code} is ignored: {why}")),
        }
    }
    names
}
