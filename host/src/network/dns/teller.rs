//! The task that tells resolvconf or systemd-resolved, one interface after the other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dhcpmgr_message::IfName;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::resolvconf::Resolvconf;
use super::{Record, State, lock};
use crate::config::DnsBackend;
use crate::flat::FlatSet;
use crate::network::NetworkEvent;

/// What failed is told again: after this at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// What is still to be told; an interface that changes again meanwhile is told once.
#[derive(Default)]
pub(super) struct Orders {
    /// Interfaces whose records changed.
    pub(super) interfaces: FlatSet<IfName>,
    /// Interfaces of a back-end that is left.
    pub(super) undo: Vec<(DnsBackend, IfName)>,
    /// An order is being carried out.
    busy: bool,
    /// Rung when nothing is left to do.
    pub(super) idle: Arc<Notify>,
}

impl Orders {
    pub(super) fn is_done(&self) -> bool {
        !self.busy && self.interfaces.is_empty() && self.undo.is_empty()
    }
}

/// Tells whoever is to be told, as long as the daemon runs.
#[cfg_attr(
    not(feature = "dbus"),
    allow(unused_variables, reason = "only a bus is looked for below the root")
)]
pub(super) async fn run(state: Arc<Mutex<State>>, root: PathBuf, events: mpsc::Sender<NetworkEvent>) {
    let called = Arc::clone(&lock(&state).teller);
    let mut programs = Programs {
        resolvconf: None,
        #[cfg(feature = "dbus")]
        resolved: super::resolved::Resolved::new(&root),
    };
    let (first, longest) = RETRY;
    let (mut wait, mut known) = (first, None);
    loop {
        let Some((backend, interface, record)) = next(&state) else {
            called.notified().await;
            continue;
        };
        let outcome = programs.tell(backend, &interface, record.as_ref()).await;
        let failed = {
            let mut state = lock(&state);
            state.orders.busy = false;
            // Of a back-end that was left meanwhile nothing is wanted any more.
            let failed = outcome.is_err() && state.backend == backend;
            if failed {
                state.orders.interfaces.insert(interface.clone());
            }
            failed
        };
        let Err(reason) = outcome else {
            (wait, known) = (first, None);
            continue;
        };
        let now = Some((interface.clone(), reason.clone()));
        if now != known {
            tracing::error!(%interface, %reason, "name servers");
            let what = vec![format!("name servers: {reason}")];
            // Nobody listening is no error.
            let _ = events.send(NetworkEvent::Mismatch { interface, what }).await;
            known = now;
        }
        if failed {
            // Sooner when there is something else to tell.
            let _ = timeout(wait, called.notified()).await;
            wait = (wait * 2).min(longest);
        }
    }
}

fn next(state: &Mutex<State>) -> Option<(DnsBackend, IfName, Option<Record>)> {
    let mut state = lock(state);
    if let Some((backend, interface)) = state.orders.undo.pop() {
        state.orders.busy = true;
        return Some((backend, interface, None));
    }
    // The other back-ends wait like the file, and are told what was written to it.
    if !state.waiting
        && let Some(interface) = state.orders.interfaces.pop_first()
    {
        state.orders.busy = true;
        let record = state.of_interface(&interface);
        return Some((state.backend, interface, record));
    }
    state.orders.idle.notify_waiters();
    None
}

struct Programs {
    resolvconf: Option<Resolvconf>,
    #[cfg(feature = "dbus")]
    resolved: super::resolved::Resolved,
}

impl Programs {
    async fn tell(
        &mut self,
        backend: DnsBackend,
        interface: &IfName,
        record: Option<&Record>,
    ) -> Result<(), String> {
        match backend {
            DnsBackend::None | DnsBackend::File => Ok(()),
            DnsBackend::Resolvconf => self.resolvconf.get_or_insert_default().tell(interface, record).await,
            #[cfg(feature = "dbus")]
            DnsBackend::Resolved => self.resolved.tell(interface, record).await,
            #[cfg(not(feature = "dbus"))]
            DnsBackend::Resolved => {
                Err("this dhcpmgrd was built without D-Bus; choose another dns.backend".to_owned())
            }
        }
    }
}
