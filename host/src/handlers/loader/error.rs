//! Why a module is refused: one line that says what was found, what is accepted and what to do.

use std::io;
use std::path::{Path, PathBuf};

use dhcpmgr_plugin_api::ApiVersion;
use dhcpmgr_plugin_api::note::SdkVersion;

use super::elf::ElfError;

/// Why a module is refused. The text is one line, whatever is in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("module {} cannot be read: {source}; check `module` in the configuration", path.display())]
    Read {
        /// The module.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a directory, a device, …
    #[error("module {} is {found}, not a file; check `module` in the configuration", path.display())]
    NotAFile {
        /// The module.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Somebody else could have written it.
    #[error("module {} is not trusted: {} {why}", module.display(), place.display())]
    Untrusted {
        /// The module.
        module: PathBuf,
        /// The module or its directory.
        place: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A signature is asked for, and it has none that is accepted.
    #[error("module {} {why}", path.display())]
    Signature {
        /// The module.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// It is no shared object, one for another machine, or a damaged one.
    #[error("module {} {why}", path.display())]
    File {
        /// The module.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// It needs an API that this host does not have.
    #[error(
        "module {} needs handler API {needed} (SDK {sdk}), this host accepts {}.0 to {host}; {}",
        path.display(), host.major, remedy(*needed, *host)
    )]
    Version {
        /// The module.
        path: PathBuf,
        /// What it needs.
        needed: ApiVersion,
        /// What it was built with.
        sdk: SdkVersion,
        /// What the host has.
        host: ApiVersion,
    },
    /// A panic in it cannot be caught.
    #[error(
        "module {} is built with panic = \"abort\", so that a panic in it would end the host; build it with panic = \
         \"unwind\"", path.display()
    )]
    PanicAborts {
        /// The module.
        path: PathBuf,
    },
    /// The dynamic linker refuses it.
    #[error("module {} cannot be linked: {why}; it may use only libraries that this system has", path.display())]
    Link {
        /// The module.
        path: PathBuf,
        /// What the dynamic linker says.
        why: String,
    },
    /// It has a note, but not the function table that the note promises.
    #[error("module {} has no usable function table: {why}; rebuild it with dhcpmgr-plugin-api {}", path.display(),
        ApiVersion::CURRENT)]
    Table {
        /// The module.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What it says of itself is not right.
    #[error("module {} describes itself wrongly: {why}; its author must correct its manifest", path.display())]
    Manifest {
        /// The module.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl LoadError {
    pub(super) fn of_file(path: &Path, error: ElfError) -> Self {
        match error {
            ElfError::Read(source) => Self::Read { path: path.to_owned(), source },
            other => Self::File { path: path.to_owned(), why: other.to_string() },
        }
    }
}

fn remedy(needed: ApiVersion, host: ApiVersion) -> String {
    if needed.major == host.major {
        format!("update the host, or rebuild the module with min_minor = {} or less", host.minor)
    } else {
        format!("rebuild the module with dhcpmgr-plugin-api {}.x", host.major)
    }
}
