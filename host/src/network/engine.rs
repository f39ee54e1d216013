//! Brings interfaces to what their owners want. Synchronous: it never waits for anything. What others do meanwhile is the
//! business of [`super::upkeep`].

use std::collections::{HashMap, VecDeque};
use std::io;

use dhcpmgr_message::{IfName, InterfaceAddress};
use nix::errno::Errno;

use super::action::{Action, Refresh, Step};
use super::batch::{Batch, Refusal};
use super::claims::ClaimSet;
use super::decode::Notice;
use super::error::{Failure, NetworkError};
use super::mirror::Mirror;
use super::originals::Originals;
use super::repair::Schedule;
use super::wanted::{HostWanted, Wanted};
use super::watch::Watch;
use super::{Desired, NetworkEvent, Owner, encode, planner, sysctl};
use crate::clock::boottime_ms;
use crate::config::Sysctl;
use crate::flat::{FlatMap, FlatSet};

/// Stands for what belongs to no interface, where an interface's index is expected.
pub(super) const HOST: u32 = 0;

/// How soon it is looked whether the kernel has what it did not show at once, milliseconds.
const VERIFY_AFTER: u64 = 1_000;

/// What came of bringing an interface to what is wanted.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: Vec<Action>,
    pub(super) failures: Vec<Failure>,
    /// What the kernel does not show although it did not refuse it.
    pub(super) missing: Vec<Action>,
}

impl Outcome {
    pub(super) fn join(&mut self, mut other: Self) {
        self.done.append(&mut other.done);
        self.failures.append(&mut other.failures);
        self.missing.append(&mut other.missing);
    }

    pub(super) fn what_is_wrong(&self) -> Vec<String> {
        let failures = self.failures.iter().map(Failure::to_string);
        failures.chain(self.missing.iter().map(|action| format!("not held: {action}"))).collect()
    }
}

pub(super) struct Engine {
    pub(super) mirror: Mirror,
    pub(super) batch: Batch,
    pub(super) buffer: Vec<u8>,
    pub(super) desires: FlatMap<Owner, Desired>,
    /// Who wants something of an interface.
    pub(super) by_interface: FlatMap<IfName, FlatSet<Owner>>,
    pub(super) claims: ClaimSet,
    pub(super) originals: Originals,
    /// Values that were read since the last reason to look again; `None` for one that cannot be read.
    pub(super) sysctls: FlatMap<(u32, Sysctl), Option<u8>>,
    pub(super) schedules: FlatMap<u32, Schedule>,
    /// What was last reported as wrong, so that it is said once.
    pub(super) reported: HashMap<u32, Vec<String>>,
    /// Addresses that were told to be duplicates.
    pub(super) duplicates: FlatSet<(u32, InterfaceAddress)>,
    pub(super) outbox: VecDeque<NetworkEvent>,
    /// The mirror cannot be trusted any more.
    pub(super) stale: bool,
    /// Notifications that arrive while a dump is under way.
    pub(super) recording: Option<Vec<(Notice, u16)>>,
}

