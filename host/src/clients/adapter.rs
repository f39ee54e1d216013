//! What a client program is to the rest of the daemon: how it is started, signalled and stopped, and what it says.
//!
//! A program is a folder beside this file with a type that implements [`Adapter`], and its line in [`super::Program`].

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dhcpmgr_message::{Bytes, IfName, Lifetime, Prefix, Token, V6Ia};
use dhcpmgr_plugin_api::Protocol;
use nix::sys::signal::Signal;

use super::{CommandLine, Confinement, ExitReason, Launch};
use crate::config::Client;
use crate::handlers::Wants;
use crate::identity::WantedIa;
use crate::paths::Paths;
use crate::recovery::{Argument, Fault};

/// A client program.
pub trait Adapter: fmt::Debug + Sync {
    /// Its word in the configuration, and in the messages of its shim.
    fn name(&self) -> &'static str;

    /// The protocol that it speaks for us.
    fn protocol(&self) -> Protocol;

    /// What it may do.
    fn confinement(&self, paths: &Paths) -> Confinement;

    /// The start of this client.
    fn launch(&self, client: &Client, context: &LaunchContext<'_>) -> Result<Launch, LaunchError>;

    /// What makes it extend its lease.
    fn renewal(&self) -> Renewal;

    /// How long a renewal that was asked for may take; until then asking again does harm.
    fn renewal_takes(&self, client: &Client) -> Duration;

    /// The signal that ends it and leaves the lease alone.
    fn stop(&self) -> Signal;

    /// How it gives its lease back.
    fn release(&self) -> Release;

    /// Whether it is to be started only when its interface has a link-local address that passed duplicate address
    /// detection.
    fn needs_link_local(&self) -> bool {
        false
    }

    /// How long it holds a lease of this length itself: the address must not go earlier.
    fn held_for(&self, valid: Lifetime) -> Lifetime {
        valid
    }

    /// When it asks for more time by itself: the lease began and ends at these instants. For DHCPv6 T1 counts.
    fn renews_at(&self, began: u64, ends: u64) -> u64 {
        began + ends.saturating_sub(began) / 2
    }

    /// What it means that a process which should run has ended. `words` are its last lines, oldest first.
    fn ending(&self, how: ExitReason, words: &[String], command: Option<&CommandLine>) -> Fault;

    /// What a line that it wrote tells of its state.
    fn progress(&self, line: &str) -> Option<Progress>;

    /// The client-id (option 61) that it was started with.
    fn sent_client_id(&self, _command: &CommandLine) -> Option<Bytes> {
        None
    }

    /// The identity associations that it knows, out of its files in `directory`, which is [`Paths::client`]: to be
    /// looked at when its hook has ended. Empty when it does not say.
    fn ias(&self, _client: &Client, _directory: &Path) -> Vec<KnownIa> {
        Vec::new()
    }

    /// What it requests from the server by itself, whether or not it is told to.
    fn requests_itself(&self) -> &'static [u16] {
        &[]
    }

    /// What a parameter of TR-181 is in effect that hangs on the program, by its path below the client:
    /// `Retransmission.DiscoverInitialTimeout`, `DSCPMark`. `None` where the program does not say.
    fn in_effect(&self, _client: &Client, _parameter: &str) -> Option<InEffect> {
        None
    }

    /// The messages that it tells of, by the names of TR-181's statistics, those that are counted by its hook left out.
    fn counted(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which of them a line that it wrote tells of.
    fn counts(&self, _line: &str) -> Option<&'static str> {
        None
    }

    /// The interfaces that a process with this command line runs it on, whoever started it; `None` when it is another
    /// program. `file` reads a file as that process sees it.
    fn interfaces(&self, command: &[&str], file: &dyn Fn(&Path) -> Option<String>) -> Option<Vec<IfName>>;
}

/// A parameter of TR-181 as a program obeys it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InEffect {
    /// Its value; of a boolean 0 or 1.
    pub value: u32,
    /// Whether the program can be told another one.
    pub can_be_told: bool,
}

/// What makes a client extend its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// A signal.
    Signal(Signal),
    /// It is ended with [`Adapter::stop`] and started again: it asks for the same lease under the same identity.
    Restart,
}

/// How a client gives its lease back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The signal that makes it do so.
    pub signal: Signal,
    /// What tells that it has told the server.
    pub confirmed_by: Confirmation,
}

/// What tells that a lease was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Its hook, with `deconfig`; the process lives on without a lease.
    Hook,
    /// Its end, with exit status 0.
    Exit,
}

/// An identity association as a client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIa {
    /// The association.
    pub ia: V6Ia,
    /// Its addresses, with a length of 128, or its prefixes.
    pub values: Vec<Prefix>,
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
    /// The DUID of the device; there is one where there is a client for DHCPv6.
    pub duid: Option<&'a Bytes>,
    /// The identity associations to ask for; none for a client that only asks for options.
    pub ias: &'a [WantedIa],
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
    /// A client for DHCPv6 cannot do without.
    #[error("there is no DUID to start it with: see the log for why none could be made")]
    NoDuid,
    /// Something cannot be written as the program would read it.
    #[error("{what} cannot be written for the client: {why}")]
    Unwritable {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl LaunchError {
    /// What that is for recovery.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoProgram { .. } | Self::NoShim(_) => Fault::Missing(self.to_string()),
            Self::NoDuid => Fault::Forbidden(self.to_string()),
            Self::Unwritable { .. } => Fault::Misconfigured { what: self.to_string(), argument: None },
        }
    }
}
