//! What an option means for one customer: the option and the delegated prefix together.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::DomainName;

use crate::decode::{Binding, Content, Decoded, MapRemote, Place};
use crate::kind::Kind;
use crate::malformed::{Flaw, Malformed};
use crate::ports::PortSet;
use crate::prefix::{Ipv4Prefix, Ipv6Prefix};
use crate::quirk::Quirk;
use crate::remark::{Oddity, Remark, Remarks};
use crate::rfc6052;
use crate::rule::{Customer, InterfaceId, Rule};

/// A softwire of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softwire {
    /// The mechanism.
    pub kind: Kind,
    /// The rules of a MAP domain, in the order of the option.
    pub rules: Vec<Rule>,
    /// Which of them is the customer's, the Basic Mapping Rule.
    pub selected: Option<usize>,
    /// The customer's side. Absent with DS-Lite, where all have the same address, and with lw4o6 without a binding.
    pub customer: Option<CustomerEdge>,
    /// The ISP's side.
    pub remote: Remote,
    /// The layout of interface identifiers in the domain.
    pub form: InterfaceId,
    /// What is odd.
    pub remarks: Vec<Remark>,
}

/// The customer's side of a softwire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerEdge {
    /// The IPv4 address; a prefix when the rule gives one.
    pub ipv4: Ipv4Prefix,
    /// The ports of it.
    pub ports: PortSet,
    /// The EA bits as a number; 0 where there are none.
    pub ea_bits: u64,
    /// The delegated prefix that the softwire uses, or the one of a binding.
    pub prefix: Ipv6Prefix,
    /// The IPv6 address that packets come to and start from.
    pub ipv6: Ipv6Addr,
}

/// The ISP's side of a softwire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// MAP-T: the prefix that IPv4 destinations are embedded in.
    Dmr(Ipv6Prefix),
    /// MAP-E and lw4o6: where packets are sent to, at least one.
    Brs(Vec<Ipv6Addr>),
    /// DS-Lite: the name of where packets are sent to.
    Aftr(DomainName),
}

/// Where a packet to an IPv4 address and port belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To this customer.
    Ours,
    /// To another customer of the domain.
    Customer {
        /// Which rule says so.
        rule: usize,
        /// Its PSID.
        psid: u16,
        /// Its MAP address.
        ipv6: Ipv6Addr,
        /// Whether it is sent there directly, by a Forwarding Mapping Rule, or by way of the ISP.
        direct: bool,
    },
    /// To nobody: the address is one of the rule, and no customer has the port.
    Nobody {
        /// Which rule says so.
        rule: usize,
    },
    /// Somewhere else, by way of the ISP.
    Internet {
        /// What the packet is sent to; with MAP-T the embedded address. Absent where a name stands for it.
        ipv6: Option<Ipv6Addr>,
    },
}

impl Decoded {
    /// The softwire of the customer with these delegated prefixes. Of several the one counts that matches the longest
    /// rule; among equals one that is long enough, then the first (RFC 7597 section 5).
    pub fn configure(self, prefixes: &[Ipv6Prefix]) -> Result<Softwire, Malformed> {
        let kind = self.content.kind();
        let form = if self.quirks.has(Quirk::LegacyInterfaceId) {
            InterfaceId::Legacy
        } else {
            InterfaceId::Rfc7597
        };
        let Self { content, places, mut remarks, .. } = self;
        let (rules, selected, customer, remote) = match content {
            Content::Map { rules, remote } => {
                let (selected, customer) = select(&rules, &places, prefixes, form, &mut remarks)?;
                let remote = match remote {
                    MapRemote::Dmr(prefix) => Remote::Dmr(prefix),
                    MapRemote::Brs(brs) => Remote::Brs(brs),
                };
                (rules, Some(selected), Some(customer), remote)
            }
            Content::Lw4o6 { binding, brs } => {
                let bound = binding.zip(places.first());
                let customer = bound.map(|(binding, place)| bind(binding, *place, prefixes, form));
                (Vec::new(), None, customer.transpose()?, Remote::Brs(brs))
            }
            Content::DsLite(name) => (Vec::new(), None, None, Remote::Aftr(name)),
        };
        Ok(Softwire { kind, rules, selected, customer, remote, form, remarks: remarks.0 })
    }
}

