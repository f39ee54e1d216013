//! What a module says of itself.

use std::fmt;

use dhcpmgr_message::Bytes;
use serde::{Deserialize, Serialize};

use crate::Protocol;

/// Major version of the handler API. A module loads when its major is this one.
pub const API_MAJOR: u16 = 1;
/// Minor version of the handler API. A module loads when the minor it needs is at most this one.
pub const API_MINOR: u16 = 0;

/// A version of the handler API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Changes when old modules can no longer be understood.
    pub major: u16,
    /// Grows when something is added.
    pub minor: u16,
}

impl ApiVersion {
    /// The version this crate was built as.
    pub const CURRENT: Self = Self { major: API_MAJOR, minor: API_MINOR };
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a module says of itself when it is asked to describe itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The handler's own name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The handler's own version, semantic.
    pub version: String,
    /// One line for the person who lists handlers.
    pub description: String,
    /// The protocols it handles.
    pub protocols: Vec<Protocol>,
    /// Option codes it reads. The host asks servers for them while the handler is healthy.
    pub options_consumed: Vec<u16>,
    /// Options it wants the client to send. Grant `send-options`.
    pub options_sent: Vec<SentOption>,
    /// What it needs from the system to be of use: `file:/proc/net/nat46/control`, `module:ip6_tunnel`. A handler
    /// whose needs are not met stays loaded, and its options are not requested.
    pub needs: Vec<String>,
}

/// An option that a handler wants the client to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentOption {
    /// The protocol.
    pub protocol: Protocol,
    /// Option code.
    pub code: u16,
    /// Value as on the wire, without code and length.
    pub value: Bytes,
}
