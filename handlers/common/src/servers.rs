//! Lists of servers: which of the offered addresses can be servers, in the server's order, each once.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::notes::{Notes, listed};

/// Servers of one kind that are taken: more than anybody uses, and what the host accepts in a plan.
pub const MAX_SERVERS: usize = 32;

/// The usable addresses of an option that lists servers of a `kind`; `no_server` says why one is none.
pub fn usable<A: Copy + Ord + Display>(
    kind: &str,
    option: u16,
    offered: &[A],
    no_server: impl Fn(A) -> Option<&'static str>,
    notes: &mut Notes,
) -> Vec<A> {
    let mut seen = BTreeSet::new();
    let mut servers = Vec::new();
    for server in offered {
        if let Some(why) = no_server(*server) {
            notes.add(format!("{kind} {server} (option {option}) is ignored: it is {why}"));
        } else if seen.insert(*server) {
            servers.push(*server);
        } else {
            notes.add(format!("{kind} {server} (option {option}) is offered more than once"));
        }
    }
    if servers.len() > MAX_SERVERS {
        let beyond = listed(servers.split_off(MAX_SERVERS));
        notes.add(format!(
            "only the first {MAX_SERVERS} {kind}s (option {option}) are used; {beyond} are ignored"
        ));
    }
    servers
}
