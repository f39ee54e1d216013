//! What was written through the data model: a layer over the configuration files, kept in `/var/lib/dhcpmgr`.
//!
//! The files are never written to. What is said here goes before them; what is not said here follows them.

use std::time::Duration;

use std::collections::BTreeMap;

use dhcpmgr_message::{Bytes, ClientName};
use dhcpmgr_plugin_api::Protocol;
use serde::{Deserialize, Serialize};

use super::numbers::Numbers;
use super::options::OptionTable;
use crate::config::{self, Client, Config, IaConfig};
use crate::flat::{FlatMap, FlatSet};
use crate::handlers::Kept;
use crate::store::Record;

/// Everything that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// What was written, by the name of the client.
    #[serde(default)]
    pub clients: FlatMap<ClientName, Edits>,
    /// The numbers of clients and interfaces.
    #[serde(default)]
    pub numbers: Numbers,
}

impl Record for Desired {
    const KIND: [u8; 4] = *b"MODL";
    const VERSION: u16 = 1;
}

/// What was written of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    /// It was added here, and the files do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Protocol>,
    /// It was deleted here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Parameters by their path below the client, with what was written; `Interface` with the name of the network
    /// interface.
    #[serde(default, skip_serializing_if = "FlatMap::is_empty")]
    pub values: FlatMap<String, String>,
    /// SentOption.
    #[serde(default)]
    pub sent: OptionTable,
    /// ReqOption.
    #[serde(default)]
    pub requested: OptionTable,
    /// What was written to the parameters of handlers: handler → name → value.
    #[serde(default, skip_serializing_if = "FlatMap::is_empty")]
    pub parameters: FlatMap<String, BTreeMap<String, String>>,
}

/// The configuration in force: the files with what was written over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Whole {
    /// What runs.
    pub config: Config,
    /// Clients that have no interface, and so cannot run.
    pub parked: FlatMap<ClientName, Client>,
}

impl Desired {
    /// Lays what was written over the files.
    #[must_use]
    pub fn over(&self, files: &Config) -> Whole {
        let mut whole = Whole { config: files.clone(), parked: FlatMap::new() };
        for (name, edits) in &self.clients {
            if edits.say_nothing() && files.clients.contains_key(name) {
                continue;
            }
            let base = match (files.clients.get(name), edits.added) {
                // A section that came later under the same name is what the operator wants.
                (Some(client), _) => Some(client.clone()),
                (None, Some(protocol)) => blank(name, protocol),
                (None, None) => None,
            };
            let Some(base) = base.filter(|_| !edits.deleted) else {
                whole.config.clients.remove(name);
                continue;
            };
            let (client, has_interface) = edits.over(base);
            if has_interface {
                whole.config.clients.insert(name.clone(), client);
            } else {
                whole.config.clients.remove(name);
                whole.parked.insert(name.clone(), client);
            }
        }
        whole
    }

    /// Grows with every number that is given; what is written besides is kept when it is written.
    #[must_use]
    pub fn size(&self) -> usize {
        let options = |table: &OptionTable| table.last as usize;
        let edits = self.clients.values().map(|edits| 1 + options(&edits.sent) + options(&edits.requested));
        edits.sum::<usize>() + self.numbers.size()
    }

    /// What was written to the parameters of handlers.
    #[must_use]
    pub fn parameters(&self) -> Kept {
        let written = self.clients.iter().filter(|(_, edits)| !edits.parameters.is_empty());
        written.map(|(client, edits)| (client.clone(), edits.parameters.clone())).collect()
    }

    /// Forgets what was written of clients and handlers whose section is gone from the files: one of that name in a
    /// later configuration is another one.
    pub fn forget_all_but(&mut self, files: &Config) {
        self.clients.retain(|name, edits| edits.added.is_some() || files.clients.contains_key(name));
        for edits in self.clients.values_mut() {
            edits.parameters.retain(|name, _| files.handlers.iter().any(|handler| handler.name == *name));
        }
    }
}

/// A client as it is when it is added: TR-181's defaults where it has any, ours elsewhere.
#[must_use]
pub fn blank(name: &ClientName, protocol: Protocol) -> Option<Client> {
    // The interface stands in for one that is not known yet.
    let (word, further) = if protocol == Protocol::V4 { ("v4", "") } else { ("v6", "prefixes = false\n") };
    let text = format!(
        "[clients.\"{name}\"]\nenabled = false\ninterface = \"lo\"\nprotocol = \"{word}\"\n{further}"
    );
    config::parse(vec![("data model".into(), text)]).ok()?.clients.remove(name)
}

impl Edits {
    /// Whether the files stand as they are: only numbers of rows are kept here.
    fn say_nothing(&self) -> bool {
        !self.deleted
            && self.added.is_none()
            && self.values.is_empty()
            && self.sent.follows_the_files()
            && self.requested.follows_the_files()
    }

