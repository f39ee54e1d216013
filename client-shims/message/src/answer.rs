//! The daemon's answer to a lease message.

use serde::{Deserialize, Serialize};

use crate::wire::{self, DecodeError};

/// The daemon's answer to one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether the message is safe with the daemon.
    pub ok: bool,
    /// Why not: a sentence for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Answer {
    /// The message is safe with the daemon.
    #[must_use]
    pub fn accepted() -> Self {
        Self { ok: true, error: None }
    }

    /// The message is refused for good: the shim logs the reason and does not spool.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { ok: false, error: Some(reason.into()) }
    }

    /// Reads an answer: a map with `ok`, perhaps `error`, and whatever later versions add.
    ///
    /// Read by hand, because this is all that a client shim reads: serde's decoder would add 50 kB to each.
    ///
    /// # Errors
    /// As [`wire::decode`], whose equal this is, except that names are texts and
    /// not numbers, and texts not bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::check(bytes, &wire::LIMITS)?;
        let shape = |why: &str| DecodeError::Shape(why.to_owned());
        let (mut ok, mut error) = (None, None);
        let mut rest = entries(bytes).ok_or_else(|| shape("an answer must be a map"))?;
        while !rest.is_empty() {
            let (key, after) = first_value(rest)?;
            let (value, after) = first_value(after)?;
            rest = after;
            match (text(key), value) {
                (Some("ok"), _) if ok.is_some() => return Err(shape("duplicate field `ok`")),
                (Some("ok"), [0xc2]) => ok = Some(false),
                (Some("ok"), [0xc3]) => ok = Some(true),
                (Some("ok"), _) => return Err(shape("field `ok` must be true or false")),
                (Some("error"), _) if error.is_some() => return Err(shape("duplicate field `error`")),
                (Some("error"), [0xc0]) => error = Some(None),
                (Some("error"), value) => match text(value) {
                    Some(text) => error = Some(Some(text.to_owned())),
                    None => return Err(shape("field `error` must be a text")),
                },
                (Some(_), _) => {}
                (None, _) => return Err(shape("the names in an answer must be texts")),
            }
        }
        Ok(Self { ok: ok.ok_or_else(|| shape("missing field `ok`"))?, error: error.flatten() })
    }
}

/// What follows the head of a map.
fn entries(map: &[u8]) -> Option<&[u8]> {
    match map.first()? {
        0x80..=0x8f => map.get(1..),
        0xde => map.get(3..),
        0xdf => map.get(5..),
        _ => None,
    }
}

fn first_value(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let end = wire::end_of_value(bytes, &wire::LIMITS)?;
    Ok(bytes.split_at(end))
}

fn text(value: &[u8]) -> Option<&str> {
    let text = match value.first()? {
        0xa0..=0xbf => value.get(1..),
        0xd9 => value.get(2..),
        0xda => value.get(3..),
        0xdb => value.get(5..),
        _ => None,
    };
    std::str::from_utf8(text?).ok()
}
