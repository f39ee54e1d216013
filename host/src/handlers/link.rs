//! One link of the chain: a configured handler, what it may contribute, and what it contributed last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dhcpmgr_message::{ClientName, wire};
use dhcpmgr_plugin_api::{DATA_LIMITS, LeaseEvent, Manifest, Plan, Protocol, operation};
use tokio::sync::broadcast;

use super::condition::Condition;
use super::in_process::InProcess;
use super::runner::{Outcome, Runner};
use super::statistics::Statistics;
use super::text::one_line;
use super::worker::Worker;
use super::{HandlerNotice, HandlerReport, HandlerState, HandlerStatus, merge, needs, sanity};
use crate::config::{Grant, Handler, Isolation};
use crate::softwire::backend::Support;

/// The longest reason that a module may give, characters.
const REASON: usize = 300;

/// A configured handler.
#[derive(Debug)]
pub(super) struct Link {
    condition: Condition,
    runner: Runner,
    config: Mutex<Handler>,
    last_good: Mutex<BTreeMap<ClientName, Plan>>,
    statistics: Mutex<Statistics>,
}

/// Where modules and workers are found.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The handlers directory.
    pub(super) directory: PathBuf,
    /// The program that is a worker when it is told so.
    pub(super) worker_exe: PathBuf,
}

impl Link {
    /// Loads the handler. One that cannot be loaded is a link too: refused, with its reason.
    pub(super) async fn load(
        config: &Handler,
        places: &Places,
        notices: broadcast::Sender<HandlerNotice>,
    ) -> Self {
        let condition = Condition::new(&config.name, notices);
        let runner = match start(config, places, &condition).await {
            Ok(runner) => runner,
            Err(reason) => {
                let reason = one_line(&reason, REASON);
                condition.refused(&reason);
                Runner::Refused(reason)
            }
        };
        let statistics = Mutex::default();
        Self {
            condition,
            runner,
            config: Mutex::new(config.clone()),
            last_good: Mutex::default(),
            statistics,
        }
    }

