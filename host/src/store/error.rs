//! What can go wrong with a state file.

use std::io;
use std::path::PathBuf;

/// Why a record could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not a name for a record.
    #[error(
        "\"{0}\" cannot be the name of a state file; it may have A-Z a-z 0-9 . _ - and starts with a letter or a digit"
    )]
    Name(String),
    /// The file is there and cannot be believed.
    #[error("state file {path} is not used: {reason}; {}", aside_text(.aside))]
    SetAside {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Where it is now, or why it is still there.
        aside: Result<PathBuf, String>,
    },
    /// A system call failed.
    #[error("cannot {what} {path}: {source}{}", hint(.source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory is not one to trust.
    #[error("state directory {path} is refused: {reason}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The record has no form that could be read again.
    #[error("cannot write state file {path}: {reason}")]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn aside_text(aside: &Result<PathBuf, String>) -> String {
    match aside {
        Ok(path) => format!("it is kept as {}, and the service goes on without it", path.display()),
        Err(error) => format!("it cannot be set aside ({error}), and the service goes on without it"),
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space: until then what changes is lost with the next reboot"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; mount it writable: until then what changes is lost with the next reboot"
        }
        _ => "",
    }
}
