//! What survives the cut, and what a chain adds up to.

use dhcpmgr_message::Lifetime;
use dhcpmgr_plugin_api::{
    AddressPlan, Delegation, Emitted, Mtu, Plan, Refusal, RoutePlan, RulePlan, Softwire,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::{cut, merge};
use crate::config::Grant;
use crate::flat::FlatSet;

fn address(text: &str, valid: u32) -> AddressPlan {
    let address = text.parse().unwrap();
    AddressPlan { address, broadcast: None, preferred: Lifetime(valid), valid: Lifetime(valid) }
}

fn route(to: &str, via: &str) -> RoutePlan {
    RoutePlan {
        to: to.parse().unwrap(),
        via: via.parse().ok(),
        onlink: false,
        source: None,
        metric: None,
        table: None,
        mtu: None,
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&t| t.to_owned()).collect()
}

/// For each grant, a plan that holds what it stands for and nothing else.
fn plan_for(grant: Grant) -> Plan {
    let mut plan = Plan::default();
    match grant {
        Grant::Addresses => plan.addresses = vec![address("192.0.2.7/24", 60)],
        Grant::Routes => {
            plan.routes = vec![route("0.0.0.0/0", "192.0.2.1")];
            plan.rules = vec![RulePlan { from: "192.0.2.0/24".parse().unwrap(), table: 100, priority: 100 }];
        }
        Grant::Mtu => plan.mtu = Some(Mtu(1400)),
        Grant::Dns => {
            plan.dns = vec!["192.0.2.53".parse().unwrap()];
            plan.domain = Some("example.net".parse().unwrap());
            plan.search = vec!["example.net".parse().unwrap()];
        }
        Grant::Ntp => plan.ntp = texts(&["192.0.2.123"]),
        Grant::Prefixes => {
            let prefix = "2001:db8::/56".parse().unwrap();
            let (preferred, valid) = (Lifetime(1), Lifetime(1));
            plan.prefixes = vec![Delegation { prefix, iaid: Some(1), exclude: None, preferred, valid }];
        }
        Grant::Softwire => plan.softwires = vec![Softwire { kind: "map-t".into(), ..Softwire::default() }],
        Grant::Parameters => {
            plan.parameters = [("Name".to_owned(), "value".to_owned())].into();
            plan.hostname = Some("gw".parse().unwrap());
        }
        Grant::Events => plan.events = vec![Emitted { name: "found".into(), fields: BTreeMap::new() }],
        // Concerns the manifest, not the plan.
        Grant::SendOptions => {}
        Grant::Refuse => plan.refuse = Some(Refusal { reason: "no".into() }),
    }
    plan
}

/// A plan that holds something of everything.
pub(super) fn everything() -> Plan {
    merge(Grant::ALL.into_iter().map(plan_for))
}

#[test]
fn each_grant_lets_its_own_fields_through_and_reports_the_others() {
    for grant in Grant::ALL {
        let (kept, missing) = cut(everything(), &FlatSet::from([grant]));
        assert_eq!(kept, plan_for(grant), "{grant:?}");
        let expected: Vec<_> =
            Grant::ALL.into_iter().filter(|g| *g != grant && *g != Grant::SendOptions).collect();
        assert_eq!(missing, expected, "{grant:?}");
    }
}

#[test]
fn nothing_is_cut_from_who_may_do_everything() {
    let (kept, missing) = cut(everything(), &Grant::ALL.into());
    assert_eq!((kept, missing), (everything(), vec![]));
}

#[test]
fn what_a_plan_does_not_hold_is_not_reported_as_cut() {
    let (_, missing) = cut(plan_for(Grant::Dns), &FlatSet::new());
    assert_eq!(missing, [Grant::Dns]);
}

#[test]
fn notes_are_always_granted() {
    let plan = Plan { notes: texts(&["ignored option 3"]), ..Plan::default() };
    assert_eq!(cut(plan.clone(), &FlatSet::new()), (plan, vec![]));
}

#[test]
fn lists_are_joined_in_the_order_of_the_chain_without_duplicates() {
    let first = Plan { ntp: texts(&["a", "b", "a"]), ..Plan::default() };
    let second = Plan { ntp: texts(&["c", "b"]), ..Plan::default() };
    assert_eq!(merge([first, second]).ntp, texts(&["a", "b", "c"]));
}

#[test]
fn single_values_come_from_the_last_that_sets_one() {
    let set = |mtu, domain: Option<&str>| Plan {
        mtu,
        domain: domain.map(|d| d.parse().unwrap()),
        ..Plan::default()
    };
    let merged = merge([set(Some(Mtu(1500)), Some("a")), set(Some(Mtu(1400)), None), Plan::default()]);
    assert_eq!(merged, set(Some(Mtu(1400)), Some("a")));
}

#[test]
fn parameters_come_name_by_name_from_the_last_that_sets_them() {
    let with = |pairs: &[(&str, &str)]| Plan {
        parameters: pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
        ..Plan::default()
    };
    let merged = merge([with(&[("a", "1"), ("b", "1")]), with(&[("b", "2"), ("c", "2")])]);
    assert_eq!(merged, with(&[("a", "1"), ("b", "2"), ("c", "2")]));
}

#[test]
fn the_first_refusal_stays() {
    let refuse = |reason: &str| Plan { refuse: Some(Refusal { reason: reason.into() }), ..Plan::default() };
    let merged = merge([Plan::default(), refuse("first"), refuse("second")]);
    assert_eq!(merged.refuse.unwrap().reason, "first");
}

#[test]
fn an_address_that_two_handlers_set_is_the_later_ones() {
    let plan = |list: &[(&str, u32)]| Plan {
        addresses: list.iter().map(|&(text, valid)| address(text, valid)).collect(),
        ..Plan::default()
    };
    let merged = merge([plan(&[("192.0.2.7/24", 60), ("192.0.2.9/24", 60)]), plan(&[("192.0.2.7/32", 30)])]);
    assert_eq!(merged, plan(&[("192.0.2.9/24", 60), ("192.0.2.7/32", 30)]));
}

#[test]
fn a_route_that_two_handlers_set_is_the_later_ones_but_one_handler_may_name_many_routers() {
    let routes = |list: &[RoutePlan]| Plan { routes: list.to_vec(), ..Plan::default() };
    let one = route("0.0.0.0/0", "192.0.2.1");
    let two = route("0.0.0.0/0", "192.0.2.2");
    let other = route("198.51.100.0/24", "192.0.2.1");
    let both = routes(&[one.clone(), two.clone(), one.clone(), other.clone()]);
    assert_eq!(merge([both.clone()]), routes(&[one.clone(), two.clone(), other.clone()]));
    let mine = route("0.0.0.0/0", "192.0.2.254");
    assert_eq!(merge([both, routes(std::slice::from_ref(&mine))]), routes(&[other, mine]));
    let elsewhere = RoutePlan { table: Some(100), ..two.clone() };
    let kept = merge([routes(std::slice::from_ref(&one)), routes(std::slice::from_ref(&elsewhere))]);
    assert_eq!(kept, routes(&[one, elsewhere]));
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let pick = prop::sample::subsequence(Grant::ALL.to_vec(), 0..=Grant::ALL.len());
    (pick, prop::collection::vec("[a-c]", 0..4), prop::collection::vec(("[a-c]", 1u32..4), 0..4)).prop_map(
        |(grants, ntp, hosts)| {
            let mut plan = merge(grants.into_iter().map(plan_for));
            plan.ntp.extend(ntp);
            plan.addresses.extend(hosts.into_iter().map(|(h, n)| {
                let last = 10 + h.as_bytes()[0] - b'a';
                address(&format!("192.0.2.{last}/24"), n)
            }));
            plan
        },
    )
}

fn any_grants() -> impl Strategy<Value = FlatSet<Grant>> {
    prop::sample::subsequence(Grant::ALL.to_vec(), 0..=Grant::ALL.len()).prop_map(|g| g.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_ungranted_survives(plan in any_plan(), grants in any_grants()) {
        let (kept, missing) = cut(plan.clone(), &grants);
        // Each grant's fields are as they were when granted, and empty otherwise.
        for grant in Grant::ALL {
            let alone = FlatSet::from([grant]);
            let (mine, _) = cut(kept.clone(), &alone);
            let (before, _) = cut(plan.clone(), &alone);
            let bare = Plan { notes: plan.notes.clone(), ..Plan::default() };
            prop_assert_eq!(&mine, if grants.contains(&grant) { &before } else { &bare });
            prop_assert_eq!(missing.contains(&grant), !grants.contains(&grant) && before != bare);
        }
        // What remains needs no further grant.
        prop_assert_eq!(cut(kept.clone(), &grants), (kept, vec![]));
    }

    #[test]
    fn merging_with_nothing_or_with_itself_changes_nothing(plan in any_plan()) {
        let once = merge([plan.clone()]);
        prop_assert_eq!(merge([Plan::default(), plan.clone(), Plan::default()]), once.clone());
        prop_assert_eq!(merge([once.clone(), once.clone()]), once);
    }

    #[test]
    fn every_entry_of_the_last_plan_is_in_the_merged_one(first in any_plan(), last in any_plan()) {
        let merged = merge([first.clone(), last.clone()]);
        prop_assert!(last.addresses.iter().all(|a| merged.addresses.contains(a)));
        prop_assert!(first.ntp.iter().chain(&last.ntp).all(|n| merged.ntp.contains(n)));
        let hosts = |p: &Plan| p.addresses.iter().map(|a| a.address).collect::<FlatSet<_>>();
        prop_assert!(hosts(&first).is_subset(&hosts(&merged)));
    }
}
