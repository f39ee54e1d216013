//! The client of an earlier daemon: taken over as it runs, with what was known of it, so that nothing has to be done
//! to it. What its lease is comes from the journal, what it said meanwhile from the spool.

use tokio::sync::mpsc;

use super::Order;
use super::machine::{Command, Input};
use super::task::Task;
use crate::clients::{
    self, Adopted, ExitReason, Foreign, GivingBack, Inherited, PATIENCE, Process, ProcessRecord,
};
use crate::events::{Event, EventKind};
use crate::lease_monitor::{Arrival, Origin};
use crate::network::LinkState;
use crate::random;
use crate::recovery::Fault;
use nix::sys::signal::Signal;

impl Task {
    /// Takes over what there is, and takes in what was said until the first order comes: it finds the client as the
    /// earlier daemon would have it now. Returns that order.
    pub(super) async fn take_over(
        &mut self,
        inherited: Inherited,
        inbox: &mut mpsc::Receiver<Arrival>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Option<Order> {
        let Inherited { running, strays, ended, foreign, record } = inherited;
        let name = self.client.name.clone();
        for stray in strays {
            tracing::warn!("{name}: pid {} runs besides as the same client; it is ended", stray.pid());
            tokio::task::spawn_local(end(stray));
        }
        if let Some(foreign) = foreign {
            self.foreign = Some(foreign);
            let detail =
                format!("{foreign}, runs on {}; it is not ours and is left alone", self.client.interface);
            tracing::warn!("{name}: {detail}");
            self.publish(Event { detail: Some(detail), ..self.event(EventKind::ForeignClient) });
        }
        let index = record.as_ref().map(|record| record.interface().1);
        let gave_up = record.as_ref().is_some_and(|record| record.without_lease);
        let giving_back = record.as_ref().and_then(|record| record.giving_back);
        let adopted = running.as_ref().map(|running| running.process.pid());
        if let Some(running) = running {
            self.adopt(running, record).await;
        }
        let link = self.shared.network.link(&self.client.interface);
        let another = matches!((index, link), (Some(index), Some(link)) if link.index != index);
        let over = match adopted {
            None if another => Some("it is not the interface of that name any more"),
            None if giving_back.is_some() => Some("the client ended while it gave the lease back"),
            _ => None,
        };
        if let Some(why) = over {
            tracing::info!("{name}: the lease on {} is over: {why}", self.client.interface);
            self.shared.sessions.journal().forget(&name);
        }
        let order = loop {
            tokio::select! {
                biased;
                Some(arrival) = inbox.recv() => {
                    if over.is_some() && arrival.message.event.carries_lease() {
                        // Said by the client that has ended, and kept again when it came in.
                        self.shared.sessions.journal().forget(&name);
                        continue;
                    }
                    let journal = arrival.origin == Origin::Journal;
                    Box::pin(self.on_arrival(arrival)).await;
                    if journal && gave_up {
                        self.tell(Input::Deconfig).await;
                    }
                }
                order = orders.recv() => break order,
            }
        };
        if let Some(pid) = adopted {
            tracing::info!("{name}: pid {pid} of an earlier daemon is the client from now on");
            let detail = Some(format!("pid {pid}, which an earlier daemon had started"));
            self.publish(Event { detail, ..self.event(EventKind::ClientAdopted) });
        } else if let Some(pid) = ended {
            let detail = format!("the client, pid {pid}, ended while no daemon ran");
            clients::forget(&self.shared.records, &name);
            self.tell(Input::Exited { fault: Fault::Died(detail), jitter: random::jitter() }).await;
        }
        order
    }

    /// What has changed in the configuration since the client was started.
    pub(super) async fn catch_up(&mut self) {
        if self.running.is_none() {
            return;
        }
        let giving_back = self.record.as_ref().and_then(|record| record.giving_back);
        if !self.client.enabled {
            let _ = self.command(Command::Disable).await;
        } else if let Some(then) = giving_back {
            tracing::info!("{}: goes on giving its lease back, as an earlier daemon began", self.client.name);
            let (begin, again) = match then {
                GivingBack::StaysWithout => (Command::Release, None),
                GivingBack::MayAskAgain => (Command::Disable, Some(Command::Enable)),
            };
            for command in [Some(begin), again].into_iter().flatten() {
                let _ = self.command(command).await;
            }
        } else if self.launch_has_changed() {
            self.tell(Input::LaunchChanged).await;
        }
    }

    async fn adopt(&mut self, adopted: Adopted, record: Option<ProcessRecord>) {
        let Adopted { process, output, token, launch } = adopted;
        match record.filter(|record| record.pid() == process.pid()) {
            Some(record) => self.record = Some(record),
            None => self.write_down(&process, &launch, &token),
        }
        self.shared.sessions.set_token(&self.client.name, Some(token));
        self.launched = Some(launch);
        self.running = Some((process, output));
        self.tell(Input::Adopted).await;
        // The daemon before may have ended between the start of the client and this.
        self.settle_client_id();
        // The link as the earlier daemon knew it: what is new since then is told from what is not.
        let index = self.record.as_ref().map(|record| record.interface().1).filter(|index| *index != 0);
        if let Some(index) = index {
            let known =
                LinkState { index, up: true, carrier: true, mtu: 0, min_mtu: 0, max_mtu: 0, hardware: None };
            self.tell(Input::Link(Some(known))).await;
        }
    }

    /// Somebody else's client on the same interface, in words.
    pub(super) fn disturbed_by(&self) -> Option<String> {
        let foreign = self.foreign.filter(Foreign::runs)?;
        Some(format!("{foreign}, runs on {}; the two take each other's answers", self.client.interface))
    }
}

/// Ends a client that nobody wants: as one of ours is stopped, with its time, and then by force.
pub async fn end(mut process: Process) -> ExitReason {
    process.signal(Signal::SIGTERM);
    tokio::select! {
        reason = process.wait() => return reason,
        () = tokio::time::sleep(PATIENCE) => process.kill(),
    }
    process.wait().await
}
