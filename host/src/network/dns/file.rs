//! The `file` back-end: `/etc/resolv.conf` leads to our file, and goes back to what it was.
//!
//! Where there is none, or a symbolic link, it becomes a symbolic link to ours. A plain file belongs to somebody who
//! expects a plain file (a container, a read-only image with a writable copy), so it stays one with our text in it.
//! What was there is kept once as `resolv.conf.dhcpmgr-saved`.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::resolv_conf::{self, beside};

/// `/etc/resolv.conf` and what it is to lead to.
pub(super) struct FileBackend {
    path: PathBuf,
    target: PathBuf,
}

impl FileBackend {
    pub(super) fn new(root: &Path, resolv_conf: &Path) -> Self {
        let target = std::path::absolute(resolv_conf).unwrap_or_else(|_| resolv_conf.to_owned());
        Self { path: root.join("etc/resolv.conf"), target }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file say `text`.
    pub(super) fn set(&self, text: &str) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_symlink() => {
                let leads_to = fs::read_link(&self.path)?;
                if leads_to == self.target {
                    return Ok(());
                }
                self.save(|saved| symlink(&leads_to, saved))?;
                self.link()
            }
            Ok(_) => {
                self.save(|saved| fs::copy(&self.path, saved).map(drop))?;
                match resolv_conf::write(&self.path, text) {
                    // Bind-mounted, as in most containers: it cannot be replaced, only overwritten.
                    Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                        let _ = fs::remove_file(beside(&self.path, "new"));
                        fs::write(&self.path, text)
                    }
                    other => other,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = self.path.parent() {
                    fs::create_dir_all(parent)?;
                }
                self.link()
            }
            Err(error) => Err(error),
        }
    }

    /// Puts back what was there before the first [`FileBackend::set`].
    pub(super) fn restore(&self) -> io::Result<()> {
        let saved = beside(&self.path, "saved");
        match fs::rename(&saved, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // There was nothing; only a link that leads to ours is ours to remove.
                match fs::read_link(&self.path) {
                    Ok(leads_to) if leads_to == self.target => fs::remove_file(&self.path),
                    _ => Ok(()),
                }
            }
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                fs::copy(&saved, &self.path)?;
                fs::remove_file(&saved)
            }
            other => other,
        }
    }

    /// Keeps what is there, unless something was kept before.
    fn save(&self, keep: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        let saved = beside(&self.path, "saved");
        if fs::symlink_metadata(&saved).is_ok() {
            return Ok(());
        }
        // Whole or not at all: a crash must not leave half a copy that is later taken for the original.
        let temporary = beside(&self.path, "saving");
        let _ = fs::remove_file(&temporary);
        keep(&temporary)?;
        fs::rename(&temporary, &saved)
    }

    fn link(&self) -> io::Result<()> {
        let temporary = beside(&self.path, "new");
        let _ = fs::remove_file(&temporary);
        symlink(&self.target, &temporary)?;
        fs::rename(&temporary, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, FileBackend, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("run/dhcpmgr/resolv.conf");
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        let backend = FileBackend::new(dir.path(), &ours);
        let etc = dir.path().join("etc/resolv.conf");
        (dir, backend, ours, etc)
    }

    #[test]
    fn where_there_is_none_a_link_to_ours_is_made_and_removed_again() {
        let (_dir, backend, ours, etc) = place();
        backend.set("text\n").unwrap();
        assert_eq!(fs::read_link(&etc).unwrap(), ours);
        backend.restore().unwrap();
        assert!(fs::symlink_metadata(&etc).is_err());
    }

    #[test]
    fn a_link_to_somebody_else_is_replaced_and_comes_back() {
        let (_dir, backend, ours, etc) = place();
        symlink("../run/stub.conf", &etc).unwrap();
        backend.set("text\n").unwrap();
        backend.set("text\n").unwrap();
        assert_eq!(fs::read_link(&etc).unwrap(), ours);
        backend.restore().unwrap();
        assert_eq!(fs::read_link(&etc).unwrap(), Path::new("../run/stub.conf"));
    }

    #[test]
    fn a_plain_file_stays_one_and_its_text_comes_back() {
        let (dir, backend, _, etc) = place();
        fs::write(&etc, "nameserver 10.0.0.1\n").unwrap();
        backend.set("first\n").unwrap();
        backend.set("second\n").unwrap();
        assert!(fs::symlink_metadata(&etc).unwrap().is_file());
        assert_eq!(fs::read_to_string(&etc).unwrap(), "second\n");
        backend.restore().unwrap();
        assert_eq!(fs::read_to_string(&etc).unwrap(), "nameserver 10.0.0.1\n");
        assert_eq!(fs::read_dir(dir.path().join("etc")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_others_put_there_since_is_not_removed() {
        let (_dir, backend, _, etc) = place();
        backend.set("text\n").unwrap();
        fs::remove_file(&etc).unwrap();
        fs::write(&etc, "by hand\n").unwrap();
        backend.restore().unwrap();
        assert_eq!(fs::read_to_string(&etc).unwrap(), "by hand\n");
    }
}
