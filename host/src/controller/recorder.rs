//! The flight recorder of one client: the last exchanges and the last words of its process, for `dhcpmgr why`.

use std::collections::{BTreeMap, VecDeque};

use dhcpmgr_message::{LeaseMessage, V4Report};

use crate::control::views::{Exchange, HandlerDid};
use crate::handlers::HandlerReport;

/// Exchanges that are kept.
const EXCHANGES: usize = 16;
/// Lines of the client that are kept.
const LINES: usize = 32;
/// Values are shortened to this many characters.
const LONGEST: usize = 200;

/// What happened to one client lately.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    exchanges: VecDeque<Exchange>,
    log: VecDeque<String>,
}

impl Recorder {
    /// Remembers an exchange.
    pub(super) fn exchange(&mut self, exchange: Exchange) {
        if self.exchanges.len() == EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(exchange);
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
    }

    /// The exchanges, newest first.
    #[must_use]
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.iter().rev().cloned().collect()
    }

    /// The lines, oldest first.
    #[must_use]
    pub(super) fn log(&self) -> Vec<String> {
        self.log.iter().cloned().collect()
    }
}

/// What a message carried, name → text.
#[must_use]
pub(super) fn values(message: &LeaseMessage) -> BTreeMap<String, String> {
    let Some(report) = &message.v4 else { return BTreeMap::new() };
    // The serialised form names every field there is, so that a new one shows up here by itself.
    let Ok(serde_json::Value::Object(fields)) =
        serde_json::to_value(V4Report { options: BTreeMap::new(), ..report.clone() })
    else {
        return BTreeMap::new();
    };
    let typed =
        fields.into_iter().filter(|(name, _)| name != "options").map(|(name, value)| (name, text(&value)));
    let raw = report.options.iter().map(|(code, value)| (format!("option {code}"), value.to_hex()));
    typed.chain(raw).map(|(name, value)| (name, value.chars().take(LONGEST).collect())).collect()
}

fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        serde_json::Value::Object(fields) => fields.values().map(text).collect::<Vec<_>>().join(" via "),
        other => other.to_string(),
    }
}

/// What the handlers did, as `why` shows it.
#[must_use]
pub(super) fn handlers(reports: &[HandlerReport]) -> Vec<HandlerDid> {
    let grant = |grant: &crate::config::Grant| {
        serde_json::to_value(grant).map(|value| text(&value)).unwrap_or_default()
    };
    reports
        .iter()
        .map(|report| HandlerDid {
            name: report.handler.clone(),
            took_us: report.took.as_micros() as u64,
            failure: report.failure.clone(),
            cut: report.cut.iter().map(grant).collect(),
            notes: report.notes.clone(),
        })
        .collect()
}
