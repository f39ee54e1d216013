//! The Debian package, made of built files with nothing but dpkg-deb.

mod control;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Context as _;
use crate::{Binaries, Error, Result, program};

pub use tree::{SystemdVersion, lay_out};

/// How well the package is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As Debian does it.
    Usual,
    /// Quickly, for a test.
    None,
}

/// What is packaged, and when it says that it was made.
#[derive(Debug)]
pub struct Package<'a> {
    /// The files.
    pub binaries: &'a Binaries,
    /// The program that writes manual pages and completions.
    pub manual: &'a Path,
    /// The version of dhcpmgr.
    pub version: &'a str,
    /// The systemd that the units are for.
    pub systemd: SystemdVersion,
    /// The date of the changelog and the latest of all files, seconds since 1970.
    pub date: u64,
    /// How well it is compressed.
    pub compression: Compression,
}

impl Package<'_> {
    /// Makes `DIRECTORY/dhcpmgr_VERSION_ARCHITECTURE.deb`; what it is made of stays in `DIRECTORY/tree`.
    pub fn build(&self, directory: &Path) -> Result<PathBuf> {
        let tree = directory.join("tree");
        if tree.exists() {
            std::fs::remove_dir_all(&tree).context(|| format!("clearing {}", tree.display()))?;
        }
        lay_out(self.binaries, self.manual, &tree, self.systemd)?;
        tree::document(self, &tree)?;
        let architecture = run(Command::new(program("dpkg")?).arg("--print-architecture"))?;
        let architecture = architecture.trim();
        control::write(self, &tree, architecture)?;
        let file = directory.join(format!("dhcpmgr_{}_{architecture}.deb", self.version));
        let mut build = Command::new(program("dpkg-deb")?);
        build.env("SOURCE_DATE_EPOCH", self.date.to_string()).arg("--root-owner-group");
        if self.compression == Compression::None {
            build.arg("-Znone");
        }
        run(build.arg("--build").arg(&tree).arg(&file))?;
        Ok(file)
    }
}

/// Runs a program to its end and returns what it wrote.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context(|| format!("starting {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::new(format!("{name}: {}: {}", output.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
