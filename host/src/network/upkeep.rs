//! The other half of the engine: listens to what others do, puts back what they undo, and tells of it.

use netlink_packet_core::NLM_F_APPEND;

use dhcpmgr_message::IfName;

use super::action::Action;
use super::decode::{self, Notice};
use super::engine::{Engine, HOST, Outcome};
use super::mirror::{Mirror, Touched};
use super::repair::Schedule;
use super::watch::{Drained, Watch};
use super::{LinkState, NetworkEvent};
use crate::clock::boottime_ms;
use crate::flat::FlatSet;

/// How soon what the kernel refused is tried again, milliseconds; see [`Schedule`] for how that slows down.
const RETRY_AFTER: u64 = 10_000;

/// Events that are kept for a listener that does not listen; then the oldest go.
const KEPT: usize = 256;

impl Engine {
    /// Takes in every notification that is there.
    pub(super) fn drain(&mut self, watch: &Watch) {
        let mut touched = Vec::new();
        let now = boottime_ms();
        let (mirror, recording) = (&mut self.mirror, &mut self.recording);
        let drained = watch.drain(&mut self.buffer, |message| {
            let Some(notice) = decode::notice(message, now) else { return };
            mirror.note(&notice, message.flags, &mut touched);
            if let Some(recording) = recording {
                recording.push((notice, message.flags));
            }
        });
        match drained {
            Ok(Drained::All) => {}
            Ok(Drained::Overrun) => self.stale = true,
            Err(error) => {
                tracing::error!(%error, "cannot read netlink notifications");
                self.stale = true;
            }
        }
        for touched in touched {
            self.touched(touched, now);
        }
    }

    /// Takes in the echo of what we did ourselves: no reason to look at those interfaces once more.
    pub(super) fn drain_own(&mut self, indices: &[u32], watch: &Watch) {
        let before: Vec<_> = indices.iter().map(|index| (*index, self.schedules.remove(index))).collect();
        self.drain(watch);
        for (index, before) in before {
            match before {
                Some(before) => self.schedules.insert(index, before),
                None => self.schedules.remove(&index),
            };
        }
    }

    fn touched(&mut self, touched: Touched, now: u64) {
        match touched {
            Touched::Link(name, state) => self.tell_link(name, state),
            Touched::Up(index) => {
                if self.mirror.name(index).is_some_and(|name| self.by_interface.contains_key(name)) {
                    self.sysctls.retain(|(of, _), _| *of != index);
                    self.schedules.entry(index).or_default().link_came(now);
                }
            }
            Touched::Interface(index) => match self.mirror.name(index) {
                Some(name) if self.by_interface.contains_key(name) => {
                    self.schedules.entry(index).or_default().touch(now);
                }
                Some(_) => {}
                None => self.forget(index),
            },
            Touched::Host => {
                if self.desires.values().any(|d| !d.rules.is_empty() || !d.unreachable.is_empty()) {
                    self.schedules.entry(HOST).or_default().touch(now);
                }
            }
        }
    }

    fn forget(&mut self, index: u32) {
        self.schedules.remove(&index);
        self.reported.remove(&index);
        self.duplicates.retain(|(of, _)| *of != index);
        self.sysctls.retain(|(of, _), _| *of != index);
        self.originals.forget(index);
    }

    fn tell_link(&mut self, name: IfName, state: Option<LinkState>) {
        // Only the last state counts; a slow listener is not buried in old ones.
        let told =
            |event: &&mut NetworkEvent| matches!(event, NetworkEvent::Link { name: n, .. } if *n == name);
        match self.outbox.iter_mut().find(told) {
            Some(event) => *event = NetworkEvent::Link { name, state },
            None => self.tell(NetworkEvent::Link { name, state }),
        }
    }

    fn tell(&mut self, event: NetworkEvent) {
        if self.outbox.len() == KEPT {
            self.outbox.pop_front();
        }
        self.outbox.push_back(event);
    }

    /// When [`Engine::look`] is to be called next.
    pub(super) fn due(&self) -> Option<u64> {
        self.schedules.values().filter_map(Schedule::due).min()
    }

    /// Looks at what others touched, and puts back what they undid.
    pub(super) fn look(&mut self, watch: &Watch) {
        self.drain(watch);
        let now = boottime_ms();
        let due: Vec<u32> = self
            .schedules
            .iter()
            .filter(|(_, s)| s.due().is_some_and(|at| at <= now))
            .map(|(i, _)| *i)
            .collect();
        for index in due {
            self.schedules.entry(index).or_default().looked();
            self.look_at(index, now, watch);
        }
    }