/// The Basic Mapping Rule, and what the customer has by it.
fn select(
    rules: &[Rule],
    places: &[Place],
    prefixes: &[Ipv6Prefix],
    form: InterfaceId,
    remarks: &mut Remarks,
) -> Result<(usize, CustomerEdge), Malformed> {
    let start = places.first().map_or(0, |place| place.prefix6_len);
    let first = *prefixes.first().ok_or_else(|| Flaw::NoPrefix.at(start))?;
    let matching = prefixes.iter().flat_map(|prefix| {
        let own = rules.iter().zip(places).enumerate();
        own.filter(|(_, (rule, _))| rule.ipv6_prefix().covers(*prefix))
            .map(|(index, (rule, place))| (index, rule, place, *prefix))
    });
    // `max_by_key` prefers the last of equals; the first prefix that was delegated is meant.
    let best = matching.reduce(|best, next| {
        let key = |(_, rule, _, prefix): &(usize, &Rule, &Place, Ipv6Prefix)| {
            (rule.ipv6_prefix().len(), prefix.len() >= rule.end_user_len())
        };
        if key(&next) > key(&best) { next } else { best }
    });
    let (index, rule, place, prefix) = best.ok_or_else(|| Flaw::NoRule(first).at(start))?;
    let too_short = || {
        let (rule_len, ea_len) = (rule.ipv6_prefix().len(), rule.ea_len());
        Flaw::PrefixTooShort { prefix, rule_len, ea_len }.at(place.ea_len)
    };
    let Customer { ea_bits, ipv4, ports } = rule.customer(prefix).ok_or_else(too_short)?;
    // A PSID of 0 stands for "none" where the length is given for clarity: the EA bits have it.
    let said = rule.port_params().map_or(0, |params| params.psid());
    if rule.ea_len() > 0 && said != 0 && said != ports.psid() {
        return Err(Flaw::PsidContradicts { said, derived: ports.psid() }.at(place.psid));
    }
    let ipv6 = rule.ce_address(prefix, form).ok_or_else(too_short)?;
    let end_user = Ipv6Prefix::containing(prefix.address(), rule.end_user_len());
    if end_user.and_then(|end_user| rule.ce_address(end_user, form)) != Some(ipv6) {
        remarks.add(place.ea_len, Oddity::BitsPastEa(prefix));
    } else if !prefix.contains(ipv6) {
        remarks.add(place.ea_len, Oddity::NotInPrefix(prefix));
    }
    Ok((index, CustomerEdge { ipv4, ports, ea_bits, prefix, ipv6 }))
}

/// The address that a binding gives. Its prefix says which of ours is meant, and may be all of it or a part
/// (RFC 7598 section 4.4); where none is known, it stands for itself.
fn bind(
    binding: Binding,
    place: Place,
    prefixes: &[Ipv6Prefix],
    form: InterfaceId,
) -> Result<CustomerEdge, Malformed> {
    let bound = binding.prefix;
    if binding.ipv4.is_unspecified() {
        return Err(Flaw::NoAddress(binding.ipv4).at(place.ipv4));
    }
    let ours = prefixes.iter().find(|prefix| prefix.covers(bound) || bound.covers(**prefix));
    let prefix = match (ours, prefixes.first()) {
        (Some(ours), _) if bound.covers(*ours) => *ours,
        (Some(_), _) | (None, None) => bound,
        (None, Some(&prefix)) => return Err(Flaw::NotBound { bound, prefix }.at(place.prefix6_len)),
    };
    let ports = binding.port_params.unwrap_or_default();
    let ipv6 = form.address(prefix, binding.ipv4, ports.psid());
    let ipv4 = Ipv4Prefix::from(binding.ipv4);
    Ok(CustomerEdge { ipv4, ports, ea_bits: 0, prefix, ipv6 })
}

impl Softwire {
    /// Where a packet to this address and port belongs. A port is also the identifier of an ICMP echo.
    #[must_use]
    pub fn destination(&self, address: Ipv4Addr, port: u16) -> Destination {
        if let Some(edge) = self.customer
            && edge.ipv4.contains(address)
            && edge.ports.contains(port)
        {
            return Destination::Ours;
        }
        // The longest IPv4 prefix decides, as in a routing table; of several for one shared address the one that has
        // the port.
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| rule.ipv4_prefix().contains(address));
        let mapped = rules.map(|(index, rule)| (index, rule, rule.map(self.kind, address, port, self.form)));
        match mapped.max_by_key(|(_, rule, ipv6)| (rule.ipv4_prefix().len(), ipv6.is_some())) {
            Some((rule, by, _)) if by.ports().owner(port).is_none() => return Destination::Nobody { rule },
            Some((rule, by, Some(ipv6))) => {
                let psid = by.ports().owner(port).unwrap_or_default();
                return Destination::Customer { rule, psid, ipv6, direct: by.fmr() };
            }
            // The address is shared with customers that other rules are for, which only the ISP knows.
            Some((_, _, None)) | None => {}
        }
        let ipv6 = match &self.remote {
            Remote::Dmr(prefix) => rfc6052::embed(*prefix, address),
            Remote::Brs(brs) => brs.first().copied(),
            Remote::Aftr(_) => None,
        };
        Destination::Internet { ipv6 }
    }
}
