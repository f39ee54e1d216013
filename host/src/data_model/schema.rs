//! What the standard says of an object or a parameter: the types of [`super::tables`], and how to find one.

use super::tables::OBJECTS;

/// An object, or a table of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// The path, `Device.DHCPv4.Client.{i}.`.
    pub path: &'static str,
    /// The last name in it, `Client`.
    pub name: &'static str,
    /// The index of the object that it stands in; the root stands in itself.
    pub parent: u8,
    /// It is a table: there may be any number of it.
    pub table: bool,
    /// Rows may be added and deleted.
    pub writable: bool,
    /// Parameters that are unique together, for each key.
    pub keys: &'static [&'static [&'static str]],
    /// The parameter above that counts its rows.
    pub count: Option<&'static str>,
    /// Commands, with their parentheses.
    pub commands: &'static [&'static str],
    /// Parameters.
    pub parameters: &'static [Parameter],
}

/// A parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type and range.
    pub kind: Kind,
    /// Who may write it.
    pub access: Access,
    /// What it is in a new row.
    pub default: Option<&'static str>,
    /// Changes of it are told to nobody (`canDeny`): it counts down.
    pub quiet: bool,
    /// It is of CWMP only; USP has a command instead.
    pub cwmp: bool,
}

/// Who may write a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Read,
    /// Anybody who may write.
    Write,
    /// Only when its row is added.
    Once,
    /// Writing `true` does something; it always reads `false`.
    Trigger,
}

/// Type and range (TR-106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `boolean`
    Boolean,
    /// `int`, or `long` where it has room for more
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// `unsignedInt`
    Unsigned {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// `unsignedLong`
    Long,
    /// `string`
    Text {
        /// The most characters.
        max: u16,
        /// What it must look like.
        form: Form,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// `hexBinary`, in bytes.
    Hex {
        /// The fewest.
        min: u16,
        /// The most.
        max: u16,
    },
    /// `dateTime`, UTC.
    DateTime,
    /// Texts, with commas between them.
    List {
        /// What each must look like.
        form: Form,
    },
    /// Numbers from 0 to 2³²−1, with commas between them.
    Numbers,
}

/// What a text must look like. Empty is right for all but an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// A handle for a row.
    Alias,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An address of either.
    Ip,
    /// An IPv4 prefix.
    Ipv4Prefix,
    /// An IPv6 prefix.
    Ipv6Prefix,
    /// The path of a row.
    Reference,
}

impl Kind {
    /// The name of the type in TR-106.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int { min, .. } if *min < i32::MIN as i64 => "long",
            Self::Int { .. } => "int",
            Self::Unsigned { .. } => "unsignedInt",
            Self::Long => "unsignedLong",
            Self::Text { .. } | Self::Word(_) | Self::List { .. } | Self::Numbers => "string",
            Self::Hex { .. } => "hexBinary",
            Self::DateTime => "dateTime",
        }
    }

    /// What is accepted, for people: a range, the words, a length.
    #[must_use]
    pub fn accepted(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Unsigned { min, max } => format!("a whole number from {min} to {max}"),
            Self::Long => "a whole number of 64 bits".to_owned(),
            Self::Text { max, form: Form::Any } => format!("up to {max} characters"),
            Self::Text { form, .. } => form.accepted().to_owned(),
            Self::Word(words) => words.join(", "),
            Self::Hex { min, max } => format!("{min} to {max} bytes, two hexadecimal digits each"),
            Self::DateTime => "a time such as 2026-01-31T12:00:00Z".to_owned(),
            Self::List { form } => format!("a list with commas, of {}", form.accepted()),
            Self::Numbers => "a list of numbers with commas".to_owned(),
        }
    }
}

impl Form {
    const fn accepted(self) -> &'static str {
        match self {
            Self::Any => "texts",
            Self::Alias => "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Ip => "an IP address",
            Self::Ipv4Prefix => "an IPv4 prefix",
            Self::Ipv6Prefix => "an IPv6 prefix",
            Self::Reference => "the path of a row, without a dot at its end",
        }
    }
}

impl Object {
    /// `Device.`
    #[must_use]
    pub fn root() -> &'static Self {
        &OBJECTS[0]
    }

    /// The object of this path.
    #[must_use]
    pub fn find(path: &str) -> Option<&'static Self> {
        OBJECTS.iter().find(|object| object.path == path)
    }

    /// The object that this one stands in.
    #[must_use]
    pub fn above(&self) -> &'static Self {
        &OBJECTS[usize::from(self.parent)]
    }

    /// Those that stand directly in it.
    pub fn below(&'static self) -> impl Iterator<Item = &'static Self> {
        OBJECTS
            .iter()
            .filter(move |other| other.parent != u8::MAX && std::ptr::eq(other.above(), self))
            .filter(move |other| !std::ptr::eq(*other, self))
    }

    /// The one of this name that stands directly in it.
    #[must_use]
    pub fn child(&'static self, name: &str) -> Option<&'static Self> {
        self.below().find(|other| other.name == name)
    }

    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter>
    where
        Self: 'static,
    {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_stands_in_the_one_before_its_last_name() {
        for object in &OBJECTS[1..] {
            let whole = object.path.trim_end_matches('.').trim_end_matches(".{i}");
            assert_eq!(whole, format!("{}{}", object.above().path, object.name));
            assert_eq!(object.path.ends_with("{i}."), object.table, "{}", object.path);
            for key in object.keys.iter().flat_map(|key| key.iter()) {
                assert!(object.parameter(key).is_some(), "{} has no {key}", object.path);
            }
            if let Some(count) = object.count {
                assert!(object.above().parameter(count).is_some(), "nothing counts {}", object.path);
            }
        }
    }

    #[test]
    fn the_clients_have_what_the_standard_gives_them() {
        let count = |prefix: &str| {
            let own = OBJECTS.iter().filter(|object| object.path.starts_with(prefix));
            let standard = own.filter(|object| !object.path.contains(".X_")).collect::<Vec<_>>();
            let parameters = standard.iter().flat_map(|object| object.parameters);
            let of_standard: Vec<_> = parameters.filter(|p| !p.name.starts_with("X_")).collect();
            let commands: usize = standard.iter().map(|object| object.commands.len()).sum();
            (standard.len(), of_standard.len(), of_standard.iter().filter(|p| p.cwmp).count(), commands)
        };
        let (v4, v6) = (count("Device.DHCPv4."), count("Device.DHCPv6."));
        // TR-181 2.21: 13 objects, 119 parameters in CWMP of which 4 are commands in USP, and 6 commands.
        assert_eq!((v4.0 + v6.0, v4.1 + v6.1, v4.2 + v6.2, v4.3 + v6.3), (13, 119, 4, 6));
    }
}
