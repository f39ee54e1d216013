//! The owners of IPv4 with a carrier that writes down what it is told: what is done, in which order, and what is said.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::Softwire;
use tokio::task::{LocalSet, spawn_local};

use super::backend::{BackendName, Carried};
use super::*;
use crate::clock::BootId;
use crate::config::{Order, Provider};
use crate::events::EventKind;
use crate::flat::FlatMap;

/// Everything that is done, a line each, in order.
type Diary = Rc<RefCell<Vec<String>>>;

#[derive(Debug, Default)]
struct Fake {
    diary: Diary,
    /// How long a raise takes.
    takes: Cell<Duration>,
    /// Kinds that cannot be raised, and whether that may pass.
    fails: RefCell<FlatMap<&'static str, bool>>,
}

impl Carrier for Fake {
    fn able(&self, softwire: &Softwire) -> Result<(), String> {
        if softwire.kind == "lw4o6" { Err("no back-end is for lw4o6".into()) } else { Ok(()) }
    }

    fn carry<'a>(&'a self, carriage: &'a Carriage) -> Pending<'a, Result<Carried, Failure>> {
        Box::pin(async move {
            let (kind, wan) = (&carriage.softwire.kind, &carriage.wan.interface);
            self.diary.borrow_mut().push(format!("{wan}: {kind} begins, metric {}", carriage.wan.metric));
            tokio::time::sleep(self.takes.get()).await;
            if let Some(passing) = self.fails.borrow().get(kind.as_str()) {
                return Err(Failure { why: "it does not work".to_owned(), passing: *passing });
            }
            self.diary.borrow_mut().push(format!("{wan}: {kind} is up"));
            let interface = "sw0".parse().map_err(|_| Failure { why: String::new(), passing: false })?;
            Ok(Carried { backend: BackendName::Nat46, interface, done: Vec::new(), notes: Vec::new() })
        })
    }

    fn end<'a>(&'a self, wan: &'a IfName) -> Pending<'a, Result<Vec<String>, String>> {
        self.diary.borrow_mut().push(format!("{wan}: down"));
        Box::pin(async { Ok(Vec::new()) })
    }
}

struct House {
    diary: Diary,
    events: RefCell<Vec<Event>>,
}

impl Outlet for House {
    fn publish(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    fn aside<'a>(&'a self, wan: &'a IfName, aside: Option<Aside>) -> Pending<'a, ()> {
        let way = aside.map_or_else(|| "needed".to_owned(), |aside| format!("aside, {}", aside.way));
        self.diary.borrow_mut().push(format!("{wan}: dhcpv4 {way}"));
        Box::pin(async {})
    }
}

struct World {
    softwires: Rc<Softwires>,
    fake: Rc<Fake>,
    house: Rc<House>,
}

fn wan(name: &str) -> IfName {
    name.parse().unwrap()
}

fn client() -> ClientName {
    "wan6".parse().unwrap()
}

fn offered(kinds: &[&str]) -> Offered {
    let softwire = |kind: &&str| Softwire { kind: (*kind).to_owned(), ..Softwire::default() };
    Offered { softwires: kinds.iter().map(softwire).collect(), metric: 100, ..Offered::default() }
}

impl World {
    fn start(store: &Store, config: config::Softwire) -> Self {
        let diary = Diary::default();
        let fake = Rc::new(Fake { diary: Rc::clone(&diary), ..Fake::default() });
        let softwires = Softwires::start(Rc::clone(&fake) as Rc<dyn Carrier>, store.clone(), config);
        let house = Rc::new(House { diary, events: RefCell::default() });
        spawn_local(Rc::clone(&softwires).run(Rc::clone(&house) as Rc<dyn Outlet>));
        Self { softwires, fake, house }
    }

    fn offer(&self, kinds: &[&str]) {
        self.softwires.offer(&wan("wan0"), &client(), offered(kinds), "the lease offers it no more");
    }

