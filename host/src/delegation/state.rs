//! From what is known to the kernel, the router advertisements and the record.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use dhcpmgr_message::{IfName, Prefix};

use super::advertise::{self, Advertised};
use super::known::{Decision, Known};
use super::memory::{self, Memory};
use super::radvd::Radvd;
use super::record::{self, Moment, Record, UlaRecord};
use super::{DelegationOptions, Outcome};
use crate::clock::{self, BootId};
use crate::config::{Lans, RaBackend, Ula};
use crate::events::{Event, EventKind};
use crate::flat::FlatMap;
use crate::network::{Desired, Network, NetworkError, Owner};
use crate::random;
use crate::store::Store;

/// Where radvd keeps its process id unless told otherwise.
const PIDFILE: &str = "/run/radvd.pid";

#[derive(Debug)]
pub(super) struct State {
    pub(super) known: Known,
    network: Network,
    store: Store,
    /// The record once more, and at once: a daemon that is killed has not waited for the flash.
    volatile: Store,
    runtime: PathBuf,
    boot: BootId,
    applied: FlatMap<IfName, Desired>,
    /// Why the kernel does not hold what is desired of an interface, said once.
    complaints: FlatMap<IfName, String>,
    radvd: Option<Radvd>,
    kept: Option<Record>,
    kept_volatile: Option<Record>,
    /// The record is of this boot: what it says was in force until a moment ago.
    same_boot: bool,
}

impl State {
    pub(super) fn restore(options: DelegationOptions, lans: Lans, now: u64) -> Self {
        let DelegationOptions { network, store, runtime, boot } = options;
        let kept: Option<Record> = store.read(record::NAME);
        let volatile = Store::volatile(&runtime, boot);
        let kept_volatile: Option<Record> = volatile.read(record::NAME);
        let latest = kept_volatile.as_ref().or(kept.as_ref());
        let same_boot = latest.is_some_and(|record| record.is_of_boot(boot));
        let known = Known::restore(latest.cloned(), Moment::new(boot, now, clock::wall_ms()));
        if same_boot {
            adopt(&network, &known.memory);
        }
        let mut state = Self {
            known,
            network,
            store,
            volatile,
            runtime,
            boot,
            applied: FlatMap::new(),
            complaints: FlatMap::new(),
            radvd: None,
            kept,
            kept_volatile,
            same_boot,
        };
        state.reconfigure(lans);
        state
    }

    pub(super) fn reconfigure(&mut self, lans: Lans) {
        self.known.ula = match lans.ula {
            None => None,
            Some(Ula::Prefix(prefix)) => Some(prefix),
            Some(Ula::Generated) => generated(&self.store),
        };
        let advertised = &lans.router_advertisements;
        let config = advertised.config.clone().unwrap_or_else(|| self.runtime.join("radvd.conf"));
        let pidfile = advertised.pidfile.clone().unwrap_or_else(|| PIDFILE.into());
        let is_same = |radvd: &Radvd| radvd.is_at(&config, &pidfile);
        self.radvd = match advertised.backend {
            RaBackend::None => None,
            RaBackend::Radvd => {
                self.radvd.take().filter(is_same).or_else(|| Some(Radvd::new(config, pidfile)))
            }
        };
        self.known.lans = lans;
    }

    /// When something is to be done although nothing happens.
    pub(super) fn next(&self, now: u64) -> Option<u64> {
        let advertised = self.radvd.as_ref().and_then(|_| advertise::next(&self.known.memory, now));
        let owed = self.radvd.as_ref().and_then(Radvd::next);
        [self.known.next(now), advertised, owed].into_iter().flatten().min()
    }

    /// Decides, and makes it so. The record is there when it has to be kept.
    pub(super) async fn carry_out(&mut self, now: u64) -> (Outcome, Option<Record>) {
        let network = &self.network;
        let Decision { events, desired, advertised } =
            self.known.decide(now, &|lan| network.link(lan)?.hardware);
        let lines = events.iter().filter_map(|event| event.detail.clone()).collect();
        let mut outcome = Outcome { events, lines, applied: Vec::new() };
        // First: whoever finds a change in the kernel must also find what it means.
        let record = self.record(now);
        self.apply(desired, &mut outcome).await;
        self.tell_hosts(advertised, now, &mut outcome);
        (outcome, record)
    }

