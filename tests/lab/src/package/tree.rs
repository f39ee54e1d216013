//! Where everything lies in the package, and in a plain installation.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Package, run};
use crate::error::Context as _;
use crate::install::{directories, workspace};
use crate::{Binaries, Error, Result, install, program};

/// The version of systemd that units are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemdVersion(pub u32);

impl SystemdVersion {
    /// The first that knows all that our units say.
    const FULL: Self = Self(254);

    /// That of this machine, as a package's other dependencies are too; a recent one where there is none.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let said = program("systemctl").and_then(|systemctl| run(Command::new(systemctl).arg("--version")));
        let number = |text: String| text.split_whitespace().nth(1)?.parse().ok();
        said.ok().and_then(number).map_or(Self::FULL, Self)
    }
}

/// A unit in the words of an older systemd, which would complain of the others.
fn for_systemd(unit: &str, version: SystemdVersion) -> String {
    if version >= SystemdVersion::FULL {
        return unit.to_owned();
    }
    let unknown = ["RestartSteps=", "RestartMaxDelaySec="];
    let lines = unit.lines().filter(|line| !unknown.iter().any(|setting| line.starts_with(setting)));
    let older = lines.map(|line| match line {
        "Type=notify-reload" => "Type=notify\nExecReload=/usr/bin/dhcpmgr config reload",
        line => line,
    });
    older.flat_map(|line| [line, "\n"]).collect()
}

/// Lays out the programs, modules, manual pages, completions, units and their companions below `root`.
pub fn lay_out(binaries: &Binaries, manual: &Path, root: &Path, systemd: SystemdVersion) -> Result {
    install(binaries, root)?;
    let packaging = workspace().join("host/packaging");
    for (file, place) in [
        ("dhcpmgrd.service", "usr/lib/systemd/system/dhcpmgrd.service"),
        ("dhcpmgrd.socket", "usr/lib/systemd/system/dhcpmgrd.socket"),
        ("dhcpmgrd-control.socket", "usr/lib/systemd/system/dhcpmgrd-control.socket"),
        ("dhcpmgrd.sysusers", "usr/lib/sysusers.d/dhcpmgr.conf"),
        ("dhcpmgrd.tmpfiles", "usr/lib/tmpfiles.d/dhcpmgr.conf"),
        ("org.dhcpmgr1.conf", "usr/share/dbus-1/system.d/org.dhcpmgr1.conf"),
    ] {
        let file = packaging.join(file);
        let text = fs::read_to_string(&file).context(|| format!("reading {}", file.display()))?;
        write(root, place, &for_systemd(&text, systemd))?;
    }
    headers(root)?;
    run(Command::new(manual).arg(root)).map(drop)
}

/// What handlers in C are built with, as `handler new` looks for it (`Paths::headers`).
fn headers(root: &Path) -> Result {
    let sdk = workspace().join("plugin-api/c");
    for entry in fs::read_dir(&sdk).context(|| format!("reading {}", sdk.display()))? {
        let file = entry?.path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".h"))
        else {
            continue;
        };
        let text = fs::read_to_string(&file).context(|| format!("reading {}", file.display()))?;
        write(root, &format!("usr/include/dhcpmgr/{name}"), &text)?;
    }
    Ok(())
}

/// Writes what belongs below `usr/share/doc`, and packs what Debian packs.
pub(super) fn document(package: &Package<'_>, root: &Path) -> Result {
    let doc = "usr/share/doc/dhcpmgr";
    let copy = |from: &str, to: &str| {
        let text = fs::read_to_string(workspace().join(from)).context(|| format!("reading {from}"))?;
        write(root, &format!("{doc}/{to}"), &text)
    };
    copy("host/packaging/debian/copyright", "copyright")?;
    copy("host/packaging/dhcpmgr.toml", "examples/dhcpmgr.toml")?;
    for file in
        ["s6/dhcpmgrd/run", "s6/dhcpmgrd/notification-fd", "procd/dhcpmgrd.init", "hooks/rdk-sysevent"]
    {
        copy(&format!("host/packaging/{file}"), &format!("examples/{file}"))?;
    }
    let overrides = fs::read_to_string(workspace().join("host/packaging/debian/lintian-overrides"))?;
    write(root, "usr/share/lintian/overrides/dhcpmgr", &overrides)?;
    copy("host/README.md", "README.md")?;
    copy("THIRD-PARTY.md", "THIRD-PARTY.md")?;
    write(root, &format!("{doc}/changelog"), &super::control::changelog(package)?)?;
    let doc = root.join(doc);
    for file in ["README.md", "THIRD-PARTY.md", "changelog"] {
        pack(&doc.join(file))?;
    }
    for page in fs::read_dir(root.join("usr/share/man/man8"))? {
        pack(&page?.path())?;
    }
    Ok(())
}

/// `gzip -9n`, in place.
fn pack(file: &Path) -> Result {
    let mut gzip = Command::new(program("gzip")?);
    run(gzip.args(["-9", "--no-name", "--force"]).arg(file).stdin(Stdio::null())).map(drop)
}

/// Writes a file with the mode of a package.
pub(super) fn write(root: &Path, place: &str, text: &str) -> Result {
    let path = root.join(place);
    let parent =
        Path::new(place).parent().ok_or_else(|| Error::new(format!("{place} is in no directory")))?;
    directories(root, &parent.to_string_lossy())?;
    let mut file = fs::File::create(&path).context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(file.set_permissions(fs::Permissions::from_mode(0o644))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_in_c_is_built_with_the_headers_of_an_installation() {
        let root = tempfile::tempdir().unwrap();
        headers(root.path()).unwrap();
        let output = Command::new("cc")
            .args(["-std=c99", "-Wall", "-Werror", "-fsyntax-only", "-I"])
            .arg(root.path().join("usr/include/dhcpmgr"))
            .arg(workspace().join("plugin-api/c/example/acme.c"))
            .arg(workspace().join("plugin-api/c/example/acme_test.c"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mode = fs::metadata(root.path().join("usr/include/dhcpmgr/dhcpmgr_plugin.h"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn an_older_systemd_gets_a_unit_without_words_that_it_does_not_know() {
        let unit = include_str!("../../../../host/packaging/dhcpmgrd.service");
        assert_eq!(for_systemd(unit, SystemdVersion(257)), unit);
        let older = for_systemd(unit, SystemdVersion(252));
        assert!(older.contains("\nType=notify\nExecReload=/usr/bin/dhcpmgr config reload\n"), "{older}");
        assert!(!older.contains("\nRestartSteps=") && !older.contains("\nRestartMaxDelaySec="));
        assert!(older.contains("\nWatchdogSec="));
    }
}