    fn look_at(&mut self, index: u32, now: u64, watch: &Watch) {
        let name = self.mirror.name(index).cloned();
        if name.is_none() && index != HOST {
            return self.forget(index);
        }
        let planned = !self.plan(index).is_empty();
        if planned && !self.schedules.entry(index).or_default().admit(now) {
            return;
        }
        let outcome = if planned {
            self.bring(&[index], watch).remove(&index).unwrap_or_default()
        } else {
            Outcome::default()
        };
        // What belongs to no interface is reported as of the loopback one.
        let Some(interface) = name.clone().or_else(|| "lo".parse().ok()) else { return };
        let wrong = outcome.what_is_wrong();
        if let Some(name) = &name {
            self.tell_duplicates(index, name);
        }
        let schedule = self.schedules.entry(index).or_default();
        if planned && schedule.repaired(now) {
            tracing::warn!(%interface, "somebody keeps undoing our changes; from now on they are put back once a minute");
        }
        if !outcome.failures.is_empty() || !outcome.missing.is_empty() {
            schedule.look_after(now, RETRY_AFTER);
        }
        // A client program that sets its own address again undoes nothing.
        let what: Vec<_> =
            outcome.done.iter().filter(|action| !action.takes_over()).map(Action::to_string).collect();
        if !what.is_empty() {
            self.tell(NetworkEvent::Repaired { interface: interface.clone(), what });
        }
        if wrong.is_empty() {
            self.reported.remove(&index);
        } else if self.reported.insert(index, wrong.clone()).as_ref() != Some(&wrong) {
            self.tell(NetworkEvent::Mismatch { interface, what: wrong });
        }
    }

    /// Tells of wanted addresses that another host on the link has, each once.
    fn tell_duplicates(&mut self, index: u32, name: &IfName) {
        let wanted = self.wanted(index, name);
        let failed: FlatSet<_> = (self.mirror.duplicates(index))
            .filter(|address| wanted.addresses.iter().any(|w| w.address == *address))
            .map(|address| (index, address))
            .collect();
        let new: Vec<_> = failed.difference(&self.duplicates).map(|(_, address)| *address).collect();
        self.duplicates.retain(|(of, _)| *of != index);
        self.duplicates.extend(failed);
        for address in new {
            self.tell(NetworkEvent::Duplicate { interface: name.clone(), address });
        }
    }

    /// The oldest event that was not told yet.
    pub(super) fn next_event(&mut self) -> Option<NetworkEvent> {
        self.outbox.pop_front()
    }

    pub(super) fn has_events(&self) -> bool {
        !self.outbox.is_empty()
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// A dump begins: what is announced from now on has to be added to it.
    pub(super) fn dump_begins(&mut self, watch: &Watch) {
        self.drain(watch);
        self.stale = false;
        self.recording = Some(Vec::new());
    }

    /// The dump failed.
    pub(super) fn dump_failed(&mut self) {
        self.stale = true;
        self.recording = None;
    }

    /// The mirror is made anew from the dump and what was announced meanwhile; every interface is looked at.
    pub(super) fn dump_ends(&mut self, dump: &[Notice], watch: &Watch) {
        self.drain(watch);
        let now = boottime_ms();
        let mut mirror = Mirror::default();
        for notice in dump {
            mirror.note(notice, NLM_F_APPEND, &mut Vec::new());
        }
        mirror.inherit(&self.mirror);
        for (notice, flags) in self.recording.take().unwrap_or_default() {
            mirror.note(&notice, flags, &mut Vec::new());
        }
        let before = std::mem::replace(&mut self.mirror, mirror);
        let gone: Vec<_> = before
            .links()
            .filter(|(name, _)| self.mirror.link(name).is_none())
            .map(|(n, s)| (n.clone(), s.index))
            .collect();
        for (name, index) in gone {
            self.forget(index);
            self.tell_link(name, None);
        }
        let changed: Vec<_> = (self.mirror.links())
            .filter(|(name, state)| before.link(name) != Some(state))
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect();
        for (name, state) in changed {
            self.tell_link(name, Some(state));
        }
        let all: Vec<u32> = self.by_interface.keys().filter_map(|name| self.mirror.index(name)).collect();
        for index in all {
            self.schedules.entry(index).or_default().touch(now);
        }
        self.touched(Touched::Host, now);
    }
}
