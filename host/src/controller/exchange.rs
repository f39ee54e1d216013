//! One message of the client, all the way: handlers, kernel, event, flight recorder.

use std::rc::Rc;

use dhcpmgr_message::{ClientEvent, LeaseMessage};
use dhcpmgr_plugin_api::{Emitted, LeaseEvent, Link, Policy, Protocol};
use tokio::time::Instant;

use super::lease::Lease;
use super::ledger::Ledger;
use super::machine::Input;
use super::recorder::Entry;
use super::task::Task;
use crate::clock;
use crate::config::Client;
use crate::delegation::Outcome;
use crate::events::{Change, Event, EventKind};
use crate::handlers::Decision;
use crate::lease_monitor::{Arrival, Origin};
use crate::network::NetworkError;
use crate::random;

impl Task {
    pub(super) async fn on_arrival(&mut self, arrival: Arrival) {
        let Arrival { message, origin, at_ms } = arrival;
        let mut entry = Entry::arrival(Rc::clone(&message), at_ms);
        if origin != Origin::Journal {
            self.counters.answered(message.event);
            if message.event.carries_lease() || message.event == ClientEvent::Nak {
                self.shared.observer.settled(&self.client.name, message.at_ms);
            }
        }
        if message.event.carries_lease() && origin != Origin::Journal && self.machine.is_giving_back() {
            entry.decisions.push("ignored: the lease is given back".to_owned());
            self.recorder.exchange(entry);
            return match self.client.protocol {
                Protocol::V4 => self.journal_what_is_in_force(),
                Protocol::V6 => self.shared.sessions.journal().settle(&message),
            };
        }
        if self.client.protocol == Protocol::V6
            && let ClientEvent::Add | ClientEvent::Update | ClientEvent::Delete = message.event
        {
            return self.on_associations(message, origin, entry).await;
        }
        if origin == Origin::Spool && self.source.as_ref().is_some_and(|now| now.at_ms > message.at_ms) {
            // A shim that had lost its patience was overtaken by the next one.
            entry.decisions.push("ignored: the lease in force is newer than this".to_owned());
            self.recorder.exchange(entry);
            return self.journal_what_is_in_force();
        }
        if self.client.protocol == Protocol::V4
            && let ClientEvent::Bound | ClientEvent::Renew = message.event
        {
            self.on_lease(message, Ledger::default(), origin, entry).await;
            // What the client said on its way to the lease is history: kept for `why`, and no word on its state.
            self.written();
            return;
        }
        self.listen().await;
        self.recorder.exchange(entry);
        match message.event {
            ClientEvent::Deconfig => {
                self.waiting = None;
                self.tell(Input::Deconfig).await;
                self.record(|record, in_force| record.without_lease = in_force);
            }
            ClientEvent::Nak => {
                self.waiting = None;
                self.tell(Input::Nak).await;
            }
            ClientEvent::Leasefail => self.tell(Input::Leasefail).await,
            other => {
                let said = other.as_str();
                self.recorder.decided(format!("ignored: a client of the other protocol says {said}"));
            }
        }
        if message.v6.is_some() {
            self.shared.sessions.journal().settle(&message);
        }
    }

    /// A whole lease: the handlers decide, and then it is taken, refused or found to be over.
    pub(super) async fn on_lease(
        &mut self,
        message: Rc<LeaseMessage>,
        ledger: Ledger,
        origin: Origin,
        mut entry: Entry,
    ) {
        let event = self.lease_event(&message);
        let mut decision = self.shared.chain.decide_as(&event, self.standing()).await;
        entry.handlers = std::mem::take(&mut decision.reports);
        entry.decisions.append(&mut decision.plan.notes);
        entry.decisions.append(&mut decision.lines);
        if let Some(deferred) = decision.deferred {
            return self.put_off(deferred, message, ledger, origin, entry);
        }
        self.waiting = None;
        match self.accept(&message, ledger, decision) {
            Err(reason) => {
                entry.decisions.push(format!("refused: {reason}"));
                self.recorder.exchange(entry);
                self.refuse(reason, origin).await;
            }
            Ok(lease) if lease.held.valid_until.is_some_and(|end| end <= clock::boottime_ms()) => {
                entry.decisions.push("ignored: this lease is over already".to_owned());
                self.recorder.exchange(entry);
                self.journal_what_is_in_force();
            }
            Ok(lease) => self.take(message, lease, origin, entry).await,
        }
    }

    pub(super) fn lease_event(&self, message: &LeaseMessage) -> LeaseEvent {
        let link = self.shared.network.link(&self.client.interface);
        let said = |value: u32| (value != 0).then_some(value);
        LeaseEvent {
            client: self.client.name.clone(),
            interface: self.client.interface.clone(),
            protocol: self.client.protocol,
            event: message.event,
            link: link.map_or_else(Link::default, |link| Link {
                mtu: Some(link.mtu),
                min_mtu: said(link.min_mtu),
                max_mtu: said(link.max_mtu),
            }),
            policy: Policy {
                mtu: self.client.mtu,
                routes: self.client.routes,
                metric: self.client.metric,
                ..Policy::default()
            },
            v4: message.v4.clone(),
            v6: message.v6.clone(),
        }
    }

    fn accept(&self, message: &LeaseMessage, ledger: Ledger, decision: Decision) -> Result<Lease, String> {
        if let Some((handler, reason)) = decision.refused {
            return Err(format!("{reason} (handler {handler})"));
        }
        Lease::build(&self.client, message, ledger, decision.plan)
    }

