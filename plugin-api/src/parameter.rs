//! Vendor parameters in the data model (TR-106, section 3.3): `X_…` below the client's object.

use std::collections::BTreeMap;

use dhcpmgr_message::{ClientName, IfName};
use serde::{Deserialize, Serialize};

use crate::{LeaseEvent, Protocol};

/// The client whose parameters are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParametersQuery {
    /// The configured name of the client.
    pub client: ClientName,
    /// Its interface.
    pub interface: IfName,
    /// Its protocol.
    pub protocol: Protocol,
    /// What was written to the handler's parameters for this client, name → text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The lease that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseEvent>,
}

impl ParametersQuery {
    /// A query for a client without a lease, whose parameters nobody has written.
    #[must_use]
    pub fn new(client: ClientName, interface: IfName, protocol: Protocol) -> Self {
        Self { client, interface, protocol, parameters: BTreeMap::new(), lease: None }
    }
}

/// A parameter that a handler has for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Parameter {
    /// `X_`, the vendor, and a name: letters, digits and underscores, as in `X_ACME_Colour`.
    pub name: String,
    /// The type.
    #[serde(default)]
    pub kind: ParameterKind,
    /// Whether it may be written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
    /// The value now, as text; of a [`ParameterKind::Hex`] hex digits, of a [`ParameterKind::Boolean`] `true` or
    /// `false`.
    pub value: String,
    /// One line for the person who reads it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl Parameter {
    /// A text that may be read.
    #[must_use]
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::of(ParameterKind::Text, name.into(), value.into())
    }

    /// A whole number that may be read.
    #[must_use]
    pub fn unsigned(name: impl Into<String>, value: u64) -> Self {
        Self::of(ParameterKind::Unsigned, name.into(), value.to_string())
    }

    /// A whole number with a sign that may be read.
    #[must_use]
    pub fn integer(name: impl Into<String>, value: i64) -> Self {
        Self::of(ParameterKind::Integer, name.into(), value.to_string())
    }

    /// A truth value that may be read.
    #[must_use]
    pub fn boolean(name: impl Into<String>, value: bool) -> Self {
        Self::of(ParameterKind::Boolean, name.into(), value.to_string())
    }

    /// The same, and it may be written.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }

    /// The same with one line for the person who reads it.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    fn of(kind: ParameterKind, name: String, value: String) -> Self {
        Self { name, kind, writable: false, value, description: String::new() }
    }
}

/// The type of a parameter (TR-106, section 3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterKind {
    /// `string`
    #[default]
    Text,
    /// `long`
    Integer,
    /// `unsignedLong`
    Unsigned,
    /// `boolean`
    Boolean,
    /// `hexBinary`
    Hex,
}

impl ParameterKind {
    /// Whether a text is a value of this type; what is accepted otherwise.
    pub fn check(self, text: &str) -> Result<(), &'static str> {
        let hex = || text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
        let (fits, accepted) = match self {
            Self::Text => (true, "a text"),
            Self::Integer => (text.parse::<i64>().is_ok(), "a whole number"),
            Self::Unsigned => (text.parse::<u64>().is_ok(), "a whole number without a sign"),
            Self::Boolean => (matches!(text, "true" | "false"), "true or false"),
            Self::Hex => (hex(), "pairs of hex digits"),
        };
        if fits { Ok(()) } else { Err(accepted) }
    }
}

/// Somebody wants to write a parameter. When the handler agrees, the host keeps the value: from then on it stands in
/// [`Policy::parameters`](crate::Policy::parameters) of each lease, and the lease in force is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParameterChange {
    /// The client.
    pub query: ParametersQuery,
    /// The parameter.
    pub name: String,
    /// The new value, of the parameter's type.
    pub value: String,
}

impl ParameterChange {
    /// The wish to write a parameter.
    #[must_use]
    pub fn new(query: ParametersQuery, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { query, name: name.into(), value: value.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_type() {
        use ParameterKind::{Boolean, Hex, Integer, Text, Unsigned};
        for (kind, good, bad) in [
            (Integer, "-5", "5.0"),
            (Unsigned, "18446744073709551615", "-1"),
            (Boolean, "false", "0"),
            (Hex, "00fF", "0x0"),
        ] {
            assert_eq!(kind.check(good), Ok(()), "{good}");
            assert!(kind.check(bad).is_err(), "{bad}");
        }
        assert_eq!(Text.check("any thing"), Ok(()));
    }
}
