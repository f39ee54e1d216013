//! A mapping rule and what it computes: EA bits, addresses and ports, in both directions (RFC 7597 section 5).
//!
//! A [`Rule`] that exists makes sense: its lengths fit each other, so nothing here can fail or panic for its sake.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::kind::Kind;
use crate::ports::PortSet;
use crate::prefix::{Ipv4Prefix, Ipv6Prefix, ones};

/// The most EA bits (RFC 7598 section 4.1): a whole IPv4 address and a PSID.
pub const MAX_EA_LEN: u8 = 48;

/// The layout of the interface identifier of a MAP address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum InterfaceId {
    /// Two zero bytes, IPv4 address, PSID (RFC 7597 section 6).
    #[default]
    Rfc7597,
    /// A zero byte, IPv4 address, PSID, a zero byte: the drafts before it.
    Legacy,
}

impl InterfaceId {
    /// The address within a prefix; past 64 bits the prefix overwrites the identifier (RFC 7597 section 6).
    pub(crate) fn address(self, prefix: Ipv6Prefix, ipv4: Ipv4Addr, psid: u16) -> Ipv6Addr {
        let value = u128::from(u32::from(ipv4)) << 16 | u128::from(psid);
        let value = if self == Self::Legacy { value << 8 } else { value };
        Ipv6Addr::from(prefix.bits() | value & !Ipv6Prefix::mask(prefix.len()))
    }
}

/// Why there is no such rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFlaw {
    /// EA length over 48.
    #[error("ea-len is {0}, at most 48 is possible (RFC 7598 section 4.1)")]
    EaLen(u8),
    /// More EA bits than address and PSID have.
    #[error(
        "ea-len is {ea_len}, but {most} bits are all that a /{} and a PSID of 16 bits leave to embed (RFC 7597 section 5.2)",
        48 - .most
    )]
    EaTooLong {
        /// What the rule says.
        ea_len: u8,
        /// What is possible.
        most: u8,
    },
    /// The EA bits do not fit into an IPv6 address.
    #[error("ea-len {ea_len} after a prefix of {prefix_len} bits is more than an IPv6 address has")]
    EaPastEnd {
        /// What the rule says.
        ea_len: u8,
        /// The length of the rule's IPv6 prefix.
        prefix_len: u8,
    },
    /// Too many offset bits.
    #[error("the PSID offset is {0}, at most 15 is possible (RFC 7598 section 4.5)")]
    Offset(u8),
    /// Too many bits of PSID.
    #[error("PSID-len is {0}, at most 16 is possible: a port has 16 bits")]
    PsidLen(u8),
    /// More bits than a port has.
    #[error("PSID offset {offset} and PSID-len {psid_len} are more than the 16 bits of a port")]
    OffsetAndPsidLen {
        /// Offset bits.
        offset: u8,
        /// Bits of the PSID.
        psid_len: u8,
    },
    /// The same, with the length that follows from the EA bits.
    #[error(
        "PSID offset {offset} and the {psid_len} bits of PSID that follow from ea-len are more than the 16 bits of a \
         port"
    )]
    OffsetAndDerived {
        /// Offset bits.
        offset: u8,
        /// Bits of the PSID.
        psid_len: u8,
    },
    /// PSID-len is neither 0 nor what follows from the EA bits.
    #[error("PSID-len is {said}, but {derived} follows from ea-len and prefix4-len; it must be that or 0")]
    PsidLenContradicts {
        /// What PSID-len says.
        said: u8,
        /// What follows.
        derived: u8,
    },
    /// A PSID with a whole IPv4 prefix.
    #[error(
        "a PSID comes with an IPv4 prefix of {0} bits, but only a whole address can be shared (RFC 7598 section 4.5)"
    )]
    PsidWithPrefix(u8),
}

/// A mapping rule: Basic, and with the flag also for forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    fmr: bool,
    ea_len: u8,
    ipv4: Ipv4Prefix,
    ipv6: Ipv6Prefix,
    port_params: Option<PortSet>,
    /// EA bits that belong to the IPv4 address.
    suffix_len: u8,
    /// The split of ports, with the PSID where the rule gives one.
    ports: PortSet,
}

