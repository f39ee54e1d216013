//! `dhcpmgr-dibbler ACTION`: see the library beside for what it does and how.
#![cfg_attr(target_env = "gnu", no_main)]

use std::env;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use dhcpmgr_dibbler::{PROGRAM, context, environment};
use dhcpmgr_message::context::FILE;
use dhcpmgr_shim::start::{Avoid, prepare};

dhcpmgr_shim::start!(run);

fn run() {
    // `dibbler-client start` closes its own streams and opens sockets, which then have the numbers 0, 1 and 2 and are
    // inherited by the script: a line of log would go to a DHCP server or into the kernel's netlink.
    prepare(Avoid::Sockets);
    PROGRAM.main(|door| {
        let context = context::read(Path::new(FILE))?;
        if let Some(path) = &context.socket {
            door.knock(path);
        }
        let variables = env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()));
        environment::read(context, variables)
    });
}
