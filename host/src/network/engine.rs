//! Brings interfaces to what the clients want, and keeps them there. Synchronous: it never waits for anything.
//!
//! Which of the things that carry our tag are *ours to remove*? After [`Engine::settle`], all of them. Before, only what
//! some client wanted in this run: the daemon may just have been restarted, and what is not yet wanted may be wanted by
//! a client that has not spoken yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use dhcpmgr_message::{ClientName, IfName, InterfaceAddress};
use dhcpmgr_plugin_api::RulePlan;
use netlink_packet_core::NLM_F_APPEND;
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;

use super::action::{Action, Step};
use super::batch::{Batch, Refusal};
use super::error::Failure;
use super::mirror::{Claims, Mirror, Touched};
use super::repair::Schedule;
use super::state::RouteKey;
use super::wanted::{HostWanted, Wanted};
use super::watch::{Drained, Watch};
use super::{Desired, LinkState, NetworkEvent, encode, planner, sysctl};
use crate::clock::boottime_ms;

/// Stands for what belongs to no interface, where an interface's index is expected.
const HOST: u32 = 0;

/// How soon it is looked whether the kernel has what it did not show at once, milliseconds.
const VERIFY_AFTER: u64 = 1_000;

/// How soon what the kernel refused is tried again, milliseconds; see [`Schedule`] for how that slows down.
const RETRY_AFTER: u64 = 10_000;

/// What came of bringing an interface to what is wanted.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: Vec<Action>,
    pub(super) failures: Vec<Failure>,
    /// What the kernel does not show although it did not refuse it.
    missing: Vec<Action>,
}

impl Outcome {
    pub(super) fn join(&mut self, mut other: Self) {
        self.done.append(&mut other.done);
        self.failures.append(&mut other.failures);
        self.missing.append(&mut other.missing);
    }

    fn what_is_wrong(&self) -> Vec<String> {
        let failures = self.failures.iter().map(Failure::to_string);
        failures.chain(self.missing.iter().map(|action| format!("not held: {action}"))).collect()
    }
}

pub(super) struct Engine {
    pub(super) mirror: Mirror,
    batch: Batch,
    buffer: Vec<u8>,
    clients: BTreeMap<ClientName, Desired>,
    /// Which clients want something of an interface.
    by_interface: BTreeMap<IfName, BTreeSet<ClientName>>,
    claims: ClaimSet,
    /// MTUs from before we changed them.
    original_mtus: HashMap<u32, u32>,
    schedules: BTreeMap<u32, Schedule>,
    /// What was last reported as wrong, so that it is said once.
    reported: HashMap<u32, Vec<String>>,
    outbox: VecDeque<NetworkEvent>,
    /// The mirror cannot be trusted any more.
    stale: bool,
    /// Notifications that arrive while a dump is under way.
    recording: Option<Vec<(RouteNetlinkMessage, u16)>>,
}

