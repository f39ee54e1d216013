//! Whatever comes in whatever order: no current prefix is stale, no dead one is preferred, no space is given twice.

use dhcpmgr_message::{IfName, Prefix};
use proptest::prelude::*;

use crate::config::Delegation;
use crate::delegation::advertise::{Lifetimes, PREFERRED_LIMIT, VALID_LIMIT};
use crate::delegation::memory::State;
use crate::delegation::tests::house::{House, SECOND, lan, p};
use crate::delegation::{Delegated, space};
use crate::flat::{FlatMap, FlatSet};

const CLIENTS: [&str; 2] = ["wan6", "lte6"];

/// Few, so that they meet; some are part of others.
const PREFIXES: [&str; 7] = [
    "2001:db8:1::/56",
    "2001:db8:2::/56",
    "2001:db8:3::/60",
    "2001:db8:1::/60",
    "2001:db8:4::/64",
    "2001:db8:5::/62",
    "2001:db8:2:80::/57",
];

#[derive(Debug, Clone)]
enum Op {
    Take(usize, Vec<(usize, Option<u64>, Option<u64>, bool)>),
    /// The same again, from now on.
    Renew(usize),
    Pass(u64),
    Restart,
    Reboot(u64),
    Settle,
}

fn op() -> impl Strategy<Value = Op> {
    let lifetime = || prop_oneof![Just(None), Just(Some(0)), (1..10_000_u64).prop_map(Some)];
    let prefix = (0..PREFIXES.len(), lifetime(), lifetime(), prop::bool::weighted(0.2));
    prop_oneof![
        6 => (0..CLIENTS.len(), prop::collection::vec(prefix, 0..4)).prop_map(|(c, l)| Op::Take(c, l)),
        4 => (0..CLIENTS.len()).prop_map(Op::Renew),
        4 => (1..9_000_u64).prop_map(Op::Pass),
        1 => Just(Op::Restart),
        1 => (1..9_000_u64).prop_map(Op::Reboot),
        1 => Just(Op::Settle),
    ]
}

fn some_lan() -> impl Strategy<Value = Delegation> {
    let from = prop_oneof![Just(vec!["wan6"]), Just(vec!["lte6"]), Just(vec!["wan6", "lte6"])];
    let subnet = prop_oneof![2 => Just(None), 1 => (0..20_u32).prop_map(Some)];
    let length = prop_oneof![4 => Just(64_u8), 1 => Just(60), 1 => Just(63)];
    (from, subnet, length).prop_map(|(from, subnet, length)| lan(&from, subnet, length))
}

/// What a client has, with ends as instants.
type Has = FlatMap<usize, Vec<Delegated>>;

fn alive(has: &Has, client: usize, now: u64) -> impl Iterator<Item = &Delegated> {
    has.get(&client).into_iter().flatten().filter(move |d| d.valid_until.is_none_or(|end| end > now))
}

