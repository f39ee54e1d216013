//! The daemon: puts the parts together, and takes orders from signals and from the control socket.

mod attendance;
mod link;
mod model;
mod notifier;
mod privileges;
mod softwires;
mod start;
mod vendor;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::{Emitted, Protocol};
use futures_util::future::join_all;
use tokio::sync::watch;

pub use start::{StartError, check, run};

use crate::clients::{self, Census};
use crate::config::{self, Client, Config, MetricsAddress, OnStop};
use crate::control::views::{ClientStatus, ConfigShown, Reload, Status};
use crate::control::{Controls, Request, Response};
use crate::controller::{Command, Controller, Ending, Shared};
use crate::delegation::Outcome;
use crate::events::{Event, EventKind, EventLog};
use crate::flat::FlatMap;
use crate::handlers::{HandlerNotice, NoticeKind};
use crate::hooks::{self, Hooks};
use crate::import::{self, Order};
use crate::metrics::{self, Figures, Source as _};
use crate::network::NetworkEvent;
use crate::paths::Paths;
use crate::softwire::backend::Backends;

/// The running daemon.
pub struct Daemon {
    shared: Rc<Shared>,
    backends: Rc<Backends>,
    config: RefCell<Config>,
    files: RefCell<Vec<PathBuf>>,
    controllers: RefCell<FlatMap<ClientName, Running>>,
    hooks: Hooks,
    started: Instant,
    /// Where metrics are served.
    metrics: watch::Sender<Option<MetricsAddress>>,
    logging: start::Logging,
    model: model::Model,
}

/// A client that has a controller.
#[derive(Clone)]
struct Running {
    client: Client,
    controller: Controller,
}

impl Daemon {
    /// The controllers as they are now: nothing is borrowed while they are asked.
    fn running(&self) -> Vec<Running> {
        self.controllers.borrow().values().cloned().collect()
    }

    fn controller(&self, name: &ClientName) -> Result<Controller, String> {
        let controllers = self.controllers.borrow();
        controllers.get(name).map(|running| running.controller.clone()).ok_or_else(|| {
            let known: Vec<&str> = controllers.keys().map(ClientName::as_str).collect();
            format!("no client \"{name}\" is configured; there is {}", known.join(", "))
        })
    }

    /// Starts the controller of a client with what an earlier daemon left of it. [`Daemon::go_on`] is next.
    async fn start_client(&self, client: Client, census: &mut Census) {
        let records = &self.shared.records;
        self.set_link(&client, client.enabled).await;
        self.listen_to(&client);
        let inherited = census.inherit(&client.name, client.protocol, &client.interface, records);
        let controller = Controller::start(client.clone(), Rc::clone(&self.shared), inherited);
        let name = client.name.clone();
        self.controllers.borrow_mut().insert(name.clone(), Running { client, controller });
        self.shared.sessions.replay_journal(&name).await;
    }

    /// Has the packet observer listen where the client is now.
    fn listen_to(&self, client: &Client) {
        let link = self.shared.network.link(&client.interface);
        self.shared.observer.watch(&client.name, client.protocol, link.as_ref());
    }

    /// Tells a client its link: what it inherited is complete, and it goes on from there.
    async fn go_on(&self, running: Running) {
        let aside = self.shared.softwires.aside(&running.client.interface);
        if aside.is_some() && running.client.protocol == Protocol::V4 {
            running.controller.aside(aside).await;
        }
        running.controller.link(self.shared.network.link(&running.client.interface)).await;
    }

    /// Starts a client while the daemon runs.
    async fn add_client(&self, client: Client) {
        let name = client.name.clone();
        self.start_client(client, &mut Census::take(&self.shared.paths)).await;
        let running = self.controllers.borrow().get(&name).cloned();
        if let Some(running) = running {
            self.go_on(running).await;
        }
    }

    async fn end_client(&self, name: &ClientName) {
        let running = self.controllers.borrow_mut().remove(name);
        if let Some(running) = running {
            running.controller.end(Ending::GiveBack).await;
            self.set_link(&running.client, false).await;
            clients::forget(&self.shared.records, name);
            self.shared.observer.forget(name);
            // A client of that name in a later configuration is another one.
            let _ = self.shared.recovery.remove(name.as_str());
            self.shared.events.forget(name);
        }
    }

