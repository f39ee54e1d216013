//! The functions of a file, and names for them that stay the same from build to build.

use std::path::Path;
use std::process::Command;

use dhcpmgr_lab::{Error, Result, program};

/// A function of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol {
    pub(super) address: u64,
    /// As the linker knows it.
    pub(super) name: String,
}

/// The functions that a file defines, by address.
pub(super) fn functions(file: &Path) -> Result<Vec<Symbol>> {
    let output = Command::new(program("nm")?).arg("--defined-only").arg(file).output()?;
    if !output.status.success() {
        return Err(Error::new(format!("nm {}: {}", file.display(), output.status)));
    }
    let mut all: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(function).collect();
    all.sort();
    Ok(all)
}

/// `0000000000012340 t NAME`
fn function(line: &str) -> Option<Symbol> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    matches!(words.next()?, "t" | "T" | "w" | "W").then_some(())?;
    Some(Symbol { address, name: words.next()?.to_owned() })
}

/// The name as a person writes it, with the types that it was made for and without what a compiler adds.
pub(super) fn lasting(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::{Symbol, function, lasting};

    #[test]
    fn what_changes_from_build_to_build_is_left_out() {
        assert_eq!(
            lasting("_RINvCs4fqI2P2rA04_1a3runNtNtCskVp9mdV3BAK_3std3ffi8OsStringEB2_"),
            "a::run::<std::ffi::OsString>"
        );
        let old = "_ZN5tokio7runtime4task3raw4poll17h0123456789abcdefE";
        assert_eq!(lasting(old), "tokio::runtime::task::raw::poll");
        assert_eq!(lasting(&format!("{old}.llvm.42")), "tokio::runtime::task::raw::poll");
        assert_eq!(lasting("__libc_start_main"), "__libc_start_main");
    }

    #[test]
    fn lines_of_nm_are_read() {
        let symbol = Symbol { address: 0x1234, name: "main".to_owned() };
        assert_eq!(function("0000000000001234 T main"), Some(symbol));
        assert_eq!(function("0000000000001234 d data"), None);
        assert_eq!(function("                 U puts"), None);
    }
}
