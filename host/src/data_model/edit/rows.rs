//! The rows of SentOption and ReqOption: written and added.

use dhcpmgr_message::{Bytes, ClientName};
use dhcpmgr_plugin_api::Protocol;

use super::Trial;
use crate::data_model::error::{Fault, code};
use crate::data_model::options::{MOST, OptionRow, OptionView, Owner};
use crate::data_model::path::Place;
use crate::data_model::schema::Object;
use crate::data_model::value::Value;

impl Trial<'_> {
    pub(super) fn write_option(
        &mut self,
        client: &ClientName,
        place: &Place,
        row: &OptionView,
        order: usize,
        name: &str,
        value: &Value,
    ) -> Result<(), Fault> {
        let fault = |code, text: String| Err(Fault::new(code, format!("{}{name}", place.path()), text));
        if name == "Order" {
            let same = *value == Value::from(order as u64);
            return if same {
                Ok(())
            } else {
                fault(
                    code::NOT_HONOURED,
                    "the client program orders the options that it requests itself".to_owned(),
                )
            };
        }
        if let Owner::Other(who) = &row.owner {
            let same = match name {
                "Enable" => *value == Value::from(row.enable),
                "Tag" => *value == Value::from(u32::from(row.tag)),
                _ => value.to_string() == row.value.to_hex(),
            };
            return if same {
                Ok(())
            } else {
                fault(
                    code::READ_ONLY,
                    format!("{who} wants it so; add a row of your own to send another value"),
                )
            };
        }
        let edits = self.edits(client);
        let table = if place.object.name == "SentOption" { &mut edits.sent } else { &mut edits.requested };
        let Some(kept) = table.row(row.number) else {
            return fault(code::NO_OBJECT, "its row is gone".to_owned());
        };
        match (name, value) {
            ("Enable", Value::Boolean(enable)) => kept.enable = Some(*enable),
            ("Tag", Value::Unsigned(tag)) => kept.tag = u16::try_from(*tag).ok(),
            ("Value", Value::Text(hex)) => kept.value = Bytes::from_hex(hex).ok(),
            _ => return fault(code::INTERNAL, "is not written".to_owned()),
        }
        Ok(())
    }

    pub(super) fn add_option(
        &mut self,
        text: &str,
        within: &Place,
        table: &'static Object,
        alias: Option<String>,
        values: &[(String, Value)],
    ) -> Result<Place, Fault> {
        let facts = self.facts();
        let Some(client) = facts.client(within) else {
            return Err(Fault::new(code::NO_OBJECT, text, "its client is gone"));
        };
        let is_sent = table.name == "SentOption";
        let rows = if is_sent { &client.sent } else { &client.requested };
        if let Some(alias) = alias.as_ref().filter(|alias| rows.iter().any(|row| row.alias == **alias)) {
            return Err(Fault::new(
                code::DUPLICATE,
                format!("{text}Alias"),
                format!("another row is called {alias}"),
            ));
        }
        // A key that is not given is found for it.
        let has_tag = values.iter().any(|(name, _)| name == "Tag");
        let private = if client.client.protocol == Protocol::V4 { 224..=254 } else { 65001..=65535 };
        let free = private.clone().find(|code| !rows.iter().any(|row| row.tag == *code));
        let tag = if has_tag { None } else { free };
        let name = client.client.name.clone();
        let edits = self.edits(&name);
        let kept = if is_sent { &mut edits.sent } else { &mut edits.requested };
        if kept.rows.iter().filter(|row| row.origin.is_none()).count() >= MOST {
            return Err(Fault::new(code::RESOURCES, text, format!("there are {MOST} rows already")));
        }
        // Until its own tag is written it has one that no option has.
        let row = OptionRow {
            alias: alias.unwrap_or_default(),
            tag: tag.or(Some(0)),
            enable: Some(false),
            ..OptionRow::default()
        };
        let number = kept.push(row);
        Ok(within.row(table, number))
    }
}
