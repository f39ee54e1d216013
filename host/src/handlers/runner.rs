//! One handler, wherever it runs: called the same way in the daemon and in a worker.

use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::ClientName;

use super::in_process::InProcess;
use super::worker::Worker;

/// What came of one call.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Bytes, believed by nobody yet.
    Answered {
        /// The answer.
        bytes: Vec<u8>,
        /// Which start of the handler gave it.
        start: u64,
    },
    /// The module does not know the operation, and has nothing to contribute.
    Unsupported,
    /// The module says no, in an orderly way: why.
    Refused(String),
    /// No answer: why.
    Failed(String),
}

/// Where a handler runs.
#[derive(Debug)]
pub(super) enum Runner {
    /// In the daemon.
    InProcess(Box<InProcess>),
    /// In a process of its own.
    Worker(Worker),
    /// Nowhere: its module could not be loaded into the daemon.
    Refused(String),
}

impl Runner {
    /// Says that a call comes in a moment.
    pub(super) fn rouse(&self) {
        if let Self::Worker(worker) = self {
            worker.rouse();
        }
    }

    /// Calls the handler of a client. Never takes longer than the deadline in a worker.
    pub(super) async fn call(
        &self,
        client: &ClientName,
        operation: u32,
        input: &Arc<[u8]>,
        deadline: Duration,
    ) -> Outcome {
        match self {
            Self::InProcess(handler) => handler.call(client.as_str(), operation, input),
            Self::Worker(worker) => worker.call(client, operation, input, deadline).await,
            Self::Refused(reason) => Outcome::Failed(format!("is not loaded: {reason}")),
        }
    }

    /// Says that an answer of the given start, about this client, was no answer.
    pub(super) fn misbehaved(&self, client: &ClientName, start: u64, reason: &str) {
        match self {
            Self::InProcess(handler) => handler.misbehaved(client.as_str(), reason),
            Self::Worker(worker) => worker.misbehaved(start, reason),
            Self::Refused(_) => {}
        }
    }
}
