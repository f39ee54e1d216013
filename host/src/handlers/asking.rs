//! One handler is asked at one hook: called within its time, its answer decoded, cut to its grants and checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dhcpmgr_message::{ClientName, wire};
use dhcpmgr_plugin_api::{Candidate, DATA_LIMITS, Hook, LeaseEvent, Plan, Proposal, Verdict, operation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link::{Link, REASON, lock};
use super::merge::{self, Ruling};
use super::runner::{Outcome, Runner};
use super::text::one_line;
use super::{HandlerReport, sanity};
use crate::config::Grant;
use crate::flat::FlatSet;

/// A question to several handlers: encoded once, and once more for each that has parameters written to it.
pub(super) struct Question<'a, T> {
    asked: &'a T,
    encoded: Arc<[u8]>,
}

/// A question that carries what was written to the parameters of the handler that is asked.
pub(super) trait WithParameters: Clone + Serialize {
    fn parameters(&mut self) -> &mut BTreeMap<String, String>;
}

impl WithParameters for LeaseEvent {
    fn parameters(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.policy.parameters
    }
}

impl WithParameters for Candidate {
    fn parameters(&mut self) -> &mut BTreeMap<String, String> {
        self.lease.parameters()
    }
}

impl WithParameters for Proposal {
    fn parameters(&mut self) -> &mut BTreeMap<String, String> {
        self.lease.parameters()
    }
}

impl<'a, T: WithParameters> Question<'a, T> {
    pub(super) fn new(asked: &'a T) -> Result<Self, String> {
        let encoded = wire::encode(asked).map_err(|e| e.to_string())?.into();
        Ok(Self { asked, encoded })
    }

    fn for_link(&self, client: &ClientName, link: &Link) -> Arc<[u8]> {
        let Some(written) = link.written(client) else { return Arc::clone(&self.encoded) };
        let mut asked = self.asked.clone();
        *asked.parameters() = written;
        wire::encode(&asked).map_or_else(|_| Arc::clone(&self.encoded), Into::into)
    }
}

/// What an answer is worth: what remains of it, and the grants that were missing for what does not.
type Judged<T> = Result<(T, Vec<Grant>), String>;

impl Link {
    /// Asks what a lease means. Gives the plan, cut and checked; the last good one when there is none now.
    pub(super) async fn plan(
        &self,
        client: &ClientName,
        question: &Question<'_, LeaseEvent>,
    ) -> (HandlerReport, Option<Plan>) {
        let input = question.for_link(client, self);
        let asked = self.ask(client, Hook::Lease, operation::LEASE, &input, judge_plan).await;
        let (mut report, plan) = asked;
        if let Some(plan) = plan {
            report.notes.splice(0..0, plan.notes.iter().cloned());
            return (report, Some(plan));
        }
        let last = self.last_good(client);
        report.notes.push(if last.is_some() {
            "its last good contribution stays in force".to_owned()
        } else {
            "it has contributed nothing for this client yet; the others go on without it".to_owned()
        });
        (report, last)
    }

    /// Asks whether a lease can be right. No answer lets it go on.
    pub(super) async fn validate(
        &self,
        client: &ClientName,
        question: &Question<'_, Candidate>,
    ) -> (HandlerReport, Verdict) {
        let input = question.for_link(client, self);
        let judge = |bytes: &[u8], grants: &FlatSet<Grant>| match judge_verdict(bytes, grants)? {
            (Verdict::Replace(_), _) => {
                Err("its verdict replaces a plan before there is one; only decide can".to_owned())
            }
            judged => Ok(judged),
        };
        let (report, verdict) = self.ask(client, Hook::Validate, operation::VALIDATE, &input, judge).await;
        (report, verdict.unwrap_or_default())
    }

    /// Asks what is to become of a proposal. Gives the plan after it. No answer does what the last one did.
    pub(super) async fn rule(
        &self,
        client: &ClientName,
        proposal: &Proposal,
    ) -> (HandlerReport, Verdict, Plan) {
        let proposed = &proposal.plan;
        let question = match Question::new(proposal) {
            Ok(question) => question,
            Err(why) => {
                let report = self.report(Hook::Decide, Duration::ZERO, Some(format!("was not asked: {why}")));
                return (report, Verdict::Continue, self.as_ruled_before(client, proposed.clone()));
            }
        };
        let input = question.for_link(client, self);
        let judge = |bytes: &[u8], grants: &FlatSet<Grant>| judge_ruling(bytes, grants, proposed);
        let (report, verdict) = self.ask(client, Hook::Decide, operation::DECIDE, &input, judge).await;
        match verdict {
            None => (report, Verdict::Continue, self.as_ruled_before(client, proposed.clone())),
            Some(Verdict::Replace(plan)) => {
                let ruling = Ruling::new(proposed.clone(), (*plan).clone());
                lock(&self.memory).rulings.insert(client.clone(), ruling);
                (report, Verdict::Continue, *plan)
            }
            Some(verdict) => {
                lock(&self.memory).rulings.remove(client);
                (report, verdict, proposed.clone())
            }
        }
    }

