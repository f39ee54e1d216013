//! `dhcpmgr`, the command line of the daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    dhcpmgr::cli::main()
}
