//! The linker of the release: cc, told in which order functions are wanted. What runs lies together then, and what never
//! does, half of the daemon, takes no memory.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use dhcpmgr_lab::{Error, Result};

use super::names::{functions, lasting};

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

/// Writes the names that the linker knows for those of the list; a function that was made for several types has
/// several.
fn ordered(arguments: &[OsString], list: &Path, output: &Path) -> Result<PathBuf> {
    let mut known: HashMap<String, Vec<String>> = HashMap::new();
    let objects = arguments.iter().map(Path::new).filter(|path| path.extension() == Some(OsStr::new("o")));
    for object in objects {
        for symbol in functions(object)? {
            known.entry(lasting(&symbol.name)).or_default().push(symbol.name);
        }
    }
    let mut order = String::new();
    for wanted in read(list)? {
        // What is in no object comes out of a library of C.
        let names = known.remove(&wanted).unwrap_or_else(|| vec![wanted]);
        names.iter().for_each(|name| order.extend([name, "\n"]));
    }
    let file = output.with_extension("order");
    std::fs::write(&file, order)?;
    Ok(file)
}

fn read(list: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(list)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

/// Writes a list: what ran again and again first.
pub(super) fn write(list: &Path, ran: &BTreeMap<String, usize>) -> Result {
    let mut text = String::from(
        "# Functions in the order in which they are linked, written by `cargo xtask order`: what runs with every lease,\n\
         # then what ran once. Whatever is not here comes after them.\n",
    );
    for again in [true, false] {
        for (name, _) in ran.iter().filter(|(_, times)| (**times > 1) == again) {
            text.extend([name, "\n"]);
        }
    }
    std::fs::write(list, text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::crate_of;

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
