//! What a state file looks like inside: a header that proves the rest, and MessagePack with named fields.
//!
//! ```text
//!  0  magic          "dhcpmgr\0"
//!  8  format         u16   of this header; 1
//! 10  version        u16   of the record
//! 12  kind           4 bytes, what the record is
//! 16  boot id        16 bytes; zero when the record survives the boot
//! 32  length         u32   of the record
//! 36  checksum       u32   CRC-32 of everything before and after it
//! 40  the record
//! ```
//! Numbers are big endian. Magic, length and checksum stay where they are in every format to come, so that a damaged
//! file is told from a newer one.

use dhcpmgr_message::wire::{self, Limits};

use super::Record;
use crate::clock::BootId;

const MAGIC: [u8; 8] = *b"dhcpmgr\0";
const FORMAT: u16 = 1;
const HEADER: usize = 40;
const LIMITS: Limits = Limits { bytes: 64 * 1024, depth: 8, elements: 1024 };

/// The longest file that is read.
pub const LONGEST: usize = HEADER + LIMITS.bytes;

/// Why bytes are not the record that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0}")]
    Damaged(String),
    #[error("it was written by {} version of dhcpmgr (found {found}, read is {accepted})", if found > accepted { "a newer" } else { "an older" })]
    AnotherVersion { found: u16, accepted: u16 },
    #[error("it is of another boot")]
    AnotherBoot,
}

impl Unreadable {
    fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(why.into())
    }
}

/// CRC-32 over several pieces.
#[derive(Debug, Default)]
pub struct Checksum(crc32fast::Hasher);

impl Checksum {
    /// Of all these pieces, one after the other.
    #[must_use]
    pub fn of(pieces: &[&[u8]]) -> u32 {
        let mut sum = Self::default();
        pieces.iter().for_each(|piece| sum.0.update(piece));
        sum.0.finalize()
    }
}

/// What the header of a file has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub kind: [u8; 4],
    pub version: u16,
    pub boot: BootId,
}

