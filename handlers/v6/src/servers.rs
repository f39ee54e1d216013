//! Name servers and time servers: which of the offered ones can be servers, in the server's order, each once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_handler_common::notes::{Notes, listed};
use dhcpmgr_plugin_api::message::V6Report;

use crate::options::{self, TimeSource};
use crate::unicast::not_a_host;

/// Servers of one kind that are taken: more than anybody uses, and what the host accepts in a plan.
pub(crate) const MAX_SERVERS: usize = 32;

/// Option 23 (RFC 3646).
pub(crate) fn name_servers(report: &V6Report, own: &BTreeSet<IpAddr>, notes: &mut Notes) -> Vec<Ipv6Addr> {
    let mut offered: Vec<_> =
        options::all_decoded(report, 23, options::addresses, notes).into_iter().flatten().collect();
    if !report.options.contains_key(&23) {
        offered.clone_from(&report.dns);
    }
    usable("name server", 23, &offered, own, notes)
}

/// Where the time comes from.
#[derive(Debug, Default)]
pub(crate) struct TimeServers {
    /// Addresses and names.
    pub(crate) servers: Vec<String>,
    /// Multicast groups.
    pub(crate) groups: Vec<Ipv6Addr>,
}

/// Option 56 (RFC 5908), then its predecessor 31 (RFC 4075).
pub(crate) fn time_servers(report: &V6Report, own: &BTreeSet<IpAddr>, notes: &mut Notes) -> TimeServers {
    let mut time = TimeServers::default();
    let mut beyond = Vec::new();
    let mut add = |server: String| {
        if time.servers.contains(&server) || beyond.contains(&server) {
            // The same ones in both options is what a careful server sends.
        } else if time.servers.len() < MAX_SERVERS {
            time.servers.push(server);
        } else {
            beyond.push(server);
        }
    };
    for source in options::all_decoded(report, 56, options::time_sources, notes).into_iter().flatten() {
        match source {
            TimeSource::Server(address) => {
                usable("time server", 56, &[address], own, notes).iter().for_each(|a| add(a.to_string()));
            }
            TimeSource::Name(name) => add(name.as_str().to_ascii_lowercase()),
            TimeSource::Group(group) if !group.is_multicast() => {
                notes.add(format!("time group {group} (option 56) is ignored: it is no multicast address"));
            }
            TimeSource::Group(group) if time.groups.contains(&group) || time.groups.len() == MAX_SERVERS => {}
            TimeSource::Group(group) => time.groups.push(group),
        }
    }
    let sntp: Vec<_> =
        options::all_decoded(report, 31, options::addresses, notes).into_iter().flatten().collect();
    usable("time server", 31, &sntp, own, notes).iter().for_each(|a| add(a.to_string()));
    if !beyond.is_empty() {
        notes.add(format!(
            "only the first {MAX_SERVERS} time servers are used; {} are ignored",
            listed(beyond)
        ));
    }
    time
}

/// The usable addresses of an option that lists servers of a `kind`.
pub(crate) fn usable(
    kind: &str,
    option: u16,
    offered: &[Ipv6Addr],
    own: &BTreeSet<IpAddr>,
    notes: &mut Notes,
) -> Vec<Ipv6Addr> {
    let mut servers = Vec::with_capacity(offered.len().min(MAX_SERVERS));
    let mut beyond = Vec::new();
    for server in offered {
        let why = if own.contains(&IpAddr::V6(*server)) {
            Some("a leased address itself")
        } else {
            not_a_host(*server)
        };
        if let Some(why) = why {
            notes.add(format!("{kind} {server} (option {option}) is ignored: it is {why}"));
        } else if servers.contains(server) {
            notes.add(format!("{kind} {server} (option {option}) is offered more than once"));
        } else if servers.len() < MAX_SERVERS {
            servers.push(*server);
        } else {
            beyond.push(*server);
        }
    }
    if !beyond.is_empty() {
        notes.add(format!(
            "only the first {MAX_SERVERS} {kind}s (option {option}) are used; {} are ignored",
            listed(beyond)
        ));
    }
    servers
}
