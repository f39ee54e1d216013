//! The handle that the controllers hold, and the task that listens to the kernel.

use std::fmt;
use std::fs;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dhcpmgr_message::{IfName, InterfaceAddress};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::action::Applied;
use super::batch::Batch;
use super::dns::{Dns, DnsOptions, Record};
use super::dump::dump;
use super::engine::{Engine, HOST, Outcome};
use super::error::NetworkError;
use super::mirror::Mirror;
use super::originals::Originals;
use super::watch::Watch;
use super::{Counters, Desired, LinkState, NetworkEvent, OwnRoute, Owner, Tunnel, own};
use crate::clock::boottime_ms;
use crate::config::DnsBackend;
use crate::store::Store;

/// Events that a slow listener may leave unread before they are held back and joined.
const EVENTS: usize = 64;

/// How long the resolver's files wait for [`Network::sweep`] after the start.
const DNS_PATIENCE: Duration = Duration::from_secs(10);

/// Between attempts to read the kernel again after an overrun.
const DUMP_RETRY: Duration = Duration::from_secs(1);

/// Where things are.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// The file of name servers that is always written: `DIR/run/dhcpmgr/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// What `etc/resolv.conf` of the `file` back-end is below.
    pub root: PathBuf,
    /// Who else is told of name servers.
    pub backend: DnsBackend,
    /// Where a later daemon finds what the links were before this one.
    pub state: Store,
}

/// The network of this namespace. Clones are handles of the same one; when the last is dropped nothing is watched any
/// more, and the kernel keeps what it has.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<Inner>,
    task: AbortHandle,
}

struct Inner {
    watch: Watch,
    engine: Mutex<Engine>,
    dns: Dns,
    /// The engine has news or another deadline, or name servers were released.
    changed: Notify,
}

