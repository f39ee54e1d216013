//! Values of parameters: typed, as text, and as somebody writes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::Prefix;
use serde::{Deserialize, Serialize};

use super::error::code;
use super::schema::{Form, Kind};

/// The value of a parameter. In JSON a boolean, a number or a string; lists are strings with commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `boolean`
    Boolean(bool),
    /// `unsignedInt` and `unsignedLong`
    Unsigned(u64),
    /// `int`
    Int(i64),
    /// Everything else.
    Text(String),
}

/// An unsignedLong that says that nothing is known (TR-181, StatsCounter64).
pub const NO_DATA: u64 = u64::MAX;
/// A dateTime that nobody knows (TR-106).
pub const UNKNOWN_TIME: &str = "0001-01-01T00:00:00Z";
/// A dateTime that never comes.
pub const NEVER: &str = "9999-12-31T23:59:59Z";

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Unsigned(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl Value {
    /// A list of what can be shown, with commas.
    pub fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> Self {
        let mut text = String::new();
        for item in items {
            if !text.is_empty() {
                text.push(',');
            }
            // TR-106 section 3.2.3: a comma in an item is escaped.
            text.push_str(&item.to_string().replace('%', "%25").replace(',', "%2C"));
        }
        Self::Text(text)
    }

    /// What a parameter is that nobody knows anything of.
    #[must_use]
    pub fn nothing(kind: &Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(false),
            Kind::Int { min, .. } => Self::Int(0.max(*min)),
            Kind::Unsigned { min, .. } => Self::Unsigned((*min).into()),
            Kind::Long => Self::Unsigned(NO_DATA),
            Kind::DateTime => Self::from(UNKNOWN_TIME),
            Kind::Word(words) => Self::from(words.first().copied().unwrap_or_default()),
            Kind::Text { .. } | Kind::Hex { .. } | Kind::List { .. } | Kind::Numbers => Self::from(""),
        }
    }

    /// The value that somebody wrote, as a parameter of this kind takes it; else a USP error code and what is accepted.
    /// Text stands for a value of any type, as in USP.
    pub fn taken(&self, kind: &Kind) -> Result<Self, (u16, String)> {
        let wrong = |code| {
            Err((
                code,
                format!("{self:?} is not right; accepted: {}", kind.accepted())
                    .replace("Text(", "")
                    .replace("\")", "\""),
            ))
        };
        match (kind, self) {
            (Kind::Boolean, Self::Boolean(_)) => Ok(self.clone()),
            (Kind::Boolean, Self::Text(text)) => match text.as_str() {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                _ => wrong(code::TYPE),
            },
            (Kind::Int { min, max }, _) => match self.number() {
                Some(n) if (i128::from(*min)..=i128::from(*max)).contains(&n) => {
                    Ok(Self::Int(i64::try_from(n).unwrap_or_default()))
                }
                Some(_) => wrong(code::VALUE),
                None => wrong(code::TYPE),
            },
            (Kind::Unsigned { .. } | Kind::Long, _) => {
                let (min, max) = match kind {
                    Kind::Unsigned { min, max } => (u64::from(*min), u64::from(*max)),
                    _ => (0, u64::MAX),
                };
                match self.number().map(u64::try_from) {
                    Some(Ok(n)) if (min..=max).contains(&n) => Ok(Self::Unsigned(n)),
                    Some(_) => wrong(code::VALUE),
                    None => wrong(code::TYPE),
                }
            }
            (_, Self::Text(text)) => match is_right(kind, text) {
                Ok(true) => Ok(Self::Text(canonical(kind, text))),
                Ok(false) => wrong(code::VALUE),
                Err(()) => wrong(code::TYPE),
            },
            _ => wrong(code::TYPE),
        }
    }

    fn number(&self) -> Option<i128> {
        match self {
            Self::Boolean(_) => None,
            Self::Unsigned(n) => Some((*n).into()),
            Self::Int(n) => Some((*n).into()),
            // A number of any length is a number, and out of range.
            Self::Text(text) => {
                let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
                let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                is_number.then(|| text.parse().unwrap_or(i128::MAX))
            }
        }
    }
}

/// Lower-case hex, and lists without spaces.
fn canonical(kind: &Kind, text: &str) -> String {
    match kind {
        Kind::Hex { .. } => text.to_ascii_lowercase(),
        Kind::List { .. } | Kind::Numbers => text.split(',').map(str::trim).collect::<Vec<_>>().join(","),
        _ => text.to_owned(),
    }
}

