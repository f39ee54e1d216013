//! Vendor parameters (`X_…`) of a client: listed, read and written for the data model.

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
use crate::flat::FlatSet;
use crate::order;

impl Chain {
    /// Whether any handler has parameters for a client.
    #[must_use]
    pub fn has_parameters(&self, client: &ClientName, protocol: Protocol) -> bool {
        self.links().iter().any(|link| link.has_parameters(client, protocol))
    }

    /// The parameters that handlers with the grant `parameters` have for a client, by name. Of two with one name the
    /// later handler's is taken.
    pub async fn parameters(&self, query: &ParametersQuery) -> Vec<VendorParameter> {
        let links: Vec<_> = self.with_parameters(query);
        let answers = join_all(links.iter().map(|link| link.parameters(query))).await;
        let mut all: Vec<VendorParameter> = Vec::new();
        let mut conflicts = Vec::new();
        for parameter in answers.into_iter().flatten() {
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

    /// One parameter of a client; `None` when no handler has it.
    pub async fn parameter(&self, query: &ParametersQuery, name: &str) -> Option<VendorParameter> {
        self.parameters(query).await.into_iter().find(|parameter| parameter.name == name)
    }

    /// Writes a parameter of a client, when its handler agrees; the error says why not. The value is kept as long as the
    /// handler is configured, and handed over with each question. What the client's lease means is to be asked anew.
    pub async fn set_parameter(
        &self,
        query: &ParametersQuery,
        name: &str,
        value: &str,
    ) -> Result<(), String> {
        let parameter = self
            .parameter(query, name)
            .await
            .ok_or_else(|| format!("client {} has no parameter {name}", query.client))?;
        if !parameter.writable {
            return Err(format!("{name} cannot be written"));
        }
        parameter
            .kind
            .check(value)
            .map_err(|accepted| format!("{name}: {value:?} is refused; accepted: {accepted}"))?;
        let links = self.with_parameters(query);
        let link = links.iter().find(|link| link.condition.handler() == parameter.handler);
        link.ok_or_else(|| format!("handler {} is gone", parameter.handler))?
            .set_parameter(query, name, value)
            .await
    }

    /// What was written to parameters of a client: handler, name, value. To be kept across restarts of the daemon.
    #[must_use]
    pub fn written(&self, client: &ClientName) -> Vec<(String, String, String)> {
        let of = |link: Arc<Link>| {
            let handler = link.condition.handler().to_owned();
            let written = link.written(client).unwrap_or_default();
            written.into_iter().map(move |(name, value)| (handler.clone(), name, value))
        };
        self.links().into_iter().flat_map(of).collect()
    }

    /// Puts back what was written to a parameter before the daemon was started.
    pub fn restore_parameter(&self, client: &ClientName, handler: &str, name: &str, value: &str) {
        for link in self.links().iter().filter(|link| link.condition.handler() == handler) {
            link.keep(client, name, value);
        }
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

    fn own_query(&self, query: &ParametersQuery) -> ParametersQuery {
        let mut query = query.clone();
        query.parameters = self.written(&query.client).unwrap_or_default();
        if let Some(lease) = &mut query.lease {
            lease.policy.parameters.clone_from(&query.parameters);
        }
        query
    }

    async fn parameters(&self, query: &ParametersQuery) -> Vec<VendorParameter> {
        let Ok(input) = wire::encode(&self.own_query(query)).map(Arc::from) else { return Vec::new() };
        let judge = |bytes: &[u8], _: &FlatSet<Grant>| {
            let parameters: Vec<Parameter> = decode(bytes, "list of parameters")?;
            sanity::check_parameters(&parameters)
                .map_err(|why| format!("its parameters cannot be right: {why}"))?;
            Ok((parameters, Vec::new()))
        };
        let (report, parameters) =
            self.ask(&query.client, Hook::Parameters, operation::PARAMETERS, &input, judge).await;
        if let Some(reason) = report.failure {
            tracing::warn!(
                "{}: handler {} does not tell its parameters: {reason}",
                query.client,
                report.handler
            );
        }
        let handler = self.condition.handler();
        let owned = |parameter: Parameter| VendorParameter {
            name: parameter.name,
            kind: parameter.kind,
            writable: parameter.writable,
            value: parameter.value,
            description: parameter.description,
            handler: handler.to_owned(),
        };
        parameters.unwrap_or_default().into_iter().map(owned).collect()
    }

    async fn set_parameter(&self, query: &ParametersQuery, name: &str, value: &str) -> Result<(), String> {
        let change = ParameterChange::new(self.own_query(query), name, value);
        let input: Arc<[u8]> = wire::encode(&change).map_err(|e| e.to_string())?.into();
        let judge = |_: &[u8], _: &FlatSet<Grant>| Ok((true, Vec::new()));
        let (report, accepted) =
            self.ask(&query.client, Hook::Parameters, operation::SET_PARAMETER, &input, judge).await;
        match accepted {
            Some(true) => {
                self.keep(&query.client, name, value);
                Ok(())
            }
            _ => {
                let why = report.failure.unwrap_or_else(|| format!("{name} cannot be written"));
                Err(format!("handler {}: {why}", report.handler))
            }
        }
    }

    fn keep(&self, client: &ClientName, name: &str, value: &str) {
        let mut memory = lock(&self.memory);
        memory.written.entry(client.clone()).or_default().insert(name.to_owned(), value.to_owned());
    }
}
