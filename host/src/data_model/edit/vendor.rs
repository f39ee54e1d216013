//! Vendor parameters: tried out like any other, and then asked of their handlers.

use dhcpmgr_message::ClientName;

use super::Trial;
use crate::data_model::error::{Fault, code};
use crate::data_model::live::Facts;
use crate::data_model::path::{Extra, Place};
use crate::data_model::value::Value;

/// The most parameters of one handler and client to which something is written.
const MOST: usize = 256;

/// A value that a handler is to take before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorWrite {
    /// The path as it was written.
    pub path: String,
    /// The client.
    pub client: ClientName,
    /// The handler.
    pub handler: String,
    /// The parameter.
    pub name: String,
    /// Its new value, as text.
    pub value: String,
    /// The value before.
    pub before: String,
}

impl Trial<'_> {
    pub(super) fn write_vendor(
        &mut self,
        facts: &Facts,
        place: &Place,
        extra: Extra,
        path: &str,
        value: &Value,
    ) -> Result<(), Fault> {
        let fault = |code, text: String| Fault::new(code, path, text);
        let Some(handler) = extra.writes else {
            return Err(fault(code::READ_ONLY, "is read-only".to_owned()));
        };
        let value = value.taken(&extra.kind).map_err(|(code, why)| fault(code, why))?.to_string();
        let Some(client) = facts.client(place) else {
            return Err(fault(code::NO_OBJECT, "its row is gone".to_owned()));
        };
        let (client, name) = (client.client.name.clone(), extra.name);
        let kept = self.edits(&client).parameters.entry(handler.clone()).or_default();
        if kept.len() >= MOST && !kept.contains_key(&name) {
            let why = format!("something is written to {MOST} parameters of handler {handler} already");
            return Err(fault(code::RESOURCES, why));
        }
        if kept.insert(name.clone(), value.clone()).as_ref() != Some(&value) {
            let (path, before) = (path.to_owned(), extra.value.to_string());
            self.vendor.push(VendorWrite { path, client, handler, name, value, before });
        }
        Ok(())
    }
}
