//! Handler modules for tests: built once by cargo, then copied to where only we can write.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod c;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The module of the fixture crate `tests/fixtures/NAME`: `good`, `second`, `misbehaving`, `first-sdk`, `aborting`; or
/// one that we ship: `v4`, `v6`.
///
/// The first call for a name builds it, which costs a second or two when cargo has built the rest.
pub fn module(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // A test that failed here poisons nothing: the others try again and say the same.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let ours = matches!(name, "v4" | "v6");
    let package = if ours { format!("dhcpmgr-handler-{name}") } else { format!("fixture-{name}") };
    match name {
        "aborting" => cargo(&["rustc", "--package", &package, "--lib", "--", "-C", "panic=abort"]),
        "first-sdk" => {
            cargo(&["build", "--locked", "--manifest-path", "tests/fixtures/first-sdk/Cargo.toml"])
        }
        _ => cargo(&["build", "--package", &package]),
    }
    let library = if ours { format!("dhcpmgr_{name}") } else { package.replace('-', "_") };
    let file = format!("lib{library}.so");
    let path = install(&target().join("debug").join(&file), &file);
    built.insert(name.to_owned(), path.clone());
    path
}

/// Runs this project's cargo; fails with what cargo said.
pub fn cargo(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    let output =
        command.current_dir(root()).args(arguments).env("CARGO_TARGET_DIR", target()).output().unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Copies a file into the directory of test modules, writable by us only whatever the umask is.
pub fn install(from: &Path, name: &str) -> PathBuf {
    let directory = modules();
    let (path, partial) = (directory.join(name), directory.join(format!(".{}-{name}", std::process::id())));
    fs::copy(from, &partial).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755)).unwrap();
    // Another test process may have mapped the file of that name: it is replaced, never written to.
    fs::rename(&partial, &path).unwrap();
    path
}

/// The directory of test modules.
pub fn modules() -> PathBuf {
    let directory = target().join("test-modules");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The target directory that this test was built in.
pub fn target() -> PathBuf {
    // …/target/debug/deps/loading-0123456789abcdef
    let test = std::env::current_exe().unwrap();
    test.ancestors()
        .find(|path| path.ends_with("debug") || path.ends_with("release"))
        .unwrap()
        .parent()
        .unwrap()
        .into()
}

/// Removes every symbol and section that a module does not need to load.
pub fn strip(path: &Path) {
    let status = Command::new("strip").arg("--strip-all").arg(path).status().unwrap();
    assert!(status.success(), "strip {}: {status}", path.display());
}

/// Compiles a C file to a shared object among the test modules.
pub fn compile_c(name: &str, source: &str) -> PathBuf {
    let directory = modules();
    let file = directory.join(format!("{name}.c"));
    fs::write(&file, source).unwrap();
    let output = directory.join(format!("{name}.so"));
    let mut command = Command::new("cc");
    let status = command.args(["-shared", "-fPIC", "-o"]).arg(&output).arg(&file).status().unwrap();
    assert!(status.success(), "cc {}: {status}", file.display());
    fs::set_permissions(&output, fs::Permissions::from_mode(0o755)).unwrap();
    output
}

/// A copy of a module in which one run of bytes is replaced by another of the same length.
pub fn patched(module: &Path, name: &str, from: &[u8], to: &[u8]) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let path = install(module, name);
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{} does not contain {from:02x?}", module.display());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    fs::write(&path, bytes).unwrap();
    path
}
