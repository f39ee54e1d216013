//! `dhcpmgr-udhcpc EVENT`: see the library beside for what it does and how.
#![cfg_attr(target_env = "gnu", no_main)]

use std::env;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dhcpmgr_message::context;
use dhcpmgr_shim::start::{Avoid, prepare};
use dhcpmgr_udhcpc::{PROGRAM, environment};

dhcpmgr_shim::start!(run);

fn run() {
    prepare(Avoid::Nothing);
    PROGRAM.main(|door| {
        if let Some(path) = env::var_os(context::SOCKET) {
            door.knock(path.as_bytes());
        }
        let variables = env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        Ok(environment::read(variables))
    });
}
