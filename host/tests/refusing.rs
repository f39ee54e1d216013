//! Modules that are not right are refused, before any of their code runs where that is possible, each with one
//! line that says what was found, what is accepted and what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dhcpmgr::handlers::loader::{LoadError, Module};
use dhcpmgr_plugin_api::note::SdkVersion;
use dhcpmgr_plugin_api::{API_MAJOR, API_MINOR, ApiVersion};
use support::{compile_c, install, module, modules, patched};

const SDK: SdkVersion = SdkVersion::CURRENT;

/// The one line of the refusal.
fn refusal(path: &Path) -> String {
    line(path, Module::load(path).unwrap_err())
}

fn line(path: &Path, error: LoadError) -> String {
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "more than one line: {line:?}");
    assert!(line.len() < 500, "long: {line}");
    let (start, rest) = line.split_at(format!("module {} ", path.display()).len());
    assert_eq!(start, format!("module {} ", path.display()));
    rest.to_owned()
}

/// The note in a file of this SDK: owner and the first numbers of the descriptor.
fn note(major: u16, minor: u16) -> Vec<u8> {
    [&b"dhcpmgr\0"[..], &major.to_ne_bytes(), &minor.to_ne_bytes()].concat()
}

#[test]
fn a_newer_minor_is_refused() {
    let ours = note(API_MAJOR, API_MINOR);
    let path = patched(&module("good"), "newer-minor.so", &ours, &note(API_MAJOR, API_MINOR + 1));
    assert_eq!(
        refusal(&path),
        format!(
            "needs handler API {API_MAJOR}.{} (SDK {SDK}), this host accepts {API_MAJOR}.0 to {}; update the host, or \
             rebuild the module with min_minor = {API_MINOR} or less",
            API_MINOR + 1,
            ApiVersion::CURRENT
        )
    );
    // The same file in the host that it was made for.
    Module::load_for(&path, ApiVersion { major: API_MAJOR, minor: API_MINOR + 1 }).unwrap();
}

#[test]
fn a_wrong_major_is_refused_in_both_directions() {
    for major in [API_MAJOR - 1, API_MAJOR + 1] {
        let path = patched(&module("good"), "wrong-major.so", &note(API_MAJOR, API_MINOR), &note(major, 0));
        let expected = format!(
            "needs handler API {major}.0 (SDK {SDK}), this host accepts {API_MAJOR}.0 to {}; rebuild the module with \
             dhcpmgr-plugin-api {API_MAJOR}.x",
            ApiVersion::CURRENT
        );
        assert_eq!(refusal(&path), expected);
    }
}

#[test]
fn a_module_built_with_panic_abort_is_refused() {
    assert_eq!(
        refusal(&module("aborting")),
        "is built with panic = \"abort\", so that a panic in it would end the host; build it with panic = \"unwind\""
    );
}

