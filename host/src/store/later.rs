//! Work that is done a moment after it came up, together with what came up meanwhile; whoever ends waits for it.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Whether somebody is at such work. Who begins it does all of it until there is none, and then rests.
#[derive(Debug, Default)]
pub struct Later {
    at_work: Cell<bool>,
    hurry: Notify,
    rested: Notify,
}

impl Later {
    /// Whether nobody was at work: the caller is now.
    #[must_use]
    pub fn begins(&self) -> bool {
        !self.at_work.replace(true)
    }

    /// Lets this time pass, or less when somebody waits for the end; `true` then.
    pub async fn gather(&self, time: Duration) -> bool {
        timeout(time, self.hurry.notified()).await.is_ok()
    }

    /// There is nothing left to do.
    pub fn rests(&self) {
        self.at_work.set(false);
        self.rested.notify_waiters();
    }

    /// Hurries whoever is at work, and returns when it is done.
    pub async fn finish(&self) {
        while self.at_work.get() {
            self.hurry.notify_one();
            self.rested.notified().await;
        }
    }
}
