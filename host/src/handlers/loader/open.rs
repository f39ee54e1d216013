//! Hands a checked file to the dynamic linker and takes the function table. The only unsafe code of the loader.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use dhcpmgr_plugin_api::root_module::RootModuleRef;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::c_door::Table;
use super::{Door, LoadError};

/// The open files of all loaded modules. The linker knows a module by the name it was loaded under and answers the
/// same name with the same module: a number that named one module must never name another.
static LOADED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Runs the module's constructors, and takes its function table: in Rust when the layouts agree, in C when it is whole.
pub(super) fn functions(path: &Path, file: File, in_c: bool) -> Result<Door, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let name = {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = file.metadata().map_err(read)?;
        let same = |open: &&File| {
            open.metadata().is_ok_and(|open| (open.dev(), open.ino()) == (wanted.dev(), wanted.ino()))
        };
        match loaded.iter().find(same) {
            Some(open) => name_of(open),
            None => {
                let name = name_of(&file);
                loaded.push(file);
                name
            }
        }
    };
    let no_table = |why: String| LoadError::Table { path: path.to_owned(), why };
    let library = link(&name).map_err(|text| {
        let why = one_line(&text.replace(&name, "it"));
        LoadError::Link { path: path.to_owned(), why }
    })?;
    if in_c {
        return Table::of(library).map(Door::C).map_err(no_table);
    }
    let header = header(library).map_err(|problem| match problem {
        Problem::Table(error) => table(path, &error),
        Problem::NoTable => no_table("it exports no root module".to_owned()),
    })?;
    header.init_root_module::<RootModuleRef>().map(Door::Rust).map_err(|error| table(path, &error))
}

fn name_of(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

enum Problem {
    NoTable,
    Table(LibraryError),
}

/// The error is what the linker says.
fn link(name: &str) -> Result<&'static Library, String> {
    // All symbols now: one that is missing refuses the module here rather than ending the process in a call.
    // SAFETY: constructors of the module run. Its file belongs to root or to us, nobody else can write it, and its
    // note says that it is a handler module: it is trusted as much as our own binary.
    let library =
        unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| chain(&error))?;
    // What it exports lives as long as the library: it is never closed.
    Ok(Box::leak(Box::new(library)))
}

fn header(library: &Library) -> Result<&'static LibHeader, Problem> {
    // SAFETY: this symbol is abi_stable's name for a static of type `LibHeader`, which begins with the `AbiHeader`
    // that the reference points to.
    let header =
        unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL) }.map(|symbol| *symbol);
    header.map_err(|_| Problem::NoTable)?.upgrade().map_err(Problem::Table)
}

/// abi_stable writes pages about a layout that differs: those go to the debug log.
fn table(path: &Path, error: &LibraryError) -> LoadError {
    tracing::debug!(module = %path.display(), %error, "function table refused");
    let why = match error {
        LibraryError::AbiInstability(_) => "its layout differs from this host's".to_owned(),
        LibraryError::InvalidAbiHeader(header) => {
            format!("it is made by abi_stable {}.{}, not 0.11", header.abi_major, header.abi_minor)
        }
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => {
            format!("it has version {actual_version}, this host accepts {expected_version}")
        }
        LibraryError::InvalidCAbi { .. } => "its compiler passes arguments in another way".to_owned(),
        other => one_line(&other.to_string()),
    };
    LoadError::Table { path: path.to_owned(), why }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(400).collect()
}