    pub(super) fn config(&self) -> MutexGuard<'_, Handler> {
        lock(&self.config)
    }

    pub(super) fn state(&self) -> HandlerState {
        self.condition.facts().state
    }

    /// Whether it is asked about a client's leases. One that was never loaded could be for any protocol.
    pub(super) fn applies_to(&self, client: &ClientName, protocol: Protocol) -> bool {
        let configured = self.config().clients.as_ref().is_none_or(|clients| clients.contains(client));
        let manifest = self.condition.facts().manifest.clone();
        configured && manifest.is_none_or(|m| m.protocols.contains(&protocol))
    }

    /// What it wants of a client, if anything may be wanted: loaded, not given up, and its needs are met.
    ///
    /// A handler that is just being started again still wants what it wanted: its pauses are short, and asking the
    /// server for something else meanwhile would restart a client for nothing.
    pub(super) fn wanting(
        &self,
        client: &ClientName,
        protocol: Protocol,
        softwires: &Support,
    ) -> Option<Arc<Manifest>> {
        if !self.applies_to(client, protocol) {
            return None;
        }
        let facts = self.condition.facts();
        let alive = matches!(facts.state, HandlerState::Healthy | HandlerState::Restarting);
        let manifest = facts.manifest.clone().filter(|_| alive);
        drop(facts);
        manifest.filter(|m| needs::unmet(&m.needs, softwires).is_none())
    }

    pub(super) fn has(&self, grant: Grant) -> bool {
        self.config().grants.contains(&grant)
    }

    /// Asks about a lease. Gives its plan, cut and checked; the last good one when there is none now.
    pub(super) async fn ask(&self, event: &LeaseEvent, input: &Arc<[u8]>) -> (HandlerReport, Option<Plan>) {
        let (deadline, grants) = {
            let config = self.config();
            (config.deadline, config.grants.clone())
        };
        let started = Instant::now();
        let outcome = self.runner.call(operation::LEASE, input, deadline).await;
        let took = started.elapsed();
        let judged = match outcome {
            Outcome::Unsupported => Ok((Plan::default(), Vec::new())),
            Outcome::Failed(reason) => Err(one_line(&reason, REASON)),
            Outcome::Answered { bytes, start } => judge(&bytes, &grants).inspect_err(|reason| {
                self.runner.misbehaved(start, reason);
            }),
        };
        lock(&self.statistics).record(took, judged.is_err());
        let handler = self.condition.handler().to_owned();
        let mut report = HandlerReport { handler, took, failure: None, cut: Vec::new(), notes: Vec::new() };
        let plan = match judged {
            Ok((plan, cut)) => {
                report.cut = cut;
                report.notes.clone_from(&plan.notes);
                report.notes.extend(self.late(took, deadline));
                self.remember(&event.client, &plan);
                Some(plan)
            }
            Err(reason) => {
                report.failure = Some(reason);
                let last = self.last_good(&event.client, &grants);
                report.notes.push(if last.is_some() {
                    "its last good contribution stays in force".to_owned()
                } else {
                    "it has contributed nothing for this client yet; the others go on without it".to_owned()
                });
                last
            }
        };
        (report, plan)
    }

    /// A call in the daemon cannot be cut short: that it took too long can only be told.
    fn late(&self, took: Duration, deadline: Duration) -> Option<String> {
        let late = matches!(self.runner, Runner::InProcess(_)) && took > deadline;
        let note = late
            .then(|| format!("took {} ms, its deadline is {} ms", took.as_millis(), deadline.as_millis()))?;
        tracing::warn!(handler = self.condition.handler(), "{note}");
        Some(note)
    }

    fn remember(&self, client: &ClientName, plan: &Plan) {
        // A refused lease does not come into force, so what was in force before stays.
        if plan.refuse.is_none() {
            lock(&self.last_good).insert(client.clone(), plan.clone());
        }
    }

    fn last_good(&self, client: &ClientName, grants: &BTreeSet<Grant>) -> Option<Plan> {
        let plan = lock(&self.last_good).get(client).cloned()?;
        // Grants may have been taken away since; notes are of then, not of now. Events that were published are not
        // published again.
        let (mut plan, _) = merge::cut(plan, grants);
        plan.notes.clear();
        Some(plan)
    }

    pub(super) fn forget(&self, client: &ClientName) {
        lock(&self.last_good).remove(client);
    }

    /// Takes over what another start of the same module contributed.
    pub(super) fn inherit(&self, former: &Self) {
        *lock(&self.last_good) = lock(&former.last_good).clone();
    }

    /// Out of quarantine, or loaded again after it was refused in its worker.
    pub(super) async fn reset(&self) -> Result<(), String> {
        match &self.runner {
            Runner::InProcess(handler) => handler.reset(),
            Runner::Worker(worker) => worker.reset().await,
            Runner::Refused(reason) => Err(reason.clone()),
        }
    }

    pub(super) fn never_started(&self) -> bool {
        matches!(self.runner, Runner::Refused(_))
    }

    pub(super) fn status(&self, softwires: &Support) -> HandlerStatus {
        let config = self.config();
        let statistics = lock(&self.statistics);
        let facts = self.condition.facts();
        let manifest = facts.manifest.as_deref();
        HandlerStatus {
            name: config.name.clone(),
            module: config.module.clone(),
            version: manifest.map(|m| m.version.clone()).unwrap_or_default(),
            api: facts.api.map(|a| a.to_string()).unwrap_or_default(),
            isolation: config.isolation,
            state: facts.state,
            reason: facts.reason.clone().or_else(|| {
                let manifest = manifest?;
                needs::unmet(&manifest.needs, softwires).or_else(|| needs::withheld(manifest, softwires))
            }),
            sandbox: facts.sandbox.clone(),
            pid: facts.pid,
            calls: statistics.calls,
            failures: statistics.failures,
            restarts: facts.restarts,
            p99_us: statistics.p99_us(),
        }
    }
}

async fn start(config: &Handler, places: &Places, condition: &Condition) -> Result<Runner, String> {
    let path = module_path(&config.module, &places.directory)?;
    Ok(match config.isolation {
        Isolation::InProcess => {
            let handler = InProcess::load(condition.clone(), &path, config.settings.as_ref())?;
            Runner::InProcess(Box::new(handler))
        }
        Isolation::Worker => {
            let settings = config.settings.clone();
            Runner::Worker(Worker::start(condition.clone(), places.worker_exe.clone(), path, settings).await)
        }
    })
}

fn module_path(module: &str, directory: &Path) -> Result<PathBuf, String> {
    let path = Path::new(module);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => Ok(directory.join(name)),
        _ => Err(format!(
            "module \"{}\" must be a file name in {} or an absolute path",
            one_line(module, 100),
            directory.display()
        )),
    }
}

/// Decodes an answer, cuts it to the grants and checks what remains.
fn judge(bytes: &[u8], grants: &BTreeSet<Grant>) -> Result<(Plan, Vec<Grant>), String> {
    let plan: Plan = wire::decode_within(bytes, &DATA_LIMITS)
        .map_err(|e| one_line(&format!("its answer is no plan: {e}"), REASON))?;
    let (plan, missing) = merge::cut(plan, grants);
    let plan = sanity::check(plan).map_err(|why| format!("its plan cannot be right: {why}"))?;
    Ok((plan, missing))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
