//! Watching the data model: what it is, then what becomes of it, a line each.
//!
//! A change is told at once, and then no sooner than the next of several together; states that no event tells of are
//! found by looking, as long as somebody watches.

use std::io;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::sleep;

use super::connection::{Connection, append_line, closed};
use super::listen::MAX_FOLLOWERS;
use super::{Controls, Response};
use crate::clock;
use crate::data_model::notice::Notice;
use crate::events::{Event, EventKind};
use crate::order;
use std::sync::Arc;

/// Between two lines.
const APART: Duration = Duration::from_millis(100);
/// Between two looks for what no event tells of. USP wants it told within ten seconds.
const LOOK: Duration = Duration::from_secs(1);

impl Connection {
    pub(super) async fn watch<C: Controls>(mut self, controls: &C, paths: Vec<String>) -> io::Result<()> {
        let Some(place) = self.followers.take() else {
            let why = format!("{MAX_FOLLOWERS} others follow the events already");
            return self.answer(&Response::refused(why)).await;
        };
        place.busy();
        let (_, mut feed) = controls.events().subscribe();
        let mut before = match controls.read(&paths).await {
            Ok(flat) => flat,
            Err(fault) => return self.answer(&Response::faults(vec![fault])).await,
        };
        let values = before.0.iter().cloned().collect();
        self.tell(Notice { time: clock::timestamp(), values, ..Notice::default() }).await?;
        loop {
            let happened = tokio::select! {
                event = feed.recv() => match event {
                    Err(RecvError::Closed) => return Ok(()),
                    Err(RecvError::Lagged(_)) => None,
                    Ok(event) => Some(event),
                },
                () = sleep(LOOK) => None,
                gone = closed(&mut self.stream) => return gone,
            };
            let mut told = Told::default();
            told.take(happened);
            told.drain(&mut feed);
            // What was named may be gone, and come back.
            let after = controls.read(&paths).await.unwrap_or_default();
            let notice = Notice {
                changed: told.changed,
                operations: told.operations,
                ..Notice::between(&before, &after)
            };
            before = after;
            if !notice.is_empty() {
                self.tell(Notice { time: clock::timestamp(), ..notice }).await?;
                sleep(APART).await;
            }
        }
    }

    async fn tell(&mut self, notice: Notice) -> io::Result<()> {
        let mut line = Vec::new();
        append_line(&mut line, &notice)?;
        self.write(&line).await
    }
}

/// What the events since the last line told.
#[derive(Debug, Default)]
struct Told {
    changed: Vec<crate::events::Change>,
    operations: Vec<String>,
}

impl Told {
    fn take(&mut self, event: Option<Arc<Event>>) {
        let Some(event) = event else { return };
        self.changed.extend(&event.changed);
        order::sort(&mut self.changed);
        self.changed.dedup();
        if event.event == EventKind::OperationComplete {
            self.operations.extend(event.detail.clone());
        }
    }

    fn drain(&mut self, feed: &mut Receiver<Arc<Event>>) {
        loop {
            match feed.try_recv() {
                Ok(event) => self.take(Some(event)),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}
