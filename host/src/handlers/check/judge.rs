//! Whether an answer is one that a host would carry out. Pure: the same rules as the chain has.

use dhcpmgr_message::wire;
use dhcpmgr_plugin_api::{
    DATA_LIMITS, Emitted, Options, Parameter, ParameterChange, ParametersQuery, Plan, Reaction, Verdict,
    operation,
};
use serde::de::DeserializeOwned;

use super::golden::Question;
use super::report::Kind;
use crate::config::Grant;
use crate::flat::FlatSet;
use crate::handlers::{merge, sanity};
use crate::word::word;

/// What is wrong with an answer: nothing, or the kinds and a sentence for each.
pub(super) fn judge(question: &Question, answer: &[u8], grants: &FlatSet<Grant>) -> Vec<(Kind, String)> {
    let mut wrong = Vec::new();
    let judged = match question.operation {
        operation::LEASE => read(answer).map(|plan| judge_plan(plan, grants, &mut wrong)),
        operation::VALIDATE | operation::DECIDE => read(answer).map(|verdict| match verdict {
            Verdict::Replace(_) if question.operation == operation::VALIDATE => {
                wrong.push((
                    Kind::InvalidPlan,
                    "validate cannot replace a plan: there is none yet".to_owned(),
                ));
            }
            Verdict::Replace(plan) => wrong.extend(insane(*plan)),
            Verdict::Refuse(_) | Verdict::Defer(_) => needs(Grant::Refuse, grants, &mut wrong),
            _ => {}
        }),
        operation::EVENT => {
            read(answer).map(|reaction: Reaction| judge_events(reaction.events, grants, &mut wrong))
        }
        operation::OPTIONS => read(answer).map(|options: Options| {
            if !options.send.is_empty() {
                needs(Grant::SendOptions, grants, &mut wrong);
            }
        }),
        operation::PARAMETERS => read(answer).map(|parameters: Vec<Parameter>| {
            let odd = |p: &&Parameter| !p.name.starts_with("X_") || p.kind.check(&p.value).is_err();
            wrong.extend(parameters.iter().find(odd).map(|p| {
                let (name, kind) = (&p.name, p.kind);
                (
                    Kind::InvalidPlan,
                    format!("the parameter {name:?} must begin with X_ and be {kind:?} as it says"),
                )
            }));
        }),
        _ => Ok(()),
    };
    wrong.extend(judged.err().map(|why| (Kind::InvalidPlan, format!("its answer is not understood: {why}"))));
    wrong
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, String> {
    wire::decode_within(answer, &DATA_LIMITS).map_err(|e| e.to_string())
}

fn judge_plan(plan: Plan, grants: &FlatSet<Grant>, wrong: &mut Vec<(Kind, String)>) {
    let (plan, missing) = merge::cut(plan, grants);
    missing.into_iter().for_each(|grant| needs(grant, grants, wrong));
    wrong.extend(insane(plan));
}

fn judge_events(events: Vec<Emitted>, grants: &FlatSet<Grant>, wrong: &mut Vec<(Kind, String)>) {
    if !events.is_empty() {
        needs(Grant::Events, grants, wrong);
    }
    wrong.extend(insane(Plan { events, ..Plan::default() }));
}

fn insane(plan: Plan) -> Option<(Kind, String)> {
    sanity::check(plan).err().map(|why| (Kind::InvalidPlan, format!("its plan cannot be right: {why}")))
}

/// Something needs a grant.
pub(super) fn needs(grant: Grant, grants: &FlatSet<Grant>, wrong: &mut Vec<(Kind, String)>) {
    if grants.contains(&grant) {
        return;
    }
    let word = word(&grant);
    let text = format!(
        "it contributes what needs the grant \"{word}\", which it is not given; check it with --grant {word} if it is meant to"
    );
    wrong.push((Kind::Ungranted, text));
}

/// Whether two answers to the same question are the same.
pub(super) fn same(question: &Question, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    // The order of keys means nothing.
    let plan = |answer: &[u8]| wire::decode_within::<Plan>(answer, &DATA_LIMITS).ok();
    question.operation == operation::LEASE && plan(one).is_some_and(|one| plan(other) == Some(one))
}

/// Parameters that are written when there are many.
const WRITTEN: usize = 8;

/// What is asked because of an answer: parameters that may be written are, with what they hold and with nonsense.
pub(super) fn follow_ups(question: &Question, answer: &[u8]) -> Vec<Question> {
    if question.operation != operation::PARAMETERS {
        return Vec::new();
    }
    let parameters: Vec<Parameter> = read(answer).unwrap_or_default();
    let (lease, writable) = (&question.lease, parameters.into_iter().filter(|p| p.writable).take(WRITTEN));
    let query = ParametersQuery::new(lease.client.clone(), lease.interface.clone(), lease.protocol);
    let values = |p: Parameter| {
        [p.value, String::new(), "-1".to_owned(), "\u{1b}[31m\n".to_owned()].map(|v| (p.name.clone(), v))
    };
    writable
        .flat_map(values)
        .filter_map(|(name, value)| {
            let input = wire::encode(&ParameterChange::new(query.clone(), name, value)).ok()?;
            Some(Question { operation: operation::SET_PARAMETER, input, ..question.clone() })
        })
        .collect()
}
