//! Name servers and time servers: which of the offered ones can be servers, in the server's order, each once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_handler_common::notes::{Notes, listed};
use dhcpmgr_handler_common::servers::{self, MAX_SERVERS};
use dhcpmgr_plugin_api::message::V6Report;

use crate::options::{self, TimeSource};
use crate::unicast::not_a_host;

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
    for source in options::all_decoded(report, 56, options::time_sources, notes).into_iter().flatten() {
        match source {
            TimeSource::Server(address) => {
                time.servers.extend(usable("time server", 56, &[address], own, notes).iter().map(text));
            }
            TimeSource::Name(name) => time.servers.push(name.as_str().to_ascii_lowercase()),
            TimeSource::Group(group) if group.is_multicast() => time.groups.push(group),
            TimeSource::Group(group) => {
                notes.add(format!("time group {group} (option 56) is ignored: it is no multicast address"));
            }
        }
    }
    let sntp: Vec<_> =
        options::all_decoded(report, 31, options::addresses, notes).into_iter().flatten().collect();
    time.servers.extend(usable("time server", 31, &sntp, own, notes).iter().map(text));
    // The same ones in both options is what a careful server sends.
    each_once(&mut time.servers);
    each_once(&mut time.groups);
    if time.servers.len() > MAX_SERVERS {
        let beyond = listed(time.servers.split_off(MAX_SERVERS));
        notes.add(format!("only the first {MAX_SERVERS} time servers are used; {beyond} are ignored"));
    }
    time.groups.truncate(MAX_SERVERS);
    time
}

fn text(address: &Ipv6Addr) -> String {
    address.to_string()
}

fn each_once<T: Ord + Clone>(list: &mut Vec<T>) {
    let mut seen = BTreeSet::new();
    list.retain(|entry| seen.insert(entry.clone()));
}

/// The usable addresses of an option that lists servers of a `kind`, in the server's order, each once.
pub(crate) fn usable(
    kind: &str,
    option: u16,
    offered: &[Ipv6Addr],
    own: &BTreeSet<IpAddr>,
    notes: &mut Notes,
) -> Vec<Ipv6Addr> {
    let no_server = |server: Ipv6Addr| {
        if own.contains(&IpAddr::V6(server)) { Some("a leased address itself") } else { not_a_host(server) }
    };
    servers::usable(kind, option, offered, no_server, notes)
}
