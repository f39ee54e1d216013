//! `cargo xtask install DIR`: the release, laid out as a package would.

use std::path::{Path, PathBuf};

use dhcpmgr_lab::{Binaries, Error, Result, SHIMS, SystemdVersion, install, lay_out};

use crate::cargo::{cargo, done, target};
use crate::order::{linker_of, mark};

/// The sample configuration: does nothing until somebody has read it.
const SAMPLE: &str = include_str!("../../../host/packaging/dhcpmgr.toml");

/// The packages of our handler modules.
pub(crate) const HANDLERS: [&str; 4] =
    ["dhcpmgr-handler-v4", "dhcpmgr-handler-v6", "dhcpmgr-handler-mapt", "dhcpmgr-handler-vendor"];

/// How the daemon, the command line and the modules are linked: functions of the same code are one, and relocations are
/// packed. A tenth less flash, and less memory that the daemon's pages take.
const RELEASE_FLAGS: [&str; 4] =
    ["-C", "link-arg=-Wl,--icf=all", "-C", "link-arg=-Wl,-z,pack-relative-relocs"];

/// How the shims are compiled and linked; see `[profile.shim]`.
const SHIM_FLAGS: [&str; 8] = [
    "-C symbol-mangling-version=v0",
    "-C target-feature=+crt-static",
    // At a fixed address: a static PIE relocates itself at every start.
    "-C relocation-model=static",
    // Of no use to a program that aborts when it panics.
    "-C link-arg=-Wl,--no-eh-frame-hdr",
    // No pages of padding between code and data, and constants beside the code: a page less of each is touched, and
    // there is a mapping less to make and to give back.
    "-C link-arg=-Wl,-z,noseparate-code",
    "-C link-arg=-Wl,--no-rosegment",
    "-C link-arg=-Wl,--build-id=none",
    // Functions of the same code are one.
    "-C link-arg=-Wl,--icf=all",
];

/// Builds and installs.
pub(crate) fn run(dir: &Path) -> Result {
    let binaries = build()?;
    lay_out(&binaries, &manual()?, &std::path::absolute(dir)?, SystemdVersion::of_this_machine())?;
    let config = dir.join("etc/dhcpmgr/dhcpmgr.toml");
    if !config.exists() {
        std::fs::write(&config, SAMPLE)?;
    }
    println!("installed below {}", dir.display());
    Ok(())
}

/// The program that writes manual pages and completions; it says the same in every profile.
pub(crate) fn manual() -> Result<PathBuf> {
    done(cargo(&["build", "--quiet", "-p", "dhcpmgr-manual"]), "building the manual")?;
    Ok(target().join("debug/dhcpmgr-manual"))
}

/// Builds the release: the shim statically, because it is executed for every message and the dynamic loader would
/// be most of its time.
pub(crate) fn build() -> Result<Binaries> {
    build_in(Order::AsListed)
}

/// Builds what [`order`](crate::order) looks at, and installs it: functions where the compiler put them, with their names.
pub(crate) fn unordered(dir: &Path) -> Result {
    install(&build_in(Order::AsCompiled)?, dir)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AsListed,
    AsCompiled,
}

fn build_in(order: Order) -> Result<Binaries> {
    for program in ["dhcpmgrd", "dhcpmgr"] {
        build_part("program", &["-p", "dhcpmgr", "--bin", program], order)?;
    }
    for handler in HANDLERS {
        // Without the library that tests link: with it cargo optimises no further than the crate.
        build_part("release", &["-p", handler, "--lib", "--crate-type", "cdylib"], order)?;
    }
    let triple = host_triple()?;
    // Functions that are one have one name: as compiled, each keeps its own.
    let flags = SHIM_FLAGS.iter().filter(|flag| order == Order::AsListed || !flag.contains("icf"));
    let mut flags = flags.copied().collect::<Vec<_>>().join(" ");
    let directory = target().join(match order {
        Order::AsListed => "shims",
        Order::AsCompiled => "shims-as-compiled",
    });
    let mut shims = cargo(&["build", "--profile", "shim", "--target", &triple]);
    match order {
        Order::AsListed => flags += &format!(" -C {} --cfg {}", linker_of(&mut shims)?, mark()?),
        Order::AsCompiled => flags += " -C strip=none",
    }
    shims.args(SHIMS.iter().flat_map(|shim| ["-p", *shim]));
    shims.arg("--target-dir").arg(&directory).env("RUSTFLAGS", flags);
    done(shims, "building the shims")?;
    let mut binaries = Binaries::in_directory(&target().join("release"));
    (binaries.daemon, binaries.cli) = (target().join("program/dhcpmgrd"), target().join("program/dhcpmgr"));
    binaries.shims = SHIMS.map(|shim| directory.join(&triple).join("shim").join(shim)).into();
    Ok(binaries)
}

fn build_part(profile: &str, part: &[&str], order: Order) -> Result {
    let mut release = cargo(&["rustc", "--profile", profile]);
    release.args(part).arg("--");
    match order {
        Order::AsListed => {
            let linker = linker_of(&mut release)?;
            release.args(RELEASE_FLAGS).args(["-C", &linker, "--cfg", &mark()?]);
        }
        Order::AsCompiled => drop(release.args(["-C", "strip=none"])),
    }
    done(release, "building the release")
}

fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| Error::new(format!("rustc -vV names no host: {text}")))
}
