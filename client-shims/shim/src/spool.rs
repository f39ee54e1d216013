//! Keeps a message that nobody took, so that the daemon finds it when it starts: whole or not at all.
//!
//! The directory is the daemon's and lies on a tmpfs (`/run/dhcpmgr/spool`), so `fsync` does not wait for flash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Files that the directory may hold, half-written ones included. A client that fails and retries while the daemon
/// is away for hours must not fill the memory of a small gateway.
pub const CAPACITY: usize = 256;

/// Writes the message as `.NAME.tmp`, then renames it to `NAME`; both are synced.
///
/// # Errors
/// The sentence says what failed; nothing is left behind.
pub fn leave(directory: &Path, name: &str, message: &[u8]) -> Result<(), io::Error> {
    let found = fs::read_dir(directory)?.take(CAPACITY).count();
    if found >= CAPACITY {
        return Err(io::Error::other(format!("it already holds {CAPACITY} messages")));
    }
    let temporary = directory.join(format!(".{name}.tmp"));
    let result = write(&temporary, message).and_then(|()| fs::rename(&temporary, directory.join(name)));
    if result.is_err() {
        let _gone = fs::remove_file(&temporary);
    }
    result?;
    File::open(directory)?.sync_all()
}

fn write(path: &Path, message: &[u8]) -> Result<(), io::Error> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(message)?;
    file.sync_all()
}
