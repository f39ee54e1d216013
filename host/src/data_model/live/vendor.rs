//! Vendor parameters (TR-106 section 3.3): what handlers have for a client besides the tables, and what leases publish
//! under such a name.

use std::collections::BTreeMap;

use dhcpmgr_plugin_api::{ParameterKind, Protocol};

use super::super::door::Supported;
use super::super::path::{Extra, is_name};
use super::super::schema::{Form, Kind, Object};
use super::super::tables::OBJECTS;
use super::super::value::Value;
use super::{Facts, clients};
use crate::handlers::VendorParameter;

/// The most characters of a text.
const LONGEST: u16 = 4096;

/// Whether a name below a client is the data model's own, or kept for it.
#[must_use]
pub fn is_ours(protocol: Protocol, name: &str) -> bool {
    let row = Object::find(&format!("{}{{i}}.", clients(protocol)));
    let known = row.is_some_and(|row| row.parameter(name).is_some() || row.child(name).is_some());
    known || name.starts_with("X_DHCPMGR_")
}

/// Whether a path may name something that only handlers know of a client of this protocol: then they are to be asked.
#[must_use]
pub fn may_be_named(path: &str, protocol: Protocol) -> bool {
    let table = clients(protocol);
    let leads_there = path.starts_with(table) || table.starts_with(path);
    let last = path.rsplit('.').next().unwrap_or_default();
    let is_standard =
        || last.ends_with("()") || OBJECTS.iter().any(|object| object.parameter(last).is_some());
    leads_there && (path.contains("X_") || !is_standard())
}

/// What the lease publishes and handlers do not have.
pub(super) fn published(
    protocol: Protocol,
    of_handlers: &[Extra],
    published: Option<&BTreeMap<String, String>>,
) -> Vec<Extra> {
    let mut all: Vec<Extra> = Vec::new();
    for (name, value) in published.into_iter().flatten() {
        let own = name.starts_with("X_") && is_name(name) && !is_ours(protocol, name);
        if own && !of_handlers.iter().any(|other| other.name == *name) {
            let (kind, value) = (kind(ParameterKind::Text), value.as_str().into());
            all.push(Extra { name: name.clone(), kind, value, writes: None, description: String::new() });
        }
    }
    all
}

pub(super) fn of_handler(parameter: &VendorParameter) -> Extra {
    let kind = kind(parameter.kind);
    Extra {
        name: parameter.name.clone(),
        kind,
        // It was checked where it came from.
        value: Value::from(parameter.value.as_str()).taken(&kind).unwrap_or_else(|_| Value::nothing(&kind)),
        writes: parameter.writable.then(|| parameter.handler.clone()),
        description: parameter.description.clone(),
    }
}

const fn kind(kind: ParameterKind) -> Kind {
    match kind {
        ParameterKind::Text => Kind::Text { max: LONGEST, form: Form::Any },
        ParameterKind::Integer => Kind::Int { min: i64::MIN, max: i64::MAX },
        ParameterKind::Unsigned => Kind::Long,
        ParameterKind::Boolean => Kind::Boolean,
        ParameterKind::Hex => Kind::Hex { min: 0, max: LONGEST / 2 },
    }
}

impl Facts {
    /// What clients have besides the tables, each name once.
    #[must_use]
    pub fn supported(&self) -> Vec<Supported> {
        let mut all: Vec<Supported> = Vec::new();
        for client in self.v4.iter().chain(&self.v6) {
            for extra in &client.extras {
                let path = format!("{}{{i}}.{}", clients(client.client.protocol), extra.name);
                if all.iter().any(|known| known.path == path) {
                    continue;
                }
                let (kind, accepted) = (extra.kind.name().to_owned(), extra.kind.accepted());
                let detail = match extra.description.as_str() {
                    "" => accepted,
                    description => format!("{description}; {accepted}"),
                };
                all.push(Supported { path, kind, writable: extra.writes.is_some(), detail });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_asked_only_for_what_only_they_know() {
        for path in [
            "Device.",
            "Device",
            "Device.DHCPv4.Client.",
            "Device.DHCPv4.Client.1",
            "Device.DHCPv4.Client.*.X_ACME_Colour",
            "Device.DHCPv4.Client.[X_ACME_Colour==\"red\"].Enable",
        ] {
            assert!(may_be_named(path, Protocol::V4), "{path}");
        }
        for path in [
            "Device.DHCPv4.Client.1.Enable",
            "Device.DHCPv4.Client.*.Renew()",
            "Device.DHCPv6.Client.1.X_ACME_Colour",
            "Device.Routing.Router.1.",
        ] {
            assert!(!may_be_named(path, Protocol::V4), "{path}");
        }
    }

    #[test]
    fn a_name_of_ours_is_no_vendors() {
        for name in ["X_RDK_Restart", "X_DHCPMGR_IA", "X_DHCPMGR_Later", "Enable", "SentOption"] {
            assert!(is_ours(Protocol::V4, name), "{name}");
        }
        assert!(!is_ours(Protocol::V4, "X_ACME_Colour") && !is_ours(Protocol::V4, "X_RDK_Colour"));
    }

    #[test]
    fn values_have_the_types_of_the_standard() {
        for (of, text, name, value) in [
            (ParameterKind::Text, "x", "string", Value::from("x")),
            (ParameterKind::Integer, "-9223372036854775808", "long", Value::Int(i64::MIN)),
            (ParameterKind::Unsigned, "18446744073709551615", "unsignedLong", Value::from(u64::MAX)),
            (ParameterKind::Boolean, "true", "boolean", Value::from(true)),
            (ParameterKind::Hex, "00fF", "hexBinary", Value::from("00ff")),
        ] {
            assert_eq!(kind(of).name(), name);
            assert_eq!(Value::from(text).taken(&kind(of)), Ok(value));
        }
    }
}
