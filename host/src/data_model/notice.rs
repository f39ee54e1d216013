//! What is told to a subscriber, and the queue in which it waits for him: bounded, no faster than he asked for, and what
//! has no place in it is counted.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::value::Value;
use crate::events::Change;
use crate::order;

/// The most values, rows and commands that wait for a subscriber: all that 64 clients change when they all come up.
const MOST: usize = 8192;

/// One line of `dhcpmgr watch --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When: RFC 3339 in UTC.
    pub time: String,
    /// The parts of leases that are told of here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Change>,
    /// Parameters with another value, and those of new rows; their unique keys also where only rows are told.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// Rows that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<String>,
    /// Rows that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Commands that were carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// So many values, rows and commands are missing before this notice, because they were read too slowly, and so many
    /// events, because more happened between two looks than is kept. What is there now is read again with `get`.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost: u64,
}

fn is_none(lost: &u64) -> bool {
    *lost == 0
}

impl Notice {
    /// How much is told.
    fn len(&self) -> usize {
        self.values.len() + self.created.len() + self.deleted.len() + self.operations.len()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a later one. Numbers of rows are never given twice, so what is both new and gone was new first.
    fn join(&mut self, later: Self) {
        self.time = later.time;
        self.values.extend(later.values);
        self.created.extend(later.created);
        self.deleted.extend(later.deleted);
        self.operations.extend(later.operations);
        self.changed.extend(later.changed);
        order::sort_once(&mut self.changed);
    }
}

/// What waits for a subscriber.
#[derive(Debug)]
struct Outbox {
    interval: Duration,
    waiting: VecDeque<Notice>,
    lost: u64,
    /// When the next may be taken.
    not_before: Option<Instant>,
}

impl Outbox {
    fn new(interval: Duration) -> Self {
        Self { interval, waiting: VecDeque::new(), lost: 0, not_before: None }
    }

    fn put(&mut self, notice: Notice) {
        let mut waits: usize = self.waiting.iter().map(Notice::len).sum();
        // What is latest is what counts.
        while waits + notice.len() > MOST
            && let Some(oldest) = self.waiting.pop_front()
        {
            waits -= oldest.len();
            self.lost += oldest.len() as u64;
        }
        match self.waiting.back_mut().filter(|_| !self.interval.is_zero()) {
            Some(last) => last.join(notice),
            None => self.waiting.push_back(notice),
        }
    }

    /// When there is something to take, if anything waits.
    fn due(&self) -> Option<Instant> {
        self.waiting.front()?;
        Some(self.not_before.unwrap_or_else(Instant::now))
    }

    fn take(&mut self, now: Instant) -> Option<Notice> {
        let notice = self.waiting.pop_front()?;
        self.not_before = Some(now + self.interval);
        Some(Notice { lost: std::mem::take(&mut self.lost), ..notice })
    }
}

#[derive(Debug)]
struct Line {
    outbox: RefCell<Outbox>,
    rung: Notify,
}

/// Where notices go to.
#[derive(Debug)]
pub(super) struct Sender(Weak<Line>);

impl Sender {
    /// So much is missing that was never sent.
    pub(super) fn lost(&self, count: u64) {
        if let Some(line) = self.0.upgrade() {
            line.outbox.borrow_mut().lost += count;
        }
    }

    /// Whether somebody listens.
    pub(super) fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(super) fn send(&self, notice: Notice) {
        if let Some(line) = self.0.upgrade() {
            line.outbox.borrow_mut().put(notice);
            line.rung.notify_one();
        }
    }
}

/// Where they come out. The subscription ends when it is dropped.
#[derive(Debug)]
pub struct Notices(Rc<Line>);

impl Notices {
    /// A queue with so much time between two notices.
    pub(super) fn new(interval: Duration) -> (Sender, Self) {
        let line = Rc::new(Line { outbox: RefCell::new(Outbox::new(interval)), rung: Notify::new() });
        (Sender(Rc::downgrade(&line)), Self(line))
    }

    /// The next one, as soon as there is one and the subscription's rate lets it be told. May be dropped at any time;
    /// nothing is lost by it.
    pub async fn next(&mut self) -> Notice {
        loop {
            let due = self.0.outbox.borrow().due();
            match due {
                None => self.0.rung.notified().await,
                Some(at) if at > Instant::now() => sleep_until(at).await,
                Some(_) => {
                    if let Some(notice) = self.0.outbox.borrow_mut().take(Instant::now()) {
                        return notice;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: impl IntoIterator<Item = (usize, u32)>) -> Notice {
        let values = of.into_iter().map(|(path, value)| (format!("Device.X.{path}"), value.into())).collect();
        Notice { values, ..Notice::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_every_value_is_told_in_order() {
        let (sender, mut notices) = Notices::new(Duration::ZERO);
        for value in 0..1000 {
            sender.send(values([(1, value)]));
        }
        for value in 0..1000 {
            assert_eq!(notices.next().await, values([(1, value)]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_rate_the_first_comes_at_once_and_then_the_latest_values_together() {
        let (sender, mut notices) = Notices::new(Duration::from_secs(5));
        let start = Instant::now();
        sender.send(values([(1, 1)]));
        assert_eq!((notices.next().await, start.elapsed()), (values([(1, 1)]), Duration::ZERO));
        sender.send(values([(1, 2), (2, 2)]));
        sender.send(values([(1, 3), (3, 3)]));
        assert_eq!(notices.next().await, values([(1, 3), (2, 2), (3, 3)]));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_place_is_counted_and_the_latest_stays() {
        let (sender, mut notices) = Notices::new(Duration::ZERO);
        for value in 0..10 {
            sender.send(values((0..1000).map(|path| (path, value))));
        }
        let first = notices.next().await;
        assert_eq!((first.lost, &first.values["Device.X.7"]), (2000, &Value::from(2_u32)));
        assert_eq!(notices.next().await.lost, 0, "it is said once");
        let mut last = None;
        for _ in 0..6 {
            last = Some(notices.next().await);
        }
        assert_eq!(last, Some(values((0..1000).map(|path| (path, 9)))));
    }

    #[test]
    fn who_does_not_listen_any_more_is_told_nothing() {
        let (sender, notices) = Notices::new(Duration::ZERO);
        assert!(sender.is_open());
        drop(notices);
        assert!(!sender.is_open());
        sender.send(values([(1, 1)]));
    }
}
