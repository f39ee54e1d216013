//! The softwire mechanisms and the DHCPv6 options they come in.

use std::fmt;
use std::str::FromStr;

/// S46_RULE (RFC 7598 section 4.1).
pub const RULE: u16 = 89;
/// S46_BR (RFC 7598 section 4.2).
pub const BR: u16 = 90;
/// S46_DMR (RFC 7598 section 4.3).
pub const DMR: u16 = 91;
/// S46_V4V6BIND (RFC 7598 section 4.4).
pub const V4V6BIND: u16 = 92;
/// S46_PORTPARAMS (RFC 7598 section 4.5).
pub const PORTPARAMS: u16 = 93;
/// S46_PRIORITY (RFC 8026 section 1.4).
pub const PRIORITY: u16 = 111;

/// A way to carry IPv4 over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// RFC 7597
    MapE,
    /// RFC 7599
    MapT,
    /// RFC 7596
    Lw4o6,
    /// RFC 6333
    DsLite,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MapE, Self::MapT, Self::Lw4o6, Self::DsLite];

    /// The name in JSON and in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MapE => "map-e",
            Self::MapT => "map-t",
            Self::Lw4o6 => "lw4o6",
            Self::DsLite => "ds-lite",
        }
    }

    /// The DHCPv6 option that provisions it.
    #[must_use]
    pub fn option(self) -> u16 {
        match self {
            Self::MapE => 94,
            Self::MapT => 95,
            Self::Lw4o6 => 96,
            Self::DsLite => 64,
        }
    }

    /// The mechanism that a DHCPv6 option provisions.
    #[must_use]
    pub fn of_option(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.option() == code)
    }

    /// The MTU of IPv4 over a link of this MTU, bytes. Translation grows a packet by 20 bytes, and by 8 more when it
    /// needs a fragment header (RFC 7915 section 1.3); a tunnel by the 40 of an IPv6 header. Below 1280 a link cannot
    /// carry IPv6 and counts as one with 1280.
    #[must_use]
    pub fn ipv4_mtu(self, link_mtu: u32) -> u32 {
        let overhead = if self == Self::MapT { 28 } else { 40 };
        link_mtu.max(1280) - overhead
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is none of a mechanism.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no kind of softwire; there are {}", Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownKind)
    }
}

/// An option's name with its code.
pub(crate) struct OptionName(pub(crate) u16);

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            RULE => "S46_RULE",
            BR => "S46_BR",
            DMR => "S46_DMR",
            V4V6BIND => "S46_V4V6BIND",
            PORTPARAMS => "S46_PORTPARAMS",
            PRIORITY => "S46_PRIORITY",
            64 => "AFTR_NAME",
            94 => "S46_CONT_MAPE",
            95 => "S46_CONT_MAPT",
            96 => "S46_CONT_LW",
            code => return write!(f, "option {code}"),
        };
        write!(f, "{name} ({})", self.0)
    }
}
