//! Whether a change is right as a whole: no two rows for one thing, and nothing that a file would be refused for.

use dhcpmgr_plugin_api::Protocol;

use super::{Outcome, Trial};
use crate::config::{self, Config};
use crate::data_model::error::{Fault, code};
use crate::data_model::live::{Facts, clients};
use crate::data_model::options::{OptionView, Owner};

impl Trial<'_> {
    /// Whether all of it together is right, and what comes of it.
    pub fn finish(mut self) -> Result<Outcome, Vec<Fault>> {
        let facts = self.facts();
        let whole = self.desired.over(self.files);
        let mut faults = Vec::new();
        for (key, rows) in [(clients(Protocol::V4), &facts.v4), (clients(Protocol::V6), &facts.v6)] {
            for (at, row) in rows.iter().enumerate() {
                let path = |rest: &str| format!("{key}{}.{rest}", row.number);
                if row.interface != 0 && rows[..at].iter().any(|other| other.interface == row.interface) {
                    let interface = &row.client.interface;
                    faults.push(Fault::new(
                        code::DUPLICATE,
                        path("Interface"),
                        format!("another client of this protocol is on {interface}"),
                    ));
                }
                for (table, options) in [("SentOption", &row.sent), ("ReqOption", &row.requested)] {
                    for (at, option) in options.iter().enumerate() {
                        let same = |other: &&OptionView| {
                            other.tag == option.tag && !matches!(other.owner, Owner::Other(_))
                        };
                        let own = !matches!(option.owner, Owner::Other(_));
                        if own && options[..at].iter().any(|other| same(&other)) {
                            let path = path(&format!("{table}.{}.Tag", option.number));
                            faults.push(Fault::new(
                                code::DUPLICATE,
                                path,
                                format!("another row has option {}", option.tag),
                            ));
                        }
                    }
                }
            }
        }
        // The files alone are right already: an operator wrote them.
        if faults.is_empty() && whole.config != *self.files {
            faults.extend(refusals(&whole.config, &facts));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let Self { desired, orders, switched, vendor, .. } = self;
        Ok(Outcome { desired, whole, orders, switched, vendor })
    }
}

/// What the configuration would be refused for if it stood in a file: the rules are the same ones.
fn refusals(config: &Config, facts: &Facts) -> Vec<Fault> {
    let text = config::to_toml(config);
    let Err(errors) = config::parse(vec![("data model".into(), text)]) else { return Vec::new() };
    let about = |error: config::ConfigError| {
        let path = facts
            .v4
            .iter()
            .map(|row| (clients(Protocol::V4), row))
            .chain(facts.v6.iter().map(|row| (clients(Protocol::V6), row)))
            .find(|(_, row)| {
                let section = format!("clients.{}", row.client.name);
                let quoted = format!("clients.\"{}\"", row.client.name);
                [section, quoted].iter().any(|s| {
                    error
                        .key
                        .strip_prefix(s.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                })
            })
            .map_or_else(|| "Device.".to_owned(), |(table, row)| format!("{table}{}.", row.number));
        let last = error.key.rsplit('.').next().unwrap_or_default();
        let code = if error.key.starts_with("clients.") { code::VALUE } else { code::CONFIGURATION };
        Fault::new(code, path, format!("{last}: {}", error.what))
    };
    errors.0.into_iter().map(about).collect()
}
