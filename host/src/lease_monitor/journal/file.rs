//! The file of one client: two places that are written in turn, so that a message that was cut off when the daemon was
//! killed leaves the one before it whole.
//!
//! ```text
//!  0  magic      "dhcplse" and the version, 1
//!  8  turn       u64   the higher one is the later one
//! 16  boot id    16 bytes
//! 32  length     u32   of the message; 0 for no lease
//! 36  checksum   u32   CRC-32 of everything before and after it
//! 40  the message
//! ```
//! Numbers are big endian. What follows a shorter message is left of a longer one before it, and not read.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dhcpmgr_message::wire::LIMITS;
use nix::fcntl::OFlag;

use crate::clock::BootId;
use crate::store::Checksum;

const MAGIC: [u8; 8] = *b"dhcplse\x01";
const HEADER: usize = 40;
/// Where the second place begins: whole pages behind the longest message in the first. The file has a hole there,
/// which takes no memory.
const PLACE: usize = 68 * 1024;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The lease of this boot.
    Message(Vec<u8>),
    /// No lease.
    Nothing,
    /// Something that was true in another boot.
    OtherBoot,
    /// Nothing that could be believed.
    Damaged(&'static str),
}

/// A file that is written to.
#[derive(Debug)]
pub(super) struct LeaseFile {
    file: File,
    /// The name that a new file gets with its first message: nobody is to find an empty one.
    name: Option<PathBuf>,
    boot: BootId,
    turn: u64,
}

impl LeaseFile {
    /// Opens the file, or makes it; what it holds stays until something is written.
    pub(super) fn create(path: &Path, boot: BootId) -> io::Result<Self> {
        let (file, name) = match options().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let new =
                    options().write(true).create(true).truncate(true).mode(0o600).open(unnamed(path))?;
                (new, Some(path.to_owned()))
            }
            other => (other?, None),
        };
        let turn = places(&contents(&file)?).filter_map(|place| place.latest(boot)).max().unwrap_or_default();
        Ok(Self { file, name, boot, turn })
    }

    /// Writes a message, or none, with one system call.
    pub(super) fn write(&mut self, message: &[u8]) -> io::Result<()> {
        let turn = self.turn + 1;
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(HEADER + message.len());
        record.extend(MAGIC);
        record.extend(turn.to_be_bytes());
        record.extend(self.boot.bytes());
        record.extend(length.to_be_bytes());
        let checksum = Checksum::of(&[&record, message]);
        record.extend(checksum.to_be_bytes());
        record.extend(message);
        self.file.write_all_at(&record, turn % 2 * PLACE as u64)?;
        if let Some(path) = &self.name {
            fs::rename(unnamed(path), path)?;
            self.name = None;
        }
        self.turn = turn;
        Ok(())
    }
}

/// Where a new file is made.
fn unnamed(path: &Path) -> PathBuf {
    path.with_extension("new")
}

pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    options
}

fn contents(file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().min(2 * PLACE as u64);
    let mut bytes = vec![0; length as usize];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64)? {
            0 => break,
            count => read += count,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads what a file holds.
pub(super) fn read(path: &Path, boot: BootId) -> io::Result<Content> {
    Ok(judge(&contents(&options().open(path)?)?, boot))
}

/// What one place of a file says.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Untouched,
    Broken,
    Record { turn: u64, boot: [u8; 16], message: &'a [u8] },
}

impl Place<'_> {
    /// The turn in which it was written, if that was in this boot.
    fn latest(&self, this: BootId) -> Option<u64> {
        match self {
            Self::Record { turn, boot, .. } if *boot == this.bytes() => Some(*turn),
            _ => None,
        }
    }
}

fn places(bytes: &[u8]) -> impl Iterator<Item = Place<'_>> {
    let (first, second) = bytes.split_at(PLACE.min(bytes.len()));
    [first, second].into_iter().map(place)
}

fn place(bytes: &[u8]) -> Place<'_> {
    if bytes.iter().take(HEADER).all(|byte| *byte == 0) {
        return Place::Untouched;
    }
    record(bytes).unwrap_or(Place::Broken)
}

fn record(bytes: &[u8]) -> Option<Place<'_>> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let (proven, checksum) = header.split_last_chunk::<4>()?;
    let (turn, length) = (proven.get(8..16)?.first_chunk()?, proven.get(32..)?.first_chunk()?);
    let length = u32::from_be_bytes(*length) as usize;
    let message = rest.get(..length).filter(|_| length <= LIMITS.bytes)?;
    let whole = proven.starts_with(&MAGIC) && Checksum::of(&[proven, message]).to_be_bytes() == *checksum;
    let boot = *proven.get(16..32)?.first_chunk()?;
    whole.then_some(Place::Record { turn: u64::from_be_bytes(*turn), boot, message })
}