fn check(house: &House, has: &Has) -> Result<(), TestCaseError> {
    let now = house.now;
    let all: Vec<(IfName, Prefix)> = house.on_links();
    for (i, (lan, a)) in all.iter().enumerate() {
        for (other, b) in &all[i + 1..] {
            prop_assert!(!space::overlap(*a, *b), "{lan} {a} and {other} {b}");
        }
    }
    let excluded = CLIENTS.iter().enumerate().flat_map(|(c, _)| alive(has, c, now)).filter_map(|d| d.exclude);
    for excluded in excluded {
        for (lan, part) in &all {
            prop_assert!(!space::overlap(excluded, *part), "{lan} has {part} of the excluded {excluded}");
        }
    }
    let decision = house.last.as_ref().unwrap();
    for desired in decision.desired.values() {
        let local = |part: Prefix| house.known.ula.is_some_and(|ula| space::within(part, ula));
        for a in desired.addresses.iter().filter(|a| !local(a.address.prefix())) {
            let of = |client: usize| {
                let taken = house.known.lans.delegations[&desired.interface]
                    .from
                    .iter()
                    .any(|name| name.as_str() == CLIENTS[client]);
                alive(has, client, now)
                    .filter(move |_| taken)
                    .filter(|d| space::within(a.address.prefix(), d.prefix))
            };
            let living: Vec<&Delegated> = (0..CLIENTS.len()).flat_map(of).collect();
            let preferred = a.preferred_until.is_none_or(|end| end > now);
            prop_assert!(!preferred || !living.is_empty(), "{} is dead and preferred", a.address);
            let ends = |of: fn(&Delegated) -> Option<u64>| {
                living.iter().map(|d| of(d)).try_fold(0, |last, end| Some(last.max(end?)))
            };
            if preferred {
                let longest = ends(|d| d.preferred_until).unwrap_or(u64::MAX);
                prop_assert!(a.preferred_until.unwrap_or(u64::MAX) <= longest);
                let longest = ends(|d| d.valid_until).unwrap_or(u64::MAX);
                prop_assert!(a.valid_until.unwrap_or(u64::MAX) <= longest);
            }
            if living.is_empty() {
                prop_assert!(a.valid_until.is_some_and(|end| end > now && end <= now + 7200 * SECOND));
            }
        }
    }
    for lan in &decision.advertised {
        for advertised in &lan.prefixes {
            let held = decision.desired.get(&lan.lan).into_iter().flat_map(|d| &d.addresses);
            let held = held.into_iter().find(|a| a.address.prefix() == advertised.prefix);
            match &advertised.lifetimes {
                Lifetimes::Current { preferred, valid } => {
                    let held = held.unwrap();
                    let left =
                        |end: Option<u64>| end.map_or(u64::MAX, |end| end.saturating_sub(now) / SECOND);
                    let (preferred, valid) =
                        (preferred.seconds(PREFERRED_LIMIT, now), valid.seconds(VALID_LIMIT, now));
                    prop_assert!(preferred > 0 && preferred <= PREFERRED_LIMIT && valid <= VALID_LIMIT);
                    prop_assert!(u64::from(preferred) <= left(held.preferred_until));
                    prop_assert!(u64::from(valid) <= left(held.valid_until));
                }
                Lifetimes::Deprecated { valid } => {
                    let left = held.map_or(0, |a| a.valid_until.map_or(u64::MAX, |end| end - now));
                    prop_assert!(u64::from(*valid) * SECOND <= left, "{valid} s of {left} ms");
                }
            }
        }
    }
    Ok(())
}

/// What was in use and is still delegated is in use, with the same address.
fn check_kept(before: &[(IfName, Prefix, Prefix)], house: &House, has: &Has) -> Result<(), TestCaseError> {
    for (lan, delegated, part) in before {
        let from = &house.known.lans.delegations[lan].from;
        let mut living = (0..CLIENTS.len())
            .filter(|c| from.iter().any(|name| name.as_str() == CLIENTS[*c]))
            .flat_map(|c| alive(has, c, house.now));
        let mut excludes =
            (0..CLIENTS.len()).flat_map(|c| alive(has, c, house.now)).filter_map(|d| d.exclude);
        if !living.any(|d| d.prefix == *delegated) || excludes.any(|e| space::overlap(e, *part)) {
            continue;
        }
        let found = house.known.memory.find(lan, *part);
        prop_assert!(
            found.is_some_and(|given| given.is_current()),
            "{lan} had {part} of {delegated}, which is still delegated: {found:?}"
        );
    }
    Ok(())
}

fn in_use(house: &House) -> Vec<(IfName, Prefix, Prefix)> {
    let current = house.known.memory.given.iter().filter(|given| given.is_current());
    current.map(|given| (given.lan.clone(), given.delegated, given.subnet)).collect()
}

