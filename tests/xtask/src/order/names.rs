//! Names of functions that stay the same from build to build: the linker's, without the parts that are made of what
//! was built and with what.

use std::path::Path;
use std::process::Command;

use dhcpmgr_lab::{Error, Result, program};

/// A function of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol {
    pub(super) address: u64,
    pub(super) name: String,
    /// Bytes: what functions that were made of one for several types differ in.
    pub(super) size: u64,
}

/// The functions that a file defines, by address.
pub(super) fn functions(file: &Path) -> Result<Vec<Symbol>> {
    let output = Command::new(program("nm")?).args(["--defined-only", "--print-size"]).arg(file).output()?;
    if !output.status.success() {
        return Err(Error::new(format!("nm {}: {}", file.display(), output.status)));
    }
    let mut all: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(function).collect();
    all.sort();
    Ok(all)
}

/// `0000000000012340 0000000000000042 t NAME`, where nobody knows its size without it.
fn function(line: &str) -> Option<Symbol> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (address, size, kind, name) = match words[..] {
        [address, size, kind, name] => (address, size, kind, name),
        [address, kind, name] => (address, "0", kind, name),
        _ => return None,
    };
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let code = matches!(kind, "t" | "T" | "w" | "W");
    let (address, size) = (number(address)?, number(size)?);
    code.then(|| Symbol { address, name: name.to_owned(), size })
}

/// The name without hashes: those of the older way to mangle (`17h`, 16 digits, `E`) and the disambiguators of crates
/// of the newer one (`Cs`, digits of base 62, `_`).
pub(super) fn lasting(name: &str) -> String {
    if name.starts_with("_ZN") {
        let hash = name.rfind("17h").filter(|at| name.get(at + 19..at + 20) == Some("E"));
        return hash.map_or(name, |at| &name[..at]).to_owned();
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut lasting = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("Cs") {
        let (before, from) = rest.split_at(at + 1);
        lasting.push_str(before);
        let digits = from.bytes().skip(1).take_while(u8::is_ascii_alphanumeric).count();
        rest = if from[1 + digits..].starts_with('_') { &from[2 + digits..] } else { from };
    }
    lasting + rest
}

#[cfg(test)]
mod tests {
    use super::{Symbol, function, lasting};

    #[test]
    fn what_changes_from_build_to_build_is_left_out() {
        let old = "_ZN5tokio7runtime4task3raw4poll17h0123456789abcdefE";
        assert_eq!(lasting(old), "_ZN5tokio7runtime4task3raw4poll");
        assert_eq!(lasting(&format!("{old}.llvm.42")), "_ZN5tokio7runtime4task3raw4poll");
        let new = "_RNvNtCsjrHSEGnQ3l9_3std3sysCs1a_4core";
        assert_eq!(lasting(new), "_RNvNtC3std3sysC4core");
        assert_eq!(lasting("__libc_start_main"), "__libc_start_main");
    }

    #[test]
    fn lines_of_nm_are_read() {
        let symbol = Symbol { address: 0x1234, name: "main".to_owned(), size: 0x42 };
        assert_eq!(function("0000000000001234 0000000000000042 T main"), Some(symbol.clone()));
        assert_eq!(function("0000000000001234 T main"), Some(Symbol { size: 0, ..symbol }));
        assert_eq!(function("0000000000001234 d data"), None);
        assert_eq!(function("                 U puts"), None);
    }
}
