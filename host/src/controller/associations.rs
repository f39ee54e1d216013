//! What a DHCPv6 client tells of its identity associations: put into the ledger, and what that makes of the lease.

use std::rc::Rc;

use dhcpmgr_message::{IaKind, LeaseMessage};

use super::ledger::Ledger;
use super::machine::Input;
use super::recorder::Entry;
use super::task::Task;
use crate::clock;
use crate::lease_monitor::Origin;

/// When the client's own files are looked at for what its hook does not tell, after it said something: milliseconds.
/// dibbler writes them when its hook has ended.
const LOOK_AFTER_MS: [u64; 4] = [150, 300, 1_000, 3_000];

/// When to look at the client's own files.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Milliseconds of `CLOCK_BOOTTIME`.
    at: Option<u64>,
    tries: usize,
}

impl Look {
    fn soon(now: u64) -> Self {
        Self { at: Some(now + LOOK_AFTER_MS[0]), tries: 1 }
    }

    fn later(self, now: u64) -> Self {
        let wait = LOOK_AFTER_MS.get(self.tries);
        Self { at: wait.map(|wait| now + wait), tries: self.tries + 1 }
    }
}

impl Task {
    /// What is held now, or will be when the lease that waits is in force.
    pub(super) fn ledger(&self) -> Ledger {
        if let Some(waiting) = &self.waiting {
            return waiting.ledger.clone();
        }
        self.lease.as_ref().map(|lease| lease.ledger.clone()).unwrap_or_default()
    }

    /// A part of a lease was given, extended or taken back.
    pub(super) async fn on_associations(
        &mut self,
        message: Rc<LeaseMessage>,
        origin: Origin,
        mut entry: Entry,
    ) {
        let mut ledger = self.ledger();
        let message = self.attributed(message);
        entry.decisions = ledger.take(&message);
        entry.decisions.extend(ledger.expire(clock::boottime_ms()));
        entry.news = (!entry.decisions.is_empty()).then(|| entry.decisions.join("; "));
        self.take_ledger(&message, ledger, origin, entry).await;
        self.shared.sessions.journal().settle(&message);
        self.look = Look::soon(clock::boottime_ms());
        // What the client said on its way to the lease is history: kept for `why`, and no word on its state.
        self.written();
    }

    /// With the IAIDs that follow from the configuration: where there is one association of a kind, all is in it.
    fn attributed(&self, message: Rc<LeaseMessage>) -> Rc<LeaseMessage> {
        let wanted = self.wanted_ias();
        let only = |kind: IaKind| {
            let mut of_kind = wanted.iter().filter(|ia| ia.kind == kind).map(|ia| ia.iaid);
            of_kind.next().filter(|_| of_kind.next().is_none())
        };
        let (address, prefix) = (only(IaKind::Na), only(IaKind::Pd));
        let mut message = Rc::unwrap_or_clone(message);
        if let Some(report) = &mut message.v6 {
            for said in report.addresses.iter_mut().filter(|said| !said.temporary) {
                said.iaid = said.iaid.or(address);
            }
            for said in &mut report.prefixes {
                said.iaid = said.iaid.or(prefix);
            }
        }
        Rc::new(message)
    }

    async fn take_ledger(&mut self, last: &LeaseMessage, ledger: Ledger, origin: Origin, mut entry: Entry) {
        let stateless = self.client.v6.ia_na.is_empty() && self.client.v6.ia_pd.is_empty();
        if ledger.is_empty() && !stateless {
            let why = entry.news.take().unwrap_or_else(|| "it holds no address and no prefix".to_owned());
            self.recorder.exchange(entry);
            return self.tell(Input::Gone(why)).await;
        }
        let whole = Rc::new(ledger.whole(last));
        self.on_lease(whole, ledger, origin, entry).await;
    }

    /// When [`Task::attend_to_associations`] has something to do: milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn associations_due(&self) -> Option<u64> {
        let end = self.lease.as_ref().and_then(|lease| lease.ledger.next_end());
        [end, self.look.at].into_iter().flatten().min()
    }

    /// Removes what is over, although nobody says so, and looks for what the hook did not tell.
    pub(super) async fn attend_to_associations(&mut self) {
        let now = clock::boottime_ms();
        let Some(source) = self.source.clone() else {
            self.look = Look::default();
            return;
        };
        let mut ledger = self.ledger();
        let over = ledger.expire(now);
        let looked = self.look.at.is_some_and(|at| at <= now) && self.look_at_files(&mut ledger, now);
        if over.is_empty() && !looked {
            return;
        }
        let mut entry = Entry::again(Rc::clone(&source));
        entry.news = (!over.is_empty()).then(|| over.join("; "));
        entry.decisions = over;
        self.take_ledger(&source, ledger, Origin::Socket, entry).await;
    }

    /// Whether that was news.
    fn look_at_files(&mut self, ledger: &mut Ledger, now: u64) -> bool {
        let directory = self.shared.paths.client(&self.client.name);
        let known = self.client.program.ias(&self.client, &directory);
        let news = ledger.learn(&known);
        self.look = if known.is_empty() { self.look.later(now) } else { Look::default() };
        news
    }
}
