//! Vendor parameters: handlers are asked for them, and whether they take what is written.

use std::time::Duration;

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::ParametersQuery;
use tokio::time::{Instant, timeout_at};

use super::{Daemon, Running};
use crate::data_model::edit::VendorWrite;
use crate::data_model::live::{is_ours, may_be_named};
use crate::data_model::{Fault, code};
use crate::flat::{FlatMap, FlatSet};
use crate::handlers::{NotTaken, VendorParameter};

/// How long all handlers together may take for one read; what is not known by then is left out.
const MOST_WAITED: Duration = Duration::from_secs(1);

impl Daemon {
    /// What handlers have for the clients of which these paths may name something of theirs.
    pub(super) async fn vendor_parameters(
        &self,
        paths: &[&str],
    ) -> FlatMap<ClientName, Vec<VendorParameter>> {
        let mut all = FlatMap::new();
        let end = Instant::now() + MOST_WAITED;
        for running in self.running() {
            let (name, protocol) = (&running.client.name, running.client.protocol);
            let named = paths.iter().any(|path| may_be_named(path, protocol));
            if !named || !self.shared.chain.has_parameters(name, protocol) {
                continue;
            }
            let query = query(&running).await;
            match timeout_at(end, self.shared.chain.parameters(&query, is_ours)).await {
                Ok(parameters) => {
                    all.insert(name.clone(), parameters);
                }
                Err(_) => {
                    tracing::warn!("{name}: handlers took too long to tell parameters, which are left out");
                    break;
                }
            }
        }
        all
    }

    /// Asks handlers whether they take what is written to their parameters, one after the other. When one does not, those
    /// that did are told the values before.
    pub(super) async fn agree(&self, writes: &[VendorWrite]) -> Result<(), Vec<Fault>> {
        for (at, write) in writes.iter().enumerate() {
            let VendorWrite { path, client, handler, name, value, .. } = write;
            let Err(why) = self.tell_value(client, handler, name, value).await else { continue };
            self.take_back(&writes[..at]).await;
            let (code, why) = match why {
                NotTaken::Refused(why) => (code::VALUE, why),
                NotTaken::Failed(why) => (code::NOT_HONOURED, why),
            };
            return Err(vec![Fault::new(code, path, why)]);
        }
        Ok(())
    }

    /// Tells handlers the values before, the last one first.
    pub(super) async fn take_back(&self, writes: &[VendorWrite]) {
        for VendorWrite { client, handler, name, before, .. } in writes.iter().rev() {
            if let Err(NotTaken::Refused(why) | NotTaken::Failed(why)) =
                self.tell_value(client, handler, name, before).await
            {
                tracing::warn!(
                    "{client}: {name} is {before:?} as before, which its handler was not told: {why}"
                );
            }
        }
    }

    async fn tell_value(
        &self,
        client: &ClientName,
        handler: &str,
        name: &str,
        value: &str,
    ) -> Result<(), NotTaken> {
        let running = self.controllers.borrow().get(client).cloned();
        let running = running.ok_or_else(|| NotTaken::Failed(format!("client {client} does not run")))?;
        self.shared.chain.set_parameter(&query(&running).await, handler, name, value).await
    }

    /// Has the leases looked at again of clients whose parameters have other values.
    pub(super) async fn parameters_changed(&self, writes: &[VendorWrite]) {
        for client in writes.iter().map(|write| &write.client).collect::<FlatSet<_>>() {
            if let Ok(controller) = self.controller(client) {
                controller.handlers_changed().await;
            }
        }
    }
}

async fn query(Running { client, controller }: &Running) -> ParametersQuery {
    let mut query = ParametersQuery::new(client.name.clone(), client.interface.clone(), client.protocol);
    query.lease = controller.lease().await;
    query
}