    fn dhcpv4(&self, leased: bool) {
        self.softwires.dhcpv4(&wan("wan0"), 100, leased);
    }

    /// What was done since the last time, once all is done.
    async fn diary(&self) -> Vec<String> {
        self.softwires.idle().await;
        self.fake.diary.take()
    }

    /// What was said since the last time.
    async fn said(&self) -> Vec<String> {
        // The one who publishes has to have its turn.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let events = self.house.events.take();
        assert!(events.iter().all(|event| event.changed == [crate::events::Change::Softwire]), "{events:?}");
        let said = |event: &Event| match &event.event {
            EventKind::Ipv4Owner => format!("{} -> {}", event.fields["before"], event.fields["owner"]),
            kind => format!("{kind:?} {}", event.fields["kind"]),
        };
        events.iter().map(said).collect()
    }

    fn owner(&self) -> Option<Provider> {
        self.softwires.view(&wan("wan0")).unwrap().owner
    }
}

/// Runs a story on a clock that jumps to the next instant at which anything happens.
fn story(story: impl AsyncFnOnce(&Store)) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::volatile(directory.path(), BootId::current());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, story(&store));
}

#[test]
fn a_softwire_is_up_before_dhcpv4_stands_aside_and_down_before_it_is_needed_again() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.dhcpv4(true);
        world.offer(&["map-t"]);
        let up = ["wan0: map-t begins, metric 99", "wan0: map-t is up", "wan0: dhcpv4 aside, map-t of wan6"];
        assert_eq!(world.diary().await, up);
        world.dhcpv4(false);
        assert_eq!(world.said().await, ["SoftwireUp map-t", "dhcpv4 -> map-t"]);
        world.offer(&["map-t"]);
        assert!(world.diary().await.is_empty(), "a renewal that says the same");
        world.offer(&[]);
        assert_eq!(world.diary().await, ["wan0: down", "wan0: dhcpv4 needed"]);
        world.dhcpv4(true);
        assert_eq!(world.said().await, ["map-t -> none", "SoftwireDown map-t", "none -> dhcpv4"]);
        let view = world.softwires.view(&wan("wan0")).unwrap();
        assert_eq!((view.owner, view.softwire_interface), (Some(Provider::Dhcpv4), None));
        assert_eq!(view.changes.len(), 3);
        assert_eq!(view.changes[1].reason, "the lease offers it no more");
    });
}

#[test]
fn where_there_is_no_softwire_nothing_is_said_of_owners() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.dhcpv4(true);
        world.offer(&[]);
        world.dhcpv4(false);
        assert!(world.diary().await.is_empty() && world.said().await.is_empty());
    });
}

#[test]
fn what_fails_is_told_and_tried_again_later_each_time() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.dhcpv4(true);
        world.fake.fails.borrow_mut().insert("ds-lite", true);
        world.offer(&["lw4o6", "ds-lite"]);
        assert_eq!(world.diary().await, ["wan0: ds-lite begins, metric 99"]);
        assert_eq!(world.said().await, ["SoftwireFailed ds-lite"]);
        let view = world.softwires.view(&wan("wan0")).unwrap();
        assert_eq!(view.reason, "wan6 offers lw4o6, but no back-end is for lw4o6");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(world.diary().await.len(), 3, "after 5, 10 and 20 s");
        world.fake.fails.borrow_mut().clear();
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(world.diary().await.last().unwrap(), "wan0: dhcpv4 aside, ds-lite of wan6");
        tokio::time::sleep(Duration::from_secs(7200)).await;
        assert!(world.diary().await.is_empty(), "and then never again");
    });
}

#[test]
fn one_that_hangs_is_given_up() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.fake.takes.set(Duration::from_secs(3600));
        world.offer(&["map-t"]);
        assert_eq!(world.diary().await, ["wan0: map-t begins, metric 99", "wan0: down"]);
        let reason = world.softwires.view(&wan("wan0")).unwrap().reason;
        assert!(reason.ends_with("it could not be raised: it took longer than 10 s"), "{reason}");
    });
}

