//! What is to be explained, as text: an option's code and bytes, and a delegated prefix.

use std::net::Ipv6Addr;
use std::str::FromStr;

use dhcpmgr_softwire::kind::PRIORITY;
use dhcpmgr_softwire::{Ipv6Prefix, Kind};

/// The code of an option that can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// One that provisions a softwire.
    Softwire(Kind),
    /// S46_PRIORITY.
    Priority,
}

impl Code {
    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Softwire(kind) => kind.option(),
            Self::Priority => PRIORITY,
        }
    }

    pub(super) fn of(number: u64) -> Result<Self, String> {
        let code = u16::try_from(number).unwrap_or(u16::MAX);
        match Kind::of_option(code) {
            Some(kind) => Ok(Self::Softwire(kind)),
            None if code == PRIORITY => Ok(Self::Priority),
            None => Err(format!(
                "option {number} is not one of 94 (MAP-E), 95 (MAP-T), 96 (lw4o6), 64 (DS-Lite) and 111 (priority)"
            )),
        }
    }
}

impl FromStr for Code {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Self::of(number),
            Err(_) => Err("must be the number of an option: 94, 95, 96, 64 or 111".to_owned()),
        }
    }
}

/// A prefix as ADDRESS/LENGTH. Bits past the length are dropped, as who copies it from an interface has them.
pub(super) fn prefix(text: &str) -> Result<Ipv6Prefix, String> {
    let wrong = || "must be an IPv6 prefix as in 2001:db8:12:3400::/56".to_owned();
    let (address, len) = text.split_once('/').ok_or_else(wrong)?;
    let address: Ipv6Addr = address.trim().parse().map_err(|_| wrong())?;
    let len = len.trim();
    // `parse` also takes a sign.
    let digits = len.bytes().all(|byte| byte.is_ascii_digit());
    let len: u8 = len.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    Ipv6Prefix::containing(address, len).ok_or_else(|| format!("has length {len}, at most 128 is possible"))
}

/// Why hex digits are no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoHex {
    /// Whole bytes before it.
    pub(super) offset: usize,
    pub(super) why: String,
}

/// Bytes as two hex digits each. Between them may be spaces, colons, hyphens, dots and commas, before them 0x.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, NoHex> {
    let separator = |c: char| c.is_ascii_whitespace() || matches!(c, ':' | '-' | '.' | ',');
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for group in text.split(separator) {
        let group = group.strip_prefix("0x").or_else(|| group.strip_prefix("0X")).unwrap_or(group);
        let mut digits = group.chars();
        while let Some(high) = digits.next() {
            let fail = |why| NoHex { offset: bytes.len(), why };
            let digit = |c: char| {
                c.to_digit(16).ok_or_else(|| fail(format!("the hex text has {c:?}, which is no hex digit")))
            };
            let high = digit(high)?;
            let low = digits
                .next()
                .ok_or_else(|| fail("the hex text has half a byte: two digits make one".to_owned()))?;
            bytes.push((high << 4 | digit(low)?) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_however_they_were_copied() {
        for text in [
            "0059000d",
            "00:59:00:0D",
            "0x0059000d",
            "00 59\n00 0d ",
            "00-59-00-0d",
            "0x00, 0x59, 0x00, 0x0d",
        ] {
            assert_eq!(bytes(text).unwrap(), [0, 0x59, 0, 0x0d], "{text}");
        }
        assert!(bytes("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_hex_is_refused_with_its_place() {
        assert_eq!(bytes("00590").unwrap_err().offset, 2);
        assert_eq!(bytes("00:5").unwrap_err().offset, 1);
        let error = bytes("0059\u{1b}0").unwrap_err();
        assert_eq!((error.offset, error.why.contains("\\u{1b}")), (2, true));
        assert_eq!(bytes("0g").unwrap_err().offset, 0);
        assert_eq!(bytes("00\u{ff11}\u{ff11}").unwrap_err().offset, 1, "only ASCII digits count");
    }

    #[test]
    fn a_prefix_has_a_length_that_fits() {
        assert_eq!(prefix("2001:db8:12:34ff::1/56").unwrap().to_string(), "2001:db8:12:3400::/56");
        for text in ["2001:db8::", "2001:db8::/129", "2001:db8::/+56", "192.0.2.0/24", "/56", "2001:db8::/"] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }
}
