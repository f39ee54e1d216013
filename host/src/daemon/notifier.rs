//! Looks at the data model for those who have subscribed to it: when something happened, and for what no event tells of,
//! now and then. Nothing is done while nobody listens.

use std::time::{Duration, Instant};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::sleep;

use super::Daemon;
use super::model::references;
use crate::clock;

/// How long after an event others may join it.
const TOGETHER: Duration = Duration::from_millis(2);
/// Between two looks for what no event tells of. USP wants it told within ten seconds.
const LOOK: Duration = Duration::from_secs(1);

impl Daemon {
    /// Tells subscribers of what becomes of the data model, for as long as the daemon runs.
    pub(super) async fn notify(&self) {
        let (watchers, joined) = (&self.model.watchers, &self.model.joined);
        loop {
            joined.notified().await;
            let (_, mut feed) = self.shared.events.subscribe();
            while !watchers.borrow().is_empty() {
                let looks = watchers.borrow().look_without_events();
                tokio::select! {
                    event = feed.recv() => if let Err(RecvError::Closed) = event { return },
                    () = sleep(LOOK), if looks => {}
                    // It may want to know what no event tells of.
                    () = joined.notified() => continue,
                }
                sleep(TOGETHER).await;
                drain(&mut feed);
                let began = Instant::now();
                self.look().await;
                // As long as the look took: watching costs half of the processor at most.
                let rest = began.elapsed().max(watchers.borrow().apart());
                tokio::select! {
                    () = sleep(rest) => {}
                    () = joined.notified() => {}
                }
            }
            // Nothing of the tree is kept for nobody.
            *watchers.borrow_mut() = Default::default();
        }
    }

    /// Looks at the tree once, for everybody.
    pub(super) async fn look(&self) {
        let _turn = self.model.looking.lock().await;
        let wanted = self.model.watchers.borrow().references();
        let facts = self.present(&references(&wanted)).await;
        self.model.watchers.borrow_mut().look(&facts, &clock::timestamp());
    }
}

/// What happened already is seen by the next look, however much it is.
fn drain(feed: &mut Receiver<std::sync::Arc<crate::events::Event>>) {
    while !matches!(feed.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
}
