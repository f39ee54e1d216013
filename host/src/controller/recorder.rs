//! The flight recorder of one client: the last exchanges and the last words of its process, for `dhcpmgr why`.
//!
//! It keeps things as they came; they become text only when somebody asks.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use dhcpmgr_message::{LeaseMessage, V4Report, V6Report};
use dhcpmgr_plugin_api::Hook;

use crate::clock;
use crate::control::views::{Exchange, HandlerDid};
use crate::events::Change;
use crate::flat::FlatMap;
use crate::handlers::HandlerReport;
use crate::network::Action;

/// Exchanges that are kept.
const EXCHANGES: usize = 16;
/// Lines of the client that are kept.
const LINES: usize = 32;
/// Values are shortened to this many characters.
const LONGEST: usize = 200;

/// What stands for the event where there was none.
const AGAIN: &str = "decided again";

/// One message and what became of it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of the wall clock.
    time_ms: u64,
    event: &'static str,
    message: Rc<LeaseMessage>,
    shim_ms: u64,
    pub(super) handlers: Vec<HandlerReport>,
    pub(super) decisions: Vec<String>,
    /// What the event that comes of it says besides.
    pub(super) news: Option<String>,
    pub(super) applied: Vec<Action>,
    pub(super) changed: Vec<Change>,
    pub(super) kernel_us: u64,
}

impl Entry {
    /// A message that arrives at `now`, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn arrival(message: Rc<LeaseMessage>, now: u64) -> Self {
        let shim_ms = now.saturating_sub(message.at_ms);
        Self { shim_ms, ..Self::new(message.event.as_str(), message) }
    }

    /// A message that is looked at again.
    pub(super) fn again(message: Rc<LeaseMessage>) -> Self {
        Self::new(AGAIN, message)
    }

    /// Whether nothing arrived.
    pub(super) fn is_again(&self) -> bool {
        self.event == AGAIN
    }

    fn new(event: &'static str, message: Rc<LeaseMessage>) -> Self {
        Self {
            time_ms: clock::wall_ms(),
            event,
            message,
            shim_ms: 0,
            handlers: Vec::new(),
            decisions: Vec::new(),
            news: None,
            applied: Vec::new(),
            changed: Vec::new(),
            kernel_us: 0,
        }
    }

    fn shown(&self) -> Exchange {
        let handlers: Vec<HandlerDid> = self.handlers.iter().map(did).collect();
        Exchange {
            time: clock::timestamp_of(self.time_ms),
            event: self.event.to_owned(),
            values: values(&self.message),
            problems: self.message.problems.clone(),
            handlers_us: handlers.iter().map(|handler| handler.took_us).sum(),
            handlers,
            decisions: self.decisions.clone(),
            applied: self.applied.iter().map(ToString::to_string).collect(),
            changed: self.changed.clone(),
            shim_ms: self.shim_ms,
            kernel_us: self.kernel_us,
        }
    }
}

/// What happened to one client lately.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    exchanges: VecDeque<Entry>,
    log: VecDeque<String>,
    /// Lines of the process that runs or ran last: so many from the end.
    last_words: usize,
}

impl Recorder {
    /// Remembers an exchange.
    pub(super) fn exchange(&mut self, entry: Entry) {
        if self.exchanges.len() == EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(entry);
    }

    /// Adds a decision to the last exchange.
    pub(super) fn decided(&mut self, decision: String) {
        if let Some(last) = self.exchanges.back_mut() {
            last.decisions.push(decision);
        }
    }

    /// Remembers a line of the client process.
    pub(super) fn line(&mut self, line: String) {
        if self.log.len() == LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
        self.last_words = (self.last_words + 1).min(LINES);
    }

    /// A process was started: what comes now are its words.
    pub(super) fn started(&mut self) {
        self.last_words = 0;
    }

    /// The lines of the process that runs or ran last, oldest first.
    pub(super) fn last_words(&self) -> Vec<String> {
        self.log.iter().skip(self.log.len().saturating_sub(self.last_words)).cloned().collect()
    }

    /// The exchanges, newest first.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.iter().rev().map(Entry::shown).collect()
    }

    /// The lines, oldest first.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.iter().cloned().collect()
    }
}

/// What a message carried, name → text.
fn values(message: &LeaseMessage) -> FlatMap<String, String> {
    // The serialised form names every field there is, so that a new one shows up here by itself.
    let (typed, raw): (_, Vec<(u16, String)>) = match (&message.v4, &message.v6) {
        (Some(report), _) => (
            serde_json::to_value(V4Report { options: BTreeMap::new(), ..report.clone() }),
            report.options.iter().map(|(code, value)| (u16::from(*code), value.to_hex())).collect(),
        ),
        (None, Some(report)) => (
            serde_json::to_value(V6Report { options: BTreeMap::new(), ..report.clone() }),
            report
                .options
                .iter()
                .flat_map(|(code, values)| values.iter().map(|value| (*code, value.to_hex())))
                .collect(),
        ),
        (None, None) => return FlatMap::new(),
    };
    let Ok(serde_json::Value::Object(fields)) = typed else { return FlatMap::new() };
    let typed =
        fields.into_iter().filter(|(name, _)| name != "options").map(|(name, value)| (name, text(&value)));
    let raw = raw.into_iter().map(|(code, hex)| (format!("option {code}"), hex));
    typed.chain(raw).map(|(name, value)| (name, value.chars().take(LONGEST).collect())).collect()
}

fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        serde_json::Value::Object(fields) if fields.contains_key("via") => {
            fields.values().map(text).collect::<Vec<_>>().join(" via ")
        }
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

fn did(report: &HandlerReport) -> HandlerDid {
    let word = |grant| serde_json::to_value(grant).map(|value| text(&value)).unwrap_or_default();
    HandlerDid {
        name: report.handler.clone(),
        hook: (report.hook != Hook::Lease).then_some(report.hook),
        took_us: report.took.as_micros() as u64,
        failure: report.failure.clone(),
        cut: report.cut.iter().map(word).collect(),
        notes: report.notes.clone(),
    }
}
