//! Faults, and the ways out of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong with a client. The texts are for people, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The process is gone and should not be: killed by a signal, or crashed.
    Died(String),
    /// The process ended by itself and did not say why. Where its link is gone, that is why.
    Ended(String),
    /// The process lives and gets nowhere.
    Stuck(String),
    /// The program refuses what it is started with.
    Misconfigured {
        /// Its words.
        what: String,
        /// The argument that it refuses, where that is known and it can be left out.
        argument: Option<Argument>,
    },
    /// The network is not there.
    Network(String),
    /// A server gave a lease that cannot be used.
    BadLease(String),
    /// Something that a start needs is not installed. Looking costs nothing.
    Missing(String),
    /// The program may not run, or may not do what it must. Only a start shows whether that is over.
    Forbidden(String),
}

/// The ways out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// The process is started again.
    Restart,
    /// It is started otherwise, or waits for another configuration.
    Reconfigure,
    /// It is tried again when the network is there.
    Retry,
    /// It is left alone until the cause is gone.
    Disable,
    /// Nothing helped: an error, tried at a slow rate.
    Escalate,
}

impl Fault {
    /// Its name in events and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Died(_) | Self::Ended(_) => "process-died",
            Self::Stuck(_) => "no-progress",
            Self::Misconfigured { .. } => "configuration",
            Self::Network(_) => "network",
            Self::BadLease(_) => "bad-lease",
            Self::Missing(_) | Self::Forbidden(_) => "cannot-run",
        }
    }

    /// What happened, for people.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Self::Died(what)
            | Self::Ended(what)
            | Self::Stuck(what)
            | Self::Misconfigured { what, .. }
            | Self::Network(what)
            | Self::BadLease(what)
            | Self::Missing(what)
            | Self::Forbidden(what) => what,
        }
    }
}

impl Path {
    /// Its name in events and logs, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reconfigure => "reconfigure",
            Self::Retry => "retry",
            Self::Disable => "disable",
            Self::Escalate => "escalate",
        }
    }
}

/// One argument with its flag, exactly as it stood on a command line: `-O 125`. A corrected value is another argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// `-O`
    pub flag: String,
    /// `125`
    pub value: String,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.flag, self.value)
    }
}
