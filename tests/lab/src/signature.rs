//! What a vendor signs modules with: keys that protect nothing, and the real minisign.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::workspace;
use crate::{Error, Result, program};

/// A file of `tests/released/signatures`: `vendor.pub`, `vendor.key`.
#[must_use]
pub fn signatures(name: &str) -> PathBuf {
    workspace().join("tests/released/signatures").join(name)
}

/// Signs a module with the vendor's key: `FILE.so.minisig` beside it.
pub fn sign(module: &Path) -> Result {
    let mut minisign = Command::new(program("minisign")?);
    minisign.args(["-S", "-W", "-s"]).arg(signatures("vendor.key")).arg("-m").arg(module);
    let output = minisign.output()?;
    if output.status.success() { Ok(()) } else { Err(Error::new(format!("minisign: {output:?}"))) }
}
