//! The part of the machine that turns what happens to a client into faults and signs of life, and says why it is not
//! well.

use super::{Effect, Machine, Manners, Process};
use crate::config::{OnStuck, Recovery};
use crate::recovery::{Argument, Expectation, Fault, Path, Record, Report, ReportKind, View};

impl Machine {
    /// Why it is not well: a sentence.
    #[must_use]
    pub(in crate::controller) fn reason(&self, now: u64) -> Option<String> {
        if !self.enabled {
            return None;
        }
        if self.releasing.is_some() {
            return Some("the lease is being given back".to_owned());
        }
        if self.released {
            return Some("released by the operator; `dhcpmgr renew` asks for a lease again".to_owned());
        }
        if let Some(aside) = &self.aside {
            return Some(format!("stands aside: IPv4 comes over {}", aside.way));
        }
        let network = match self.carrier.link() {
            None => Some(format!("interface {} does not exist", self.interface)),
            Some(link) if !link.up => Some(format!("interface {} is down", self.interface)),
            Some(link) if !link.carrier => Some(format!("interface {} has no carrier", self.interface)),
            Some(_) if self.waits_for_dad() && self.process == Process::None => Some(format!(
                "interface {} has no link-local address yet that passed duplicate address detection",
                self.interface
            )),
            Some(_) => None,
        };
        let running = self.process == Process::Running;
        let phrase = || self.recovery.phrase(&self.name, running, now);
        let silence = || match (running && self.health.is_stuck(), running && self.unanswered) {
            (true, _) => Some(format!("{}; it may be frozen, or its hook hangs", self.silence(now))),
            (false, true) => Some(format!(
                "no server has answered for {} s",
                now.saturating_sub(self.searching_since) / 1000
            )),
            (false, false) => None,
        };
        // What an operator has to mend goes before what may pass.
        let error = self.recovery.is_error() && !running;
        if error { phrase() } else { network.or_else(silence).or_else(phrase) }
    }

    /// How recovery stands, for `why`.
    #[must_use]
    pub(in crate::controller) fn recovery_view(&self, now: u64) -> View {
        self.recovery.view(now)
    }

    /// What the program is not started with, because it refuses it.
    #[must_use]
    pub(in crate::controller) fn left_out(&self) -> &[Argument] {
        self.recovery.left_out()
    }

    /// The memory of faults, when it has changed since the last call: to be kept for a later daemon.
    pub(in crate::controller) fn changed_record(&mut self) -> Option<&Record> {
        self.recovery.take_changed()
    }

    /// Takes over the memory of faults of an earlier daemon.
    pub(in crate::controller) fn restore(&mut self, record: Record, now: u64) {
        self.recovery.restore(record, now);
    }

    /// Takes what the configuration says today.
    pub(in crate::controller) fn reconfigure(&mut self, policy: Recovery, manners: Manners) {
        self.recovery.set_policy(policy);
        self.manners = manners;
    }

    /// When to look for signs of life.
    pub(super) fn looks_at(&self, now: u64) -> Option<u64> {
        self.health.look_at(self.expected(), self.stuck_ms(), now)
    }

    pub(super) fn sign_of_life(&mut self, now: u64) {
        self.signalled_at = None;
        self.health.sign(now);
        self.recovery.runs();
    }

    /// No server answered a whole cycle: not the client's fault, and it goes on asking.
    pub(super) fn on_silence(&mut self, effects: &mut Vec<Effect>) {
        self.recovery.network_works();
        if !std::mem::replace(&mut self.unanswered, true) {
            effects.push(Effect::Report(Report {
                kind: ReportKind::Silent,
                fault: "no-answer",
                path: Path::Retry,
                detail: "no server answers; the client goes on asking".to_owned(),
            }));
        }
    }

    pub(super) fn on_fault(&mut self, fault: &Fault, jitter: u8, effects: &mut Vec<Effect>, now: u64) {
        effects.extend(self.recovery.fault(fault, now, jitter).into_iter().map(Effect::Report));
    }

    pub(super) fn on_refused(&mut self, why: &str, jitter: u8, effects: &mut Vec<Effect>, now: u64) {
        self.health.sign(now);
        // The client believes in the lease: only a new start makes it ask again.
        self.stop(effects);
        self.on_fault(&Fault::BadLease(format!("lease refused: {why}")), jitter, effects, now);
    }

    pub(super) fn on_exited(&mut self, fault: Fault, jitter: u8, effects: &mut Vec<Effect>, now: u64) {
        let wanted = self.process == Process::Stopping;
        let renewing_until = self.renewing_until.filter(|_| wanted && self.manners.renews_by_restart);
        self.process = Process::None;
        self.client_lost_it();
        self.renewing_until = renewing_until;
        let ending_for = self.ending_for.take();
        if let Some(releasing) = self.releasing {
            self.released_now(releasing.why, releasing.then, effects);
            return;
        }
        let fault = match (fault, self.carrier.link()) {
            // udhcpc ends, even with status 0, when its interface is gone or down.
            (Fault::Ended(how), None) => Fault::Network(format!("{how}: {} is gone", self.interface)),
            (Fault::Ended(how), Some(link)) if !link.up => {
                Fault::Network(format!("{how}: {} is down", self.interface))
            }
            (fault, _) => fault,
        };
        match ending_for {
            Some(stuck) => self.on_fault(&stuck, jitter, effects, now),
            None if !wanted => self.on_fault(&fault, jitter, effects, now),
            None => {}
        }
    }

    /// Health is progress: a client that lives and gets nowhere is reported, and started again.
    pub(super) fn check_health(&mut self, effects: &mut Vec<Effect>, now: u64) {
        let (expected, stuck_ms) = (self.expected(), self.stuck_ms());
        let silence = self.silence(now);
        if !self.health.notice(expected, stuck_ms, now) {
            return;
        }
        let what = match expected {
            Expectation::Holding { .. } => format!("{silence}, and it should have extended its lease"),
            Expectation::Renewing { .. } => format!("{silence}, and it was told to extend its lease"),
            Expectation::Searching | Expectation::Nothing => format!("{silence}, and it has no lease"),
        };
        let restart = self.recovery.policy().on_stuck == OnStuck::Restart;
        let then = if restart { "it is killed and started again" } else { "it is left alone (on_stuck)" };
        effects.push(Effect::Report(Report {
            kind: ReportKind::Stuck,
            fault: "no-progress",
            path: Path::Restart,
            detail: format!("{what}; {then}"),
        }));
        if restart {
            self.ending_for = Some(Fault::Stuck(what));
            self.process = Process::Stopping;
            self.client_lost_it();
            // What is frozen does not hear, and what waits for its hook does not end; the lease may not have long.
            effects.push(Effect::Kill);
        }
    }

    fn silence(&self, now: u64) -> String {
        format!("no sign of life of the client for {} s", self.health.silent_for(now) / 1000)
    }

    fn stuck_ms(&self) -> u64 {
        self.recovery.policy().stuck.as_millis() as u64
    }

    fn expected(&self) -> Expectation {
        if self.process != Process::Running || !self.carrier.is_there() || self.releasing.is_some() {
            return Expectation::Nothing;
        }
        if let Some(since) = self.signalled_at {
            return Expectation::Renewing { since };
        }
        match &self.lease {
            Some(held) if self.bound => match (held.renews_at, held.valid_until) {
                (Some(renews_at), Some(ends_at)) => Expectation::Holding { renews_at, ends_at },
                // A lease without an end is never extended.
                _ => Expectation::Nothing,
            },
            _ => Expectation::Searching,
        }
    }
}
