//! The module around [`plan`](crate::plan): what it says of itself, and what an operator can set.

use std::fmt::Display;
use std::str::FromStr;

use dhcpmgr_plugin_api::{Handler, HandlerError, LeaseEvent, Manifest, Plan, Protocol, export_handler};
use dhcpmgr_softwire::kind::PRIORITY;
use dhcpmgr_softwire::{Kind, Quirk, Quirks};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// AFTR name, MAP-E, MAP-T, lw4o6 and their priority.
const OPTIONS: [u16; 5] = [64, 94, 95, 96, PRIORITY];

/// A server that knows of a client with a softwire may withhold native IPv4, so what the host cannot carry out is not
/// requested: none of it, or those kinds of it.
const NEED: &str = "softwire:any";

/// `[handlers.NAME.settings]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mechanisms that may be used, the best first where the ISP does not say: `map-t`, `map-e`, `lw4o6`,
    /// `ds-lite`. All of them by default.
    #[serde(deserialize_with = "names")]
    kinds: Vec<Kind>,
    /// Deviations of the ISP that are accepted; none by default.
    #[serde(deserialize_with = "names")]
    quirks: Vec<Quirk>,
}

/// Values that are written as their names.
fn names<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let names = Vec::<String>::deserialize(deserializer)?;
    let value = |name: &String| name.parse().map_err(|error| D::Error::custom(format!("{name:?} {error}")));
    names.iter().map(value).collect()
}

impl Default for Settings {
    fn default() -> Self {
        Self { kinds: vec![Kind::MapT, Kind::MapE, Kind::Lw4o6, Kind::DsLite], quirks: Vec::new() }
    }
}

impl Settings {
    /// The mechanisms that may be used, the best first.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn quirks(&self) -> Quirks {
        self.quirks.iter().copied().collect()
    }
}

/// The handler of `libdhcpmgr_mapt.so`. It remembers nothing but its settings.
#[derive(Debug, Clone)]
pub struct MaptHandler(Settings);

impl Handler for MaptHandler {
    fn manifest() -> Manifest {
        Manifest::new("mapt", env!("CARGO_PKG_VERSION"))
            .description("MAP-T, MAP-E, lightweight 4over6 and DS-Lite: IPv4 over a network with IPv6 only")
            .protocol(Protocol::V6)
            .consumes(OPTIONS)
            .needs(NEED)
    }

    fn create(settings: &dhcpmgr_plugin_api::Settings) -> Result<Self, HandlerError> {
        Ok(Self(settings.parse()?))
    }

    /// Errors when the event is none that carries a DHCPv6 lease, which is the host's mistake. Never for what a
    /// server sent.
    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
        if event.protocol != Protocol::V6 || !event.event.carries_lease() || event.v6.is_none() {
            return Err(HandlerError::new(format!(
                "the event of client {} carries no DHCPv6 lease; give the mapt handler DHCPv6 clients only \
                 (handlers.NAME.clients)",
                event.client
            )));
        }
        Ok(crate::plan(event, &self.0))
    }
}

export_handler!(MaptHandler);
