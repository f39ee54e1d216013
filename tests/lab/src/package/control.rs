//! The control files of the package: what it is called, what it needs, and what happens around its installation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::tree::write as write_file;
use super::{Package, run};
use crate::error::Context as _;
use crate::install::workspace;
use crate::{Error, Result, program};

const DESCRIPTION: &str = "\
DHCP client manager for gateways and routers
 dhcpmgrd starts and supervises the DHCP clients of a gateway, learns every
 lease from them, lets handler modules decide what a lease means, and
 configures addresses, routes, MTU and name servers accordingly.
 .
 A lease, and not the mood of a client, decides what is configured: nothing
 moves when a client or the daemon dies, is upgraded or is started again.
 .
 The command line dhcpmgr shows what is going on, and why.
";

/// Writes `DEBIAN/*`.
pub(super) fn write(package: &Package<'_>, root: &Path, architecture: &str) -> Result {
    let size = run(Command::new(program("du")?)
        .args(["--summarize", "--apparent-size", "--block-size=1024"])
        .arg(root))?;
    let size = size.split_whitespace().next().unwrap_or("0");
    let mut control = String::new();
    let _ = write!(
        control,
        "Package: dhcpmgr\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {}\nInstalled-Size: {size}\n\
         Depends: {}\nSuggests: dibbler-client, systemd-resolved | resolvconf\nSection: net\nPriority: optional\n\
         Description: {DESCRIPTION}",
        package.version,
        maintainer(),
        depends(package)?,
    );
    let sums = sums(root)?;
    write_file(root, "DEBIAN/control", &control)?;
    write_file(root, "DEBIAN/md5sums", &sums)?;
    for script in ["postinst", "prerm", "postrm"] {
        let file = workspace().join("host/packaging/debian").join(script);
        let text = fs::read_to_string(&file).context(|| format!("reading {}", file.display()))?;
        write_file(root, &format!("DEBIAN/{script}"), &text)?;
        fs::set_permissions(root.join("DEBIAN").join(script), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Whom to write to: as `DEBFULLNAME` and `DEBEMAIL` say, else as git knows who makes it.
fn maintainer() -> String {
    let git = |key: &str| {
        let mut git = Command::new(program("git").ok()?);
        run(git.current_dir(workspace()).args(["config", key])).ok().map(|value| value.trim().to_owned())
    };
    let of = |variable, key, otherwise: &str| {
        std::env::var(variable).ok().or_else(|| git(key)).unwrap_or_else(|| otherwise.to_owned())
    };
    let name = of("DEBFULLNAME", "user.name", "dhcpmgr maintainers");
    format!("{name} <{}>", of("DEBEMAIL", "user.email", "root@localhost"))
}

/// What the programs are linked to, and what they start.
fn depends(package: &Package<'_>) -> Result<String> {
    let binaries = package.binaries;
    let linked = [&binaries.daemon, &binaries.cli].into_iter().chain(&binaries.modules);
    let mut glibc = BTreeSet::new();
    let mut unwinder = false;
    for file in linked {
        let symbols = run(Command::new(program("objdump")?).args(["--private-headers"]).arg(file))?;
        glibc.extend(symbols.split_whitespace().filter_map(glibc_version));
        unwinder |= symbols.contains("libgcc_s.so.1");
    }
    let newest = glibc.last().ok_or_else(|| Error::new("the programs name no version of glibc"))?;
    let mut depends = vec![format!("libc6 (>= {}.{})", newest.0, newest.1)];
    if unwinder {
        depends.push("libgcc-s1".to_owned());
    }
    depends.push("udhcpc | busybox".to_owned());
    depends.push("systemd | systemd-standalone-sysusers | systemd-sysusers".to_owned());
    Ok(depends.join(", "))
}

/// `GLIBC_2.34`
fn glibc_version(word: &str) -> Option<(u32, u32)> {
    let mut numbers = word.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn sums(root: &Path) -> Result<String> {
    let mut find = Command::new(program("find")?);
    find.current_dir(root).args(["usr", "etc", "-type", "f", "-exec", "md5sum", "{}", "+"]);
    let mut lines: Vec<String> = run(&mut find)?.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines.iter().flat_map(|line| [line, "\n"]).collect())
}

/// The newest section of CHANGELOG.md, in Debian's form.
pub(super) fn changelog(package: &Package<'_>) -> Result<String> {
    let text =
        fs::read_to_string(workspace().join("CHANGELOG.md")).context(|| "reading CHANGELOG.md".to_owned())?;
    let changes: String = paragraphs(text.split("\n## ").nth(1).unwrap_or_default())
        .iter()
        .map(|paragraph| wrapped(paragraph))
        .collect();
    let date = run(Command::new(program("date")?)
        .args(["--utc", "--rfc-email", &format!("--date=@{}", package.date)])
        .env("LC_ALL", "C"))?;
    Ok(format!(
        "dhcpmgr ({}) unstable; urgency=medium\n\n{changes}\n -- {}  {}\n",
        package.version,
        maintainer(),
        date.trim()
    ))
}

/// The list's entries, and the text between them, each on one line; without the heading.
fn paragraphs(section: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in section.lines().skip(1) {
        match paragraphs.last_mut().filter(|_| goes_on && !line.starts_with("- ") && !line.is_empty()) {
            Some(paragraph) => paragraph.extend([" ", line.trim()]),
            None if line.is_empty() => {}
            None => paragraphs.push(line.trim_start_matches("- ").to_owned()),
        }
        goes_on = !line.is_empty();
    }
    paragraphs
}

/// An entry of a Debian changelog: at most 79 columns, a star before the first line.
fn wrapped(paragraph: &str) -> String {
    let mut text = String::from("  *");
    let mut column = text.len();
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if column + 1 + width > 79 {
            text.push_str("\n   ");
            column = 3;
        }
        text.extend([" ", word]);
        column += 1 + width;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_is_wrapped_as_debian_wants_it() {
        let section = "1.0\n\nThe first.\n\n- one\n  goes on\n- two\n";
        assert_eq!(paragraphs(section), ["The first.", "one goes on", "two"]);
        let long = wrapped(&"word ".repeat(40));
        assert!(long.starts_with("  * word") && long.lines().all(|line| line.len() <= 79), "{long}");
        assert!(long.lines().nth(1).unwrap().starts_with("    word"), "{long}");
    }

    #[test]
    fn versions_of_glibc_are_compared_as_numbers() {
        let mut versions: Vec<_> = "GLIBC_2.4 GLIBC_2.34 GLIBC_2.17.1 GLIBC_PRIVATE x"
            .split(' ')
            .filter_map(glibc_version)
            .collect();
        versions.sort_unstable();
        assert_eq!(versions, [(2, 4), (2, 17), (2, 34)]);
    }
}
