//! The controller of one client: everything about that client happens here, one thing after the other.
//!
//! The [`machine`] decides, this task carries out: it starts and signals the process, asks the handlers, hands the
//! network what they planned, and says what happened.

mod lease;
mod machine;
mod recorder;

use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{ClientEvent, LeaseMessage, Token};
use dhcpmgr_plugin_api::{LeaseEvent, Link, Policy};
use nix::sys::signal::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub use machine::Command;

use crate::clients::{self, Backoff, Launch, LaunchContext, Output, PATIENCE, Process};
use crate::clock;
use crate::config::Client;
use crate::control::views::{ClientLease, ClientStatus, Exchange, Lease as LeaseView, Why};
use crate::events::{Change, Event, EventKind, EventLog};
use crate::handlers::{Chain, Decision};
use crate::lease_monitor::{Arrival, Origin, Sessions};
use crate::network::{LinkState, Network, NetworkError};
use crate::paths::Paths;
use lease::Lease;
use machine::{Effect, Input, Machine};
use recorder::Recorder;

/// Messages that may wait for a controller; more hold back their sender.
const INBOX: usize = 16;
/// The longest sleep: `CLOCK_BOOTTIME` runs on through a suspend that the timer does not see.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
/// How long to wait before a client that cannot be started is tried again: its program may be being installed.
const NOT_STARTED_MS: u64 = 10_000;

/// What all controllers share.
#[derive(Debug)]
pub struct Shared {
    /// Where everything is.
    pub paths: Paths,
    /// The handlers.
    pub chain: Chain,
    /// The kernel and the resolver.
    pub network: Network,
    /// What happened.
    pub events: EventLog,
    /// Who may send leases.
    pub sessions: Rc<Sessions>,
}

/// What a controller is told by the daemon.
#[derive(Debug)]
enum Order {
    Command(Command, oneshot::Sender<Result<(), String>>),
    Link(Option<LinkState>),
    HandlersChanged,
    Reconfigure(Box<Client>),
    Status(oneshot::Sender<ClientStatus>),
    Why(oneshot::Sender<Why>),
    End { give_back: bool, done: oneshot::Sender<()> },
}

/// The way to a running controller.
#[derive(Debug, Clone)]
pub struct Controller(mpsc::Sender<Order>);

impl Controller {
    /// Starts the controller of a client; needs a `LocalSet`. What the journal remembers comes first.
    #[must_use]
    pub fn start(client: Client, shared: Rc<Shared>) -> Self {
        let (sender, inbox) = mpsc::channel(INBOX);
        shared.sessions.open(client.name.clone(), client.interface.clone(), sender);
        let (orders, incoming) = mpsc::channel(INBOX);
        tokio::task::spawn_local(Task::new(client, shared).run(inbox, incoming));
        Self(orders)
    }

    /// Carries out a command, or says why not.
    pub async fn command(&self, command: Command) -> Result<(), String> {
        self.ask(|reply| Order::Command(command, reply))
            .await
            .unwrap_or_else(|| Err("the client is ending".to_owned()))
    }

    /// Tells it how its link is.
    pub async fn link(&self, state: Option<LinkState>) {
        let _ = self.0.send(Order::Link(state)).await;
    }

    /// Tells it that handlers came, went or answer otherwise.
    pub async fn handlers_changed(&self) {
        let _ = self.0.send(Order::HandlersChanged).await;
    }

    /// Gives it a changed configuration of the same name, protocol and interface.
    pub async fn reconfigure(&self, client: Client) {
        let _ = self.0.send(Order::Reconfigure(Box::new(client))).await;
    }

    /// The client at a glance.
    pub async fn status(&self) -> Option<ClientStatus> {
        self.ask(Order::Status).await
    }

    /// The client in full.
    pub async fn why(&self) -> Option<Why> {
        self.ask(Order::Why).await
    }

    /// Ends the client, and the controller with it. The lease is given back, or left to its time.
    pub async fn end(&self, give_back: bool) {
        self.ask(|done| Order::End { give_back, done }).await;
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(order(reply)).await.ok()?;
        answer.await.ok()
    }
}

impl ClientStatus {
    /// The row of `dhcpmgr lease`.
    #[must_use]
    pub fn into_lease(self) -> ClientLease {
        ClientLease { client: self.name, interface: self.interface, lease: self.lease }
    }
}

