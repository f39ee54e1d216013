//! What a handler says of a lease, before anything is planned and after everything is.

use serde::{Deserialize, Serialize};

use crate::{LeaseEvent, Plan, Refusal};

/// A lease for which nothing is planned yet: what [`validate`](crate::Handler::validate) judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Candidate {
    /// The lease.
    pub lease: LeaseEvent,
    /// A lease of this client is in force already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_force: bool,
    /// How long this lease has been waiting for its verdict, because somebody deferred it: milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u32,
}

impl Candidate {
    /// A first lease that has not been deferred.
    #[must_use]
    pub fn new(lease: LeaseEvent) -> Self {
        Self { lease, in_force: false, waited_ms: 0 }
    }
}

/// A lease and what all handlers together make of it: what [`decide`](crate::Handler::decide) judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proposal {
    /// The lease.
    pub lease: LeaseEvent,
    /// The merged plan, after the handlers that decided before this one. Take it, change it, and return it in
    /// [`Verdict::Replace`].
    pub plan: Plan,
    /// A lease of this client is in force already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_force: bool,
    /// How long this lease has been waiting for its verdict, because somebody deferred it: milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u32,
}

impl Proposal {
    /// What is proposed for a first lease that has not been deferred.
    #[must_use]
    pub fn new(lease: LeaseEvent, plan: Plan) -> Self {
        Self { lease, plan, in_force: false, waited_ms: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a handler says of a lease. An error is none of these: it leaves the lease to the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It may go on.
    #[default]
    Continue,
    /// It may go on with this plan in place of the proposed one; [`decide`](crate::Handler::decide) only. What differs
    /// from the proposal needs the grant of its field; the rest of the proposal stays.
    Replace(Box<Plan>),
    /// It must not be used. Grant `refuse`.
    Refuse(Refusal),
    /// Not known yet. Grant `refuse`.
    Defer(Deferral),
}

impl Verdict {
    /// The lease may go on with this plan.
    #[must_use]
    pub fn replace(plan: Plan) -> Self {
        Self::Replace(Box::new(plan))
    }

    /// The lease must not be used. The reason is a sentence for the operator.
    #[must_use]
    pub fn refuse(reason: impl Into<String>) -> Self {
        Self::Refuse(Refusal { reason: reason.into() })
    }

    /// Ask again after so many milliseconds; if nothing is known then either, use the lease.
    #[must_use]
    pub fn defer(ms: u32, reason: impl Into<String>) -> Self {
        Self::Defer(Deferral { ms, reason: reason.into(), otherwise: Otherwise::Continue })
    }

    /// Ask again after so many milliseconds; if nothing is known then either, do not use the lease.
    #[must_use]
    pub fn defer_or_refuse(ms: u32, reason: impl Into<String>) -> Self {
        Self::Defer(Deferral { ms, reason: reason.into(), otherwise: Otherwise::Refuse })
    }
}

/// A verdict that is put off. Meanwhile the lease before stays in force, and a first lease waits. The handler is asked
/// again when the time is over. The host bounds all waiting for one lease: at most [`Deferral::LONGEST_MS`] together,
/// and never beyond the end of the lease that is in force. Whoever defers even then gets what `otherwise` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// When to ask again, milliseconds from now.
    pub ms: u32,
    /// What is waited for: a sentence for the operator.
    pub reason: String,
    /// What is done when all waiting was in vain.
    #[serde(default)]
    pub otherwise: Otherwise,
}

impl Deferral {
    /// The shortest wait, milliseconds; a shorter one is made this long.
    pub const SHORTEST_MS: u32 = 50;
    /// The longest that one lease waits, all waits together, milliseconds.
    pub const LONGEST_MS: u32 = 60_000;
}

/// What is done with a lease when all waiting was in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// It is used.
    #[default]
    Continue,
    /// It is refused, for the reason of the deferral.
    Refuse,
}
