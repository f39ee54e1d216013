//! The words of the state machine: what happens, what an operator may ask for, what is to be done.

use std::net::Ipv4Addr;

use crate::clients::{GivingBack, Progress};
use crate::network::LinkState;
use crate::recovery::{Fault, Report};
use crate::softwire::Aside;

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) enum Input {
    /// The kernel says how the interface is.
    Link(Option<LinkState>),
    /// A lease that can be used was applied.
    Lease(Held),
    /// A lease that cannot be used.
    Refused {
        /// Why.
        why: String,
        /// Spreads waits.
        jitter: u8,
    },
    /// The client says that it has no lease.
    Deconfig,
    /// The server took the lease back.
    Nak,
    /// Nothing of a lease of many parts is left, for this reason.
    Gone(String),
    /// A cycle of DISCOVERs without an answer.
    Leasefail,
    /// The client's words.
    Progress(Progress),
    /// The client process was started.
    Started,
    /// The client process was found running, as an earlier daemon left it.
    Adopted,
    /// The operator had given the lease back before the daemon was started.
    ReleasedBefore,
    /// The client process ended.
    Exited {
        /// What that is if nobody wanted it to end.
        fault: Fault,
        /// Spreads waits.
        jitter: u8,
    },
    /// The client could not be started.
    NotStarted {
        /// Why.
        fault: Fault,
        /// Spreads waits.
        jitter: u8,
    },
    /// IPv4 comes by another way, and the client stands aside; `None`: it does not any more.
    Aside(Option<Aside>),
    /// What the client is started with has changed.
    LaunchChanged,
    /// The clock has passed the deadline.
    Tick,
}

/// What an operator may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Extend the lease now.
    Renew,
    /// Give the lease back.
    Release,
    /// Start the process again.
    Restart,
    /// Run.
    Enable,
    /// Do not run; give the lease back.
    Disable,
    /// Do not run any more, and leave the lease to its time.
    Leave,
}

impl Command {
    /// What was begun: the answer to the operator.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Renew => "asks for more time",
            Self::Release => "gives its lease back",
            Self::Restart => "is started again",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::Leave => "ends, and leaves the lease to its time",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) enum Effect {
    /// Start the client process and let it ask for this address.
    Start(Option<Ipv4Addr>),
    /// Kill the client process, and its hook with it; answers with [`Input::Exited`].
    Kill,
    /// End the client process; answers with [`Input::Exited`].
    Stop,
    /// Signal it to extend the lease.
    SignalRenew,
    /// Signal it to give the lease back, and write down that this was begun.
    SignalRelease(GivingBack),
    /// Set the link up.
    RaiseLink,
    /// The lease is over, for this reason: take it out of the kernel and say so.
    Lose(String),
    /// Say what recovery found or did.
    Report(Report),
    /// Say that the link changed.
    LinkChanged(String),
    /// Tell `why`.
    Note(String),
}

/// A lease that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Held {
    /// The address to ask for again; DHCPv6 asks by its identity associations instead.
    pub address: Option<Ipv4Addr>,
    /// When the last of it ends, milliseconds of `CLOCK_BOOTTIME`; `None` for never.
    pub valid_until: Option<u64>,
    /// When the client asks for more time by itself, milliseconds of `CLOCK_BOOTTIME`.
    pub renews_at: Option<u64>,
}

/// How the client program behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Manners {
    /// It hears no signal to extend its lease: a new start asks for the same one again.
    pub renews_by_restart: bool,
    /// It starts only where the interface has a link-local address that passed duplicate address detection.
    pub needs_link_local: bool,
    /// How long a renewal that was asked for may take, milliseconds.
    pub renewal_ms: u64,
}
