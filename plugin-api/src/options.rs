//! Which options a client requests and sends, asked when it is about to be started.

use std::collections::BTreeMap;

use dhcpmgr_message::{Bytes, ClientName, IfName};
use serde::{Deserialize, Serialize};

use crate::Protocol;

/// The client that is about to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OptionsQuery {
    /// The configured name of the client.
    pub client: ClientName,
    /// Its interface.
    pub interface: IfName,
    /// Its protocol.
    pub protocol: Protocol,
    /// What was written to the handler's own parameters for this client, name → text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

impl OptionsQuery {
    /// A query without written parameters.
    #[must_use]
    pub fn new(client: ClientName, interface: IfName, protocol: Protocol) -> Self {
        Self { client, interface, protocol, parameters: BTreeMap::new() }
    }
}

/// What a handler wants a client to request and to send. It stands in place of what the manifest says for every client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Options {
    /// Options to request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<WantedOption>,
    /// Options to send. Grant `send-options`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub send: Vec<GivenOption>,
}

impl Options {
    /// Adds an option to request in every message.
    #[must_use]
    pub fn request(mut self, code: u16) -> Self {
        self.request.push(WantedOption { code, when: When::default() });
        self
    }

    /// Adds an option to send in every message; `value` is as on the wire, without code and length.
    #[must_use]
    pub fn send(self, code: u16, value: impl Into<Vec<u8>>) -> Self {
        self.send_in(When::default(), code, value)
    }

    /// Adds an option to send in some messages.
    #[must_use]
    pub fn send_in(mut self, when: When, code: u16, value: impl Into<Vec<u8>>) -> Self {
        self.send.push(GivenOption { code, value: Bytes(value.into()), when });
        self
    }
}

/// An option to request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedOption {
    /// Option code.
    pub code: u16,
    /// In which messages.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
}

/// An option to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenOption {
    /// Option code.
    pub code: u16,
    /// Value as on the wire, without code and length.
    pub value: Bytes,
    /// In which messages.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
}

/// In which messages an option stands. Some client programs, udhcpc and dibbler among them, put the same options into
/// every message. With those an option that is for some messages only stands in all of them, unless it is
/// [`exactly`](Self::exactly) for some: then it is left out. Either is told in `dhcpmgr why`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct When {
    /// The messages; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<MessageKind>,
    /// Rather in no message at all than in another one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exactly: bool,
}

impl When {
    /// In these messages, and in others where the client program cannot tell them apart.
    #[must_use]
    pub fn at_least(messages: impl IntoIterator<Item = MessageKind>) -> Self {
        Self { messages: messages.into_iter().collect(), exactly: false }
    }

    /// In these messages and in no other one.
    #[must_use]
    pub fn exactly(messages: impl IntoIterator<Item = MessageKind>) -> Self {
        Self { messages: messages.into_iter().collect(), exactly: true }
    }

    /// Whether it is for every message.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.messages.is_empty()
    }
}

/// A message that a client sends (RFC 2131 section 3.1, RFC 8415 section 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// DHCPDISCOVER.
    Discover,
    /// DHCPREQUEST that answers an offer, or Request.
    Request,
    /// DHCPREQUEST that extends a lease at its server, or Renew.
    Renew,
    /// DHCPREQUEST that extends a lease at any server, or Rebind.
    Rebind,
    /// DHCPREQUEST after a reboot, or Confirm.
    Confirm,
    /// DHCPINFORM, or Information-request.
    Inform,
    /// DHCPDECLINE, or Decline.
    Decline,
    /// DHCPRELEASE, or Release.
    Release,
    /// Solicit.
    Solicit,
}