/// What one customer has by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Customer {
    /// The EA bits as a number.
    pub ea_bits: u64,
    /// The IPv4 address; a prefix when the rule gives one.
    pub ipv4: Ipv4Prefix,
    /// The ports.
    pub ports: PortSet,
}

impl Rule {
    /// A rule, when its lengths fit each other. Port parameters with a PSID of 0 bits say nothing of the PSID.
    pub fn new(
        fmr: bool,
        ea_len: u8,
        ipv4: Ipv4Prefix,
        ipv6: Ipv6Prefix,
        port_params: Option<PortSet>,
    ) -> Result<Self, RuleFlaw> {
        let host_bits = Ipv4Prefix::WIDTH - ipv4.len();
        if ea_len > MAX_EA_LEN {
            return Err(RuleFlaw::EaLen(ea_len));
        }
        if ea_len > host_bits + PortSet::MAX_PSID_LEN {
            return Err(RuleFlaw::EaTooLong { ea_len, most: host_bits + PortSet::MAX_PSID_LEN });
        }
        if ea_len > Ipv6Prefix::WIDTH - ipv6.len() {
            return Err(RuleFlaw::EaPastEnd { ea_len, prefix_len: ipv6.len() });
        }
        let suffix_len = ea_len.min(host_bits);
        let derived = ea_len - suffix_len;
        let offset = port_params.map_or(PortSet::DEFAULT_OFFSET, PortSet::offset);
        let said = port_params.map_or(0, PortSet::psid_len);
        if said > 0 && suffix_len < host_bits {
            return Err(RuleFlaw::PsidWithPrefix(ipv4.len() + suffix_len));
        }
        if said > 0 && ea_len > 0 && said != derived {
            return Err(RuleFlaw::PsidLenContradicts { said, derived });
        }
        let (psid_len, psid) = match port_params {
            Some(params) if ea_len == 0 => (said, params.psid()),
            _ => (derived, 0),
        };
        let ports =
            PortSet::new(offset, psid_len, psid).ok_or(RuleFlaw::OffsetAndDerived { offset, psid_len })?;
        Ok(Self { fmr, ea_len, ipv4, ipv6, port_params, suffix_len, ports })
    }

    /// Whether packets to other customers of the rule are sent to them directly.
    #[must_use]
    pub fn fmr(&self) -> bool {
        self.fmr
    }

    /// The number of EA bits.
    #[must_use]
    pub fn ea_len(&self) -> u8 {
        self.ea_len
    }

    /// The Rule IPv4 prefix.
    #[must_use]
    pub fn ipv4_prefix(&self) -> Ipv4Prefix {
        self.ipv4
    }

    /// The Rule IPv6 prefix.
    #[must_use]
    pub fn ipv6_prefix(&self) -> Ipv6Prefix {
        self.ipv6
    }

    /// The port parameters, where the rule has any.
    #[must_use]
    pub fn port_params(&self) -> Option<PortSet> {
        self.port_params
    }

    /// The split of ports: offset and length of the PSID in force. The PSID is that of the rule, or 0 when each
    /// customer has its own.
    #[must_use]
    pub fn ports(&self) -> PortSet {
        self.ports
    }

    /// The least length of a delegated prefix: Rule IPv6 prefix and EA bits.
    #[must_use]
    pub fn end_user_len(&self) -> u8 {
        self.ipv6.len() + self.ea_len
    }

