//! The chain: every configured handler in its order, and how it changes. What they are asked is beside it: `deciding` a
//! lease, `wanting` options, `reacting` to events, `parameters`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::Happening;
use futures_util::future::join_all;
use tokio::sync::{broadcast, mpsc};

use super::link::{Link, Places, lock};
use super::merge::Conflict;
use super::reacting::BACKLOG;
use super::{HandlerNotice, HandlerState, HandlerStatus, NoticeKind};
use crate::config::Handler;
use crate::flat::FlatMap;
use crate::softwire::backend::Support;

/// How many notices a listener may fall behind.
const NOTICES: usize = 256;

/// All handlers. Made for one thread, safe on many; no lock is held while a handler thinks.
#[derive(Debug)]
pub struct Chain {
    pub(super) places: Places,
    links: Mutex<Vec<Arc<Link>>>,
    /// One reconfiguration at a time.
    pub(super) reconfiguring: tokio::sync::Mutex<()>,
    pub(super) notices: broadcast::Sender<HandlerNotice>,
    /// What handlers want differently now.
    conflicts: Mutex<FlatMap<(ClientName, About), Vec<Conflict>>>,
    pub(super) happenings: mpsc::Sender<Happening>,
    pub(super) told: Mutex<Option<mpsc::Receiver<Happening>>>,
    softwires: Mutex<Arc<Support>>,
}

/// On which occasion handlers want something differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Options,
    Lease,
    Parameters,
}

impl Chain {
    /// Loads the handlers, all at once. `directory` is where relative module names are looked up, `worker_exe` the
    /// program that becomes a worker (see [`super::worker`]). A handler that cannot be loaded is
    /// [`HandlerState::Refused`] in [`status`](Self::status), with its reason, and is never fatal.
    ///
    /// Must be called within a tokio runtime whose thread lives as long as the chain: the workers die with it.
    pub async fn load(handlers: &[Handler], directory: &Path, worker_exe: &Path) -> Self {
        let places = Places {
            directory: directory.to_owned(),
            worker_exe: worker_exe.to_owned(),
            kept: Arc::default(),
        };
        let notices = broadcast::channel(NOTICES).0;
        let links = join_all(handlers.iter().map(|h| Link::load(h, &places, notices.clone()))).await;
        let links = Mutex::new(links.into_iter().map(Arc::new).collect());
        let (happenings, told) = mpsc::channel(BACKLOG);
        Self {
            places,
            links,
            reconfiguring: tokio::sync::Mutex::default(),
            notices,
            conflicts: Mutex::default(),
            happenings,
            told: Mutex::new(Some(told)),
            softwires: Mutex::default(),
        }
    }

