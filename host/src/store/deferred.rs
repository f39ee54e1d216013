//! One record that is written a moment after it changed, on the thread for blocking work: nobody waits for the flash
//! but the end of the daemon, and what changes again and again is written a few times an hour.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{spawn_blocking, spawn_local};

use super::{Later, Record, Store, Wear};
use crate::clock::boottime_ms;

/// How long a change waits for others: a boot brings all prefixes at once.
const GATHER: Duration = Duration::from_millis(250);

/// How long one waits that came after too many others, until it is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The record, and what is on its way to it.
#[derive(Debug)]
pub struct Deferred<T> {
    store: Store,
    name: &'static str,
    waiting: RefCell<Option<T>>,
    wear: RefCell<Wear>,
    later: Later,
}

impl<T: Record + Send + 'static> Deferred<T> {
    /// Nothing is on its way yet.
    #[must_use]
    pub fn new(store: Store, name: &'static str) -> Rc<Self> {
        Rc::new(Self {
            store,
            name,
            waiting: RefCell::default(),
            wear: RefCell::default(),
            later: Later::default(),
        })
    }

    /// Keeps this in place of what was kept before. Needs a `LocalSet`. The store says in the log what fails.
    pub fn keep(self: &Rc<Self>, record: T) {
        self.waiting.replace(Some(record));
        if self.later.begins() {
            let this = Rc::clone(self);
            spawn_local(async move { this.work().await });
        }
    }

    /// Returns when everything is on the flash, or could not be written.
    pub async fn finish(&self) {
        self.later.finish().await;
    }

    async fn work(&self) {
        loop {
            let mut hurried = self.later.gather(GATHER).await;
            while !hurried && !self.wear.borrow_mut().allows(boottime_ms()) {
                hurried = self.later.gather(PATIENCE).await;
            }
            let Some(record) = self.waiting.take() else { break };
            let (store, name) = (self.store.clone(), self.name);
            // A write that panicked wrote nothing, and the store has said why one failed.
            let _ = spawn_blocking(move || store.write(name, &record)).await;
            if self.waiting.borrow().is_none() {
                break;
            }
        }
        self.later.rests();
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use tokio::task::LocalSet;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Number(u32);

    impl Record for Number {
        const KIND: [u8; 4] = *b"NUMB";
        const VERSION: u16 = 1;
    }

    #[tokio::test]
    async fn the_last_of_many_is_there_at_the_end() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::durable(root.path());
        let deferred = Deferred::new(store.clone(), "number");
        LocalSet::new()
            .run_until(async {
                deferred.finish().await;
                for round in 0..20 {
                    deferred.keep(Number(round));
                    deferred.keep(Number(round + 100));
                    deferred.finish().await;
                }
            })
            .await;
        assert_eq!(store.read("number"), Some(Number(119)));
    }
}
