//! What the configuration of a client wants of its link, lease or no lease.

use super::Daemon;
use crate::config::Client;
use crate::network::{Desired, Owner};

impl Daemon {
    /// Sets the sysctls of a client that is enabled; gives them back as they were for one that is not.
    pub(super) async fn set_link(&self, client: &Client, enabled: bool) {
        let owner = Owner::Link(client.name.clone());
        let wanted = enabled && !client.sysctls.is_empty();
        let desired = wanted
            .then(|| Desired { sysctls: client.sysctls.clone(), ..Desired::of(client.interface.clone()) });
        if desired.is_none() && !self.shared.network.has(&owner) {
            return;
        }
        match self.shared.network.apply(owner, desired).await {
            Ok(applied) => {
                applied.actions.iter().for_each(|action| tracing::info!("{}: {action}", client.interface));
            }
            Err(error) => tracing::error!("{}: {error}", client.name),
        }
    }
}
