//! `dhcpmgrd`, the daemon.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use dhcpmgr::cli::DaemonArgs;
use dhcpmgr::paths::Paths;
use dhcpmgr::{daemon, handlers};

fn main() -> ExitCode {
    if handlers::worker::is_worker() {
        return handlers::worker::main();
    }
    let args = DaemonArgs::parse();
    let paths = Paths::new(args.root);
    let result = if args.check {
        daemon::check(&paths)
    } else {
        daemon::run(paths, args.ready_fd).map(|()| ExitCode::SUCCESS)
    };
    result.unwrap_or_else(|error| {
        eprintln!("dhcpmgrd: {error}");
        ExitCode::FAILURE
    })
}