struct Task {
    client: Client,
    shared: Rc<Shared>,
    machine: Machine,
    lease: Option<Lease>,
    /// The message that the lease came from, to decide again when handlers or policy change.
    source: Option<LeaseMessage>,
    running: Option<(Process, Output)>,
    launched: Option<Launch>,
    kill_at: Option<Instant>,
    backoff: Backoff,
    restarts: u64,
    recorder: Recorder,
    ending: Option<oneshot::Sender<()>>,
}

/// What the select below wakes up for.
enum Woken {
    Order(Option<Order>),
    Arrival(Arrival),
    Line(String),
    Exited(clients::ExitReason),
    Kill,
    Tick,
}

impl Task {
    fn new(client: Client, shared: Rc<Shared>) -> Self {
        let machine = Machine::new(client.interface.as_str(), client.enabled);
        Self {
            client,
            shared,
            machine,
            lease: None,
            source: None,
            running: None,
            launched: None,
            kill_at: None,
            backoff: Backoff::default(),
            restarts: 0,
            recorder: Recorder::default(),
            ending: None,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Arrival>, mut orders: mpsc::Receiver<Order>) {
        if let Some(note) = clients::end_stray(&self.process_record()) {
            tracing::info!("{}: {note}", self.client.name);
        }
        loop {
            match self.next(&mut inbox, &mut orders).await {
                Woken::Order(Some(order)) => self.on_order(order).await,
                Woken::Order(None) => break,
                Woken::Arrival(arrival) => self.on_arrival(arrival).await,
                Woken::Line(line) => self.on_line(line).await,
                Woken::Exited(reason) => self.on_exit(reason).await,
                Woken::Kill => {
                    self.kill_at = None;
                    if let Some((process, _)) = &self.running {
                        process.kill();
                    }
                }
                Woken::Tick => self.tell(Input::Tick).await,
            }
            if self.machine.is_idle()
                && let Some(done) = self.ending.take()
            {
                self.shared.sessions.close(&self.client.name);
                let _ = done.send(());
                break;
            }
        }
    }

    async fn next(
        &mut self,
        inbox: &mut mpsc::Receiver<Arrival>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Woken {
        let sleep = self.machine.deadline().map_or(LONGEST_SLEEP, |deadline| {
            Duration::from_millis(deadline.saturating_sub(clock::boottime_ms())).min(LONGEST_SLEEP)
        });
        let tick = async {
            match self.machine.deadline() {
                Some(_) => tokio::time::sleep(sleep).await,
                None => std::future::pending().await,
            }
        };
        let kill = async {
            match self.kill_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let process = async {
            match &mut self.running {
                Some((process, output)) => tokio::select! {
                    biased;
                    line = output.line() => Woken::Line(line),
                    reason = process.wait() => Woken::Exited(reason),
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => Woken::Order(order),
            // Before the end of its process: the last words of a client count.
            Some(arrival) = inbox.recv() => Woken::Arrival(arrival),
            woken = process => woken,
            () = kill => Woken::Kill,
            () = tick => Woken::Tick,
        }
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::Command(command, reply) => {
                let _ = reply.send(self.command(command).await);
            }
            Order::Link(state) => self.tell(Input::Link(state)).await,
            Order::HandlersChanged => self.look_again().await,
            Order::Reconfigure(client) => {
                let enabled = client.enabled;
                self.client = *client;
                if enabled != self.machine.enabled() {
                    let command = if enabled { Command::Enable } else { Command::Disable };
                    let _ = self.command(command).await;
                }
                self.look_again().await;
            }
            Order::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Order::Why(reply) => {
                let _ = reply.send(self.why());
            }
            Order::End { give_back, done } => {
                let command = if give_back { Command::Disable } else { Command::Leave };
                let _ = self.command(command).await;
                self.ending = Some(done);
            }
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), String> {
        let effects = self.machine.command(command, clock::boottime_ms())?;
        self.carry_out(effects).await;
        Ok(())
    }

    async fn tell(&mut self, input: Input) {
        let effects = self.machine.handle(input, clock::boottime_ms());
        self.carry_out(effects).await;
    }

    async fn on_line(&mut self, line: String) {
        tracing::debug!("{}: {line}", self.client.name);
        let progress = clients::progress(self.client.program, &line);
        self.recorder.line(line);
        if let Some(progress) = progress {
            self.tell(Input::Progress(progress)).await;
        }
    }

    async fn on_exit(&mut self, reason: clients::ExitReason) {
        if let Some((_, mut output)) = self.running.take() {
            output.rest().into_iter().for_each(|line| self.recorder.line(line));
        }
        self.kill_at = None;
        self.shared.sessions.set_token(&self.client.name, None);
        let _ = std::fs::remove_file(self.process_record());
        let retry_in = self.backoff.next(random_byte()).as_millis() as u64;
        self.tell(Input::Exited { how: reason.to_string(), retry_in }).await;
    }

    async fn on_arrival(&mut self, arrival: Arrival) {
        let message = arrival.message;
        let exchange = Exchange {
            time: clock::timestamp(),
            event: message.event.as_str().to_owned(),
            values: recorder::values(&message),
            problems: message.problems.clone(),
            handlers: Vec::new(),
            decisions: Vec::new(),
            applied: Vec::new(),
            changed: Vec::new(),
            shim_us: arrival.at_ms.saturating_sub(message.at_ms) * 1000,
            handlers_us: 0,
            kernel_us: 0,
        };
        if message.event.carries_lease() {
            return self.on_lease(message, arrival.origin, exchange).await;
        }
        self.recorder.exchange(exchange);
        match message.event {
            ClientEvent::Deconfig => self.tell(Input::Deconfig).await,
            ClientEvent::Nak => self.tell(Input::Nak).await,
            ClientEvent::Leasefail => self.tell(Input::Leasefail).await,
            other => self.recorder.decided(format!("ignored: a v4 client does not say {}", other.as_str())),
        }
    }

    /// A lease, all the way: handlers, kernel, event.
    async fn on_lease(&mut self, message: LeaseMessage, origin: Origin, mut exchange: Exchange) {
        let decision = self.shared.chain.decide(&self.lease_event(&message)).await;
        exchange.handlers = recorder::handlers(&decision.reports);
        exchange.handlers_us = exchange.handlers.iter().map(|h| h.took_us).sum();
        exchange.decisions.clone_from(&decision.plan.notes);
        match self.accept(&message, decision) {
            Err(reason) => {
                exchange.decisions.push(format!("refused: {reason}"));
                self.recorder.exchange(exchange);
                self.refuse(reason, origin).await;
            }
            Ok((lease, emitted)) if lease.held.valid_until.is_some_and(|end| end <= clock::boottime_ms()) => {
                drop((lease, emitted));
                exchange.decisions.push("ignored: this lease is over already".to_owned());
                self.recorder.exchange(exchange);
                if self.lease.is_none() {
                    self.shared.sessions.journal().forget(&self.client.name);
                }
            }
            Ok((lease, emitted)) => self.take(message, lease, emitted, origin, exchange).await,
        }
    }

    fn lease_event(&self, message: &LeaseMessage) -> LeaseEvent {
        let link = self.shared.network.link(&self.client.interface);
        let said = |value: u32| (value != 0).then_some(value);
        LeaseEvent {
            client: self.client.name.clone(),
            interface: self.client.interface.clone(),
            protocol: self.client.protocol,
            event: message.event,
            link: link.map_or_else(Link::default, |link| Link {
                mtu: Some(link.mtu),
                min_mtu: said(link.min_mtu),
                max_mtu: said(link.max_mtu),
            }),
            policy: Policy { mtu: self.client.mtu, routes: self.client.routes, metric: self.client.metric },
            v4: message.v4.clone(),
            v6: message.v6.clone(),
        }
    }

    fn accept(&self, message: &LeaseMessage, decision: Decision) -> Result<(Lease, Vec<Event>), String> {
        if let Some((handler, reason)) = decision.refused {
            return Err(format!("{reason} (handler {handler})"));
        }
        let mut plan = decision.plan;
        let emitted = std::mem::take(&mut plan.events).into_iter();
        let events =
            emitted.map(|e| Event { fields: e.fields, ..self.event(EventKind::Vendor(e.name)) }).collect();
        Ok((Lease::build(&self.client, message, plan)?, events))
    }

    async fn refuse(&mut self, reason: String, origin: Origin) {
        self.shared.sessions.journal().forget(&self.client.name);
        tracing::warn!("{}: lease refused: {reason}", self.client.name);
        self.publish(Event { detail: Some(reason.clone()), ..self.event(EventKind::LeaseRefused) });
        // The lease before stays until it ends; what an earlier daemon left was not taken by a running client.
        if origin != Origin::Journal {
            self.tell(Input::Refused(reason)).await;
        }
    }

    async fn take(
        &mut self,
        message: LeaseMessage,
        lease: Lease,
        emitted: Vec<Event>,
        origin: Origin,
        mut exchange: Exchange,
    ) {
        let started = Instant::now();
        match self.shared.network.apply(&self.client.name, Some(lease.desired.clone())).await {
            Ok(applied) => exchange.applied = applied.actions.iter().map(ToString::to_string).collect(),
            Err(error) => {
                tracing::error!("{}: {error}", self.client.name);
                if let NetworkError::Incomplete { applied, .. } = &error {
                    exchange.applied = applied.actions.iter().map(ToString::to_string).collect();
                }
                exchange.decisions.push(format!("not all could be applied: {error}"));
                self.publish(Event {
                    detail: Some(error.to_string()),
                    ..self.event(EventKind::KernelMismatch)
                });
            }
        }
        exchange.kernel_us = started.elapsed().as_micros() as u64;
        exchange.changed = lease.changes_from(self.lease.as_ref());
        let kind = match (&self.lease, exchange.changed.as_slice()) {
            (None, _) => EventKind::LeaseAcquired,
            (Some(_), [] | [Change::Lifetime]) => EventKind::LeaseRenewed,
            (Some(_), _) => EventKind::LeaseChanged,
        };
        let changed = exchange.changed.clone();
        self.recorder.exchange(exchange);
        let held = lease.held.clone();
        self.lease = Some(lease);
        self.source = Some(message);
        self.backoff.reset();
        self.tell(Input::Lease(held)).await;
        if origin == Origin::Journal {
            // The same lease as before the daemon was started: nothing happened.
            tracing::info!("{}: lease of an earlier daemon taken over", self.client.name);
            return;
        }
        self.publish(Event { changed, ..self.event(kind) });
        emitted.into_iter().for_each(|event| self.publish(event));
    }

    /// Handlers or the configuration have changed: the client may have to be started otherwise, and the lease may
    /// mean something else.
    async fn look_again(&mut self) {
        if let (Some(launched), Some(_)) = (&self.launched, &self.running) {
            let token = Token::from_random([0; 16]);
            let same = self.launch(&token).is_ok_and(|now| now.args == without_address(&launched.args));
            if !same {
                self.tell(Input::LaunchChanged).await;
            }
        }
        let Some(message) = self.source.clone().filter(|_| self.lease.is_some()) else { return };
        let decision = self.shared.chain.decide(&self.lease_event(&message)).await;
        match self.accept(&message, decision) {
            Err(reason) => self.refuse(reason, Origin::Socket).await,
            Ok((lease, emitted)) => {
                if self.lease.as_ref().is_some_and(|now| *now == lease) {
                    return;
                }
                let exchange = Exchange {
                    time: clock::timestamp(),
                    event: "decided again".to_owned(),
                    values: recorder::values(&message),
                    ..empty_exchange()
                };
                self.take(message, lease, emitted, Origin::Socket, exchange).await;
            }
        }
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        // An effect that fails makes the machine decide again, and that may have effects of its own.
        let mut waiting: std::collections::VecDeque<Effect> = effects.into();
        while let Some(effect) = waiting.pop_front() {
            if let Some(input) = self.carry_out_one(effect).await {
                waiting.extend(self.machine.handle(input, clock::boottime_ms()));
            }
        }
    }

    async fn carry_out_one(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Start(address) => return Some(self.start_process(address)),
            Effect::Stop => {
                self.kill_at = Some(Instant::now() + PATIENCE);
                self.signal(Signal::SIGTERM);
                self.publish(self.event(EventKind::ClientStopped));
            }
            Effect::SignalRenew => self.signal(clients::renew_signal(self.client.program)),
            Effect::SignalRelease => self.signal(clients::release_signal(self.client.program)),
            Effect::RaiseLink => {
                if let Err(error) = self.shared.network.set_up(&self.client.interface) {
                    tracing::error!("{}: {error}", self.client.name);
                }
            }
            Effect::Lose(reason) => self.lose(reason).await,
            Effect::Failed(reason) => {
                tracing::warn!("{}: {reason}", self.client.name);
                self.publish(Event { detail: Some(reason), ..self.event(EventKind::ClientFailed) });
            }
            Effect::LinkChanged(what) => {
                self.publish(Event { detail: Some(what), ..self.event(EventKind::LinkChanged) });
            }
            Effect::Note(note) => self.recorder.decided(note),
        }
        None
    }

    fn signal(&self, signal: Signal) {
        if let Some((process, _)) = &self.running {
            process.signal(signal);
        }
    }

    fn start_process(&mut self, address: Option<std::net::Ipv4Addr>) -> Input {
        let failed = |why: String| Input::NotStarted { why, retry_in: NOT_STARTED_MS };
        let token = match random_token() {
            Ok(token) => token,
            Err(error) => return failed(format!("no random numbers for a token: {error}")),
        };
        let launch = match self.launch_asking(&token, address) {
            Ok(launch) => launch,
            Err(error) => return failed(error.to_string()),
        };
        // Before the process: its first message must find it.
        self.shared.sessions.set_token(&self.client.name, Some(token));
        let (process, output) = match Process::spawn(&launch) {
            Ok(started) => started,
            Err(error) => return failed(error.to_string()),
        };
        if let Err(error) = process.record(&self.process_record()) {
            tracing::warn!("{}: cannot write {}: {error}", self.client.name, self.process_record().display());
        }
        if self.launched.is_some() {
            self.restarts += 1;
        }
        self.launched = Some(launch);
        self.running = Some((process, output));
        self.publish(self.event(EventKind::ClientStarted));
        Input::Started
    }

    fn launch(&self, token: &Token) -> Result<Launch, clients::LaunchError> {
        self.launch_asking(token, None)
    }

    fn launch_asking(
        &self,
        token: &Token,
        last_address: Option<std::net::Ipv4Addr>,
    ) -> Result<Launch, clients::LaunchError> {
        let wants = self.shared.chain.wants(&self.client.name, self.client.protocol);
        clients::launch(
            &self.client,
            &LaunchContext { paths: &self.shared.paths, wants: &wants, token, last_address },
        )
    }

    async fn lose(&mut self, reason: String) {
        self.shared.sessions.journal().forget(&self.client.name);
        self.shared.chain.forget(&self.client.name);
        if let Err(error) = self.shared.network.apply(&self.client.name, None).await {
            tracing::error!("{}: {error}", self.client.name);
        }
        let changed = self.lease.take().map(|lease| lease.changes_from(None)).unwrap_or_default();
        self.source = None;
        tracing::info!("{}: lease lost: {reason}", self.client.name);
        self.publish(Event { changed, detail: Some(reason), ..self.event(EventKind::LeaseLost) });
    }

    fn publish(&self, event: Event) {
        self.shared.events.publish(event);
    }

    fn event(&self, kind: EventKind) -> Event {
        Event {
            client: Some(self.client.name.clone()),
            lease: self.lease_view().and_then(|lease| serde_json::to_value(lease).ok()),
            ..Event::now(kind)
        }
    }

    fn lease_view(&self) -> Option<LeaseView> {
        self.lease.as_ref().map(|lease| LeaseView::V4(Box::new(lease.shown(clock::boottime_ms()))))
    }

    fn status(&self) -> ClientStatus {
        ClientStatus {
            name: self.client.name.clone(),
            protocol: self.client.protocol,
            interface: self.client.interface.clone(),
            enabled: self.machine.enabled(),
            status: self.machine.state(),
            pid: self.running.as_ref().map(|(process, _)| process.pid()),
            restarts: self.restarts,
            reason: self.machine.reason(),
            lease: self.lease_view(),
        }
    }

    fn why(&self) -> Why {
        let mut requested = self.shared.chain.requested_by(&self.client.name, self.client.protocol);
        for code in &self.client.request {
            requested.entry(*code).or_default().push("configuration".to_owned());
        }
        Why {
            client: self.status(),
            requested,
            command: self.launched.as_ref().map(Launch::command_line).unwrap_or_default(),
            exchanges: self.recorder.exchanges(),
            log: self.recorder.log(),
        }
    }

    fn process_record(&self) -> std::path::PathBuf {
        self.shared.paths.clients().join(self.client.name.as_str())
    }
}

fn empty_exchange() -> Exchange {
    Exchange {
        time: String::new(),
        event: String::new(),
        values: std::collections::BTreeMap::new(),
        problems: Vec::new(),
        handlers: Vec::new(),
        decisions: Vec::new(),
        applied: Vec::new(),
        changed: Vec::new(),
        shim_us: 0,
        handlers_us: 0,
        kernel_us: 0,
    }
}

/// The arguments without `-r ADDRESS`, which differs from start to start.
fn without_address(args: &[std::ffi::OsString]) -> Vec<std::ffi::OsString> {
    let place = args.iter().position(|arg| arg == "-r");
    let keep =
        |(index, _): &(usize, &std::ffi::OsString)| place.is_none_or(|p| *index != p && *index != p + 1);
    args.iter().enumerate().filter(keep).map(|(_, arg)| arg.clone()).collect()
}

fn random_token() -> std::io::Result<Token> {
    random().map(Token::from_random)
}

fn random_byte() -> u8 {
    // Only spreads waits: any number does.
    random::<1>().map_or(127, |bytes| bytes[0])
}

fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    use std::io::Read as _;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
