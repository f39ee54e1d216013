//! The directory of a store, and the files in it. Every file is reached through a handle of the directory, and no
//! symbolic link is followed on the way from the first directory that is ours.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, geteuid, unlinkat};

use super::{LONGEST, StoreError};

const PRIVATE: Mode = Mode::S_IRWXU;
const DIRECTORY: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_CLOEXEC);
const FILE: OFlag = OFlag::O_CLOEXEC.union(OFlag::O_NOFOLLOW);

/// A directory that is opened anew for each operation: it may be removed, replaced or mounted over meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    path: PathBuf,
    /// How many of the last names in `path` are ours: mode 0700, no symbolic links.
    ours: usize,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, ours: 1 }
    }

    pub(super) fn below(&self, name: &str) -> Self {
        Self { path: self.path.join(name), ours: self.ours + 1 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a file; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |source| self.failed("read", name, source);
        let Some(directory) = self.open(false)? else { return Ok(None) };
        // Not blocking: it could be a pipe.
        let file = match openat(&directory, name, FILE | OFlag::O_NONBLOCK, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(failed(io::Error::other("it is a symbolic link"))),
            other => File::from(other.map_err(|errno| failed(errno.into()))?),
        };
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(failed(io::Error::other("it is not a plain file")));
        }
        if !trusted(Uid::from_raw(about.uid())) && !geteuid().is_root() {
            return Err(failed(io::Error::other(format!("it belongs to uid {}", about.uid()))));
        }
        let mut bytes = Vec::new();
        // One more than can be right: a longer file is damaged, and not read to its end to say so.
        file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Puts a file in place of the one before, whole or not at all.
    pub(super) fn replace(&self, name: &str, bytes: &[u8], durable: bool) -> Result<(), StoreError> {
        let failed = |source| self.failed("write", name, source);
        let Some(directory) = self.open(true)? else {
            return Err(failed(io::ErrorKind::NotFound.into()));
        };
        // One writer for a store, so one name will do, and what a crash left is replaced and does not pile up.
        let temporary = format!(".{name}.new");
        let written = write_new(&directory, &temporary, bytes, durable)
            .and_then(|()| Ok(renameat(&directory, temporary.as_str(), &directory, name)?))
            .and_then(|()| settle(&directory, durable));
        if written.is_err() {
            // Gone already when the rename was what succeeded.
            let _ = unlinkat(&directory, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written.map_err(failed)
    }

    /// Removes a file; `false` when there is none.
    pub(super) fn remove(&self, name: &str, durable: bool) -> Result<bool, StoreError> {
        let failed = |source| self.failed("remove", name, source);
        let Some(directory) = self.open(false)? else { return Ok(false) };
        match unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => settle(&directory, durable).map(|()| true).map_err(failed),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let failed = |source| self.failed("rename", from, source);
        let Some(directory) = self.open(false)? else { return Ok(()) };
        renameat(&directory, from, &directory, to).map_err(|errno| failed(errno.into()))
    }

    /// The names of all files.
    pub(super) fn files(&self) -> Vec<String> {
        let Ok(Some(directory)) = self.open(false) else { return Vec::new() };
        let Ok(entries) = Dir::from_fd(directory) else { return Vec::new() };
        let name = |entry: nix::dir::Entry| entry.file_name().to_str().map(str::to_owned).ok();
        entries.into_iter().flatten().filter_map(name).collect()
    }

    /// The directory, made when `make` is set; `None` when it is not there.
    fn open(&self, make: bool) -> Result<Option<OwnedFd>, StoreError> {
        let names: Vec<&OsStr> = self.path.iter().rev().take(self.ours).collect();
        let mut path = self.path.ancestors().nth(self.ours).unwrap_or(Path::new("/")).to_owned();
        let failed = |path: &Path, source: io::Error| StoreError::Io {
            what: if make { "make the state directory" } else { "open the state directory" },
            path: path.to_owned(),
            source,
        };
        if make {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(&path);
            made.map_err(|error| failed(&path, error))?;
        }
        let mut directory = match open(&path, DIRECTORY, Mode::empty()) {
            Err(Errno::ENOENT) if !make => return Ok(None),
            other => other.map_err(|errno| failed(&path, errno.into()))?,
        };
        for name in names.iter().rev() {
            path.push(name);
            if make {
                match mkdirat(&directory, *name, PRIVATE) {
                    // What is synchronised in it is lost with its own name.
                    Ok(()) => fsync(&directory).map_err(|errno| failed(&path, errno.into()))?,
                    Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(failed(&path, errno.into())),
                }
            }
            let next = match openat(&directory, *name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
                Err(Errno::ENOENT) if !make => return Ok(None),
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    return Err(refused(&path, "it is a symbolic link or no directory".to_owned()));
                }
                other => other.map_err(|errno| failed(&path, errno.into()))?,
            };
            examine(&directory, &next, &path)?;
            directory = next;
        }
        Ok(Some(directory))
    }

    fn failed(&self, what: &'static str, name: &str, source: io::Error) -> StoreError {
        StoreError::Io { what, path: self.path.join(name), source }
    }
}

fn refused(path: &Path, reason: String) -> StoreError {
    StoreError::Directory { path: path.to_owned(), reason }
}

fn trusted(owner: Uid) -> bool {
    owner.is_root() || owner == geteuid()
}

/// Refuses a directory that somebody else can write to, and closes one of ours that others may look into.
fn examine(parent: &OwnedFd, directory: &OwnedFd, path: &Path) -> Result<(), StoreError> {
    let about = |fd: &OwnedFd| {
        fstat(fd).map_err(|errno| StoreError::Io {
            what: "look at the state directory",
            path: path.to_owned(),
            source: errno.into(),
        })
    };
    let (above, here) = (about(parent)?, about(directory)?);
    let owner = Uid::from_raw(here.st_uid);
    // Root may work in what it gave to the user of the daemon: nobody else could have made it there.
    let given_by_root = geteuid().is_root() && only_root_writes(&above);
    if !trusted(owner) && !given_by_root {
        let reason = format!("it belongs to uid {owner}; it has to belong to root or to uid {}", geteuid());
        return Err(refused(path, reason));
    }
    let open_to_others = here.st_mode & 0o077;
    if open_to_others != 0
        && fchmod(directory, PRIVATE).is_err()
        && open_to_others & (Mode::S_IWGRP | Mode::S_IWOTH).bits() != 0
    {
        let reason = format!("others may write to it (mode {:o}); chmod 0700 it", here.st_mode & 0o7777);
        return Err(refused(path, reason));
    }
    Ok(())
}

fn only_root_writes(about: &FileStat) -> bool {
    about.st_uid == 0 && about.st_mode & (Mode::S_IWGRP | Mode::S_IWOTH).bits() == 0
}

fn write_new(directory: &OwnedFd, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = FILE | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
    let mut file = File::from(openat(directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let here = fstat(directory)?;
    if geteuid().is_root() && here.st_uid != 0 {
        // What root writes here is for the user that the directory was given to.
        fchown(file.as_fd(), Some(Uid::from_raw(here.st_uid)), Some(Gid::from_raw(here.st_gid)))?;
    }
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// Makes what was done to the names in the directory last.
fn settle(directory: &OwnedFd, durable: bool) -> io::Result<()> {
    if durable { Ok(fsync(directory)?) } else { Ok(()) }
}