fn judge(bytes: &[u8], this: BootId) -> Content {
    let (mut best, mut other_boot, mut broken) = (None, false, bytes.is_empty());
    for place in places(bytes) {
        match place {
            Place::Untouched => {}
            Place::Broken => broken = true,
            Place::Record { turn, boot, message } if boot == this.bytes() => {
                best = best.max(Some((turn, message)));
            }
            Place::Record { .. } => other_boot = true,
        }
    }
    match best {
        Some((_, [])) => Content::Nothing,
        Some((_, message)) => Content::Message(message.to_vec()),
        None if other_boot => Content::OtherBoot,
        None if broken => Content::Damaged("it is empty or was written by something else"),
        None => Content::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    const BOOT: BootId = BootId::from_bytes([7; 16]);

    /// A file with these messages written one after the other.
    fn written(messages: &[&[u8]]) -> (TempDir, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wan4.lease");
        for message in messages {
            // As by a new daemon each time.
            LeaseFile::create(&path, BOOT).unwrap().write(message).unwrap();
        }
        let bytes = fs::read(path).unwrap();
        (directory, bytes)
    }

    fn message(text: &[u8]) -> Content {
        Content::Message(text.to_vec())
    }

    #[test]
    fn the_last_message_counts_also_when_it_is_the_shorter_one_or_none() {
        for (messages, content) in [
            (&[&b"a"[..]][..], message(b"a")),
            (&[b"a", b"bb"], message(b"bb")),
            (&[b"aaaa", b"bbbb", b"c"], message(b"c")),
            (&[b"aaaa", b"bbbb", b""], Content::Nothing),
            (&[b"aaaa", b"", b"d"], message(b"d")),
        ] {
            assert_eq!(judge(&written(messages).1, BOOT), content, "{messages:?}");
        }
    }

    #[test]
    fn a_message_that_is_cut_off_anywhere_leaves_the_one_before_it() {
        let before = written(&[b"first", b"second"]).1;
        let after = written(&[b"first", b"second", b"the third, which is longer"]).1;
        // The third message goes where the first was: the place at PLACE.
        let record = HEADER + b"the third, which is longer".len();
        for cut in 0..record {
            let mut torn = before.clone();
            torn.resize(before.len().max(after.len()), 0);
            torn[PLACE..PLACE + cut].copy_from_slice(&after[PLACE..PLACE + cut]);
            assert_eq!(judge(&torn, BOOT), message(b"second"), "cut after {cut} bytes");
        }
        assert_eq!(judge(&after, BOOT), message(b"the third, which is longer"));
    }

    #[test]
    fn a_message_after_a_torn_one_is_later_than_both() {
        let (directory, mut bytes) = written(&[b"first", b"second", b"third"]);
        let path = directory.path().join("wan4.lease");
        bytes[PLACE + 41] ^= 1;
        fs::write(&path, &bytes).unwrap();
        LeaseFile::create(&path, BOOT).unwrap().write(b"fourth").unwrap();
        assert_eq!(read(&path, BOOT).unwrap(), message(b"fourth"));
    }

    #[test]
    fn every_flipped_bit_of_the_only_message_is_noticed() {
        let honest = written(&[b"only"]).1;
        for bit in 0..(HEADER + 4) * 8 {
            let mut flipped = honest.clone();
            flipped[PLACE + bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(judge(&flipped, BOOT), Content::Damaged(_)), "bit {bit}");
        }
    }

    #[test]
    fn another_boot_is_recognised_and_its_turns_do_not_count() {
        let (directory, bytes) = written(&[b"a", b"b", b"c"]);
        let (path, other) = (directory.path().join("wan4.lease"), BootId::from_bytes([8; 16]));
        assert_eq!(judge(&bytes, other), Content::OtherBoot);
        LeaseFile::create(&path, other).unwrap().write(b"new").unwrap();
        assert_eq!(read(&path, other).unwrap(), message(b"new"));
    }

    #[test]
    fn the_longest_message_fits() {
        let longest = vec![0xa5; LIMITS.bytes];
        assert_eq!(judge(&written(&[&longest, &longest]).1, BOOT), message(&longest));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = judge(&bytes, BOOT);
            let mut second = vec![0; PLACE];
            second.extend(&bytes);
            let _ = judge(&second, BOOT);
            let mut honest = MAGIC.to_vec();
            honest.extend(&bytes);
            let _ = judge(&honest, BOOT);
        }
    }
}
