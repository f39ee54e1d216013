//! One start of a client: everything that a process needs, decided before there is one.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use dhcpmgr_message::context;
use nix::unistd::{AccessFlags, access};

use super::Confinement;
use super::adapter::LaunchContext;
use crate::config::Client;

/// Where client programs are looked for, and the PATH that they run with.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What a client may write until somebody reads, bytes: a page, some sixty lines.
const OUTPUT: usize = 4096;

/// One start of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Arguments, without the program's name.
    pub args: Vec<OsString>,
    /// The whole environment; nothing else is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// The directory that it works in, which is made, or emptied; `/` where it needs none.
    pub directory: Option<PathBuf>,
    /// What has to be in that directory before it starts.
    pub files: Vec<LaunchFile>,
    /// What it may do.
    pub confinement: Confinement,
    /// What it may write until somebody reads, bytes.
    pub output: usize,
    /// What of the configuration it is started without, and why: a sentence each.
    pub notes: Vec<String>,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            program: PathBuf::new(),
            args: Vec::new(),
            env: Vec::new(),
            directory: None,
            files: Vec::new(),
            confinement: Confinement::default(),
            output: OUTPUT,
            notes: Vec::new(),
        }
    }
}

/// A file that a client finds when it starts; only its user may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchFile {
    /// Its name in the directory.
    pub name: &'static str,
    /// What it holds.
    pub content: Content,
    /// Another one makes no difference: a client that was started with it need not be started again.
    pub of_this_start: bool,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing: it leads elsewhere.
    Link(PathBuf),
}

impl LaunchFile {
    pub(super) fn new(name: &'static str, content: Vec<u8>) -> Self {
        Self { name, content: Content::Bytes(content), of_this_start: false }
    }

    pub(super) fn of_this_start(self) -> Self {
        Self { of_this_start: true, ..self }
    }

    fn write(&self, directory: &Path) -> io::Result<()> {
        let path = directory.join(self.name);
        match &self.content {
            Content::Link(to) => symlink(to, path),
            Content::Bytes(bytes) => {
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
            }
        }
    }

    fn is_there(&self, directory: &Path) -> bool {
        let path = directory.join(self.name);
        match &self.content {
            Content::Link(to) => fs::read_link(path).is_ok_and(|is| is == *to),
            Content::Bytes(bytes) => fs::read(path).is_ok_and(|is| is == *bytes),
        }
    }
}

impl Launch {
    /// Makes the directory as it should be, whatever an earlier start has left there.
    pub(super) fn write_files(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for entry in fs::read_dir(directory)? {
            fs::remove_file(entry?.path())?;
        }
        self.files.iter().try_for_each(|file| file.write(directory))
    }

    /// Whether a client that was started with these arguments was also started with these files.
    #[must_use]
    pub fn files_are_there(&self) -> bool {
        let Some(directory) = &self.directory else { return true };
        self.files.iter().filter(|file| !file.of_this_start).all(|file| file.is_there(directory))
    }
}

/// A text of a client, if it is not longer than this many bytes.
pub(super) fn read_small(path: &Path, longest: u64) -> Option<String> {
    let mut text = String::new();
    let read = fs::File::open(path).ok()?.take(longest + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= longest).then_some(text)
}

/// The first of these programs that can be run.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    PATH.split(':').map(|directory| Path::new(directory).join(name)).find(|path| is_executable(path))
}

pub(super) fn is_executable(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok()
}

/// The environment of a client: by it a shim finds the daemon, and the next daemon its clients.
pub(super) fn environment(client: &Client, context: &LaunchContext<'_>) -> Vec<(OsString, OsString)> {
    [
        ("PATH", PATH.into()),
        (context::CLIENT, client.name.as_str().into()),
        (context::TOKEN, context.token.as_str().into()),
        (context::SOCKET, context.paths.lease_socket().into_os_string()),
        (context::SPOOL, context.paths.spool().into_os_string()),
    ]
    .map(|(name, value)| (name.into(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_replaced_whoever_made_them_and_are_nobody_elses() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("wan6.d");
        let file = |name, content: &str| LaunchFile::new(name, content.as_bytes().to_vec());
        let log = LaunchFile { content: Content::Link("/dev/null".into()), ..file("client.log", "") };
        let files = vec![file("client.conf", "one"), file("context", "secret").of_this_start(), log.clone()];
        let launch = Launch { directory: Some(directory.clone()), files, ..Launch::default() };
        assert!(!launch.files_are_there());
        launch.write_files().unwrap();
        std::fs::remove_file(directory.join("client.conf")).unwrap();
        std::fs::write(root.path().join("other"), "theirs").unwrap();
        std::fs::write(directory.join("client.pid"), "4711").unwrap();
        symlink("../other", directory.join("client.conf")).unwrap();
        launch.write_files().unwrap();
        assert!(launch.files_are_there());
        assert_eq!(std::fs::read_to_string(root.path().join("other")).unwrap(), "theirs");
        assert!(!directory.join("client.pid").exists(), "of an earlier start");
        assert_eq!(std::fs::read_link(directory.join("client.log")).unwrap(), Path::new("/dev/null"));
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("context"))), (0o700, 0o600));
        let next = Launch { files: vec![file("context", "other").of_this_start(), log], ..launch.clone() };
        assert!(next.files_are_there(), "a token makes no difference");
        let next = Launch { files: vec![file("client.conf", "two")], ..launch };
        assert!(!next.files_are_there());
    }
}
