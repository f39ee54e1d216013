//! Lists of servers: which of the offered addresses can be servers, in the server's order, each once.

use std::net::Ipv4Addr;

use dhcpmgr_handler_common::notes::{Notes, listed};

use crate::address::{Leased, not_a_host};

/// Servers of one kind that are taken: more than anybody uses, and what the host accepts in a plan.
pub(crate) const MAX_SERVERS: usize = 32;

/// The usable addresses of an option that lists servers of a `kind`.
pub(crate) fn usable(
    kind: &str,
    option: u8,
    offered: &[Ipv4Addr],
    leased: Leased,
    notes: &mut Notes,
) -> Vec<Ipv4Addr> {
    let mut servers = Vec::with_capacity(offered.len().min(MAX_SERVERS));
    let mut beyond = Vec::new();
    for server in offered {
        let why =
            if *server == leased.address() { Some("the leased address itself") } else { not_a_host(*server) };
        if let Some(why) = why {
            notes.add(format!("{kind} {server} (option {option}) is ignored: it is {why}"));
        } else if servers.contains(server) || beyond.contains(server) {
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
