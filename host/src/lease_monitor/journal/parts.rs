//! Messages that tell of a part of a lease, as DHCPv6 clients do: they lie beside the lease until the controller has
//! made one of both. A file for each: boot id, then the message.
//!
//! A file that was cut off when the daemon was killed was not acknowledged; its shim has the message.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use dhcpmgr_message::wire::LIMITS;
use dhcpmgr_message::{ClientName, LeaseMessage};

use super::file::options;
use crate::clock::BootId;
use crate::order;

/// What follows the client's name in the name of a file: `.AT-ID.part`.
const SUFFIX: usize = 1 + 20 + 1 + 16 + 5;

/// Where a message lies.
pub(super) fn path(directory: &Path, message: &LeaseMessage) -> PathBuf {
    directory.join(format!("{}.{:020}-{:016x}.part", message.client, message.at_ms, message.id))
}

/// Lays a message down.
pub(super) fn write(path: &Path, boot: BootId, message: &[u8]) -> io::Result<()> {
    let mut file = options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&[&boot.bytes(), message].concat())
}

/// Removes a message.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("cannot remove {}: {error}", path.display());
    }
}

/// The messages of this boot, in their order; `None` for what cannot be one.
pub(super) fn read(path: &Path, boot: BootId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let id = boot.bytes();
    options().open(path).ok()?.take((id.len() + LIMITS.bytes) as u64).read_to_end(&mut bytes).ok()?;
    bytes.strip_prefix(id.as_slice()).map(<[u8]>::to_vec)
}

/// All files in the directory, in the order of their clients and then of their time.
pub(super) fn all(directory: &Path) -> Vec<(ClientName, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut parts: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str().filter(|name| name.ends_with(".part"))?;
            Some((name.get(..name.len().checked_sub(SUFFIX)?)?.parse().ok()?, entry.path()))
        })
        .collect();
    order::sort(&mut parts);
    parts
}