    /// What happens to handlers from now on. Whoever listens publishes it, and asks [`wants`](Self::wants) again.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<HandlerNotice> {
        self.notices.subscribe()
    }

    /// Says which softwires are carried out here; none are until it is said. Whoever says it asks [`wants`](Self::wants)
    /// again.
    pub fn set_softwires(&self, support: Support) {
        *lock(&self.softwires) = Arc::new(support);
    }

    pub(super) fn softwires(&self) -> Arc<Support> {
        Arc::clone(&lock(&self.softwires))
    }

    /// The client has no lease any more: what handlers contributed to it is not used again.
    pub fn forget(&self, client: &ClientName) {
        self.links().iter().for_each(|link| link.forget(client));
        self.report_conflicts(client, About::Lease, Vec::new());
    }

    /// Every handler, in the order of the chain.
    #[must_use]
    pub fn status(&self) -> Vec<HandlerStatus> {
        let softwires = self.softwires();
        let mut rows: Vec<_> = self.links().iter().map(|link| link.status(&softwires)).collect();
        for ((client, _), conflicts) in lock(&self.conflicts).iter() {
            for conflict in conflicts {
                let concerned =
                    |row: &&mut HandlerStatus| [&conflict.winner, &conflict.loser].contains(&&row.name);
                let line = format!("{client}: {conflict}");
                rows.iter_mut().filter(concerned).for_each(|row| row.conflicts.push(line.clone()));
            }
        }
        rows
    }

    /// Keeps what handlers want differently, and tells of what is new.
    pub(super) fn report_conflicts(&self, client: &ClientName, about: About, now: Vec<Conflict>) {
        let mut known = lock(&self.conflicts);
        let before = known.remove(&(client.clone(), about)).unwrap_or_default();
        let new: Vec<_> = now.iter().filter(|conflict| !before.contains(conflict)).cloned().collect();
        if !now.is_empty() {
            known.insert((client.clone(), about), now);
        }
        drop(known);
        for conflict in new {
            let reason = format!("{client}: {conflict}");
            tracing::warn!(handler = conflict.winner, "{reason}");
            let handler = conflict.winner;
            // Nobody listening is no error.
            let _ = self.notices.send(HandlerNotice { handler, kind: NoticeKind::Conflict, reason });
        }
    }

    /// Makes the chain what the configuration says now; only what differs is touched, and what is started anew is
    /// up before the old one goes. A refused handler is tried again. One line for each thing that was done.
    pub async fn reconfigure(&self, handlers: &[Handler]) -> Vec<String> {
        let _one_at_a_time = self.reconfiguring.lock().await;
        let former = self.links();
        let steps = handlers.iter().map(|handler| self.carry_over(handler, &former));
        let (links, lines): (Vec<_>, Vec<_>) = join_all(steps).await.into_iter().unzip();
        let mut lines: Vec<String> = lines.into_iter().flatten().collect();
        let names = |list: &[Arc<Link>]| list.iter().map(|l| l.config().name.clone()).collect::<Vec<_>>();
        let (before, after) = (names(&former), names(&links));
        lines.extend(
            before.iter().filter(|name| !after.contains(name)).map(|name| format!("handler {name}: removed")),
        );
        let staying = |list: &[String], other: &[String]| {
            list.iter().filter(|name| other.contains(name)).cloned().collect::<Vec<_>>()
        };
        if staying(&before, &after) != staying(&after, &before) {
            lines.push(format!("handlers: the order is now {}", after.join(", ")));
        }
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = links;
        lines
    }

    /// Puts a link into the place of another, unless that is gone.
    pub(super) fn replace(&self, old: &Arc<Link>, new: Arc<Link>) {
        for place in lock(&self.links).iter_mut().filter(|link| Arc::ptr_eq(link, old)) {
            *place = Arc::clone(&new);
        }
    }

    /// The link for a section of the configuration: the former one where it can stay, else a new one.
    async fn carry_over(&self, handler: &Handler, former: &[Arc<Link>]) -> (Arc<Link>, Vec<String>) {
        let old = former.iter().find(|link| link.config().name == handler.name);
        let line = |what: &str| format!("handler {}: {what}", handler.name);
        if let Some(old) =
            old.filter(|old| stays(&old.config(), handler) && old.state() != HandlerState::Refused)
        {
            let lines = adopt(&mut old.config(), handler).into_iter().map(line).collect();
            return (Arc::clone(old), lines);
        }
        let new = Link::load(handler, &self.places, self.notices.clone()).await;
        let state = new.status(&self.softwires());
        let Some(old) = old else {
            return (Arc::new(new), vec![line(&came_up("added", &state))]);
        };
        if *old.config() == *handler && state.state == HandlerState::Refused {
            // Tried again, and still refused: nothing was done.
            return (Arc::new(new), Vec::new());
        }
        if old.config().module == handler.module {
            new.inherit(old);
        }
        (Arc::new(new), vec![line(&came_up("started anew", &state))])
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).clone()
    }
}

/// Whether a running handler can stay under a new section: what it was started with is the same.
fn stays(old: &Handler, new: &Handler) -> bool {
    old.module == new.module
        && old.isolation == new.isolation
        && old.public_keys == new.public_keys
        && old.settings == new.settings
}

/// Takes over what can change while the handler runs; says what did.
fn adopt(old: &mut Handler, new: &Handler) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if old.grants != new.grants {
        lines.push("grants changed");
    }
    if old.clients != new.clients {
        lines.push("clients changed");
    }
    if (old.deadline, &old.deadlines) != (new.deadline, &new.deadlines) {
        lines.push("deadline changed");
    }
    if old.overrides != new.overrides {
        lines.push("overrides changed");
    }
    old.clone_from(new);
    lines
}

fn came_up(what: &str, status: &HandlerStatus) -> String {
    match (&status.state, &status.reason) {
        (HandlerState::Healthy, _) | (_, None) => what.to_owned(),
        (_, Some(reason)) => format!("{what}, but it does not run: {reason}"),
    }
}
