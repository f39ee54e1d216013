//! The state machine of one client: what happens in, what is to be done out. No clock, no process, no kernel.
//!
//! The kernel follows the *lease*, not the client's mood: udhcpc gives a lease up seconds before it ends and forgets
//! it when it is killed, so a lease ends here when its time is over, when the server took it back (DHCPNAK), when the
//! operator gave it back, or when its interface is gone. Until then its address stays.

mod carrier;
mod commands;
mod recovering;
mod vocabulary;

use std::net::Ipv4Addr;

use crate::clients::{GivingBack, Progress};
use crate::config::Recovery;
use crate::control::views::ClientState;
use crate::network::LinkState;
use crate::recovery::{Fault, Health, Supervisor};
use crate::softwire::Aside;
use carrier::Carrier;
pub use vocabulary::Command;
pub(super) use vocabulary::{Effect, Held, Input, Manners};

/// After so long of asking without an answer nobody is taken to be there; udhcpc says so itself, and mostly sooner.
const SILENCE_MS: u64 = 30_000;
/// How long a client may take to give its lease back.
const RELEASE_MS: u64 = 6_000;

/// The client process, as far as the machine cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    None,
    Starting,
    Running,
    Stopping,
}

/// A release that the client has not confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Releasing {
    /// It is over by then, confirmed or not.
    until: u64,
    why: &'static str,
    then: GivingBack,
}

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    name: String,
    interface: String,
    enabled: bool,
    carrier: Carrier,
    process: Process,
    /// Why the process is being ended, when that is a fault of its own.
    ending_for: Option<Fault>,
    recovery: Supervisor,
    health: Health,
    /// What the client last said of itself.
    progress: Option<Progress>,
    lease: Option<Held>,
    /// Asked for again at the next start.
    last_address: Option<Ipv4Addr>,
    /// The client itself holds a lease, so renewing by signal makes sense.
    bound: bool,
    manners: Manners,
    /// A renewal that was asked for is under way until then. A second signal would make udhcpc drop the lease.
    renewing_until: Option<u64>,
    /// When the client was last signalled to renew, until it says anything.
    signalled_at: Option<u64>,
    /// The lease is being given back.
    releasing: Option<Releasing>,
    /// The lease was given back, and the client has not been started since.
    gave_back: bool,
    /// The operator gave the lease back and has not asked for one since.
    released: bool,
    /// By what other way IPv4 comes, so that this client is not needed.
    aside: Option<Aside>,
    /// When the process was started.
    started_at: u64,
    /// Since when it has looked for a server.
    searching_since: u64,
    /// It has asked long enough to know that no server answers, and none has since.
    unanswered: bool,
}

impl Machine {
    /// A client that has not been started.
    #[must_use]
    pub(super) fn new(
        name: &str,
        interface: &str,
        enabled: bool,
        policy: Recovery,
        manners: Manners,
    ) -> Self {
        Self {
            name: name.to_owned(),
            interface: interface.to_owned(),
            enabled,
            carrier: Carrier::default(),
            process: Process::None,
            ending_for: None,
            recovery: Supervisor::new(policy),
            health: Health::default(),
            progress: None,
            lease: None,
            last_address: None,
            bound: false,
            manners,
            renewing_until: None,
            signalled_at: None,
            releasing: None,
            gave_back: false,
            released: false,
            aside: None,
            started_at: 0,
            searching_since: 0,
            unanswered: false,
        }
    }

