//! Handlers in processes of their own: the same program, executed again, loads one module and locks itself in.
//!
//! ```text
//!  daemon                                        worker (one a handler)
//!  link ──► Worker ──► supervisor ──► process ══ socketpair ══► child: sandbox, dlopen, sandbox, serve
//!           (queue)    (restarts)     (frames)    SEQPACKET
//! ```
//!
//! A worker that dies, hangs, or talks nonsense costs the lease at hand at most the handler's deadline, and nobody
//! else anything. It is spawned, never forked, so it inherits no memory, no thread and no file but its end of the
//! socketpair. The host never loads the module of a worker into itself: what the module says of itself comes over
//! the socket, and is checked like any other answer.
//!
//! This folder knows nothing of plans: bytes in, bytes out.

mod bell;
mod child;
mod frame;
pub(super) mod probe;
mod process;
mod sandbox;
mod stderr;
mod supervisor;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::{Bytes, ClientName};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::condition::Condition;
use super::runner::Outcome;
use crate::signature::PublicKey;
use bell::Bell;
use supervisor::{Call, Order, Supervisor};

/// The hidden argument that makes the daemon's program a worker.
pub const ARGUMENT: &str = "--handler-worker";

/// How many leases may wait for one worker.
const QUEUE: usize = 1024;

/// Whether this process was started to be a worker.
#[must_use]
pub fn is_worker() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT)
}

/// The whole life of a worker. To be called first thing in `main`, before any thread or runtime exists: the sandbox
/// covers the thread that makes it.
#[must_use]
pub fn main() -> ExitCode {
    child::main()
}

/// What a worker is started for.
#[derive(Debug)]
pub(super) struct Job {
    /// The program that becomes the worker.
    pub(super) exe: PathBuf,
    pub(super) module: PathBuf,
    /// As MessagePack.
    pub(super) settings: Bytes,
    /// Who may have signed the module; no signature is asked for when empty.
    pub(super) public_keys: Vec<PublicKey>,
}

/// A handler in a process of its own, as the rest of the chain sees it.
#[derive(Debug)]
pub(super) struct Worker {
    condition: Condition,
    bell: Bell,
    calls: mpsc::Sender<Call>,
    orders: mpsc::UnboundedSender<Order>,
    supervisor: AbortHandle,
}

impl Worker {
    /// Starts the worker, and waits until it is up, is refused, or has failed for the first time.
    pub(super) async fn start(condition: Condition, job: Job) -> Self {
        let (calls, waiting) = mpsc::channel(QUEUE);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (first, started) = oneshot::channel();
        let bell = Bell::default();
        let supervisor = Supervisor::new(condition.clone(), job, bell.clone(), waiting, ordered, first);
        let supervisor = tokio::spawn(supervisor.run()).abort_handle();
        // Either way the condition says what came of it.
        let _ = started.await;
        Self { condition, bell, calls, orders, supervisor }
    }

    /// Says that a call comes in a moment.
    pub(super) fn rouse(&self) {
        self.bell.ring();
    }

    /// Calls the module. Returns after the deadline at the latest; the supervisor does what has to be done then.
    pub(super) async fn call(
        &self,
        client: &ClientName,
        operation: u32,
        input: &Arc<[u8]>,
        deadline: Duration,
    ) -> Outcome {
        if let Some(reason) = self.condition.closed() {
            return Outcome::Failed(reason);
        }
        let (answer, answered) = oneshot::channel();
        let call = Call { client: client.clone(), operation, input: Arc::clone(input), deadline, answer };
        if self.calls.try_send(call).is_err() {
            return Outcome::Failed(format!("has {QUEUE} leases waiting already"));
        }
        match tokio::time::timeout(deadline, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Failed("is being stopped".to_owned()),
            Err(_) => Outcome::Failed(format!("gave no answer within {} ms", deadline.as_millis())),
        }
    }

    /// An answer of the given start was no answer: that process is not trusted any more.
    pub(super) fn misbehaved(&self, start: u64, reason: &str) {
        // A supervisor that is gone has killed its process already.
        let _ = self.orders.send(Order::Misbehaved { start, reason: reason.to_owned() });
    }

    /// Starts it again out of quarantine or refusal, with all its budget; says why it still does not run.
    pub(super) async fn reset(&self) -> Result<(), String> {
        let (done, outcome) = oneshot::channel();
        let gone = || "is being stopped".to_owned();
        self.orders.send(Order::Reset(done)).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

impl Worker {
    /// Ends the process, and starts none until somebody resets it.
    pub(super) async fn quarantine(&self) -> Result<(), String> {
        let (done, ended) = oneshot::channel();
        let gone = || "is being stopped".to_owned();
        self.orders.send(Order::Quarantine(done)).map_err(|_| gone())?;
        ended.await.map_err(|_| gone())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The process is killed when the supervisor's future is dropped.
        self.supervisor.abort();
    }
}
