//! The way in: chooses a back-end for a softwire, and does what is common to all of them.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;
use dhcpmgr_softwire::Kind;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::napt::Napt;
use super::nat46::Nat46;
use super::support::Support;
use super::tunnel::KernelTunnel;
use super::{Backend, BackendError, BackendName, Carried, Stats, Wan, interface_name, plan};
use crate::config::SoftwireBackend;
use crate::flat::FlatMap;
use crate::network::{Network, NetworkError, Owner};
use crate::store::{self, Store};

/// What a later daemon has to know of a softwire's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    wan: IfName,
    backend: BackendName,
}

impl store::Record for Record {
    const KIND: [u8; 4] = *b"SOFT";
    const VERSION: u16 = 1;
}

/// A softwire that is up.
#[derive(Debug, Clone, PartialEq)]
struct Up {
    wan: Wan,
    softwire: Softwire,
    carried: Carried,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Order<'a> {
    interface: &'a IfName,
    wan: &'a Wan,
    kind: Kind,
    softwire: &'a Softwire,
}

/// All back-ends that were chosen, and what they carry.
#[derive(Debug)]
pub struct Backends {
    network: Network,
    store: Store,
    all: Vec<Rc<dyn Backend>>,
    napt: Napt,
    support: RefCell<Support>,
    up: RefCell<FlatMap<IfName, Up>>,
    /// One thing after the other on a WAN.
    busy: RefCell<FlatMap<IfName, Rc<Mutex<()>>>>,
}

impl Backends {
    /// Looks which back-ends work here; `root` is what the kernel's `/proc` is below. What an earlier daemon left stays as it is until somebody asks for it, or until
    /// [`Backends::sweep`].
    pub async fn start(choice: SoftwireBackend, network: Network, store: Store, root: &Path) -> Self {
        // The order of `auto`.
        let all: Vec<Rc<dyn Backend>> =
            vec![Rc::new(Nat46::new(root, network.clone())), Rc::new(KernelTunnel::new(network.clone()))];
        let napt = Napt::default();
        let support = Support::probe(choice, &all, &napt).await;
        let (up, busy) = Default::default();
        Self { network, store, all, napt, support: support.into(), up, busy }
    }

    /// Looks again, with another choice. What is up stays as it is: the kinds of softwire that were carried and are no
    /// more are to be ended by whoever asked for them.
    pub async fn choose(&self, choice: SoftwireBackend) {
        let support = Support::probe(choice, &self.all, &self.napt).await;
        *self.support.borrow_mut() = support;
    }

    /// What is carried here, and why the rest is not.
    #[must_use]
    pub fn support(&self) -> Support {
        self.support.borrow().clone()
    }

    /// Whether this softwire could be carried; the error says why not. Asks nobody.
    pub fn carries(&self, softwire: &Softwire) -> Result<(), String> {
        let kind: Kind = softwire.kind.parse().map_err(|error| format!("\"{}\" {error}", softwire.kind))?;
        self.able(kind, softwire).map(drop)
    }

    /// Makes this softwire be carried over the WAN, in place of the one before if there is one. When it returns, IPv4
    /// runs over it. Nothing is done when all is so already; what an earlier daemon left is taken over.
    ///
    /// # Errors
    /// When it cannot be; then nothing of it is left.
    pub async fn carry(&self, wan: &Wan, softwire: &Softwire) -> Result<Carried, BackendError> {
        let kind: Kind = softwire.kind.parse().map_err(|_| BackendError::Kind(softwire.kind.clone()))?;
        let unable = |reason| BackendError::Unable { kind, reason };
        let interface = interface_name(&wan.interface)
            .ok_or_else(|| unable(format!("{} gives no name for its interface", wan.interface)))?;
        let busy = self.busy(&wan.interface);
        let _busy = busy.lock().await;
        if let Some(carried) = self.unchanged(wan, softwire) {
            return Ok(carried);
        }
        let backend = self.able(kind, softwire).map_err(unable)?;
        let before = self.up.borrow_mut().remove(&wan.interface);
        self.make_room(&interface, backend.name()).await?;
        let order = Order { interface: &interface, wan, kind, softwire };
        match self.bring_up(&*backend, before.is_some(), order).await {
            Ok(carried) => {
                let up = Up { wan: wan.clone(), softwire: softwire.clone(), carried: carried.clone() };
                self.up.borrow_mut().insert(wan.interface.clone(), up);
                Ok(carried)
            }
            Err(error) => {
                if let Err(left) = self.take_down(&wan.interface, &interface, backend.name()).await {
                    tracing::warn!("{left}");
                }
                Err(error)
            }
        }
    }

    /// Ends the softwire over this WAN; a line for each thing that was done.
    ///
    /// # Errors
    /// When something of it may be left.
    pub async fn end(&self, wan: &IfName) -> Result<Vec<String>, BackendError> {
        let busy = self.busy(wan);
        let _busy = busy.lock().await;
        let up = self.up.borrow_mut().remove(wan);
        let Some(interface) = interface_name(wan) else { return Ok(Vec::new()) };
        let backend = match up {
            Some(up) => up.carried.backend,
            None => match self.store.read::<Record>(interface.as_str()) {
                Some(record) => record.backend,
                None => return Ok(Vec::new()),
            },
        };
        self.take_down(wan, &interface, backend).await
    }

