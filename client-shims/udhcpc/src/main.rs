//! `dhcpmgr-udhcpc EVENT`: see the library beside for what it does and how.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;

use dhcpmgr_udhcpc::command_line::{self, Call, HELP};
use dhcpmgr_udhcpc::{log, run};

/// Always ends with status 0: udhcpc ignores it, and nobody else should be startled.
fn main() {
    log::catch_panics();
    match command_line::parse(std::env::args_os().skip(1).map(OsStringExt::into_vec)) {
        Call::Event(event) => run::event(event),
        // udhcpc never asks for it, so stdout is free.
        Call::Version => {
            let _closed = writeln!(io::stdout(), "dhcpmgr-udhcpc {}", env!("CARGO_PKG_VERSION"));
        }
        Call::Help => explain(""),
        Call::Unknown => explain("dhcpmgr-udhcpc: this is not an event of udhcpc; nothing is reported\n\n"),
    }
}

fn explain(why: &str) {
    let _closed = write!(io::stderr(), "{why}{HELP}");
}
