//! `[handlers.NAME.settings]`: whose sub-options are read and which of them means what, since operators differ; and who
//! the gateway says that it is.

use serde::Deserialize;

use crate::sending::Send;

/// IANA's number of the Broadband Forum, once the ADSL Forum.
pub(crate) const BROADBAND_FORUM: u32 = 3561;

/// The settings; every one has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Vendors whose sub-options in option 125 and in option 17 of DHCPv6 are those of the Broadband Forum: 3561.
    pub enterprises: Vec<u32>,
    /// Sub-options of option 43.
    #[serde(deserialize_with = "changed::option43")]
    pub option43: Codes,
    /// Sub-options of option 125.
    #[serde(deserialize_with = "changed::option125")]
    pub option125: Codes,
    /// Sub-options of option 17 of DHCPv6.
    #[serde(deserialize_with = "changed::option17")]
    pub option17: Codes,
    /// What the gateway says of itself.
    pub send: Send,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enterprises: vec![BROADBAND_FORUM],
            option43: Codes::OPTION43,
            option125: Codes::OPTION125,
            option17: Codes::OPTION17,
            send: Send::default(),
        }
    }
}

/// Numbers of sub-options; 0 for one that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    /// The URL of the ACS (TR-069).
    pub acs_url: u16,
    /// Its provisioning code.
    pub provisioning_code: u16,
    /// The first wait before a session is tried again, seconds.
    pub retry_wait: u16,
    /// By what each further wait is longer, thousandths.
    pub retry_multiplier: u16,
    /// The gateway's OUI (TR-069 annex F).
    pub gateway_oui: u16,
    /// The gateway's serial number.
    pub gateway_serial: u16,
    /// The gateway's product class.
    pub gateway_class: u16,
    /// The URL of the USP controller (TR-369).
    pub controller_url: u16,
    /// Its provisioning code.
    pub controller_provisioning_code: u16,
    /// The first wait before a notification is sent again, seconds.
    pub controller_retry_wait: u16,
    /// By what each further wait is longer, thousandths.
    pub controller_retry_multiplier: u16,
    /// Its endpoint identifier.
    pub controller_endpoint_id: u16,
}

impl Codes {
    /// TR-069 section 3.1, and TR-369 "DHCP Options for Controller Discovery", which has 25 to 28 in options 125 and 17
    /// (its first issue knows no 29), and are read here too. No gateway: its numbers are those of the ACS's here. All of them are
    /// in the Broadband Forum's list of assigned names and numbers.
    const OPTION43: Self = Self {
        acs_url: 1,
        provisioning_code: 2,
        retry_wait: 3,
        retry_multiplier: 4,
        gateway_oui: 0,
        gateway_serial: 0,
        gateway_class: 0,
        controller_url: 25,
        controller_provisioning_code: 26,
        controller_retry_wait: 27,
        controller_retry_multiplier: 28,
        controller_endpoint_id: 29,
    };
    /// TR-069 annex F has 1 to 6 for who devices and gateways are, so the ACS begins at 11.
    const OPTION125: Self = Self {
        acs_url: 11,
        provisioning_code: 12,
        retry_wait: 13,
        retry_multiplier: 14,
        gateway_oui: 4,
        gateway_serial: 5,
        gateway_class: 6,
        ..Self::OPTION43
    };
    /// The other way round: the ACS as in option 43, devices from 11 and gateways from 14 (the same list: 1 to 6 were theirs
    /// before amendment 5 of TR-069).
    const OPTION17: Self = Self { gateway_oui: 14, gateway_serial: 15, gateway_class: 16, ..Self::OPTION43 };
}

/// The table of an option names what is different from its defaults.
mod changed {
    use serde::{Deserialize, Deserializer};

    use super::Codes;

    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Changes {
        acs_url: Option<u16>,
        provisioning_code: Option<u16>,
        retry_wait: Option<u16>,
        retry_multiplier: Option<u16>,
        gateway_oui: Option<u16>,
        gateway_serial: Option<u16>,
        gateway_class: Option<u16>,
        controller_url: Option<u16>,
        controller_provisioning_code: Option<u16>,
        controller_retry_wait: Option<u16>,
        controller_retry_multiplier: Option<u16>,
        controller_endpoint_id: Option<u16>,
    }

    fn codes<'de, D: Deserializer<'de>>(deserializer: D, known: Codes) -> Result<Codes, D::Error> {
        let new = Changes::deserialize(deserializer)?;
        Ok(Codes {
            acs_url: new.acs_url.unwrap_or(known.acs_url),
            provisioning_code: new.provisioning_code.unwrap_or(known.provisioning_code),
            retry_wait: new.retry_wait.unwrap_or(known.retry_wait),
            retry_multiplier: new.retry_multiplier.unwrap_or(known.retry_multiplier),
            gateway_oui: new.gateway_oui.unwrap_or(known.gateway_oui),
            gateway_serial: new.gateway_serial.unwrap_or(known.gateway_serial),
            gateway_class: new.gateway_class.unwrap_or(known.gateway_class),
            controller_url: new.controller_url.unwrap_or(known.controller_url),
            controller_provisioning_code: new
                .controller_provisioning_code
                .unwrap_or(known.controller_provisioning_code),
            controller_retry_wait: new.controller_retry_wait.unwrap_or(known.controller_retry_wait),
            controller_retry_multiplier: new
                .controller_retry_multiplier
                .unwrap_or(known.controller_retry_multiplier),
            controller_endpoint_id: new.controller_endpoint_id.unwrap_or(known.controller_endpoint_id),
        })
    }

    pub(super) fn option43<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Codes, D::Error> {
        codes(deserializer, Codes::OPTION43)
    }

    pub(super) fn option125<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Codes, D::Error> {
        codes(deserializer, Codes::OPTION125)
    }

    pub(super) fn option17<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Codes, D::Error> {
        codes(deserializer, Codes::OPTION17)
    }
}
