//! Why a softwire is not carried out.

use dhcpmgr_message::IfName;
use dhcpmgr_softwire::Kind;

use crate::network::NetworkError;

/// Why a softwire is not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// A handler wrote another kind than the four that there are.
    #[error("\"{0}\" is no kind of softwire")]
    Kind(String),
    /// Nothing here can.
    #[error("{kind} cannot be carried out: {reason}")]
    Unable {
        /// The mechanism.
        kind: Kind,
        /// Why not.
        reason: String,
    },
    /// A step failed.
    #[error("softwire {interface}: {reason}")]
    Failed {
        /// The softwire's interface.
        interface: IfName,
        /// What was tried, why it failed, what to do.
        reason: String,
        /// It may succeed when it is tried again in a while, as a question to a name server.
        passing: bool,
    },
    /// Addresses and routes.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl BackendError {
    /// Whether trying again in a while may help, with nothing changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Kind(_) | Self::Unable { .. } => false,
            Self::Failed { passing, .. } => *passing,
            // Kept by the reconciler, and tried again by it.
            Self::Network(_) => true,
        }
    }
}
