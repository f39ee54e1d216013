//! A lease that waits for its verdict: a handler cannot say yet. What is in force stays as it is meanwhile.

use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::LeaseMessage;

use super::ledger::Ledger;
use super::recorder::Entry;
use super::task::Task;
use crate::clock;
use crate::events::{Event, EventKind};
use crate::handlers::{Deferred, Standing};
use crate::lease_monitor::Origin;

/// How long before the lease in force ends no verdict is waited for any more, milliseconds: the new lease takes its place
/// without a gap.
const BEFORE_THE_END_MS: u64 = 1_000;

/// A lease that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    message: Rc<LeaseMessage>,
    /// What is held once it is in force.
    pub(super) ledger: Ledger,
    origin: Origin,
    /// Since when this client's leases wait, milliseconds of `CLOCK_BOOTTIME`.
    since: u64,
    /// When the question is asked again, milliseconds of `CLOCK_BOOTTIME`.
    again: u64,
    /// Who is waited for, and why.
    why: String,
}

impl Task {
    /// How a lease stands that is to be decided now.
    pub(super) fn standing(&self) -> Standing {
        let now = clock::boottime_ms();
        let waited = self.waiting.as_ref().map_or(0, |waiting| now.saturating_sub(waiting.since));
        Standing {
            in_force: self.lease.is_some(),
            waited: Duration::from_millis(waited),
            last: self.waits_until().is_some_and(|end| end <= now),
        }
    }

    /// Until when a lease may wait for its verdict, as far as the one in force says.
    fn waits_until(&self) -> Option<u64> {
        let end = self.lease.as_ref()?.held.valid_until?;
        Some(end.saturating_sub(BEFORE_THE_END_MS))
    }

    /// Lets a lease wait.
    pub(super) fn put_off(
        &mut self,
        deferred: Deferred,
        message: Rc<LeaseMessage>,
        ledger: Ledger,
        origin: Origin,
        mut entry: Entry,
    ) {
        let Deferred { handler, reason, after } = deferred;
        let now = clock::boottime_ms();
        let again = now.saturating_add(after.as_millis() as u64);
        let again = self.waits_until().map_or(again, |end| again.min(end));
        let why = format!("{reason} (handler {handler})");
        entry.decisions.push(format!("waits {} ms: {why}", again.saturating_sub(now)));
        self.recorder.exchange(entry);
        if self.lease.is_some() {
            // What the next daemon must find is what the kernel holds; a first lease is all that there is.
            self.journal_what_is_in_force();
        }
        let since = self.waiting.as_ref().map(|waiting| waiting.since);
        if since.is_none() {
            tracing::info!("{}: lease waits: {why}", self.client.name);
            self.publish(Event { detail: Some(why.clone()), ..self.event(EventKind::LeaseDeferred) });
        }
        let since = since.unwrap_or(now);
        self.waiting = Some(Waiting { message, ledger, origin, since, again, why });
    }

    /// When a question is to be asked again, milliseconds of `CLOCK_BOOTTIME`.
    pub(super) fn verdict_due(&self) -> Option<u64> {
        self.waiting.as_ref().map(|waiting| waiting.again)
    }

    /// What `status` says of a lease that waits.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.waiting.as_ref().map(|waiting| format!("a lease waits: {}", waiting.why))
    }

    /// Asks again when it is time.
    pub(super) async fn attend_to_verdict(&mut self) {
        if self.verdict_due().is_some_and(|due| due <= clock::boottime_ms()) {
            self.ask_again().await;
        }
    }

    /// Asks again. Whether a lease was waiting.
    pub(super) async fn ask_again(&mut self) -> bool {
        // It goes on waiting until it is decided: since when must not be forgotten.
        let Some(waiting) = &self.waiting else { return false };
        let (message, ledger) = (Rc::clone(&waiting.message), waiting.ledger.clone());
        let (origin, entry) = (waiting.origin, Entry::again(Rc::clone(&waiting.message)));
        self.on_lease(message, ledger, origin, entry).await;
        true
    }
}
