//! Programs that the operator has run when something has happened: `[hooks.NAME]`.
//!
//! They follow events; nothing waits for them. What is run when is decided by the `queue` (pure), what a program is told
//! by `telling` (pure), whether it may be run by `permission`, and how it runs by `run`. A hook decides nothing about a
//! lease: that is what handlers are for.

mod permission;
mod queue;
mod run;
mod telling;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_message::{ClientName, IfName};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::config::{Config, ProgramHook};
use crate::events::{Event, EventKind, EventLog};
use crate::flat::FlatMap;
use permission::Identity;
use queue::{Job, Queue};

/// How long the daemon waits at its end for what still runs or waits.
const AT_THE_END: Duration = Duration::from_secs(3);

/// Whether a hook could be run now, by this user: who it would run as, or why it could not.
pub fn check(hook: &ProgramHook) -> Result<String, String> {
    let identity = Identity::of(hook)?;
    permission::check(&hook.run[0]).map(|()| identity.to_string())
}

/// The way to what runs hooks.
#[derive(Debug)]
pub struct Hooks(mpsc::UnboundedSender<Order>);

#[derive(Debug)]
enum Order {
    Configure(Box<Known>),
    Finish(oneshot::Sender<()>),
}

impl Hooks {
    /// Hooks of a changed configuration; runs that have begun are finished.
    pub fn reconfigure(&self, config: &Config) {
        // The other end lives as long as the daemon.
        let _ = self.0.send(Order::Configure(Box::new(Known::of(config))));
    }

    /// Runs what still waits, and ends what takes too long.
    pub async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        if self.0.send(Order::Finish(done)).is_ok() {
            let _ = finished.await;
        }
    }
}

/// What the configuration says.
#[derive(Debug, Default)]
struct Known {
    hooks: FlatMap<String, (ProgramHook, Result<Identity, String>)>,
    /// The interfaces of clients, which events do not name.
    interfaces: FlatMap<ClientName, IfName>,
}

impl Known {
    fn of(config: &Config) -> Self {
        let hooks = config.hooks.iter().map(|hook| {
            if let Err(why) = check(hook) {
                tracing::error!("hook {}: {why}", hook.name);
            }
            (hook.name.clone(), (hook.clone(), Identity::of(hook)))
        });
        let interfaces = config.clients.values().map(|c| (c.name.clone(), c.interface.clone()));
        // Without hooks nothing is remembered: most have none.
        if config.hooks.is_empty() {
            return Self::default();
        }
        Self { hooks: hooks.collect(), interfaces: interfaces.collect() }
    }
}

/// Runs hooks. [`Runner::run`] is its task.
#[derive(Debug)]
pub struct Runner {
    orders: mpsc::UnboundedReceiver<Order>,
    known: Known,
    feed: Option<Receiver<Arc<Event>>>,
    queue: Queue,
    running: JoinSet<Ended>,
}

/// A run that is over.
#[derive(Debug)]
struct Ended {
    hook: String,
    event: Arc<Event>,
    outcome: Result<(), run::Failure>,
}

impl Runner {
    /// Hears of every event from now on. Nothing runs before [`Runner::run`].
    #[must_use]
    pub fn new(config: &Config, events: &EventLog) -> (Self, Hooks) {
        let (sender, orders) = mpsc::unbounded_channel();
        let (queue, running) = (Queue::default(), JoinSet::new());
        let mut runner = Self { orders, known: Known::default(), feed: None, queue, running };
        runner.configure(Known::of(config), events);
        (runner, Hooks(sender))
    }

    /// Runs until it is told to finish.
    pub async fn run(mut self, events: &EventLog) {
        loop {
            self.start_what_may(events);
            let event = async {
                match &mut self.feed {
                    Some(feed) => feed.recv().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order::Configure(known)) => self.configure(*known, events),
                    Some(Order::Finish(done)) => {
                        self.finish(events).await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                event = event => self.heard(event),
                Some(ended) = self.running.join_next() => self.ended(ended.ok(), events),
            }
        }
    }

    fn configure(&mut self, known: Known, events: &EventLog) {
        if known.hooks.is_empty() {
            self.feed = None;
        } else if self.feed.is_none() {
            self.feed = Some(events.subscribe().1);
        }
        self.queue.retain(|hook| known.hooks.contains_key(hook));
        self.known = known;
    }

    fn heard(&mut self, event: Result<Arc<Event>, RecvError>) {
        match event {
            Ok(event) => {
                for (name, (hook, _)) in &self.known.hooks {
                    if telling::is_for(hook, &event) {
                        self.queue.offer(name, Arc::clone(&event));
                    }
                }
            }
            // More at once than the feed keeps: which they were is not known, so every hook has missed some.
            Err(RecvError::Lagged(count)) => {
                self.known.hooks.keys().for_each(|name| self.queue.lost(name, count));
            }
            Err(RecvError::Closed) => self.feed = None,
        }
    }

    fn start_what_may(&mut self, events: &EventLog) {
        while let Some(Job { hook: name, event, missed }) = self.queue.next() {
            if missed > 0 {
                let what = format!("{missed} events were dropped: it is slower than they come");
                report(&name, &event, &what, None, events);
            }
            let Some((hook, identity)) = self.known.hooks.get(&name) else {
                self.queue.ended(&name);
                continue;
            };
            let interface = event.client.as_ref().and_then(|client| self.known.interfaces.get(client));
            let variables = telling::variables(hook, &event, interface, missed);
            let order = run::Order { hook: hook.clone(), identity: identity.clone(), variables };
            let told = Arc::clone(&event);
            self.running.spawn_local(async move {
                let outcome = order.run(&told).await;
                Ended { hook: name, event: told, outcome }
            });
        }
    }

    fn ended(&mut self, ended: Option<Ended>, events: &EventLog) {
        // A task that panicked would leave its hook busy for ever; it cannot, and the next configuration frees it.
        let Some(Ended { hook, event, outcome }) = ended else { return };
        self.queue.ended(&hook);
        if let Err(failure) = outcome {
            report(&hook, &event, &failure.what, failure.status, events);
        }
    }

    /// What clients said while the daemon ended is worth a run too; but not for long.
    async fn finish(&mut self, events: &EventLog) {
        while let Some(event) = self.feed.as_mut().and_then(|feed| feed.try_recv().ok()) {
            self.heard(Ok(event));
        }
        let all = async {
            loop {
                self.start_what_may(events);
                match self.running.join_next().await {
                    Some(ended) => self.ended(ended.ok(), events),
                    None => return,
                }
            }
        };
        if tokio::time::timeout(AT_THE_END, all).await.is_err() {
            tracing::warn!("hooks still run after {} s; they are ended", AT_THE_END.as_secs());
        }
        // What is dropped is killed.
        self.running.shutdown().await;
    }
}

/// Says that a hook failed, or was not run.
fn report(hook: &str, event: &Event, what: &str, status: Option<i32>, events: &EventLog) {
    tracing::warn!("hook {hook}: {}: {what}", event.event.name());
    let mut fields =
        BTreeMap::from([("hook".to_owned(), hook.to_owned()), ("event".to_owned(), event.event.name())]);
    fields.extend(status.map(|status| ("status".to_owned(), status.to_string())));
    events.publish(Event {
        client: event.client.clone(),
        detail: Some(format!("hook {hook}: {what}")),
        fields,
        ..Event::now(EventKind::HookFailed)
    });
}
