//! The task that tells resolvconf or systemd-resolved, one interface after the other.

use std::sync::{Arc, Mutex};

use dhcpmgr_message::IfName;
use tokio::sync::{Notify, mpsc};

use super::resolvconf::Resolvconf;
use super::{Record, State, lock};
use crate::config::DnsBackend;
use crate::flat::FlatSet;
use crate::network::NetworkEvent;

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

pub(super) async fn run(state: Arc<Mutex<State>>, events: mpsc::Sender<NetworkEvent>) {
    let called = Arc::clone(&lock(&state).teller);
    let mut programs = Programs::default();
    loop {
        let Some((backend, interface, record)) = next(&state) else {
            called.notified().await;
            continue;
        };
        if let Err(reason) = programs.tell(backend, &interface, record.as_ref()).await {
            tracing::error!(%interface, %reason, "name servers");
            let what = vec![format!("name servers: {reason}")];
            // Nobody listening is no error.
            let _ = events.send(NetworkEvent::Mismatch { interface, what }).await;
        }
        lock(&state).orders.busy = false;
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

#[derive(Default)]
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
