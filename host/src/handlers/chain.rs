//! The chain: every configured handler in its order, asked about each lease at the same time, their plans merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dhcpmgr_message::{ClientName, wire};
use dhcpmgr_plugin_api::{LeaseEvent, Plan, Protocol};
use futures_util::future::join_all;
use tokio::sync::broadcast;

use super::link::{Link, Places};
use super::{
    Decision, HandlerNotice, HandlerReport, HandlerState, HandlerStatus, Wants, manifest, merge, needs,
};
use crate::config::{Grant, Handler};
use crate::softwire::backend::Support;

/// How many notices a listener may fall behind.
const NOTICES: usize = 256;

/// All handlers. Made for one thread, safe on many; no lock is held while a handler thinks.
#[derive(Debug)]
pub struct Chain {
    places: Places,
    links: Mutex<Vec<Arc<Link>>>,
    /// One reconfiguration at a time.
    reconfiguring: tokio::sync::Mutex<()>,
    notices: broadcast::Sender<HandlerNotice>,
    softwires: Mutex<Arc<Support>>,
}

impl Chain {
    /// Loads the handlers, all at once. `directory` is where relative module names are looked up, `worker_exe` the
    /// program that becomes a worker (see [`super::worker`]). A handler that cannot be loaded is
    /// [`HandlerState::Refused`] in [`status`](Self::status), with its reason, and is never fatal.
    ///
    /// Must be called within a tokio runtime whose thread lives as long as the chain: the workers die with it.
    pub async fn load(handlers: &[Handler], directory: &Path, worker_exe: &Path) -> Self {
        let places = Places { directory: directory.to_owned(), worker_exe: worker_exe.to_owned() };
        let notices = broadcast::channel(NOTICES).0;
        let links = join_all(handlers.iter().map(|h| Link::load(h, &places, notices.clone()))).await;
        let links = Mutex::new(links.into_iter().map(Arc::new).collect());
        Self {
            places,
            links,
            reconfiguring: tokio::sync::Mutex::default(),
            notices,
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
        *self.softwires.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(support);
    }

    fn softwires(&self) -> Arc<Support> {
        Arc::clone(&self.softwires.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the handlers want a client to request and to send: those that are loaded, not quarantined, asked for
    /// this client, and have what they need from the system. Options are sent for handlers with the grant
    /// `send-options` only; when two send the same option, the later one's value is taken.
    #[must_use]
    pub fn wants(&self, client: &ClientName, protocol: Protocol) -> Wants {
        let mut wants =
            Wants { request: self.requested_by(client, protocol).into_keys().collect(), ..Wants::default() };
        let softwires = self.softwires();
        for link in self.links() {
            let Some(manifest) =
                link.wanting(client, protocol, &softwires).filter(|_| link.has(Grant::SendOptions))
            else {
                continue;
            };
            for option in manifest.options_sent.iter().filter(|o| o.protocol == protocol) {
                wants.send.insert(option.code, option.value.clone());
            }
        }
        wants
    }

    /// Option code → the handlers that want it requested, in the order of the chain.
    #[must_use]
    pub fn requested_by(&self, client: &ClientName, protocol: Protocol) -> BTreeMap<u16, Vec<String>> {
        let mut requested: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        let softwires = self.softwires();
        for link in self.links() {
            let Some(manifest) = link.wanting(client, protocol, &softwires) else { continue };
            let codes: BTreeSet<u16> = manifest.options_consumed.iter().copied().collect();
            let may = |code: &u16| {
                manifest::can_be_requested(protocol, *code)
                    && (protocol == Protocol::V4 || needs::may_be_requested(&manifest, *code, &softwires))
            };
            for code in codes.into_iter().filter(may) {
                requested.entry(code).or_default().push(link.config().name.clone());
            }
        }
        requested
    }

    /// Asks every handler of the client about a lease and merges their plans. Takes no longer than the longest
    /// deadline of a worker, and what handlers in the daemon take.
    pub async fn decide(&self, event: &LeaseEvent) -> Decision {
        let links: Vec<_> =
            self.links().into_iter().filter(|l| l.applies_to(&event.client, event.protocol)).collect();
        let input: Arc<[u8]> = match wire::encode(event) {
            Ok(bytes) => bytes.into(),
            Err(e) => return Decision { reports: unasked(&links, &e.to_string()), ..Decision::default() },
        };
        let answers = join_all(links.iter().map(|link| link.ask(event, &input))).await;
        let mut decision = Decision::default();
        let mut plans = Vec::with_capacity(answers.len());
        for (report, plan) in answers {
            if let Some(refusal) = plan.as_ref().and_then(|p: &Plan| p.refuse.as_ref()) {
                decision.refused.get_or_insert_with(|| (report.handler.clone(), refusal.reason.clone()));
            }
            decision.reports.push(report);
            plans.extend(plan);
        }
        decision.plan = merge::merge(plans);
        decision
    }

    /// The client has no lease any more: what handlers contributed to it is not used again.
    pub fn forget(&self, client: &ClientName) {
        self.links().iter().for_each(|link| link.forget(client));
    }

    /// Every handler, in the order of the chain.
    #[must_use]
    pub fn status(&self) -> Vec<HandlerStatus> {
        let softwires = self.softwires();
        self.links().iter().map(|link| link.status(&softwires)).collect()
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

    /// Starts a handler again that is quarantined or was refused. The error says why it still does not run.
    pub async fn reset(&self, handler: &str) -> Result<(), String> {
        let found = self.links().into_iter().find(|link| link.config().name == handler);
        let link = found.ok_or_else(|| {
            let names: Vec<_> = self.links().iter().map(|l| l.config().name.clone()).collect();
            format!("no handler is named \"{handler}\"; there are: {}", names.join(", "))
        })?;
        if !link.never_started() {
            return link.reset().await;
        }
        let config = link.config().clone();
        let _one_at_a_time = self.reconfiguring.lock().await;
        let again = Arc::new(Link::load(&config, &self.places, self.notices.clone()).await);
        if again.state() == HandlerState::Refused {
            return again.reset().await;
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        for place in links.iter_mut().filter(|l| Arc::ptr_eq(l, &link)) {
            *place = Arc::clone(&again);
        }
        Ok(())
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

    fn links(&self) -> Vec<Arc<Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn unasked(links: &[Arc<Link>], why: &str) -> Vec<HandlerReport> {
    let report = |link: &Arc<Link>| HandlerReport {
        handler: link.config().name.clone(),
        took: std::time::Duration::ZERO,
        failure: Some(format!("was not asked: {why}")),
        cut: Vec::new(),
        notes: Vec::new(),
    };
    links.iter().map(report).collect()
}

/// Whether a running handler can stay under a new section: what it was started with is the same.
fn stays(old: &Handler, new: &Handler) -> bool {
    old.module == new.module && old.isolation == new.isolation && old.settings == new.settings
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
    if old.deadline != new.deadline {
        lines.push("deadline changed");
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
