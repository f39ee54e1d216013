//! The controller of one client: everything about that client happens here, one thing after the other.
//!
//! The `machine` decides, the `task` carries out: it starts and signals the process, asks the handlers, hands the
//! network what they planned, and says what happened.

mod exchange;
mod lease;
mod machine;
mod recorder;
mod remembering;
mod reporting;
mod starting;
mod task;

use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};

pub use machine::Command;

use crate::config::Client;
use crate::control::views::{ClientLease, ClientStatus, Why};
use crate::events::EventLog;
use crate::handlers::Chain;
use crate::identity::Identities;
use crate::lease_monitor::Sessions;
use crate::network::{LinkState, Network};
use crate::paths::Paths;
use crate::service::Service;
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
    /// What happened.
    pub events: EventLog,
    /// Who may send leases.
    pub sessions: Rc<Sessions>,
    /// The faults of each client, for a daemon that is started again.
    pub recovery: Store,
    /// Who the clients are to their servers.
    pub identities: Identities,
    /// What started the daemon.
    pub service: Rc<Service>,
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

    /// Whether its task is no more, although nobody ended it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
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
