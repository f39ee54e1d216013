//! Handlers are told what has happened, after the fact, and may publish events of their own.
//!
//! What they publish is not told to any handler, so nothing goes in circles: [`Chain::tell`] is for the host's own
//! events only. No lease ever waits for any of this.

use std::sync::Arc;

use dhcpmgr_message::{ClientName, wire};
use dhcpmgr_plugin_api::{Emitted, Happening, Hook, Protocol, Reaction, operation};
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::asking::decode;
use super::chain::Chain;
use super::link::Link;
use super::sanity;
use crate::config::Grant;
use crate::flat::FlatSet;

/// How much may have happened that handlers were not told yet; more is not told at all.
pub(super) const BACKLOG: usize = 256;

impl Chain {
    /// Whether any handler wants to be told of an event of this client.
    #[must_use]
    pub fn listens(&self, client: &ClientName, protocol: Protocol, event: &str) -> bool {
        self.links().iter().any(|link| link.listens(client, protocol, event))
    }

    /// Has the handlers told of something, later.
    pub fn tell(&self, happening: Happening) {
        if let Err(error) = self.happenings.try_send(happening) {
            let happening = error.into_inner();
            let (client, event) = (&happening.client, &happening.event);
            tracing::warn!("{client}: handlers are not told of {event}: {BACKLOG} events wait already");
        }
    }

    /// What [`tell`](Self::tell) was given: to be handed to [`react`](Self::react) one after the other. Once.
    #[must_use]
    pub fn happenings(&self) -> Option<mpsc::Receiver<Happening>> {
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Tells the handlers, all at once; gives what they publish and who does, in their order.
    pub async fn react(&self, happening: &Happening) -> Vec<(String, Emitted)> {
        let links = self.links().into_iter();
        let links: Vec<_> = links
            .filter(|link| link.listens(&happening.client, happening.protocol, &happening.event))
            .collect();
        let reactions = join_all(links.iter().map(|link| link.react(happening))).await;
        let named = |(link, events): (&Arc<Link>, Vec<Emitted>)| {
            let name = link.condition.handler().to_owned();
            events.into_iter().map(move |event| (name.clone(), event))
        };
        links.iter().zip(reactions).flat_map(named).collect()
    }
}

impl Link {
    fn listens(&self, client: &ClientName, protocol: Protocol, event: &str) -> bool {
        let manifest = self.condition.facts().manifest.clone();
        manifest.is_some_and(|m| m.hooks.contains(Hook::Event) && m.wants_event(event))
            && self.applies_to(client, protocol)
    }

    async fn react(&self, happening: &Happening) -> Vec<Emitted> {
        let mut happening = happening.clone();
        if let (Some(lease), Some(written)) = (&mut happening.lease, self.written(&happening.client)) {
            lease.policy.parameters = written;
        }
        let Ok(input) = wire::encode(&happening).map(Arc::from) else { return Vec::new() };
        let judge = |bytes: &[u8], grants: &FlatSet<Grant>| {
            let reaction: Reaction = decode(bytes, "reaction")?;
            if !grants.contains(&Grant::Events) && !reaction.events.is_empty() {
                return Ok((Reaction::default(), vec![Grant::Events]));
            }
            sanity::check_events(&reaction.events)
                .map_err(|why| format!("its events cannot be right: {why}"))?;
            Ok((reaction, Vec::new()))
        };
        let (report, reaction) =
            self.ask(&happening.client, Hook::Event, operation::EVENT, &input, judge).await;
        if let Some(reason) = report.failure {
            let (client, event, handler) = (&happening.client, &happening.event, self.condition.handler());
            tracing::warn!("{client}: handler {handler} could not be told of {event}: {reason}");
        }
        reaction.unwrap_or_default().events
    }
}
