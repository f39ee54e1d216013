//! The module around [`plan`](crate::plan): what it says of itself, and what it refuses to be asked.

use dhcpmgr_plugin_api::{
    Handler, HandlerError, Hook, LeaseEvent, Manifest, Options, OptionsQuery, Plan, Protocol, export_handler,
};

use crate::Settings;

/// The options that are read and worth asking for: vendor information (43, 125; 17 of DHCPv6) and PacketCable (122).
/// Classes are read when they come.
const OPTIONS_V4: [u16; 3] = [43, 122, 125];
const OPTIONS_V6: [u16; 1] = [17];

/// The handler of `libdhcpmgr_vendor.so`. It remembers nothing but its settings.
#[derive(Debug, Clone)]
pub struct VendorHandler(Settings);

impl Handler for VendorHandler {
    fn manifest() -> Manifest {
        Manifest::new("vendor", env!("CARGO_PKG_VERSION"))
            .description("options of the Broadband Forum, CableLabs and PacketCable: ACS, USP controller, gateway, MTA")
            .protocol(Protocol::V4)
            .protocol(Protocol::V6)
            .hooks([Hook::Options, Hook::Lease])
    }

    fn create(settings: &dhcpmgr_plugin_api::Settings) -> Result<Self, HandlerError> {
        let settings: Settings = settings.parse()?;
        settings.send.check().map_err(HandlerError::new)?;
        Ok(Self(settings))
    }

    /// What is requested differs by protocol, and what is sent is made of the settings: so it is no matter of the
    /// manifest, which says the same for every client.
    fn options(&mut self, query: &OptionsQuery) -> Result<Options, HandlerError> {
        let (request, sent) = match query.protocol {
            Protocol::V4 => (&OPTIONS_V4[..], self.0.send.v4()),
            Protocol::V6 => (&OPTIONS_V6[..], self.0.send.v6()),
        };
        let options = request.iter().fold(Options::default(), |options, code| options.request(*code));
        Ok(sent.into_iter().fold(options, |options, (code, value)| options.send(code, value)))
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