    /// Ends every client at once, as its configuration says, and waits for all.
    async fn end_all(&self) {
        let ending: Vec<_> = self
            .running()
            .into_iter()
            .map(|running| {
                let how = match running.client.on_stop {
                    OnStop::Keep => Ending::Keep,
                    OnStop::Stop => Ending::Stop,
                    OnStop::Release => Ending::GiveBack,
                };
                tokio::task::spawn_local(async move { running.controller.end(how).await })
            })
            .collect();
        for task in ending {
            let _ = task.await;
        }
        for running in self.running().into_iter().filter(|running| running.client.on_stop != OnStop::Keep) {
            self.set_link(&running.client, false).await;
            self.end_softwire(&running.client);
        }
        self.settle_softwires().await;
    }

    /// Whether every lease is given back when the daemon ends.
    fn keeps_nothing(&self) -> bool {
        self.config.borrow().clients.values().all(|client| client.on_stop == OnStop::Release)
    }

    async fn on_network(&self, event: NetworkEvent) {
        match event {
            NetworkEvent::Link { name, state } => {
                for running in self.running().into_iter().filter(|running| running.client.interface == name) {
                    self.listen_to(&running.client);
                    running.controller.link(state.clone()).await;
                }
                self.tell(self.shared.delegations.link(&name).await);
                // Unless it is back already, as when it was made anew on purpose.
                if state.is_none() && self.shared.network.link(&name).is_none() {
                    self.shared.softwires.interface_gone(&name);
                }
            }
            NetworkEvent::Repaired { interface, what } => {
                self.publish_about(&interface, EventKind::KernelRepaired, &what);
            }
            NetworkEvent::Duplicate { interface, address } => {
                let what = format!(
                    "address {address} is in use by another host on the link (duplicate address detection)"
                );
                self.publish_about(&interface, EventKind::KernelMismatch, &[what]);
            }
            NetworkEvent::Mismatch { interface, what } => {
                self.publish_about(&interface, EventKind::KernelMismatch, &what);
            }
        }
    }

    /// Publishes what came of LANs.
    fn tell(&self, outcome: Outcome) {
        outcome.events.into_iter().for_each(|event| self.shared.events.publish(event));
    }

    fn publish_about(&self, interface: &dhcpmgr_message::IfName, kind: EventKind, what: &[String]) {
        let detail = format!("{interface}: {}", what.join("; "));
        tracing::warn!("{detail}");
        for running in self.running().into_iter().filter(|running| running.client.interface == *interface) {
            let event = Event::now(kind.clone());
            self.shared.events.publish(Event {
                client: Some(running.client.name),
                detail: Some(detail.clone()),
                ..event
            });
        }
    }

    async fn on_handler(&self, notice: HandlerNotice) {
        let kind = match notice.kind {
            NoticeKind::Failed => EventKind::HandlerFailed,
            NoticeKind::Quarantined => EventKind::HandlerQuarantined,
            NoticeKind::Recovered => EventKind::HandlerRecovered,
            NoticeKind::Conflict => EventKind::HandlerConflict,
        };
        let healthy_again = notice.kind == NoticeKind::Recovered;
        self.shared.events.publish(Event {
            handler: Some(notice.handler),
            detail: Some(notice.reason),
            ..Event::now(kind.clone())
        });
        // A single failure changes nothing that a client asks for; the other two may.
        if healthy_again || kind == EventKind::HandlerQuarantined {
            self.handlers_changed().await;
        }
    }

    /// Tells handlers what has happened to clients, for as long as the daemon runs, and publishes what they say to it.
    async fn let_handlers_react(&self) {
        let Some(mut happenings) = self.shared.chain.happenings() else { return };
        while let Some(happening) = happenings.recv().await {
            for (handler, Emitted { name, fields }) in self.shared.chain.react(&happening).await {
                let client = Some(happening.client.clone());
                let event = Event::now(EventKind::Vendor(name));
                self.shared.events.publish(Event { client, handler: Some(handler), fields, ..event });
            }
        }
    }

    async fn handlers_changed(&self) {
        for running in self.running() {
            running.controller.handlers_changed().await;
        }
    }

