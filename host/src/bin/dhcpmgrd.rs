//! `dhcpmgrd`, the daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    if dhcpmgr::handlers::worker::is_worker() {
        return dhcpmgr::handlers::worker::main();
    }
    ExitCode::SUCCESS
}
