//! Which settings a module takes: said in its manifest, so that the host finds a mistake of the operator before the
//! module is asked, and says in which line of which file it is.

use std::fmt;

use dhcpmgr_message::wire;
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::settings::Value;

/// One setting: a key of `[handlers.NAME.settings]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Setting {
    /// The key; in a table within the settings with dots, as in `acs.url`.
    pub name: String,
    /// The type.
    pub kind: SettingKind,
    /// It is a list of values of the type.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// It must be there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The smallest number, or the fewest characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The largest number, or the most characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The texts that are accepted; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// What holds when it is not there, as a person would write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// One line for the person who writes it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// The type of a setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// A text.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Fraction,
    /// `true` or `false`.
    Boolean,
    /// A table or anything else; what is in it is the module's own business.
    #[serde(other)]
    Any,
}

/// A setting that is not as the module takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The key, as in `acs.url`; of an element of a list the list's.
    pub key: String,
    /// What is wrong, and what is accepted.
    pub what: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings.{}: {}", self.key, self.what)
    }
}

impl Setting {
    /// A setting that may be left out.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: SettingKind) -> Self {
        Self { name: name.into(), kind, ..Self::default() }
    }

    /// It must be there.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// It is a list of such values.
    #[must_use]
    pub fn list(mut self) -> Self {
        self.list = true;
        self
    }

    /// Numbers from `min` to `max`, or texts of so many characters.
    #[must_use]
    pub fn range(mut self, min: i64, max: i64) -> Self {
        (self.min, self.max) = (Some(min), Some(max));
        self
    }

    /// One of these texts.
    #[must_use]
    pub fn one_of<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.one_of = texts.into_iter().map(Into::into).collect();
        self
    }

    /// What holds when it is not there, as a person would write it.
    #[must_use]
    pub fn defaults_to(mut self, written: impl Into<String>) -> Self {
        self.default = Some(written.into());
        self
    }

    /// One line for the person who writes it.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// What it accepts, for an error and for a table.
    #[must_use]
    pub fn accepted(&self) -> String {
        let (one, many) = match self.kind {
            SettingKind::Text => ("a text", "texts"),
            SettingKind::Integer => ("a whole number", "whole numbers"),
            SettingKind::Fraction => ("a number", "numbers"),
            SettingKind::Boolean => ("true or false", "true and false"),
            SettingKind::Any => ("any value", "any values"),
        };
        let what = if self.list { format!("a list of {many}") } else { one.to_owned() };
        let unit = if self.kind == SettingKind::Text { " characters" } else { "" };
        let range = match (self.min, self.max) {
            (None, None) => String::new(),
            (Some(min), None) => format!(" of at least {min}{unit}"),
            (None, Some(max)) => format!(" of at most {max}{unit}"),
            (Some(min), Some(max)) => format!(" from {min} to {max}{unit}"),
        };
        if self.one_of.is_empty() {
            return what + &range;
        }
        let quoted: Vec<_> = self.one_of.iter().map(|text| format!("\"{text}\"")).collect();
        let out_of = if self.list { "a list out of " } else { "" };
        format!("{out_of}{}", quoted.join(", "))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        let refused = |found: String| Err(format!("found {found}; accepted: {}", self.accepted()));
        match value {
            Value::List(values) if self.list => values.iter().try_for_each(|value| self.check_one(value)),
            value if self.list => refused(kind_of(value).to_owned()),
            value => self.check_one(value),
        }
    }

    fn check_one(&self, value: &Value) -> Result<(), String> {
        let fits = match (self.kind, value) {
            (SettingKind::Any, _) | (SettingKind::Boolean, Value::Bool(_)) => true,
            (SettingKind::Text, Value::Text(text)) => {
                self.within(text.chars().count() as f64)
                    && (self.one_of.is_empty() || self.one_of.contains(text))
            }
            (SettingKind::Integer | SettingKind::Fraction, Value::Unsigned(number)) => {
                self.within(*number as f64)
            }
            (SettingKind::Integer | SettingKind::Fraction, Value::Signed(number)) => {
                self.within(*number as f64)
            }
            (SettingKind::Fraction, Value::Float(number)) => self.within(*number),
            (_, other) => {
                return Err(format!("found {}; accepted: {}", kind_of(other), self.accepted()));
            }
        };
        if fits { Ok(()) } else { Err(format!("{} is refused; accepted: {}", shown(value), self.accepted())) }
    }

    fn within(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min as f64) && self.max.is_none_or(|max| number <= max as f64)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nothing => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Unsigned(_) | Value::Signed(_) => "a whole number",
        Value::Float(_) => "a fraction",
        Value::Text(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        other => kind_of(other).to_owned(),
    }
}

