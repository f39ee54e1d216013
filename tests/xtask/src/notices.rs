//! `cargo xtask notices`: THIRD-PARTY.md, the crates that end up in what is shipped, with their licences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dhcpmgr_lab::{Error, Result, SHIMS};
use serde_json::Value;

use crate::cargo::{cargo, workspace};
use crate::install::HANDLERS;

/// What is shipped.
fn is_shipped(package: &str) -> bool {
    package == "dhcpmgr" || SHIMS.contains(&package) || HANDLERS.contains(&package)
}

const HEAD: &str = "# Third parties\n\n\
    The crates that are linked into the binaries of dhcpmgr, with their licences. Written by `cargo xtask notices`\n\
    from what cargo knows; `.ci/run` checks that it is current. The sources of each version are at its repository and\n\
    in the crate of that version.\n\n\
    | crate | version | licence | source |\n|---|---|---|---|\n";

/// Writes the file, or only compares it.
pub(crate) fn run(check: bool) -> Result {
    let file = workspace().join("THIRD-PARTY.md");
    let text = notices()?;
    if !check {
        return Ok(std::fs::write(file, text)?);
    }
    if std::fs::read_to_string(file)? == text {
        return Ok(());
    }
    Err(Error::new("THIRD-PARTY.md is not current; run: cargo xtask notices"))
}

fn notices() -> Result<String> {
    let output = cargo(&["metadata", "--format-version", "1", "--locked"]).output()?;
    if !output.status.success() {
        return Err(Error::new(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();

    let shipped = |id: &&String| is_shipped(packages[*id]["name"].as_str().unwrap_or_default());
    let mut todo: Vec<String> = packages.keys().filter(shipped).cloned().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        // What a macro uses is not linked either.
        if macros(&packages[&id]) || !seen.insert(id.clone()) {
            continue;
        }
        let dependencies = nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default();
        todo.extend(
            dependencies
                .iter()
                .filter(|dependency| linked(dependency))
                .map(|dependency| text(&dependency["pkg"])),
        );
    }

    let mut rows = BTreeSet::new();
    for package in seen.iter().map(|id| &packages[id]).filter(|package| !package["source"].is_null()) {
        let [name, version, licence, source] =
            ["name", "version", "license", "repository"].map(|field| text(&package[field]));
        rows.insert(format!("| {name} | {version} | {licence} | {source} |"));
    }
    let mut all = HEAD.to_owned();
    for row in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(all, "{row}");
    }
    Ok(all)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Neither for tests nor for building, and on the systems that this is for.
fn linked(dependency: &Value) -> bool {
    let kinds = dependency["dep_kinds"].as_array().cloned().unwrap_or_default();
    kinds.iter().any(|kind| kind["kind"].is_null() && !elsewhere(kind["target"].as_str().unwrap_or_default()))
}

/// A `cfg` that does not hold on Linux.
fn elsewhere(target: &str) -> bool {
    let others =
        ["windows", "target_os = \"macos\"", "wasm", "hermit", "wasi", "redox", "target_os = \"android\""];
    let linux = ["linux", "unix", "not("];
    others.iter().any(|other| target.contains(other)) && !linux.iter().any(|word| target.contains(word))
}

/// A macro runs in the compiler and is not linked.
fn macros(package: &Value) -> bool {
    let targets = package["targets"].as_array().cloned().unwrap_or_default();
    targets.iter().any(|target| target["kind"].to_string().contains("proc-macro"))
}
