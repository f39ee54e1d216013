//! `dhcpmgr handler check` finds what is wrong with a module, each thing by its name, and nothing in a good one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::c::{acme, hostile};
use support::{compile_c, module, modules, root};

fn dhcpmgr(module: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"));
    command.args(["handler", "check", "--seed", "7", "--json"]).args(arguments).arg(module);
    command
}

/// The report, which is also the exit status. A busy machine may make one call late, never the same one twice.
fn report(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.code(), Some(if report["ok"] == true { 0 } else { 1 }), "{report}");
    report
}

fn check(module: &Path, arguments: &[&str]) -> Value {
    report(&dhcpmgr(module, arguments).output().unwrap())
}

/// The kinds of what fails a check, without doubles.
fn kinds(report: &Value) -> Vec<&str> {
    let mut kinds: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["fails"] == true)
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The misbehaving module with these settings.
fn misbehaving(settings: &str, arguments: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, settings).unwrap();
    let arguments = [&["--settings", file.path().to_str().unwrap()], arguments].concat();
    check(&module("misbehaving"), &arguments)
}

/// What is wrong in this mode.
fn found(mode: &str, arguments: &[&str]) -> Value {
    misbehaving(&format!("mode = \"{mode}\"\n"), arguments)
}

const SHORT: [&str; 4] = ["--seconds", "1", "--deadline", "2000"];

#[test]
fn a_good_module_passes() {
    let report = check(&acme(), &SHORT);
    assert_eq!(kinds(&report), [""; 0], "{report}");
    let said = &report["module"];
    assert_eq!((said["name"].as_str(), said["language"].as_str()), (Some("acme-options"), Some("c")));
    assert!(report["calls"].as_u64().unwrap() > 600 && report["refusals"].as_u64().unwrap() > 0);
    assert!(
        report["time_us"]["p99"].as_u64().unwrap() > 0 && report["memory"]["at_last"].as_u64().unwrap() > 0
    );
    assert!(report["sandbox"].as_array().unwrap().contains(&"no_new_privs".into()));
}

#[test]
fn a_good_module_in_rust_passes_with_its_grants_and_what_is_remarkable_fails_nothing() {
    let report = check(&module("good"), &[&SHORT[..], &["--grant", "dns"]].concat());
    assert_eq!(kinds(&report), [""; 0], "{report}");
    // It publishes a counter.
    assert_eq!(report["findings"][0]["kind"], "restless");
    let stock = check(
        &module("v4"),
        &[
            &SHORT[..],
            &["addresses", "routes", "mtu", "dns", "ntp", "refuse"].map(|g| ["--grant", g]).concat(),
        ]
        .concat(),
    );
    assert_eq!(kinds(&stock), [""; 0], "{stock}");
}

#[test]
fn a_panic_is_found_and_the_lease_that_did_it_is_told() {
    let report = misbehaving("mode = \"panic\"\nafter = 5\n", &SHORT);
    assert_eq!(kinds(&report), ["panic"], "{report}");
    let finding = &report["findings"].as_array().unwrap().iter().find(|f| f["kind"] == "panic").unwrap();
    assert_eq!(finding["what"], "panicked: I was told to panic");
    assert_eq!(finding["input"]["client"], "wan4");
    assert!(
        finding["input"]["v4"]["options"]["1"] == "ffffff00" || finding["told"] != "a v4 lease, hook lease"
    );
}

#[test]
fn a_hang_is_found_and_costs_a_few_deadlines() {
    let report = found("hang", &["--seconds", "60", "--deadline", "300"]);
    assert_eq!(kinds(&report), ["hang"], "{report}");
    assert!(report["calls"].as_u64().unwrap() < 10, "{report}");
}

#[test]
fn what_is_late_once_is_no_hang() {
    let report = misbehaving("mode = \"slow\"\namount = 100\nonly = [\"nobody\"]\n", &SHORT);
    assert_eq!(kinds(&report), [""; 0], "{report}");
}

#[test]
fn leaks_are_found_small_and_large() {
    let small = check(&hostile(&["WRONG_SMALL_LEAK"]), &["--seconds", "5", "--deadline", "2000"]);
    assert_eq!(kinds(&small), ["leak"], "{small}");
    // So much that workers die of it too.
    for amount in [1, 50] {
        let large = misbehaving(&format!("mode = \"leak\"\namount = {amount}\n"), &SHORT);
        assert_eq!(kinds(&large), ["crash", "leak"], "{large}");
    }
}

#[test]
fn answers_that_depend_on_the_clock_are_found() {
    let report = check(&hostile(&["WRONG_CLOCK"]), &SHORT);
    assert_eq!(kinds(&report), ["non-determinism"], "{report}");
}

#[test]
fn what_is_known_of_one_client_in_an_answer_for_another_is_found() {
    let report = check(&hostile(&["WRONG_STATIC"]), &SHORT);
    assert_eq!(kinds(&report), ["mixed-clients"], "{report}");
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["kind"] == "mixed-clients").unwrap();
    assert_eq!(finding["input"]["client"], "wan4", "the client that was asked about");
    assert!(finding["told"].as_str().unwrap().ends_with(", after a lease of another client"), "{finding}");
    // One that counts its calls, each client's for itself, is fine.
    assert_eq!(kinds(&found("none", &SHORT)), [""; 0]);
}

#[test]
fn contributions_without_a_grant_are_found_each_with_its_name() {
    let report = found("ungranted", &SHORT);
    assert_eq!(kinds(&report), ["ungranted"], "{report}");
    let text = report["findings"].to_string();
    for grant in ["addresses", "routes", "mtu", "dns", "refuse"] {
        assert!(text.contains(&format!("--grant {grant} ")), "{grant}: {text}");
    }
}

