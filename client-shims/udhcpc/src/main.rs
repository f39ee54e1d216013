//! `dhcpmgr-udhcpc EVENT`: see the library beside for what it does and how.
#![forbid(unsafe_code)]

use std::env;
use std::os::unix::ffi::OsStringExt;

use dhcpmgr_udhcpc::{PROGRAM, environment};

fn main() {
    PROGRAM.main(|| {
        let variables = env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        Ok(environment::read(variables))
    });
}
