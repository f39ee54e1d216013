//! The command line `dhcpmgr`: asks the daemon over its control socket and shows the answer to a person or, with
//! `--json`, to a program. It needs no runtime, no configuration and no privilege of its own.

mod args;
mod daemon_args;
mod handler;
mod import;
mod link;
mod map;
mod model;
mod output;
pub mod render;
mod run;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use args::{Action, Arguments, ConfigAction, Import};
pub use daemon_args::DaemonArgs;
pub use handler::{Check, HandlerAction, New, OneHandler};
pub use map::{Code, Explain, Lookup, MapAction};
pub use model::ModelAction;

/// Runs `dhcpmgr` with the arguments of this process. A usage error ends the process with status 2.
#[must_use]
pub fn main() -> ExitCode {
    run::run(&Arguments::parse())
}

/// The commands of `dhcpmgr`, for manual pages and shell completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// The arguments of `dhcpmgrd`, for manual pages and shell completions.
#[must_use]
pub fn daemon_command() -> clap::Command {
    DaemonArgs::command()
}
