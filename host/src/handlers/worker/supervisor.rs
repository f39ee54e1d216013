//! The life of one handler's workers: started, served, killed, started again with back-off, given up.
//!
//! One task a handler. Calls are answered one after the other; while there is no worker they are answered at once,
//! with the reason. Nothing here ever makes a lease wait for a restart.

use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::ClientName;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::Job;
use super::bell::Bell;
use super::process::{Called, Process, StartError};
use crate::handlers::condition::{BY_THE_OPERATOR, Condition};
use crate::handlers::health::Verdict;
use crate::handlers::runner::Outcome;
use crate::handlers::{HandlerState, NoticeKind};

/// One lease that waits for the worker.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) client: ClientName,
    pub(super) operation: u32,
    pub(super) input: Arc<[u8]>,
    /// Counted from when the worker is given the call: a worker is not killed for what others made it wait for.
    pub(super) deadline: Duration,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What the chain tells the supervisor.
#[derive(Debug)]
pub(super) enum Order {
    /// An answer that this start of the worker gave was no answer.
    Misbehaved { start: u64, reason: String },
    /// Start again, with all the budget; then say how it went.
    Reset(oneshot::Sender<Result<(), String>>),
    /// End, and do not start again until the next reset; then say so.
    Quarantine(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct Supervisor {
    condition: Condition,
    job: Job,
    bell: Bell,
    calls: mpsc::Receiver<Call>,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Whoever waits to hear how the next start goes.
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
    start: u64,
    next_id: u64,
}

/// Why a worker is served no longer.
enum End {
    /// Nobody wants the handler any more.
    Unwanted,
    /// The operator wants it left alone; who waits to hear that it is.
    Quarantined(oneshot::Sender<()>),
    /// It must not be used any more, and why.
    Misbehaved(String),
}

impl Supervisor {
    pub(super) fn new(
        condition: Condition,
        job: Job,
        bell: Bell,
        calls: mpsc::Receiver<Call>,
        orders: mpsc::UnboundedReceiver<Order>,
        first: oneshot::Sender<Result<(), String>>,
    ) -> Self {
        let waiting = vec![first];
        Self { condition, job, bell, calls, orders, waiting, start: 0, next_id: 0 }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.start += 1;
            let started = Process::start(self.condition.handler(), &self.job).await;
            let verdict = match started {
                Ok((mut process, loaded)) => {
                    self.condition.well(loaded);
                    self.tell(&Ok(()));
                    self.bell.hang(process.socket().ok());
                    let end = self.serve(&mut process).await;
                    self.bell.hang(None);
                    // Not waited for before others are told: they wait for nothing.
                    let verdict = match end {
                        End::Unwanted => return,
                        End::Quarantined(done) => {
                            self.quarantined(done);
                            Verdict::Quarantine
                        }
                        End::Misbehaved(reason) => self.misbehaved(&reason),
                    };
                    process.end().await;
                    verdict
                }
                Err(StartError::Refused(reason)) => {
                    self.condition.refused(&reason);
                    self.tell(&Err(reason));
                    Verdict::Quarantine
                }
                Err(StartError::Died(reason)) => {
                    let verdict = self.misbehaved(&reason);
                    self.tell(&Err(reason));
                    verdict
                }
            };
            let until = match verdict {
                Verdict::Retry(pause) => Some(Instant::now() + pause),
                Verdict::Quarantine => None,
            };
            if !self.rest(until).await {
                return;
            }
            self.condition.restarting();
        }
    }

    fn tell(&mut self, outcome: &Result<(), String>) {
        for listener in self.waiting.drain(..) {
            // Whoever asked may have stopped listening.
            let _ = listener.send(outcome.clone());
        }
    }

    fn misbehaved(&mut self, reason: &str) -> Verdict {
        let verdict = self.condition.misbehaved(reason, HandlerState::Restarting);
        while let Ok(call) = self.calls.try_recv() {
            self.turn_away(call);
        }
        verdict
    }

    fn quarantined(&mut self, done: oneshot::Sender<()>) {
        self.condition.quarantined(BY_THE_OPERATOR);
        while let Ok(call) = self.calls.try_recv() {
            self.turn_away(call);
        }
        // Whoever asked may have stopped listening.
        let _ = done.send(());
    }

    fn turn_away(&self, call: Call) {
        let reason = self.condition.closed().unwrap_or_else(|| "is being started again".to_owned());
        // A caller that stopped waiting needs no answer.
        let _ = call.answer.send(Outcome::Failed(reason));
    }

    async fn serve(&mut self, process: &mut Process) -> End {
        // Somebody's deadline passed while others were served.
        let mut missed = false;
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None => return End::Unwanted,
                    Some(Order::Misbehaved { start, reason }) if start == self.start => {
                        return End::Misbehaved(reason);
                    }
                    Some(Order::Misbehaved { .. }) => {}
                    Some(Order::Quarantine(done)) => return End::Quarantined(done),
                    Some(Order::Reset(done)) => {
                        self.condition.forgiven();
                        let _ = done.send(Ok(()));
                    }
                },
                call = self.calls.recv() => {
                    let Some(call) = call else { return End::Unwanted };
                    if call.answer.is_closed() {
                        missed = true;
                    } else if let Err(reason) = self.pass_on(process, call, &mut missed).await {
                        return End::Misbehaved(reason);
                    }
                    if missed && self.calls.is_empty() {
                        missed = false;
                        let reason = "caught up with leases that had waited longer than its deadline";
                        self.condition.notify(NoticeKind::Recovered, reason);
                    }
                }
                reason = process.gone() => return End::Misbehaved(reason),
            }
        }
    }

    async fn pass_on(&mut self, process: &mut Process, call: Call, missed: &mut bool) -> Result<(), String> {
        self.next_id += 1;
        let Call { client, operation, input, deadline, .. } = &call;
        let called = process.call(self.next_id, client.as_str(), *operation, input, *deadline).await;
        let (outcome, result) = match called {
            Ok(Called::Answer(bytes)) => (Outcome::Answered { bytes, start: self.start }, Ok(())),
            Ok(Called::Unsupported) => (Outcome::Unsupported, Ok(())),
            Ok(Called::Failed(reason)) => (Outcome::Refused(reason), Ok(())),
            Err(reason) => (Outcome::Failed(reason.clone()), Err(reason)),
        };
        *missed |= call.answer.send(outcome).is_err();
        result
    }

    /// Waits until the next start, turning calls away. False when nobody wants the handler any more.
    async fn rest(&mut self, mut until: Option<Instant>) -> bool {
        loop {
            let pause = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None => return false,
                    Some(Order::Misbehaved { .. }) => {}
                    Some(Order::Quarantine(done)) => {
                        until = None;
                        self.quarantined(done);
                    }
                    Some(Order::Reset(done)) => {
                        self.condition.forgiven();
                        self.waiting.push(done);
                        return true;
                    }
                },
                call = self.calls.recv() => match call {
                    None => return false,
                    Some(call) => self.turn_away(call),
                },
                () = pause => return true,
            }
        }
    }
}
