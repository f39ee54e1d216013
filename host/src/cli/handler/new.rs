//! `dhcpmgr handler new`: a project that builds, whose tests pass, and that a gateway would load.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::args::New;
use crate::cli::output::{Failure, put};
use crate::paths::Paths;

/// The headers of the SDK for C.
const HEADERS: [(&str, &str); 4] = [
    ("dhcpmgr_plugin.h", include_str!("../../../../plugin-api/c/dhcpmgr_plugin.h")),
    ("dhcpmgr_read.h", include_str!("../../../../plugin-api/c/dhcpmgr_read.h")),
    ("dhcpmgr_write.h", include_str!("../../../../plugin-api/c/dhcpmgr_write.h")),
    ("dhcpmgr_test.h", include_str!("../../../../plugin-api/c/dhcpmgr_test.h")),
];

/// Longest name of a module.
const MAX_NAME: usize = 64;

/// A project in memory: paths below its directory, and texts.
type Files = Vec<(String, String)>;

pub(super) fn new(paths: &Paths, arguments: &New) -> Result<(), Failure> {
    let name = &arguments.name;
    check_name(name).map_err(|why| Failure::Failed(format!("\"{}\" {why}", name.escape_default())))?;
    let installed = paths.headers();
    let sdk = match &arguments.sdk {
        Some(sdk) => Some(find_sdk(sdk, arguments.c)?),
        // What is not whole, or has an odd path, is not used: the project gets headers of its own then.
        None if arguments.c => find_sdk(&installed, true).ok(),
        None => None,
    };
    let files = if arguments.c { in_c(name, sdk.as_deref()) } else { in_rust(name, sdk.as_deref())? };
    let directory = arguments.dir.clone().unwrap_or_else(|| name.into());
    write(&directory, &files)?;
    let steps = if arguments.c { "make test && make" } else { "cargo test && cargo build --release" };
    put(&format!("{} is written; next:\n  cd {} && {steps}\n", name, directory.display()))
}

/// The name is one of a module, of a crate and of files.
fn check_name(name: &str) -> Result<(), &'static str> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > MAX_NAME || !name.bytes().all(good)
    {
        return Err("is no name for a handler; accepted: up to 64 of a-z 0-9 -, the first a letter");
    }
    Ok(())
}

/// The directory to build against, made absolute, when it is one.
fn find_sdk(given: &Path, c: bool) -> Result<String, Failure> {
    let headers = HEADERS.map(|(header, _)| header);
    let marks: &[&str] = if c { &headers } else { &["Cargo.toml", "src/export.rs"] };
    let fail = |why: String| Failure::Failed(format!("--sdk {}: {why}", given.display()));
    let path = given.canonicalize().map_err(|e| fail(e.to_string()))?;
    if let Some(missing) = marks.iter().find(|mark| !path.join(mark).is_file()) {
        let what = if c { "plugin-api/c" } else { "plugin-api" };
        return Err(fail(format!("has no {missing}; give the directory {what} of dhcpmgr's sources")));
    }
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '$', '#', ' ', '\n']));
    let odd = "has a character in its path that Cargo.toml or a Makefile would not take";
    text.map(str::to_owned).ok_or_else(|| fail(odd.to_owned()))
}

fn in_rust(name: &str, sdk: Option<&str>) -> Result<Files, Failure> {
    let why = "--sdk DIR is needed: the directory plugin-api of dhcpmgr's sources, which is in no registry";
    let sdk = sdk.ok_or_else(|| Failure::Failed(why.to_owned()))?;
    let filled = |template: &str| {
        common(template, name)
            .replace("{{sdk}}", sdk)
            .replace("{{test}}", "cargo test")
            .replace("{{build}}", "cargo build --release")
            .replace("{{module}}", &format!("target/release/lib{}.so", file(name)))
            .replace("{{guide}}", &format!("{sdk}/README.md"))
    };
    Ok(vec![
        ("Cargo.toml".to_owned(), filled(include_str!("templates/Cargo.toml.in"))),
        ("src/lib.rs".to_owned(), filled(include_str!("templates/lib.rs.in"))),
        (format!("{name}.toml"), filled(include_str!("templates/configuration.toml.in"))),
        ("README.md".to_owned(), filled(include_str!("templates/README.md.in"))),
        (".gitignore".to_owned(), "/target\n".to_owned()),
    ])
}

/// The example of the SDK under another name. Without a directory to build against, the headers are part of the project.
fn in_c(name: &str, sdk: Option<&str>) -> Files {
    let file = file(name);
    let example = |text: &str| {
        text.replace("acme-options", name)
            .replace("libacme_options", &format!("lib{file}"))
            .replace("acme_test", &format!("{file}_test"))
            .replace("acme.c", &format!("{file}.c"))
            .replace("acme:", &format!("{name}:"))
            .replace("SDK ?= ..", &format!("SDK ?= {}", sdk.unwrap_or("sdk")))
    };
    let filled = |template: &str| {
        common(template, name)
            .replace("{{test}}", "make test")
            .replace("{{build}}", "make")
            .replace("{{module}}", &format!("./lib{file}.so"))
            .replace("{{guide}}", &format!("{}/dhcpmgr_plugin.h", sdk.unwrap_or("sdk")))
    };
    let mut files = vec![
        (format!("{file}.c"), example(include_str!("../../../../plugin-api/c/example/acme.c"))),
        (format!("{file}_test.c"), example(include_str!("../../../../plugin-api/c/example/acme_test.c"))),
        ("Makefile".to_owned(), example(include_str!("../../../../plugin-api/c/example/Makefile"))),
        (format!("{name}.toml"), filled(include_str!("templates/configuration.toml.in"))),
        ("README.md".to_owned(), filled(include_str!("templates/README.md.in"))),
        (".gitignore".to_owned(), format!("/lib{file}.so\n/{file}_test\n")),
    ];
    if sdk.is_none() {
        files.extend(HEADERS.map(|(header, text)| (format!("sdk/{header}"), text.to_owned())));
    }
    files
}

fn common(template: &str, name: &str) -> String {
    template.replace("{{name}}", name).replace("{{file}}", &file(name))
}

/// The name as a library and a C file have it.
fn file(name: &str) -> String {
    name.replace('-', "_")
}

/// Writes the project into a directory that is not there yet, or is empty. Nothing is ever overwritten.
fn write(directory: &Path, files: &Files) -> Result<(), Failure> {
    let fail = |path: &Path, error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    match fs::read_dir(directory) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let text = format!("{} is not empty; nothing was written", directory.display());
                return Err(Failure::Failed(text));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(directory, error)),
    }
    for (name, text) in files {
        let path: PathBuf = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| fail(parent, e))?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| fail(&path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_neither_a_host_nor_cargo_takes_are_refused() {
        for good in ["acme", "a", "acme-options-2"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "2acme", "-acme", "Acme", "../x", "a b", "a_b", "a\n", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nothing_of_the_templates_is_left_in_a_project() {
        let rust = in_rust("other-name", Some("/sdk")).unwrap_or_default();
        let projects = [rust, in_c("other-name", None), in_c("other-name", Some("/sdk"))];
        for (name, text) in projects.iter().flatten().filter(|(name, _)| !name.starts_with("sdk/")) {
            assert!(!text.contains("{{") && !text.contains("acme"), "{name}:\n{text}");
            assert!(name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.'), "{name}");
        }
        assert_eq!(projects.each_ref().map(Vec::len), [5, 10, 6]);
    }
}
