//! The spool: messages that shims left because nobody answered, taken in the order of their names.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dhcpmgr_message::wire::LIMITS;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::geteuid;
use tokio::net::unix::pipe;

use super::{Origin, Sessions};

use crate::order;

/// The spool directory and the watch over it.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    /// An inotify descriptor, which is read like a pipe.
    watch: pipe::Receiver,
}

impl Spool {
    /// Watches the directory, which must exist.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(&directory, AddWatchFlags::IN_MOVED_TO)?;
        clear_leftovers(&directory);
        let watch = pipe::Receiver::from_owned_fd_unchecked(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Self { directory, watch })
    }

    /// Takes what is there, in order. A message that cannot be let in is set aside under a name that ends in
    /// `.refused`, with a line in the log.
    pub async fn replay(&self, sessions: &Sessions) {
        for file in waiting(&self.directory) {
            match take(&file) {
                Ok(bytes) => match sessions.deliver(&bytes, Origin::Spool).await {
                    Ok(()) => remove(&file),
                    Err(reason) => set_aside(&file, &reason.to_string()),
                },
                Err(reason) => set_aside(&file, &reason),
            }
        }
    }

    /// Takes what is there and what comes, for ever.
    pub async fn run(&self, sessions: &Sessions) -> io::Result<()> {
        // Which files came does not matter: the directory is read in order.
        let mut events = [0; 4096];
        loop {
            self.replay(sessions).await;
            self.watch.readable().await?;
            match self.watch.try_read(&mut events) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }
}

/// Removes what shims that died in the middle left behind; one that lives is done within a second.
fn clear_leftovers(directory: &Path) {
    let abandoned = |about: &fs::Metadata| {
        about.modified().is_ok_and(|then| then.elapsed().is_ok_and(|age| age > Duration::from_secs(60)))
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "tmp")
            && entry.metadata().is_ok_and(|about| abandoned(&about))
        {
            remove(&path);
        }
    }
}

fn waiting(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "lease"))
        .collect();
    order::sort(&mut files);
    files
}

fn take(file: &Path) -> Result<Vec<u8>, String> {
    let about = fs::symlink_metadata(file).map_err(|e| e.to_string())?;
    if !about.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    if about.uid() != 0 && about.uid() != geteuid().as_raw() {
        return Err(format!("it belongs to uid {}", about.uid()));
    }
    if about.len() > LIMITS.bytes as u64 {
        return Err(format!("it has {} bytes, at most {} are accepted", about.len(), LIMITS.bytes));
    }
    fs::read(file).map_err(|e| e.to_string())
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        tracing::warn!("cannot remove {} from the spool: {error}", file.display());
    }
}

fn set_aside(file: &Path, reason: &str) {
    let aside = file.with_extension("refused");
    tracing::warn!("spooled message {} is set aside as {}: {reason}", file.display(), aside.display());
    if fs::rename(file, &aside).is_err() {
        remove(file);
    }
}

#[cfg(test)]
mod tests;
