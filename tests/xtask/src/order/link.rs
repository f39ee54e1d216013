//! The linker of the release: cc, told in which order functions are wanted. What runs lies together then, and what never
//! does, half of the daemon, takes no memory.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use dhcpmgr_lab::{Error, Result};

use super::names::{Symbol, functions, lasting};

/// Set for a cargo whose linker this program is.
const LINKING: &str = "DHCPMGR_LINK_ORDERED";

/// Makes this program the linker of what a cargo builds: the option for rustc that says so.
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
pub(super) fn crate_of(output: &Path) -> Option<String> {
    let stem = output.file_stem()?.to_str()?.replace("dhcpmgr-", "dhcpmgr_");
    let name = stem.split('-').next()?;
    Some(name.strip_prefix("lib").unwrap_or(name).to_owned())
}

/// Writes the names that the linker knows for those of the list.
fn ordered(arguments: &[OsString], list: &Path, output: &Path) -> Result<PathBuf> {
    let objects = arguments.iter().map(Path::new).filter(|path| path.extension() == Some(OsStr::new("o")));
    let mut known = Vec::new();
    for object in objects {
        known.extend(functions(object)?);
    }
    let file = output.with_extension("order");
    std::fs::write(&file, matched(&std::fs::read_to_string(list)?, known).join("\n") + "\n")?;
    Ok(file)
}

/// What the linker calls the functions of a list. Several can have one name: implementations of a trait, or what is
/// private to several crates of one name; all are meant. What is not known comes out of a library of C, or is gone.
fn matched(list: &str, known: Vec<Symbol>) -> Vec<String> {
    let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
    for symbol in known {
        by_name.entry(lasting(&symbol.name)).or_default().push(symbol.name);
    }
    let names = list.lines().filter(|line| !line.starts_with('#'));
    names.flat_map(|name| by_name.remove(name).unwrap_or_else(|| vec![name.to_owned()])).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::names::Symbol;
    use super::{crate_of, matched};

    #[test]
    fn a_list_names_all_functions_of_a_name_in_its_own_order() {
        let symbol = |name: &str| Symbol { address: 0, name: name.to_owned() };
        let (one, two) = ("_ZN4core3run17h0123456789abcdefE", "_ZN4core3run17hfedcba9876543210E");
        let known = vec![symbol(one), symbol("_ZN4core4idle17h0123456789abcdefE"), symbol(two)];
        assert_eq!(matched("# a comment\nmemcpy\ncore::run\n", known), ["memcpy", one, two]);
    }

    #[test]
    fn what_is_linked_is_known_by_its_crate() {
        for (output, expected) in [
            ("/t/program/deps/dhcpmgrd-89c6b8e7f4473723", "dhcpmgrd"),
            ("/t/release/deps/libdhcpmgr_v4.so", "dhcpmgr_v4"),
            ("/t/release/deps/libdhcpmgr_v4-89c6b8e7f4473723.so", "dhcpmgr_v4"),
            ("/r/usr/lib/dhcpmgr/dhcpmgr-udhcpc", "dhcpmgr_udhcpc"),
        ] {
            assert_eq!(crate_of(Path::new(output)).as_deref(), Some(expected));
        }
    }
}
