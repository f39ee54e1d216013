//! Modules in C, built as a vendor would build them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::{install, modules, root};

/// How a careful vendor compiles.
pub const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"];

/// Builds a module once; tests run beside each other.
pub fn cc(name: &str, source: &Path, defines: &[&str]) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name.to_owned()).or_insert_with(|| build(name, source, defines)).clone()
}

fn build(name: &str, source: &Path, defines: &[&str]) -> PathBuf {
    let partial = modules().join(format!(".cc-{}-{name}.so", std::process::id()));
    let output = Command::new("cc")
        .args(STRICT)
        .args(["-fvisibility=hidden", "-fPIC", "-shared"])
        .arg(format!("-I{}", root().join("plugin-api/c").display()))
        .args(defines.iter().map(|name| format!("-D{name}")))
        .arg("-o")
        .args([&partial, source])
        .output()
        .unwrap();
    assert!(output.status.success(), "cc {name}:\n{}", String::from_utf8_lossy(&output.stderr));
    let path = install(&partial, &format!("{name}.so"));
    std::fs::remove_file(partial).unwrap();
    path
}

/// The example of the SDK.
pub fn acme() -> PathBuf {
    cc("libacme_c", &root().join("plugin-api/c/example/acme.c"), &[])
}

/// `host/tests/c_door/hostile.c`, wrong in this way; without one it is good.
pub fn hostile(wrong: &[&str]) -> PathBuf {
    let name = format!("libhostile_{}", wrong.join("_").to_lowercase());
    cc(&name, &root().join("host/tests/c_door/hostile.c"), wrong)
}
