//! The linker of the release: cc, told in which order functions are wanted. What runs lies together then, and what never
//! does, half of the daemon, takes no memory.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use dhcpmgr_lab::{Error, Result};

use super::names::{Symbol, functions, lasting};

/// Set for a cargo whose linker this program is.
const LINKING: &str = "DHCPMGR_LINK_ORDERED";

/// Makes this program the linker of what a cargo builds.
pub(crate) fn linker_of(cargo: &mut Command) -> Result<String> {
    cargo.env(LINKING, "1");
    Ok(format!("linker={}", std::env::current_exe()?.display()))
}

/// Whether this program was started as a linker.
pub(crate) fn is_linker() -> bool {
    std::env::var_os(LINKING).is_some()
}

/// Links. Without a list, or when one cannot be used, as cc would.
pub(crate) fn link() -> Result {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut cc = Command::new("cc");
    cc.args(&arguments);
    match list(&arguments).map(|(list, output)| ordered(&arguments, &list, &output)) {
        None => {}
        Some(Ok(order)) => {
            let mut option = OsString::from("-Wl,--no-warn-symbol-ordering,--symbol-ordering-file=");
            option.push(order);
            cc.arg(option);
        }
        Some(Err(error)) => eprintln!("linked in no particular order: {error}"),
    }
    let status = cc.status()?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("cc: {status}"))) }
}

/// The list for what is linked, and where that goes.
fn list(arguments: &[OsString]) -> Option<(PathBuf, PathBuf)> {
    let at = arguments.iter().position(|argument| argument == "-o")?;
    let output = PathBuf::from(arguments.get(at + 1)?);
    let list = super::list_of(&crate_of(&output)?);
    list.is_file().then_some((list, output))
}

/// `dhcpmgr_udhcpc` of `…/deps/dhcpmgr_udhcpc-0123456789abcdef` and of `…/libdhcpmgr_udhcpc.so`.
fn crate_of(output: &Path) -> Option<String> {
    let stem = output.file_stem()?.to_str()?;
    let name = stem.split('-').next()?;
    Some(name.strip_prefix("lib").unwrap_or(name).to_owned())
}

/// A function of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) name: String,
    /// Bytes, when the list was written.
    pub(super) size: u64,
}

/// Writes the names that the linker knows for those of the list.
fn ordered(arguments: &[OsString], list: &Path, output: &Path) -> Result<PathBuf> {
    let objects = arguments.iter().map(Path::new).filter(|path| path.extension() == Some(OsStr::new("o")));
    let mut known = Vec::new();
    for object in objects {
        known.extend(functions(object)?);
    }
    let file = output.with_extension("order");
    std::fs::write(&file, matched(&read(list)?, known).join("\n") + "\n")?;
    Ok(file)
}

/// The functions of the list among those that are known. A function that was made for several types has several of one
/// lasting name: the one of the nearest size is meant. What is not known comes out of a library of C.
fn matched(list: &[Listed], known: Vec<Symbol>) -> Vec<String> {
    let mut by_name: HashMap<String, Vec<Symbol>> = HashMap::new();
    for symbol in known {
        by_name.entry(lasting(&symbol.name)).or_default().push(symbol);
    }
    let nearest = |Listed { name, size }: &Listed| {
        let Some(alike) = by_name.get_mut(name) else { return Some(name.clone()) };
        let (at, _) = alike.iter().enumerate().min_by_key(|(_, symbol)| symbol.size.abs_diff(*size))?;
        Some(alike.swap_remove(at).name)
    };
    list.iter().filter_map(nearest).collect()
}

fn read(list: &Path) -> Result<Vec<Listed>> {
    let text = std::fs::read_to_string(list)?;
    let line = |line: &str| {
        let (name, size) = line.split_once(' ')?;
        Some(Listed { name: name.to_owned(), size: size.parse().ok()? })
    };
    Ok(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
}

/// Writes a list: what ran again and again first.
pub(super) fn write(list: &Path, ran: &BTreeMap<Listed, usize>) -> Result {
    let mut text = String::from(
        "# Functions in the order in which they are linked, written by `cargo xtask order`: what runs with every lease,\n\
         # then what ran once. Whatever is not here comes after them.\n",
    );
    for again in [true, false] {
        for (Listed { name, size }, _) in ran.iter().filter(|(_, times)| (**times > 1) == again) {
            text += &format!("{name} {size}\n");
        }
    }
    std::fs::write(list, text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::names::Symbol;
    use super::{Listed, crate_of, matched};

    #[test]
    fn of_functions_of_one_name_those_of_the_nearest_sizes_are_taken() {
        let symbol = |hash: char, size| {
            let name = format!("_ZN4core3run17h{}E", hash.to_string().repeat(16));
            Symbol { address: 0, name, size }
        };
        let listed = |name: &str, size| Listed { name: name.to_owned(), size };
        let known = vec![symbol('a', 10), symbol('b', 500), symbol('c', 90)];
        let list = [listed("_ZN4core3run", 480), listed("_ZN4core3run", 12), listed("memcpy", 0)];
        let expected = [symbol('b', 0).name, symbol('a', 0).name, "memcpy".to_owned()];
        assert_eq!(matched(&list, known), expected);
    }

    #[test]
    fn what_is_linked_is_known_by_its_crate() {
        for (output, expected) in [
            ("/t/release/deps/dhcpmgrd-89c6b8e7f4473723", "dhcpmgrd"),
            ("/t/release/deps/libdhcpmgr_v4.so", "dhcpmgr_v4"),
            ("/t/release/deps/libdhcpmgr_v4-89c6b8e7f4473723.so", "dhcpmgr_v4"),
        ] {
            assert_eq!(crate_of(Path::new(output)).as_deref(), Some(expected));
        }
    }
}
