//! Random bytes from the kernel.

use std::fs::File;
use std::io::{self, Read as _};

/// Random bytes; an error where `/dev/urandom` cannot be read.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A number that spreads waits; any will do when there is no better one.
#[must_use]
pub fn jitter() -> u8 {
    bytes::<1>().map_or(127, |[byte]| byte)
}
