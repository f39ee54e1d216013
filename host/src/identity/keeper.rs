//! The one that writes what clients are remembered by: a moment later, all that has come together in one go, on the
//! thread for blocking work. Nothing waits for the flash but the end of the daemon.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{Bytes, ClientName};
use tokio::sync::Mutex;
use tokio::task::{spawn_blocking, spawn_local};

use super::{ClientRecord, DeviceRecord, Ia, Identities, LastLease};
use crate::flat::{FlatMap, FlatSet};
use crate::store::Later;

/// How long a change waits for others: a boot brings every client its lease at once, and has better things to do then.
const GATHER: Duration = Duration::from_millis(500);

/// What is new of a client.
#[derive(Debug, Clone, Default)]
struct Change {
    client_id: Option<Bytes>,
    lease: Option<LastLease>,
    ias: Vec<Ia>,
}

impl Change {
    fn make(&self, record: &mut ClientRecord) {
        if let Some(id) = &self.client_id {
            record.client_id.get_or_insert_with(|| id.clone());
        }
        if let Some(lease) = &self.lease {
            record.last_lease = Some(lease.clone());
        }
        record.keep(&self.ias);
    }
}

/// The records, and what is on its way to them.
#[derive(Debug)]
pub struct Keeper {
    identities: Identities,
    /// As they will be when everything is written; read when they are first asked for.
    clients: RefCell<FlatMap<ClientName, Rc<ClientRecord>>>,
    device: RefCell<Option<DeviceRecord>>,
    /// Held while a DUID is made.
    making: Mutex<()>,
    waiting: RefCell<FlatMap<ClientName, Change>>,
    /// Clients whose last change is not on the flash.
    failed: RefCell<FlatSet<ClientName>>,
    later: Later,
}

impl Keeper {
    /// Nothing is on its way yet.
    #[must_use]
    pub fn new(identities: Identities) -> Rc<Self> {
        Rc::new(Self {
            identities,
            clients: RefCell::default(),
            device: RefCell::default(),
            making: Mutex::default(),
            waiting: RefCell::default(),
            failed: RefCell::default(),
            later: Later::default(),
        })
    }

    /// The records as they are on the flash: for who writes them otherwise.
    #[must_use]
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// What is known of a client; nothing when it is new.
    #[must_use]
    pub fn client(&self, client: &ClientName) -> Rc<ClientRecord> {
        let mut clients = self.clients.borrow_mut();
        let read = || Rc::new(self.identities.client(client));
        Rc::clone(clients.entry(client.clone()).or_insert_with(read))
    }

    /// The DUID of the device, if it has one.
    #[must_use]
    pub fn duid(&self) -> Option<Bytes> {
        self.device.borrow_mut().get_or_insert_with(|| self.identities.device()).duid.clone()
    }

    /// The DUID of the device. Where it has none, the one that is made: it is on the flash when this returns, or cannot
    /// be written there, and is the same from now on all the same.
    pub async fn settled_duid(&self, make: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        let _one_at_a_time = self.making.lock().await;
        if let Some(duid) = self.duid() {
            return Some(duid);
        }
        let made = make()?;
        tracing::info!("the DUID of this device is {} from now on", made.to_hex());
        let (identities, new) = (self.identities.clone(), made.clone());
        let kept = spawn_blocking(move || {
            let _only_we = identities.lock();
            // An import may have been faster; the store says in the log why it cannot write.
            let kept = identities.device().duid.unwrap_or(new);
            let _ = identities.keep_device(&DeviceRecord { duid: Some(kept.clone()) });
            kept
        });
        let kept = kept.await.unwrap_or(made);
        *self.device.borrow_mut() = Some(DeviceRecord { duid: Some(kept.clone()) });
        Some(kept)
    }

    /// Somebody else has written records: they are read again.
    pub fn forget_what_was_read(&self) {
        *self.device.borrow_mut() = None;
        let waiting = self.waiting.borrow();
        self.clients.borrow_mut().retain(|client, _| waiting.contains_key(client));
    }

    /// Keeps identity associations, with what is leased in them.
    pub fn keep_ias(self: &Rc<Self>, client: &ClientName, ias: Vec<Ia>) {
        self.note(client, |change| {
            let mut record = ClientRecord { ias: std::mem::take(&mut change.ias), ..ClientRecord::default() };
            record.keep(&ias);
            change.ias = record.ias;
        });
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
        self.later.finish().await;
    }

    fn note(self: &Rc<Self>, client: &ClientName, note: impl FnOnce(&mut Change)) {
        let mut record = ClientRecord::clone(&self.client(client));
        {
            let mut waiting = self.waiting.borrow_mut();
            let change = waiting.entry(client.clone()).or_default();
            note(change);
            change.make(&mut record);
        }
        self.clients.borrow_mut().insert(client.clone(), Rc::new(record));
        if self.later.begins() {
            let keeper = Rc::clone(self);
            spawn_local(async move { keeper.work().await });
        }
    }

    async fn work(&self) {
        loop {
            // Either way it is time.
            let _ = self.later.gather(GATHER).await;
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
        self.later.rests();
    }
}

/// The clients whose record could not be written; the store has said in the log why.
fn write(identities: &Identities, changes: FlatMap<ClientName, Change>) -> Vec<ClientName> {
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
    use dhcpmgr_message::IaKind;
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
        assert_eq!(*keeper.client(&wan4), record);
        assert_eq!(record.client_id, Some(Bytes(vec![1, 1])));
        assert_eq!(record.last_lease, Some(lease(8)));
        assert!(!keeper.has_failed(&wan4));
    }

    #[tokio::test]
    async fn a_duid_is_made_once_and_is_on_the_flash_before_it_is_used() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let keeper = Keeper::new(Identities::new(&paths));
        let made = |last| move || Some(Bytes(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, last]));
        assert_eq!(keeper.settled_duid(|| None).await, None);
        let (first, second) = tokio::join!(keeper.settled_duid(made(1)), keeper.settled_duid(made(2)));
        assert_eq!((&first, &second), (&made(1)(), &first));
        assert_eq!(Identities::new(&paths).device().duid, first);
        // An import replaces it while the daemon runs.
        Identities::new(&paths).keep_device(&DeviceRecord { duid: made(7)() }).unwrap();
        assert_eq!(keeper.duid(), first);
        keeper.forget_what_was_read();
        assert_eq!(keeper.settled_duid(made(3)).await, made(7)());
    }

    #[tokio::test]
    async fn associations_are_kept_with_what_was_last_leased_in_them() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let keeper = Keeper::new(Identities::new(&paths));
        let wan6: ClientName = "wan6".parse().unwrap();
        let ia = |iaid, last: &str| Ia { kind: IaKind::Pd, iaid, last: last.parse().into_iter().collect() };
        LocalSet::new()
            .run_until(async {
                keeper.keep_ias(&wan6, vec![ia(1, ""), ia(2, "")]);
                keeper.keep_ias(&wan6, vec![ia(2, "2001:db8:100::/56")]);
                assert!(keeper.client(&wan6).holds(&[ia(2, "2001:db8:100::/56")]), "before it is written");
                keeper.finish().await;
                keeper.keep_ias(&wan6, vec![ia(2, "")]);
                keeper.finish().await;
            })
            .await;
        let kept = Identities::new(&paths).client(&wan6);
        assert_eq!(kept.ias, [ia(1, ""), ia(2, "2001:db8:100::/56")]);
        assert!(kept.holds(&kept.ias) && kept.holds(&[ia(2, "")]) && !kept.holds(&[ia(3, "")]));
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