    /// Whether no process is left.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        self.process == Process::None && self.releasing.is_none()
    }

    /// Whether a release or the end of the process is under way.
    #[must_use]
    pub(super) fn is_ending_something(&self) -> bool {
        self.releasing.is_some() || self.process == Process::Stopping
    }

    /// Whether the lease is given back, or was: what the client still says of it is of no use.
    #[must_use]
    pub(super) fn is_giving_back(&self) -> bool {
        self.releasing.is_some() || self.gave_back
    }

    /// Whether the operator wants it to run.
    #[must_use]
    pub(super) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Where the client is, in the words of TR-181.
    #[must_use]
    pub(super) fn state(&self) -> ClientState {
        if !self.enabled {
            return ClientState::Disabled;
        }
        if self.recovery.is_error() && self.process != Process::Running {
            return ClientState::Error;
        }
        match (&self.lease, self.progress) {
            // The lease counts on although the client has lost it: it looks for anybody who extends it.
            (Some(_), Some(Progress::Rebinding)) => ClientState::Rebinding,
            (Some(_), _) if self.renewing_until.is_some() => ClientState::Renewing,
            (Some(_), _) if !self.bound => ClientState::Rebinding,
            (Some(_), Some(Progress::Renewing)) => ClientState::Renewing,
            (Some(_), _) => ClientState::Bound,
            (None, _) if self.recovery.is_in_trouble() => ClientState::Error,
            (None, _) if self.process != Process::Running || !self.should_run() => ClientState::Init,
            (None, Some(Progress::Requesting)) => ClientState::Requesting,
            (None, _) => ClientState::Selecting,
        }
    }

    /// When [`Input::Tick`] is due, milliseconds of `CLOCK_BOOTTIME`.
    #[must_use]
    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        let lease_end = self.lease.as_ref().and_then(|lease| lease.valid_until);
        let retry = self.recovery.retry_at().filter(|_| self.may_start_on_this_link());
        let release = self.releasing.map(|releasing| releasing.until);
        let health = self.looks_at(now);
        [
            lease_end,
            self.renewing_until,
            release,
            retry,
            self.carrier.settles_at(),
            self.recovery.steady_at(),
            health,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes what happened at `now` (milliseconds of `CLOCK_BOOTTIME`) and says what is to be done.
    pub(super) fn handle(&mut self, input: Input, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.bound {
            self.searching_since = now;
        }
        match input {
            Input::Link(link) => self.on_link(link, &mut effects, now),
            Input::Lease(held) => self.on_lease(held, now),
            Input::Refused { why, jitter } => self.on_refused(&why, jitter, &mut effects, now),
            Input::Deconfig => {
                self.sign_of_life(now);
                self.on_deconfig(&mut effects);
            }
            Input::Nak => {
                self.sign_of_life(now);
                self.client_lost_it();
                self.last_address = None;
                self.lose("the server took it back (DHCPNAK)", &mut effects);
            }
            Input::Gone(why) => {
                self.sign_of_life(now);
                self.client_lost_it();
                self.lose(&why, &mut effects);
            }
            Input::Leasefail => {
                self.sign_of_life(now);
                self.progress = Some(Progress::Selecting);
                self.on_silence(&mut effects);
            }
            Input::Progress(progress) => {
                self.sign_of_life(now);
                self.progress = Some(progress);
                let asks = matches!(progress, Progress::Selecting | Progress::Rebinding);
                if asks && !self.bound && now.saturating_sub(self.searching_since) >= SILENCE_MS {
                    self.on_silence(&mut effects);
                }
            }
            Input::Started | Input::Adopted => {
                self.gave_back = false;
                self.process = Process::Running;
                self.recovery.started();
                self.health.sign(now);
                (self.started_at, self.searching_since, self.unanswered) = (now, now, false);
            }
            Input::ReleasedBefore => {
                self.give_back("released by the operator", GivingBack::StaysWithout, &mut effects, now);
            }
            Input::Exited { fault, jitter } => self.on_exited(fault, jitter, &mut effects, now),
            Input::NotStarted { fault, jitter } => {
                self.process = Process::None;
                self.on_fault(&fault, jitter, &mut effects, now);
            }
            Input::Aside(aside) => self.on_aside(aside, &mut effects, now),
            Input::LaunchChanged => {
                self.recovery.configuration_changed();
                if self.process == Process::Running {
                    effects.push(Effect::Note(
                        "started again: what it requests or sends has changed".to_owned(),
                    ));
                    self.stop(&mut effects);
                }
            }
            Input::Tick => {}
        }
        self.settle(&mut effects, now);
        effects
    }

    fn on_link(&mut self, link: Option<LinkState>, effects: &mut Vec<Effect>, now: u64) {
        let change = self.carrier.update(link, now);
        if change.moved {
            // udhcpc keeps the old interface index, and a new interface may be another network.
            self.stop(effects);
            self.lose(&format!("interface {} is gone", self.interface), effects);
        }
        if change.lost {
            effects.push(Effect::LinkChanged(format!("{} lost its carrier", self.interface)));
            // Without a lease there is nothing to keep: it starts at once when the carrier is back, instead of
            // sitting in its pause between two cycles.
            if self.lease.is_none() {
                self.stop(effects);
            }
        }
        if change.came {
            if change.returned {
                effects.push(Effect::LinkChanged(format!("{} has carrier", self.interface)));
            }
            self.recovery.network_returned();
            self.health.sign(now);
        }
        if self.should_run() && self.carrier.link().is_some_and(|link| !link.up) && !change.moved {
            effects.push(Effect::RaiseLink);
        }
    }

    /// The carrier has stayed for a moment: is the lease good on it?
    fn on_settled(&mut self, effects: &mut Vec<Effect>, now: u64) {
        if self.lease.is_none() || self.process != Process::Running || self.started_at >= self.carrier.since()
        {
            return;
        }
        if !self.bound {
            // It looks for a server, perhaps in the pause between two cycles: a new start looks at once.
            self.stop(effects);
        } else if self.renewing_until.is_none() {
            self.ask_for_more_time(effects, now);
        }
    }

    fn on_lease(&mut self, held: Held, now: u64) {
        self.last_address = held.address;
        self.lease = Some(held);
        self.bound = self.process == Process::Running;
        self.progress = None;
        self.unanswered = false;
        self.renewing_until = None;
        if self.bound {
            self.sign_of_life(now);
            self.recovery.leased(now);
        }
    }

    fn on_deconfig(&mut self, effects: &mut Vec<Effect>) {
        let gave_up = self.bound && self.lease.is_some();
        self.client_lost_it();
        if let Some(releasing) = self.releasing {
            self.released_now(releasing.why, releasing.then, effects);
        } else if gave_up {
            effects.push(Effect::Note(
                "the client gave its lease up; the address stays until the lease ends".to_owned(),
            ));
        }
    }

    fn released_now(&mut self, why: &str, then: GivingBack, effects: &mut Vec<Effect>) {
        self.released = then == GivingBack::StaysWithout;
        (self.releasing, self.gave_back) = (None, true);
        self.stop(effects);
        self.lose(why, effects);
    }

    fn client_lost_it(&mut self) {
        self.bound = false;
        self.progress = None;
        self.renewing_until = None;
        self.recovery.lost();
    }

    fn ask_for_more_time(&mut self, effects: &mut Vec<Effect>, now: u64) {
        if self.manners.renews_by_restart {
            self.stop(effects);
        } else {
            self.signalled_at = Some(now);
            effects.push(Effect::SignalRenew);
        }
        self.renewing_until = Some(now + self.manners.renewal_ms);
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.process, Process::Starting | Process::Running) {
            self.process = Process::Stopping;
            self.client_lost_it();
            effects.push(Effect::Stop);
        }
    }

    fn lose(&mut self, why: &str, effects: &mut Vec<Effect>) {
        if self.lease.take().is_some() {
            effects.push(Effect::Lose(why.to_owned()));
        }
    }

    fn should_run(&self) -> bool {
        self.enabled && !self.released && self.aside.is_none()
    }

    fn may_start_on_this_link(&self) -> bool {
        self.should_run()
            && self.process == Process::None
            && self.carrier.can_start()
            && !self.waits_for_dad()
    }

    /// Whether its link is there but has no address yet that the client could send from.
    fn waits_for_dad(&self) -> bool {
        self.manners.needs_link_local && self.carrier.link().is_some_and(|link| !link.link_local)
    }

    /// What follows from the clock and from the state, whatever happened.
    fn settle(&mut self, effects: &mut Vec<Effect>, now: u64) {
        if self.lease.as_ref().and_then(|lease| lease.valid_until).is_some_and(|end| end <= now) {
            self.lose("its time is over and no server extended it", effects);
        }
        if self.renewing_until.is_some_and(|end| end <= now) {
            self.renewing_until = None;
        }
        if let Some(releasing) = self.releasing.filter(|releasing| releasing.until <= now) {
            effects.push(Effect::Note("the client did not confirm the release".to_owned()));
            self.released_now(releasing.why, releasing.then, effects);
        }
        if self.carrier.settle(now) {
            self.on_settled(effects, now);
        }
        self.check_health(effects, now);
        effects.extend(self.recovery.tick(now).map(Effect::Report));
        if self.may_start_on_this_link() && self.recovery.retry_at().is_none_or(|at| at <= now) {
            self.process = Process::Starting;
            effects.push(Effect::Start(self.last_address));
        }
    }
}

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod tests;