impl Engine {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            mirror: Mirror::default(),
            batch,
            buffer: Vec::new(),
            clients: BTreeMap::new(),
            by_interface: BTreeMap::new(),
            claims: ClaimSet::default(),
            original_mtus: HashMap::new(),
            schedules: BTreeMap::new(),
            reported: HashMap::new(),
            outbox: VecDeque::new(),
            stale: false,
            recording: None,
        }
    }

    /// Replaces what a client wants. Returns the interfaces that this is about, the new one first.
    pub(super) fn want(&mut self, client: &ClientName, desired: Option<Desired>) -> Vec<IfName> {
        let before = match desired {
            Some(desired) => self.clients.insert(client.clone(), desired),
            None => self.clients.remove(client),
        };
        let now = self.clients.get(client).map(|d| d.interface.clone());
        let before = before.map(|d| d.interface).filter(|name| Some(name) != now.as_ref());
        if let Some(name) = &before
            && let Some(clients) = self.by_interface.get_mut(name)
        {
            clients.remove(client);
            if clients.is_empty() {
                self.by_interface.remove(name);
            }
        }
        if let Some(name) = &now {
            self.by_interface.entry(name.clone()).or_default().insert(client.clone());
        }
        now.into_iter().chain(before).collect()
    }

    /// Brings an interface to what is wanted; `None` when there is no such interface.
    pub(super) fn reconcile(&mut self, name: &IfName, watch: &Watch) -> Option<Outcome> {
        self.drain(watch);
        let index = self.mirror.index(name)?;
        let outcome = self.bring(index, name, watch);
        self.follow_up(index, &outcome);
        Some(outcome)
    }

    /// The same for what belongs to no interface.
    pub(super) fn reconcile_host(&mut self, watch: &Watch) -> Outcome {
        self.drain(watch);
        let outcome = self.bring_host(watch);
        self.follow_up(HOST, &outcome);
        outcome
    }

    /// From now on everything with our tag is ours to remove, and what nobody wants is removed.
    pub(super) fn settle(&mut self, watch: &Watch) -> Outcome {
        self.claims = ClaimSet { settled: true, ..ClaimSet::default() };
        let names: Vec<IfName> = self.mirror.links().map(|(name, _)| name.clone()).collect();
        let mut all = Outcome::default();
        for name in names {
            all.join(self.reconcile(&name, watch).unwrap_or_default());
        }
        all.join(self.reconcile_host(watch));
        all
    }

    fn wanted(&self, index: u32, name: &IfName) -> Wanted {
        let clients = self.by_interface.get(name).into_iter().flatten();
        Wanted::of(index, clients.filter_map(|client| self.clients.get(client)))
    }

    fn plan(&mut self, index: u32, name: &IfName) -> Vec<Action> {
        let wanted = self.wanted(index, name);
        self.claims.claim(index, &wanted);
        let original = self.original_mtus.get(&index).copied();
        let view = self.mirror.view(index, &wanted, original, &self.claims);
        let now = boottime_ms();
        let plan = planner::plan(&view, &wanted, now, true);
        if plan.relies_on_promotion && !sysctl::promote_secondaries(name) {
            return planner::plan(&view, &wanted, now, false).actions;
        }
        plan.actions
    }

    fn plan_host(&mut self) -> Vec<Action> {
        let wanted = HostWanted::of(self.clients.values());
        self.claims.claim_host(&wanted);
        planner::plan_host(&self.mirror.host_view(&wanted, &self.claims), &wanted)
    }

    fn bring(&mut self, index: u32, name: &IfName, watch: &Watch) -> Outcome {
        let actions = self.plan(index, name);
        if actions.is_empty() {
            return Outcome::default();
        }
        let mut outcome = self.execute(index, actions);
        self.drain_own(index, watch);
        outcome.missing = self.plan(index, name);
        self.not_twice(&mut outcome);
        outcome
    }

    fn bring_host(&mut self, watch: &Watch) -> Outcome {
        let actions = self.plan_host();
        if actions.is_empty() {
            return Outcome::default();
        }
        let mut outcome = self.execute(HOST, actions);
        self.drain_own(HOST, watch);
        outcome.missing = self.plan_host();
        self.not_twice(&mut outcome);
        outcome
    }

    /// What was refused is naturally missing too.
    fn not_twice(&self, outcome: &mut Outcome) {
        let failures = &outcome.failures;
        outcome.missing.retain(|action| {
            let line = action.to_string();
            !failures.iter().any(|failure| failure.what == line)
        });
    }

    fn execute(&mut self, index: u32, actions: Vec<Action>) -> Outcome {
        let requests = actions.iter().filter_map(|action| encode::request(&action.0, index)).collect();
        let results = self.batch.run(requests);
        let mut outcome = Outcome::default();
        for (mut action, result) in actions.into_iter().zip(results) {
            let result = match result {
                Err(refusal) => self.second_chance(index, &mut action, refusal),
                Ok(()) => Ok(true),
            };
            match result {
                Ok(true) => {
                    self.note_success(index, &action.0);
                    outcome.done.push(action);
                }
                Ok(false) => {}
                Err(refusal) => outcome.failures.push(Failure::of(&action, &refusal)),
            }
        }
        outcome
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
                let request = encode::request(&action.0, index).into_iter().collect();
                match self.batch.run(request).pop() {
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
                if matches!(step, Step::AddAddress(_)) {
                    self.mirror.remember(index, to.address);
                }
                if address.is_ipv6() {
                    // Announced only after duplicate address detection, so it is asked for.
                    if let Ok(message) = self.batch.get(encode::read_back(address, index)) {
                        self.mirror.note(&message, 0, boottime_ms(), &mut Vec::new());
                    }
                }
            }
            Step::SetMtu { restored: true, .. } => {
                self.original_mtus.remove(&index);
            }
            Step::SetMtu { restored: false, .. } => {
                let before = self.mirror.name(index).and_then(|name| self.mirror.link(name)).map(|l| l.mtu);
                if let Some(mtu) = before {
                    self.original_mtus.entry(index).or_insert(mtu);
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

    /// Takes in every notification that is there.
    pub(super) fn drain(&mut self, watch: &Watch) {
        let mut touched = Vec::new();
        let now = boottime_ms();
        let (mirror, recording) = (&mut self.mirror, &mut self.recording);
        let drained = watch.drain(&mut self.buffer, |message, flags| {
            mirror.note(&message, flags, now, &mut touched);
            if let Some(recording) = recording {
                recording.push((message, flags));
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

    /// Takes in the echo of what we did ourselves: no reason to look at that interface once more.
    fn drain_own(&mut self, index: u32, watch: &Watch) {
        let before = self.schedules.remove(&index);
        self.drain(watch);
        match before {
            Some(before) => self.schedules.insert(index, before),
            None => self.schedules.remove(&index),
        };
    }

    fn touched(&mut self, touched: Touched, now: u64) {
        match touched {
            Touched::Link(name, state) => self.tell_link(name, state),
            Touched::Interface(index) => match self.mirror.name(index) {
                Some(name) if self.by_interface.contains_key(name) => {
                    self.schedules.entry(index).or_default().touch(now);
                }
                Some(_) => {}
                None => self.forget(index),
            },
            Touched::Host => {
                if self.clients.values().any(|d| !d.rules.is_empty() || !d.unreachable.is_empty()) {
                    self.schedules.entry(HOST).or_default().touch(now);
                }
            }
        }
    }

    fn forget(&mut self, index: u32) {
        self.schedules.remove(&index);
        self.reported.remove(&index);
        self.original_mtus.remove(&index);
    }

    fn tell_link(&mut self, name: IfName, state: Option<LinkState>) {
        // Only the last state counts; a slow listener is not buried in old ones.
        let told =
            |event: &&mut NetworkEvent| matches!(event, NetworkEvent::Link { name: n, .. } if *n == name);
        match self.outbox.iter_mut().find(told) {
            Some(event) => *event = NetworkEvent::Link { name, state },
            None => self.outbox.push_back(NetworkEvent::Link { name, state }),
        }
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
        let planned = match &name {
            Some(name) => !self.plan(index, name).is_empty(),
            None if index == HOST => !self.plan_host().is_empty(),
            None => return self.forget(index),
        };
        if planned && !self.schedules.entry(index).or_default().admit(now) {
            return;
        }
        let outcome = match (&name, planned) {
            (_, false) => Outcome::default(),
            (Some(name), true) => self.bring(index, name, watch),
            (None, true) => self.bring_host(watch),
        };
        // What belongs to no interface is reported as of the loopback one.
        let Some(interface) = name.clone().or_else(|| "lo".parse().ok()) else { return };
        let mut wrong = outcome.what_is_wrong();
        if let Some(name) = &name {
            wrong.extend(self.duplicates(index, name));
        }
        let schedule = self.schedules.entry(index).or_default();
        if planned && schedule.repaired(now) {
            tracing::warn!(%interface, "somebody keeps undoing our changes; from now on they are put back once a minute");
        }
        if !outcome.failures.is_empty() || !outcome.missing.is_empty() {
            schedule.look_after(now, RETRY_AFTER);
        }
        if !outcome.done.is_empty() {
            let what = outcome.done.iter().map(Action::to_string).collect();
            self.outbox.push_back(NetworkEvent::Repaired { interface: interface.clone(), what });
        }
        if wrong.is_empty() {
            self.reported.remove(&index);
        } else if self.reported.insert(index, wrong.clone()).as_ref() != Some(&wrong) {
            self.outbox.push_back(NetworkEvent::Mismatch { interface, what: wrong });
        }
    }

    /// Wanted addresses that another host on the link has.
    fn duplicates(&self, index: u32, name: &IfName) -> Vec<String> {
        let wanted = self.wanted(index, name);
        let view = self.mirror.view(index, &wanted, None, &self.claims);
        let is_wanted = |address: &InterfaceAddress| wanted.addresses.iter().any(|w| w.address == *address);
        (view.addresses.iter())
            .filter(|a| a.dad_failed && is_wanted(&a.address))
            .map(|a| {
                format!(
                    "address {} is in use by another host on the link (duplicate address detection)",
                    a.address
                )
            })
            .collect()
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
    pub(super) fn dump_ends(&mut self, dump: &[RouteNetlinkMessage], watch: &Watch) {
        self.drain(watch);
        let now = boottime_ms();
        let mut mirror = Mirror::default();
        for message in dump {
            mirror.note(message, NLM_F_APPEND, now, &mut Vec::new());
        }
        mirror.inherit(&self.mirror);
        for (message, flags) in self.recording.take().unwrap_or_default() {
            mirror.note(&message, flags, now, &mut Vec::new());
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

/// What clients wanted in this run.
#[derive(Debug, Default)]
struct ClaimSet {
    settled: bool,
    addresses: HashSet<(u32, IpAddr)>,
    routes: HashSet<(Option<u32>, RouteKey)>,
    rules: BTreeSet<RulePlan>,
}

impl ClaimSet {
    fn claim(&mut self, index: u32, wanted: &Wanted) {
        if !self.settled {
            self.addresses.extend(wanted.addresses.iter().map(|a| (index, a.address.address())));
            self.routes.extend(wanted.routes.iter().map(|route| (Some(index), route.key)));
        }
    }

    fn claim_host(&mut self, wanted: &HostWanted) {
        if !self.settled {
            self.routes.extend(wanted.routes.iter().map(|route| (None, route.key)));
            self.rules.extend(wanted.rules.iter().cloned());
        }
    }
}

impl Claims for ClaimSet {
    fn address(&self, index: u32, address: &InterfaceAddress) -> bool {
        self.settled || self.addresses.contains(&(index, address.address()))
    }

    fn route(&self, index: Option<u32>, key: &RouteKey) -> bool {
        self.settled || self.routes.contains(&(index, *key))
    }

    fn rule(&self, rule: &RulePlan) -> bool {
        self.settled || self.rules.contains(rule)
    }
}