    /// Asks at any hook. The answer is absent when there is none that can be used; the report says why.
    pub(super) async fn ask<T: Default>(
        &self,
        client: &ClientName,
        hook: Hook,
        operation: u32,
        input: &Arc<[u8]>,
        judge: impl FnOnce(&[u8], &FlatSet<Grant>) -> Judged<T>,
    ) -> (HandlerReport, Option<T>) {
        let (deadline, grants) = {
            let config = self.config();
            (config.deadline_of(hook), config.grants.clone())
        };
        let started = Instant::now();
        let outcome = self.runner.call(client, operation, input, deadline).await;
        let took = started.elapsed();
        let refused = matches!(outcome, Outcome::Refused(_));
        let judged = match outcome {
            Outcome::Unsupported => Ok((T::default(), Vec::new())),
            Outcome::Refused(reason) | Outcome::Failed(reason) => Err(one_line(&reason, REASON)),
            Outcome::Answered { bytes, start } => judge(&bytes, &grants).map_err(|reason| {
                let reason = one_line(&reason, REASON);
                self.runner.misbehaved(client, start, &reason);
                reason
            }),
        };
        lock(&self.statistics).record(hook, took, deadline, judged.is_err());
        match judged {
            Ok((answer, cut)) => {
                let mut report = self.report(hook, took, None);
                report.cut = cut;
                report.notes.extend(self.late(took, deadline));
                (report, Some(answer))
            }
            Err(reason) => (HandlerReport { refused, ..self.report(hook, took, Some(reason)) }, None),
        }
    }

    fn report(&self, hook: Hook, took: Duration, failure: Option<String>) -> HandlerReport {
        let handler = self.condition.handler().to_owned();
        HandlerReport { handler, hook, took, failure, refused: false, cut: Vec::new(), notes: Vec::new() }
    }

    /// A call in the daemon cannot be cut short: that it took too long can only be told.
    fn late(&self, took: Duration, deadline: Duration) -> Option<String> {
        let late = matches!(self.runner, Runner::InProcess(_)) && took > deadline;
        let note = late
            .then(|| format!("took {} ms, its deadline is {} ms", took.as_millis(), deadline.as_millis()))?;
        tracing::warn!(handler = self.condition.handler(), "{note}");
        Some(note)
    }

    /// What it planned came into force.
    pub(super) fn remember(&self, client: &ClientName, plan: Plan) {
        lock(&self.memory).plans.insert(client.clone(), plan);
    }

    fn last_good(&self, client: &ClientName) -> Option<Plan> {
        let plan = lock(&self.memory).plans.get(client).cloned()?;
        // Grants may have been taken away since; notes are of then, not of now. Events that were published are not
        // published again.
        let (mut plan, _) = merge::cut(plan, &self.config().grants);
        plan.notes.clear();
        Some(plan)
    }

    fn as_ruled_before(&self, client: &ClientName, proposed: Plan) -> Plan {
        let ruling = lock(&self.memory).rulings.get(client).cloned();
        match ruling {
            Some(ruling) => ruling.again(proposed, &self.config().grants),
            None => proposed,
        }
    }
}

/// Decodes an answer of any hook.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, String> {
    wire::decode_within(bytes, &DATA_LIMITS).map_err(|e| format!("its answer is no {what}: {e}"))
}

fn judge_plan(bytes: &[u8], grants: &FlatSet<Grant>) -> Judged<Plan> {
    let (plan, missing) = merge::cut(decode(bytes, "plan")?, grants);
    let plan = sanity::check(plan).map_err(|why| format!("its plan cannot be right: {why}"))?;
    Ok((plan, missing))
}

fn judge_verdict(bytes: &[u8], grants: &FlatSet<Grant>) -> Judged<Verdict> {
    let verdict: Verdict = decode(bytes, "verdict")?;
    let reason = match &verdict {
        Verdict::Refuse(refusal) => &refusal.reason,
        Verdict::Defer(deferral) => &deferral.reason,
        _ => return Ok((verdict, Vec::new())),
    };
    if !grants.contains(&Grant::Refuse) {
        return Ok((Verdict::Continue, vec![Grant::Refuse]));
    }
    let reason = one_line(reason, REASON);
    if reason.is_empty() {
        return Err("its verdict has no reason".to_owned());
    }
    let verdict = match verdict {
        Verdict::Refuse(_) => Verdict::refuse(reason),
        Verdict::Defer(deferral) => Verdict::Defer(dhcpmgr_plugin_api::Deferral { reason, ..deferral }),
        other => other,
    };
    Ok((verdict, Vec::new()))
}

fn judge_ruling(bytes: &[u8], grants: &FlatSet<Grant>, proposed: &Plan) -> Judged<Verdict> {
    match judge_verdict(bytes, grants)? {
        (Verdict::Replace(wanted), _) => {
            let (plan, missing) = merge::replace(proposed, *wanted, grants);
            let plan = sanity::check(plan).map_err(|why| format!("its plan cannot be right: {why}"))?;
            Ok((Verdict::replace(plan), missing))
        }
        judged => Ok(judged),
    }
}
