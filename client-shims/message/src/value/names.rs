//! Names of interfaces, clients, hosts and domains, checked once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ValueError, text_serde};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(text: &str) -> Result<Self, ValueError> {
                $check(text).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        text_serde!($name);
    };
}

name_type!(
    /// A network interface name as the kernel takes it: 1 to 15 bytes, no `/`, no white space, not `.` or `..`
    /// (`dev_valid_name` in the kernel), and here also no control characters and ASCII only.
    IfName,
    check_if_name
);
name_type!(
    /// The configured name of a client, its TR-181 Alias: 1 to 64 of `A-Z a-z 0-9 . _ -`, starting with a letter
    /// or a digit, so that it can be a file name.
    ClientName,
    check_client_name
);
name_type!(
    /// One host name or dotted name after RFC 1123 section 2.1: labels of 1 to 63 letters, digits and hyphens, not
    /// starting or ending with a hyphen; at most 253 bytes. A single trailing dot is dropped; case is kept.
    HostName,
    check_host_name
);
name_type!(
    /// A domain for search lists: as [`HostName`], but a label may also contain or start with `_` (RFC 2181
    /// section 11 leaves the labels to the application; `_tcp.example` is in use).
    DomainName,
    check_domain_name
);

fn check_if_name(text: &str) -> Result<String, ValueError> {
    let fail = |why| Err(ValueError::new("interface name", text, why));
    if text.is_empty() || text.len() > 15 {
        return fail("must have 1 to 15 bytes");
    }
    if text == "." || text == ".." {
        return fail("is reserved");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':') {
        return fail("must be printable ASCII without space, '/' and ':'");
    }
    Ok(text.to_owned())
}

fn check_client_name(text: &str) -> Result<String, ValueError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if starts && text.len() <= 64 && text.bytes().all(ok) {
        Ok(text.to_owned())
    } else {
        let why = "must have 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit";
        Err(ValueError::new("client name", text, why))
    }
}

fn check_name(what: &'static str, text: &str, underscore: bool) -> Result<String, ValueError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > 253 {
        return Err(ValueError::new(what, text, "must have 1 to 253 bytes"));
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err(ValueError::new(what, text, "must have labels of 1 to 63 bytes"));
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || (underscore && b == b'_')) {
            let why = if underscore {
                "must have letters, digits, hyphens and underscores only"
            } else {
                "must have letters, digits and hyphens only (RFC 1123)"
            };
            return Err(ValueError::new(what, text, why));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(ValueError::new(
                what,
                text,
                "must not have a label that starts or ends with a hyphen",
            ));
        }
    }
    Ok(name.to_owned())
}

fn check_host_name(text: &str) -> Result<String, ValueError> {
    check_name("host name", text, false)
}

fn check_domain_name(text: &str) -> Result<String, ValueError> {
    check_name("domain", text, true)
}