/// What is wrong with settings under a schema. No schema takes any settings: the module alone knows.
#[must_use]
pub(crate) fn check(schema: &[Setting], settings: &Settings) -> Vec<SettingError> {
    if schema.is_empty() {
        return Vec::new();
    }
    let tree = match wire::decode::<Value>(settings.as_bytes()) {
        Ok(tree) => tree,
        Err(error) => return vec![SettingError { key: String::new(), what: error.to_string() }],
    };
    let mut errors = Vec::new();
    if let Value::Table(entries) = &tree {
        look_into(schema, "", entries, &mut errors);
    }
    let missing = schema.iter().filter(|setting| setting.required && lookup(&tree, &setting.name).is_none());
    errors.extend(missing.map(|setting| SettingError {
        key: setting.name.clone(),
        what: format!("is missing; accepted: {}", setting.accepted()),
    }));
    errors
}

fn look_into(schema: &[Setting], within: &str, entries: &[(String, Value)], errors: &mut Vec<SettingError>) {
    for (name, value) in entries {
        let key = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        if let Some(setting) = schema.iter().find(|setting| setting.name == key) {
            errors.extend(setting.check(value).err().map(|what| SettingError { key, what }));
            continue;
        }
        let deeper = format!("{key}.");
        match value {
            Value::Table(entries) if schema.iter().any(|setting| setting.name.starts_with(&deeper)) => {
                look_into(schema, &key, entries, errors);
            }
            _ => {
                let known: Vec<_> = schema.iter().map(|setting| setting.name.as_str()).collect();
                let what = format!("is no setting of this module; accepted: {}", known.join(", "));
                errors.push(SettingError { key, what });
            }
        }
    }
}

fn lookup<'a>(tree: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.').try_fold(tree, |tree, part| match tree {
        Value::Table(entries) => entries.iter().find(|(key, _)| key == part).map(|(_, value)| value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Vec<Setting> {
        vec![
            Setting::new("option", SettingKind::Integer).range(1, 254).required(),
            Setting::new("mode", SettingKind::Text).one_of(["strict", "lax"]).defaults_to("\"lax\""),
            Setting::new("acs.url", SettingKind::Text).range(1, 256),
            Setting::new("servers", SettingKind::Text).list(),
            Setting::new("ratio", SettingKind::Fraction),
            Setting::new("on", SettingKind::Boolean),
            Setting::new("free", SettingKind::Any),
        ]
    }

    fn errors(settings: &serde_json::Value) -> Vec<String> {
        let settings = Settings::of(settings).unwrap();
        check(&schema(), &settings).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn right_settings_are_accepted() {
        assert!(errors(&json!({
            "option": 43, "mode": "strict", "acs": {"url": "http://acs"}, "servers": ["a", "b"], "ratio": 1,
            "on": true, "free": {"x": [1]}
        }))
        .is_empty());
        assert!(errors(&json!({"option": 43, "ratio": 0.5})).is_empty());
    }

    #[test]
    fn every_mistake_is_told_with_its_key_and_what_is_accepted() {
        for (settings, told) in [
            (json!({}), "settings.option: is missing; accepted: a whole number from 1 to 254"),
            (
                json!({"option": 255}),
                "settings.option: 255 is refused; accepted: a whole number from 1 to 254",
            ),
            (json!({"option": -1}), "settings.option: -1 is refused; accepted: a whole number from 1 to 254"),
            (
                json!({"option": "43"}),
                "settings.option: found a string; accepted: a whole number from 1 to 254",
            ),
            (
                json!({"option": 1, "mode": "loose"}),
                "settings.mode: \"loose\" is refused; accepted: \"strict\", \"lax\"",
            ),
            (
                json!({"option": 1, "acs": {"url": ""}}),
                "settings.acs.url: \"\" is refused; accepted: a text from 1 to 256 characters",
            ),
            (
                json!({"option": 1, "servers": "a"}),
                "settings.servers: found a string; accepted: a list of texts",
            ),
            (
                json!({"option": 1, "servers": [1]}),
                "settings.servers: found a whole number; accepted: a list of texts",
            ),
            (json!({"option": 1, "on": 1}), "settings.on: found a whole number; accepted: true or false"),
            (
                json!({"option": 1, "acs": {"uri": "x"}}),
                "settings.acs.uri: is no setting of this module; accepted: option, mode, acs.url, servers, ratio, on, free",
            ),
        ] {
            assert_eq!(errors(&settings), [told]);
        }
    }

    #[test]
    fn without_a_schema_the_module_alone_knows() {
        assert!(check(&[], &Settings::of(&json!({"any": "thing"})).unwrap()).is_empty());
    }

    #[test]
    fn a_kind_of_a_later_sdk_is_not_judged() {
        let later = wire::encode(&json!({"name": "x", "kind": "astrology", "required": true})).unwrap();
        let setting: Setting = wire::decode(&later).unwrap();
        assert_eq!(setting.kind, SettingKind::Any);
        assert!(check(&[setting], &Settings::of(&json!({"x": 1})).unwrap()).is_empty());
    }
}
