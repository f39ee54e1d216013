//! `dhcpmgr`, the command line of the daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    // `handler check` starts workers, as the daemon does.
    if dhcpmgr::handlers::worker::is_worker() {
        return dhcpmgr::handlers::worker::main();
    }
    dhcpmgr::cli::main()
}
