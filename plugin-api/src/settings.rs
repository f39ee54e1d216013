//! `[handlers.NAME.settings]`, as a handler reads them.

use std::marker::PhantomData;

use dhcpmgr_message::wire::{self, DecodeError};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::HandlerError;

/// A MessagePack map without entries.
const EMPTY_MAP: &[u8] = &[0x80];

/// The operator's settings of one handler: the TOML table, as MessagePack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    bytes: Vec<u8>,
}

impl Settings {
    /// Settings as the host hands them over: a MessagePack map, or nothing.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Settings made of a value, for tests.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, HandlerError> {
        Ok(Self { bytes: wire::encode(value)? })
    }

    /// The MessagePack.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        if self.bytes.is_empty() { EMPTY_MAP } else { &self.bytes }
    }

    /// Reads the settings into a type with `#[derive(Deserialize)]`. The error names the key. Give the type
    /// `#[serde(deny_unknown_fields)]`, so that a misspelt key is refused rather than ignored, and
    /// `#[serde(default)]` where a missing key has a meaning.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, HandlerError> {
        match wire::decode::<Located<T>>(self.as_bytes()) {
            Ok(Located(value, PhantomData)) => Ok(value),
            Err(DecodeError::Shape(text)) => Err(HandlerError::new(text)),
            Err(other) => Err(HandlerError::new(format!("settings: {other}"))),
        }
    }
}

/// A value whose errors say where in the settings they are.
struct Located<T>(T, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_path_to_error::deserialize(deserializer).map(|value| Self(value, PhantomData)).map_err(
            |error| {
                let path = error.path().to_string();
                let place = if path == "." { "settings".to_owned() } else { format!("settings.{path}") };
                D::Error::custom(format!("{place}: {}", error.into_inner()))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Mine {
        option: u8,
        #[serde(default)]
        servers: Vec<Server>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Server {
        port: u16,
    }

    fn error_of(settings: &impl Serialize) -> String {
        Settings::of(settings).unwrap().parse::<Mine>().unwrap_err().to_string()
    }

    #[test]
    fn right_settings_are_read() {
        let settings = Settings::of(&BTreeMap::from([("option", 43)])).unwrap();
        assert_eq!(settings.parse::<Mine>(), Ok(Mine { option: 43, servers: vec![] }));
    }

    #[test]
    fn no_settings_are_an_empty_table() {
        assert_eq!(Settings::default().parse::<BTreeMap<String, u8>>(), Ok(BTreeMap::new()));
        assert_eq!(
            Settings::default().parse::<Mine>().unwrap_err().to_string(),
            "settings: missing field `option`"
        );
    }

    #[test]
    fn errors_name_the_key() {
        assert_eq!(
            error_of(&BTreeMap::from([("option", 300)])),
            "settings.option: invalid value: integer `300`, expected u8"
        );
        let unknown = error_of(&BTreeMap::from([("optoin", 43)]));
        assert!(unknown.starts_with("settings.optoin: unknown field `optoin`"), "{unknown}");
        #[derive(Serialize)]
        struct Wrong {
            option: u8,
            servers: Vec<BTreeMap<&'static str, &'static str>>,
        }
        let deep = error_of(&Wrong { option: 1, servers: vec![BTreeMap::from([("port", "x")])] });
        assert!(deep.starts_with("settings.servers[0].port: invalid type: string \"x\""), "{deep}");
    }

    #[test]
    fn bytes_that_are_no_map_are_an_error() {
        for bytes in [vec![0xc1], vec![0x81], vec![0x93, 1, 2], vec![0xdf, 0xff, 0xff, 0xff, 0xff]] {
            assert!(Settings::from_bytes(bytes).parse::<Mine>().is_err());
        }
    }
}
