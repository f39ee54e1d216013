//! What the Broadband Forum's sub-options say: where the ACS is (TR-069), where the USP controller is (TR-369), and which
//! gateway this device is behind (TR-069 annex F).

use dhcpmgr_handler_common::notes::{Notes, quoted};
use dhcpmgr_plugin_api::Emitted;

use crate::Parameters;
use crate::settings::Codes;
use crate::suboptions::SubOptions;
use crate::values::{self, Check};

/// What was found, by parameter name. What comes first counts.
#[derive(Debug, Default)]
pub(crate) struct Found(Parameters);

const ACS_URL: &str = "ManagementServer.URL";
const CONTROLLER_URL: &str = "LocalAgent.Controller.URL";
const CONTROLLER_MTP: &str = "LocalAgent.Controller.MTP";

/// An event: its name, the parameters of which one must be there for it, and its fields with theirs.
struct Told {
    event: &'static str,
    needs: &'static [&'static str],
    fields: &'static [(&'static str, &'static str)],
}

const EVENTS: [Told; 3] = [
    Told {
        event: "acs-found",
        needs: &[ACS_URL],
        fields: &[
            ("url", ACS_URL),
            ("provisioning-code", "DeviceInfo.ProvisioningCode"),
            ("retry-wait", "ManagementServer.CWMPRetryMinimumWaitInterval"),
            ("retry-multiplier", "ManagementServer.CWMPRetryIntervalMultiplier"),
        ],
    },
    Told {
        event: "usp-controller-found",
        needs: &[CONTROLLER_URL, "LocalAgent.Controller.EndpointID"],
        fields: &[
            ("url", CONTROLLER_URL),
            ("protocol", CONTROLLER_MTP),
            ("endpoint-id", "LocalAgent.Controller.EndpointID"),
            ("provisioning-code", "LocalAgent.Controller.ProvisioningCode"),
        ],
    },
    Told {
        event: "gateway-found",
        needs: &["GatewayInfo.ManufacturerOUI", "GatewayInfo.SerialNumber"],
        fields: &[
            ("oui", "GatewayInfo.ManufacturerOUI"),
            ("serial-number", "GatewayInfo.SerialNumber"),
            ("product-class", "GatewayInfo.ProductClass"),
        ],
    },
];

/// Each sub-option: its number, what it becomes, and what it may be.
fn table(codes: &Codes) -> [(u16, &'static str, Check); 12] {
    [
        (codes.acs_url, ACS_URL, values::acs_url),
        (codes.provisioning_code, "DeviceInfo.ProvisioningCode", values::name),
        (codes.retry_wait, "ManagementServer.CWMPRetryMinimumWaitInterval", values::retry_wait),
        (codes.retry_multiplier, "ManagementServer.CWMPRetryIntervalMultiplier", values::retry_multiplier),
        (codes.gateway_oui, "GatewayInfo.ManufacturerOUI", values::oui),
        (codes.gateway_serial, "GatewayInfo.SerialNumber", values::name),
        (codes.gateway_class, "GatewayInfo.ProductClass", values::name),
        (codes.controller_url, CONTROLLER_URL, values::controller_url),
        (codes.controller_provisioning_code, "LocalAgent.Controller.ProvisioningCode", values::name),
        (
            codes.controller_retry_wait,
            "LocalAgent.Controller.USPNotifRetryMinimumWaitInterval",
            values::retry_wait,
        ),
        (
            codes.controller_retry_multiplier,
            "LocalAgent.Controller.USPNotifRetryIntervalMultiplier",
            values::retry_multiplier,
        ),
        (codes.controller_endpoint_id, "LocalAgent.Controller.EndpointID", values::endpoint_id),
    ]
}

impl Found {
    /// Takes what the sub-options say, as far as nothing said it before.
    pub(crate) fn take(&mut self, parts: &SubOptions<'_>, codes: &Codes, what: &str, notes: &mut Notes) {
        for (code, name, check) in table(codes) {
            let Some(raw) = (code != 0).then(|| parts.get(code)).flatten() else { continue };
            match check(raw) {
                Ok(value) => self.set(name, value, what, notes),
                Err(why) => {
                    let shown = quoted(&String::from_utf8_lossy(raw));
                    notes.add(format!("sub-option {code} of {what} ({name}) is ignored: {shown} {why}"));
                }
            }
        }
    }

    /// Takes option 43 as the URL of an ACS, which all of it is.
    pub(crate) fn bare_url(&mut self, url: String, notes: &mut Notes) {
        notes.add("option 43 has no sub-options; all of it is taken as the URL of the ACS");
        self.set(ACS_URL, url, "option 43", notes);
    }

    fn set(&mut self, name: &str, value: String, what: &str, notes: &mut Notes) {
        match self.0.get(name) {
            None => {
                self.0.insert(name.to_owned(), value);
            }
            Some(known) if *known == value => {}
            Some(_) => {
                notes.add(format!(
                    "{} in {what} ({name}) is ignored: another option says otherwise",
                    quoted(&value)
                ));
            }
        }
    }

    /// What there is to react to. The host publishes each once, and again when it says something else.
    pub(crate) fn events(&self) -> Vec<Emitted> {
        let told = |Told { event, needs, fields }: &Told| {
            needs.iter().any(|parameter| self.0.contains_key(*parameter)).then(|| {
                let found =
                    fields.iter().filter_map(|(field, parameter)| Some((*field, self.value(parameter)?)));
                found.fold(Emitted::new(*event), |event, (field, value)| event.with(field, value))
            })
        };
        EVENTS.iter().filter_map(told).collect()
    }

    /// The parameters.
    pub(crate) fn parameters(mut self) -> Parameters {
        if let Some(protocol) = self.value(CONTROLLER_MTP) {
            self.0.insert(CONTROLLER_MTP.to_owned(), protocol);
        }
        self.0
    }

    fn value(&self, parameter: &str) -> Option<String> {
        if parameter == CONTROLLER_MTP {
            return self.0.get(CONTROLLER_URL).map(|url| values::transfer_protocol(url).to_owned());
        }
        self.0.get(parameter).cloned()
    }
}