    async fn apply(&mut self, wanted: FlatMap<IfName, Desired>, outcome: &mut Outcome) {
        let gone =
            self.applied.keys().filter(|lan| !wanted.contains_key(*lan)).map(|lan| (lan.clone(), None));
        let new = wanted.iter().filter(|(lan, desired)| self.applied.get(*lan) != Some(*desired));
        let new = new.map(|(lan, desired)| (lan.clone(), Some(desired.clone())));
        let wishes: Vec<_> =
            gone.chain(new).map(|(lan, desired)| (Owner::Delegation(lan), desired)).collect();
        self.applied = wanted;
        if wishes.is_empty() {
            return;
        }
        for (owner, result) in self.network.apply_all(wishes).await {
            let Owner::Delegation(lan) = owner else { continue };
            match result {
                Ok(applied) => {
                    outcome.applied.extend(applied.actions);
                    self.complaints.remove(&lan);
                }
                Err(error) => {
                    let what = error.to_string();
                    if let NetworkError::Incomplete { applied, .. } = error {
                        outcome.applied.extend(applied.actions);
                    }
                    if self.complaints.insert(lan, what.clone()).as_ref() != Some(&what) {
                        outcome.complain(what);
                    }
                }
            }
        }
    }

    fn tell_hosts(&mut self, all: Vec<Advertised>, now: u64, outcome: &mut Outcome) {
        let Some(radvd) = &mut self.radvd else { return };
        // Until every client has told, an earlier daemon's word is the better one.
        if self.same_boot && !self.known.settled && radvd.has_config() {
            return;
        }
        match radvd.tell(all, now) {
            Ok(line) => outcome.lines.extend(line),
            Err(what) => outcome.complain(what),
        }
    }

    fn record(&mut self, now: u64) -> Option<Record> {
        let record = Record::of(&self.known.memory, Moment::new(self.boot, now, clock::wall_ms()));
        let says_the_same = self.kept_volatile.as_ref().map(|kept| kept.says_the_same(&record));
        if !says_the_same.unwrap_or(record.is_empty()) && self.volatile.write(record::NAME, &record).is_ok() {
            self.kept_volatile = Some(record.clone());
        }
        if self.kept.as_ref().is_some_and(|kept| kept.says_the_same(&record)) {
            return None;
        }
        if self.kept.is_none() && record.is_empty() {
            return None;
        }
        self.kept = Some(record.clone());
        Some(record)
    }
}

impl Outcome {
    fn complain(&mut self, what: String) {
        tracing::error!("{what}");
        self.lines.push(what.clone());
        self.events.push(Event { detail: Some(what), ..Event::now(EventKind::KernelMismatch) });
    }
}

/// Addresses of an earlier daemon are ours, also where the kernel does not keep our tag on them.
fn adopt(network: &Network, memory: &Memory) {
    for given in &memory.given {
        if !matches!(given.state, memory::State::Withdrawn { .. }) {
            network.adopt(&given.lan, &[given.address]);
        }
    }
}

/// The prefix that was made up once, or one that is made up now (RFC 4193 section 3.2.1).
fn generated(store: &Store) -> Option<Prefix> {
    const NAME: &str = "ula";
    if let Some(UlaRecord { prefix }) = store.read(NAME) {
        return Some(prefix);
    }
    let global_id = match random::bytes::<5>() {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!("no prefix of unique local addresses can be made up: {error}");
            return None;
        }
    };
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&global_id);
    let prefix = Prefix::new(Ipv6Addr::from(octets).into(), 48).ok()?;
    // It is used only when it is there the next time too; the store has said in the log what fails.
    store.write(NAME, &UlaRecord { prefix }).is_ok().then_some(prefix)
}
