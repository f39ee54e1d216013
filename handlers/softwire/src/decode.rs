//! Options 64, 94, 95, 96 and 111 as types. What is wrong anywhere discards the whole option.

mod container;
mod fields;
mod name;
mod priority;
mod rule;

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::DomainName;

use crate::input::Input;
use crate::kind::Kind;
use crate::malformed::Malformed;
use crate::ports::PortSet;
use crate::prefix::Ipv6Prefix;
use crate::quirk::Quirks;
use crate::read::{Reader, Value};
use crate::remark::{Remark, Remarks};
use crate::rule::Rule;
use crate::trace::Trace;

pub use priority::{Priority, decode_priority};

/// What an option provisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Option 94 or 95.
    Map {
        /// At least one, no two with the same IPv6 prefix, in the order of the option.
        rules: Vec<Rule>,
        /// Where everything else goes; says which of the two it is.
        remote: MapRemote,
    },
    /// Option 96.
    Lw4o6 {
        /// The customer's address. Without one it comes by DHCPv4 over DHCPv6 (RFC 7596 section 5.2).
        binding: Option<Binding>,
        /// The border relays, at least one.
        brs: Vec<Ipv6Addr>,
    },
    /// Option 64: the name of the AFTR.
    DsLite(DomainName),
}

/// The far end of a MAP domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapRemote {
    /// MAP-T: the prefix of the Default Mapping Rule, of one of the lengths in [`rfc6052`](crate::rfc6052).
    Dmr(Ipv6Prefix),
    /// MAP-E: the border relays, at least one.
    Brs(Vec<Ipv6Addr>),
}

/// S46_V4V6BIND (RFC 7598 section 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The customer's address.
    pub ipv4: Ipv4Addr,
    /// The prefix that the tunnel starts in; with length 128 its address.
    pub prefix: Ipv6Prefix,
    /// The customer's ports; without, all.
    pub port_params: Option<PortSet>,
}

impl Content {
    /// The mechanism.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Map { remote: MapRemote::Dmr(_), .. } => Kind::MapT,
            Self::Map { remote: MapRemote::Brs(_), .. } => Kind::MapE,
            Self::Lw4o6 { .. } => Kind::Lw4o6,
            Self::DsLite(_) => Kind::DsLite,
        }
    }
}

/// An option that was read, with the places that an error needs which shows only with the delegated prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub(crate) content: Content,
    pub(crate) places: Vec<Place>,
    pub(crate) remarks: Remarks,
    pub(crate) quirks: Quirks,
}

impl Decoded {
    /// What the option provisions.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What is odd about it.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks.0
    }
}

/// Where the parts of a rule or of a binding stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) ea_len: usize,
    pub(crate) ipv4: usize,
    pub(crate) prefix6_len: usize,
    pub(crate) psid: usize,
}

/// Reads the option that provisions this mechanism, and shows its fields.
pub fn decode(
    kind: Kind,
    input: Input<'_>,
    quirks: Quirks,
    trace: &mut dyn Trace,
) -> Result<Decoded, Malformed> {
    let reader = &mut Reader { trace, remarks: Remarks::default() };
    let value = Value { option: kind.option(), bytes: input.value, offset: input.offset, depth: 0 };
    let (content, places) = match kind {
        Kind::MapE | Kind::MapT => container::map(value, kind, quirks, reader)?,
        Kind::Lw4o6 => container::lw4o6(value, quirks, reader)?,
        Kind::DsLite => (Content::DsLite(name::decode(value, reader)?), Vec::new()),
    };
    Ok(Decoded { content, places, remarks: std::mem::take(&mut reader.remarks), quirks })
}
