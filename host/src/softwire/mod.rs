//! Who carries IPv4 on each WAN, and that it is one at a time: DHCPv4, or a softwire that a DHCPv6 lease offers.
//!
//! It stands between the controllers and what carries softwires out. The controller of a DHCPv6 client says what its
//! lease offers ([`Softwires::offer`]), that of a DHCPv4 client whether it holds a lease ([`Softwires::dhcpv4`]); both
//! return at once. `owner` decides, and [`Softwires::run`] does what it says, a WAN at a time: raises and takes down
//! softwires, and tells the DHCPv4 client to stand aside.

pub mod backend;
mod carrier;
mod owner;
mod record;
#[cfg(test)]
mod tests;
mod view;
mod wan;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{ClientName, IfName};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{sleep_until, timeout};

pub use carrier::{Carriage, Carrier};
pub use owner::Failure;
pub use view::{OfferView, OwnerChange, WanView};
pub use wan::Offered;

use crate::config::{self, Unneeded};
use crate::events::Event;
use crate::flat::FlatMap;
use crate::store::Store;
use backend::Pending;
use owner::{Input, Step};
use record::Record;
use wan::Wan;

/// How long a softwire may take to be raised.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a DHCPv4 client is not needed, and what becomes of its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The way that IPv4 comes: `map-t of wan6`.
    pub way: String,
    /// What becomes of the lease.
    pub lease: Unneeded,
}

/// Who is told.
pub trait Outlet {
    /// Something happened.
    fn publish(&self, event: Event);

    /// The DHCPv4 client on this WAN stands aside; `None`: it is needed.
    fn aside<'a>(&'a self, wan: &'a IfName, aside: Option<Aside>) -> Pending<'a, ()>;
}

/// The owners of IPv4. Shared by all controllers.
#[derive(Debug)]
pub struct Softwires {
    carrier: Rc<dyn Carrier>,
    store: Store,
    config: RefCell<config::Softwire>,
    wans: RefCell<FlatMap<IfName, Wan>>,
    begun: RefCell<bool>,
    record: RefCell<Record>,
    /// What is to be published, until somebody does.
    news: RefCell<Vec<Event>>,
    /// There is something to do.
    wake: Notify,
    /// Something was done.
    done: Notify,
}

impl Softwires {
    /// Reads which softwires an earlier daemon left up. Nothing is done before [`Softwires::begin`].
    #[must_use]
    pub fn start(carrier: Rc<dyn Carrier>, store: Store, config: config::Softwire) -> Rc<Self> {
        let record = Record::load(&store);
        let mut wans = FlatMap::new();
        for (interface, provider) in &record.up {
            if let Ok(interface) = interface.parse::<IfName>() {
                let order = config.order_of(&interface).clone();
                let wan = wans.entry(interface.clone()).or_insert_with(|| Wan::new(interface, order));
                wan.found(*provider);
            }
        }
        Rc::new(Self {
            carrier,
            store,
            config: config.into(),
            wans: wans.into(),
            begun: false.into(),
            record: record.into(),
            news: RefCell::default(),
            wake: Notify::new(),
            done: Notify::new(),
        })
    }

    /// What the lease of a DHCPv6 client offers on its WAN now, and why that differs if it does.
    pub fn offer(&self, wan: &IfName, client: &ClientName, offered: Offered, why: &str) {
        self.tell(wan, |known| known.offer(client, offered, &*self.carrier, why));
    }

    /// Whether the DHCPv4 client on this WAN holds a lease, and the metric of its routes.
    pub fn dhcpv4(&self, wan: &IfName, metric: u32, leased: bool) {
        self.tell(wan, |known| known.dhcpv4(metric, leased, &*self.carrier));
    }

    /// To be called once, when after the start every DHCPv6 client has told what it found of its lease.
    pub fn begin(&self) {
        *self.begun.borrow_mut() = true;
        self.tell_all(|wan| wan.tell(Input::Begin, "nothing offers it any more"));
    }

    /// Takes another configuration.
    pub fn reconfigure(&self, config: &config::Softwire) {
        self.config.replace(config.clone());
        self.tell_all(|wan| {
            let order = config.order_of(wan.interface()).clone();
            wan.reorder(&order)
        });
    }

    /// What carries softwires out has changed: everything is tried again.
    pub fn renewed(&self) {
        let why = "what carries softwires out has changed";
        self.tell_all(|wan| {
            let mut events = wan.weigh(&*self.carrier, why);
            events.extend(wan.tell(Input::Renewed, why));
            events
        });
    }

    /// An interface was removed.
    pub fn interface_gone(&self, interface: &IfName) {
        self.tell_all(|wan| wan.broke(interface));
    }

    /// Why the DHCPv4 client on this WAN is not needed, if it is not.
    #[must_use]
    pub fn aside(&self, wan: &IfName) -> Option<Aside> {
        let way = self.wans.borrow().get(wan)?.aside()?;
        Some(Aside { way, lease: self.config.borrow().dhcpv4_lease })
    }

    /// Every WAN that a client has spoken of.
    #[must_use]
    pub fn views(&self) -> Vec<WanView> {
        self.wans.borrow().values().map(|wan| self.seen(wan)).collect()
    }