    /// Loads the tables of all softwires again: whoever empties the packet filter takes them away too, and nobody is told.
    /// A line for each that could not be.
    pub async fn restore_filters(&self) -> Vec<String> {
        self.napt.doubt();
        let mut lines = Vec::new();
        let all: Vec<Up> = self.up.borrow().values().cloned().collect();
        for up in all {
            let Ok(kind) = up.softwire.kind.parse::<Kind>() else { continue };
            let busy = self.busy(&up.wan.interface);
            let _busy = busy.lock().await;
            // Meanwhile it may have ended.
            if self.up.borrow().get(&up.wan.interface) == Some(&up)
                && let Err(error) = self.napt.set(&up.carried.interface, kind, &up.softwire).await
            {
                lines.push(error.to_string());
            }
        }
        lines
    }

    /// What went through the softwire over this WAN.
    #[must_use]
    pub fn stats(&self, wan: &IfName) -> Option<Stats> {
        let carried = self.up.borrow().get(wan)?.carried.clone();
        self.backend(carried.backend)?.stats(&carried.interface)
    }

    /// The interfaces of all softwires, also of those that an earlier daemon left.
    #[must_use]
    pub fn interfaces(&self) -> Vec<IfName> {
        self.store.names().iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// To be called once, when after the start all have said what they want: what an earlier daemon left, and nobody
    /// asked for, ends. A line for each thing that was done or could not be.
    pub async fn sweep(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for interface in self.interfaces() {
            let Some(record) = self.store.read::<Record>(interface.as_str()) else { continue };
            // Whoever is busy with it has asked for it.
            let busy = self.busy(&record.wan);
            let Ok(_busy) = busy.try_lock() else { continue };
            if !self.up.borrow().contains_key(&record.wan) {
                match self.take_down(&record.wan, &interface, record.backend).await {
                    Ok(done) => lines.extend(done),
                    Err(error) => lines.push(error.to_string()),
                }
            }
        }
        lines
    }

    /// Who would carry this softwire; the error says why nobody does.
    fn able(&self, kind: Kind, softwire: &Softwire) -> Result<Rc<dyn Backend>, String> {
        let name = self.support.borrow().backend(kind)?;
        let backend = self.backend(name).ok_or_else(|| format!("{name} is not there"))?;
        backend.accepts(softwire)?;
        Ok(backend)
    }

    fn busy(&self, wan: &IfName) -> Rc<Mutex<()>> {
        Rc::clone(self.busy.borrow_mut().entry(wan.clone()).or_default())
    }

    fn backend(&self, name: BackendName) -> Option<Rc<dyn Backend>> {
        self.all.iter().find(|backend| backend.name() == name).cloned()
    }

    /// What is up, when it is what is wanted and its interface is still there.
    fn unchanged(&self, wan: &Wan, softwire: &Softwire) -> Option<Carried> {
        let ups = self.up.borrow();
        let up = ups.get(&wan.interface).filter(|up| up.wan == *wan && up.softwire == *softwire)?;
        self.network.link(&up.carried.interface).filter(|link| link.up)?;
        Some(Carried { done: Vec::new(), ..up.carried.clone() })
    }

    /// What another back-end made under this name goes first.
    async fn make_room(&self, interface: &IfName, backend: BackendName) -> Result<(), BackendError> {
        let record = self.store.read::<Record>(interface.as_str());
        if let Some(other) = record.filter(|record| record.backend != backend) {
            self.take_down(&other.wan, interface, other.backend).await?;
        }
        Ok(())
    }

    async fn bring_up(
        &self,
        backend: &dyn Backend,
        update: bool,
        order: Order<'_>,
    ) -> Result<Carried, BackendError> {
        let Order { interface, wan, kind, softwire } = order;
        // Before there is anything: what is made must be found again.
        let record = Record { wan: wan.interface.clone(), backend: backend.name() };
        // The store says in the log why it cannot.
        let _ = self.store.write(interface.as_str(), &record);
        let mut notes = if update {
            backend.update(interface, wan, softwire).await?
        } else {
            backend.up(interface, wan, softwire).await?
        };
        let mut done = Vec::new();
        if !self.network.link(interface).is_some_and(|link| link.up) {
            self.network.set_up(interface)?;
            done.push(format!("{interface} set up by {}", backend.name()));
        }
        // Before there is a route: nothing leaves with an address or a port of somebody else.
        match self.napt.set(interface, kind, softwire).await {
            Ok(true) => done.push(format!("packet filter: table dhcpmgr-{interface}")),
            Ok(false) => {}
            Err(error) if Napt::is_needed(kind) => return Err(error),
            Err(error) => notes.push(format!("sizes of TCP segments are not clamped: {error}")),
        }
        let owner = Owner::Softwire(wan.interface.clone());
        let applied = self.network.apply(owner, Some(plan::desired(interface, wan, kind, softwire))).await?;
        done.extend(applied.actions.iter().map(ToString::to_string));
        Ok(Carried { backend: backend.name(), interface: interface.clone(), done, notes })
    }

    /// Takes everything back, in the opposite order. What fails does not keep the rest from going.
    async fn take_down(
        &self,
        wan: &IfName,
        interface: &IfName,
        backend: BackendName,
    ) -> Result<Vec<String>, BackendError> {
        let mut done = Vec::new();
        let mut result = Ok(());
        match self.network.apply(Owner::Softwire(wan.clone()), None).await {
            Ok(applied) => done.extend(applied.actions.iter().map(ToString::to_string)),
            // Then they are gone with it.
            Err(NetworkError::NoSuchInterface { .. }) => {}
            Err(error) => result = Err(error.into()),
        }
        // After the route: what is on its way is translated to the last.
        if let Err(error) = self.napt.remove(interface).await {
            result = Err(error);
        }
        if let Some(backend) = self.backend(backend) {
            match backend.down(interface).await {
                Ok(()) => done.push(format!("{interface} taken away by {}", backend.name())),
                Err(error) => result = Err(error),
            }
        }
        result?;
        let _ = self.store.remove(interface.as_str());
        Ok(done)
    }
}
