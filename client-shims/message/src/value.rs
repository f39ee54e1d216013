//! Values that cannot be wrong: parsed once at the edge, trusted everywhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

mod bytes;
mod names;
mod prefix;

pub use bytes::{Bytes, Token};
pub use names::{ClientName, DomainName, HostName, IfName};
pub use prefix::{InterfaceAddress, Prefix};

/// Why a text is not the value it claims to be: a sentence that names the text and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" {why}")]
pub struct ValueError {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl ValueError {
    fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        // Hostile text ends up in logs: shortened, and without control characters.
        let text = text.chars().take(64).flat_map(char::escape_default).collect();
        Self { what, text, why }
    }
}

/// Serialises a value as its text and parses it back, so that MessagePack, JSON and TOML all show the same.
macro_rules! text_serde {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}
use text_serde;

/// A lifetime in seconds as DHCP sends it; `0xffff_ffff` means for ever (RFC 2131 section 3.3, RFC 8415
/// section 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// For ever.
    pub const INFINITE: Self = Self(u32::MAX);

    /// The seconds, or `None` for ever.
    #[must_use]
    pub fn seconds(self) -> Option<u32> {
        (self != Self::INFINITE).then_some(self.0)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds() {
            Some(seconds) => write!(f, "{seconds} s"),
            None => f.write_str("for ever"),
        }
    }
}
