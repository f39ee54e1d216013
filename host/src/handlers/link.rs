//! One link of the chain: a configured handler, what it may contribute, and what it contributed last.

use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::{Hook, Manifest, Options, Plan, Protocol};
use tokio::sync::broadcast;

use super::condition::{BY_THE_OPERATOR, Condition};
use super::in_process::InProcess;
use super::merge::Ruling;
use super::parameters::Kept;
use super::runner::Runner;
use super::statistics::Statistics;
use super::text::one_line;
use super::worker::{Job, Worker};
use super::{HandlerNotice, HandlerState, HandlerStatus, needs};
use crate::config::{Handler, Isolation};
use crate::flat::{FlatMap, FlatSet};
use crate::softwire::backend::Support;

/// The longest reason that a module may give, characters.
pub(super) const REASON: usize = 300;

/// A configured handler.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) condition: Condition,
    pub(super) runner: Runner,
    config: Mutex<Handler>,
    pub(super) memory: Mutex<Memory>,
    pub(super) statistics: Mutex<Statistics>,
    /// What was written to parameters of all handlers.
    pub(super) kept: Arc<Mutex<Kept>>,
}

/// What is kept of a handler's answers, and for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Its last good plan.
    pub(super) plans: FlatMap<ClientName, Plan>,
    /// What its policy last made of a proposal.
    pub(super) rulings: FlatMap<ClientName, Ruling>,
    /// What it last wanted requested and sent.
    pub(super) options: FlatMap<ClientName, Options>,
    /// What is wrong with its parameters.
    pub(super) complaints: FlatMap<ClientName, Vec<String>>,
    /// Names of parameters to which something was written that is no value of theirs any more.
    pub(super) unfit: FlatMap<ClientName, FlatSet<String>>,
}

/// Where modules and workers are found.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The handlers directory.
    pub(super) directory: PathBuf,
    /// The program that is a worker when it is told so.
    pub(super) worker_exe: PathBuf,
    /// What was written to parameters of handlers.
    pub(super) kept: Arc<Mutex<Kept>>,
}

impl Link {
    /// Loads the handler. One that cannot be loaded is a link too: refused, with its reason.
    pub(super) async fn load(
        config: &Handler,
        places: &Places,
        notices: broadcast::Sender<HandlerNotice>,
    ) -> Self {
        let condition = Condition::new(&config.name, notices, config.written.clone());
        let runner = match start(config, places, &condition).await {
            Ok(runner) => runner,
            Err(reason) => {
                condition.refused(&reason);
                Runner::Refused(condition.facts().reason.clone().unwrap_or(reason))
            }
        };
        let config = Mutex::new(config.clone());
        let (memory, statistics, kept) = (Mutex::default(), Mutex::default(), Arc::clone(&places.kept));
        Self { condition, runner, config, memory, statistics, kept }
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

    /// The client has no lease any more.
    pub(super) fn forget(&self, client: &ClientName) {
        let mut memory = lock(&self.memory);
        memory.plans.remove(client);
        memory.rulings.remove(client);
    }

    /// Takes over what another start of the same module contributed.
    pub(super) fn inherit(&self, former: &Self) {
        // Its parameters may be others.
        *lock(&self.memory) = Memory { unfit: FlatMap::new(), ..lock(&former.memory).clone() };
    }

    /// Whether it is asked at a hook. One that was never loaded has no plan either, and that is to be told.
    pub(super) fn implements(&self, hook: Hook) -> bool {
        let manifest = self.condition.facts().manifest.clone();
        manifest.map_or(hook == Hook::Lease, |manifest| manifest.hooks.contains(hook))
    }

    /// Out of quarantine, or loaded again after it was refused in its worker.
    pub(super) async fn reset(&self) -> Result<(), String> {
        match &self.runner {
            Runner::InProcess(handler) => handler.reset(),
            Runner::Worker(worker) => worker.reset().await,
            Runner::Refused(reason) => Err(reason.clone()),
        }
    }

    /// Not asked any more until it is reset.
    pub(super) async fn quarantine(&self) -> Result<(), String> {
        match &self.runner {
            Runner::InProcess(_) => self.condition.quarantined(BY_THE_OPERATOR),
            Runner::Worker(worker) => worker.quarantine().await?,
            Runner::Refused(reason) => return Err(format!("it does not run anyway: {reason}")),
        }
        Ok(())
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
            signed_by: facts.signed_by.clone(),
            calls: statistics.calls(),
            failures: statistics.failures(),
            restarts: facts.restarts,
            p99_us: statistics.p99_us(),
            hooks: statistics.hooks(),
            conflicts: self.complaints(),
        }
    }
}

async fn start(config: &Handler, places: &Places, condition: &Condition) -> Result<Runner, String> {
    let path = module_path(&config.module, &places.directory)?;
    Ok(match config.isolation {
        Isolation::InProcess => {
            let handler = InProcess::load(condition.clone(), &path, config)?;
            Runner::InProcess(Box::new(handler))
        }
        Isolation::Worker => {
            let job = Job {
                exe: places.worker_exe.clone(),
                module: path,
                settings: config.settings.clone(),
                public_keys: config.public_keys.clone(),
            };
            Runner::Worker(Worker::start(condition.clone(), job).await)
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
