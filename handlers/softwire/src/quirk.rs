//! Known deviations of ISPs and older equipment. Each is accepted where it is named, and never guessed.

use std::fmt;
use std::str::FromStr;

/// One deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Two zero bytes stand between the IPv6 prefix of an S46_RULE and its S46_PORTPARAMS, as Bouygues Telecom sends
    /// it (openwrt/openwrt#25190).
    SpareBytesBeforePortparams,
    /// The interface identifier of the drafts before RFC 7597: a zero byte, IPv4 address, PSID, a zero byte. Juniper
    /// calls it version 03, nat46 `MAP0`, OpenWrt `legacymap`.
    LegacyInterfaceId,
    /// The FMR flag is the most significant bit, as Kea's manual says it.
    FmrFlag0x80,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SpareBytesBeforePortparams, Self::LegacyInterfaceId, Self::FmrFlag0x80];

    /// The name in settings and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SpareBytesBeforePortparams => "spare-bytes-before-portparams",
            Self::LegacyInterfaceId => "legacy-interface-id",
            Self::FmrFlag0x80 => "fmr-flag-0x80",
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is none of a quirk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no quirk; there are {}", Quirk::ALL.map(Quirk::name).join(", "))]
pub struct UnknownQuirk;

impl FromStr for Quirk {
    type Err = UnknownQuirk;
    fn from_str(text: &str) -> Result<Self, UnknownQuirk> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == text).ok_or(UnknownQuirk)
    }
}

/// The deviations that are accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u8);

impl Quirks {
    /// None: the RFCs as they stand.
    pub const NONE: Self = Self(0);

    /// Whether this one is accepted.
    #[must_use]
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & 1 << quirk as u8 != 0
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().fold(0, |set, quirk| set | 1 << quirk as u8))
    }
}
