//! The DHCP clients: how each program is started, what its signals do, and what its words mean.
//!
//! A client program is one file here; nothing outside this folder knows its flags.

mod census;
mod command_line;
mod output;
mod privileges;
mod process;
mod procfs;
mod programs;
mod record;
mod udhcpc;
mod udhcpc_ending;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use dhcpmgr_message::{Bytes, Lifetime, Token};
use nix::sys::signal::Signal;

pub use census::{Adopted, Census, Foreign, Inherited, fifo};
pub use command_line::CommandLine;
pub use output::Output;
pub(crate) use privileges::cut_bounding;
pub use process::{ExitReason, PATIENCE, Process, SpawnError, check_kernel};
pub use record::{GivingBack, ProcessRecord, RunRecord, forget};

use crate::config::{Client, Program};
use crate::handlers::Wants;
use crate::paths::Paths;
use crate::recovery::{Argument, Fault};

/// One start of a client: everything a process needs, decided before there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The executable.
    pub program: PathBuf,
    /// Arguments, without the program's name.
    pub args: Vec<OsString>,
    /// The whole environment; nothing else is inherited.
    pub env: Vec<(OsString, OsString)>,
}

impl Launch {
    /// The command line as a person would type it; without the environment, which holds the token.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let program = self.program.as_os_str().to_owned();
        std::iter::once(&program).chain(&self.args).map(|arg| arg.to_string_lossy().into_owned()).collect()
    }
}

/// What goes into a [`Launch`] besides the client's configuration.
#[derive(Debug, Clone)]
pub struct LaunchContext<'a> {
    /// Where the shims, the socket and the spool are.
    pub paths: &'a Paths,
    /// What the handlers want.
    pub wants: &'a Wants,
    /// The secret of this start.
    pub token: &'a Token,
    /// The address to ask for again.
    pub last_address: Option<Ipv4Addr>,
    /// What the program refused before.
    pub left_out: &'a [Argument],
    /// The client-id to send; the program makes its own when there is none.
    pub client_id: Option<&'a Bytes>,
}

/// What the words of a client program tell of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It looks for a server.
    Selecting,
    /// It chose a server.
    Requesting,
    /// It asks its server for more time.
    Renewing,
    /// It asks any server for more time.
    Rebinding,
}

impl LaunchError {
    /// What that is for recovery.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Missing(self.to_string())
    }
}

/// Why a client cannot be started, before any process exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The client program is not on this machine.
    #[error(
        "{program} is not installed: looked for {looked_for}; install it (Debian: apt-get install {package})"
    )]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// The places.
        looked_for: String,
        /// The package that brings it.
        package: &'static str,
    },
    /// The shim is missing; the client would run without telling anybody of its leases.
    #[error("the shim {0} is missing or not executable; install dhcpmgr's shims there")]
    NoShim(PathBuf),
}

/// The start of this client.
pub fn launch(client: &Client, context: &LaunchContext<'_>) -> Result<Launch, LaunchError> {
    match client.program {
        Program::Udhcpc => udhcpc::launch(client, context),
    }
}

/// The signal that makes the client extend its lease.
#[must_use]
pub fn renew_signal(program: Program) -> Signal {
    match program {
        Program::Udhcpc => udhcpc::RENEW,
    }
}

/// The signal that makes the client give its lease back.
#[must_use]
pub fn release_signal(program: Program) -> Signal {
    match program {
        Program::Udhcpc => udhcpc::RELEASE,
    }
}

/// The client-id that a process was started with.
#[must_use]
pub fn sent_client_id(program: Program, launch: &Launch) -> Option<Bytes> {
    match program {
        Program::Udhcpc => udhcpc::sent_client_id(&launch.args),
    }
}

/// How long the client itself holds a lease of this length: the address must not go earlier.
#[must_use]
pub fn held_for(program: Program, lease_time: Lifetime) -> Lifetime {
    match program {
        Program::Udhcpc => udhcpc::held_for(lease_time),
    }
}

/// How long a renewal that was asked for by signal may take; until then another signal does harm.
#[must_use]
pub fn renewal_takes(client: &Client) -> Duration {
    match client.program {
        Program::Udhcpc => udhcpc::renewal_takes(client),
    }
}

/// When the client itself asks for more time: the lease began and ends at these instants.
#[must_use]
pub fn renews_at(program: Program, began: u64, ends: u64) -> u64 {
    match program {
        Program::Udhcpc => udhcpc::renews_at(began, ends),
    }
}

/// What it means that a process which should run has ended. `words` are its last lines, oldest first.
#[must_use]
pub fn ending(program: Program, how: ExitReason, words: &[String], launch: Option<&Launch>) -> Fault {
    match program {
        Program::Udhcpc => udhcpc_ending::ending(how, words, launch),
    }
}

/// What a line that the client wrote tells of its state.
#[must_use]
pub fn progress(program: Program, line: &str) -> Option<Progress> {
    match program {
        Program::Udhcpc => udhcpc::progress(line),
    }
}
