//! One worker, held directly and without a chain: what tests of a module by its author need, and the daemon never does.

use std::time::{Duration, Instant};

use super::Job;
use super::process::{Called, Process, StartError};
use crate::handlers::condition::Loaded;

/// A worker that is asked by hand.
pub(in crate::handlers) struct Probe {
    process: Process,
    pid: Option<u32>,
    next_id: u64,
}

/// How a worker or a call of it went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::handlers) enum Trouble {
    /// The module cannot be used, in an orderly way.
    Refused(String),
    /// It panicked.
    Panicked(String),
    /// It gave no answer in time.
    Late(String),
    /// Its answer is too long to be one.
    TooLong(String),
    /// The process died, or spoke nonsense.
    Died(String),
}

impl Trouble {
    /// The supervisor makes no difference between these, so it is told by the words.
    fn of(reason: String) -> Self {
        if reason.starts_with("panicked:") {
            Self::Panicked(reason)
        } else if reason.starts_with("gave no answer within") || reason.starts_with("was not loaded within") {
            Self::Late(reason)
        } else if reason.starts_with("its answer has") {
            Self::TooLong(reason)
        } else {
            Self::Died(reason)
        }
    }
}

/// What a call came to, when the worker lives on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::handlers) enum Reply {
    /// An answer, believed by nobody yet.
    Answer(Vec<u8>),
    /// The module does not know the operation.
    Unsupported,
    /// An orderly error.
    Failed(String),
}

impl Reply {
    /// The answer, if it is one.
    pub(in crate::handlers) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Answer(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Probe {
    /// Starts a worker and loads the module in it.
    pub(in crate::handlers) async fn start(job: &Job) -> Result<(Self, Loaded), Trouble> {
        match Process::start("check", job).await {
            Ok((process, loaded)) => Ok((Self { process, pid: loaded.pid, next_id: 0 }, loaded)),
            Err(StartError::Refused(reason)) => Err(Trouble::Refused(reason)),
            Err(StartError::Died(reason)) => Err(Trouble::of(reason)),
        }
    }

    /// One call and how long it took. After trouble the worker must not be asked again.
    pub(in crate::handlers) async fn call(
        &mut self,
        client: &str,
        operation: u32,
        input: &[u8],
        deadline: Duration,
    ) -> (Result<Reply, Trouble>, Duration) {
        self.next_id += 1;
        let started = Instant::now();
        let called = self.process.call(self.next_id, client, operation, input, deadline).await;
        let took = started.elapsed();
        let reply = match called {
            Ok(Called::Answer(bytes)) => Ok(Reply::Answer(bytes)),
            Ok(Called::Unsupported) => Ok(Reply::Unsupported),
            Ok(Called::Failed(reason)) => Ok(Reply::Failed(reason)),
            Err(reason) => Err(Trouble::of(reason)),
        };
        (reply, took)
    }

    /// Memory of the worker that is in use, bytes; 0 when the kernel does not say.
    pub(in crate::handlers) fn memory(&self) -> u64 {
        let pages = || {
            let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid?)).ok()?;
            statm.split(' ').nth(1)?.parse::<u64>().ok()
        };
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
        pages().unwrap_or_default() * u64::try_from(page).unwrap_or(4096)
    }

    /// Ends the worker.
    pub(in crate::handlers) async fn end(self) {
        self.process.end().await;
    }
}
