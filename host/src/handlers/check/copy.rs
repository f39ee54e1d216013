//! The file that is checked. Where others could write it no host would load it, which is no matter before it is installed:
//! then a copy is checked that only we can write.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dhcpmgr_plugin_api::note::NoteInfo;

use super::report::{Kind, Report};
use crate::handlers::loader::{LoadError, inspect};
use crate::signature;

/// A module file that may be loaded.
pub(super) struct Module {
    given: PathBuf,
    copy: Option<Copy>,
    pub(super) note: NoteInfo,
}

impl Module {
    /// Reads what the file says without running any of its code. `None` when that refuses it, which is in the report then.
    pub(super) fn inspect(given: &Path, report: &mut Report) -> io::Result<Option<Self>> {
        // The worker has another working directory.
        let given = given.canonicalize().unwrap_or_else(|_| given.to_owned());
        let (note, copy) = match inspect(&given) {
            Ok(note) => (note, None),
            Err(error @ LoadError::Untrusted { .. }) => {
                report.found(Kind::Access, format!("{error}; a copy is checked"), "its file", None);
                let copy = Copy::of(&given)?;
                match inspect(&copy.file()) {
                    Ok(note) => (note, Some(copy)),
                    Err(error) => return Ok(refused(report, &error)),
                }
            }
            Err(error) => return Ok(refused(report, &error)),
        };
        Ok(Some(Self { given, copy, note }))
    }

    /// Where a worker finds it.
    pub(super) fn path(&self) -> &Path {
        self.copy.as_ref().map_or(&self.given, |copy| &copy.file)
    }

    /// A text in which the file has the name that it was given by.
    pub(super) fn in_words(&self, text: &str) -> String {
        let path = self.path().display().to_string();
        text.replace(&path, &self.given.display().to_string())
    }
}

fn refused(report: &mut Report, error: &LoadError) -> Option<Module> {
    report.found(Kind::Refused, error.to_string(), "its file", None);
    None
}

/// A copy in a directory of our own, both gone when it is dropped.
struct Copy {
    directory: PathBuf,
    file: PathBuf,
}

impl Copy {
    fn of(module: &Path) -> io::Result<Self> {
        let word = crate::random::bytes::<8>().map(u64::from_ne_bytes)?;
        let directory = std::env::temp_dir().join(format!("dhcpmgr-check-{word:016x}"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let file = directory.join(module.file_name().unwrap_or("module.so".as_ref()));
        let copy = Self { directory, file };
        fs::copy(module, &copy.file)?;
        fs::set_permissions(&copy.file, Permissions::from_mode(0o755))?;
        match fs::copy(signature::beside(module), signature::beside(&copy.file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(copy)
    }

    fn file(&self) -> PathBuf {
        self.file.clone()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be removed lies in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
