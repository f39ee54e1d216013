//! Running cargo, and other programs, to their end.

use std::path::{Path, PathBuf};
use std::process::Command;

use dhcpmgr_lab::{Error, Result};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The cargo that runs this, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    command
}

/// Runs it; an exit status other than 0 is an error.
pub(crate) fn done(mut command: Command, what: &str) -> Result {
    let status = command.status().map_err(|error| Error::new(format!("{what}: {error}")))?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("{what}: {status}"))) }
}
