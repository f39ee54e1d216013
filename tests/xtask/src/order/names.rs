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
    // Not nm, whose plugins take an object with LLVM's code beside the machine's for the former.
    let output = Command::new(program("readelf")?).args(["--syms", "--wide"]).arg(file).output()?;
    if !output.status.success() {
        return Err(Error::new(format!("readelf {}: {}", file.display(), output.status)));
    }
    let mut all: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(function).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// `   7: 0000000000012340    16 FUNC    LOCAL  DEFAULT   15 NAME`
fn function(line: &str) -> Option<Symbol> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.nth(1)?, 16).ok()?;
    (words.nth(1)? == "FUNC" && words.nth(2)? != "UND").then_some(())?;
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
    fn lines_of_readelf_are_read() {
        let symbol = Symbol { address: 0x1234, name: "main".to_owned() };
        assert_eq!(function("    30: 0000000000001234    45 FUNC    GLOBAL DEFAULT   16 main"), Some(symbol));
        assert_eq!(function("    31: 0000000000001234     8 OBJECT  LOCAL  DEFAULT   26 data"), None);
        assert_eq!(
            function("     2: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND puts@GLIBC_2.2.5 (2)"),
            None
        );
        assert_eq!(function("   Num:    Value          Size Type    Bind   Vis      Ndx Name"), None);
    }
}
