//! Leased addresses: all of IA_NA and IA_TA (RFC 8415 sections 21.4 to 21.6).

use std::net::IpAddr;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::AddressPlan;
use dhcpmgr_plugin_api::message::{InterfaceAddress, V6Address, V6Report};

use crate::lifetimes;
use crate::unicast::not_a_host;

/// Addresses that are taken: what the host accepts in a plan.
pub(crate) const MAX_ADDRESSES: usize = 64;
/// What DHCPv6 leases is one address; it says nothing of the link (RFC 5942 section 4).
const HOST_LEN: u8 = 128;
/// Shorter lengths than that of a subnet are no client's to know.
const MIN_LEN: u8 = 64;

/// The addresses of the lease that can be right, each once.
pub(crate) fn decide(report: &V6Report, notes: &mut Notes) -> Vec<AddressPlan> {
    let mut taken: Vec<AddressPlan> = Vec::with_capacity(report.addresses.len().min(MAX_ADDRESSES));
    let mut beyond = 0_usize;
    for offered in &report.addresses {
        let plan = match check(offered, notes) {
            Ok(plan) => plan,
            Err(why) => {
                notes.add(format!("{} is ignored: {why}", shown(offered)));
                continue;
            }
        };
        let known = taken.iter().position(|known| known.address.address() == plan.address.address());
        match known {
            Some(place) => {
                notes.add(format!(
                    "{} is leased more than once; it stays for the longest time",
                    shown(offered)
                ));
                let known = &mut taken[place];
                if (plan.valid, plan.preferred) > (known.valid, known.preferred) {
                    *known = plan;
                }
            }
            None if taken.len() == MAX_ADDRESSES => beyond += 1,
            None => taken.push(plan),
        }
    }
    if beyond > 0 {
        notes.add(format!("only the first {MAX_ADDRESSES} addresses are used; {beyond} more are ignored"));
    }
    taken
}

fn check(offered: &V6Address, notes: &mut Notes) -> Result<AddressPlan, String> {
    let IpAddr::V6(address) = offered.address.address() else {
        return Err("it is no IPv6 address".to_owned());
    };
    if let Some(why) = not_a_host(address) {
        return Err(format!("it is {why}"));
    }
    lifetimes::check(offered.preferred, offered.valid)?;
    let mut address = offered.address;
    if address.prefix_len() < MIN_LEN {
        notes.add(format!("{} is taken as /{HOST_LEN}: a lease puts nothing on the link", shown(offered)));
        address = InterfaceAddress::new(address.address(), HOST_LEN).map_err(|error| error.to_string())?;
    }
    let (preferred, valid) = (offered.preferred, offered.valid);
    Ok(AddressPlan { address, broadcast: None, preferred, valid })
}

fn shown(offered: &V6Address) -> String {
    let kind = if offered.temporary { "IA_TA" } else { "IA_NA" };
    let iaid = offered.iaid.map(|iaid| format!(" {iaid}")).unwrap_or_default();
    format!("address {} ({kind}{iaid})", offered.address)
}
