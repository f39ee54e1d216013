//! The stock DHCPv6 handler of dhcpmgr: what a DHCPv6 lease means for a gateway.
//!
//! [`plan`] is a pure function: the whole lease goes in, with all its identity associations, the desired state comes
//! out, nothing is remembered and nothing is touched. Whatever the server sent is checked here before it becomes an
//! address, a prefix or a name; what cannot be right is left out with a note for `dhcpmgr why`. A lease is never
//! refused: each of its values stands for itself. Each file decides about one thing and can be read alone.
#![forbid(unsafe_code)]

mod addresses;
mod associations;
mod exclude;
mod handler;
mod lifetimes;
mod names;
mod options;
mod parameters;
mod prefixes;
mod resolvers;
mod servers;
mod unicast;
mod vendors;

pub use handler::V6Handler;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::V6Report;
use dhcpmgr_plugin_api::{LeaseEvent, Plan};

/// Decides what a lease means.
#[must_use]
pub fn plan(event: &LeaseEvent) -> Plan {
    let mut notes = Notes::default();
    let plan = event.v6.as_ref().map(|report| decide(report, &mut notes));
    Plan { notes: notes.finish(), ..plan.unwrap_or_default() }
}

fn decide(report: &V6Report, notes: &mut Notes) -> Plan {
    associations::note(report, notes);
    let addresses = addresses::decide(report, notes);
    let prefixes = prefixes::decide(report, notes);
    let own = addresses.iter().map(|plan| plan.address.address()).collect();
    let dns = servers::name_servers(report, &own, notes);
    let search = names::search(report, notes);
    let time = servers::time_servers(report, &own, notes);
    let parameters = parameters::collect(report, &own, &time.groups, notes);
    Plan {
        addresses,
        prefixes,
        dns: dns.into_iter().map(Into::into).collect(),
        search,
        ntp: time.servers,
        parameters,
        ..Plan::default()
    }
}
