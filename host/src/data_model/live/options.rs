//! `SentOption.{i}.` and `ReqOption.{i}.`

use dhcpmgr_message::Bytes;

use super::super::path::Place;
use super::super::value::Value;
use super::ClientFacts;
use crate::events::Lease;

/// The value of a parameter of a row; `None` when the row is gone.
#[allow(clippy::option_option, reason = "a row that is gone is not a value that is not known")]
pub(super) fn value(client: &ClientFacts, place: &Place, name: &str) -> Option<Option<Value>> {
    let rows = if place.object.name == "SentOption" { &client.sent } else { &client.requested };
    let at = rows.iter().position(|row| place.numbers().get(1) == Some(&row.number))?;
    let row = rows.get(at)?;
    Some(Some(match name {
        "Enable" => row.enable.into(),
        "Alias" => row.alias.as_str().into(),
        "Tag" => u32::from(row.tag).into(),
        "Order" => Value::from(at as u64 + 1),
        "Value" if place.object.name == "SentOption" => row.value.to_hex().into(),
        "Value" => received(client, row.tag).unwrap_or_default().into(),
        _ => return Some(None),
    }))
}

/// The last value that was received of an option.
fn received(client: &ClientFacts, tag: u16) -> Option<String> {
    match client.lease()? {
        Lease::V4(lease) => lease.options.get(&u8::try_from(tag).ok()?).cloned(),
        Lease::V6(lease) => lease.options.get(&tag).cloned(),
    }
}

/// The values of an option that came more than once.
pub(super) fn each(values: &str) -> impl Iterator<Item = &str> {
    // What is not hex does not come from us.
    values.split(',').filter(|value| Bytes::from_hex(value).is_ok())
}
