//! The client of an earlier daemon: taken over as it runs, with what was known of it, so that nothing has to be done
//! to it. What its lease is comes from the journal, what it said meanwhile from the spool.

use std::rc::Rc;

use tokio::sync::mpsc;

use super::Order;
use super::machine::{Command, Input};
use super::task::Task;
use crate::clients::{Adopted, Census, ExitReason, Foreign, Inherited, PATIENCE, Process, RunRecord};
use crate::clock;
use crate::events::{Event, EventKind};
use crate::lease_monitor::{Arrival, Origin};
use crate::network::LinkState;
use crate::random;
use crate::recovery::Fault;
use nix::sys::signal::Signal;

/// How long a look at the processes of the machine is good for, milliseconds.
const LOOK_MS: u64 = 2_000;

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
            tokio::task::spawn_local(end(stray, self.client.program.stop()));
        }
        self.notice_other(foreign);
        let index = record.process.as_ref().map(|process| process.interface().1);
        let now = self.shared.network.link(&self.client.interface).map(|link| link.index);
        let mut trust = Trust::of(&record, running.as_ref());
        if running.is_none() && index.is_some() && now.is_some() && now != index {
            trust.over = Some("it is not the interface of that name any more");
        } else if running.is_none() && record.giving_back.is_some() {
            trust.over = Some("the client ended while it gave the lease back");
        }
        if let Some(why) = trust.over {
            tracing::info!("{name}: the lease on {} is over: {why}", self.client.interface);
            self.shared.sessions.journal().forget(&name);
        }
        self.record = record;
        let adopted = running.as_ref().map(|running| running.process.pid());
        match running {
            Some(running) => self.adopt(running).await,
            None => self.forget_process(),
        }
        let order = self.take_in(&trust, inbox, orders).await;
        if self.record.released {
            self.tell(Input::ReleasedBefore).await;
        }
        if let Some(pid) = adopted {
            tracing::info!("{name}: pid {pid} of an earlier daemon is the client from now on");
            let detail = Some(format!("pid {pid}, which an earlier daemon had started"));
            self.publish(Event { detail, ..self.event(EventKind::ClientAdopted) });
        } else if let Some(pid) = ended.filter(|_| trust.over.is_none() && !self.record.released) {
            let detail = format!("the client, pid {pid}, ended while no daemon ran");
            self.tell(Input::Exited { fault: Fault::Died(detail), jitter: random::jitter() }).await;
        }
        order
    }

    /// Takes in what was said until the first order comes, and returns that.
    async fn take_in(
        &mut self,
        trust: &Trust,
        inbox: &mut mpsc::Receiver<Arrival>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Option<Order> {
        loop {
            tokio::select! {
                biased;
                Some(arrival) = inbox.recv() => Box::pin(self.take_in_one(trust, arrival)).await,
                order = orders.recv() => return order,
            }
        }
    }

    async fn take_in_one(&mut self, trust: &Trust, arrival: Arrival) {
        if trust.over.is_some() && arrival.message.event.carries_lease() {
            // Said by the client that has ended, and kept again when it came in.
            self.shared.sessions.journal().settle(&arrival.message);
            return self.shared.sessions.journal().forget(&self.client.name);
        }
        let not_its_own = arrival.origin == Origin::Journal && arrival.message.at_ms < trust.leases_since;
        self.on_arrival(arrival).await;
        if not_its_own {
            self.tell(Input::Deconfig).await;
        }
    }

    /// What has changed in the configuration since the client was started, and what an earlier daemon began.
    pub(super) async fn catch_up(&mut self) {
        if self.running.is_none() || self.record.released || self.machine.is_giving_back() {
            return;
        }
        if !self.client.enabled {
            let _ = self.command(Command::Disable).await;
        } else if self.record.giving_back.is_some() {
            tracing::info!("{}: goes on giving its lease back, as an earlier daemon began", self.client.name);
            for command in [Command::Disable, Command::Enable] {
                let _ = self.command(command).await;
            }
        } else if self.launch_has_changed() {
            self.tell(Input::LaunchChanged).await;
        }
    }

    async fn adopt(&mut self, adopted: Adopted) {
        let Adopted { process, output, token, command, started_ms: _ } = adopted;
        if self.record.process.as_ref().is_none_or(|record| record.pid() != process.pid()) {
            self.write_down(&process, command.clone(), &token);
        }
        self.shared.sessions.set_token(&self.client.name, Some(token));
        self.launched = Some(command);
        self.running = Some((process, output));
        self.tell(Input::Adopted).await;
        // The daemon before may have ended between the start of the client and this.
        self.settle_client_id();
        // The link as the earlier daemon knew it: what is new since then is told from what is not.
        let index =
            self.record.process.as_ref().map(|process| process.interface().1).filter(|index| *index != 0);
        if let Some(index) = index {
            let known = LinkState {
                index,
                up: true,
                carrier: true,
                mtu: 0,
                min_mtu: 0,
                max_mtu: 0,
                hardware: None,
                link_local: false,
            };
            self.tell(Input::Link(Some(known))).await;
        }
    }

    /// As [`Task::look_for_others`], unless that was just now: the first start follows the census, another one often the
    /// report of why, and where many links come up at once one look serves all their clients.
    pub(super) fn look_for_others_again(&mut self) {
        let now = clock::boottime_ms();
        if now.saturating_sub(self.looked_ms) < LOOK_MS {
            return;
        }
        let last = self.shared.last_look.borrow().clone().filter(|last| now.saturating_sub(last.0) < LOOK_MS);
        match last {
            Some((at, census)) => self.find_other(at, &census),
            None => self.look_for_others(),
        }
    }

    /// Looks for somebody else's client on the same interface; it is a look at every process.
    pub(super) fn look_for_others(&mut self) {
        let (now, census) = (clock::boottime_ms(), Rc::new(Census::take(&self.shared.paths)));
        self.shared.last_look.replace(Some((now, Rc::clone(&census))));
        self.find_other(now, &census);
    }

    fn find_other(&mut self, looked_ms: u64, census: &Census) {
        self.looked_ms = looked_ms;
        let own = self.running.as_ref().map(|(process, _)| process.pid());
        self.notice_other(census.foreign(self.client.protocol, &self.client.interface, own));
    }

    /// Says it once of each.
    fn notice_other(&mut self, foreign: Option<Foreign>) {
        let Some(foreign) = foreign.filter(|foreign| self.foreign.as_ref() != Some(foreign)) else { return };
        self.foreign = Some(foreign);
        let detail =
            format!("{foreign}, runs on {}; it is not ours and is left alone", self.client.interface);
        tracing::warn!("{}: {detail}", self.client.name);
        self.publish(Event { detail: Some(detail), ..self.event(EventKind::ForeignClient) });
    }

    /// Somebody else's client on the same interface, in words.
    pub(super) fn disturbed_by(&self) -> Option<String> {
        let foreign = self.foreign.filter(Foreign::runs)?;
        Some(format!("{foreign}, runs on {}; the two take each other's answers", self.client.interface))
    }
}

/// What the lease in the journal means today.
struct Trust {
    /// Why it is not in force any more.
    over: Option<&'static str>,
    /// The client itself holds a lease from then on only: `CLOCK_BOOTTIME`, milliseconds.
    leases_since: u64,
}

impl Trust {
    fn of(record: &RunRecord, running: Option<&Adopted>) -> Self {
        let leases_since = match running {
            _ if record.without_lease => u64::MAX,
            // The kernel counts in hundredths of a second.
            Some(running) => running.started_ms.saturating_sub(10),
            None => 0,
        };
        Self { over: None, leases_since }
    }
}

/// Ends a client that nobody wants with this signal: as one of ours is stopped, with its time, and then by force.
pub async fn end(mut process: Process, signal: Signal) -> ExitReason {
    process.signal(signal);
    tokio::select! {
        reason = process.wait() => return reason,
        () = tokio::time::sleep(PATIENCE) => process.kill(),
    }
    process.wait().await
}
