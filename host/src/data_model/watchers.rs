//! All subscriptions: the tree is looked at once for all of them, and each is told what it asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{Fault, code};
use super::notice::{Notice, Notices, Sender};
use super::path::{Found, Place, Source, expand};
use super::snapshot::{Differences, Snapshot};
use super::subscription::{NotifType, Reference, Subscription, parts};
use super::value::Value;
use crate::events::Change;
use crate::order;

/// The most subscriptions at a time.
const MOST: usize = 64;
/// The most commands that wait to be told.
const MOST_OPERATIONS: usize = 4096;

/// Who is told, and what the tree was when they were told last. Nothing is kept while nobody listens.
#[derive(Debug, Default)]
pub struct Watchers {
    all: Vec<Watcher>,
    snapshot: Option<Snapshot>,
    /// Commands that were carried out since the last look.
    operations: Vec<String>,
}

#[derive(Debug)]
struct Watcher {
    wants: Subscription,
    references: Vec<Reference>,
    sender: Sender,
}

/// What is other, by its path and the parts of leases that it is of.
struct News {
    values: Vec<(String, Value, &'static [Change], Is)>,
    created: Vec<(String, &'static [Change])>,
    deleted: Vec<(String, &'static [Change])>,
    operations: Vec<String>,
}

/// What a value is besides being another one.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    /// A part of the unique key of a new row.
    KeyOfNew,
    Plain,
}

impl Watchers {
    /// Begins a subscription.
    ///
    /// # Errors
    /// A reference that is not right or leads nowhere, or [`code::RESOURCES`].
    pub fn add(&mut self, wants: Subscription, source: &impl Source, time: &str) -> Result<Notices, Fault> {
        let references = Reference::all(&wants, source)?;
        // Others are told first: the tree is taken as it is now. It also frees the places of those who left.
        self.look(source, time);
        if self.all.len() >= MOST {
            return Err(Fault::new(code::RESOURCES, "Device.", format!("{MOST} others watch already")));
        }
        let (sender, notices) = Notices::new(Duration::from_millis(wants.interval_ms.into()));
        let watcher = Watcher { wants, references, sender };
        if watcher.wants.with_present {
            watcher.sender.send(Notice { time: time.to_owned(), ..watcher.present(source) });
        }
        self.all.push(watcher);
        if self.snapshot.is_none() {
            self.snapshot = Some(Snapshot::of(source));
        }
        Ok(notices)
    }

    /// Remembers commands that were carried out; the next look tells of them.
    pub fn operated(&mut self, commands: &[String]) {
        let room = MOST_OPERATIONS.saturating_sub(self.operations.len());
        if !self.all.is_empty() {
            self.operations.extend(commands.iter().take(room).cloned());
        }
    }

    /// Looks at the tree, and tells everybody what became of it.
    pub fn look(&mut self, source: &impl Source, time: &str) {
        self.all.retain(|watcher| watcher.sender.is_open());
        let operations = std::mem::take(&mut self.operations);
        if self.all.is_empty() {
            self.snapshot = None;
            return;
        }
        let differences = self.snapshot.get_or_insert_default().renew(source);
        self.tell(differences, operations, source, time);
    }

    /// Looks at what stands at and below a place only.
    pub fn look_below(&mut self, place: &Place, source: &impl Source, time: &str) {
        if let Some(snapshot) = &mut self.snapshot {
            let differences = snapshot.renew_below(place, source);
            self.tell(differences, Vec::new(), source, time);
        }
    }

    fn tell(&mut self, differences: Differences, operations: Vec<String>, source: &impl Source, time: &str) {
        if differences.is_empty() && operations.is_empty() {
            return;
        }
        let news = News::of(differences, operations);
        for watcher in &mut self.all {
            let notice = watcher.told(&news, source);
            if !notice.is_empty() {
                watcher.sender.send(Notice { time: time.to_owned(), ..notice });
            }
        }
    }

    /// Whether somebody is told of each value, and not only of the latest.
    #[must_use]
    pub fn want_each(&self) -> bool {
        self.all.iter().any(|watcher| watcher.sender.is_open() && watcher.wants.interval_ms == 0)
    }

    /// So much happened that nobody can be told of any more: those who want each value hear how much.
    pub fn missed(&self, count: u64) {
        let want_each = self.all.iter().filter(|watcher| watcher.wants.interval_ms == 0);
        want_each.for_each(|watcher| watcher.sender.lost(count));
    }

    /// What all of them refer to.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        self.all.iter().flat_map(|watcher| watcher.wants.references.iter().cloned()).collect()
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all.iter().any(|watcher| watcher.sender.is_open())
    }

    /// Whether somebody wants to know what no event tells of.
    #[must_use]
    pub fn look_without_events(&self) -> bool {
        self.all.iter().any(|watcher| watcher.sender.is_open() && !watcher.wants.events_only)
    }

    /// No look is of use to anybody before so much time has passed since the last.
    #[must_use]
    pub fn apart(&self) -> Duration {
        let least = self.all.iter().map(|watcher| watcher.wants.interval_ms).min();
        Duration::from_millis(least.unwrap_or_default().into())
    }
}

impl News {
    fn of(differences: Differences, operations: Vec<String>) -> Self {
        let rows = |places: Vec<Place>| {
            let mut rows: Vec<_> =
                places.iter().map(|place| (place.path(), parts(place.object, ""))).collect();
            order::sort_by(&mut rows, |a, b| a.0.cmp(&b.0));
            rows
        };
        // Parameters of an object follow each other: its path is written once, and its row is looked for once.
        let mut at: Option<(Place, String, bool)> = None;
        let mut values = Vec::with_capacity(differences.values.len());
        for (place, name, value) in differences.values {
            if at.as_ref().is_none_or(|(last, ..)| *last != place) {
                at = Some((place, place.path(), differences.created.contains(&place)));
            }
            let Some((_, path, is_new)) = &at else { continue };
            let is_key = *is_new && place.object.keys.iter().any(|key| key.contains(&name.as_str()));
            let is = if is_key { Is::KeyOfNew } else { Is::Plain };
            values.push((format!("{path}{name}"), value, parts(place.object, &name), is));
        }
        Self { values, created: rows(differences.created), deleted: rows(differences.deleted), operations }
    }
}

impl Watcher {
    fn covers(&self, path: &str) -> bool {
        self.references.iter().any(|reference| reference.covers(path))
    }

