//! Whether somebody else could have written what is about to be run with our rights.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Write permission of group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Nobody but root and this user may write this file or directory; otherwise why not, and what to do.
pub fn check(metadata: &Metadata) -> Result<(), String> {
    if metadata.uid() != 0 && metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Err(format!("belongs to uid {}, must belong to root; run chown root on it", metadata.uid()));
    }
    // In a directory with the sticky bit others can add files, but not replace ours.
    let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 && !sticky {
        let mode = metadata.mode() & 0o7777;
        return Err(format!("is writable by others (mode {mode:04o}); run chmod go-w on it"));
    }
    Ok(())
}
