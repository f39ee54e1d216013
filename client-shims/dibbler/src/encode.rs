//! From the text of an option back to its bytes. dibbler decodes the options that it knows and prints the others as
//! hex with colons between, whatever its configuration calls them.
//!
//! An element of a list that cannot be read is reported and left out; the others stay.

use std::net::Ipv6Addr;

use dhcpmgr_shim::text::{LONGEST, Reader, parse, words};
use dhcpmgr_shim::{Problems, names};

/// What dibbler prints of an option that it knows and has no text for.
const UNTOLD: &[u8] = b"[generic]";

/// How dibbler writes the value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// Two digits a byte, colons between.
    Hex,
    /// Addresses, a space after each.
    Addresses,
    /// Domain names, a space after each.
    Domains,
    /// A decimal number of so many bytes.
    Number(usize),
    /// Text as the server sent it, to the first NUL.
    Text,
    /// `vendor=ENTERPRISE CODE=HEX ...` (RFC 8415 section 21.17).
    Vendor,
    /// The name, then those of the flags ` N`, ` O`, ` S` that are set (RFC 4704 section 4).
    Fqdn,
    /// An option without a value.
    Empty,
}

/// dibbler 1.0.1 `ClntMessages/ClntMsg.cpp`.
fn syntax(code: u16) -> Syntax {
    match code {
        12 | 22 | 23 | 27 | 28 | 31 => Syntax::Addresses,
        21 | 24 | 29 | 30 | 64 => Syntax::Domains,
        7 => Syntax::Number(1),
        8 => Syntax::Number(2),
        32 => Syntax::Number(4),
        42 => Syntax::Text,
        17 => Syntax::Vendor,
        39 => Syntax::Fqdn,
        14 | 20 => Syntax::Empty,
        _ => Syntax::Hex,
    }
}

/// The bytes of the option, or nothing if there is nothing in it that could be read. `name` is the variable's.
#[must_use]
pub fn option(name: &str, code: u16, text: &[u8], problems: &mut Problems) -> Option<Vec<u8>> {
    let mut reader = Dibbler(Reader { name, code, problems });
    let syntax = syntax(code);
    // The longest way to write a byte is in hex.
    if !reader.0.fits(text, text.len(), 3 * LONGEST) {
        return None;
    }
    if text == UNTOLD && syntax != Syntax::Text {
        if syntax == Syntax::Empty {
            return Some(Vec::new());
        }
        reader.0.refuse(text, "means that dibbler does not tell the value");
        return None;
    }
    let wire = match syntax {
        Syntax::Hex | Syntax::Empty => reader.hex(text, text)?,
        Syntax::Addresses => words(text).filter_map(|word| reader.address(word)).flatten().collect(),
        Syntax::Domains if text.is_empty() => {
            reader.0.refuse(text, "is empty: dibbler could not read what the server sent");
            return None;
        }
        Syntax::Domains => reader.0.domains(text),
        Syntax::Number(bytes) => reader.number(text, bytes)?,
        Syntax::Text => text.to_vec(),
        Syntax::Vendor => reader.vendor(text)?,
        Syntax::Fqdn => reader.fqdn(text)?,
    };
    let nothing_left = wire.is_empty() && !text.is_empty();
    (reader.0.fits(text, wire.len(), LONGEST) && !nothing_left).then_some(wire)
}

/// How dibbler writes.
struct Dibbler<'a>(Reader<'a>);

impl Dibbler<'_> {
    fn address(&mut self, text: &[u8]) -> Option<[u8; 16]> {
        let address = parse::<Ipv6Addr>(text).map(|address| address.octets());
        self.0.or_refuse(address, text, "is not an IPv6 address")
    }

    fn number(&mut self, text: &[u8], bytes: usize) -> Option<Vec<u8>> {
        let wire = parse::<u32>(text).and_then(|number| {
            let (unused, wire) = number
                .to_be_bytes()
                .split_at_checked(4 - bytes)
                .map(|(unused, wire)| (unused.to_vec(), wire.to_vec()))?;
            unused.iter().all(|byte| *byte == 0).then_some(wire)
        });
        self.0.or_refuse(wire, text, "is not a number that the option can hold")
    }

    /// `whole` is what a mistake is reported of.
    fn hex(&mut self, text: &[u8], whole: &[u8]) -> Option<Vec<u8>> {
        let byte = |digits: &[u8]| match digits {
            [high, low] => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                Some((digit(*high)? << 4 | digit(*low)?) as u8)
            }
            _ => None,
        };
        let bytes = text.split(|b| *b == b':').filter(|digits| !(digits.is_empty() && text.is_empty()));
        let wire = bytes.map(byte).collect();
        self.0.or_refuse(wire, whole, "is not hex with a colon after every two digits")
    }

    fn vendor(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut words = words(text);
        let enterprise = words.next().and_then(|word| parse::<u32>(word.strip_prefix(b"vendor=")?));
        let enterprise = self.0.or_refuse(enterprise, text, "does not begin with vendor=NUMBER")?;
        let mut wire = enterprise.to_be_bytes().to_vec();
        for word in words {
            let equals = word.iter().position(|b| *b == b'=');
            let pair = equals.and_then(|at| Some((parse::<u16>(&word[..at])?, &word[at + 1..])));
            let pair = self.0.or_refuse(pair, word, "is not CODE=HEX");
            let Some((code, Some(value))) = pair.map(|(code, value)| (code, self.hex(value, word))) else {
                continue;
            };
            let Ok(len) = u16::try_from(value.len()) else { continue };
            wire.extend(code.to_be_bytes());
            wire.extend(len.to_be_bytes());
            wire.extend(value);
        }
        Some(wire)
    }

    /// A single label is taken for a partial name, as dibbler itself does: it has no zero at its end.
    fn fqdn(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let (mut name, mut flags) = (text, 0);
        for (flag, bit) in [(b" S", 1), (b" O", 2), (b" N", 4)] {
            if let Some(before) = name.strip_suffix(flag) {
                (name, flags) = (before, flags | bit);
            }
        }
        let mut wire = vec![flags];
        if name.is_empty() {
            return Some(wire);
        }
        if let Err(why) = names::encode(name, &mut wire) {
            self.0.refuse(name, why);
            return None;
        }
        if !name.contains(&b'.') {
            wire.pop();
        }
        Some(wire)
    }
}