    /// The client with what was written, and whether it has an interface.
    fn over(&self, mut client: Client) -> (Client, bool) {
        let value = |name: &str| self.values.get(name).map(String::as_str);
        let flag = |name: &str| value(name).map(|text| text == "true");
        let files = client.clone();
        let mut has_interface = self.added.is_none();
        if let Some(enabled) = flag("Enable") {
            client.enabled = enabled;
        }
        match value("Interface").map(str::parse) {
            Some(Ok(interface)) => (client.interface, has_interface) = (interface, true),
            Some(Err(_)) => has_interface = false,
            None => {}
        }
        if let Some(seconds) =
            value("Retransmission.DiscoverInitialTimeout").and_then(|text| text.parse().ok())
        {
            client.discover_interval = Duration::from_secs(seconds);
        }
        let asked = |wanted: Option<bool>, files: &[IaConfig]| match wanted {
            Some(false) => Vec::new(),
            Some(true) if files.is_empty() => vec![IaConfig::default()],
            _ => files.to_vec(),
        };
        if client.protocol == Protocol::V6 {
            client.v6.ia_na = asked(flag("RequestAddresses"), &files.v6.ia_na);
            client.v6.ia_pd = asked(flag("RequestPrefixes"), &files.v6.ia_pd);
            let seconds =
                |name: &str| value(name).map(|text| text.parse().ok().filter(|seconds| *seconds > 0));
            for ia in client.v6.ia_na.iter_mut().chain(&mut client.v6.ia_pd) {
                ia.t1 = seconds("SuggestedT1").unwrap_or(ia.t1);
                ia.t2 = seconds("SuggestedT2").unwrap_or(ia.t2);
            }
        }
        if let Some(rapid) = flag("RapidCommit") {
            client.v6.rapid_commit = rapid;
        }
        if let Some(codes) = value("RequestedOptions") {
            client.request =
                codes.split(',').filter_map(|code| code.parse().ok()).filter(|code| *code > 0).collect();
        }
        let mut sent = client.send.clone();
        if let Some(name) = &client.hostname {
            sent.insert(HOST_NAME, Bytes(name.as_str().as_bytes().to_vec()));
        }
        let mut sent = self.sent.in_force(&sent);
        // The key of its own goes on to say it as long as nothing else is said.
        let own = client.hostname.as_ref().map(|name| name.as_str().as_bytes());
        if own.is_some_and(|own| sent.get(&HOST_NAME).is_some_and(|value| value.0 == own)) {
            sent.remove(&HOST_NAME);
        } else {
            client.hostname = None;
        }
        client.send = sent;
        let requested: FlatMap<u16, Bytes> =
            client.request.iter().map(|code| (*code, Bytes::default())).collect();
        client.request = self.requested.in_force(&requested).into_keys().collect::<FlatSet<_>>();
        (client, has_interface)
    }
}

/// The option of the key `hostname`.
pub const HOST_NAME: u16 = 12;

#[cfg(test)]
mod tests {
    use super::super::options::{Given, OptionRow, Owner};
    use super::*;

    fn files(text: &str) -> Config {
        config::parse(vec![("test".into(), text.to_owned())]).unwrap()
    }

    const WAN4: &str = "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\nhostname = \"gw\"\nrequest = [43]\n\
        [clients.wan4.send]\n60 = { text = \"acme\" }\n";

    fn edited(edits: Edits) -> Desired {
        Desired { clients: [("wan4".parse().unwrap(), edits)].into(), ..Desired::default() }
    }

    fn values(of: &[(&str, &str)]) -> FlatMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn nothing_written_is_the_files() {
        let files = files(WAN4);
        let mut edits = Edits::default();
        let given: Given =
            [(60, (Bytes(b"acme".to_vec()), Owner::Files)), (12, (Bytes(b"gw".to_vec()), Owner::Files))]
                .into();
        edits.sent.settle(&given);
        assert_eq!(edited(edits).over(&files), Whole { config: files, parked: FlatMap::new() });
    }

    #[test]
    fn what_is_written_goes_before_the_files_and_the_rest_follows_them() {
        let files = files(WAN4);
        let mut edits =
            Edits { values: values(&[("Enable", "false"), ("Interface", "wan1")]), ..Edits::default() };
        edits.sent.push(OptionRow {
            origin: Some(12),
            value: Some(Bytes(b"other".to_vec())),
            ..OptionRow::default()
        });
        edits.requested.push(OptionRow { tag: Some(125), enable: Some(true), ..OptionRow::default() });
        let whole = edited(edits).over(&files);
        let client = &whole.config.clients["wan4"];
        assert_eq!((client.enabled, client.interface.as_str()), (false, "wan1"));
        assert_eq!(client.hostname, None, "option 12 is sent as it was written");
        assert_eq!(client.send.keys().copied().collect::<Vec<_>>(), [12, 60]);
        assert_eq!(client.request, [43, 125].into());
        let text = config::to_toml(&whole.config);
        assert_eq!(
            config::parse(vec![("shown".into(), text)]).unwrap(),
            whole.config,
            "it is a right configuration"
        );
    }

    #[test]
    fn a_client_without_an_interface_is_parked_and_one_that_is_deleted_is_gone() {
        let files = files(WAN4);
        let whole = edited(Edits { values: values(&[("Interface", "")]), ..Edits::default() }).over(&files);
        assert!(whole.config.clients.is_empty() && whole.parked.len() == 1);
        let whole = edited(Edits { deleted: true, ..Edits::default() }).over(&files);
        assert!(whole.config.clients.is_empty() && whole.parked.is_empty());
    }

    #[test]
    fn a_client_that_is_added_has_the_defaults_of_the_standard() {
        let name: ClientName = "cpe-1".parse().unwrap();
        let mut desired = Desired::default();
        desired.clients.insert(name.clone(), Edits { added: Some(Protocol::V6), ..Edits::default() });
        let whole = desired.over(&Config::default());
        let client = &whole.parked[&name];
        assert!(!client.enabled && client.v6.ia_na.len() == 1 && client.v6.ia_pd.is_empty());
        desired.forget_all_but(&Config::default());
        assert_eq!(desired.clients.len(), 1);
        let mut of_files = edited(Edits::default());
        of_files.forget_all_but(&Config::default());
        assert!(of_files.clients.is_empty());
    }
}