/// Whether it is in range; an error when it is of another type altogether.
fn is_right(kind: &Kind, text: &str) -> Result<bool, ()> {
    let items = || text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
    Ok(match kind {
        Kind::Word(words) => words.contains(&text),
        Kind::Text { max, form } => {
            text.chars().count() <= usize::from(*max) && !text.contains('\0') && form.fits(text)
        }
        Kind::Hex { min, max } => {
            if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(());
            }
            (usize::from(*min)..=usize::from(*max)).contains(&(text.len() / 2))
        }
        Kind::List { form } => items().all(|item| !item.is_empty() && form.fits(item)),
        Kind::Numbers => {
            if !items().all(|item| !item.is_empty() && item.bytes().all(|b| b.is_ascii_digit())) {
                return Err(());
            }
            items().all(|item| item.parse::<u32>().is_ok())
        }
        Kind::DateTime => is_time(text).then_some(true).ok_or(())?,
        Kind::Boolean | Kind::Int { .. } | Kind::Unsigned { .. } | Kind::Long => return Err(()),
    })
}

fn is_time(text: &str) -> bool {
    let shape = "0000-00-00T00:00:00Z";
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
}

impl Form {
    fn fits(self, text: &str) -> bool {
        let prefix = |v6: bool| text.parse::<Prefix>().is_ok_and(|prefix| prefix.address().is_ipv6() == v6);
        match self {
            // No parameter that is written to may be too long for a path.
            Self::Any | Self::Reference => !text.contains(char::is_control),
            Self::Alias => {
                let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
                text.len() <= 64
                    && text.starts_with(|c: char| c.is_ascii_alphabetic())
                    && text.bytes().all(ok)
            }
            _ if text.is_empty() => true,
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::Ipv4Prefix => prefix(false),
            Self::Ipv6Prefix => prefix(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_model::schema::Access;
    use crate::data_model::tables::OBJECTS;

    fn text(text: &str) -> Value {
        text.into()
    }

    #[test]
    fn text_stands_for_any_type_and_other_types_for_themselves() {
        let number = Kind::Unsigned { min: 1, max: 254 };
        assert_eq!(text("60").taken(&number), Ok(60_u32.into()));
        assert_eq!(Value::Int(60).taken(&number), Ok(60_u32.into()));
        assert_eq!(text("255").taken(&number).unwrap_err().0, code::VALUE);
        assert_eq!(text("-1").taken(&number).unwrap_err().0, code::VALUE);
        assert_eq!(text(&"9".repeat(99)).taken(&number).unwrap_err().0, code::VALUE);
        assert_eq!(text("sixty").taken(&number).unwrap_err().0, code::TYPE);
        assert_eq!(Value::Boolean(true).taken(&number).unwrap_err().0, code::TYPE);
        assert_eq!(text("1").taken(&Kind::Boolean), Ok(true.into()));
        assert_eq!(text("yes").taken(&Kind::Boolean).unwrap_err().0, code::TYPE);
        let hex = Kind::Hex { min: 0, max: 2 };
        assert_eq!(text("0aFF").taken(&hex), Ok(text("0aff")));
        assert_eq!(text("0aff00").taken(&hex).unwrap_err().0, code::VALUE);
        assert_eq!(text("0af").taken(&hex).unwrap_err().0, code::TYPE);
        assert_eq!(text("23, 24").taken(&Kind::Numbers), Ok(text("23,24")));
        assert_eq!(text("").taken(&Kind::Numbers), Ok(text("")));
        assert_eq!(text("23,,24").taken(&Kind::Numbers).unwrap_err().0, code::TYPE);
    }

    #[test]
    fn what_is_refused_says_what_is_accepted() {
        let (_, why) = text("x").taken(&Kind::Word(&["None", "Some"])).unwrap_err();
        assert_eq!(why, "\"x\" is not right; accepted: None, Some");
    }

    #[test]
    fn every_default_of_the_standard_fits_its_own_parameter() {
        let written =
            OBJECTS.iter().flat_map(|object| object.parameters).filter(|p| p.access != Access::Read);
        for parameter in written {
            if let Some(default) = parameter.default {
                assert!(text(default).taken(&parameter.kind).is_ok(), "{} = {default:?}", parameter.name);
            }
        }
    }
}
