//! What a check found out. Its JSON is an interface: fields are added, never renamed.

use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::LeaseEvent;
use serde::Serialize;
use serde_json::Value;

use crate::flat::FlatMap;
use crate::order;

/// What a check found out about a module.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Nothing was found that fails the check.
    pub ok: bool,
    /// The file, as it was given.
    pub file: String,
    /// What the module says of itself; absent when it could not be loaded.
    pub module: Option<ModuleSaid>,
    /// The layers of the sandbox that the kernel really gave.
    pub sandbox: Vec<String>,
    /// Id of the key that signed it, where a signature was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// With it the same leases are made up again.
    pub seed: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls that the handler answered with an orderly error.
    pub refusals: u64,
    /// The reasons of those, and how often each was given; not all when there are many.
    pub reasons: FlatMap<String, u64>,
    /// How long the calls took, microseconds, the way to the worker and back included.
    pub time_us: Times,
    /// The memory of the worker.
    pub memory: Memory,
    /// What is wrong, and what is remarkable.
    pub findings: Vec<Finding>,
}

/// What the module says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct ModuleSaid {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its description.
    pub description: String,
    /// The handler API that it needs.
    pub api: String,
    /// The SDK that it was built with.
    pub sdk: String,
    /// `rust`, or `c` for the C header.
    pub language: &'static str,
    /// The protocols it handles.
    pub protocols: Vec<&'static str>,
    /// The hooks it has.
    pub hooks: Vec<&'static str>,
}

/// How long calls took, microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The median.
    pub p50: u32,
    /// 99 of 100 took no longer.
    pub p99: u32,
    /// The longest.
    pub max: u32,
}

impl Times {
    pub(super) fn of(mut took: Vec<u32>) -> Self {
        order::sort(&mut took);
        let rank = |percent: usize| {
            let rank = (took.len() * percent).div_ceil(100).saturating_sub(1);
            took.get(rank).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p99: rank(99), max: rank(100) }
    }
}

/// The memory of a worker that is asked the same again and again, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// When it was warm.
    pub at_first: u64,
    /// In the end.
    pub at_last: u64,
    /// Calls between the two.
    pub calls: u64,
}

/// One kind of mistake, and where it showed first.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// Whether it fails the check.
    pub fails: bool,
    /// How often it showed.
    pub count: u64,
    /// What is wrong: a sentence.
    pub what: String,
    /// What the handler was told when it showed first.
    pub told: String,
    /// That input, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A host would not load it.
    Refused,
    /// It panicked.
    Panic,
    /// Its process died.
    Crash,
    /// It gave no answer in time, twice for the same input.
    Hang,
    /// It was late once, and in time when it was asked the same again.
    Slow,
    /// Its memory grows.
    Leak,
    /// The same inputs in the same order gave another answer.
    NonDeterminism,
    /// What it was told of one client shows in its answers for another.
    MixedClients,
    /// The same lease again gave another plan.
    Restless,
    /// It contributes what it is not granted.
    Ungranted,
    /// Its answer cannot be right.
    InvalidPlan,
    /// Its manifest names a hook that it does not have.
    MissingHook,
    /// Only its owner can replace the file where it is, but a host would want root to be that.
    Access,
}

impl Kind {
    /// Whether it fails the check.
    #[must_use]
    pub fn fails(self) -> bool {
        !matches!(self, Self::Slow | Self::Restless | Self::Access)
    }

    /// The word that JSON has.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Panic => "panic",
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::Leak => "leak",
            Self::NonDeterminism => "non-determinism",
            Self::MixedClients => "mixed-clients",
            Self::Restless => "restless",
            Self::Ungranted => "ungranted",
            Self::InvalidPlan => "invalid-plan",
            Self::MissingHook => "missing-hook",
            Self::Access => "access",
        }
    }
}

/// A lease as JSON in which bytes are hex digits.
pub(super) fn shown(lease: &LeaseEvent) -> Option<Value> {
    serde_json::to_value(lease).ok().map(hexed)
}

/// No list of small numbers in a lease is anything but bytes.
fn hexed(value: Value) -> Value {
    let byte = |value: &Value| value.as_u64().and_then(|number| u8::try_from(number).ok());
    match value {
        Value::Array(values) => match values.iter().map(byte).collect::<Option<Vec<_>>>() {
            Some(bytes) if !bytes.is_empty() => Value::String(Bytes(bytes).to_hex()),
            _ => values.into_iter().map(hexed).collect(),
        },
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, hexed(value))).collect(),
        other => other,
    }
}

/// Different reasons that are kept.
const REASONS: usize = 20;

impl Report {
    /// Notes something; the same again is counted.
    pub(super) fn found(&mut self, kind: Kind, what: impl Into<String>, told: &str, input: Option<Value>) {
        let what = what.into();
        // Reasons differ in numbers from input to input; the kind and what it was asked is what matters.
        let same = |f: &&mut Finding| f.kind == kind && (f.what == what || matches!(kind, Kind::InvalidPlan));
        if let Some(known) = self.findings.iter_mut().find(same) {
            known.count += 1;
            return;
        }
        self.findings.push(Finding {
            kind,
            fails: kind.fails(),
            count: 1,
            what,
            told: told.to_owned(),
            input,
        });
    }

    pub(super) fn refused(&mut self, reason: &str) {
        self.refusals += 1;
        if let Some(count) = self.reasons.get_mut(reason) {
            *count += 1;
        } else if self.reasons.len() < REASONS {
            self.reasons.insert(reason.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        assert_eq!(Times::of(vec![]), Times::default());
        assert_eq!(Times::of((1..=200).collect()), Times { p50: 100, p99: 198, max: 200 });
    }

    #[test]
    fn words_are_those_of_the_json() {
        for kind in [
            Kind::Refused,
            Kind::NonDeterminism,
            Kind::MixedClients,
            Kind::InvalidPlan,
            Kind::MissingHook,
            Kind::Access,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }

    #[test]
    fn the_same_is_counted() {
        let mut report = Report::default();
        report.found(Kind::Panic, "a", "first", None);
        report.found(Kind::Panic, "a", "second", None);
        report.found(Kind::Panic, "b", "third", None);
        let found: Vec<_> = report.findings.iter().map(|f| (f.count, f.told.as_str())).collect();
        assert_eq!(found, [(2, "first"), (1, "third")]);
    }
}
