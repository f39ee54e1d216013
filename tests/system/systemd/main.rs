//! The Debian package under a real systemd: a Debian is made below cargo's target directory once, and booted in a
//! container in which `inside.sh` goes through the life of the service. It writes a verdict for each step.

mod machine;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dhcpmgr_lab::{
    Binaries, Compression, Error, Package, Result, SystemdVersion, is_real_root, sign, signatures, skipped,
    skipped_without_root,
};

use machine::Machine;

/// The steps that nobody may leave out of `inside.sh` unnoticed.
const STEPS: &str = include_str!("inside.sh");

#[test]
fn the_package_under_a_real_systemd() -> Result {
    let test = "the_package_under_a_real_systemd";
    if !is_real_root() {
        return skipped_without_root(test);
    }
    if let Some(reason) = machine::missing() {
        return skipped(test, &reason);
    }
    let machine = Machine::debian()?;
    let directory = machine.scratch()?;
    package(&directory, machine.systemd()?)?;
    signed_module(&directory)?;
    for file in ["inside.sh", "verdict.service"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(file), directory.join(file))?;
    }
    let log = machine.boot(&directory)?;
    judge(&directory, &log)
}

/// The package of this build, as `dhcpmgr.deb`.
fn package(directory: &Path, systemd: SystemdVersion) -> Result {
    let binaries = Binaries::of_this_build()?;
    let manual = Binaries::program("dhcpmgr-manual")?;
    let version = env!("CARGO_PKG_VERSION");
    let package = Package {
        binaries: &binaries,
        manual: &manual,
        version,
        systemd,
        date: 0,
        compression: Compression::None,
    };
    fs::rename(package.build(&directory.join("package"))?, directory.join("dhcpmgr.deb"))?;
    Ok(())
}

/// A vendor's module with its signature, and the key to check it by: `vendor.so`, `vendor.so.minisig`, `vendor.pub`.
fn signed_module(directory: &Path) -> Result {
    let module = directory.join("vendor.so");
    fs::copy(Binaries::library("fixture_good")?, &module)?;
    fs::copy(signatures("vendor.pub"), directory.join("vendor.pub"))?;
    sign(&module)
}

fn judge(directory: &Path, console: &str) -> Result {
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    let verdict = read("verdict");
    let mut steps: BTreeMap<&str, &str> = BTreeMap::new();
    for line in verdict.lines() {
        let (what, name) = line.split_once(' ').unwrap_or((line, ""));
        steps.insert(name.split(':').next().unwrap_or(name), what);
    }
    let complete = verdict.lines().last() == Some("done");
    let wrong: Vec<&str> = verdict.lines().filter(|line| line.starts_with("FAILED")).collect();
    let missing: Vec<&str> = planned().filter(|step| !steps.contains_key(step)).collect();
    if complete && wrong.is_empty() && missing.is_empty() {
        return Ok(());
    }
    let tail = |text: String| {
        text.lines().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    Err(Error::new(format!(
        "{}\nnot reached: {missing:?}\n--- the log of inside.sh\n{}\n--- the journal\n{}\n--- the console\n{}",
        wrong.join("\n"),
        tail(read("log")),
        tail(read("journal")),
        tail(console.to_owned()),
    )))
}

/// The names of the steps in the script.
fn planned() -> impl Iterator<Item = &'static str> {
    STEPS.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_step = matches!(words.next()?, "step" | "eventually" | "same");
        words.next().filter(|_| is_step)
    })
}
