//! `cargo xtask package`: the release as a Debian package for the kind of system that builds it.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use dhcpmgr_lab::{Compression, Package, Result, SystemdVersion};

use crate::cargo::{target, workspace};
use crate::install;

/// Builds it, and says where it is.
pub(crate) fn run() -> Result {
    let package = Package {
        binaries: &install::build()?,
        manual: &install::manual()?,
        version: env!("CARGO_PKG_VERSION"),
        systemd: SystemdVersion::of_this_machine(),
        date: date(),
        compression: Compression::Usual,
    };
    println!("{}", package.build(&target().join("package"))?.display());
    Ok(())
}

/// The same for the same sources: what `SOURCE_DATE_EPOCH` says, else the date of the commit, else now.
fn date() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let committed = || {
        let output =
            Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let now =
        || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default();
    given.or_else(committed).unwrap_or_else(now)
}
