//! The layout of an installation below a directory, made of built files: what a package would do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::error::Context;
use crate::{Error, Result, program};

/// Set when the workspace is built already, by whoever starts the tests.
const BUILT: &str = "DHCPMGR_BUILT";
/// Set to the root of an installation to use that instead of this build.
const INSTALLED: &str = "DHCPMGR_INSTALLED";

/// The shims; the packages that they are built of have the same names.
pub const SHIMS: [&str; 2] = ["dhcpmgr-udhcpc", "dhcpmgr-dibbler"];
/// The handler modules that are shipped.
pub const MODULES: [&str; 4] =
    ["libdhcpmgr_v4.so", "libdhcpmgr_v6.so", "libdhcpmgr_mapt.so", "libdhcpmgr_vendor.so"];

/// The built files.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `dhcpmgrd`
    pub daemon: PathBuf,
    /// `dhcpmgr`
    pub cli: PathBuf,
    /// [`SHIMS`]
    pub shims: Vec<PathBuf>,
    /// [`MODULES`]
    pub modules: Vec<PathBuf>,
}

impl Binaries {
    /// Those in one directory of cargo's.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            daemon: directory.join("dhcpmgrd"),
            cli: directory.join("dhcpmgr"),
            shims: SHIMS.map(|shim| directory.join(shim)).into(),
            modules: MODULES.map(|module| directory.join(module)).into(),
        }
    }

    /// Those of an installation.
    #[must_use]
    pub fn installed(root: &Path) -> Self {
        Self {
            daemon: root.join("usr/sbin/dhcpmgrd"),
            cli: root.join("usr/bin/dhcpmgr"),
            shims: SHIMS.map(|shim| root.join("usr/lib/dhcpmgr").join(shim)).into(),
            modules: MODULES.map(|module| root.join("usr/lib/dhcpmgr/handlers").join(module)).into(),
        }
    }

    /// Those of the profile that this program was built with, or of the installation that `DHCPMGR_INSTALLED` names.
    pub fn of_this_build() -> Result<Self> {
        if let Some(root) = std::env::var_os(INSTALLED) {
            return Ok(Self::installed(Path::new(&root)));
        }
        Ok(Self::in_directory(&Self::directory()?))
    }

    /// A library of the same build that is not part of an installation: `fixture_good`.
    pub fn library(name: &str) -> Result<PathBuf> {
        Ok(Self::directory()?.join(format!("lib{name}.so")))
    }

    /// A program of the same build that is not part of an installation: `dhcpmgr-manual`.
    pub fn program(name: &str) -> Result<PathBuf> {
        Ok(Self::directory()?.join(name))
    }

    /// Where cargo put them, built now if need be: cargo builds only libraries for the tests of another package.
    fn directory() -> Result<PathBuf> {
        static OUTCOME: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
        let directory = OUTCOME.get_or_init(|| build().map_err(|error| error.to_string()));
        directory.clone().map_err(Error::new)
    }
}

/// The sources of this build.
pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn build() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.ancestors().skip(1).find(|directory| !directory.ends_with("deps"));
    let directory = directory.ok_or_else(|| Error::new("this program lies in no directory"))?.to_owned();
    if std::env::var_os(BUILT).is_some() {
        return Ok(directory);
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--workspace"]);
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(workspace()).status().context(|| "cargo build".to_owned())?;
    if status.success() { Ok(directory) } else { Err(Error::new(format!("cargo build: {status}"))) }
}

/// Lays the files out below `root`. Modes are those of a package whatever the umask was: the daemon refuses modules
/// that others may write.
pub fn install(binaries: &Binaries, root: &Path) -> Result {
    let place = |file: &Path, to: &str, mode: &str| {
        directories(root, to)?;
        // By another process: a file that this one has open for writing is inherited for a moment by whatever other
        // threads start, and cannot be executed then ("Text file busy").
        let mut copy = Command::new(program("install")?);
        copy.args(["--mode", mode, "--target-directory"]).arg(root.join(to)).arg(file);
        let status = copy.status()?;
        let failed =
            || Error::new(format!("installing {} in {}: {status}", file.display(), root.join(to).display()));
        if status.success() { Ok(()) } else { Err(failed()) }
    };
    place(&binaries.daemon, "usr/sbin", "755")?;
    place(&binaries.cli, "usr/bin", "755")?;
    binaries.shims.iter().try_for_each(|shim| place(shim, "usr/lib/dhcpmgr", "755"))?;
    binaries.modules.iter().try_for_each(|module| place(module, "usr/lib/dhcpmgr/handlers", "644"))?;
    directories(root, "etc/dhcpmgr/conf.d")
}

/// Makes the directories of `path` below `root`, each with mode 0755.
pub(crate) fn directories(root: &Path, path: &str) -> Result {
    let mut directory = root.to_owned();
    fs::create_dir_all(&directory)?;
    for part in Path::new(path) {
        directory.push(part);
        if !directory.is_dir() {
            fs::create_dir(&directory).context(|| format!("the directory {}", directory.display()))?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}
