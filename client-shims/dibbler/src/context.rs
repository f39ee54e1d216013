//! Finds the context of the daemon in the working directory, which is the one that dibbler was given with `-w`. dibbler
//! replaces the environment of its script, so it cannot be there.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{self, Path};

use dhcpmgr_message::context::{Context, FILE_LIMIT};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// Reads the file, which must be what the daemon left there: a regular file, no link to one, that only root or the user
/// that this runs as could have written.
///
/// # Errors
/// A sentence for the log.
pub fn read(file: &Path) -> Result<Context, String> {
    let shown = path::absolute(file);
    let shown = shown.as_deref().unwrap_or(file).display();
    // A FIFO in its place must not keep dibbler waiting.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let fail = |error| format!("{shown}: {error} (dibbler must be started by dhcpmgrd)");
    let file = File::options().read(true).custom_flags(flags.bits()).open(file).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(format!("{shown} is not a regular file"));
    }
    let owner = metadata.uid();
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(format!("{shown} belongs to user {owner}, neither to root nor to the user of dibbler"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("{shown} can be written by others than its owner"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    Context::decode(&bytes).map_err(|error| format!("{shown}: {error}"))
}