#[test]
fn a_slow_one_keeps_no_other_wan_waiting_and_what_was_decided_meanwhile_counts() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.fake.takes.set(Duration::from_secs(5));
        world.offer(&["map-t"]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.fake.takes.set(Duration::ZERO);
        world.softwires.offer(&wan("wan1"), &client(), offered(&["map-e"]), "");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.softwires.view(&wan("wan1")).unwrap().owner, Some(Provider::MapE));
        world.offer(&[]);
        let diary = world.diary().await;
        assert_eq!(
            diary.iter().filter(|line| line.starts_with("wan0")).collect::<Vec<_>>(),
            ["wan0: map-t begins, metric 99", "wan0: map-t is up", "wan0: down"]
        );
        assert_eq!(world.owner(), None);
    });
}

#[test]
fn the_next_daemon_goes_over_what_is_up_and_keeps_dhcpv4_aside_from_the_first_moment() {
    story(async |store| {
        let before = World::start(store, config::Softwire::default());
        before.softwires.begin();
        before.dhcpv4(true);
        before.offer(&["map-t"]);
        before.diary().await;

        let next = World::start(store, config::Softwire::default());
        next.offer(&["map-t"]);
        assert!(next.softwires.aside(&wan("wan0")).is_none(), "not all is known");
        next.softwires.begin();
        assert_eq!(next.softwires.aside(&wan("wan0")).unwrap().way, "map-t of wan6");
        let diary = next.diary().await;
        assert_eq!(diary[1..], ["wan0: map-t is up", "wan0: dhcpv4 aside, map-t of wan6"]);
        assert!(next.said().await.is_empty(), "nothing happened");

        let last = World::start(store, config::Softwire::default());
        last.softwires.begin();
        assert!(last.softwires.aside(&wan("wan0")).is_none());
        assert_eq!(last.diary().await, ["wan0: down"], "nobody offers it any more");
        assert!(store.names().is_empty(), "and that is remembered");
    });
}

#[test]
fn an_interface_that_somebody_removes_is_made_again() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.offer(&["map-t"]);
        world.diary().await;
        world.said().await;
        world.softwires.interface_gone(&wan("other"));
        assert!(world.diary().await.is_empty());
        world.softwires.interface_gone(&wan("sw0"));
        assert_eq!(world.diary().await, ["wan0: map-t begins, metric 99", "wan0: map-t is up"]);
        assert_eq!(world.said().await, ["SoftwireFailed map-t", "map-t -> none", "none -> map-t"]);
        world.fake.fails.borrow_mut().insert("map-t", true);
        world.softwires.interface_gone(&wan("sw0"));
        assert_eq!(world.diary().await.last().unwrap(), "wan0: dhcpv4 needed");
    });
}

#[test]
fn another_configuration_and_another_metric_take_effect_at_once() {
    story(async |store| {
        let world = World::start(store, config::Softwire::default());
        world.softwires.begin();
        world.offer(&["map-t"]);
        world.diary().await;
        world.softwires.dhcpv4(&wan("wan0"), 7, false);
        assert_eq!(world.diary().await, ["wan0: map-t begins, metric 6", "wan0: map-t is up"]);
        let none = config::Softwire { order: Order::new([]), ..config::Softwire::default() };
        world.softwires.reconfigure(&none);
        assert_eq!(world.diary().await, ["wan0: down", "wan0: dhcpv4 needed"]);
        assert_eq!(
            world.softwires.view(&wan("wan0")).unwrap().reason,
            "DHCPv4 has no lease, and wan6 offers map-t, but it is not in the configured order"
        );
        world.softwires.retain(|_| false);
        assert!(world.softwires.views().is_empty());
    });
}
