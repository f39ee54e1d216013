//! The note that a module file carries: which API it needs, readable before any of its code runs.
//!
//! It is an ELF note (`readelf -n` shows it) with the owner `dhcpmgr` and the type 1, so it is part of a loaded
//! segment: `strip` and `--gc-sections` leave it alone. Its descriptor is a row of 16-bit numbers in the byte
//! order of the file; it only ever grows at the end, and a reader ignores what it does not know.

use std::fmt;

use crate::{API_MAJOR, API_MINOR, ApiVersion};

/// The owner of the note, with its end of string.
pub const OWNER: &[u8; 8] = b"dhcpmgr\0";
/// The type of the note.
pub const KIND: u32 = 1;
/// Flag: a panic in the module can be caught (`panic = "unwind"`).
pub const FLAG_UNWINDS: u16 = 1 << 0;
/// Flag: the module exports the table of `c/dhcpmgr_plugin.h`, not a root module.
pub const FLAG_C: u16 = 1 << 1;

/// The note as it lies in the file.
#[repr(C, align(4))]
#[derive(Debug)]
pub struct Note {
    owner_size: u32,
    descriptor_size: u32,
    kind: u32,
    owner: [u8; 8],
    descriptor: [u16; 6],
}

impl Note {
    /// The note of a module that needs this minor of the API. The export macro makes it.
    #[must_use]
    pub const fn new(min_minor: u16, unwinds: bool) -> Self {
        assert!(min_minor <= API_MINOR, "min_minor is higher than this SDK's own API");
        let sdk = SdkVersion::CURRENT;
        Self {
            owner_size: OWNER.len() as u32,
            descriptor_size: size_of::<[u16; 6]>() as u32,
            kind: KIND,
            owner: *OWNER,
            descriptor: [
                API_MAJOR,
                min_minor,
                if unwinds { FLAG_UNWINDS } else { 0 },
                sdk.major,
                sdk.minor,
                sdk.patch,
            ],
        }
    }
}

/// What the note says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoteInfo {
    /// The API that the module needs.
    pub api: ApiVersion,
    /// Whether a panic in the module can be caught.
    pub unwinds: bool,
    /// Whether its functions are the table of the C header.
    pub in_c: bool,
    /// The version of the SDK that the module was built with.
    pub sdk: SdkVersion,
}

impl NoteInfo {
    /// Reads the descriptor of a note in this machine's byte order. `None` when it is too short to be one.
    #[must_use]
    pub fn read(descriptor: &[u8]) -> Option<Self> {
        let (numbers, _) = descriptor.as_chunks::<2>();
        let mut numbers = numbers.iter().copied().map(u16::from_ne_bytes);
        let mut next = || numbers.next();
        let api = ApiVersion { major: next()?, minor: next()? };
        let flags = next()?;
        Some(Self {
            api,
            unwinds: flags & FLAG_UNWINDS != 0,
            in_c: flags & FLAG_C != 0,
            sdk: SdkVersion { major: next()?, minor: next()?, patch: next()? },
        })
    }
}

/// A version of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SdkVersion {
    /// The major; the same as the API's.
    pub major: u16,
    /// The minor; the same as the API's.
    pub minor: u16,
    /// The patch.
    pub patch: u16,
}

impl SdkVersion {
    /// The version of this crate.
    pub const CURRENT: Self = Self {
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        patch: number(env!("CARGO_PKG_VERSION_PATCH")),
    };
}

impl fmt::Display for SdkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

const fn number(digits: &str) -> u16 {
    let (digits, mut at, mut number) = (digits.as_bytes(), 0, 0);
    while at < digits.len() {
        number = number * 10 + (digits[at] - b'0') as u16;
        at += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_says_what_was_put_in() {
        let note = Note::new(0, true);
        let descriptor: Vec<u8> = note.descriptor.iter().flat_map(|n| n.to_ne_bytes()).collect();
        let info = NoteInfo::read(&descriptor).unwrap();
        assert_eq!(info.api, ApiVersion { major: API_MAJOR, minor: 0 });
        assert!(info.unwinds && !info.in_c);
        assert_eq!(info.sdk, SdkVersion::CURRENT);
        assert_eq!(info.sdk.to_string(), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_longer_note_of_a_later_sdk_is_understood_and_a_shorter_one_is_not() {
        let numbers: Vec<u8> = (1u16..=9).flat_map(u16::to_ne_bytes).collect();
        assert_eq!(NoteInfo::read(&numbers).unwrap().api, ApiVersion { major: 1, minor: 2 });
        for short in 0..12 {
            assert_eq!(NoteInfo::read(&numbers[..short]), None, "{short} bytes");
        }
    }

    #[test]
    fn the_sdk_and_the_api_have_the_same_major_and_minor() {
        assert_eq!((SdkVersion::CURRENT.major, SdkVersion::CURRENT.minor), (API_MAJOR, API_MINOR));
    }
}
