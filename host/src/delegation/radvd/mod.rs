//! The hand-off to radvd: a file of ours that it reads, and SIGHUP when there is something new.
//!
//! radvd itself is started by whoever starts services. It ends when it reads a file that it does not understand, so only
//! what it understands is written, and there is always an interface in it.

mod process;
mod text;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::advertise::Advertised;
use process::Reload;

/// Between looks at a radvd that is just starting, milliseconds.
const BETWEEN_LOOKS: u64 = 250;

/// How long it may take to start, milliseconds.
const START: u64 = 10_000;

/// Where it is told what.
#[derive(Debug)]
pub(super) struct Radvd {
    config: PathBuf,
    pidfile: PathBuf,
    /// What it was last told by us.
    told: Option<Vec<Advertised>>,
    /// There is something in the file that it has not been told to read, since when and when it is tried again.
    owed: Option<(u64, u64)>,
}

impl Radvd {
    pub(super) fn new(config: PathBuf, pidfile: PathBuf) -> Self {
        Self { config, pidfile, told: None, owed: None }
    }

    pub(super) fn is_at(&self, config: &Path, pidfile: &Path) -> bool {
        self.config == config && self.pidfile == pidfile
    }

    /// Whether there is something to read for a radvd that is started now.
    pub(super) fn has_config(&self) -> bool {
        self.config.exists()
    }

    /// Tells it, if it is new. A line of what was done; an error is one for the operator.
    pub(super) fn tell(&mut self, all: Vec<Advertised>, now: u64) -> Result<Option<String>, String> {
        if self.told.as_ref() == Some(&all) {
            return match self.owed {
                Some((since, again)) if again <= now => self.reload(since, now),
                _ => Ok(None),
            };
        }
        let text = text::config(&all, now);
        // A file that an earlier daemon wrote may be one that radvd was not told to read.
        if !fs::read(&self.config).is_ok_and(|bytes| bytes == text.as_bytes()) {
            replace(&self.config, &text)
                .map_err(|error| format!("cannot write {}: {error}", self.config.display()))?;
        }
        self.told = Some(all);
        self.reload(now, now)
    }

    /// When it is to be told again although there is nothing new.
    pub(super) fn next(&self) -> Option<u64> {
        self.owed.map(|(_, again)| again)
    }

    fn reload(&mut self, since: u64, now: u64) -> Result<Option<String>, String> {
        self.owed = None;
        let is_late = now >= since.saturating_add(START);
        match process::reload(&self.pidfile)? {
            Reload::Done(line) => Ok(Some(line)),
            Reload::NotRunning(line) if is_late => Ok(Some(line)),
            Reload::Deaf(line) if is_late => Err(line),
            Reload::NotRunning(_) | Reload::Deaf(_) => {
                self.owed = Some((since, now.saturating_add(BETWEEN_LOOKS)));
                Ok(None)
            }
        }
    }
}

/// A new file beside it, renamed over it. It is for everybody to read: radvd drops its rights, and wants no file that it
/// could write itself.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // One that a crash left behind; or a trap.
    let _ = fs::remove_file(&new);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_written_only_when_it_says_something_new() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("radvd.conf");
        let mut radvd = Radvd::new(config.clone(), directory.path().join("radvd.pid"));
        assert_eq!(radvd.tell(Vec::new(), 0), Ok(None), "it may be just starting");
        assert_eq!(radvd.next(), Some(BETWEEN_LOOKS));
        let line = radvd.tell(Vec::new(), START + BETWEEN_LOOKS).unwrap().unwrap();
        assert!(line.contains("does not run"), "{line}");
        assert_eq!(radvd.next(), None);
        assert!(fs::read_to_string(&config).unwrap().contains("interface lo"));
        fs::write(&config, "changed by somebody").unwrap();
        assert_eq!(radvd.tell(Vec::new(), 0), Ok(None));
        let mut next = Radvd::new(config.clone(), directory.path().join("radvd.pid"));
        assert_eq!(next.tell(Vec::new(), 0), Ok(None));
        assert!(next.next().is_some(), "it was written");
        let mut next = Radvd::new(config, directory.path().join("radvd.pid"));
        let inode = || {
            std::os::unix::fs::MetadataExt::ino(&fs::metadata(directory.path().join("radvd.conf")).unwrap())
        };
        let before = inode();
        assert_eq!(next.tell(Vec::new(), 0), Ok(None));
        assert_eq!(inode(), before, "the file says so already");
        assert!(next.next().is_some(), "and radvd is told all the same");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_and_tried_again() {
        let mut radvd = Radvd::new("/proc/none/radvd.conf".into(), "/proc/none/pid".into());
        assert!(radvd.tell(Vec::new(), 0).is_err());
        assert!(radvd.tell(Vec::new(), 0).is_err());
    }
}
