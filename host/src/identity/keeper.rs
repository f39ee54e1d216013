//! The one that writes what clients are remembered by: a moment later, all that has come together in one go, on the
//! thread for blocking work. Nothing waits for the flash but the end of the daemon.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{Bytes, ClientName};
use tokio::sync::Notify;
use tokio::task::{spawn_blocking, spawn_local};

use super::{ClientRecord, Identities, LastLease};

/// How long a change waits for others: a boot brings every client its lease at once, and has better things to do then.
const GATHER: Duration = Duration::from_millis(500);

/// What is new of a client.
#[derive(Debug, Clone, Default)]
struct Change {
    client_id: Option<Bytes>,
    lease: Option<LastLease>,
}

impl Change {
    fn make(&self, record: &mut ClientRecord) {
        if let Some(id) = &self.client_id {
            record.client_id.get_or_insert_with(|| id.clone());
        }
        if let Some(lease) = &self.lease {
            record.last_lease = Some(lease.clone());
        }
    }
}

/// The records, and what is on its way to them.
#[derive(Debug)]
pub struct Keeper {
    identities: Identities,
    waiting: RefCell<BTreeMap<ClientName, Change>>,
    /// Clients whose last change is not on the flash.
    failed: RefCell<BTreeSet<ClientName>>,
    at_work: Cell<bool>,
    hurry: Notify,
    rested: Notify,
}

impl Keeper {
    /// Nothing is on its way yet.
    #[must_use]
    pub fn new(identities: Identities) -> Rc<Self> {
        Rc::new(Self {
            identities,
            waiting: RefCell::default(),
            failed: RefCell::default(),
            at_work: Cell::default(),
            hurry: Notify::new(),
            rested: Notify::new(),
        })
    }

    /// The records as they are on the flash.
    #[must_use]
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Keeps the client-id of a client that has none: the first is kept for ever.
    pub fn keep_client_id(self: &Rc<Self>, client: &ClientName, id: Bytes) {
        self.note(client, |change| change.client_id = Some(id));
    }

    /// Keeps the last lease of a client.
    pub fn keep_lease(self: &Rc<Self>, client: &ClientName, lease: LastLease) {
        self.note(client, |change| change.lease = Some(lease));
    }

    /// Whether the last change of a client could not be written; says so once.
    pub fn has_failed(&self, client: &ClientName) -> bool {
        self.failed.borrow_mut().remove(client)
    }

    /// Returns when everything is on the flash, or could not be written.
    pub async fn finish(&self) {
        while self.at_work.get() {
            self.hurry.notify_one();
            self.rested.notified().await;
        }
    }

    fn note(self: &Rc<Self>, client: &ClientName, note: impl FnOnce(&mut Change)) {
        note(self.waiting.borrow_mut().entry(client.clone()).or_default());
        if !self.at_work.replace(true) {
            let keeper = Rc::clone(self);
            spawn_local(async move { keeper.work().await });
        }
    }

    async fn work(&self) {
        loop {
            // Either way it is time.
            let _ = tokio::time::timeout(GATHER, self.hurry.notified()).await;
            let changes = self.waiting.take();
            if changes.is_empty() {
                break;
            }
            let identities = self.identities.clone();
            let names: Vec<ClientName> = changes.keys().cloned().collect();
            // A write that panicked wrote nothing.
            let failed = spawn_blocking(move || write(&identities, changes)).await.unwrap_or(names);
            self.failed.borrow_mut().extend(failed);
        }
        self.at_work.set(false);
        self.rested.notify_waiters();
    }
}

/// The clients whose record could not be written; the store has said in the log why.
fn write(identities: &Identities, changes: BTreeMap<ClientName, Change>) -> Vec<ClientName> {
    let mut failed = Vec::new();
    for (client, change) in changes {
        let _only_we = identities.lock();
        let mut record = identities.client(&client);
        change.make(&mut record);
        if identities.keep_client(&client, &record).is_err() {
            failed.push(client);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::paths::Paths;

    fn lease(last: u8) -> LastLease {
        LastLease { address: [192, 0, 2, last].into(), server: None, changed: String::new() }
    }

    #[tokio::test]
    async fn what_comes_together_is_there_at_the_end_and_the_first_client_id_stays() {
        let root = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(Identities::new(&Paths::new(root.path())));
        let wan4: ClientName = "wan4".parse().unwrap();
        LocalSet::new()
            .run_until(async {
                keeper.finish().await;
                keeper.keep_client_id(&wan4, Bytes(vec![1, 1]));
                keeper.keep_lease(&wan4, lease(7));
                keeper.keep_lease(&wan4, lease(8));
                keeper.finish().await;
                keeper.keep_client_id(&wan4, Bytes(vec![1, 2]));
                keeper.finish().await;
            })
            .await;
        let record = keeper.identities().client(&wan4);
        assert_eq!(record.client_id, Some(Bytes(vec![1, 1])));
        assert_eq!(record.last_lease, Some(lease(8)));
        assert!(!keeper.has_failed(&wan4));
    }

    #[tokio::test]
    async fn a_write_that_fails_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("var"), "in the way").unwrap();
        let keeper = Keeper::new(Identities::new(&Paths::new(root.path())));
        let wan4: ClientName = "wan4".parse().unwrap();
        LocalSet::new()
            .run_until(async {
                keeper.keep_lease(&wan4, lease(7));
                keeper.finish().await;
            })
            .await;
        assert!(keeper.has_failed(&wan4));
        assert!(!keeper.has_failed(&wan4));
    }
}
