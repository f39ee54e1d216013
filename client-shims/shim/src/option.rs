//! Reads values from the bytes of one option, as both protocols write them. What cannot be read is reported.

use dhcpmgr_message::limits;

use crate::names;
use crate::problems::{Problems, shown};

/// Reads the bytes of one option.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The option's code.
    pub code: u16,
    /// What could not be read.
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Says why the bytes, or these of them, are not what the option should have.
    pub fn refuse(&mut self, wire: &[u8], why: &str) {
        self.problems.add(format_args!("option {}: {} {why}", self.code, shown(wire)));
    }

    /// A value of fixed size.
    pub fn array<const N: usize>(&mut self, wire: &[u8]) -> Option<[u8; N]> {
        let array = wire.try_into().ok();
        if array.is_none() {
            let (code, found) = (self.code, wire.len());
            self.problems.add(format_args!("option {code} has {found} bytes, {N} are expected"));
        }
        array
    }

    /// Values of fixed size, one after the other.
    pub fn chunks<const N: usize, T: From<[u8; N]>>(&mut self, wire: &[u8]) -> Vec<T> {
        let (whole, rest) = wire.as_chunks::<N>();
        if !rest.is_empty() {
            self.refuse(rest, "is left over after the last whole address");
        }
        self.bounded(whole.iter().map(|bytes| T::from(*bytes)).collect())
    }

    /// Text to the first NUL (RFC 2132 section 2 wants none, some servers send one).
    pub fn text(&mut self, wire: &[u8]) -> Option<String> {
        let text = wire.split(|b| *b == 0).next().unwrap_or_default();
        if text.len() > limits::TEXT {
            self.refuse(text, "is too long for a text");
            return None;
        }
        match std::str::from_utf8(text) {
            Ok("") => None,
            Ok(text) => Some(text.to_owned()),
            Err(_) => {
                self.refuse(text, "is not UTF-8");
                None
            }
        }
    }

    /// Domain names (RFC 1035 section 3.1), perhaps compressed (RFC 3397).
    pub fn domains(&mut self, wire: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        if let Err(why) = names::decode(wire, |name| found.push(name)) {
            self.refuse(wire, why);
        }
        let texts = found.iter().filter_map(|name| self.text(name)).collect();
        self.bounded(texts)
    }

    /// As many values as a list may have.
    pub fn bounded<T>(&mut self, mut values: Vec<T>) -> Vec<T> {
        if values.len() > limits::LIST {
            let (code, found, kept) = (self.code, values.len(), limits::LIST);
            self.problems
                .add_first(format_args!("option {code} has {found} entries, only the first {kept} are read"));
            values.truncate(limits::LIST);
        }
        values
    }
}
