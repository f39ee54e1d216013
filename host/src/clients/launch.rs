//! One start of a client: everything that a process needs, decided before there is one.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dhcpmgr_message::context;
use nix::unistd::{AccessFlags, access};

use super::Confinement;
use super::adapter::LaunchContext;
use crate::config::Client;

/// Where client programs are looked for, and the PATH that they run with.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// One start of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Arguments, without the program's name.
    pub args: Vec<OsString>,
    /// The whole environment; nothing else is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// The directory that it works in, made if it is not there and nobody else's business; `/` where there is none.
    pub directory: Option<PathBuf>,
    /// What has to be in that directory before it starts.
    pub files: Vec<LaunchFile>,
    /// What it may do.
    pub confinement: Confinement,
}

/// A file that a client reads when it starts; only its user may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchFile {
    /// Its name in the directory.
    pub name: &'static str,
    /// What it holds.
    pub content: Vec<u8>,
    /// Each start has another one, because there is a secret in it.
    pub new_each_time: bool,
}

impl Launch {
    /// Writes the files, in place of those of an earlier start.
    pub(super) fn write_files(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        for LaunchFile { name, content, .. } in &self.files {
            let path = directory.join(name);
            // A process that still reads the one before keeps it.
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(content)?;
        }
        Ok(())
    }

    /// Whether the files of a client that was started say the same as those of this start.
    #[must_use]
    pub fn files_are_there(&self) -> bool {
        let Some(directory) = &self.directory else { return true };
        let same =
            |file: &LaunchFile| std::fs::read(directory.join(file.name)).is_ok_and(|is| is == file.content);
        self.files.iter().filter(|file| !file.new_each_time).all(same)
    }
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
        let file = |name, content: &str, new_each_time| LaunchFile {
            name,
            content: content.as_bytes().to_vec(),
            new_each_time,
        };
        let files = vec![file("client.conf", "one", false), file("context", "secret", true)];
        let launch = Launch { directory: Some(directory.clone()), files, ..Launch::default() };
        assert!(!launch.files_are_there());
        launch.write_files().unwrap();
        std::fs::remove_file(directory.join("client.conf")).unwrap();
        std::fs::write(root.path().join("other"), "theirs").unwrap();
        std::os::unix::fs::symlink("../other", directory.join("client.conf")).unwrap();
        launch.write_files().unwrap();
        assert!(launch.files_are_there());
        assert_eq!(std::fs::read_to_string(root.path().join("other")).unwrap(), "theirs");
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("context"))), (0o700, 0o600));
        let next = Launch { files: vec![file("context", "other secret", true)], ..launch.clone() };
        assert!(next.files_are_there(), "a token makes no difference");
        let next = Launch { files: vec![file("client.conf", "two", false)], ..launch };
        assert!(!next.files_are_there());
    }
}
