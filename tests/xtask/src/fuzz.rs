//! `cargo xtask fuzz`: whatever a hostile sender may put on the lease socket or a hostile server into its options, for a
//! while.

use std::path::{Path, PathBuf};
use std::process::Command;

use dhcpmgr_lab::{Error, Result, program};

use crate::cargo::{cargo, done, target, workspace};

/// The crates that have fuzz targets.
const CRATES: [&str; 5] =
    ["client-shims/message", "handlers/softwire", "handlers/v6", "handlers/vendor", "host"];

/// Only says whether the targets compile, with the compiler of everything else: they are in workspaces of their own,
/// which nothing else would look at.
pub(crate) fn check() -> Result {
    let shared = target().join("fuzz-check");
    CRATES.iter().try_for_each(|name| {
        let mut check = cargo(&["check", "--quiet"]);
        check.arg("--manifest-path").arg(workspace().join(name).join("fuzz/Cargo.toml"));
        check.arg("--target-dir").arg(&shared);
        done(check, &format!("checking the fuzz targets of {name}"))
    })
}

/// Runs every target of every crate for so long.
pub(crate) fn run(seconds: u64) -> Result {
    let tool = tool()?;
    CRATES.iter().try_for_each(|name| run_crate(&workspace().join(name), &tool, seconds))
}

fn run_crate(crate_dir: &Path, tool: &Path, seconds: u64) -> Result {
    let targets = std::fs::read_dir(crate_dir.join("fuzz/fuzz_targets"))?.flatten();
    let names: Vec<String> =
        targets.filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned())).collect();
    if names.is_empty() {
        return Err(Error::new(format!("there is no fuzz target in {}", crate_dir.display())));
    }
    for name in names {
        println!("fuzzing {name} for {seconds} s");
        // cargo-fuzz runs the cargo that it is told of; this one is not nightly.
        let mut fuzz = Command::new(rustup()?);
        fuzz.args(["run", "nightly"]).arg(tool).args(["run", &name]);
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-max_len=70000"]);
        fuzz.current_dir(crate_dir).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        done(fuzz, &format!("fuzzing {name}"))?;
    }
    Ok(())
}

/// cargo-fuzz, built once and kept with the build.
fn tool() -> Result<PathBuf> {
    let tools = target().join("tools");
    let tool = tools.join("bin/cargo-fuzz");
    if !tool.is_file() {
        let mut install = cargo(&["install", "--locked", "cargo-fuzz", "--root"]);
        install.arg(&tools).arg("--target-dir").arg(tools.join("build"));
        done(install, "building cargo-fuzz")?;
    }
    Ok(tool)
}

fn rustup() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let beside = home.map(|home| home.join("bin/rustup")).filter(|path| path.is_file());
    beside.map_or_else(|| program("rustup"), Ok)
}