    /// Reads the configuration again and applies the difference; refuses it whole when anything in it is wrong.
    pub async fn reload(&self) -> Result<Reload, String> {
        let _writer = self.model.writing.lock().await;
        let loaded = config::load(&self.shared.paths).map_err(|errors| errors.to_string())?;
        for hook in &loaded.config.hooks {
            hooks::check(hook).map_err(|why| format!("hooks.{}: {why}", hook.name))?;
        }
        let config = self.model.over(&loaded.config)?;
        self.model.take(loaded.config);
        self.shared.chain.keep_parameters(self.model.parameters());
        let changes = self.apply(config).await;
        for line in self.backends.restore_filters().await {
            tracing::error!("{line}");
        }
        *self.files.borrow_mut() = loaded.files;
        let detail = if changes.is_empty() { "nothing differs".to_owned() } else { changes.join("; ") };
        tracing::info!("configuration read again: {detail}");
        self.shared.events.publish(Event { detail: Some(detail), ..Event::now(EventKind::ConfigReloaded) });
        Ok(Reload { changes })
    }

    /// Puts a configuration in the place of the one in force, by the smallest steps; says what differed.
    async fn apply(&self, config: Config) -> Vec<String> {
        let diff = config::diff(&self.config.borrow(), &config);
        if diff.log {
            self.logging.set(&config.daemon.log);
        }
        if diff.dns {
            privileges::check(config.dns.backend);
            self.shared.network.set_dns_backend(config.dns.backend);
        }
        if diff.metrics {
            self.metrics.send_replace(config.metrics.listen);
        }
        if diff.observer {
            self.shared.observer.set(config.observer.enabled);
            self.running().iter().for_each(|running| self.listen_to(&running.client));
        }
        for name in &diff.clients_removed {
            self.end_client(name).await;
        }
        self.shared.chain.reconfigure(&config.handlers).await;
        for change in &diff.clients_changed {
            let client = config.clients[&change.name].clone();
            self.change_client(client, change.new_link).await;
        }
        for name in &diff.clients_added {
            self.add_client(config.clients[name].clone()).await;
        }
        if !diff.softwire.is_empty() {
            self.change_softwire(&config.softwire).await;
        }
        self.shared.softwires.retain(|wan| config.clients.values().any(|client| client.interface == *wan));
        if !diff.lans.is_empty() {
            self.tell(self.shared.delegations.reconfigure(config.lans.clone()).await);
        }
        if diff.touches_handlers() {
            self.handlers_changed().await;
        }
        self.hooks.reconfigure(&config);
        *self.config.borrow_mut() = config;
        diff.lines()
    }

    /// Gives a client its new configuration; on another interface it is another client.
    async fn change_client(&self, client: Client, another: bool) {
        let known = self.controllers.borrow().get(&client.name).cloned();
        match known {
            Some(running) if !another => {
                self.set_link(&client, client.enabled).await;
                running.controller.reconfigure(client.clone()).await;
                let running = Running { client: client.clone(), ..running };
                self.controllers.borrow_mut().insert(client.name, running);
            }
            _ => {
                self.end_client(&client.name).await;
                self.add_client(client).await;
            }
        }
    }

    async fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs(),
            clients: self.clients().await,
            handlers: self.shared.chain.status(),
            lans: self.shared.delegations.lans().await,
            wans: self.shared.softwires.views(),
            messages: self.shared.sessions.counters(),
            observer: self.shared.observer.view(),
        }
    }

    async fn import(&self, order: Order) -> Response {
        let known = import::known(&self.config.borrow());
        // What is in use already must be seen to be.
        self.shared.keeper.finish().await;
        let identities = self.shared.keeper.identities().clone();
        let imported =
            tokio::task::spawn_blocking(move || import::carry_out(&order, &known, &identities)).await;
        self.shared.keeper.forget_what_was_read();
        match imported {
            Ok(outcome) => Response::done(outcome),
            Err(error) => Response::refused(format!("the import was broken off: {error}")),
        }
    }

    async fn switch(&self, client: &ClientName, enabled: bool) -> Response {
        let running = self.controllers.borrow().get(client).cloned();
        if let Some(running) = running.as_ref().filter(|_| enabled) {
            self.set_link(&running.client, true).await;
        }
        let response = self.order(client, if enabled { Command::Enable } else { Command::Disable }).await;
        if let Some(running) = running.filter(|_| !enabled) {
            self.set_link(&running.client, false).await;
        }
        response
    }

    async fn order(&self, client: &ClientName, command: Command) -> Response {
        let controller = match self.controller(client) {
            Ok(controller) => controller,
            Err(reason) => return Response::refused(reason),
        };
        match controller.command(command).await {
            Ok(()) => Response::done(format!("{client}: {}", command.done())),
            Err(why) => Response::refused(format!("client {client}: {why}")),
        }
    }
}

