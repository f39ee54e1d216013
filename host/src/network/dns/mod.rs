//! Name servers and search domains of all owners: one file always, and whoever else the operator chose.
//!
//! Whoever changes something writes the file itself, so that it is right when `apply` returns; in a burst, the first to
//! get its turn writes for all. The back-ends that are other programs are told by a task of their own, so that a slow
//! one holds up nobody.

mod file;
mod resolv_conf;
mod resolvconf;
#[cfg(feature = "dbus")]
mod resolved;
mod teller;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dhcpmgr_message::{DomainName, IfName};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::action::{Action, Step};
use super::error::Failure;
use super::{Desired, NetworkEvent, Owner};
use crate::config::DnsBackend;
use crate::flat::FlatMap;
use crate::order;
use file::FileBackend;

/// What one owner says of name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) interface: IfName,
    /// Lower is asked first.
    pub(super) metric: u32,
    pub(super) servers: Vec<IpAddr>,
    /// The link's own domain, then the search list; no name twice.
    pub(super) search: Vec<DomainName>,
}

impl Record {
    pub(super) fn of(desired: &Desired) -> Self {
        let mut search: Vec<DomainName> = Vec::new();
        for domain in desired.domain.iter().chain(&desired.search) {
            if !search.iter().any(|known| known.as_str().eq_ignore_ascii_case(domain.as_str())) {
                search.push(domain.clone());
            }
        }
        let mut servers: Vec<IpAddr> = Vec::new();
        for server in &desired.dns {
            if !servers.contains(server) {
                servers.push(*server);
            }
        }
        Self { interface: desired.interface.clone(), metric: desired.metric, servers, search }
    }

    fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.search.is_empty()
    }
}

/// Where the files are.
pub(super) struct DnsOptions {
    pub(super) resolv_conf: PathBuf,
    pub(super) root: PathBuf,
    pub(super) backend: DnsBackend,
}

/// All records, and who is told.
pub(super) struct Dns {
    state: Arc<Mutex<State>>,
    resolv_conf: PathBuf,
    task: AbortHandle,
}

struct State {
    records: FlatMap<Owner, Record>,
    backend: DnsBackend,
    file: FileBackend,
    /// Files are not written before every owner has spoken.
    waiting: bool,
    /// The records are newer than the file.
    unwritten: bool,
    /// What the teller's back-end has to be told.
    orders: teller::Orders,
    teller: Arc<Notify>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    pub(super) fn start(options: DnsOptions, events: mpsc::Sender<NetworkEvent>) -> Self {
        let teller = Arc::new(Notify::new());
        let state = Arc::new(Mutex::new(State {
            records: FlatMap::new(),
            backend: options.backend,
            file: FileBackend::new(&options.root, &options.resolv_conf),
            waiting: true,
            unwritten: true,
            orders: teller::Orders::default(),
            teller,
        }));
        let task = tokio::spawn(teller::run(Arc::clone(&state), options.root, events)).abort_handle();
        Self { state, resolv_conf: options.resolv_conf, task }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Replaces what an owner says. Returns the step if that made a difference.
    pub(super) async fn set(&self, owner: &Owner, record: Option<Record>) -> Result<Option<Action>, Failure> {
        let record = record.filter(|record| !record.is_empty());
        let action = {
            let mut state = self.state();
            let before = match &record {
                Some(record) => state.records.insert(owner.clone(), record.clone()),
                None => state.records.remove(owner),
            };
            if before == record {
                return if state.waiting {
                    Ok(None)
                } else {
                    self.flush_if_needed(&mut state).map(|()| None)
                };
            }
            state.unwritten = true;
            for interface in [before.as_ref(), record.as_ref()].into_iter().flatten().map(|r| &r.interface) {
                state.orders.interfaces.insert(interface.clone());
            }
            let (servers, search) = record.map(|r| (r.servers, r.search)).unwrap_or_default();
            Action(Step::NameServers { servers, search })
        };
        // Others who are ready now have their turn first, and one write does for all.
        tokio::task::yield_now().await;
        let mut state = self.state();
        if !state.waiting {
            self.flush_if_needed(&mut state)?;
        }
        Ok(Some(action))
    }

    /// Whether the files wait for [`Dns::release`].
    pub(super) fn is_waiting(&self) -> bool {
        self.state().waiting
    }

    /// Every client has spoken: what is known is written.
    pub(super) fn release(&self) -> Result<(), Failure> {
        let mut state = self.state();
        state.waiting = false;
        self.flush_if_needed(&mut state)
    }

    fn flush_if_needed(&self, state: &mut State) -> Result<(), Failure> {
        if !state.unwritten {
            return Ok(());
        }
        let text = resolv_conf::text(state.records.values());
        let failure = |path: &std::path::Path, error: std::io::Error| Failure {
            what: format!("name servers written to {}", path.display()),
            reason: error.to_string(),
        };
        resolv_conf::write(&self.resolv_conf, &text).map_err(|error| failure(&self.resolv_conf, error))?;
        if state.backend == DnsBackend::File {
            state.file.set(&text).map_err(|error| failure(state.file.path(), error))?;
        }
        state.unwritten = false;
        state.teller.notify_one();
        Ok(())
    }

    /// Undoes the old back-end and tells the new one everything.
    pub(super) fn set_backend(&self, backend: DnsBackend) {
        let mut state = self.state();
        if state.backend == backend {
            return;
        }
        let all: Vec<IfName> = state.records.values().map(|r| r.interface.clone()).collect();
        if state.backend == DnsBackend::File {
            state.restore_file();
        }
        let old = std::mem::replace(&mut state.backend, backend);
        state.orders.undo.extend(all.iter().map(|interface| (old, interface.clone())));
        state.orders.interfaces.extend(all);
        state.unwritten = true;
        if !state.waiting
            && let Err(failure) = self.flush_if_needed(&mut state)
        {
            tracing::error!(%failure, "name servers");
        }
    }

    /// Gives everything back as it was found.
    pub(super) async fn stop(&self) {
        self.set_backend(DnsBackend::None);
        loop {
            let idle = Arc::clone(&self.state().orders.idle);
            // Made before the question is asked, so that no ring is missed.
            let rung = idle.notified();
            if self.state().orders.is_done() {
                return;
            }
            rung.await;
        }
    }
}

impl State {
    fn restore_file(&mut self) {
        if let Err(error) = self.file.restore() {
            tracing::error!(path = %self.file.path().display(), %error, "cannot restore the file");
        }
    }

    /// What is to be said of one interface: the records of its clients joined; `None` for nothing.
    fn of_interface(&self, interface: &IfName) -> Option<Record> {
        let mut records = self.records.values().filter(|r| r.interface == *interface).collect::<Vec<_>>();
        order::sort_by_key(&mut records, |record| record.metric);
        let first = records.first()?;
        let mut joined =
            Record { interface: interface.clone(), metric: first.metric, servers: vec![], search: vec![] };
        for record in records {
            for server in
                record.servers.iter().filter(|s| !joined.servers.contains(s)).copied().collect::<Vec<_>>()
            {
                joined.servers.push(server);
            }
            for domain in &record.search {
                if !joined.search.contains(domain) {
                    joined.search.push(domain.clone());
                }
            }
        }
        Some(joined)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
