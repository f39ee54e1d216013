//! Who may write the state of a root: one process at a time, the daemon as a rule.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown, geteuid};
use rustix::fs::{FlockOperation, fcntl_lock};

/// The lock of a root. It goes with the process, however that ends.
///
/// A POSIX record lock, because a child does not inherit it: one that is between fork and exec when the process is
/// killed would hold an `flock` on, and keep the successor out. The kernel gives it up with the first descriptor of its
/// file that the process closes, so the file is opened here only.
#[derive(Debug)]
pub struct Writer {
    _file: File,
}

/// Takes the lock of this file; `None` when another process holds it.
pub fn only_writer(file: &Path) -> io::Result<Option<Writer>> {
    let lock = File::options().create(true).truncate(false).write(true).open(file)?;
    if geteuid().is_root()
        && let Some(directory) = file.parent()
    {
        // The daemon may run as the user that the directory belongs to, and has to open it too.
        let owner = fs::metadata(directory)?;
        fchown(lock.as_fd(), Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    match fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Writer { _file: lock })),
        // POSIX leaves the choice.
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const FILE: &str = "DHCPMGR_TEST_LOCK";

    /// Whether another process, which is this test again, gets the lock.
    fn another_process_gets(file: &Path) -> bool {
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", "store::lock::tests::child_that_takes_the_lock", "--ignored"]).env(FILE, file);
        other.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    #[test]
    #[ignore = "run by the other tests, as another process"]
    fn child_that_takes_the_lock() {
        let file = std::env::var_os(FILE).unwrap();
        assert!(only_writer(Path::new(&file)).unwrap().is_some());
    }

    #[test]
    fn there_is_one_writer_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lock");
        let first = only_writer(&file).unwrap().unwrap();
        assert!(!another_process_gets(&file));
        drop(first);
        assert!(another_process_gets(&file));
    }

    #[test]
    fn a_child_that_outlives_the_writer_does_not_hold_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lock");
        let writer = only_writer(&file).unwrap().unwrap();
        // Has the open file of the lock for as long as it likes, as one that has not come to its exec.
        let inherited = writer._file.try_clone().unwrap();
        let mut child = Command::new("sleep").arg("100").stdin(inherited).spawn().unwrap();
        drop(writer);
        let free = another_process_gets(&file);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(free);
    }
}
