//! The task of one client: waits for whatever happens next, tells the machine, and carries out what it says.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::LeaseMessage;
use dhcpmgr_plugin_api::Happening;
use nix::sys::signal::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::associations::Look;
use super::counters::Counters;
use super::deferring::Waiting;
use super::lease::Lease;
use super::machine::{Command, Effect, Input, Machine, Manners};
use super::recorder::Recorder;
use super::{Ending, Order, Shared};
use crate::clients::{
    self, CommandLine, Confirmation, ExitReason, Foreign, Inherited, Output, PATIENCE, Process, Release,
    Renewal, RunRecord,
};
use crate::clock;
use crate::config::Client;
use crate::events::{self, Event, EventKind};
use crate::identity::{LastLease, Wear};
use crate::lease_monitor::Arrival;
use crate::random;
use crate::word::word;

/// The longest sleep: `CLOCK_BOOTTIME` runs on through a suspend that the timer does not see.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// How often a client is told to give its lease back. dibbler looks whether it was told before it waits for packets, and a
/// signal in between would be noticed at the next renewal.
const INSIST: Duration = Duration::from_millis(500);

/// One client.
pub(super) struct Task {
    pub(super) client: Client,
    pub(super) shared: Rc<Shared>,
    pub(super) machine: Machine,
    pub(super) lease: Option<Lease>,
    /// The message that the lease came from, to decide again when handlers or policy change.
    pub(super) source: Option<Rc<LeaseMessage>>,
    /// A lease that waits for its verdict.
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<(Process, Output)>,
    pub(super) launched: Option<CommandLine>,
    kill_at: Option<Instant>,
    /// When a client that was told to give its lease back and to end is told so again, and how.
    insist: Option<(Instant, Signal)>,
    pub(super) restarts: u64,
    pub(super) recorder: Recorder,
    pub(super) counters: Counters,
    /// Somebody else's client on the same interface.
    pub(super) foreign: Option<Foreign>,
    /// When it was looked for last, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) looked_ms: u64,
    /// What is written down for the next daemon.
    pub(super) record: RunRecord,
    /// What a reboot would find.
    pub(super) stored_lease: Option<LastLease>,
    pub(super) wear: Wear,
    /// When what the hook does not tell is looked for.
    pub(super) look: Look,
    ending: Option<(Ending, oneshot::Sender<()>)>,
}

fn manners(client: &Client) -> Manners {
    Manners {
        renews_by_restart: client.program.renewal() == Renewal::Restart,
        needs_link_local: client.program.needs_link_local(),
        renewal_ms: client.program.renewal_takes(client).as_millis() as u64,
    }
}

/// What the select below wakes up for.
enum Woken {
    Order(Option<Order>),
    Arrival(Arrival),
    Exited(ExitReason),
    Kill,
    Insist(Signal),
    Tick,
}

impl Task {
    pub(super) fn new(client: Client, shared: Rc<Shared>) -> Self {
        let machine = Machine::new(
            client.name.as_str(),
            client.interface.as_str(),
            client.enabled,
            client.recovery.clone(),
            manners(&client),
        );
        let stored_lease = shared.keeper.client(&client.name).last_lease.clone();
        Self {
            client,
            shared,
            machine,
            lease: None,
            source: None,
            waiting: None,
            running: None,
            launched: None,
            kill_at: None,
            insist: None,
            restarts: 0,
            recorder: Recorder::default(),
            counters: Counters::default(),
            foreign: None,
            // Whoever makes this has just taken a census.
            looked_ms: clock::boottime_ms(),
            record: RunRecord::default(),
            stored_lease,
            wear: Wear::default(),
            look: Look::default(),
            ending: None,
        }
    }

    /// Boxed: a future that begins with a value holds it twice.
    pub(super) async fn run(
        mut self: Box<Self>,
        inherited: Inherited,
        mut inbox: mpsc::Receiver<Arrival>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        self.recall_faults();
        self.say_who_has_ipv4("no lease is known yet");
        // Boxed, so that a task that waits is small: there is one for each client.
        let Some(order) = Box::pin(self.take_over(inherited, &mut inbox, &mut orders)).await else { return };
        Box::pin(self.on_order(order)).await;
        Box::pin(self.catch_up()).await;
        while !self.may_end() {
            match self.next(&mut inbox, &mut orders).await {
                Woken::Order(Some(order)) => Box::pin(self.on_order(order)).await,
                Woken::Order(None) => break,
                Woken::Arrival(arrival) => Box::pin(self.on_arrival(arrival)).await,
                Woken::Exited(reason) => Box::pin(self.on_exit(reason)).await,
                Woken::Kill => {
                    self.kill_at = None;
                    self.kill();
                }
                Woken::Insist(signal) => {
                    self.signal(signal);
                    self.insist = Some((Instant::now() + INSIST, signal));
                }
                Woken::Tick => {
                    // What it wrote may be the sign of life that is due.
                    Box::pin(self.listen()).await;
                    Box::pin(self.tell(Input::Tick)).await;
                    Box::pin(self.attend_to_associations()).await;
                    Box::pin(self.attend_to_verdict()).await;
                }
            }
        }
        let Some((how, done)) = self.ending.take() else { return };
        if how != Ending::Keep {
            self.shared.sessions.close(&self.client.name);
        }
        // What was acknowledged is taken before the end. What comes later gets no answer, and waits in the spool.
        inbox.close();
        while let Some(arrival) = inbox.recv().await {
            Box::pin(self.on_arrival(arrival)).await;
        }
        let _ = done.send(());
    }

