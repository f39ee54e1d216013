//! `[handlers.NAME.settings]`, as a handler reads them.

mod value;

use dhcpmgr_message::wire;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HandlerError;
pub(crate) use value::Value;

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
        let tree: Value =
            wire::decode(self.as_bytes()).map_err(|e| HandlerError::new(format!("settings: {e}")))?;
        Ok(T::deserialize(tree)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use serde::Deserialize;

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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        flag: bool,
        small: i8,
        large: u64,
        ratio: f32,
        letter: char,
        name: Option<String>,
        nothing: Option<u8>,
        address: IpAddr,
        pair: (u8, String),
        wrapped: Wrapped,
        choices: Vec<Choice>,
        map: BTreeMap<String, u16>,
        bytes: dhcpmgr_message::Bytes,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(u16);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        Plain,
        One(u8),
        Two(u8, u8),
        Named { port: u16 },
    }

    #[test]
    fn every_kind_of_value_comes_through() {
        let value = Everything {
            flag: true,
            small: -5,
            large: u64::MAX,
            ratio: 0.5,
            letter: 'ß',
            name: Some("x".to_owned()),
            nothing: None,
            address: "2001:db8::1".parse().unwrap(),
            pair: (1, "a".to_owned()),
            wrapped: Wrapped(7),
            choices: vec![Choice::Plain, Choice::One(1), Choice::Two(1, 2), Choice::Named { port: 53 }],
            map: BTreeMap::from([("a".to_owned(), 1)]),
            bytes: vec![0, 255].into(),
        };
        assert_eq!(Settings::of(&value).unwrap().parse::<Everything>(), Ok(value));
    }

    #[test]
    fn wrong_values_are_told_in_words() {
        #[derive(Debug, Deserialize)]
        struct Table {
            #[serde(rename = "x")]
            _x: Choice,
        }
        let told = |value: &dyn Fn() -> Settings| value().parse::<Table>().unwrap_err().to_string();
        let of = |text: &'static str| move || Settings::of(&BTreeMap::from([("x", text)])).unwrap();
        assert!(told(&of("pain")).starts_with("settings.x: unknown variant `pain`, expected one of `plain`"));
        assert_eq!(told(&of("one")), "settings.x: `one` needs a value: { one = … }");
        let number = || Settings::of(&BTreeMap::from([("x", 7)])).unwrap();
        let expected = "settings.x: invalid type: integer `7`, expected a text or a table with one key";
        assert_eq!(told(&number), expected);
        let deep = || Settings::of(&BTreeMap::from([("x", BTreeMap::from([("one", "y")]))])).unwrap();
        assert_eq!(told(&deep), "settings.x.one: invalid type: string \"y\", expected u8");
    }

    #[test]
    fn bytes_that_are_no_map_are_an_error() {
        for bytes in [vec![0xc1], vec![0x81], vec![0x93, 1, 2], vec![0xdf, 0xff, 0xff, 0xff, 0xff]] {
            assert!(Settings::from_bytes(bytes).parse::<Mine>().is_err());
        }
    }
}
