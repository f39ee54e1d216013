//! Who is connected: a bound on connections that an idle one cannot use up.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The places for connections.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    taken: RefCell<Vec<Rc<Slot>>>,
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Slot {
    /// Since when it has been waiting for a request; `None` while one is being answered.
    idle_since: Cell<Option<Instant>>,
    /// It should close, somebody else needs the place.
    evicted: Notify,
}

/// Gives the place back when the connection ends.
#[derive(Debug)]
pub(super) struct Lease {
    slots: Rc<Slots>,
    slot: Rc<Slot>,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { limit, taken: RefCell::default() })
    }

    /// A place; when there is none, that of the connection that has been idle the longest. `None` when all are busy.
    pub(super) fn take(self: &Rc<Self>) -> Option<Lease> {
        let mut taken = self.taken.borrow_mut();
        if taken.len() >= self.limit {
            let idle = taken.iter().enumerate().filter_map(|(at, slot)| Some((slot.idle_since.get()?, at)));
            let (_, longest) = idle.min()?;
            taken.remove(longest).evicted.notify_one();
        }
        let slot = Rc::new(Slot { idle_since: Cell::new(Some(Instant::now())), evicted: Notify::new() });
        taken.push(Rc::clone(&slot));
        drop(taken);
        Some(Lease { slots: Rc::clone(self), slot })
    }
}

impl Lease {
    /// A request came.
    pub(super) fn busy(&self) {
        self.slot.idle_since.set(None);
    }

    /// It was answered.
    pub(super) fn idle(&self) {
        self.slot.idle_since.set(Some(Instant::now()));
    }

    /// Waits until somebody else needs the place.
    pub(super) async fn evicted(&self) {
        self.slot.evicted.notified().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slots.taken.borrow_mut().retain(|slot| !Rc::ptr_eq(slot, &self.slot));
    }
}
