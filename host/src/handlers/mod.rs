//! The handler chain: modules are loaded, asked, cut to what they are granted, and their plans merged.
//!
//! Handlers decide and never act; nothing here touches the kernel.

mod asking;
mod chain;
pub mod check;
mod condition;
mod deciding;
mod health;
mod in_process;
mod instances;
mod link;
pub mod loader;
mod manifest;
mod merge;
mod needs;
mod parameters;
mod reacting;
mod runner;
mod sanity;
mod statistics;
mod steering;
mod text;
mod verdicts;
mod wanting;
pub mod worker;

use std::time::Duration;

use crate::flat::{FlatMap, FlatSet};
pub use chain::Chain;
use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::{Hook, ParameterKind, Plan};
pub use parameters::{Kept, NotTaken};
use serde::{Deserialize, Serialize};
pub use statistics::{HISTOGRAM_US, HookStatus};

use crate::config::Grant;

/// What the chain decided about one lease.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The merged plan, cut to what each handler is granted.
    pub plan: Plan,
    /// Who refused the lease, and why.
    pub refused: Option<(String, String)>,
    /// Who cannot say yet. There is no plan then; the question is to be asked again.
    pub deferred: Option<Deferred>,
    /// What each handler did, hook after hook, each in the order of the chain.
    pub reports: Vec<HandlerReport>,
    /// What was decided between handlers: conflicts, overrides, waits that were in vain. A sentence each.
    pub lines: Vec<String>,
}

/// A verdict that is put off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    /// The handler that is to be asked again first.
    pub handler: String,
    /// What it waits for.
    pub reason: String,
    /// How long it waits.
    pub after: Duration,
}

/// How a lease stands that is to be decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Another lease of the client is in force.
    pub in_force: bool,
    /// How long it has been waiting for its verdict.
    pub waited: Duration,
    /// It cannot wait any longer: whoever defers gets what it said for that case.
    pub last: bool,
}

/// What one handler did with one lease.
#[derive(Debug, Clone)]
pub struct HandlerReport {
    /// The handler's name in the configuration.
    pub handler: String,
    /// What it was asked.
    pub hook: Hook,
    /// How long the call took.
    pub took: Duration,
    /// Why it gave no plan; its last good contribution, if any, is in force instead.
    pub failure: Option<String>,
    /// It said so itself, in an orderly way.
    pub refused: bool,
    /// What was cut from its plan for want of a grant.
    pub cut: Vec<Grant>,
    /// Its notes for `dhcpmgr why`.
    pub notes: Vec<String>,
}

/// What the healthy handlers want a client to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// Option codes to request.
    pub request: FlatSet<u16>,
    /// Option code → value to send.
    pub send: FlatMap<u16, Bytes>,
    /// What cannot be as a handler wants it, a sentence each.
    pub notes: Vec<String>,
}

/// A parameter that a handler has for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorParameter {
    /// Its name: `X_…`.
    pub name: String,
    /// Its type.
    pub kind: ParameterKind,
    /// Whether it may be written.
    pub writable: bool,
    /// Its value now.
    pub value: String,
    /// One line for the person who reads it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The handler that has it.
    pub handler: String,
}

/// One row of `dhcpmgr handler list` and of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerStatus {
    /// The name in the configuration.
    pub name: String,
    /// The module file.
    pub module: String,
    /// The module's own version.
    pub version: String,
    /// The API version it needs.
    pub api: String,
    /// `worker` or `in-process`.
    pub isolation: crate::config::Isolation,
    /// How it is.
    pub state: HandlerState,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Which layers of the sandbox the kernel really gave, for a worker: `rlimits no_new_privs caps landlock seccomp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sandbox: Vec<String>,
    /// Process id of the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Id of the key that signed the module, where a signature is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Calls made.
    pub calls: u64,
    /// Calls that gave no plan.
    pub failures: u64,
    /// Worker restarts.
    pub restarts: u64,
    /// 99th percentile of the last calls, microseconds.
    pub p99_us: u64,
    /// The counters of each hook that was called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookStatus>,
    /// What it and another handler want differently now, and what is wrong with its parameters, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
}

/// How a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandlerState {
    /// It answers.
    Healthy,
    /// It failed and is being started again.
    Restarting,
    /// It failed too often and is left alone until `dhcpmgr handler reset`.
    Quarantined,
    /// Its module could not be loaded.
    Refused,
}

/// Something happened to a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerNotice {
    /// Its name in the configuration.
    pub handler: String,
    /// What happened.
    pub kind: NoticeKind,
    /// Why: a sentence.
    pub reason: String,
}

/// What can happen to a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// It misbehaved: died, hung, panicked, or answered with what cannot be right. An orderly error about one lease is
    /// none.
    Failed,
    /// It misbehaved too often and is left alone. What it contributed last stays in force.
    Quarantined,
    /// It and another handler want one thing differently; the reason says what, and who is followed.
    Conflict,
    /// It answers again after it had failed. Leases that it could not be asked about meanwhile can be decided anew.
    Recovered,
}
