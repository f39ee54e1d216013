//! Environments as clients were seen to give them to their scripts. Included by the tests of shims with `#[path]`.
#![allow(unreachable_pub, reason = "a part of each test that includes it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// The variables in a file, separated by NUL, in their order.
pub fn variables(file: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let bytes = fs::read(file).unwrap();
    bytes
        .split(|b| *b == 0)
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let equals = entry.iter().position(|b| *b == b'=').unwrap();
            (entry[..equals].to_vec(), entry[equals + 1..].to_vec())
        })
        .collect()
}
