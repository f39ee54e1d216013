//! What is odd about an option that is accepted.

use std::fmt;

use crate::kind::OptionName;
use crate::prefix::Ipv6Prefix;
use crate::quirk::Quirk;

/// Remarks that are kept for one option: enough for a person, whatever a server sends.
const MOST: usize = 32;

/// Something odd that the RFCs tell a receiver to ignore, or that the operator accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where, as in [`Malformed::offset`](crate::Malformed::offset).
    pub offset: usize,
    /// What.
    pub oddity: Oddity,
}

/// What is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// An option that RFC 7598 does not know.
    UnknownOption(u16),
    /// The flag that Kea's manual calls the FMR flag.
    FmrFlagAt0x80,
    /// Flags that are not assigned.
    ReservedFlags(u8),
    /// Bits past the length of the field are set.
    BitsPastLength(&'static str),
    /// The PSID field has a value although PSID-len is 0.
    PsidWithoutLen(u16),
    /// The PSID field has bits past PSID-len: perhaps the number is not aligned to the left.
    PsidPadding(u16),
    /// The quirk was needed.
    Quirk(Quirk),
    /// Bits 64 to 71 of the prefix of the Default Mapping Rule are set.
    DmrUOctet,
    /// The delegated prefix goes on after the EA bits with other bits than zeros, which no border relay knows of.
    BitsPastEa(Ipv6Prefix),
    /// The delegated prefix is so long that the MAP address, which a border relay computes, is not in it.
    NotInPrefix(Ipv6Prefix),
    /// A mechanism in the priority list that is not known here.
    UnknownMechanism(u16),
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption(code) => write!(f, "{} is not known here and is ignored", OptionName(*code)),
            Self::FmrFlagAt0x80 => write!(
                f,
                "flag 0x80 is reserved and ignored; if it is meant as the FMR flag (0x01), the quirk {} accepts it",
                Quirk::FmrFlag0x80
            ),
            Self::ReservedFlags(flags) => write!(f, "flags {flags:#04x} are reserved and ignored"),
            Self::BitsPastLength(field) => write!(f, "{field} has bits past its length, which are ignored"),
            Self::PsidWithoutLen(field) => {
                write!(f, "the PSID field is {field:#06x} and PSID-len is 0: the field is ignored")
            }
            Self::PsidPadding(field) => write!(
                f,
                "the PSID field {field:#06x} has bits past PSID-len, which are ignored; is the PSID not aligned to \
                 the left?"
            ),
            Self::Quirk(quirk) => write!(f, "accepted by the quirk {quirk}"),
            Self::DmrUOctet => {
                f.write_str("bits 64 to 71 of the DMR prefix must be zero (RFC 6052 section 2.2)")
            }
            Self::BitsPastEa(prefix) => write!(
                f,
                "the delegated prefix {prefix} has bits after the EA bits; a border relay takes them for zeros and \
                 will not reach this address"
            ),
            Self::NotInPrefix(prefix) => write!(
                f,
                "the delegated prefix {prefix} goes on after the EA bits, into the interface identifier: the MAP \
                 address is not in it"
            ),
            Self::UnknownMechanism(code) => write!(f, "{} is no mechanism known here", OptionName(*code)),
        }
    }
}

/// Remarks as they are collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Remarks(pub(crate) Vec<Remark>);

impl Remarks {
    pub(crate) fn add(&mut self, offset: usize, oddity: Oddity) {
        if self.0.len() < MOST {
            self.0.push(Remark { offset, oddity });
        }
    }
}