impl metrics::Source for Daemon {
    fn paths(&self) -> &Paths {
        &self.shared.paths
    }

    async fn page(&self) -> String {
        metrics::text(&Figures { status: self.status().await, counted: self.shared.events.counted() })
    }
}

impl Controls for Daemon {
    async fn handle(&self, request: Request) -> Response {
        match request {
            Request::Status => Response::done(self.status().await),
            Request::Lease { client } => {
                if let Some(name) = &client
                    && let Err(reason) = self.controller(name)
                {
                    return Response::refused(reason);
                }
                let wanted = |status: &ClientStatus| client.as_ref().is_none_or(|name| status.name == *name);
                let statuses = self.clients().await.into_iter();
                Response::done(statuses.filter(wanted).map(ClientStatus::into_lease).collect::<Vec<_>>())
            }
            Request::Why { client } => match self.controller(&client) {
                Ok(controller) => match controller.why().await {
                    Some(why) => Response::done(why),
                    None => Response::refused(format!("client {client} is ending")),
                },
                Err(reason) => Response::refused(reason),
            },
            Request::Renew { client } => self.order(&client, Command::Renew).await,
            Request::Release { client } => self.order(&client, Command::Release).await,
            Request::Restart { client } => self.order(&client, Command::Restart).await,
            Request::Enable { client } => self.switch(&client, true).await,
            Request::Disable { client } => self.switch(&client, false).await,
            Request::Metrics => Response::done(self.page().await),
            Request::Handlers => Response::done(self.shared.chain.status()),
            Request::HandlerReset { handler } => match self.shared.chain.reset(&handler).await {
                Ok(()) => {
                    self.handlers_changed().await;
                    Response::done(format!("handler {handler} is started again"))
                }
                Err(reason) => Response::refused(reason),
            },
            Request::HandlerReload { handler } => match self.shared.chain.reload(&handler).await {
                Ok(sentence) => {
                    self.handlers_changed().await;
                    Response::done(sentence)
                }
                Err(reason) => Response::refused(reason),
            },
            Request::HandlerQuarantine { handler } => match self.shared.chain.quarantine(&handler).await {
                Ok(()) => {
                    self.handlers_changed().await;
                    Response::done(format!(
                        "handler {handler} is quarantined; what it contributed last stays in force"
                    ))
                }
                Err(reason) => Response::refused(reason),
            },
            Request::ConfigReload => match self.reload().await {
                Ok(reload) => Response::done(reload),
                Err(reason) => Response::refused(reason),
            },
            Request::ConfigShow => Response::done(ConfigShown {
                files: self.files.borrow().iter().map(|file| file.display().to_string()).collect(),
                toml: config::to_toml(&self.config.borrow()),
            }),
            Request::Import { order } => self.import(order).await,
            Request::Events { .. } | Request::Watch(_) => Response::refused("this is streamed, not answered"),
            Request::Get { .. }
            | Request::GetInstances { .. }
            | Request::GetSupported { .. }
            | Request::Set { .. }
            | Request::Add { .. }
            | Request::Delete { .. }
            | Request::Operate { .. } => self.on_model(request).await,
        }
    }

    async fn clients(&self) -> Vec<ClientStatus> {
        // All at once: one after the other, each would wait for its turn behind whatever else the thread has to do.
        let running = self.running();
        let asked = running.iter().map(|running| running.controller.status());
        join_all(asked).await.into_iter().flatten().collect()
    }

    fn events(&self) -> &EventLog {
        &self.shared.events
    }
}