    /// Of all that is other, what was asked for.
    fn told(&mut self, news: &News, source: &impl Source) -> Notice {
        let now: Vec<_> = self.references.iter_mut().map(|reference| reference.look(source)).collect();
        let mut changed: Vec<Change> = Vec::new();
        let mut wanted = |path: &str, parts: &'static [Change]| {
            let is = self.wants.lets_through(parts) && self.covers(path);
            if is {
                changed.extend(parts);
            }
            is
        };
        let mut rows = |kind, rows: &[(String, &'static [Change])]| -> Vec<String> {
            if !self.wants.tells(kind) {
                return Vec::new();
            }
            rows.iter().filter(|(row, parts)| wanted(row, parts)).map(|(row, _)| row.clone()).collect()
        };
        let created = rows(NotifType::ObjectCreation, &news.created);
        let deleted = rows(NotifType::ObjectDeletion, &news.deleted);
        let is_told = |is: Is| {
            let key = is == Is::KeyOfNew && self.wants.tells(NotifType::ObjectCreation);
            key || self.wants.tells(NotifType::ValueChange)
        };
        let mut values = BTreeMap::new();
        for (path, value, parts, is) in &news.values {
            if is_told(*is) && wanted(path, parts) {
                values.insert(path.clone(), value.clone());
            }
        }
        let tells = self.wants.tells(NotifType::OperationComplete);
        let operations =
            news.operations.iter().filter(|command| tells && self.covers(command)).cloned().collect();
        for (reference, now) in self.references.iter_mut().zip(now) {
            reference.settle(now);
        }
        order::sort_once(&mut changed);
        Notice { changed, values, created, deleted, operations, ..Notice::default() }
    }

    /// What there is of it.
    fn present(&self, source: &impl Source) -> Notice {
        let mut values = BTreeMap::new();
        if !self.wants.tells(NotifType::ValueChange) {
            return Notice::default();
        }
        let mut each = |place: &Place, name: &str, value: Value| {
            if self.wants.lets_through(parts(place.object, name)) {
                values.insert(format!("{}{name}", place.path()), value);
            }
        };
        for found in self.references.iter().flat_map(|reference| reference.found(source)) {
            match found {
                Found::Parameter(place, parameter) => {
                    if let Some(value) = source.value(&place, parameter) {
                        each(&place, parameter.name, value);
                    }
                }
                Found::Extra(place, extra) => each(&place, &extra.name, extra.value),
                Found::Object(place) => expand(&place, 0, source, &mut each),
                Found::Table(within, table) => {
                    for number in source.rows(table, &within) {
                        expand(&within.row(table, number), 0, source, &mut each);
                    }
                }
                Found::Command(..) => {}
            }
        }
        Notice { values, ..Notice::default() }
    }
}

#[cfg(test)]
mod tests;
