//! The stock DHCPv4 handler of dhcpmgr: what a DHCPv4 lease means for a gateway.
//!
//! [`plan`] is a pure function: a lease goes in, the desired state comes out, nothing is remembered and nothing is
//! touched. Whatever the server sent is checked here before it becomes an address, a route or a name; what cannot
//! be right is left out with a note for `dhcpmgr why`, and a lease whose address, subnet mask or lease time cannot
//! be right is refused. Each file decides about one thing and can be read alone.
#![forbid(unsafe_code)]

mod address;
mod handler;
mod lifetimes;
mod mtu;
mod names;
mod options;
mod parameters;
mod routes;
mod servers;

pub use handler::V4Handler;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::V4Report;
use dhcpmgr_plugin_api::{AddressPlan, LeaseEvent, Mtu, Plan};

use crate::address::Leased;

/// Decides what a lease means. [`Plan::refuse`] is set when the lease cannot be right; the plan then carries
/// nothing else but notes.
#[must_use]
pub fn plan(event: &LeaseEvent) -> Plan {
    let mut notes = Notes::default();
    let report = event.v4.as_ref().ok_or_else(|| "the lease carries no DHCPv4 values".to_owned());
    let decided = report.and_then(|report| decide(event, report, &mut notes));
    let mut plan = decided.unwrap_or_else(Plan::refused);
    plan.notes = notes.finish();
    plan
}

/// The error is the reason for which the lease is refused.
fn decide(event: &LeaseEvent, report: &V4Report, notes: &mut Notes) -> Result<Plan, String> {
    let leased = Leased::read(report, notes)?;
    let lifetime = lifetimes::lease_time(report, notes)?;
    let address = leased.interface_address().ok_or("the leased address and its mask do not fit")?;
    let broadcast = leased.broadcast(report.broadcast, notes);
    note_server(report, leased, notes);
    let mtu = mtu::decide(report.mtu, &event.link, &event.policy, notes);
    let routes = routes::decide(report, leased, &event.policy, mtu.route, notes);
    let dns = servers::usable("name server", 6, &report.dns, leased, notes);
    let (domain, search) = names::domains(report, notes);
    let ntp = servers::usable("time server", 42, &report.ntp, leased, notes);
    Ok(Plan {
        addresses: vec![AddressPlan { address, broadcast, preferred: lifetime, valid: lifetime }],
        routes,
        mtu: mtu.link.map(Mtu),
        dns: dns.into_iter().map(Into::into).collect(),
        domain,
        search,
        ntp: ntp.iter().map(ToString::to_string).collect(),
        hostname: names::hostname(report, notes),
        parameters: parameters::collect(report, leased, notes),
        ..Plan::default()
    })
}

/// The server identifier (option 54) is where the client sends its renewals: nothing to configure, but worth a word
/// when they cannot arrive.
fn note_server(report: &V4Report, leased: Leased, notes: &mut Notes) {
    match report.server {
        None => notes.add("the lease names no server (option 54): it can only be renewed by broadcast"),
        Some(server) => {
            if let Some(why) = leased.not_a_router(server) {
                notes.add(format!(
                    "server identifier {server} (option 54) is {why}: renewals to it will fail"
                ));
            }
        }
    }
}