impl Inner {
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the engine, and wakes [`maintain`] when there is news for it then: notifications that were read here
    /// wake nobody up any more.
    fn with<T>(&self, work: impl FnOnce(&mut Engine, &Watch) -> T) -> T {
        let mut engine = self.engine();
        let due = engine.due();
        let result = work(&mut engine, &self.watch);
        let news = engine.has_events() || engine.is_stale() || engine.due() != due;
        drop(engine);
        if news {
            self.changed.notify_one();
        }
        result
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Network {
    /// Subscribes to the kernel's notifications, then reads once what it has, in the network namespace of the calling
    /// thread. Needs a tokio runtime. Changes nothing.
    ///
    /// # Errors
    /// When netlink sockets cannot be opened, or the kernel does not answer.
    pub async fn start(
        options: NetworkOptions,
    ) -> Result<(Self, mpsc::Receiver<NetworkEvent>), NetworkError> {
        let watch = Watch::open().map_err(|source| NetworkError::Open { what: "notifications", source })?;
        let batch = Batch::open().map_err(|source| NetworkError::Open { what: "changes", source })?;
        let mut engine = Engine::new(batch);
        engine.dump_begins(&watch);
        let all = dump(boottime_ms).await?;
        engine.dump_ends(&all, &watch);
        let (events, listener) = mpsc::channel(EVENTS);
        let NetworkOptions { resolv_conf, root, backend, state } = options;
        engine.originals = Originals::load(state, |name| engine.mirror.index(name));
        let dns = Dns::start(DnsOptions { resolv_conf, root, backend }, events.clone());
        let inner = Arc::new(Inner { watch, engine: Mutex::new(engine), dns, changed: Notify::new() });
        let task = tokio::spawn(maintain(Arc::clone(&inner), events)).abort_handle();
        Ok((Self { shared: Arc::new(Shared { inner, task }) }, listener))
    }

    /// What the kernel says of a link; `None` when there is none of this name.
    #[must_use]
    pub fn link(&self, name: &IfName) -> Option<LinkState> {
        self.mirrored(|mirror| mirror.link(name).cloned())
    }

    /// Our routes as the kernel has them.
    #[must_use]
    pub fn routes(&self) -> Vec<OwnRoute> {
        self.mirrored(own::routes)
    }

    /// Our IPv4 addresses of an interface as the kernel has them.
    #[must_use]
    pub fn v4_addresses(&self, name: &IfName) -> Vec<InterfaceAddress> {
        self.mirrored(|mirror| own::v4_addresses(mirror, name))
    }

    /// What the copy of the kernel says, with every notification that is there taken in.
    fn mirrored<T>(&self, of: impl FnOnce(&Mirror) -> T) -> T {
        self.shared.inner.with(|engine, watch| {
            engine.drain(watch);
            of(&engine.mirror)
        })
    }

    /// Whether this owner desires anything.
    #[must_use]
    pub fn has(&self, owner: &Owner) -> bool {
        self.shared.inner.engine().desires.contains_key(owner)
    }

    /// Sets a link up (`IFF_UP`).
    ///
    /// # Errors
    /// [`NetworkError::NoSuchInterface`] and [`NetworkError::NotUp`].
    pub fn set_up(&self, name: &IfName) -> Result<(), NetworkError> {
        self.shared.inner.engine().set_up(name)
    }

    /// Whether the kernel has tunnels of the kind that [`Network::set_tunnel`] makes; the error says why not. Makes
    /// none.
    ///
    /// # Errors
    /// [`NetworkError::Tunnel`].
    pub fn probe_tunnel(&self) -> Result<(), String> {
        self.shared.inner.engine().probe_tunnel()
    }

    /// Makes a tunnel's interface, or makes one of ours another tunnel; whether anything had to be done.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchInterface`] of the link below it, and [`NetworkError::Tunnel`].
    pub fn set_tunnel(&self, name: &IfName, tunnel: &Tunnel) -> Result<bool, NetworkError> {
        self.shared.inner.with(|engine, watch| {
            engine.drain(watch);
            let result = engine.set_tunnel(name, tunnel);
            engine.drain(watch);
            result
        })
    }

    /// Takes a tunnel's interface away, if there is one of this name that is ours; whether there was.
    ///
    /// # Errors
    /// [`NetworkError::Tunnel`].
    pub fn remove_tunnel(&self, name: &IfName) -> Result<bool, NetworkError> {
        self.shared.inner.with(|engine, watch| {
            let result = engine.remove_tunnel(name);
            engine.drain(watch);
            result
        })
    }

    /// Where a tunnel leads.
    #[must_use]
    pub fn tunnel_remote(&self, name: &IfName) -> Option<Ipv6Addr> {
        self.shared.inner.engine().tunnel_remote(name)
    }

    /// What went through a link.
    #[must_use]
    pub fn counters(&self, name: &IfName) -> Option<Counters> {
        self.shared.inner.engine().counters(name)
    }

    /// [`Network::apply_all`] for one.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchInterface`] and [`NetworkError::Incomplete`].
    pub async fn apply(
        &self,
        owner: impl Into<Owner>,
        desired: Option<Desired>,
    ) -> Result<Applied, NetworkError> {
        let mut results = self.apply_all(vec![(owner.into(), desired)]).await;
        results.pop().map_or_else(|| Ok(Applied::default()), |(_, result)| result)
    }

    /// Makes the kernel and the resolver hold what these owners desire, together with what others desire of the same
    /// interfaces; `None`: nothing any more. Only differences are applied, all of them in one batch, and they are kept
    /// applied: what others undo is put back ([`NetworkEvent::Repaired`]), what is refused is tried again.
    ///
    /// When it returns the kernel has been changed and its echo compared. There is a result for each owner, in their
    /// order. What is done to an interface that several of them are about is in the result of the first, and what
    /// belongs to no interface in the first of all.
    ///
    /// The results are [`NetworkError::NoSuchInterface`] and [`NetworkError::Incomplete`] where not everything could be
    /// done; in both cases the desire is kept and applied as soon as it can be. One owner's failure is none of another's.
    pub async fn apply_all(
        &self,
        wishes: Vec<(Owner, Option<Desired>)>,
    ) -> Vec<(Owner, Result<Applied, NetworkError>)> {
        let started = Instant::now();
        let inner = &self.shared.inner;
        let records: Vec<_> = wishes.iter().map(|(_, desired)| desired.as_ref().map(Record::of)).collect();
        let mut results = Vec::with_capacity(wishes.len());
        for ((owner, mut outcome, missing), record) in inner.bring(wishes).into_iter().zip(records) {
            match inner.dns.set(&owner, record).await {
                Ok(action) => outcome.done.extend(action),
                Err(failure) => outcome.failures.push(failure),
            }
            let result = match missing {
                Some(interface) => Err(NetworkError::NoSuchInterface { interface }),
                None => report(outcome, started),
            };
            results.push((owner, result));
        }
        results
    }

    /// Takes addresses for ours that were ours before the daemon was restarted; to be called before the first
    /// [`Network::apply`]. Does nothing where the kernel keeps our tag on addresses and so knows better.
    pub fn adopt(&self, interface: &IfName, addresses: &[InterfaceAddress]) {
        if keeps_tags() {
            return;
        }
        let mut engine = self.shared.inner.engine();
        if let Some(index) = engine.mirror.index(interface) {
            for address in addresses {
                engine.mirror.remember(index, *address);
            }
        }
    }

    /// To be called once, when after the start every owner has told what it desires. Until then nothing is removed
    /// that none of them wanted in this run before, and the resolver's files are left as they are (for ten seconds
    /// at most): after a restart one that has not spoken yet must not lose anything. Now everything with our tag
    /// on these interfaces that nobody desires is removed, and the files are written.
    ///
    /// # Errors
    /// [`NetworkError::Incomplete`].
    pub async fn sweep(&self, interfaces: &[IfName]) -> Result<Applied, NetworkError> {
        let started = Instant::now();
        let inner = &self.shared.inner;
        let mut outcome = inner.with(|engine, watch| engine.settle(interfaces, watch));
        if let Err(failure) = inner.dns.release() {
            outcome.failures.push(failure);
        }
        // The timer that would have released them is not needed any more.
        inner.changed.notify_one();
        report(outcome, started)
    }

    /// Changes who else is told of name servers: the old back-end is undone, the new one told everything. Failures come
    /// as [`NetworkEvent::Mismatch`].
    pub fn set_dns_backend(&self, backend: DnsBackend) {
        self.shared.inner.dns.set_backend(backend);
    }

    /// Gives `/etc/resolv.conf`, resolvconf or systemd-resolved back as they were found. For a daemon that ends and
    /// leaves no lease behind; one that is restarted must not call it.
    pub async fn stop_dns(&self) {
        self.shared.inner.dns.stop().await;
    }
}

impl Inner {
    /// What was done for each owner, and the interface that should be there and is not.
    fn bring(&self, wishes: Vec<(Owner, Option<Desired>)>) -> Vec<(Owner, Outcome, Option<IfName>)> {
        self.with(|engine, watch| {
            let mut about = Vec::with_capacity(wishes.len());
            for (owner, desired) in wishes {
                let wanted = desired.as_ref().map(|desired| desired.interface.clone());
                let interfaces = engine.want(&owner, desired);
                about.push((owner, wanted, interfaces));
            }
            engine.drain(watch);
            let names = about.iter().flat_map(|(_, _, names)| names);
            let mut indices: Vec<u32> = Vec::new();
            for index in names.filter_map(|name| engine.mirror.index(name)) {
                if !indices.contains(&index) {
                    indices.push(index);
                }
            }
            indices.push(HOST);
            let mut outcomes = engine.reconcile(&indices, watch);
            let mut host = outcomes.remove(&HOST);
            let mut results = Vec::with_capacity(about.len());
            for (owner, wanted, interfaces) in about {
                let mut outcome = Outcome::default();
                for index in interfaces.iter().filter_map(|name| engine.mirror.index(name)) {
                    outcome.join(outcomes.remove(&index).unwrap_or_default());
                }
                outcome.join(host.take().unwrap_or_default());
                let missing = wanted.filter(|name| engine.mirror.index(name).is_none());
                results.push((owner, outcome, missing));
            }
            results
        })
    }

    /// Reads everything again.
    async fn resynchronise(&self) {
        tracing::info!("netlink notifications were lost; the kernel is read again");
        self.engine().dump_begins(&self.watch);
        match dump(boottime_ms).await {
            Ok(all) => self.engine().dump_ends(&all, &self.watch),
            Err(error) => {
                tracing::error!(%error, "the kernel could not be read");
                self.engine().dump_failed();
                sleep(DUMP_RETRY).await;
            }
        }
    }
}

/// Whether the kernel keeps the protocol of an address (`IFA_PROTO`), as it does since 5.18.
fn keeps_tags() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_none_or(|version| version >= (5, 18))
}

/// `6.1.0-18-amd64` is (6, 1).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn report(outcome: Outcome, started: Instant) -> Result<Applied, NetworkError> {
    let applied = Applied { actions: outcome.done, took: started.elapsed() };
    if outcome.failures.is_empty() {
        Ok(applied)
    } else {
        Err(NetworkError::Incomplete { applied, failures: outcome.failures })
    }
}

