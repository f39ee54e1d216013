//! The module around [`plan`](crate::plan): what it says of itself, and what it refuses to be asked.

use dhcpmgr_plugin_api::{Handler, HandlerError, LeaseEvent, Manifest, Plan, Protocol, export_handler};

use crate::Settings;

/// The options that the host requests: vendor information (43, 125; 17 of DHCPv6), PacketCable (122), and SIP
/// servers, boot servers and time zones, which the v4 and v6 handlers read.
const OPTIONS_V4: [u16; 7] = [43, 66, 67, 120, 122, 125, 150];
const OPTIONS_V6: [u16; 5] = [17, 21, 22, 41, 42];

/// The handler of `libdhcpmgr_vendor.so`. It remembers nothing but its settings.
#[derive(Debug, Clone)]
pub struct VendorHandler(Settings);

impl Handler for VendorHandler {
    fn manifest() -> Manifest {
        Manifest::new("vendor", env!("CARGO_PKG_VERSION"))
            .description("options of the Broadband Forum, CableLabs and PacketCable: ACS, USP controller, gateway, MTA")
            .protocol(Protocol::V4)
            .protocol(Protocol::V6)
            .consumes(OPTIONS_V4)
            .consumes(OPTIONS_V6)
    }

    fn create(settings: &dhcpmgr_plugin_api::Settings) -> Result<Self, HandlerError> {
        let settings: Settings = settings.parse()?;
        settings.send.check().map_err(HandlerError::new)?;
        Ok(Self(settings))
    }

    /// Errors when the event carries no lease, which is the host's mistake. Never for what a server sent.
    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
        if !event.event.carries_lease() || event.v4.is_none() && event.v6.is_none() {
            return Err(HandlerError::new(format!("the event of client {} carries no lease", event.client)));
        }
        Ok(crate::plan(event, &self.0))
    }
}

export_handler!(VendorHandler);
