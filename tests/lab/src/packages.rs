//! The programs that tests and demonstration need, and the Debian packages that have them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::{Error, Result, program};

/// A program and the Debian package that has it.
pub type Need = (&'static str, &'static str);

/// What the laboratory needs.
pub const LAB: &[Need] = &[
    ("udhcpc", "udhcpc"),
    ("dnsmasq", "dnsmasq-base"),
    ("kea-dhcp4", "kea-dhcp4-server"),
    ("kea-dhcp6", "kea-dhcp6-server"),
    ("dibbler-client", "dibbler-client"),
    ("dibbler-server", "dibbler-server"),
    ("radvd", "radvd"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("strace", "strace"),
    ("dbus-daemon", "dbus-daemon"),
    ("s6-svscan", "s6"),
    ("nft", "nftables"),
    ("minisign", "minisign"),
];

/// What the tests need besides that set the clock and cut the power: a machine of their own, with a disk.
pub const VM: &[Need] = &[
    ("linux.uml", "user-mode-linux"),
    ("busybox", "busybox"),
    ("mke2fs", "e2fsprogs"),
    ("xargs", "findutils"),
    ("sed", "sed"),
];

/// What the benches need besides.
pub const BENCH: &[Need] = &[
    ("python3", "python3"),
    ("gcc", "gcc"),
    ("make", "make"),
    ("busybox", "busybox"),
    ("perf", "linux-perf"),
    ("ss", "iproute2"),
    ("pgrep", "procps"),
    ("nsenter", "util-linux"),
];

/// What the test of the package under a real systemd needs besides; only root can run it.
pub const SYSTEMD: &[Need] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("objdump", "binutils"),
    ("dpkg-deb", "dpkg"),
    ("gzip", "gzip"),
];

/// The packages of those programs that are not there.
#[must_use]
pub fn missing(needs: &[Need]) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        needs.iter().filter(|(name, _)| program(name).is_err()).map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// The one line that installs them.
#[must_use]
pub fn install_line(packages: &[&str]) -> String {
    format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Installs what is missing when this is root on a Debian system; otherwise the error is the line to run.
pub fn ensure(needs: &[Need]) -> Result {
    let absent = missing(needs);
    if absent.is_empty() {
        return Ok(());
    }
    let by_hand =
        || Error::new(format!("programs are missing; run this and try again:\n  {}", install_line(&absent)));
    if !nix::unistd::geteuid().is_root() {
        return Err(by_hand());
    }
    let Ok(apt) = program("apt-get") else { return Err(by_hand()) };
    let _quiet = NoServices::new()?;
    if !install(&apt, &absent)? {
        // Old or absent package lists are the usual reason.
        Command::new(&apt).args(["update", "-q"]).status()?;
        if !install(&apt, &absent)? {
            return Err(by_hand());
        }
    }
    match missing(needs).as_slice() {
        [] => Ok(()),
        still => Err(Error::new(format!(
            "apt-get succeeded, but programs of these packages are not there: {still:?}"
        ))),
    }
}

/// As [`ensure`] for [`VM`], where Debian has it.
pub fn ensure_vm() -> Result {
    if cfg!(any(target_arch = "x86_64", target_arch = "x86")) { ensure(VM) } else { Ok(()) }
}

fn install(apt: &Path, packages: &[&str]) -> Result<bool> {
    let mut command = Command::new(apt);
    command.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
    Ok(command.env("DEBIAN_FRONTEND", "noninteractive").status()?.success())
}

/// Keeps package scripts from starting services: Debian asks `policy-rc.d`, and 101 means no. An existing one is
/// somebody's decision and stays; ours goes again.
struct NoServices(bool);

impl NoServices {
    const FILE: &str = "/usr/sbin/policy-rc.d";

    fn new() -> Result<Self> {
        let Ok(mut file) = fs::File::options().create_new(true).write(true).open(Self::FILE) else {
            return Ok(Self(false));
        };
        file.write_all(b"#!/bin/sh\nexit 101\n")?;
        fs::set_permissions(Self::FILE, fs::Permissions::from_mode(0o755))?;
        Ok(Self(true))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.0 {
            // Nothing better can be done here than trying.
            let _ = fs::remove_file(Self::FILE);
        }
    }
}
