//! Looks at the data model for those who have subscribed to it: when something happened, and for what no event tells of,
//! now and then. Nothing is done while nobody listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{sleep, timeout};

use super::Daemon;
use super::model::{Happened, references};
use crate::clock;
use crate::data_model::live::Facts;
use crate::data_model::replay::replay;
use crate::events::Event;

/// How long after an event others may join it.
const TOGETHER: Duration = Duration::from_millis(2);
/// Between two looks for what no event tells of. USP wants it told within ten seconds.
const LOOK: Duration = Duration::from_secs(1);

/// No more happens between two looks when each value is to be told: the feed keeps a few times that.
const MOST: u64 = 64;

impl Daemon {
    /// Tells subscribers of what becomes of the data model, for as long as the daemon runs.
    pub(super) async fn notify(&self) {
        let (watchers, joined) = (&self.model.watchers, &self.model.joined);
        loop {
            joined.notified().await;
            let (_, mut feed) = self.shared.events.subscribe();
            let mut came = 0;
            while !watchers.borrow().is_empty() {
                let looks = watchers.borrow().look_without_events();
                tokio::select! {
                    () = async {}, if came > 0 => {}
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
                let most = if watchers.borrow().want_each() { MOST } else { u64::MAX };
                came = 0;
                tokio::select! {
                    _ = timeout(rest, count(&mut feed, &mut came, most)) => {}
                    () = joined.notified() => {}
                }
            }
            let mut past = self.model.looking.lock().await;
            // Nothing of the tree is kept for nobody.
            if watchers.borrow().is_empty() {
                (*watchers.borrow_mut(), *past) = Default::default();
            }
        }
    }

    /// Looks at the tree once, for everybody.
    pub(super) async fn look(&self) {
        let mut happened = self.model.looking.lock().await;
        let wanted = self.model.watchers.borrow().references();
        let mut facts = self.present(&references(&wanted)).await;
        self.replay(&mut happened, &mut facts);
        self.model.watchers.borrow_mut().look(&facts, &clock::timestamp());
    }

    /// Tells of leases that were others again before the facts were gathered.
    pub(super) fn replay(&self, happened: &mut Option<Happened>, facts: &mut Facts) {
        let Some(feed) = happened else { return };
        let (events, missed) = drain(feed);
        let mut watchers = self.model.watchers.borrow_mut();
        // To others the latest is told.
        if watchers.want_each() {
            watchers.missed(missed);
            replay(&mut watchers, facts, &mut self.model.passing.borrow_mut(), &events);
        }
    }
}

/// Counts what happens, until there is no more to be counted.
async fn count(feed: &mut Happened, came: &mut u64, most: u64) {
    while *came < most {
        match feed.recv().await {
            Ok(_) => *came += 1,
            Err(RecvError::Lagged(count)) => *came += count,
            Err(RecvError::Closed) => return,
        }
    }
}

/// What happened already, and how much more could not be kept.
fn drain(feed: &mut Happened) -> (Vec<Arc<Event>>, u64) {
    let (mut events, mut missed) = (Vec::new(), 0);
    loop {
        match feed.try_recv() {
            Ok(event) => events.push(event),
            Err(TryRecvError::Lagged(count)) => missed += count,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return (events, missed),
        }
    }
}