    /// What the customer with this delegated prefix has. `None` when the prefix is not one of the rule, or shorter
    /// than [`Self::end_user_len`]. What a longer prefix has besides the EA bits is not looked at.
    #[must_use]
    pub fn customer(&self, prefix: Ipv6Prefix) -> Option<Customer> {
        if !self.ipv6.covers(prefix) || prefix.len() < self.end_user_len() {
            return None;
        }
        let past = u32::from(Ipv6Prefix::WIDTH - self.end_user_len());
        let ea_bits = prefix.bits().checked_shr(past).unwrap_or(0) as u64 & ones(self.ea_len);
        let psid_len = self.ports.psid_len();
        let (suffix, ports) = if self.ea_len == 0 {
            (0, self.ports)
        } else {
            let psid = (ea_bits & ones(psid_len)) as u16;
            (ea_bits >> psid_len, self.ports.with_psid(psid)?)
        };
        let len = self.ipv4.len() + self.suffix_len;
        let suffix = (suffix as u32).checked_shl(u32::from(Ipv4Prefix::WIDTH - len)).unwrap_or(0);
        let ipv4 = Ipv4Prefix::containing(Ipv4Addr::from(self.ipv4.bits() | suffix), len)?;
        Some(Customer { ea_bits, ipv4, ports })
    }

    /// The MAP address of the customer with this delegated prefix (RFC 7597 section 6). Between the EA bits and the
    /// interface identifier are the bits of the prefix, zeros past it. A prefix that goes on within the identifier
    /// overwrites as much of it as rule and EA bits do, as the border relay knows no more.
    #[must_use]
    pub fn ce_address(&self, prefix: Ipv6Prefix, form: InterfaceId) -> Option<Ipv6Addr> {
        let Customer { ipv4, ports, .. } = self.customer(prefix)?;
        let kept = prefix.len().min(self.end_user_len().max(64));
        let prefix = Ipv6Prefix::containing(prefix.address(), kept)?;
        Some(form.address(prefix, ipv4.address(), ports.psid()))
    }

    /// The MAP address that a packet to this address and port goes to: what a border relay computes, and a customer
    /// with a Forwarding Mapping Rule (RFC 7597 section 5.3). `None` when the address is not one of the rule or the
    /// port nobody's.
    #[must_use]
    pub fn map(&self, kind: Kind, address: Ipv4Addr, port: u16, form: InterfaceId) -> Option<Ipv6Addr> {
        if !self.ipv4.contains(address) {
            return None;
        }
        let psid = self.ports.owner(port)?;
        if self.ea_len == 0 && psid != self.ports.psid() {
            return None;
        }
        let len = self.ipv4.len() + self.suffix_len;
        let below = u32::from(address).checked_shr(u32::from(Ipv4Prefix::WIDTH - len)).unwrap_or(0);
        let suffix = u64::from(below) & ones(self.suffix_len);
        let ea_bits = if self.ea_len == 0 { 0 } else { suffix << self.ports.psid_len() | u64::from(psid) };
        let past = u32::from(Ipv6Prefix::WIDTH - self.end_user_len());
        let bits = self.ipv6.bits() | u128::from(ea_bits).checked_shl(past).unwrap_or(0);
        let prefix = Ipv6Prefix::containing(Ipv6Addr::from(bits), self.end_user_len())?;
        // A tunnel ends at the customer's one MAP address. Translation has to keep the whole IPv4 address.
        let embedded =
            if kind == Kind::MapT { address } else { Ipv4Prefix::containing(address, len)?.address() };
        Some(form.address(prefix, embedded, psid))
    }

    /// Whose MAP address this is: the way back of [`Self::map`] and [`Self::ce_address`]. `None` when the address is
    /// not one of the rule, or is not what the rule computes for its own EA bits.
    #[must_use]
    pub fn unmap(&self, address: Ipv6Addr, form: InterfaceId) -> Option<Customer> {
        let prefix = Ipv6Prefix::containing(address, self.end_user_len().max(64))?;
        let customer = self.customer(prefix)?;
        let shift = if form == InterfaceId::Legacy { 24 } else { 16 };
        // With translation, a customer that has a prefix uses every address of it.
        let free = u128::from(!Ipv4Prefix::mask(customer.ipv4.len())) << shift;
        let expected = form.address(prefix, customer.ipv4.address(), customer.ports.psid());
        ((u128::from(address) ^ u128::from(expected)) & !free == 0).then_some(customer)
    }
}