/// Listens to the kernel, repairs, and tells the controllers. Wakes only when there is something to do.
async fn maintain(inner: Arc<Inner>, events: mpsc::Sender<NetworkEvent>) {
    let mut patience = Some(Box::pin(sleep(DNS_PATIENCE)));
    loop {
        // A timer that nobody needs would still wake the daemon up.
        patience = patience.filter(|_| inner.dns.is_waiting());
        let (stale, due, telling) = {
            let engine = inner.engine();
            (engine.is_stale(), engine.due(), engine.has_events() && !events.is_closed())
        };
        if stale {
            inner.resynchronise().await;
            continue;
        }
        let wait = Duration::from_millis(due.unwrap_or_default().saturating_sub(boottime_ms()));
        tokio::select! {
            ready = inner.watch.readable() => {
                inner.engine().drain(&inner.watch);
                if let Ok(mut guard) = ready {
                    guard.clear_ready();
                }
            }
            Ok(permit) = events.reserve(), if telling => {
                if let Some(event) = inner.engine().next_event() {
                    permit.send(event);
                }
            }
            () = sleep(wait), if due.is_some() => inner.engine().look(&inner.watch),
            () = inner.changed.notified() => {}
            () = async { if let Some(patience) = &mut patience { patience.await } }, if patience.is_some() => {
                if let Err(failure) = inner.dns.release() {
                    tracing::error!(%failure, "name servers");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_of_a_kernel_is_read_from_its_release() {
        for (release, expected) in [
            ("6.1.0-18-amd64\n", Some((6, 1))),
            ("5.17", Some((5, 17))),
            ("4.14.336-rdk+", Some((4, 14))),
            ("5", None),
            ("", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }
}
