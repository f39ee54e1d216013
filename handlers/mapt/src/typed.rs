//! A computed softwire as a plan carries it.

use std::net::IpAddr;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{Bytes, Prefix};
use dhcpmgr_plugin_api::{Ports, Softwire, SoftwireRule};
use dhcpmgr_softwire::{InterfaceId, Ipv4Prefix, Ipv6Prefix, PortSet, Remote, Rule};

/// Rules for forwarding, and border relays, that a plan carries; a plan has 128 KiB.
const MAX_RULES: usize = 256;
const MAX_BRS: usize = 16;
/// The longest option that is carried along as it came, bytes: the host takes no longer one.
const MAX_OPTION: usize = 4096;

pub(crate) fn softwire(
    softwire: &dhcpmgr_softwire::Softwire,
    option: &Bytes,
    link_mtu: Option<u32>,
    notes: &mut Notes,
) -> Softwire {
    let edge = softwire.customer;
    let (mut dmr, mut br, mut aftr) = (None, Vec::new(), None);
    match &softwire.remote {
        Remote::Dmr(prefix) => dmr = ipv6(*prefix),
        Remote::Brs(addresses) => br = addresses.iter().copied().take(MAX_BRS).collect(),
        Remote::Aftr(name) => aftr = Some(name.clone()),
    }
    Softwire {
        kind: softwire.kind.name().to_owned(),
        option: if option.0.len() <= MAX_OPTION { option.clone() } else { Bytes::default() },
        ipv4: edge.and_then(|edge| ipv4(edge.ipv4)),
        ports: edge.map_or(Ports::default(), |edge| ports(edge.ports)),
        ea_bits: edge.map_or(0, |edge| edge.ea_bits),
        prefix: edge.and_then(|edge| ipv6(edge.prefix)),
        ce_ipv6: edge.map(|edge| edge.ipv6),
        dmr,
        br,
        aftr,
        rules: rules(softwire, notes),
        legacy_interface_id: softwire.form == InterfaceId::Legacy,
        mtu: link_mtu.map(|mtu| softwire.kind.ipv4_mtu(mtu)),
    }
}

/// The customer's rule, then those that are for forwarding: the others say nothing to this customer.
fn rules(softwire: &dhcpmgr_softwire::Softwire, notes: &mut Notes) -> Vec<SoftwireRule> {
    let own = softwire.selected;
    let forwarding =
        softwire.rules.iter().enumerate().filter(|(index, rule)| Some(*index) != own && rule.fmr());
    let forwarding: Vec<&Rule> = forwarding.map(|(_, rule)| rule).collect();
    if forwarding.len() > MAX_RULES {
        notes.add(format!(
            "{} has {} rules for forwarding, {MAX_RULES} are used: packets to customers of the others go by way of the ISP",
            softwire.kind,
            forwarding.len()
        ));
    }
    let own = own.and_then(|index| softwire.rules.get(index));
    own.into_iter().chain(forwarding.into_iter().take(MAX_RULES)).filter_map(rule).collect()
}

fn rule(rule: &Rule) -> Option<SoftwireRule> {
    Some(SoftwireRule {
        ipv6: ipv6(rule.ipv6_prefix())?,
        ipv4: ipv4(rule.ipv4_prefix())?,
        ea_len: rule.ea_len(),
        ports: ports(rule.ports()),
        fmr: rule.fmr(),
    })
}

fn ports(ports: PortSet) -> Ports {
    Ports { offset: ports.offset(), psid_len: ports.psid_len(), psid: ports.psid() }
}

fn ipv4(prefix: Ipv4Prefix) -> Option<Prefix> {
    Prefix::new(IpAddr::V4(prefix.address()), prefix.len()).ok()
}

fn ipv6(prefix: Ipv6Prefix) -> Option<Prefix> {
    Prefix::new(IpAddr::V6(prefix.address()), prefix.len()).ok()
}