fn carry_out(house: &mut House, has: &mut Has, op: &Op) {
    match op {
        Op::Take(client, list) => {
            let now = house.now;
            let end = |seconds: &Option<u64>| seconds.map(|s| now + s * SECOND);
            let delegated =
                |(prefix, preferred, valid, exclude): &(usize, Option<u64>, Option<u64>, bool)| {
                    let prefix = p(PREFIXES[*prefix]);
                    Delegated {
                        prefix,
                        exclude: exclude.then(|| space::subnet(prefix, 64, 0).unwrap()),
                        iaid: Some(7),
                        preferred_until: end(preferred),
                        valid_until: end(valid),
                    }
                };
            let list: Vec<Delegated> = list.iter().map(delegated).collect();
            has.insert(*client, list.clone());
            house.hand(CLIENTS[*client], list);
        }
        Op::Renew(client) => {
            let now = house.now;
            for delegated in has.entry(*client).or_default() {
                if delegated.valid_until.is_none_or(|end| end > now) {
                    delegated.valid_until = delegated.valid_until.map(|end| end.max(now + 3600 * SECOND));
                }
            }
            house.hand(CLIENTS[*client], has[client].clone());
        }
        Op::Pass(seconds) => drop(house.pass(seconds * SECOND)),
        Op::Restart => {
            house.restart();
            // The journal tells each controller what was in force.
            for (client, list) in has.clone() {
                house.hand(CLIENTS[client], list);
            }
            house.settle();
        }
        Op::Reboot(off) => {
            has.clear();
            house.reboot(off * SECOND);
            house.decide();
        }
        Op::Settle => drop(house.settle()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_leaves_a_lan_with_a_dead_prefix_or_takes_a_living_one(
        lans in prop::collection::vec(some_lan(), 1..5),
        ula: bool,
        ops in prop::collection::vec(op(), 1..25),
    ) {
        let names = ["br-a", "br-b", "br-c", "br-d"];
        let lans: Vec<_> = names.into_iter().zip(lans).collect();
        let mut house = House::new(&lans);
        house.known.ula = ula.then(|| p("fd12:3456:789a::/48"));
        house.decide();
        let mut has = Has::new();
        for op in ops {
            let before = in_use(&house);
            carry_out(&mut house, &mut has, &op);
            check(&house, &has)?;
            if !matches!(op, Op::Reboot(_)) {
                check_kept(&before, &house, &has)?;
            }
            // To ask again changes nothing, and tells nothing.
            let memory = house.known.memory.clone();
            prop_assert_eq!(house.decide(), []);
            prop_assert_eq!(&house.known.memory, &memory);
        }
    }

    #[test]
    fn an_unchanged_renewal_changes_lifetimes_only(
        lans in prop::collection::vec(some_lan(), 1..5),
        prefixes in prop::collection::btree_set(0..PREFIXES.len(), 1..4),
        waits in prop::collection::vec(1..1000_u64, 1..10),
    ) {
        let names = ["br-a", "br-b", "br-c", "br-d"];
        let mut house = House::new(&names.into_iter().zip(lans).collect::<Vec<_>>());
        let list: Vec<(&str, u64, u64)> = prefixes.iter().map(|i| (PREFIXES[*i], 1000, 2000)).collect();
        house.take("wan6", &list);
        let shape = |house: &House| {
            let desired = house.last.as_ref().unwrap().desired.clone();
            desired.into_values().map(|mut desired| {
                for address in &mut desired.addresses {
                    (address.preferred_until, address.valid_until) = (None, None);
                }
                desired
            }).collect::<Vec<_>>()
        };
        let (first, writes) = (shape(&house), house.writes);
        for wait in waits {
            house.now += wait.min(999) * SECOND;
            prop_assert_eq!(house.take("wan6", &list), []);
            prop_assert_eq!(&shape(&house), &first);
        }
        prop_assert_eq!(house.writes, writes);
    }

    #[test]
    fn no_other_order_of_clients_gives_other_parts_to_a_house_that_is_new(
        lans in prop::collection::vec(some_lan(), 1..5),
        a in prop::collection::btree_set(0..PREFIXES.len(), 0..3),
        b in prop::collection::btree_set(0..PREFIXES.len(), 0..3),
    ) {
        let a: FlatSet<usize> = a.into_iter().collect();
        // Nothing that overlaps: who comes first has it then.
        let b: FlatSet<usize> = b.into_iter().filter(|b| {
            a.iter().all(|a| !space::overlap(p(PREFIXES[*a]), p(PREFIXES[*b])))
        }).collect();
        let names = ["br-a", "br-b", "br-c", "br-d"];
        let lans: Vec<_> = names.into_iter().zip(lans).collect();
        let numbered: Vec<_> = lans.iter().filter(|(_, lan)| lan.subnet.is_some()).cloned().collect();
        let list = |set: &FlatSet<usize>| set.iter().map(|i| (PREFIXES[*i], 1000, 2000)).collect::<Vec<_>>();
        let mut one = House::new(&numbered);
        one.take("wan6", &list(&a));
        one.take("lte6", &list(&b));
        let mut other = House::new(&numbered);
        other.take("lte6", &list(&b));
        other.take("wan6", &list(&a));
        let parts = |house: &House| house.on_links().into_iter().collect::<FlatSet<_>>();
        prop_assert_eq!(parts(&one), parts(&other));
    }
}

/// The properties must be able to fail.
#[test]
fn the_checks_see_a_dead_prefix_that_is_preferred() {
    let mut house = House::new(&[("br-a", lan(&["wan6"], None, 64))]);
    house.take("wan6", &[(PREFIXES[0], 600, 1200)]);
    assert!(check(&house, &Has::new()).is_err());
    let before = in_use(&house);
    let mut has = Has::new();
    carry_out(&mut house, &mut has, &Op::Take(0, Vec::new()));
    assert!(check(&house, &has).is_ok());
    assert!(matches!(house.known.memory.given[0].state, State::Stale { .. }));
    has.insert(
        0,
        vec![Delegated {
            prefix: p(PREFIXES[0]),
            exclude: None,
            iaid: None,
            preferred_until: None,
            valid_until: None,
        }],
    );
    assert!(check_kept(&before, &house, &has).is_err());
}
