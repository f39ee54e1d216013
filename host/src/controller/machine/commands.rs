//! What operators may ask of a client.

use super::{Command, Effect, GivingBack, Machine, Process, RELEASE_MS, Releasing};
use crate::config::Unneeded;
use crate::softwire::Aside;

impl Machine {
    /// Takes a command, or says why not.
    pub(in crate::controller) fn command(
        &mut self,
        command: Command,
        now: u64,
    ) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        match command {
            Command::Enable => {
                self.enabled = true;
                self.start_over();
            }
            Command::Disable => {
                self.enabled = false;
                self.give_back("the client was disabled", GivingBack::MayAskAgain, &mut effects, now);
            }
            Command::Leave => {
                self.enabled = false;
                self.stop(&mut effects);
            }
            _ if !self.enabled => return Err("it is disabled; `dhcpmgr enable` runs it".to_owned()),
            _ if let Some(aside) = &self.aside => {
                return Err(format!("it stands aside: IPv4 comes over {}", aside.way));
            }
            Command::Renew => self.renew(&mut effects, now)?,
            Command::Release if self.lease.is_none() && !self.released => {
                return Err("it has no lease to release".to_owned());
            }
            Command::Release => {
                self.give_back("released by the operator", GivingBack::StaysWithout, &mut effects, now);
            }
            Command::Restart => {
                self.start_over();
                self.stop(&mut effects);
            }
        }
        self.settle(&mut effects, now);
        Ok(effects)
    }

    fn renew(&mut self, effects: &mut Vec<Effect>, now: u64) -> Result<(), String> {
        if self.released || self.process == Process::None {
            self.released = false;
            self.recovery.try_now();
            return Ok(());
        }
        if self.renewing_until.is_some() {
            return Err("a renewal is under way already; a second one would make the client drop the lease"
                .to_owned());
        }
        if !self.carrier.is_there() {
            return Err(format!("{} has no carrier; the client would drop the lease", self.interface));
        }
        if self.bound {
            self.ask_for_more_time(effects, now);
        } else {
            // It looks for a server, perhaps in the pause between two cycles: a new start looks at once.
            self.stop(effects);
        }
        Ok(())
    }

    pub(super) fn give_back(
        &mut self,
        why: &'static str,
        then: GivingBack,
        effects: &mut Vec<Effect>,
        now: u64,
    ) {
        if self.bound && self.process == Process::Running {
            self.releasing = Some(Releasing { until: now + RELEASE_MS, why, then });
            effects.push(Effect::SignalRelease(then));
        } else {
            if self.lease.is_some() {
                effects.push(Effect::Note(
                    "the client no longer held the lease: the server was not told".to_owned(),
                ));
            }
            self.released_now(why, then, effects);
        }
    }

    /// Gives its lease up when IPv4 comes by another way, and asks for one when it does not any more.
    pub(super) fn on_aside(&mut self, aside: Option<Aside>, effects: &mut Vec<Effect>, now: u64) {
        const WHY: &str = "IPv4 comes by another way";
        let before = std::mem::replace(&mut self.aside, aside);
        match (&self.aside, before) {
            // What the operator has said of the lease goes before; he may have said that it stays given back.
            (Some(_), None) if !self.enabled || self.released || self.releasing.is_some() => {}
            (Some(aside), None) => match aside.lease {
                Unneeded::Release => self.give_back(WHY, GivingBack::MayAskAgain, effects, now),
                Unneeded::Keep => self.released_now(WHY, GivingBack::MayAskAgain, effects),
            },
            (None, Some(_)) => self.recovery.try_now(),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// The operator wants it now, whatever has happened.
    fn start_over(&mut self) {
        self.released = false;
        self.ending_for = None;
        self.recovery.start_over();
    }
}
