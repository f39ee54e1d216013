//! What the operator does to one handler while the others go on: a fresh start from its file, quarantine, and out of it.

use std::sync::Arc;

use super::HandlerState;
use super::chain::Chain;
use super::link::Link;
use crate::config::Isolation;

impl Chain {
    /// Starts a handler again that is quarantined or was refused. The error says why it still does not run.
    pub async fn reset(&self, handler: &str) -> Result<(), String> {
        let link = self.named(handler)?;
        if !link.never_started() {
            return link.reset().await;
        }
        let config = link.config().clone();
        let _one_at_a_time = self.reconfiguring.lock().await;
        let again = Arc::new(Link::load(&config, &self.places, self.notices.clone()).await);
        if again.state() == HandlerState::Refused {
            return again.reset().await;
        }
        self.replace(&link, again);
        Ok(())
    }

    /// Loads the module of a handler anew from its file. The new one is up before it takes the place of the old one, with
    /// what that contributed; when it does not come up, nothing has changed and the error says why. Gives a sentence.
    pub async fn reload(&self, handler: &str) -> Result<String, String> {
        let _one_at_a_time = self.reconfiguring.lock().await;
        let link = self.named(handler)?;
        let config = link.config().clone();
        let new = Link::load(&config, &self.places, self.notices.clone()).await;
        let status = new.status(&self.softwires());
        if status.state != HandlerState::Healthy {
            let reason = status.reason.unwrap_or_default();
            return Err(format!(
                "handler {handler} is not reloaded, and the one that is there stays: {reason}"
            ));
        }
        new.inherit(&link);
        self.replace(&link, Arc::new(new));
        let version = status.version;
        Ok(match config.isolation {
            Isolation::Worker => format!("handler {handler} is reloaded, version {version}"),
            // No library is ever unloaded: threads and pointers of it may be anywhere.
            Isolation::InProcess => format!(
                "handler {handler} is reloaded, version {version}; the module before stays in memory until the daemon is \
                 started again"
            ),
        })
    }

    /// Asks a handler nothing more until it is reset. What it contributed last stays in force.
    pub async fn quarantine(&self, handler: &str) -> Result<(), String> {
        self.named(handler)?.quarantine().await
    }

    fn named(&self, handler: &str) -> Result<Arc<Link>, String> {
        let links = self.links();
        let names = || links.iter().map(|link| link.config().name.clone()).collect::<Vec<_>>().join(", ");
        let found = links.iter().find(|link| link.config().name == handler).cloned();
        found.ok_or_else(|| format!("no handler is named \"{handler}\"; there are: {}", names()))
    }
}
