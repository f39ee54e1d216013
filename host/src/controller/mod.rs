//! The controller of one client: everything about that client happens here, one thing after the other.
//!
//! The `machine` decides, the `task` carries out: it starts and signals the process, asks the handlers, hands the
//! network what they planned, and says what happened.

mod adoption;
mod associations;
mod counters;
mod deferring;
mod exchange;
mod lease;
mod ledger;
mod machine;
mod recorder;
mod remembering;
mod reporting;
mod showing;
mod starting;
mod task;

use std::cell::RefCell;
use std::rc::Rc;

use dhcpmgr_plugin_api::LeaseEvent;
use tokio::sync::{mpsc, oneshot};

pub use adoption::end as end_process;
pub use machine::Command;

use crate::clients::{Census, Inherited};
use crate::config::Client;
use crate::control::views::{ClientLease, ClientStatus, Why};
use crate::delegation::Delegations;
use crate::events::EventLog;
use crate::handlers::Chain;
use crate::identity::Keeper;
use crate::lease_monitor::Sessions;
use crate::network::{LinkState, Network};
use crate::observer::Observer;
use crate::paths::Paths;
use crate::service::Service;
use crate::softwire::{Aside, Softwires};
use crate::store::Store;
use task::Task;

/// Messages that may wait for a controller; more hold back their sender.
const INBOX: usize = 16;
/// What all controllers share.
#[derive(Debug)]
pub struct Shared {
    /// Where everything is.
    pub paths: Paths,
    /// The handlers.
    pub chain: Chain,
    /// The kernel and the resolver.
    pub network: Network,
    /// What LANs get of delegated prefixes.
    pub delegations: Rc<Delegations>,
    /// Who carries IPv4 on each WAN.
    pub softwires: Rc<Softwires>,
    /// What happened.
    pub events: EventLog,
    /// Who may send leases.
    pub sessions: Rc<Sessions>,
    /// The faults of each client, for a daemon that is started again.
    pub recovery: Store,
    /// What is written down of the running clients: [`RunRecord`](crate::clients::RunRecord)s.
    pub records: Store,
    /// Who the clients are to their servers.
    pub keeper: Rc<Keeper>,
    /// What started the daemon.
    pub service: Rc<Service>,
    /// What packets tell of clients.
    pub observer: Rc<Observer>,
    /// When a controller last looked at the processes of the machine, milliseconds of `CLOCK_BOOTTIME`, and what it found.
    pub last_look: RefCell<Option<(u64, Rc<Census>)>>,
}

/// What a controller is told by the daemon. What is large is boxed: each controller's queue has room for 32 of these.
#[derive(Debug)]
enum Order {
    Command(Command, oneshot::Sender<Result<(), String>>),
    Link(Option<Box<LinkState>>),
    HandlersChanged,
    Aside(Option<Box<Aside>>),
    Reconfigure(Box<Client>),
    Status(oneshot::Sender<ClientStatus>),
    Lease(oneshot::Sender<Option<LeaseEvent>>),
    Why(oneshot::Sender<Why>),
    End(Ending, oneshot::Sender<()>),
}

/// What becomes of a client whose controller ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It runs on, and the next daemon takes it over. Its lease stays.
    Keep,
    /// Its process ends; its lease is left to its time.
    Stop,
    /// Its lease is given back, and its process ends.
    GiveBack,
}

/// The way to a running controller.
#[derive(Debug, Clone)]
pub struct Controller(mpsc::Sender<Order>);

impl Controller {
    /// Starts the controller of a client with what an earlier daemon left of it; needs a `LocalSet`. Messages that are
    /// delivered before its first order are part of that: they come first.
    #[must_use]
    pub fn start(client: Client, shared: Rc<Shared>, inherited: Inherited) -> Self {
        let (sender, inbox) = mpsc::channel(INBOX);
        shared.sessions.open(client.name.clone(), client.interface.clone(), sender);
        let (orders, incoming) = mpsc::channel(INBOX);
        let task = Box::new(Task::new(client, shared));
        tokio::task::spawn_local(task.run(inherited, inbox, incoming));
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
        let _ = self.0.send(Order::Link(state.map(Box::new))).await;
    }

    /// Tells it that handlers came, went or answer otherwise.
    pub async fn handlers_changed(&self) {
        let _ = self.0.send(Order::HandlersChanged).await;
    }

    /// Tells it why it is not needed, because IPv4 comes by another way; `None`: it is needed.
    pub async fn aside(&self, aside: Option<Aside>) {
        let _ = self.0.send(Order::Aside(aside.map(Box::new))).await;
    }

    /// Gives it a changed configuration of the same name, protocol and interface.
    pub async fn reconfigure(&self, client: Client) {
        let _ = self.0.send(Order::Reconfigure(Box::new(client))).await;
    }

    /// The client at a glance.
    pub async fn status(&self) -> Option<ClientStatus> {
        self.ask(Order::Status).await
    }

    /// The lease in force, as handlers see it.
    pub async fn lease(&self) -> Option<LeaseEvent> {
        self.ask(Order::Lease).await.flatten()
    }

    /// Whether its task is no more, although nobody ended it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    /// The client in full.
    pub async fn why(&self) -> Option<Why> {
        self.ask(Order::Why).await
    }

    /// Ends the controller, and the client as it says.
    pub async fn end(&self, how: Ending) {
        self.ask(|done| Order::End(how, done)).await;
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