    /// Whether it was told to end, and has done what belongs to it.
    fn may_end(&self) -> bool {
        match &self.ending {
            None => false,
            // What was begun is finished: the next daemon would not know of it.
            Some((Ending::Keep, _)) => !self.machine.is_ending_something(),
            Some((Ending::Stop | Ending::GiveBack, _)) => self.machine.is_idle(),
        }
    }

    async fn next(
        &mut self,
        inbox: &mut mpsc::Receiver<Arrival>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Woken {
        let now = clock::boottime_ms();
        let due = [self.machine.deadline(now), self.associations_due(), self.verdict_due()];
        let deadline = due.into_iter().flatten().min();
        let tick = async {
            match deadline {
                Some(at) => {
                    let sleep = Duration::from_millis(at.saturating_sub(now)).min(LONGEST_SLEEP);
                    tokio::time::sleep(sleep).await;
                }
                None => std::future::pending().await,
            }
        };
        let kill = async {
            match self.kill_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let insist = async {
            match self.insist {
                Some((at, signal)) => {
                    tokio::time::sleep_until(at).await;
                    Woken::Insist(signal)
                }
                None => std::future::pending().await,
            }
        };
        let process = async {
            match &mut self.running {
                Some((process, _)) => Woken::Exited(process.wait().await),
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
            woken = insist => woken,
            () = tick => Woken::Tick,
        }
    }

    async fn on_order(&mut self, order: Order) {
        match order {
            Order::Command(command, reply) => {
                let _ = reply.send(self.command(command).await);
            }
            Order::Link(state) => self.tell(Input::Link(state.map(|state| *state))).await,
            Order::HandlersChanged => self.look_again().await,
            Order::Aside(aside) => self.tell(Input::Aside(aside.map(|aside| *aside))).await,
            Order::Reconfigure(client) => {
                let enabled = client.enabled;
                let changed = self.client != *client;
                self.client = *client;
                self.machine.reconfigure(self.client.recovery.clone(), manners(&self.client));
                if enabled != self.machine.enabled() {
                    let command = if enabled { Command::Enable } else { Command::Disable };
                    let _ = self.command(command).await;
                }
                if changed && self.running.is_none() {
                    self.tell(Input::LaunchChanged).await;
                }
                self.look_again().await;
                self.say_who_has_ipv4("the configuration has changed");
            }
            Order::Status(reply) => {
                self.listen().await;
                let _ = reply.send(self.status());
            }
            Order::Lease(reply) => {
                let _ = reply.send(self.source.as_ref().map(|message| self.lease_event(message)));
            }
            Order::Why(reply) => {
                self.listen().await;
                let _ = reply.send(self.why());
            }
            Order::End(how, done) => {
                let command = match how {
                    Ending::Keep => None,
                    Ending::Stop => Some(Command::Leave),
                    Ending::GiveBack => Some(Command::Disable),
                };
                if let Some(command) = command {
                    let _ = self.command(command).await;
                }
                self.ending = Some((how, done));
            }
        }
    }

    pub(super) async fn command(&mut self, command: Command) -> Result<(), String> {
        let effects = self.machine.command(command, clock::boottime_ms())?;
        // Before anything is done or answered: the next daemon has to see it through.
        match command {
            Command::Release => self.record(|record, _| record.released = true),
            Command::Renew | Command::Restart | Command::Enable => {
                self.record(|record, _| record.released = false);
            }
            Command::Disable | Command::Leave => {}
        }
        self.keep_faults();
        self.carry_out(effects).await;
        Ok(())
    }

    pub(super) async fn tell(&mut self, input: Input) {
        let effects = self.decide(input);
        self.carry_out(effects).await;
    }

    fn decide(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.machine.handle(input, clock::boottime_ms());
        self.keep_faults();
        effects
    }

    /// Takes what the client process has written.
    pub(super) async fn listen(&mut self) {
        for progress in self.written() {
            self.tell(Input::Progress(progress)).await;
        }
    }

    /// Keeps what the client process has written for `why`; gives what it tells of its state.
    pub(super) fn written(&mut self) -> Vec<clients::Progress> {
        let lines = self.running.as_mut().map(|(_, output)| output.lines()).unwrap_or_default();
        let mut progress = Vec::new();
        for line in lines {
            tracing::debug!("{}: {line}", self.client.name);
            progress.extend(self.client.program.progress(&line));
            if let Some(message) = self.client.program.counts(&line) {
                self.counters.count(message);
            }
            self.recorder.line(line);
        }
        progress
    }

    async fn on_exit(&mut self, reason: ExitReason) {
        self.listen().await;
        self.running = None;
        self.kill_at = None;
        self.insist = None;
        self.shared.sessions.set_token(&self.client.name, None);
        self.shared.observer.settled(&self.client.name, clock::boottime_ms());
        self.forget_process();
        let words = self.recorder.last_words();
        let fault = self.client.program.ending(reason, &words, self.launched.as_ref());
        self.tell(Input::Exited { fault, jitter: random::jitter() }).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        // An effect that fails makes the machine decide again, and that may have effects of its own.
        let mut waiting: VecDeque<Effect> = effects.into();
        while let Some(effect) = waiting.pop_front() {
            if let Some(input) = self.carry_out_one(effect).await {
                waiting.extend(self.decide(input));
            }
        }
    }

    async fn carry_out_one(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Start(address) => return Some(self.start_process(address).await),
            Effect::Stop => {
                self.kill_at = Some(Instant::now() + PATIENCE);
                self.signal(self.client.program.stop());
                self.publish(self.event(EventKind::ClientStopped));
            }
            Effect::Kill => self.kill(),
            Effect::SignalRenew => {
                if let Renewal::Signal(signal) = self.client.program.renewal() {
                    self.signal(signal);
                }
            }
            Effect::SignalRelease(then) => {
                self.waiting = None;
                self.record(|record, _| record.giving_back = Some(then));
                let Release { signal, confirmed_by } = self.client.program.release();
                self.signal(signal);
                if confirmed_by == Confirmation::Exit {
                    self.insist = Some((Instant::now() + INSIST, signal));
                }
            }
            Effect::RaiseLink => {
                if let Err(error) = self.shared.network.set_up(&self.client.interface) {
                    tracing::error!("{}: {error}", self.client.name);
                }
            }
            Effect::Lose(reason) => self.lose(reason).await,
            Effect::Report(report) => self.report(report),
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

    fn kill(&self) {
        if let Some((process, _)) = &self.running {
            process.kill();
        }
    }

    async fn lose(&mut self, reason: String) {
        self.waiting = None;
        self.shared.sessions.journal().forget(&self.client.name);
        self.shared.chain.forget(&self.client.name);
        if let Err(error) = self.shared.network.apply(&self.client.name, None).await {
            tracing::error!("{}: {error}", self.client.name);
        }
        let to_lans = self.hand_to_lans(None).await;
        let changed = self.lease.take().map(|lease| lease.changes_from(None)).unwrap_or_default();
        self.source = None;
        self.say_who_has_ipv4(&format!("the DHCPv6 lease is over: {reason}"));
        self.record(|record, _| {
            record.without_lease = false;
            record.giving_back = record.giving_back.filter(|_| record.process.is_some());
        });
        tracing::info!("{}: lease lost: {reason}", self.client.name);
        self.publish(Event { changed, detail: Some(reason), ..self.event(EventKind::LeaseLost) });
        to_lans.lines.into_iter().for_each(|line| self.recorder.decided(line));
        to_lans.events.into_iter().for_each(|event| self.publish(event));
    }

    pub(super) fn publish(&self, event: Event) {
        self.tell_handlers(&event);
        self.shared.events.publish(event);
    }

    /// Has handlers told of what the host itself says; what they say is not told to them again.
    fn tell_handlers(&self, event: &Event) {
        let kind = event.event.name();
        let (name, protocol) = (&self.client.name, self.client.protocol);
        if matches!(event.event, EventKind::Vendor(_)) || !self.shared.chain.listens(name, protocol, &kind) {
            return;
        }
        let mut happening = Happening::new(kind, name.clone(), self.client.interface.clone(), protocol);
        happening.changed = event.changed.iter().map(word).collect();
        happening.detail.clone_from(&event.detail);
        happening.fields.clone_from(&event.fields);
        happening.lease = self.source.as_ref().map(|message| self.lease_event(message));
        self.shared.chain.tell(happening);
    }

    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { client: Some(self.client.name.clone()), lease: self.lease_view(), ..Event::now(kind) }
    }

    pub(super) fn lease_view(&self) -> Option<events::Lease> {
        self.lease.as_ref().map(|lease| lease.shown(clock::boottime_ms()))
    }
}
