//! An object for each client: `/org/dhcpmgr1/clients/NAME`, with typed properties.

use std::collections::HashMap;

use dhcpmgr_message::ClientName;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant};

use super::{CLIENT_INTERFACE, Dictionary, MANAGER};
use crate::control::Controls;
use crate::control::views::{ClientStatus, Lease};
use crate::flat::FlatMap;
use crate::word::word;

/// What is said of a property that somebody wants to write.
pub(super) const READ_ONLY: &str =
    "properties are read-only; Set of org.dhcpmgr1.Manager writes the data model";

/// The clients, by their paths.
#[derive(Debug)]
pub(super) struct Objects(FlatMap<String, Object>);

#[derive(Debug)]
struct Object {
    name: ClientName,
    properties: Dictionary<'static>,
}

/// The path of a client: what is neither letter nor digit is written as `_` and its code.
pub(super) fn path(name: &str) -> String {
    let mut path = format!("{MANAGER}/clients/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

impl Objects {
    /// As they are now.
    pub(super) async fn read<C: Controls>(daemon: &C) -> Self {
        let object = |client: ClientStatus| {
            (path(client.name.as_str()), Object { properties: properties(&client), name: client.name })
        };
        Self(daemon.clients().await.into_iter().map(object).collect())
    }

    /// The client of a path.
    pub(super) fn name(&self, path: &str) -> Option<ClientName> {
        self.0.get(path).map(|object| object.name.clone())
    }

    /// Its properties.
    pub(super) fn properties(&self, path: &str) -> Option<&Dictionary<'static>> {
        self.0.get(path).map(|object| &object.properties)
    }

    /// The last parts of all paths.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|path| path.rsplit('/').next())
    }

    /// The answer of GetManagedObjects.
    pub(super) fn managed(&self) -> HashMap<OwnedObjectPath, HashMap<&'static str, &Dictionary<'static>>> {
        self.0
            .iter()
            .filter_map(|(path, object)| {
                Some((
                    OwnedObjectPath::try_from(path.as_str()).ok()?,
                    HashMap::from([(CLIENT_INTERFACE, &object.properties)]),
                ))
            })
            .collect()
    }

    /// Looks again, and tells what changed.
    pub(super) async fn update<C: Controls>(
        &mut self,
        daemon: &C,
        connection: &Connection,
    ) -> zbus::Result<()> {
        let now = Self::read(daemon).await;
        let nobody: Option<&str> = None;
        let manager = "org.freedesktop.DBus.ObjectManager";
        for (path, object) in &now.0 {
            let Ok(own) = ObjectPath::try_from(path.as_str()) else { continue };
            let Some(before) = self.0.get(path) else {
                let interfaces = HashMap::from([(CLIENT_INTERFACE, &object.properties)]);
                connection
                    .emit_signal(nobody, MANAGER, manager, "InterfacesAdded", &(own, interfaces))
                    .await?;
                continue;
            };
            // What counts down is not told each time.
            let changed: HashMap<&str, &Variant<'_>> = object
                .properties
                .iter()
                .filter(|(name, value)| *name != "ExpiresIn" && before.properties.get(*name) != Some(value))
                .map(|(name, value)| (name.as_str(), value))
                .collect();
            if !changed.is_empty() {
                let body = (CLIENT_INTERFACE, changed, Vec::<&str>::new());
                connection
                    .emit_signal(nobody, own, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body)
                    .await?;
            }
        }
        for path in self.0.keys().filter(|path| !now.0.contains_key(*path)) {
            if let Ok(own) = ObjectPath::try_from(path.as_str()) {
                let interfaces = vec![CLIENT_INTERFACE];
                connection
                    .emit_signal(nobody, MANAGER, manager, "InterfacesRemoved", &(own, interfaces))
                    .await?;
            }
        }
        *self = now;
        Ok(())
    }
}

fn properties(client: &ClientStatus) -> Dictionary<'static> {
    let texts = |items: Vec<String>| Variant::from(items);
    let (addresses, prefixes, dns, expires) = match &client.lease {
        None => (Vec::new(), Vec::new(), Vec::new(), 0),
        Some(Lease::V4(lease)) => (
            vec![lease.address.to_string()],
            Vec::new(),
            lease.dns.iter().map(ToString::to_string).collect(),
            lease.expires_in.map_or(-1, |left| i64::try_from(left).unwrap_or(i64::MAX)),
        ),
        Some(Lease::V6(lease)) => (
            lease.addresses.iter().map(|a| a.address.to_string()).collect(),
            lease.prefixes.iter().map(|p| p.prefix.to_string()).collect(),
            lease.dns.iter().map(ToString::to_string).collect(),
            lease.expires_in.map_or(-1, |left| i64::try_from(left).unwrap_or(i64::MAX)),
        ),
    };
    let lease = client.lease.as_ref().map(|lease| {
        // What counts down is a property of its own.
        let mut lease = serde_json::to_value(lease).unwrap_or_default();
        without_countdown(&mut lease);
        lease.to_string()
    });
    [
        ("Name", client.name.to_string().into()),
        ("Protocol", word(&client.protocol).into()),
        ("Interface", client.interface.to_string().into()),
        ("Enabled", client.enabled.into()),
        ("Status", word(&client.status).into()),
        ("Reason", client.reason.clone().unwrap_or_default().into()),
        ("Pid", client.pid.unwrap_or_default().into()),
        ("Restarts", client.restarts.into()),
        ("Addresses", texts(addresses)),
        ("Prefixes", texts(prefixes)),
        ("DNSServers", texts(dns)),
        ("ExpiresIn", expires.into()),
        ("Lease", lease.unwrap_or_default().into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, Variant<'static>)| (name.to_owned(), value))
    .collect()
}

fn without_countdown(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.remove("expires_in");
            fields.values_mut().for_each(without_countdown);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_countdown),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_of_a_client_is_a_path() {
        for name in ["wan4", "eth0.7-a_b", "9x"] {
            let path = path(name);
            assert!(ObjectPath::try_from(path.as_str()).is_ok(), "{path}");
        }
        assert_ne!(path("a_b"), path("a-b"));
    }
}
