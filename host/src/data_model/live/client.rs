//! What clients of both protocols have alike, and what of it their programs can be told.

use super::super::path::Place;
use super::super::schema::{Access, Kind, Object, Parameter};
use super::super::value::Value;
use super::{ClientFacts, Facts};
use crate::config::Client;
use crate::control::views::ClientState;

/// What the daemon itself sees to, whatever program runs underneath, by its path below the client.
const OURS: [&str; 14] = [
    "Enable",
    "Interface",
    "X_RDK_LinuxInterface",
    "RequestAddresses",
    "RequestPrefixes",
    "SuggestedT1",
    "SuggestedT2",
    "RequestedOptions",
    "SentOption.Enable",
    "SentOption.Tag",
    "SentOption.Value",
    "ReqOption.Enable",
    "ReqOption.Tag",
    "Alias",
];

/// Whether a client can be told a parameter, by its path below the client without numbers.
#[must_use]
pub fn can_be_told(client: &Client, parameter: &str) -> bool {
    OURS.contains(&parameter)
        || client.program.in_effect(client, parameter).is_some_and(|said| said.can_be_told)
}

/// The path of a parameter below its client, without numbers.
#[must_use]
pub(in crate::data_model) fn below_client(object: &Object, parameter: &str) -> String {
    let below = object.path.split_once(".Client.{i}.").map_or("", |(_, below)| below);
    let mut path = String::with_capacity(below.len() + parameter.len());
    path.extend(below.split("{i}."));
    path.push_str(parameter);
    path
}

/// What can be written in TR-181 and not to this client.
#[must_use]
pub fn not_supported(client: &Client, row: &'static Object) -> Vec<String> {
    let mut names = Vec::new();
    for object in std::iter::once(row).chain(row.below()) {
        for parameter in object.parameters.iter().filter(|parameter| parameter.access == Access::Write) {
            let name = below_client(object, parameter.name);
            if !can_be_told(client, &name) {
                names.push(name);
            }
        }
    }
    names
}

impl ClientFacts {
    /// What its program obeys.
    pub(super) fn in_effect(&self, name: &str, parameter: &Parameter) -> Option<Value> {
        let said = self.client.program.in_effect(&self.client, name)?;
        Some(match parameter.kind {
            Kind::Boolean => (said.value != 0).into(),
            Kind::Int { .. } => Value::Int(said.value.into()),
            _ => said.value.into(),
        })
    }

    pub(super) fn published_value(&self, place: &Place, name: &str) -> Option<Value> {
        let at = self.published.iter().position(|number| place.numbers().get(1) == Some(number))?;
        let (key, value) = self.parameters()?.iter().nth(at)?;
        Some(if name == "Name" { key.as_str().into() } else { value.as_str().into() })
    }

    /// TR-181 `Status`: of the row.
    fn status_word(&self) -> &'static str {
        let enabled = self.status.as_ref().map_or(self.client.enabled, |status| status.enabled);
        match &self.status {
            _ if !enabled => "Disabled",
            _ if self.is_parked => "Error_Misconfigured",
            Some(status) if status.status == ClientState::Error => "Error",
            _ => "Enabled",
        }
    }

    /// TR-181 `DHCPStatus`: of the protocol; Init while the row is not enabled.
    pub(super) fn state_word(&self) -> &'static str {
        match self.status.as_ref().map(|status| status.status) {
            Some(ClientState::Selecting) => "Selecting",
            Some(ClientState::Requesting) => "Requesting",
            Some(ClientState::Bound) => "Bound",
            Some(ClientState::Renewing) => "Renewing",
            Some(ClientState::Rebinding) => "Rebinding",
            Some(ClientState::Init | ClientState::Disabled | ClientState::Error) | None => "Init",
        }
    }
}

impl Facts {
    /// What a row has whatever its protocol is.
    pub(super) fn common_value(
        &self,
        client: &ClientFacts,
        place: &Place,
        parameter: &'static Parameter,
    ) -> Option<Value> {
        let linux = || if client.is_parked { "" } else { client.client.interface.as_str() };
        Some(match parameter.name {
            "Enable" => client.status.as_ref().map_or(client.client.enabled, |status| status.enabled).into(),
            "Alias" => client.client.name.as_str().into(),
            "Interface" => self.reference(client.interface).into(),
            "X_RDK_LinuxInterface" => linux().into(),
            "Status" => client.status_word().into(),
            "DHCPStatus" | "X_DHCPMGR_DHCPStatus" => client.state_word().into(),
            "X_DHCPMGR_Program" => client.client.program.name().into(),
            "X_DHCPMGR_Reason" => client.status.as_ref()?.reason.as_deref()?.into(),
            "X_DHCPMGR_NotSupported" => Value::list(not_supported(&client.client, place.object)),
            name => return client.in_effect(name, parameter),
        })
    }
}
