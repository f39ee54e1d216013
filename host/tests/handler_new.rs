//! From an empty directory to a loaded handler, in Rust and in C: what `dhcpmgr handler new` writes is built, tested,
//! checked, and loaded by a daemon.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use support::{cargo, root, target};

fn dhcpmgr(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dhcpmgr")).args(arguments).output().unwrap()
}

fn done(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

fn refused(arguments: &[&str]) -> String {
    let output = dhcpmgr(arguments);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Checks the module, installs it with the configuration that came with it, and lets a daemon load it.
fn check_and_load(module: &Path, configuration: &Path) {
    done(&dhcpmgr(&["handler", "check", "--seconds", "1", "--deadline", "2000", module.to_str().unwrap()]));
    let gateway = tempfile::tempdir().unwrap();
    let (modules, drop_ins) =
        (gateway.path().join("usr/lib/dhcpmgr/handlers"), gateway.path().join("etc/dhcpmgr/conf.d"));
    fs::create_dir_all(&modules).unwrap();
    fs::create_dir_all(&drop_ins).unwrap();
    fs::write(gateway.path().join("etc/dhcpmgr/dhcpmgr.toml"), "[daemon]\n").unwrap();
    fs::copy(configuration, drop_ins.join("handler.toml")).unwrap();
    let installed = modules.join(module.file_name().unwrap());
    fs::copy(module, &installed).unwrap();
    for path in [&modules, &installed] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let daemon = || {
        Command::new(env!("CARGO_BIN_EXE_dhcpmgrd"))
            .arg("--root")
            .arg(gateway.path())
            .arg("--check")
            .output()
            .unwrap()
    };
    done(&daemon());
    // The daemon really loads it: without the file it refuses.
    fs::remove_file(&installed).unwrap();
    assert!(!daemon().status.success());
}

#[test]
fn a_new_handler_in_rust_is_tested_built_checked_and_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let (sdk, project) = (root().join("plugin-api"), directory.path().join("deep/acme"));
    let told = done(&dhcpmgr(&[
        "handler",
        "new",
        "acme-options",
        "--dir",
        project.to_str().unwrap(),
        "--sdk",
        sdk.to_str().unwrap(),
    ]));
    assert!(told.contains("cargo test && cargo build --release"), "{told}");
    // The versions that are here anyway, so that no registry is needed.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let manifest = project.join("Cargo.toml");
    cargo(&["test", "--offline", "--manifest-path", manifest.to_str().unwrap()]);
    cargo(&["build", "--offline", "--manifest-path", manifest.to_str().unwrap()]);
    check_and_load(&target().join("debug/libacme_options.so"), &project.join("acme-options.toml"));
}

#[test]
fn a_new_handler_in_c_needs_nothing_but_a_compiler() {
    let (directory, nothing, installed) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (sdk, headers) = (root().join("plugin-api/c"), installed.path().join("usr/include/dhcpmgr"));
    fs::create_dir_all(&headers).unwrap();
    for header in ["dhcpmgr_plugin.h", "dhcpmgr_read.h", "dhcpmgr_write.h", "dhcpmgr_test.h"] {
        fs::copy(sdk.join(header), headers.join(header)).unwrap();
    }
    let headers = headers.canonicalize().unwrap();
    for (name, installation, given, used) in [
        ("acme-options", &nothing, None, "sdk"),
        ("other", &installed, None, headers.to_str().unwrap()),
        ("third", &installed, Some(&sdk), sdk.to_str().unwrap()),
    ] {
        let project = directory.path().join(name);
        let mut arguments = vec!["--root", installation.path().to_str().unwrap()];
        arguments.extend(["handler", "new", name, "--c", "--dir", project.to_str().unwrap()]);
        arguments.extend(given.map(|sdk| ["--sdk", sdk.to_str().unwrap()]).into_iter().flatten());
        done(&dhcpmgr(&arguments));
        let makefile = fs::read_to_string(project.join("Makefile")).unwrap();
        assert!(makefile.contains(&format!("\nSDK ?= {used}\n")), "{makefile}");
        assert_eq!(project.join("sdk").exists(), used == "sdk");
        let make = |target: &[&str]| {
            done(&Command::new("make").args(target).current_dir(&project).output().unwrap())
        };
        assert!(make(&["test"]).ends_with(&format!("{name}: all tests passed\n")));
        make(&[]);
        let module = project.join(format!("lib{}.so", name.replace('-', "_")));
        check_and_load(&module, &project.join(format!("{name}.toml")));
    }
}

#[test]
fn nothing_is_overwritten_and_what_is_wrong_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    fs::write(directory.path().join("mine"), "precious").unwrap();
    let told = refused(&["handler", "new", "acme", "--c", "--dir", path]);
    assert!(told.ends_with("is not empty; nothing was written\n"), "{told}");
    assert_eq!(fs::read_dir(path).unwrap().count(), 1);
    let told = refused(&["handler", "new", "acme"]);
    assert!(told.contains("--sdk DIR is needed"), "{told}");
    let told = refused(&["handler", "new", "acme", "--sdk", path]);
    assert!(told.contains("has no Cargo.toml; give the directory plugin-api of dhcpmgr's sources"), "{told}");
    let told = refused(&["handler", "new", "../acme", "--c"]);
    assert!(told.contains("is no name for a handler"), "{told}");
}

#[test]
fn what_is_written_is_what_the_guide_shows() {
    let readme = fs::read_to_string(root().join("plugin-api/README.md")).unwrap();
    let template = fs::read_to_string(root().join("host/src/cli/handler/templates/lib.rs.in")).unwrap();
    assert!(readme.contains(&template.replace("{{name}}", "acme-options")));
}
