//! The stock softwire handler of dhcpmgr: which ways to carry IPv4 over IPv6 a DHCPv6 lease offers.
//!
//! [`plan`] is a pure function: the lease goes in, its softwires come out, the best first, each computed for the
//! customer's delegated prefix. What an option says and when it is discarded is decided in `dhcpmgr-softwire`; here is
//! decided which of the options count, in which order, and whether what they say can be used. Nothing is carried out.
#![forbid(unsafe_code)]

mod handler;
mod order;
mod typed;
mod usable;

pub use handler::{MaptHandler, Settings};

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Bytes, V6Report};
use dhcpmgr_plugin_api::{LeaseEvent, Plan, Softwire};
use dhcpmgr_softwire::{Input, Ipv6Prefix, Kind, Malformed, Quirks, decode};

/// Of one option more than this many are not looked at: a domain has one.
const MAX_INSTANCES: usize = 8;

/// Decides what a lease offers.
#[must_use]
pub fn plan(event: &LeaseEvent, settings: &Settings) -> Plan {
    let mut notes = Notes::default();
    let softwires = event.v6.as_ref().map(|report| softwires(event, report, settings, &mut notes));
    Plan { softwires: softwires.unwrap_or_default(), notes: notes.finish(), ..Plan::default() }
}

fn softwires(event: &LeaseEvent, report: &V6Report, settings: &Settings, notes: &mut Notes) -> Vec<Softwire> {
    let quirks = settings.quirks();
    let order = order::decide(report, settings.kinds(), notes);
    let found = order.into_iter().filter_map(|kind| {
        let instances = report.options.get(&kind.option())?;
        let prefixes = prefixes(report, kind);
        let option = kind.option();
        instances.iter().take(MAX_INSTANCES).find_map(|value| {
            let computed = compute(kind, value, &prefixes, quirks).map_err(|error| {
                format!("option {option} ({kind}) is discarded: byte {}: {error}", error.offset)
            });
            let usable = computed.and_then(|softwire| match usable::check(&softwire) {
                Ok(()) => Ok(softwire),
                Err(why) => Err(format!("option {option} ({kind}) is not used: {why}")),
            });
            match usable {
                Ok(softwire) => {
                    for remark in &softwire.remarks {
                        notes.add(format!(
                            "option {option} ({kind}): byte {}: {}",
                            remark.offset, remark.oddity
                        ));
                    }
                    Some(typed::softwire(&softwire, value, event.link.mtu, notes))
                }
                Err(why) => {
                    notes.add(why);
                    None
                }
            }
        })
    });
    found.collect()
}

fn compute(
    kind: Kind,
    value: &Bytes,
    prefixes: &[Ipv6Prefix],
    quirks: Quirks,
) -> Result<dhcpmgr_softwire::Softwire, Malformed> {
    decode(kind, Input::value(&value.0)?, quirks, &mut ())?.configure(prefixes)
}

/// The customer's prefixes, those that are not deprecated first: delegated ones, and for a tunnel that is bound to a
/// prefix also those of the customer's addresses.
fn prefixes(report: &V6Report, kind: Kind) -> Vec<Ipv6Prefix> {
    let mut delegated: Vec<_> = report.prefixes.iter().filter(|p| p.valid.0 > 0 && !p.claimed).collect();
    delegated.sort_by_key(|p| p.preferred.0 == 0);
    let delegated = delegated.into_iter().filter_map(|p| Ipv6Prefix::try_from(p.prefix).ok());
    let addresses = report.addresses.iter().filter(|a| a.valid.0 > 0 && !a.claimed && kind == Kind::Lw4o6);
    let links = addresses.filter_map(|a| match a.address.address() {
        std::net::IpAddr::V6(address) => Ipv6Prefix::containing(address, 64),
        std::net::IpAddr::V4(_) => None,
    });
    delegated.chain(links).collect()
}
