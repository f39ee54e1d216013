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

/// Where it is told what.
#[derive(Debug)]
pub(super) struct Radvd {
    config: PathBuf,
    pidfile: PathBuf,
    /// What it was last told by us.
    told: Option<Vec<Advertised>>,
}

impl Radvd {
    pub(super) fn new(config: PathBuf, pidfile: PathBuf) -> Self {
        Self { config, pidfile, told: None }
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
            return Ok(None);
        }
        let text = text::config(&all, now);
        let counts_down = text::counts_down(&all);
        // The same file means the same, unless radvd has counted down from it meanwhile.
        if self.told.is_none() && !counts_down && fs::read(&self.config).is_ok_and(|b| b == text.as_bytes()) {
            self.told = Some(all);
            return Ok(None);
        }
        replace(&self.config, &text)
            .map_err(|error| format!("cannot write {}: {error}", self.config.display()))?;
        self.told = Some(all);
        process::reload(&self.pidfile).map(Some)
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
        let line = radvd.tell(Vec::new(), 0).unwrap().unwrap();
        assert!(line.contains("does not run"), "{line}");
        assert!(fs::read_to_string(&config).unwrap().contains("interface lo"));
        fs::write(&config, "changed by somebody").unwrap();
        assert_eq!(radvd.tell(Vec::new(), 0), Ok(None));
        let mut next = Radvd::new(config.clone(), directory.path().join("radvd.pid"));
        assert!(next.tell(Vec::new(), 0).unwrap().is_some());
        let mut next = Radvd::new(config, directory.path().join("radvd.pid"));
        assert_eq!(next.tell(Vec::new(), 0), Ok(None), "the file says so already");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_and_tried_again() {
        let mut radvd = Radvd::new("/proc/none/radvd.conf".into(), "/proc/none/pid".into());
        assert!(radvd.tell(Vec::new(), 0).is_err());
        assert!(radvd.tell(Vec::new(), 0).is_err());
    }
}
