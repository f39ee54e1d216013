//! The module around [`plan`](crate::plan): what it says of itself, and what it refuses to be asked.

use dhcpmgr_plugin_api::{
    Handler, HandlerError, LeaseEvent, Manifest, Plan, Protocol, Settings, export_handler,
};
use serde::Deserialize;

/// The options that the handler reads, which the host therefore requests.
const OPTIONS: [u16; 25] = [
    1, 3, 6, 12, 15, 26, 28, 33, 42, 43, 51, 54, 58, 59, 66, 67, 100, 101, 114, 119, 120, 121, 125, 150, 249,
];

/// The handler of `libdhcpmgr_v4.so`. It remembers nothing.
#[derive(Debug, Clone, Copy)]
pub struct V4Handler;

/// `[handlers.NAME.settings]`: there are none. What an operator decides for a client (MTU, routes, metric) is in the
/// client's own table, and comes with each event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

impl Handler for V4Handler {
    fn manifest() -> Manifest {
        Manifest::new("v4", env!("CARGO_PKG_VERSION"))
            .description("DHCPv4: address, routes, MTU, name and time servers of a lease")
            .protocol(Protocol::V4)
            .consumes(OPTIONS)
    }

    fn create(settings: &Settings) -> Result<Self, HandlerError> {
        match settings.parse::<NoSettings>() {
            Ok(NoSettings {}) => Ok(Self),
            Err(error) => {
                Err(HandlerError::new(format!("{error}; the v4 handler takes no settings, remove them")))
            }
        }
    }

    /// Errors when the event is none that carries a DHCPv4 lease, which is the host's mistake and no reason to
    /// refuse a lease. Never for what a server sent.
    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
        let wrong =
            |what: &str| Err(HandlerError::new(format!("the event of client {} {what}", event.client)));
        if event.protocol != Protocol::V4 {
            return wrong("is not DHCPv4; give the v4 handler DHCPv4 clients only (handlers.NAME.clients)");
        }
        if !event.event.carries_lease() {
            return wrong(&format!("is \"{}\", which carries no lease", event.event.as_str()));
        }
        if event.v4.is_none() {
            return wrong("carries no DHCPv4 values");
        }
        Ok(crate::plan(event))
    }
}

export_handler!(V4Handler);
