//! A lease goes through the chain: it is judged, planned, and judged again.
//!
//! ```text
//!  validate            lease              overrides, conflicts, merge        decide
//!  all at once   ─►   all at once   ─►   (pure)                        ─►   one after the other
//! ```
//! Only handlers that have a hook are asked at it, so that one which nobody has costs nothing.

use std::sync::Arc;
use std::time::Duration;

use dhcpmgr_plugin_api::{Candidate, Hook, LeaseEvent, Proposal, Verdict};
use futures_util::future::join_all;

use super::asking::Question;
use super::chain::{About, Chain};
use super::link::Link;
use super::merge::{self, Contribution};
use super::verdicts::{Weighed, weigh};
use super::{Decision, HandlerReport, Standing};

/// The links of a client that have a hook.
struct Way<'a> {
    event: &'a LeaseEvent,
    standing: Standing,
    links: Vec<Arc<Link>>,
    decision: Decision,
}

impl Chain {
    /// Asks about a lease as it comes, with nothing in force and nothing waited for.
    pub async fn decide(&self, event: &LeaseEvent) -> Decision {
        self.decide_as(event, Standing::default()).await
    }

    /// Asks every handler of the client about a lease and merges their plans. At each hook it takes no longer than the
    /// longest deadline of a worker, and what handlers in the daemon take; deciding, the sum of them.
    pub async fn decide_as(&self, event: &LeaseEvent, standing: Standing) -> Decision {
        let links: Vec<_> =
            self.links().into_iter().filter(|l| l.applies_to(&event.client, event.protocol)).collect();
        let asked = |link: &&Arc<Link>| link.implements(Hook::Validate) || link.implements(Hook::Lease);
        links.iter().filter(asked).for_each(|link| link.runner.rouse());
        let mut way = Way { event, standing, links, decision: Decision::default() };
        if way.validate().await {
            self.plan(&mut way).await;
        }
        way.decision
    }

    async fn plan(&self, way: &mut Way<'_>) {
        let client = &way.event.client;
        let links = way.with(Hook::Lease);
        let question = match Question::new(way.event) {
            Ok(question) => question,
            Err(why) => {
                way.decision.reports.extend(unasked(&links, &why));
                return;
            }
        };
        let answers = join_all(links.iter().map(|link| link.plan(client, &question))).await;
        let mut contributions = Vec::with_capacity(answers.len());
        let mut fresh = Vec::new();
        for (link, (report, plan)) in links.iter().zip(answers) {
            if let Some(refusal) = plan.as_ref().and_then(|plan| plan.refuse.as_ref()) {
                let refused = || (report.handler.clone(), refusal.reason.clone());
                way.decision.refused.get_or_insert_with(refused);
            }
            let answered = report.failure.is_none();
            way.decision.reports.push(report);
            let Some(plan) = plan else { continue };
            if answered {
                fresh.push((Arc::clone(link), plan.clone()));
            }
            contributions.push(link.contribution(plan));
        }
        way.decision.lines.extend(merge::apply_overrides(&mut contributions));
        let conflicts = merge::conflicts(&contributions);
        way.decision.lines.extend(conflicts.iter().map(ToString::to_string));
        self.report_conflicts(client, About::Lease, conflicts);
        way.decision.plan = merge::merge(contributions.into_iter().map(|contribution| contribution.plan));
        way.rule().await;
        if way.decision.refused.is_none() && way.decision.deferred.is_none() {
            // A lease that does not come into force leaves what was in force before.
            fresh.into_iter().for_each(|(link, plan)| link.remember(client, plan));
        }
    }
}

impl Way<'_> {
    fn with(&self, hook: Hook) -> Vec<Arc<Link>> {
        self.links.iter().filter(|link| link.implements(hook)).cloned().collect()
    }

    fn waited_ms(&self) -> u32 {
        u32::try_from(self.standing.waited.as_millis()).unwrap_or(u32::MAX)
    }

    /// Whether the lease may be planned.
    async fn validate(&mut self) -> bool {
        let links = self.with(Hook::Validate);
        if links.is_empty() {
            return true;
        }
        let mut candidate = Candidate::new(self.event.clone());
        (candidate.in_force, candidate.waited_ms) = (self.standing.in_force, self.waited_ms());
        let question = match Question::new(&candidate) {
            Ok(question) => question,
            Err(why) => {
                self.decision.reports.extend(unasked(&links, &why));
                return true;
            }
        };
        let client = &self.event.client;
        let answers = join_all(links.iter().map(|link| link.validate(client, &question))).await;
        let (reports, verdicts): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        self.decision.reports.extend(reports);
        let named = links.iter().map(|link| link.condition.handler().to_owned());
        let verdicts: Vec<_> = named.zip(verdicts).collect();
        self.weigh(&verdicts)
    }

    /// Lets policies judge what was planned. Each sees what the one before made of it.
    async fn rule(&mut self) {
        let links = self.with(Hook::Decide);
        if links.is_empty() || self.decision.refused.is_some() {
            return;
        }
        let mut proposal = Proposal::new(self.event.clone(), std::mem::take(&mut self.decision.plan));
        (proposal.in_force, proposal.waited_ms) = (self.standing.in_force, self.waited_ms());
        let mut verdicts = Vec::new();
        for link in links {
            let (report, verdict, plan) = link.rule(&self.event.client, &proposal).await;
            self.decision.reports.push(report);
            proposal.plan = plan;
            let refused = matches!(verdict, Verdict::Refuse(_));
            verdicts.push((link.condition.handler().to_owned(), verdict));
            if refused {
                break;
            }
        }
        self.decision.plan = proposal.plan;
        self.weigh(&verdicts);
    }

    fn weigh(&mut self, verdicts: &[(String, Verdict)]) -> bool {
        match weigh(verdicts, self.standing.waited, self.standing.last) {
            Weighed::Go(lines) => {
                self.decision.lines.extend(lines);
                return true;
            }
            Weighed::Refused(handler, reason) => self.decision.refused = Some((handler, reason)),
            Weighed::Wait(deferred) => self.decision.deferred = Some(deferred),
        }
        false
    }
}

impl Link {
    fn contribution(&self, plan: dhcpmgr_plugin_api::Plan) -> Contribution {
        let config = self.config();
        let manifest = self.condition.facts().manifest.clone();
        let (module, declared) = manifest.map(|m| (m.name.clone(), m.overrides.clone())).unwrap_or_default();
        let overrides = config.overrides.iter().cloned().chain(declared).collect();
        Contribution { handler: config.name.clone(), module, overrides, plan }
    }
}

fn unasked(links: &[Arc<Link>], why: &str) -> Vec<HandlerReport> {
    let report = |link: &Arc<Link>| HandlerReport {
        handler: link.condition.handler().to_owned(),
        hook: Hook::Lease,
        took: Duration::ZERO,
        failure: Some(format!("was not asked: {why}")),
        refused: false,
        cut: Vec::new(),
        notes: Vec::new(),
    };
    links.iter().map(report).collect()
}
