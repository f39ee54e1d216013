//! How a client was started, kept in one piece for as long as it runs: there may be sixty arguments, and many clients.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;

use dhcpmgr_message::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Launch;

/// Program and arguments, each with a zero byte behind it, as `/proc/PID/cmdline` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(Rc<[u8]>);

impl CommandLine {
    /// That of a start. An argument with a zero byte in it cannot be handed to a program.
    #[must_use]
    pub fn of(launch: &Launch) -> Self {
        Self::packed(std::iter::once(launch.program.as_os_str()).chain(launch.args.iter().map(AsRef::as_ref)))
    }

    /// That of a process, its program first.
    pub(super) fn of_words(words: &[OsString]) -> Self {
        Self::packed(words.iter().map(AsRef::as_ref))
    }

    fn packed<'a>(words: impl Iterator<Item = &'a OsStr>) -> Self {
        let mut packed = Vec::new();
        for word in words {
            packed.extend_from_slice(word.as_bytes());
            packed.push(0);
        }
        Self(packed.into())
    }

    /// Program and arguments.
    pub fn words(&self) -> impl Iterator<Item = &OsStr> {
        let words = self.0.strip_suffix(&[0]).unwrap_or(&self.0);
        words.split(|byte| *byte == 0).map(OsStr::from_bytes)
    }

    /// The arguments, without the program.
    #[must_use]
    pub fn args(&self) -> Vec<&OsStr> {
        self.words().skip(1).collect()
    }

    /// The words as a person would type them; without the environment, which holds the token.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        self.words().map(|word| word.to_string_lossy().into_owned()).collect()
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(|bytes| Self(bytes.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_comes_back_with_its_empty_arguments() {
        let args = ["-V", "", "-x", "0x3c:61", ""].map(Into::into).to_vec();
        let launch = Launch { program: "/sbin/udhcpc".into(), args, ..Launch::default() };
        let command = CommandLine::of(&launch);
        assert_eq!(command.shown(), ["/sbin/udhcpc", "-V", "", "-x", "0x3c:61", ""]);
        assert_eq!(command.args(), launch.args);
        let bare = CommandLine::of_words(&["/sbin/udhcpc".into()]);
        assert_eq!((bare.shown(), bare.args()), (vec!["/sbin/udhcpc".to_owned()], Vec::new()));
    }
}
