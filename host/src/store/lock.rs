//! Who may write the state of a root: one process at a time, the daemon as a rule.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid, fchown, geteuid};

/// Takes the lock of this file; `None` when another process holds it. It goes with the process, however that ends.
pub fn only_writer(file: &Path) -> io::Result<Option<Flock<File>>> {
    let lock = File::options().create(true).truncate(false).write(true).open(file)?;
    if geteuid().is_root()
        && let Some(directory) = file.parent()
    {
        // The daemon may run as the user that the directory belongs to, and has to open it too.
        let owner = fs::metadata(directory)?;
        fchown(lock.as_fd(), Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_writer_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lock");
        let first = only_writer(&file).unwrap().unwrap();
        assert!(only_writer(&file).unwrap().is_none());
        drop(first);
        assert!(only_writer(&file).unwrap().is_some());
    }
}
