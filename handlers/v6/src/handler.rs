//! The module around [`plan`](crate::plan): what it says of itself, and what it refuses to be asked.

use dhcpmgr_plugin_api::{
    Handler, HandlerError, LeaseEvent, Manifest, Plan, Protocol, Settings, export_handler,
};
use serde::Deserialize;

/// The options that the host requests. What is applied: name servers, search list, time servers. What RFC 8415 wants
/// of every client: 82, 83. What others read from the parameters: vendor 17, SIP 21 and 22, time zones 41 and 42,
/// captive portal 103, encrypted resolvers 144.
///
/// Not among them, and read when they come: what belongs to the protocol itself (7, 12, 13), what answers something
/// that the client sent (39), what is for a refresh without a lease (32), for network boot (59, 60), for a tunnel that
/// nothing carries (64), and 67: a server that excludes a part of the prefix must be sure that the client tells us.
const OPTIONS: [u16; 13] = [17, 21, 22, 23, 24, 31, 41, 42, 56, 82, 83, 103, 144];

/// The handler of `libdhcpmgr_v6.so`. It remembers nothing.
#[derive(Debug, Clone, Copy)]
pub struct V6Handler;

/// `[handlers.NAME.settings]`: there are none. What a client requests besides is in its own table (`request`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

impl Handler for V6Handler {
    fn manifest() -> Manifest {
        Manifest::new("v6", env!("CARGO_PKG_VERSION"))
            .description("DHCPv6: addresses, delegated prefixes, name and time servers of a lease")
            .protocol(Protocol::V6)
            .consumes(OPTIONS)
    }

    fn create(settings: &Settings) -> Result<Self, HandlerError> {
        match settings.parse::<NoSettings>() {
            Ok(NoSettings {}) => Ok(Self),
            Err(error) => {
                Err(HandlerError::new(format!("{error}; the v6 handler takes no settings, remove them")))
            }
        }
    }

    /// Errors when the event is none that carries a DHCPv6 lease, which is the host's mistake. Never for what a
    /// server sent.
    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
        let wrong =
            |what: &str| Err(HandlerError::new(format!("the event of client {} {what}", event.client)));
        if event.protocol != Protocol::V6 {
            return wrong("is not DHCPv6; give the v6 handler DHCPv6 clients only (handlers.NAME.clients)");
        }
        if !event.event.carries_lease() {
            return wrong(&format!("is \"{}\", which carries no lease", event.event.as_str()));
        }
        if event.v6.is_none() {
            return wrong("carries no DHCPv6 values");
        }
        Ok(crate::plan(event))
    }
}

export_handler!(V6Handler);
