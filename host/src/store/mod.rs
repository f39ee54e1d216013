//! State files: what has to outlive a process, written so that no crash, full disk or damaged sector can make it
//! half-true.
//!
//! A [`Store`] is a directory of small records, each a type that implements [`Record`], each in a file
//! `NAME.state` of its own. What is read is complete and unchanged, or it is not there: a file that cannot be believed
//! is set aside as `NAME.damaged` or `NAME.other-version` with a line in the log, and the service goes on.
//!
//! *Durable* stores survive the power plug: every write is synchronised, and nothing is written when the file says
//! the same already. *Volatile* ones lie below `/run` and survive the process only; their files carry the boot id,
//! so that what another boot left there is recognised and not believed.

mod deferred;
mod directory;
mod error;
mod format;
mod later;
mod lock;
#[cfg(test)]
mod tests;
mod wear;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::BootId;
use crate::order;
pub use deferred::Deferred;
use directory::Directory;
pub use error::StoreError;
pub use format::{Checksum, LONGEST};
use format::{Header, Unreadable};
pub use later::Later;
pub use lock::{Writer, only_writer};
pub use wear::Wear;

/// What can be kept in a store: MessagePack with named fields. Fields may be added, with `#[serde(default)]`; unknown
/// ones are ignored.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is, so that no file is taken for one of another type.
    const KIND: [u8; 4];
    /// Raised when an older reader would misunderstand a newer file or the other way round; a file of another
    /// version is set aside.
    const VERSION: u16;
}

/// A directory of records.
#[derive(Debug, Clone)]
pub struct Store {
    directory: Directory,
    durable: bool,
    boot: BootId,
    /// What was last complained of, by name: a full disk is worth one line, not one for each lease.
    complaints: Arc<Mutex<HashMap<String, String>>>,
}

impl Store {
    /// Records that survive the boot, in this directory, which is made when it is first written to.
    #[must_use]
    pub fn durable(directory: impl Into<PathBuf>) -> Self {
        Self::new(directory.into(), true, BootId::NONE)
    }

    /// Records that end with this boot.
    #[must_use]
    pub fn volatile(directory: impl Into<PathBuf>, boot: BootId) -> Self {
        Self::new(directory.into(), false, boot)
    }

    fn new(directory: PathBuf, durable: bool, boot: BootId) -> Self {
        Self { directory: Directory::new(directory), durable, boot, complaints: Arc::default() }
    }

    /// The same kind of store in a directory below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { directory: self.directory.below(name), complaints: Arc::default(), ..self.clone() }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The record of this name, if there is one that can be believed. Any other is set aside, and the log says why.
    #[must_use]
    pub fn read<T: Record>(&self, name: &str) -> Option<T> {
        match self.try_read(name) {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    /// As [`Store::read`]; the caller says what could not be believed, after it was set aside.
    pub fn try_read<T: Record>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let file = file_name(name)?;
        let Some(bytes) = self.directory.read(&file)? else { return Ok(None) };
        match self.header::<T>().open(&bytes) {
            Ok(record) => Ok(Some(record)),
            Err(Unreadable::AnotherBoot) => {
                self.directory.remove(&file, self.durable)?;
                Ok(None)
            }
            Err(reason) => Err(self.set_aside(name, &file, reason)),
        }
    }

    /// Keeps this record in place of the one before; `false` when that one says the same already. A failure is said
    /// in the log once, and then again only when the reason changes.
    pub fn write<T: Record>(&self, name: &str, record: &T) -> Result<bool, StoreError> {
        let result = self.try_write(name, record);
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Ok(_) => {
                if complaints.remove(name).is_some() {
                    tracing::info!("{} can be written again", self.path().join(name).display());
                }
            }
            Err(error) => {
                let text = error.to_string();
                let before = complaints.insert(name.to_owned(), text.clone());
                if before.as_ref() != Some(&text) {
                    tracing::warn!("{text}");
                }
            }
        }
        result
    }

    fn try_write<T: Record>(&self, name: &str, record: &T) -> Result<bool, StoreError> {
        let file = file_name(name)?;
        let bytes = self
            .header::<T>()
            .seal(record)
            .map_err(|reason| StoreError::Unwritable { path: self.path().join(&file), reason })?;
        // What cannot be read is replaced all the same.
        if self.directory.read(&file).is_ok_and(|kept| kept.as_ref() == Some(&bytes)) {
            return Ok(false);
        }
        self.directory.replace(&file, &bytes, self.durable)?;
        Ok(true)
    }

    /// Removes a record; `false` when there is none.
    pub fn remove(&self, name: &str) -> Result<bool, StoreError> {
        self.directory.remove(&file_name(name)?, self.durable)
    }

    /// The names of all records, sorted; none where the directory cannot be read.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let files = self.directory.files().into_iter();
        let mut names: Vec<_> = files
            .filter_map(|file| file.strip_suffix(SUFFIX).map(str::to_owned))
            .filter(|name| file_name(name).is_ok())
            .collect();
        order::sort(&mut names);
        names
    }

    fn header<T: Record>(&self) -> Header {
        Header { kind: T::KIND, version: T::VERSION, boot: self.boot }
    }

    /// One file of each sort is kept for a name, the last.
    fn set_aside(&self, name: &str, file: &str, reason: Unreadable) -> StoreError {
        let sort = match reason {
            Unreadable::AnotherVersion { .. } => "other-version",
            Unreadable::Damaged(_) | Unreadable::AnotherBoot => "damaged",
        };
        let aside = format!("{name}.{sort}");
        let moved = self.directory.rename(file, &aside);
        StoreError::SetAside {
            path: self.path().join(file),
            reason: reason.to_string(),
            aside: moved.map(|()| self.path().join(aside)).map_err(|error| error.to_string()),
        }
    }
}

const SUFFIX: &str = ".state";

/// The name of a record is that of a client, or of the like: safe as the name of a file.
fn file_name(name: &str) -> Result<String, StoreError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if starts && name.len() <= 128 && name.bytes().all(ok) {
        Ok(format!("{name}{SUFFIX}"))
    } else {
        Err(StoreError::Name(name.chars().take(64).flat_map(char::escape_default).collect()))
    }
}
