//! Opens a module file that nobody but root and this user could have written.
//!
//! A module runs with the rights of the daemon until its worker has dropped them, so it is trusted as much as the
//! daemon's own binary.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::LoadError;
use crate::trust;

/// Opens the file and checks it and its directory.
pub(super) fn open(path: &Path) -> Result<File, LoadError> {
    let read = |source: io::Error| LoadError::Read { path: path.to_owned(), source };
    // A FIFO would block the open, and a device might act on it: neither is a module.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile { path: path.to_owned(), found: kind(&metadata) });
    }
    check(path, path, &metadata)?;
    // The directory that the file really is in, behind any symbolic links.
    let real = path.canonicalize().map_err(read)?;
    if let Some(directory) = real.parent() {
        check(path, directory, &directory.metadata().map_err(read)?)?;
    }
    Ok(file)
}

fn check(module: &Path, place: &Path, metadata: &Metadata) -> Result<(), LoadError> {
    trust::check(metadata).map_err(|why| LoadError::Untrusted {
        module: module.to_owned(),
        place: place.to_owned(),
        why,
    })
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
