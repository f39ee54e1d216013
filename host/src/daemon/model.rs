//! The data model of the running daemon: gathers what is true, and carries out what is written.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use dhcpmgr_message::{Bytes, ClientName};
use tokio::sync::broadcast::Receiver;
use tokio::sync::{Mutex, Notify};

use super::Daemon;
use crate::clock;
use crate::config::{Config, Provider};
use crate::control::{Controls as _, Request, Response};
use crate::controller::Command;
use crate::data_model::desired::{Desired, Whole};
use crate::data_model::door::{Change, Changed, DataModel, Flat, Supported};
use crate::data_model::edit::{Order, Outcome, Trial};
use crate::data_model::live::{Asked, Carrier, Facts, Inputs};
use crate::data_model::notice::Notices;
use crate::data_model::numbers::Numbers;
use crate::data_model::subscription::Subscription;
use crate::data_model::watchers::Watchers;
use crate::data_model::{Fault, Value, code, read};
use crate::events::{Event, EventKind};
use crate::flat::FlatMap;
use crate::handlers::Kept;
use crate::paths::Paths;
use crate::store::Store;

/// What happened since somebody looked.
pub(super) type Happened = Receiver<Arc<Event>>;

/// The name of the record.
const RECORD: &str = "model";

/// What is kept of it.
pub(super) struct Model {
    /// The configuration files, without what was written over them.
    pub(super) files: RefCell<Config>,
    desired: RefCell<Desired>,
    /// Numbers of rows that come and go with leases.
    pub(super) passing: RefCell<Numbers>,
    baselines: RefCell<FlatMap<ClientName, FlatMap<String, u64>>>,
    store: Store,
    /// Who writes; a change is whole before the next begins.
    pub(super) writing: Mutex<()>,
    /// How much of `desired` is on the flash.
    kept: Cell<usize>,
    /// What is on the flash is not what is in force, and stays there until something is written.
    set_aside: Cell<bool>,
    /// Who is told what becomes of it.
    pub(super) watchers: RefCell<Watchers>,
    /// Who looks at the tree for them; it must not be gathered by one and looked at after what another gathered later.
    /// What happened since the last look is kept here.
    pub(super) looking: Mutex<Option<Happened>>,
    /// Rung when there is one more of them.
    pub(super) joined: Notify,
}

impl Model {
    /// What was written earlier, and the configuration that follows. What does not go with the files any more is set
    /// aside for this run: the gateway comes up as the files say.
    pub(super) fn restore(paths: &Paths, files: Config) -> (Self, Config) {
        let store = Store::durable(paths.state());
        let mut desired: Desired = store.read(RECORD).unwrap_or_default();
        desired.forget_all_but(&files);
        let mut whole = desired.over(&files);
        let inputs = Inputs::default();
        let mut set_aside = false;
        if let Err(faults) = Trial::new(&files, &inputs, desired.clone(), Numbers::default()).finish() {
            for fault in faults {
                tracing::error!(
                    "what was written through the data model does not go with the configuration files and is left out: {fault}"
                );
            }
            desired.clients.clear();
            whole = desired.over(&files);
            set_aside = true;
        }
        let kept = Cell::new(desired.size());
        let model = Self {
            files: files.into(),
            desired: desired.into(),
            passing: RefCell::default(),
            baselines: RefCell::default(),
            store,
            writing: Mutex::new(()),
            kept,
            set_aside: Cell::new(set_aside),
            watchers: RefCell::default(),
            looking: Mutex::new(None),
            joined: Notify::new(),
        };
        (model, whole.config)
    }

    /// What follows from other files.
    pub(super) fn over(&self, files: &Config) -> Result<Config, String> {
        let mut desired = self.desired.borrow().clone();
        desired.forget_all_but(files);
        let inputs = Inputs::default();
        let outcome = Trial::new(files, &inputs, desired, Numbers::default()).finish().map_err(|faults| {
            let faults = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            format!("it does not go with what was written through the data model: {faults}")
        })?;
        Ok(outcome.whole.config)
    }

    /// Takes other files.
    pub(super) fn take(&self, files: Config) {
        self.desired.borrow_mut().forget_all_but(&files);
        *self.files.borrow_mut() = files;
    }