#[test]
fn a_library_that_is_no_module_is_refused_and_its_code_does_not_run() {
    let proof = modules().join("constructor-ran");
    let _ = fs::remove_file(&proof);
    let source = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void run(void) {{ fclose(fopen(\"{}\", \"w\")); }}\n",
        proof.display()
    );
    let path = compile_c("not-a-module", &source);
    let line = refusal(&path);
    assert_eq!(
        line,
        "is no handler module: it lacks the note of export_handler! (DHCPMGR_EXPORT in C); is it the right file?"
    );
    assert!(!proof.exists(), "the constructor ran");
}

/// A C library with the note of a module.
fn with_note(code: &str) -> String {
    format!(
        "struct note {{ unsigned a, b, c; char owner[8]; unsigned short d[6]; }};\n\
         __attribute__((section(\".note.dhcpmgr\"), used, aligned(4)))\n\
         static const struct note note = {{ 8, 12, 1, \"dhcpmgr\", {{ {API_MAJOR}, 0, 1, 1, 0, 0 }} }};\n{code}\n"
    )
}

#[test]
fn a_note_without_a_function_table_is_refused() {
    let path = compile_c("no-table", &with_note(""));
    assert_eq!(
        refusal(&path),
        format!(
            "has no usable function table: it exports no root module; rebuild it with dhcpmgr-plugin-api {}",
            ApiVersion::CURRENT
        )
    );
}

#[test]
fn a_function_table_of_another_abi_stable_is_refused() {
    let symbol =
        "const char _1as_0lib_1header_0root_bmodule_bloader[4096] = \"abi stable library for Rust\";";
    let line = refusal(&compile_c("other-table", &with_note(symbol)));
    assert!(
        line.starts_with("has no usable function table: it is made by abi_stable 0.0, not 0.11;"),
        "{line}"
    );
}

#[test]
fn a_function_table_with_another_layout_is_refused() {
    // One field has another name: so it is another function.
    let path = patched(&module("first-sdk"), "other-layout.so", b"describe", b"prescibe");
    let line = refusal(&path);
    assert!(line.starts_with("has no usable function table: its layout differs from this host's;"), "{line}");
}

#[test]
fn a_module_that_lacks_a_library_function_is_refused_and_not_later() {
    let path = compile_c(
        "unlinked",
        &with_note("int surely_nowhere(void);\nint f(void) { return surely_nowhere(); }"),
    );
    let line = refusal(&path);
    assert!(line.starts_with("cannot be linked: "), "{line}");
    assert!(line.contains("undefined symbol: surely_nowhere"), "{line}");
}

#[test]
fn garbage_in_the_manifest_is_refused() {
    let name = b"\xa9first-sdk";
    for (file, patch, expected) in [
        ("manifest-name.so", b"\xa9First/../", "manifest: name \"First/../\" must have 1 to 64 of a-z 0-9 -"),
        (
            "manifest-escape.so",
            b"\xa9\x1b[31mred\n",
            "manifest: name \"\\u{1b}[31mred\\n\" must have 1 to 64",
        ),
        ("manifest-type.so", b"\xc3\xc3\xc3\xc3\xc3\xc3\xc3\xc3\xc3\xc3", "message is refused at byte "),
        ("manifest-cut.so", b"\xdd\xff\xff\xff\xff\xff\xff\xff\xff\xff", "message "),
        ("manifest-utf8.so", b"\xa9\xff\xff\xff\xff\xff\xff\xff\xff\xff", "message "),
    ] {
        let line = refusal(&patched(&module("first-sdk"), file, name, patch));
        assert!(line.starts_with(&format!("describes itself wrongly: {expected}")), "{file}: {line}");
        assert!(line.ends_with("; its author must correct its manifest"), "{line}");
    }
    let empty =
        patched(&module("first-sdk"), "manifest-empty.so", b"protocols\x91\xa2v4", b"protocolz\x91\xa2v4");
    assert!(refusal(&empty).contains("protocols is empty, at least one of v4 and v6 is needed"));
}

#[test]
fn a_file_that_was_cut_is_refused() {
    let whole = fs::read(module("good")).unwrap();
    for len in [64, 200, 4096, 100_000, 1_000_000] {
        let path = modules().join("cut.so");
        let _ = fs::remove_file(&path);
        fs::write(&path, &whole[..len]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let line = refusal(&path);
        assert!(
            line.starts_with("is damaged: it has ") && line.ends_with("; copy it again"),
            "{len}: {line}"
        );
    }
}

#[test]
fn what_is_no_shared_object_is_refused() {
    for (name, content) in
        [("text.so", &b"#!/bin/sh\nexit 0\n"[..]), ("empty.so", b""), ("short.so", b"\x7fEL")]
    {
        let path = modules().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(refusal(&path), "is not a shared object; give the .so file that cargo built");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let hint = "check `module` in the configuration";
    let missing = directory.path().join("missing.so");
    assert_eq!(refusal(&missing), format!("cannot be read: No such file or directory (os error 2); {hint}"));
    assert_eq!(refusal(directory.path()), format!("is a directory, not a file; {hint}"));
    let fifo = directory.path().join("fifo.so");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(refusal(&fifo), format!("is a FIFO, not a file; {hint}"));
    assert_eq!(refusal(Path::new("/dev/null")), format!("is a device, not a file; {hint}"));
}

#[test]
fn a_module_that_others_can_write_is_refused() {
    for mode in [0o666, 0o757, 0o775] {
        let path = install(&module("good"), "writable.so");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let expected = format!(
            "is not trusted: {} is writable by others (mode 0{mode:o}); run chmod go-w on it",
            path.display()
        );
        assert_eq!(refusal(&path), expected);
    }
}

#[test]
fn a_module_in_a_directory_that_others_can_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("good.so");
    fs::copy(module("good"), &path).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let real = directory.path().canonicalize().unwrap();
    let expected =
        format!("is not trusted: {} is writable by others (mode 0777); run chmod go-w on it", real.display());
    assert_eq!(refusal(&path), expected);
    // A link from a good directory changes nothing.
    let link = modules().join("link-to-writable.so");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(refusal(&link), expected);
    // With the sticky bit, as in /tmp, others cannot replace the file.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    Module::load(&path).unwrap();
}

#[test]
fn a_module_of_another_user_is_refused() {
    let path = install(&module("good"), "foreign.so");
    // Only root can give a file away, and in a user namespace only to somebody whom it knows.
    if let Err(error) = std::os::unix::fs::chown(&path, Some(65534), None) {
        eprintln!("SKIPPED a_module_of_another_user_is_refused: no other user here: {error}");
        return;
    }
    let expected = format!(
        "is not trusted: {} belongs to uid 65534, must belong to root; run chown root on it",
        path.display()
    );
    assert_eq!(refusal(&path), expected);
}
