//! From the text that a client prints of an option back to the bytes of the option: what clients have in common.
//!
//! An element of a list that cannot be read is reported and left out; the others stay.

use std::str::FromStr;

use crate::names;
use crate::problems::{Problems, shown};

/// No DHCP message is longer (UDP), so no option is.
pub const LONGEST: usize = 65_535;

/// Reads the text of one option.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The client's name for the option.
    pub name: &'a str,
    /// The option's code.
    pub code: u16,
    /// What could not be read.
    pub problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Says why the text, or this part of it, is not what the option should have.
    pub fn refuse(&mut self, text: &[u8], why: &str) {
        let Self { name, code, .. } = self;
        self.problems.add(format_args!("option {code} ({name}): {} {why}", shown(text)));
    }

    /// Reports what is not there.
    pub fn or_refuse<T>(&mut self, value: Option<T>, text: &[u8], why: &str) -> Option<T> {
        if value.is_none() {
            self.refuse(text, why);
        }
        value
    }

    /// Whether the bytes, or the text of them, fit into a DHCP message.
    pub fn fits(&mut self, text: &[u8], bytes: usize, limit: usize) -> bool {
        if bytes > limit {
            self.refuse(text, "is longer than any DHCP message");
        }
        bytes <= limit
    }

    /// Domain names, uncompressed.
    pub fn domains(&mut self, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for word in words(text) {
            if let Err(why) = names::encode(word, &mut wire) {
                self.refuse(word, why);
            }
        }
        wire
    }
}

/// The words between spaces.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b' ').filter(|word| !word.is_empty())
}

/// Reads one word.
#[must_use]
pub fn parse<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
