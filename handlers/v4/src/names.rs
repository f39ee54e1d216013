//! Names that a server hands out (options 12, 15, 66 and 119): each passes RFC 1123 before anybody writes it
//! anywhere, or is left out with a note.

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{DomainName, HostName, V4Report};

use crate::parameters::offered_text;

/// Search domains that are taken. The C library looks at six, newer ones at as many as fit.
pub(crate) const MAX_SEARCH: usize = 32;

/// What udhcpc puts in the place of a host or domain name with characters that no name has.
const SANITISED: &str = "bad";

/// The host name that the server offers, option 12.
pub(crate) fn hostname(report: &V4Report, notes: &mut Notes) -> Option<HostName> {
    let text = offered_name(report, 12, report.hostname.as_deref(), notes)?;
    parsed(&text, 12, notes)
}

/// The TFTP server, option 66: a name or a dotted address.
pub(crate) fn tftp_server(report: &V4Report, notes: &mut Notes) -> Option<DomainName> {
    let text = offered_name(report, 66, report.tftp_server.as_deref(), notes)?;
    parsed(&text, 66, notes)
}

/// The domain of the link and the search list, options 15 and 119 (RFC 3397).
///
/// Option 15 is one name, but servers put several into it, separated by spaces. The first is the domain then, and
/// all of them are the search list if option 119 does not bring one.
pub(crate) fn domains(report: &V4Report, notes: &mut Notes) -> (Option<DomainName>, Vec<DomainName>) {
    let mut search = Vec::new();
    for text in &report.search {
        let Some(name) = parsed::<DomainName>(text, 119, notes) else { continue };
        add_search(&mut search, name);
    }
    let names = domain_names(report, notes);
    if names.len() > 1 && search.is_empty() {
        notes.add("option 15 carries several domains; they are taken as the search list");
        names.iter().for_each(|name| add_search(&mut search, name.clone()));
    }
    if search.len() > MAX_SEARCH {
        notes.add(format!("{} search domains are offered; the first {MAX_SEARCH} are used", search.len()));
        search.truncate(MAX_SEARCH);
    }
    (names.into_iter().next(), search)
}

fn add_search(search: &mut Vec<DomainName>, name: DomainName) {
    // Names differ in more than case (RFC 4343).
    if !search.iter().any(|known| known.as_str().eq_ignore_ascii_case(name.as_str())) {
        search.push(name);
    }
}

/// The names in option 15; none if one of them is not a name, since then the option says something else.
fn domain_names(report: &V4Report, notes: &mut Notes) -> Vec<DomainName> {
    let Some(text) = offered_name(report, 15, report.domain.as_deref(), notes) else { return Vec::new() };
    // Spaces only: a line break never separates names, it is an attempt to write a line of its own.
    text.split(' ')
        .filter(|part| !part.is_empty())
        .map(|part| parsed(part, 15, notes))
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// The text of an option that udhcpc sanitises: what the server really sent where that is known.
fn offered_name(report: &V4Report, option: u8, typed: Option<&str>, notes: &mut Notes) -> Option<String> {
    if typed != Some(SANITISED) {
        return offered_text(report, option, typed, notes);
    }
    let raw = offered_text(report, option, None, notes).filter(|raw| raw != SANITISED);
    if raw.is_none() {
        notes.add(format!(
            "option {option} is ignored: the client says \"{SANITISED}\", its word for a name that is none"
        ));
    }
    raw
}

fn parsed<T>(text: &str, option: u8, notes: &mut Notes) -> Option<T>
where
    T: std::str::FromStr<Err = dhcpmgr_plugin_api::message::ValueError>,
{
    // The error quotes the text escaped and shortened.
    text.parse().map_err(|error| notes.add(format!("option {option} is ignored: {error}"))).ok()
}
