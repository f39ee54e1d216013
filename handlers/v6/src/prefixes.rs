//! Delegated prefixes: all of IA_PD (RFC 8415 sections 21.21 and 21.22), and what of them stays with the ISP.

use std::net::{IpAddr, Ipv6Addr};

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::Delegation;
use dhcpmgr_plugin_api::message::{Prefix, V6Prefix, V6Report};

use crate::{exclude, lifetimes};

/// Prefixes that are taken: what the host accepts in a plan.
pub(crate) const MAX_PREFIXES: usize = 64;
/// The shortest prefix that is believed: more than all that a registry gives to one provider.
pub(crate) const MIN_LEN: u8 = 16;
/// The longest prefix of which a LAN can have a subnet (RFC 4291 section 2.5.4).
const SUBNET_LEN: u8 = 64;

/// The prefixes of the lease that can be right, each once.
pub(crate) fn decide(report: &V6Report, notes: &mut Notes) -> Vec<Delegation> {
    let mut taken: Vec<Delegation> = Vec::with_capacity(report.prefixes.len().min(MAX_PREFIXES));
    let mut beyond = 0_usize;
    for offered in &report.prefixes {
        if let Err(why) = check(offered) {
            notes.add(format!("{} is ignored: {why}", shown(offered.prefix, offered.iaid)));
            continue;
        }
        let V6Prefix { prefix, iaid, preferred, valid, claimed: _ } = *offered;
        let plan = Delegation { prefix, iaid, exclude: None, preferred, valid };
        match taken.iter().position(|known| known.prefix == prefix) {
            Some(place) => {
                let shown = shown(prefix, iaid);
                notes.add(format!("{shown} is delegated more than once; it stays for the longest time"));
                let known = &mut taken[place];
                if (valid, preferred) > (known.valid, known.preferred) {
                    *known = plan;
                }
            }
            None if taken.len() == MAX_PREFIXES => beyond += 1,
            None => taken.push(plan),
        }
    }
    if beyond > 0 {
        notes.add(format!("only the first {MAX_PREFIXES} prefixes are used; {beyond} more are ignored"));
    }
    remark(&taken, notes);
    exclude::apply(report, &mut taken, notes);
    taken
}

fn check(offered: &V6Prefix) -> Result<(), String> {
    let IpAddr::V6(address) = offered.prefix.address() else {
        return Err("it is no IPv6 prefix".to_owned());
    };
    if offered.prefix.len() < MIN_LEN {
        return Err(format!("it is shorter than /{MIN_LEN}, which nobody delegates"));
    }
    if let Some(why) = not_delegated(address) {
        return Err(format!("it is {why}"));
    }
    lifetimes::check(offered.preferred, offered.valid)
}

/// Why no prefix at this address can be a customer's, or `None` (RFC 4291 section 2.4). Unique local ones can be, and
/// so can what has not been given to anybody yet. None of these ranges lies in a prefix of [`MIN_LEN`] bits that does
/// not begin in it.
fn not_delegated(address: Ipv6Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("in ::/8, which is reserved (RFC 4291)"),
        [0xff, ..] => Some("multicast (ff00::/8)"),
        [0xfe, second, ..] if second & 0xc0 == 0x80 => Some("link-local (fe80::/10)"),
        _ => None,
    }
}

/// What is strange, and carried out all the same.
fn remark(taken: &[Delegation], notes: &mut Notes) {
    for (place, plan) in taken.iter().enumerate() {
        if plan.prefix.len() > SUBNET_LEN {
            let shown = shown(plan.prefix, plan.iaid);
            notes.add(format!("{shown} is longer than /{SUBNET_LEN}: no LAN can have a subnet of it"));
        }
        let overlap = |other: &&Delegation| {
            plan.prefix.contains(other.prefix.address()) || other.prefix.contains(plan.prefix.address())
        };
        for other in taken[..place].iter().filter(overlap) {
            notes.add(format!(
                "{} and {} overlap",
                shown(other.prefix, other.iaid),
                shown(plan.prefix, plan.iaid)
            ));
        }
    }
}

fn shown(prefix: Prefix, iaid: Option<u32>) -> String {
    let iaid = iaid.map(|iaid| format!(" {iaid}")).unwrap_or_default();
    format!("prefix {prefix} (IA_PD{iaid})")
}