#[test]
fn plans_that_cannot_be_right_are_found() {
    for (mode, grant) in
        [("many-routes", "routes"), ("control-characters", "ntp"), ("huge", "dns"), ("lies", "events")]
    {
        let report = found(mode, &[&SHORT[..], &["--grant", grant]].concat());
        assert_eq!(kinds(&report), ["invalid-plan"], "{mode}: {report}");
    }
}

#[test]
fn whatever_ends_the_process_is_found() {
    for mode in ["segfault", "exit", "abort", "stack-overflow"] {
        assert_eq!(kinds(&found(mode, &SHORT)), ["crash"], "{mode}");
    }
    let overrun = check(&hostile(&["WRONG_OVERRUN"]), &SHORT);
    assert_eq!(kinds(&overrun), ["crash"], "{overrun}");
}

#[test]
fn a_handler_that_cannot_be_made_is_refused_with_its_own_words() {
    for (mode, told) in [
        ("create-fail", "no such server: set settings.server"),
        ("create-panic", "I was told to panic"),
        ("nonsense", "unknown variant `nonsense`"),
    ] {
        let report = found(mode, &SHORT);
        assert_eq!(kinds(&report), ["refused"], "{mode}: {report}");
        assert!(report["findings"][0]["what"].as_str().unwrap().contains(told), "{report}");
        assert_eq!(report["module"], Value::Null);
    }
    assert_eq!(kinds(&found("create-hang", &SHORT)), ["hang"]);
}

#[test]
fn a_file_that_is_no_module_is_refused_before_its_code_runs() {
    let proof = modules().join("check-ran-a-constructor");
    let _ = fs::remove_file(&proof);
    let source = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void run(void) {{ fclose(fopen(\"{}\", \"w\")); }}\n",
        proof.display()
    );
    let report = check(&compile_c("check-no-module", &source), &SHORT);
    assert_eq!((kinds(&report), report["calls"].as_u64()), (vec!["refused"], Some(0)));
    assert!(!proof.exists());
    assert_eq!(kinds(&check(Path::new("/nonexistent.so"), &[])), ["refused"]);
}

#[test]
fn neither_root_nor_a_safe_place_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let everybody = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let (program, file) = (directory.path().join("dhcpmgr"), directory.path().join("libacme.so"));
    fs::copy(env!("CARGO_BIN_EXE_dhcpmgr"), &program).unwrap();
    fs::copy(acme(), &file).unwrap();
    everybody(directory.path(), 0o777);
    everybody(&file, 0o666);
    everybody(&program, 0o755);
    let mut command = Command::new(&program);
    command.args(["handler", "check", "--seconds", "1", "--deadline", "2000", "--json"]).arg(&file);
    if nix::unistd::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let report = report(&command.output().unwrap());
    assert_eq!(kinds(&report), [""; 0], "{report}");
    let access = &report["findings"][0];
    assert_eq!((access["kind"].as_str(), access["fails"].as_bool()), (Some("access"), Some(false)));
    assert!(access["what"].as_str().unwrap().contains("run chmod go-w on it"), "{access}");
    let left: Vec<_> = fs::read_dir(std::env::temp_dir())
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("dhcpmgr-check-"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_signature_is_asked_for_with_a_key() {
    if cfg!(not(all(target_env = "gnu", target_arch = "x86_64"))) {
        return eprintln!("SKIPPED: the signed module is for x86_64 with glibc");
    }
    let (released, directory) = (root().join("tests/released"), tempfile::tempdir().unwrap());
    let file = directory.path().join("libacme.so");
    fs::copy(released.join("x86_64/rust-1.0.so"), &file).unwrap();
    let key = |name: &str| {
        let text = fs::read_to_string(released.join(format!("signatures/{name}.pub"))).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    };
    let signed_with = |name: &str| {
        check(&file, &["--public-key", &key(name), "--seconds", "0", "--deadline", "2000", "--grant", "dns"])
    };
    let missing = signed_with("vendor");
    assert_eq!(kinds(&missing), ["refused"], "{missing}");
    assert!(missing["findings"][0]["what"].as_str().unwrap().contains("libacme.so.minisig"), "{missing}");
    fs::copy(released.join("signatures/rust-1.0.so.minisig"), directory.path().join("libacme.so.minisig"))
        .unwrap();
    // Where others could write the file, a copy is checked, with its signature.
    for mode in [0o755, 0o777] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let report = signed_with("vendor");
        assert_eq!(kinds(&report), [""; 0], "{report}");
        assert_eq!(report["signed_by"], "E0D675FF5D08431E");
        let other = signed_with("next");
        assert_eq!(kinds(&other), ["refused"], "{other}");
        assert!(
            other["findings"]
                .to_string()
                .contains("/libacme.so.minisig is by key E0D675FF5D08431E, accepted is 60DD")
        );
    }
    let refused = dhcpmgr(&file, &["--public-key", "minisign.pub"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is no public key of minisign; accepted: "), "{said}");
}

#[test]
fn people_are_told_in_sentences() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"));
    let output = command
        .args(["handler", "check", "--seconds", "1", "--seed", "7"])
        .arg(module("good"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("good 1.2.3: v4, hooks: lease; handler API "), "{text}");
    assert!(
        text.contains("\nungranted: it contributes what needs the grant \"dns\", which it is not given"),
        "{text}"
    );
    assert_eq!(lines.last(), Some(&"failed: 1 mistake"), "{text}");
    let wrong = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"))
        .args(["handler", "check", "--grant", "everything", "x.so"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
