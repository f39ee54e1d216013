//! Vendor parameters (`X_…`) of a client: listed, read and written for the data model.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhcpmgr_message::{ClientName, wire};
use dhcpmgr_plugin_api::{Hook, Parameter, ParameterChange, ParametersQuery, Protocol, operation};
use futures_util::future::join_all;

use super::asking::decode;
use super::chain::{About, Chain};
use super::link::{Link, lock};
use super::merge::Conflict;
use super::{VendorParameter, sanity};
use crate::config::Grant;
use crate::flat::{FlatMap, FlatSet};
use crate::order;

/// What was written to parameters and is kept: client → handler → name → value.
pub type Kept = FlatMap<ClientName, FlatMap<String, BTreeMap<String, String>>>;

/// Why a handler does not take a value: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// The handler says so.
    Refused(String),
    /// It gave no answer that can be used.
    Failed(String),
}

impl Chain {
    /// Whether any handler has parameters for a client.
    #[must_use]
    pub fn has_parameters(&self, client: &ClientName, protocol: Protocol) -> bool {
        self.links().iter().any(|link| link.has_parameters(client, protocol))
    }

    /// The parameters that handlers with the grant `parameters` have for a client, by name. Of two with one name the
    /// later handler's is taken; one whose name `is_ours` is left out.
    ///
    /// Whoever asks may stop waiting: each handler is heard out within its own time all the same, and what is wrong with
    /// its answer is told.
    pub async fn parameters(
        &self,
        query: &ParametersQuery,
        is_ours: fn(Protocol, &str) -> bool,
    ) -> Vec<VendorParameter> {
        let links = self.with_parameters(query).into_iter();
        let asked = links.map(|link| tokio::spawn(link.parameters(query.clone(), is_ours)));
        let mut all: Vec<VendorParameter> = Vec::new();
        let mut conflicts = Vec::new();
        for parameter in join_all(asked).await.into_iter().flatten().flatten() {
            match all.iter_mut().find(|earlier| earlier.name == parameter.name) {
                None => all.push(parameter),
                Some(earlier) => {
                    let (lost, won) = (
                        (earlier.handler.as_str(), earlier.value.as_str()),
                        (parameter.handler.as_str(), parameter.value.as_str()),
                    );
                    conflicts.push(Conflict::about(&format!("parameter {}", parameter.name), lost, won));
                    *earlier = parameter;
                }
            }
        }
        self.report_conflicts(&query.client, About::Parameters, conflicts);
        order::sort_by(&mut all, |a, b| a.name.cmp(&b.name));
        all
    }

    /// Asks a handler whether it takes a value for a parameter that it has, of the parameter's type. Nothing is kept by
    /// that: see [`keep_parameters`](Self::keep_parameters).
    ///
    /// # Errors
    /// Why it does not.
    pub async fn set_parameter(
        &self,
        query: &ParametersQuery,
        handler: &str,
        name: &str,
        value: &str,
    ) -> Result<(), NotTaken> {
        sanity::check_pair("parameter", name, value).map_err(NotTaken::Refused)?;
        let links = self.with_parameters(query);
        match links.iter().find(|link| link.condition.handler() == handler) {
            Some(link) => link.set_parameter(query, name, value).await,
            None => Err(NotTaken::Failed(format!("handler {handler} is gone"))),
        }
    }

    /// What was written to all parameters, in place of what was before. Handlers are handed their part with each
    /// question, however often they are started again.
    pub fn keep_parameters(&self, kept: Kept) {
        *lock(&self.places.kept) = kept;
    }

    fn with_parameters(&self, query: &ParametersQuery) -> Vec<Arc<Link>> {
        let has = |link: &Arc<Link>| link.has_parameters(&query.client, query.protocol);
        self.links().into_iter().filter(has).collect()
    }
}

impl Link {
    fn has_parameters(&self, client: &ClientName, protocol: Protocol) -> bool {
        self.implements(Hook::Parameters)
            && self.applies_to(client, protocol)
            && self.config().grants.contains(&Grant::Parameters)
    }

    /// What was written to its parameters for a client; `None` for nothing.
    pub(super) fn written(&self, client: &ClientName) -> Option<BTreeMap<String, String>> {
        let mut written = lock(&self.kept).get(client)?.get(self.condition.handler())?.clone();
        if let Some(unfit) = lock(&self.memory).unfit.get(client) {
            written.retain(|name, _| !unfit.contains(name));
        }
        (!written.is_empty()).then_some(written)
    }

    fn own_query(&self, mut query: ParametersQuery) -> ParametersQuery {
        query.parameters = self.written(&query.client).unwrap_or_default();
        if let Some(lease) = &mut query.lease {
            lease.policy.parameters.clone_from(&query.parameters);
        }
        query
    }