    async fn refuse(&mut self, reason: String, origin: Origin) {
        self.journal_what_is_in_force();
        tracing::warn!("{}: lease refused: {reason}", self.client.name);
        self.publish(Event { detail: Some(reason.clone()), ..self.event(EventKind::LeaseRefused) });
        // The lease before stays until it ends; what an earlier daemon left was not taken by a running client.
        if origin != Origin::Journal {
            self.tell(Input::Refused { why: reason, jitter: random::jitter() }).await;
        }
    }

    /// The journal holds the last message, which was not taken: the one before is what a later daemon must find.
    pub(super) fn journal_what_is_in_force(&self) {
        let journal = self.shared.sessions.journal();
        match &self.source {
            Some(message) => journal.put_back(message),
            None => journal.forget(&self.client.name),
        }
    }

    async fn take(&mut self, message: Rc<LeaseMessage>, lease: Lease, origin: Origin, mut entry: Entry) {
        let started = Instant::now();
        let (detail, again) = (entry.news.take(), entry.is_again());
        if origin == Origin::Journal {
            let addresses: Vec<_> = lease.desired.addresses.iter().map(|a| a.address).collect();
            self.shared.network.adopt(&self.client.interface, &addresses);
        }
        match self.shared.network.apply(&self.client.name, Some(lease.desired.clone())).await {
            Ok(applied) => entry.applied = applied.actions,
            Err(error) => {
                let what = error.to_string();
                tracing::error!("{}: {what}", self.client.name);
                if let NetworkError::Incomplete { applied, .. } = error {
                    entry.applied = applied.actions;
                }
                entry.decisions.push(format!("not all could be applied: {what}"));
                self.publish(Event { detail: Some(what), ..self.event(EventKind::KernelMismatch) });
            }
        }
        let to_lans = self.hand_to_lans(Some(&lease)).await;
        entry.applied.extend(to_lans.applied);
        entry.decisions.extend(to_lans.lines);
        entry.kernel_us = started.elapsed().as_micros() as u64;
        let changed = lease.changes_from(self.lease.as_ref());
        let emitted = lease.news_from(self.lease.as_ref());
        let kind = match (&self.lease, changed.as_slice()) {
            (None, _) => EventKind::LeaseAcquired,
            (Some(_), [] | [Change::Lifetime]) => EventKind::LeaseRenewed,
            (Some(_), _) => EventKind::LeaseChanged,
        };
        entry.changed.clone_from(&changed);
        self.recorder.exchange(entry);
        let held = lease.held.clone();
        self.lease = Some(lease);
        self.source = Some(message);
        if self.client.protocol == Protocol::V6 {
            self.journal_what_is_in_force();
        }
        self.tell(Input::Lease(held)).await;
        self.say_who_has_ipv4("the lease offers it no more, or otherwise");
        self.remember_lease();
        if origin == Origin::Journal {
            // The same lease as before the daemon was started: nothing happened, but to LANs that are configured
            // otherwise since.
            tracing::info!("{}: lease of an earlier daemon taken over", self.client.name);
        } else {
            self.record(|record, _| (record.without_lease, record.giving_back) = (false, None));
            // Otherwise it is the same lease, told in more detail.
            if !again || !changed.is_empty() {
                self.publish(Event { changed, detail, ..self.event(kind) });
                for Emitted { name, fields } in emitted {
                    let changed = vec![Change::Vendor];
                    self.publish(Event { changed, fields, ..self.event(EventKind::Vendor(name)) });
                }
            }
        }
        to_lans.events.into_iter().for_each(|event| self.publish(event));
    }

    /// Gives LANs what the lease delegates, in place of what it did before.
    pub(super) async fn hand_to_lans(&self, lease: Option<&Lease>) -> Outcome {
        match self.client.protocol {
            Protocol::V4 => Outcome::default(),
            Protocol::V6 => {
                let handed = lease.map(Lease::handed).unwrap_or_default();
                self.shared.delegations.take(&self.client.name, handed).await
            }
        }
    }

    /// Tells the owner of IPv4 on this WAN what this client has for it; `why` it has less than before.
    pub(super) fn say_who_has_ipv4(&self, why: &str) {
        let Client { name, interface, protocol, metric, .. } = &self.client;
        match protocol {
            Protocol::V4 => self.shared.softwires.dhcpv4(interface, *metric, self.lease.is_some()),
            Protocol::V6 => {
                let offered = self.lease.as_ref().map(|lease| lease.offered.clone()).unwrap_or_default();
                self.shared.softwires.offer(interface, name, offered, why);
            }
        }
    }

    /// Handlers or the configuration have changed: the client may have to be started otherwise, and the lease may
    /// mean something else.
    pub(super) async fn look_again(&mut self) {
        self.ask_for_options().await;
        if self.launch_has_changed() {
            self.tell(Input::LaunchChanged).await;
        }
        if self.ask_again().await {
            return;
        }
        let Some(message) = self.source.clone() else { return };
        let ledger = self.ledger();
        let event = self.lease_event(&message);
        let mut decision = self.shared.chain.decide_as(&event, self.standing()).await;
        let handlers = std::mem::take(&mut decision.reports);
        let mut decisions = std::mem::take(&mut decision.plan.notes);
        decisions.append(&mut decision.lines);
        if let Some(deferred) = decision.deferred {
            let mut entry = Entry::again(Rc::clone(&message));
            (entry.handlers, entry.decisions) = (handlers, decisions);
            return self.put_off(deferred, message, ledger, Origin::Socket, entry);
        }
        match self.accept(&message, ledger, decision) {
            Err(reason) => self.refuse(reason, Origin::Socket).await,
            Ok(lease) => {
                if self.lease.as_ref() != Some(&lease) {
                    let mut entry = Entry::again(Rc::clone(&message));
                    (entry.handlers, entry.decisions) = (handlers, decisions);
                    self.take(message, lease, Origin::Socket, entry).await;
                }
            }
        }
    }
}
