//! Who carries IPv4, told as stories, and what holds in any order of them.

use proptest::prelude::*;

use super::*;

type Steps = Vec<Step<u8>>;

fn offered(softwires: &[(Provider, u8)]) -> Input<u8> {
    Input::Offered { softwires: softwires.to_vec(), priority: Vec::new() }
}

fn raised(provider: Provider) -> Input<u8> {
    Input::Raised(provider, Ok(()))
}

fn owner() -> Owner<u8> {
    let mut owner = Owner::new(Provider::ALL.to_vec());
    assert_eq!(owner.handle(Input::Dhcpv4(Dhcpv4::Leased)), []);
    owner
}

use Provider::{DsLite, Lw4o6, MapE, MapT};

#[test]
fn map_t_comes_and_dhcpv4_goes_when_it_carries_and_comes_back_when_it_goes() {
    let mut owner = owner();
    for _ in 0..20 {
        assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
        assert_eq!(owner.handle(offered(&[(MapT, 1)])), [Step::Raise(MapT, 1)]);
        assert_eq!(owner.owner(), Some(Provider::Dhcpv4), "until the other one carries");
        assert_eq!(owner.handle(raised(MapT)), [Step::Aside(MapT)]);
        assert_eq!(owner.handle(Input::Dhcpv4(Dhcpv4::Without)), []);
        assert_eq!(owner.owner(), Some(MapT));
        assert_eq!(owner.handle(offered(&[])), [Step::Lower(MapT), Step::Resume]);
        assert_eq!(owner.owner(), None);
        assert_eq!(owner.handle(Input::Dhcpv4(Dhcpv4::Leased)), []);
    }
}

#[test]
fn the_same_offer_again_does_nothing_and_another_one_changes_what_is_up() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    owner.handle(raised(MapT));
    assert_eq!(owner.handle(offered(&[(MapT, 1)])), []);
    assert_eq!(owner.handle(offered(&[(MapT, 2)])), [Step::Raise(MapT, 2)]);
    assert_eq!(owner.owner(), Some(MapT), "DHCPv4 is not asked for in between");
    assert_eq!(owner.handle(raised(MapT)), []);
}

#[test]
fn what_cannot_be_raised_leaves_dhcpv4_and_the_next_one_is_tried() {
    let mut owner = owner();
    assert_eq!(owner.handle(offered(&[(MapT, 1), (DsLite, 1)])), [Step::Raise(MapT, 1)]);
    let failed = Input::Raised(MapT, Err("no nat46 in this kernel".into()));
    assert_eq!(owner.handle(failed), [Step::Raise(DsLite, 1)]);
    let failed = Input::Raised(DsLite, Err("no ip6tnl".into()));
    assert_eq!(owner.handle(failed), []);
    assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
    assert_eq!(owner.reasons()[0], "map-t could not be raised: no nat46 in this kernel");
    assert_eq!(owner.handle(offered(&[(MapT, 1), (DsLite, 1)])), [], "not again and again");
    assert_eq!(owner.handle(offered(&[(MapT, 2)])), [Step::Raise(MapT, 2)], "it may work otherwise");
}

#[test]
fn the_server_orders_softwires_and_the_operator_says_where_dhcpv4_stands() {
    let all = vec![(MapE, 1), (MapT, 1), (Lw4o6, 1), (DsLite, 1)];
    let with = |priority: &[u16]| Input::Offered { softwires: all.clone(), priority: priority.to_vec() };
    let raise = |priority: &[u16], order: &[Provider]| -> Steps {
        let mut owner = Owner::new(order.to_vec());
        owner.handle(Input::Dhcpv4(Dhcpv4::Without));
        owner.handle(with(priority))
    };
    assert_eq!(raise(&[], &Provider::ALL), [Step::Raise(MapE, 1)]);
    assert_eq!(raise(&[96, 95], &Provider::ALL), [Step::Raise(Lw4o6, 1)]);
    assert_eq!(raise(&[64, 1000], &[MapT, DsLite, Provider::Dhcpv4]), [Step::Raise(DsLite, 1)]);
    assert_eq!(raise(&[94], &[MapT]), [Step::Raise(MapT, 1)], "what is not in the order is not used");

    let mut owner = Owner::new(vec![Provider::Dhcpv4, MapT]);
    owner.handle(Input::Dhcpv4(Dhcpv4::Leased));
    assert_eq!(owner.handle(with(&[])), []);
    assert_eq!(owner.reasons()[1], "map-t is offered, and dhcpv4 goes before it");
    assert_eq!(owner.handle(Input::Dhcpv4(Dhcpv4::Without)), [Step::Raise(MapT, 1)]);
    assert_eq!(owner.handle(raised(MapT)), [], "DHCPv4 goes on asking");
    assert_eq!(owner.handle(Input::Dhcpv4(Dhcpv4::Leased)), [Step::Lower(MapT)]);
}

#[test]
fn an_answer_that_comes_too_late_is_no_answer() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    assert_eq!(owner.handle(offered(&[])), [Step::Lower(MapT)]);
    assert_eq!(owner.handle(raised(MapT)), []);
    assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
}

fn input() -> impl Strategy<Value = Input<u8>> {
    let provider = || prop::sample::select(vec![MapE, MapT, Lw4o6, DsLite]);
    let dhcpv4 = prop::sample::select(vec![Dhcpv4::Without, Dhcpv4::Leased]);
    let order = Just(Provider::ALL.to_vec()).prop_shuffle();
    prop_oneof![
        4 => (prop::collection::vec((provider(), 0_u8..3), 0..3), prop::collection::vec(prop::sample::select(vec![64_u16, 94, 95, 96]), 0..3))
            .prop_map(|(softwires, priority)| Input::Offered { softwires, priority }),
        3 => dhcpv4.prop_map(Input::Dhcpv4),
        1 => order.prop_map(Input::Order),
        4 => (provider(), any::<bool>()).prop_map(|(p, ok)| Input::Raised(p, if ok { Ok(()) } else { Err("no".into()) })),
    ]
}

proptest! {
    /// Whatever comes in whatever order: at most one softwire is up, what is lowered was raised, what is up is offered,
    /// and DHCPv4 stands aside only while a softwire carries.
    #[test]
    fn there_is_one_owner(inputs in prop::collection::vec(input(), 1..60)) {
        let mut owner = Owner::new(Provider::ALL.to_vec());
        let (mut up, mut aside) = (None, false);
        owner.handle(Input::Dhcpv4(Dhcpv4::Without));
        for input in inputs {
            if let Input::Raised(provider, Err(_)) = &input && up == Some(*provider) {
                up = None;
            }
            for step in owner.handle(input) {
                match step {
                    Step::Lower(provider) => {
                        prop_assert_eq!(up.take(), Some(provider));
                    }
                    Step::Raise(provider, with) => {
                        prop_assert!(up.is_none_or(|up| up == provider));
                        prop_assert_eq!(owner.offered.get(&provider), Some(&with));
                        up = Some(provider);
                    }
                    Step::Aside(provider) => {
                        prop_assert_eq!(up, Some(provider));
                        aside = true;
                    }
                    Step::Resume => {
                        prop_assert!(aside);
                        aside = false;
                    }
                }
            }
            if aside {
                prop_assert!(owner.owner().is_some_and(|owner| owner != Provider::Dhcpv4));
            }
            if let Some(up) = up {
                prop_assert!(owner.offered.contains_key(&up));
            }
        }
    }
}