    /// One WAN.
    #[must_use]
    pub fn view(&self, wan: &IfName) -> Option<WanView> {
        self.wans.borrow().get(wan).map(|wan| self.seen(wan))
    }

    fn seen(&self, wan: &Wan) -> WanView {
        let view = wan.view();
        let carried = view.softwire_interface.is_some();
        WanView { stats: carried.then(|| self.carrier.stats(&view.interface)).flatten(), ..view }
    }

    /// Forgets the WANs that have no client any more and nothing to be done.
    pub fn retain(&self, has_client: impl Fn(&IfName) -> bool) {
        let idle = |wan: &Wan| !wan.working && wan.steps.is_empty() && wan.softwire().is_none();
        self.wans.borrow_mut().retain(|interface, wan| has_client(interface) || !idle(wan));
    }

    /// Returns when all that was decided has been done.
    pub async fn idle(&self) {
        loop {
            let done = self.done.notified();
            if self.wans.borrow().values().all(|wan| !wan.working && wan.steps.is_empty()) {
                return;
            }
            done.await;
        }
    }

    /// Does what is decided, as long as it is polled; needs a `LocalSet`.
    pub async fn run(self: Rc<Self>, outlet: Rc<dyn Outlet>) {
        loop {
            for event in self.news.take() {
                outlet.publish(event);
            }
            for wan in self.to_work_for() {
                spawn_local(Rc::clone(&self).work(wan, Rc::clone(&outlet)));
            }
            let retry = self.wans.borrow().values().filter_map(Wan::retry_at).min();
            let due = async {
                match retry {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = due => self.tell_all(|wan| {
                    if wan.retry_at().is_some_and(|at| at <= tokio::time::Instant::now()) {
                        wan.retry()
                    } else {
                        Vec::new()
                    }
                }),
            }
        }
    }

    /// The WANs that have something to do and nobody who does it; now somebody does.
    fn to_work_for(&self) -> Vec<IfName> {
        let mut wans = self.wans.borrow_mut();
        let waiting = wans.iter_mut().filter(|(_, wan)| !wan.working && !wan.steps.is_empty());
        waiting
            .map(|(interface, wan)| {
                wan.working = true;
                interface.clone()
            })
            .collect()
    }

    /// One thing after the other for one WAN, until there is nothing to do.
    async fn work(self: Rc<Self>, wan: IfName, outlet: Rc<dyn Outlet>) {
        while let Some(step) = self.next_step(&wan) {
            match step {
                Step::Raise(provider, carriage, turn) => {
                    let raising = self.carrier.carry(&carriage);
                    match timeout(PATIENCE, raising).await {
                        Ok(Ok(carried)) => self.tell(&wan, |known| known.raised(provider, turn, carried)),
                        Ok(Err(failure)) => {
                            self.tell(&wan, |known| known.not_raised(provider, turn, failure))
                        }
                        Err(_) => {
                            let _ = self.carrier.end(&wan).await;
                            let why = format!("it took longer than {} s", PATIENCE.as_secs());
                            let failure = Failure { why, passing: true };
                            self.tell(&wan, |known| known.not_raised(provider, turn, failure));
                        }
                    }
                }
                Step::Lower(provider) => {
                    let result = self.carrier.end(&wan).await;
                    self.tell(&wan, |known| known.lowered(provider, result));
                }
                // What holds now counts: it may have been decided otherwise since.
                Step::Aside(_) | Step::Resume => outlet.aside(&wan, self.aside(&wan)).await,
            }
        }
        self.done.notify_waiters();
    }

    fn next_step(&self, wan: &IfName) -> Option<Step<Rc<Carriage>>> {
        let mut wans = self.wans.borrow_mut();
        let known = wans.get_mut(wan)?;
        let step = known.steps.pop_front();
        known.working = step.is_some();
        step
    }

    fn tell(&self, wan: &IfName, what: impl FnOnce(&mut Wan) -> Vec<Event>) {
        let mut wans = self.wans.borrow_mut();
        let known = wans.entry(wan.clone()).or_insert_with(|| {
            let mut new = Wan::new(wan.clone(), self.config.borrow().order_of(wan).clone());
            if *self.begun.borrow() {
                new.tell(Input::Begin, "");
            }
            new
        });
        let events = what(known);
        drop(wans);
        self.told(events);
    }

    fn tell_all(&self, mut what: impl FnMut(&mut Wan) -> Vec<Event>) {
        let events = self.wans.borrow_mut().values_mut().flat_map(&mut what).collect();
        self.told(events);
    }

    fn told(&self, events: Vec<Event>) {
        self.news.borrow_mut().extend(events);
        let up: FlatMap<_, _> = {
            let wans = self.wans.borrow();
            wans.iter().filter_map(|(wan, known)| Some((wan.to_string(), known.softwire()?))).collect()
        };
        let record = Record { up };
        // Before anything is done about it: the next daemon has to see it through.
        if *self.begun.borrow() && *self.record.borrow() != record {
            record.save(&self.store);
            self.record.replace(record);
        }
        self.wake.notify_one();
    }
}
