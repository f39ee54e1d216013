//! `dhcpmgr-dibbler ACTION`: see the library beside for what it does and how.
#![forbid(unsafe_code)]

use std::env;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use dhcpmgr_dibbler::{PROGRAM, context, environment, streams};
use dhcpmgr_message::context::FILE;

fn main() {
    streams::leave_sockets_alone();
    PROGRAM.main(|| {
        let context = context::read(Path::new(FILE))?;
        let variables = env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        environment::read(context, variables)
    });
}