impl Engine {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            mirror: Mirror::default(),
            batch,
            buffer: Vec::new(),
            desires: FlatMap::new(),
            by_interface: FlatMap::new(),
            claims: ClaimSet::default(),
            originals: Originals::default(),
            sysctls: FlatMap::new(),
            schedules: FlatMap::new(),
            reported: HashMap::new(),
            duplicates: FlatSet::new(),
            outbox: VecDeque::new(),
            stale: false,
            recording: None,
        }
    }

    /// Replaces what an owner wants. Returns the interfaces that this is about, the new one first.
    pub(super) fn want(&mut self, owner: &Owner, desired: Option<Desired>) -> Vec<IfName> {
        let before = match desired {
            Some(desired) => self.desires.insert(owner.clone(), desired),
            None => self.desires.remove(owner),
        };
        let now = self.desires.get(owner).map(|d| d.interface.clone());
        let before = before.map(|d| d.interface).filter(|name| Some(name) != now.as_ref());
        if let Some(name) = &before
            && let Some(owners) = self.by_interface.get_mut(name)
        {
            owners.remove(owner);
            if owners.is_empty() {
                self.by_interface.remove(name);
            }
        }
        if let Some(desired) = self.desires.get(owner).filter(|desired| !desired.sysctls.is_empty())
            && let Some(index) = self.mirror.index(&desired.interface)
        {
            self.sysctls.retain(|(of, _), _| *of != index);
        }
        if let Some(name) = &now {
            self.by_interface.entry(name.clone()).or_default().insert(owner.clone());
        }
        now.into_iter().chain(before).collect()
    }

    /// Brings interfaces, [`HOST`] among them, to what is wanted, all in one batch; an outcome for each. What others
    /// did was drained before.
    pub(super) fn reconcile(&mut self, indices: &[u32], watch: &Watch) -> FlatMap<u32, Outcome> {
        let outcomes = self.bring(indices, watch);
        for (index, outcome) in &outcomes {
            self.follow_up(*index, outcome);
        }
        outcomes
    }

    /// From now on everything with our tag on these interfaces is ours to remove, and what nobody wants is removed.
    pub(super) fn settle(&mut self, interfaces: &[IfName], watch: &Watch) -> Outcome {
        self.drain(watch);
        let indices = interfaces.iter().filter_map(|name| self.mirror.index(name)).chain([HOST]);
        let indices: Vec<u32> = indices.collect();
        for index in &indices {
            self.claims.settle(*index);
            self.originals.settle(*index);
        }
        let mut all = Outcome::default();
        self.reconcile(&indices, watch).into_values().for_each(|outcome| all.join(outcome));
        all
    }

    pub(super) fn wanted(&self, index: u32, name: &IfName) -> Wanted {
        let owners = self.by_interface.get(name).into_iter().flatten();
        Wanted::of(index, owners.filter_map(|owner| self.desires.get(owner)))
    }

    /// The steps for one interface, or for [`HOST`]; none for an interface that is gone.
    pub(super) fn plan(&mut self, index: u32) -> Vec<Action> {
        if index == HOST {
            let wanted = HostWanted::of(self.desires.values());
            self.claims.claim_host(&wanted);
            return planner::plan_host(&self.mirror.host_view(&wanted, &self.claims), &wanted);
        }
        let Some(name) = self.mirror.name(index) else { return Vec::new() };
        let wanted = self.wanted(index, name);
        self.claims.claim(index, &wanted);
        let original = self.originals.mtu(index);
        let mut view = self.mirror.view(index, &wanted, original, &self.claims);
        view.original_sysctls = self.originals.sysctls(index);
        for sysctl in wanted.sysctls.keys().chain(view.original_sysctls.keys()) {
            let value = *self.sysctls.entry((index, *sysctl)).or_insert_with(|| sysctl::read(name, *sysctl));
            view.sysctls.extend(value.map(|value| (*sysctl, value)));
        }
        let now = boottime_ms();
        let plan = planner::plan(&view, &wanted, now, true);
        if plan.relies_on_promotion && !sysctl::promote_secondaries(name) {
            return planner::plan(&view, &wanted, now, false).actions;
        }
        plan.actions
    }

    /// The steps for all of these, in an order that is safe for all: a prefix that is delegated further down goes
    /// nowhere before it leads somewhere, and until it leads nowhere any more.
    fn plan_all(&mut self, indices: &[u32]) -> Vec<(u32, Action)> {
        let mut host = if indices.contains(&HOST) { self.plan(HOST) } else { Vec::new() };
        let last = host.split_off(host.iter().take_while(|action| action.adds_route()).count());
        let mut all: Vec<_> = host.into_iter().map(|action| (HOST, action)).collect();
        for index in indices.iter().filter(|index| **index != HOST) {
            all.extend(self.plan(*index).into_iter().map(|action| (*index, action)));
        }
        all.extend(last.into_iter().map(|action| (HOST, action)));
        all
    }

    pub(super) fn bring(&mut self, indices: &[u32], watch: &Watch) -> FlatMap<u32, Outcome> {
        let mut outcomes: FlatMap<u32, Outcome> =
            indices.iter().map(|index| (*index, Outcome::default())).collect();
        let actions = self.plan_all(indices);
        if actions.is_empty() {
            return outcomes;
        }
        self.execute(actions, &mut outcomes);
        self.drain_own(indices, watch);
        for (index, outcome) in &mut outcomes {
            // What was refused is naturally missing too.
            let refused = |line: &String| outcome.failures.iter().any(|failure| failure.what == *line);
            outcome.missing = self.plan(*index);
            outcome.missing.retain(|action| !refused(&action.to_string()));
        }
        outcomes
    }

    pub(super) fn set_up(&mut self, name: &IfName) -> Result<(), NetworkError> {
        let index = self
            .mirror
            .index(name)
            .ok_or_else(|| NetworkError::NoSuchInterface { interface: name.clone() })?;
        match self.batch.run(&[encode::set_up(index)]).pop() {
            Some(Err(refusal)) => Err(NetworkError::NotUp {
                interface: name.clone(),
                reason: refusal.errno.desc().to_lowercase(),
            }),
            _ => Ok(()),
        }
    }

    fn execute(&mut self, actions: Vec<(u32, Action)>, outcomes: &mut FlatMap<u32, Outcome>) {
        let (files, actions): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|(_, action)| matches!(action.0, Step::SetSysctl { .. }));
        for (index, action) in files {
            let written = self.write_sysctl(index, &action.0);
            let outcome = outcomes.entry(index).or_default();
            match written {
                Ok(()) => outcome.done.push(action),
                Err(error) => outcome.failures.push(Failure::of_file(&action, &error)),
            }
        }
        let requests = actions.iter().filter_map(|(index, action)| encode::request(&action.0, *index));
        let requests: Vec<_> = requests.collect();
        let results = self.batch.run(&requests);
        for ((index, mut action), result) in actions.into_iter().zip(results) {
            let result = match result {
                Err(refusal) => self.second_chance(index, &mut action, refusal),
                Ok(()) => Ok(true),
            };
            let outcome = outcomes.entry(index).or_default();
            match result {
                Ok(true) => {
                    self.note_success(index, &action.0);
                    outcome.done.push(action);
                }
                Ok(false) => {}
                Err(refusal) => outcome.failures.push(Failure::of(&action, &refusal)),
            }
        }
    }

    fn write_sysctl(&mut self, index: u32, step: &Step) -> io::Result<()> {
        let (Step::SetSysctl { sysctl, value, restored }, Some(name)) = (step, self.mirror.name(index))
        else {
            return Ok(());
        };
        let before = self.sysctls.get(&(index, *sysctl)).copied().flatten();
        if let Some(before) = before.filter(|_| !restored) {
            // First, so that it is known whatever happens next.
            self.originals.keep_sysctl(index, name, *sysctl, before);
        }
        sysctl::write(name, *sysctl, *value)?;
        self.sysctls.insert((index, *sysctl), Some(*value));
        if *restored {
            self.originals.forget_sysctl(index, *sysctl);
        }
        Ok(())
    }

    /// Refusals that only say that the mirror was behind: it was so already (`false`), or can be done in another way.
    fn second_chance(&mut self, index: u32, action: &mut Action, refusal: Refusal) -> Result<bool, Refusal> {
        match (&action.0, refusal.errno) {
            (Step::RemoveAddress(_), Errno::EADDRNOTAVAIL)
            | (Step::RemoveRoute(_), Errno::ESRCH)
            | (Step::RemoveRule(_), Errno::ENOENT | Errno::ESRCH)
            | (Step::AppendRoute(_) | Step::ReplaceRoute(_) | Step::AddRule(_), Errno::EEXIST) => {
                self.stale = true;
                Ok(false)
            }
            (Step::AddRoute(route), Errno::EEXIST) => {
                // Somebody else's has come in between: ours goes behind it.
                self.stale = true;
                *action = Action(Step::AppendRoute(route.clone()));
                let request: Vec<_> = encode::request(&action.0, index).into_iter().collect();
                match self.batch.run(&request).pop() {
                    Some(Err(refusal)) if refusal.errno == Errno::EEXIST => Ok(false),
                    Some(Err(refusal)) => Err(refusal),
                    _ => Ok(true),
                }
            }
            _ => Err(refusal),
        }
    }

    fn note_success(&mut self, index: u32, step: &Step) {
        match step {
            Step::AddAddress(to) | Step::RefreshAddress { to, .. } => {
                let address = to.address.address();
                if !matches!(step, Step::RefreshAddress { what: Refresh::Lifetime | Refresh::Metric, .. }) {
                    // The tag alone does not do: a client program that sets its own address again takes it off.
                    self.mirror.remember(index, to.address);
                }
                if self.mirror.is_tentative(index, address) {
                    // What is changed meanwhile is not announced, so it is asked for.
                    if let Ok(notice) = self.batch.get(&encode::read_back(address, index)) {
                        self.mirror.note(&notice, 0, &mut Vec::new());
                    }
                }
            }
            Step::SetMtu { restored: true, .. } => self.originals.forget_mtu(index),
            Step::SetMtu { restored: false, .. } => {
                let name = self.mirror.name(index);
                if let Some((name, link)) = name.and_then(|name| Some((name, self.mirror.link(name)?))) {
                    self.originals.keep_mtu(index, name, link.mtu);
                }
            }
            _ => {}
        }
    }

    /// What is not as it should be is looked at again.
    fn follow_up(&mut self, index: u32, outcome: &Outcome) {
        if outcome.failures.is_empty() && outcome.missing.is_empty() {
            self.reported.remove(&index);
            return;
        }
        // The caller hears of the failures now; they need not be an event as well.
        if outcome.missing.is_empty() {
            self.reported.insert(index, outcome.what_is_wrong());
        }
        self.schedules.entry(index).or_default().look_after(boottime_ms(), VERIFY_AFTER);
    }
}