    async fn parameters(
        self: Arc<Self>,
        query: ParametersQuery,
        is_ours: fn(Protocol, &str) -> bool,
    ) -> Vec<VendorParameter> {
        let query = self.own_query(query);
        let Ok(input) = wire::encode(&query).map(Arc::from) else { return Vec::new() };
        let judge = |bytes: &[u8], _: &FlatSet<Grant>| {
            let parameters: Vec<Parameter> = decode(bytes, "list of parameters")?;
            sanity::check_parameters(&parameters)
                .map_err(|why| format!("its parameters cannot be right: {why}"))?;
            Ok((parameters, Vec::new()))
        };
        let (report, parameters) =
            self.ask(&query.client, Hook::Parameters, operation::PARAMETERS, &input, judge).await;
        let Some(mut parameters) = parameters else {
            let why = report.failure.unwrap_or_default();
            self.complain(&query.client, vec![format!("its parameters are not known: {why}")]);
            return Vec::new();
        };
        let mut complaints = self.without_unfit(&query.client, &parameters);
        parameters.retain(|Parameter { name, .. }| {
            let stays = !is_ours(query.protocol, name);
            if !stays {
                complaints.push(format!(
                    "its parameter {name} is left out: the data model has something of that name; accepted: the vendor's own"
                ));
            }
            stays
        });
        self.complain(&query.client, complaints);
        let handler = self.condition.handler();
        let owned = |parameter: Parameter| VendorParameter {
            name: parameter.name,
            kind: parameter.kind,
            writable: parameter.writable,
            value: parameter.value,
            description: parameter.description,
            handler: handler.to_owned(),
        };
        parameters.into_iter().map(owned).collect()
    }

    /// Finds what was written to parameters that are of another type by now: it is kept, and not handed over. A sentence
    /// for each.
    fn without_unfit(&self, client: &ClientName, parameters: &[Parameter]) -> Vec<String> {
        let kept = lock(&self.kept).get(client).and_then(|kept| kept.get(self.condition.handler())).cloned();
        let misfit = |(name, value): (String, String)| {
            let parameter = parameters.iter().find(|parameter| parameter.name == name)?;
            let accepted = parameter.kind.check(&value).err()?;
            Some((name, accepted))
        };
        let unfit: FlatMap<_, _> = kept.into_iter().flatten().filter_map(misfit).collect();
        let told = |(name, accepted): (&String, &&str)| {
            format!("what was written to its parameter {name} is not {accepted}, and is not handed over")
        };
        let lines = unfit.iter().map(told).collect();
        let mut memory = lock(&self.memory);
        match unfit.is_empty() {
            true => memory.unfit.remove(client),
            false => memory.unfit.insert(client.clone(), unfit.into_keys().collect()),
        };
        lines
    }

    /// Says what is wrong with its parameters for a client, once for as long as it lasts.
    fn complain(&self, client: &ClientName, now: Vec<String>) {
        let mut memory = lock(&self.memory);
        let before = memory.complaints.remove(client).unwrap_or_default();
        for line in now.iter().filter(|line| !before.contains(line)) {
            tracing::warn!("{client}: handler {}: {line}", self.condition.handler());
        }
        if !now.is_empty() {
            memory.complaints.insert(client.clone(), now);
        }
    }

    /// What is wrong with its parameters, a sentence each.
    pub(super) fn complaints(&self) -> Vec<String> {
        let memory = lock(&self.memory);
        let of = |(client, lines): (&ClientName, &Vec<String>)| {
            lines.iter().map(|line| format!("{client}: {line}")).collect::<Vec<_>>()
        };
        memory.complaints.iter().flat_map(of).collect()
    }

    async fn set_parameter(&self, query: &ParametersQuery, name: &str, value: &str) -> Result<(), NotTaken> {
        let change = ParameterChange::new(self.own_query(query.clone()), name, value);
        let input: Arc<[u8]> = wire::encode(&change).map_err(|e| NotTaken::Failed(e.to_string()))?.into();
        let judge = |_: &[u8], _: &FlatSet<Grant>| Ok((true, Vec::new()));
        let (report, accepted) =
            self.ask(&query.client, Hook::Parameters, operation::SET_PARAMETER, &input, judge).await;
        let why = |why: String| format!("handler {}: {why}", self.condition.handler());
        match (accepted, report.failure) {
            (Some(true), _) => Ok(()),
            (_, Some(reason)) if report.refused => Err(NotTaken::Refused(why(reason))),
            (_, Some(reason)) => Err(NotTaken::Failed(why(reason))),
            // It does not know the operation.
            (_, None) => Err(NotTaken::Failed(why(format!("{name} cannot be written")))),
        }
    }
}