    /// What was written to the parameters of handlers.
    pub(super) fn parameters(&self) -> Kept {
        self.desired.borrow().parameters()
    }

    fn whole(&self) -> Whole {
        self.desired.borrow().over(&self.files.borrow())
    }
}

/// Keeps what was written; the flash is waited for.
async fn keep(store: &Store, desired: Desired) -> Result<(), String> {
    let store = store.clone();
    let written = tokio::task::spawn_blocking(move || store.write(RECORD, &desired).map(drop)).await;
    match written {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

impl Daemon {
    /// What is true now, as far as these paths may name it.
    async fn inputs(&self, paths: &[&str]) -> (Inputs, Whole) {
        let statuses = self.clients().await;
        let lans = self.shared.delegations.lans().await;
        let wans = self.shared.softwires.views();
        let network = &self.shared.network;
        let carriers = wans.iter().filter_map(|wan| {
            let interface = wan.softwire_interface.clone()?;
            let is_tunnel = wan.owner == Some(Provider::DsLite);
            let remote = is_tunnel.then(|| network.tunnel_remote(&interface)).flatten();
            let carrier = Carrier { remote, addresses: network.v4_addresses(&interface) };
            Some((interface, carrier))
        });
        let carriers = carriers.collect();
        let vendor = self.vendor_parameters(paths).await;
        // From here on nothing is waited for: all is of one moment.
        let whole = self.model.whole();
        let handlers = whole.config.clients.values().map(|client| {
            let requested = self.shared.chain.requested_by(&client.name, client.protocol);
            let requested =
                requested.into_iter().map(|(code, who)| (code, format!("handler {}", who.join(", "))));
            let sent = self.shared.chain.wants(&client.name, client.protocol).send;
            let sent = sent.into_iter().map(|(code, value)| (code, (value, "a handler".to_owned())));
            let mut asked = Asked { sent: sent.collect(), requested: requested.collect() };
            if let Some(id) = self.shared.keeper.client(&client.name).client_id.clone() {
                asked.sent.entry(CLIENT_ID).or_insert_with(|| (id, "the identity that is kept".to_owned()));
            }
            (client.name.clone(), asked)
        });
        let inputs = Inputs {
            handlers: handlers.collect(),
            statuses,
            vendor,
            lans,
            wans,
            carriers,
            routes: network.routes(),
            duid: self.shared.keeper.duid().as_ref().map(Bytes::to_hex).unwrap_or_default(),
            baselines: self.model.baselines.borrow().clone(),
            wall_ms: clock::wall_ms(),
        };
        (inputs, whole)
    }

    async fn facts(&self, paths: &[&str]) -> Facts {
        let (inputs, whole) = self.inputs(paths).await;
        let (mut desired, mut passing) = (self.model.desired.borrow_mut(), self.model.passing.borrow_mut());
        Facts::gather(&self.model.files.borrow(), &whole, inputs, &mut desired, &mut passing)
    }

    /// The tree as it is, as far as these paths may name it; every number in it is kept.
    pub(super) async fn present(&self, paths: &[&str]) -> Facts {
        let facts = self.facts(paths).await;
        self.keep_numbers().await;
        facts
    }

    /// Puts numbers on the flash that were given since, before anybody is told of them.
    async fn keep_numbers(&self) {
        if self.model.set_aside.get() || self.model.desired.borrow().size() == self.model.kept.get() {
            return;
        }
        let _writer = self.model.writing.lock().await;
        let desired = self.model.desired.borrow().clone();
        let size = desired.size();
        // The store says what it cannot write.
        let _ = keep(&self.model.store, desired).await;
        self.model.kept.set(size);
    }

    /// Tries a change out, carries it out, and takes it back when a part of it cannot be carried out.
    async fn commit(&self, outcome: Outcome) -> Result<(), Vec<Fault>> {
        let Outcome { desired, whole, orders, switched, .. } = outcome;
        let before = self.model.desired.borrow().clone();
        let differs = desired != before;
        if differs {
            let size = desired.size();
            keep(&self.model.store, desired.clone()).await.map_err(|why| {
                vec![Fault::new(
                    code::RESOURCES,
                    "Device.",
                    format!("it could not be kept, so nothing was done: {why}"),
                )]
            })?;
            self.model.kept.set(size);
            self.model.set_aside.set(false);
            self.put(desired, whole.config).await;
        }
        for name in switched {
            let running = self.controllers.borrow().get(&name).cloned();
            let Some(running) = running else { continue };
            let enabled = running.controller.status().await.is_some_and(|status| status.enabled);
            if enabled != running.client.enabled {
                let _ = self.switch(&name, running.client.enabled).await;
            }
        }
        let mut done = Vec::new();
        for order in orders {
            if let Err(why) = self.carry_out(&order).await {
                if differs {
                    // What cannot be kept now is found at the next start; what runs is as it was.
                    let _ = keep(&self.model.store, before.clone()).await;
                    let whole = before.over(&self.model.files.borrow());
                    self.put(before, whole.config).await;
                }
                return Err(vec![Fault::new(code::COMMAND, "Device.", why)]);
            }
            done.push(order);
        }
        Ok(())
    }

    /// Puts in force what was written.
    async fn put(&self, desired: Desired, config: Config) {
        self.shared.chain.keep_parameters(desired.parameters());
        *self.model.desired.borrow_mut() = desired;
        self.apply(config).await;
    }

    async fn carry_out(&self, order: &Order) -> Result<(), String> {
        let (name, command) = match order {
            Order::Renew(name) => (name, Command::Renew),
            Order::Release(name) => (name, Command::Release),
            Order::Restart(name) => (name, Command::Restart),
            Order::ResetCounters(name) => {
                let counters = match self.controller(name)?.status().await {
                    Some(status) => status.counters,
                    None => return Err(format!("client {name} is ending")),
                };
                self.model.baselines.borrow_mut().insert(name.clone(), counters);
                return Ok(());
            }
        };
        // A client without an interface has no controller, and nothing to extend or give back.
        let controller = self.controller(name).map_err(|_| format!("client {name} has no interface"))?;
        controller.command(command).await.map_err(|why| format!("client {name}: {why}"))
    }

    /// Sets what can be set of each object, and says what cannot.
    async fn set_partially<'a>(
        &self,
        mut trial: Trial<'a>,
        values: FlatMap<String, Value>,
    ) -> (Trial<'a>, Changed) {
        let mut objects: FlatMap<String, Vec<(String, Value)>> = FlatMap::new();
        for (path, value) in values {
            let object = path.rsplit_once('.').map_or_else(String::new, |(object, _)| object.to_owned());
            objects.entry(object).or_default().push((path, value));
        }
        let mut changed = Changed::default();
        for parameters in objects.into_values() {
            let mut attempt = trial.clone();
            let set = parameters.iter().try_for_each(|(path, value)| attempt.set(path, value));
            let faults = match set.map_err(|fault| vec![fault]).and_then(|()| attempt.clone().finish()) {
                Err(faults) => faults,
                Ok(outcome) => {
                    // Those of the objects before have agreed already.
                    let new = outcome.vendor.get(trial.vendor().len()..).unwrap_or_default();
                    self.agree(new).await.err().unwrap_or_default()
                }
            };
            if faults.is_empty() {
                changed.paths.extend(parameters.into_iter().map(|(path, _)| path));
                trial = attempt;
            } else {
                changed.failed.extend(faults);
            }
        }
        (trial, changed)
    }

    fn publish_model(&self, kind: EventKind, paths: &[String]) {
        const MOST: usize = 16;
        let mut detail = paths.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
        if paths.len() > MOST {
            detail.push_str(&format!(" and {} more", paths.len() - MOST));
        }
        self.shared.events.publish(Event { detail: Some(detail), ..Event::now(kind) });
    }

    /// What is asked of the data model over the control socket.
    pub(super) async fn on_model(&self, request: Request) -> Response {
        let change = match request {
            Request::Get { paths, levels } => return answer(self.get(&paths, levels).await),
            Request::GetInstances { path } => return answer(self.instances(&path).await),
            Request::GetSupported { path } => return answer(self.supported(&path).await),
            Request::Set { values, allow_partial } => Change::Set { values, allow_partial },
            Request::Add { path, values } => Change::Add { path, values },
            Request::Delete { paths } => Change::Delete { paths },
            Request::Operate { call } => Change::Operate { command: call },
            _ => return Response::refused("this is answered elsewhere"),
        };
        match self.change(change).await {
            Ok(changed) => Response::done(changed),
            Err(faults) => Response::faults(faults),
        }
    }
}

/// The client-id (RFC 2132 section 9.14).
const CLIENT_ID: u16 = 61;

fn answer(outcome: Result<impl serde::Serialize, Fault>) -> Response {
    match outcome {
        Ok(result) => Response::done(result),
        Err(fault) => Response::faults(vec![fault]),
    }
}

pub(super) fn references(paths: &[String]) -> Vec<&str> {
    paths.iter().map(String::as_str).collect()
}

impl DataModel for Daemon {
    async fn get(&self, paths: &[String], levels: u32) -> Result<Flat, Fault> {
        let began = Instant::now();
        let flat = read::get(&self.present(&references(paths)).await, paths, levels);
        tracing::trace!(took_us = began.elapsed().as_micros(), "the data model was read");
        flat
    }

    async fn instances(&self, path: &str) -> Result<Vec<String>, Fault> {
        // Rows, and nothing in them, unless they are searched for.
        let searched = [path];
        read::instances(&self.present(if path.contains('[') { &searched } else { &[] }).await, path)
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Notices, Fault> {
        let mut happened = self.model.looking.lock().await;
        happened.get_or_insert_with(|| self.shared.events.subscribe().1);
        let mut all = self.model.watchers.borrow().references();
        all.extend(subscription.references.iter().cloned());
        let mut facts = self.present(&references(&all)).await;
        self.replay(&mut happened, &mut facts);
        let notices = self.model.watchers.borrow_mut().add(subscription, &facts, &clock::timestamp())?;
        self.model.joined.notify_one();
        Ok(notices)
    }

    async fn supported(&self, path: &str) -> Result<Vec<Supported>, Fault> {
        read::supported(path, &self.facts(&["Device."]).await.supported())
    }

    async fn change(&self, change: Change) -> Result<Changed, Vec<Fault>> {
        let writer = self.model.writing.lock().await;
        let (inputs, _) = self.inputs(&change.paths()).await;
        let files = self.model.files.borrow().clone();
        let (desired, passing) = (self.model.desired.borrow().clone(), self.model.passing.borrow().clone());
        let mut trial = Trial::new(&files, &inputs, desired, passing);
        let one = |fault: Fault| vec![fault];
        let is_operation = matches!(change, Change::Operate { .. });
        let is_partial = matches!(change, Change::Set { allow_partial: true, .. });
        let changed = match change {
            Change::Set { values, allow_partial: false } => {
                let faults: Vec<Fault> =
                    values.iter().filter_map(|(path, value)| trial.set(path, value).err()).collect();
                if !faults.is_empty() {
                    return Err(faults);
                }
                Changed { paths: values.into_keys().collect(), failed: Vec::new() }
            }
            Change::Set { values, allow_partial: true } => {
                let changed;
                (trial, changed) = self.set_partially(trial, values).await;
                changed
            }
            Change::Add { path, values } => {
                let values: Vec<_> = values.into_iter().collect();
                Changed { paths: vec![trial.add(&path, &values).map_err(one)?], failed: Vec::new() }
            }
            Change::Delete { paths } => {
                let mut deleted = Vec::new();
                for path in &paths {
                    deleted.extend(trial.delete(path).map_err(one)?);
                }
                Changed { paths: deleted, failed: Vec::new() }
            }
            Change::Operate { command } => {
                Changed { paths: trial.operate(&command).map_err(one)?, failed: Vec::new() }
            }
        };
        // All of it is right before any handler is asked.
        let outcome = trial.finish()?;
        let vendor = outcome.vendor.clone();
        if !is_partial {
            self.agree(&vendor).await?;
        }
        if let Err(faults) = self.commit(outcome).await {
            self.take_back(&vendor).await;
            return Err(faults);
        }
        self.parameters_changed(&vendor).await;
        let kind = if is_operation { EventKind::OperationComplete } else { EventKind::ModelChanged };
        if is_operation {
            self.model.watchers.borrow_mut().operated(&changed.paths);
        }
        if !changed.paths.is_empty() {
            self.publish_model(kind, &changed.paths);
        }
        drop(writer);
        // Before the next: what it takes away again was told.
        if !self.model.watchers.borrow().is_empty() {
            self.look().await;
        }
        Ok(changed)
    }
}