impl Header {
    /// The file that holds this record.
    pub(super) fn seal<T: Record>(&self, record: &T) -> Result<Vec<u8>, String> {
        let body = wire::encode(record).map_err(|error| error.to_string())?;
        // What could not be read again is not written.
        wire::check(&body, &LIMITS).map_err(|error| error.to_string())?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_be_bytes());
        bytes.extend(self.version.to_be_bytes());
        bytes.extend(self.kind);
        bytes.extend(self.boot.bytes());
        // At most 64 KiB.
        bytes.extend((body.len() as u32).to_be_bytes());
        let checksum = Checksum::of(&[&bytes, &body]);
        bytes.extend(checksum.to_be_bytes());
        bytes.extend(body);
        Ok(bytes)
    }

    /// The record in this file.
    pub(super) fn open<T: Record>(&self, bytes: &[u8]) -> Result<T, Unreadable> {
        if bytes.is_empty() {
            return Err(Unreadable::damaged("it is empty"));
        }
        let (Some(header), Some(body)) = (bytes.get(..HEADER), bytes.get(HEADER..)) else {
            return Err(Unreadable::damaged(format!("it is cut short, after {} bytes", bytes.len())));
        };
        let (proven, checksum) = header.split_at(HEADER - 4);
        if proven.get(..8) != Some(&MAGIC) {
            return Err(Unreadable::damaged("it does not begin like a state file of dhcpmgr"));
        }
        let length = number(proven, 32) as usize;
        if body.len() != length {
            return Err(Unreadable::damaged(format!(
                "it should hold {length} bytes and holds {}",
                body.len()
            )));
        }
        if Checksum::of(&[proven, body]).to_be_bytes() != checksum {
            return Err(Unreadable::damaged("its checksum does not fit"));
        }
        let format = short(proven, 8);
        if format != FORMAT {
            return Err(Unreadable::AnotherVersion { found: format, accepted: FORMAT });
        }
        if proven.get(12..16) != Some(&self.kind) {
            return Err(Unreadable::damaged("it is another kind of state file"));
        }
        let version = short(proven, 10);
        if version != self.version {
            return Err(Unreadable::AnotherVersion { found: version, accepted: self.version });
        }
        if proven.get(16..32) != Some(&self.boot.bytes()) {
            return Err(Unreadable::AnotherBoot);
        }
        wire::decode_within(body, &LIMITS).map_err(|error| Unreadable::damaged(error.to_string()))
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |two| u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    struct Note {
        text: String,
        #[serde(default)]
        numbers: Vec<u32>,
    }

    impl Record for Note {
        const KIND: [u8; 4] = *b"NOTE";
        const VERSION: u16 = 3;
    }

    fn header() -> Header {
        Header { kind: Note::KIND, version: Note::VERSION, boot: BootId::from_bytes([7; 16]) }
    }

    fn note() -> Note {
        Note { text: "gärtner".into(), numbers: vec![1, 70_000] }
    }

    fn why(bytes: &[u8]) -> String {
        header().open::<Note>(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_was_sealed_is_opened_again() {
        let bytes = header().seal(&note()).unwrap();
        assert_eq!(header().open::<Note>(&bytes), Ok(note()));
    }

    #[test]
    fn every_single_flipped_bit_is_noticed() {
        let bytes = header().seal(&note()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(header().open::<Note>(&flipped), Err(Unreadable::Damaged(_))), "bit {bit}");
        }
    }

    #[test]
    fn every_shorter_or_longer_file_is_noticed() {
        let bytes = header().seal(&note()).unwrap();
        assert_eq!(why(&[]), "it is empty");
        for length in 1..bytes.len() {
            assert!(header().open::<Note>(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(header().open::<Note>(&[bytes.as_slice(), b"x"].concat()).is_err());
    }

    #[test]
    fn other_versions_kinds_and_boots_are_told_apart() {
        let sealed = |header: Header| header.seal(&note()).unwrap();
        assert!(
            why(&sealed(Header { version: 4, ..header() })).contains("a newer version of dhcpmgr (found 4")
        );
        assert!(
            why(&sealed(Header { version: 2, ..header() })).contains("an older version of dhcpmgr (found 2")
        );
        assert!(why(&sealed(Header { kind: *b"ELSE", ..header() })).contains("another kind"));
        let other = sealed(Header { boot: BootId::from_bytes([8; 16]), ..header() });
        assert_eq!(header().open::<Note>(&other), Err(Unreadable::AnotherBoot));
    }

    #[test]
    fn a_newer_format_with_a_checksum_that_fits_is_newer_and_not_damaged() {
        let mut bytes = header().seal(&note()).unwrap();
        bytes[9] = 2;
        let checksum = Checksum::of(&[&bytes[..36], &bytes[40..]]);
        bytes[36..40].copy_from_slice(&checksum.to_be_bytes());
        assert!(why(&bytes).contains("a newer version"), "{}", why(&bytes));
    }

    #[test]
    fn a_field_that_is_missing_takes_its_default_and_one_that_is_unknown_is_ignored() {
        #[derive(Serialize, Deserialize)]
        struct Later {
            text: String,
            colour: String,
        }
        impl Record for Later {
            const KIND: [u8; 4] = Note::KIND;
            const VERSION: u16 = Note::VERSION;
        }
        let bytes = header().seal(&Later { text: "a".into(), colour: "red".into() }).unwrap();
        assert_eq!(header().open::<Note>(&bytes), Ok(Note { text: "a".into(), numbers: vec![] }));
    }

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(Checksum::of(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = header().open::<Note>(&bytes);
            let mut honest = header().seal(&note()).unwrap();
            let at = honest.len().min(bytes.len());
            honest[..at].copy_from_slice(&bytes[..at]);
            let _ = header().open::<Note>(&honest);
        }

        #[test]
        fn no_body_with_a_true_checksum_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = header().seal(&note()).unwrap()[..32].to_vec();
            bytes.extend((body.len() as u32).to_be_bytes());
            let checksum = Checksum::of(&[&bytes, &body]);
            bytes.extend(checksum.to_be_bytes());
            bytes.extend(&body);
            let _ = header().open::<Note>(&bytes);
        }

        #[test]
        fn any_burst_of_damage_is_noticed(at in 0_usize..60, with in proptest::collection::vec(any::<u8>(), 1..4)) {
            let honest = header().seal(&note()).unwrap();
            let mut bytes = honest.clone();
            let at = at.min(bytes.len() - with.len());
            bytes[at..at + with.len()].copy_from_slice(&with);
            prop_assert!(bytes == honest || header().open::<Note>(&bytes).is_err());
        }
    }
}
