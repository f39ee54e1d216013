//! Who carries IPv4, told as stories.

use Provider::{DsLite, Lw4o6, MapE, MapT};

use super::*;

fn offer(provider: Provider, with: u8) -> Offer<u8> {
    Offer { provider, with, barred: None }
}

fn offered(softwires: &[(Provider, u8)]) -> Input<u8> {
    let softwires = softwires.iter().map(|(provider, with)| offer(*provider, *with)).collect();
    Input::Offered { softwires, priority: Vec::new() }
}

fn up(turn: u64) -> Input<u8> {
    Input::Raised { turn, result: Ok(()) }
}

fn failed(turn: u64, passing: bool) -> Input<u8> {
    Input::Raised { turn, result: Err(Failure { why: "no nat46 in this kernel".into(), passing }) }
}

/// With a DHCPv4 lease.
fn owner_with(order: Order) -> Owner<u8> {
    let mut owner = Owner::new(order);
    assert_eq!(owner.handle(Input::Begin), []);
    assert_eq!(owner.handle(Input::Dhcpv4(true)), []);
    owner
}

fn owner() -> Owner<u8> {
    owner_with(Order::default())
}

fn obstacles(owner: &Owner<u8>) -> Vec<(Provider, Option<String>)> {
    owner.offers().map(|offer| (offer.provider, owner.obstacle(offer))).collect()
}

#[test]
fn map_t_comes_and_dhcpv4_goes_when_it_carries_and_comes_back_when_it_goes() {
    let mut owner = owner();
    for turn in 1..=20 {
        assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
        assert_eq!(owner.handle(offered(&[(MapT, 1)])), [Step::Raise(MapT, 1, turn)]);
        assert_eq!(owner.owner(), Some(Provider::Dhcpv4), "until the other one carries");
        assert_eq!(owner.handle(up(turn)), [Step::Aside(MapT)]);
        assert_eq!(owner.handle(Input::Dhcpv4(false)), []);
        assert_eq!(owner.owner(), Some(MapT));
        assert_eq!(owner.handle(offered(&[])), [Step::Lower(MapT), Step::Resume]);
        assert_eq!(owner.owner(), None);
        assert_eq!(owner.handle(Input::Dhcpv4(true)), []);
    }
}

#[test]
fn the_same_offer_again_does_nothing_and_another_one_changes_what_is_up() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    owner.handle(up(1));
    assert_eq!(owner.handle(offered(&[(MapT, 1)])), []);
    assert_eq!(owner.handle(offered(&[(MapT, 2)])), [Step::Raise(MapT, 2, 2)]);
    assert_eq!(owner.owner(), Some(MapT), "DHCPv4 is not asked for in between");
    assert_eq!(owner.handle(up(2)), []);
}

#[test]
fn what_cannot_be_raised_leaves_dhcpv4_and_the_next_one_is_tried() {
    let mut owner = owner();
    let both = [(MapT, 1), (DsLite, 1)];
    assert_eq!(owner.handle(offered(&both)), [Step::Raise(MapT, 1, 1)]);
    assert_eq!(owner.handle(failed(1, false)), [Step::Raise(DsLite, 1, 2)]);
    assert_eq!(owner.handle(failed(2, false)), []);
    assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
    let obstacle = "it could not be raised: no nat46 in this kernel".to_owned();
    assert_eq!(obstacles(&owner)[0], (MapT, Some(obstacle)));
    assert_eq!(owner.handle(offered(&both)), [], "not again and again");
    assert_eq!(owner.handle(Input::Retry), [], "nor when it cannot pass");
    assert_eq!(owner.handle(offered(&[(MapT, 2)])), [Step::Raise(MapT, 2, 3)], "it may work otherwise");
}

#[test]
fn what_may_pass_is_tried_again_unless_another_softwire_carries() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    assert_eq!(owner.handle(failed(1, true)), []);
    assert!(owner.waits_for_another_try());
    assert_eq!(owner.handle(Input::Retry), [Step::Raise(MapT, 1, 2)]);
    assert_eq!(owner.handle(failed(2, true)), []);
    assert_eq!(owner.handle(offered(&[(MapT, 1), (DsLite, 1)])), [Step::Raise(DsLite, 1, 3)]);
    owner.handle(up(3));
    assert!(!owner.waits_for_another_try());
    assert_eq!(owner.handle(Input::Retry), []);
}

#[test]
fn what_nothing_here_carries_is_not_tried() {
    let mut owner = owner();
    let barred = Offer { barred: Some("softwire.backend is \"none\"".into()), ..offer(MapT, 1) };
    let input = Input::Offered { softwires: vec![barred, offer(DsLite, 1)], priority: Vec::new() };
    assert_eq!(owner.handle(input), [Step::Raise(DsLite, 1, 1)]);
    assert_eq!(obstacles(&owner)[0], (MapT, Some("softwire.backend is \"none\"".into())));
    assert_eq!(obstacles(&owner)[1], (DsLite, Some("it is being raised".into())));
}

#[test]
fn the_isp_orders_softwires_and_the_operator_says_when_they_are_used() {
    let raise = |priority: &[Provider], order: &[Provider]| {
        let mut owner = Owner::new(Order::new(order.iter().copied()));
        owner.handle(Input::Begin);
        let softwires = [MapE, MapT, Lw4o6, DsLite].map(|provider| offer(provider, 1)).to_vec();
        let steps = owner.handle(Input::Offered { softwires, priority: priority.to_vec() });
        let raised = |step: &Step<u8>| if let Step::Raise(p, ..) = step { Some(*p) } else { None };
        steps.iter().find_map(raised)
    };
    let dhcpv4 = Provider::Dhcpv4;
    assert_eq!(raise(&[], &Provider::ALL), Some(MapT));
    assert_eq!(raise(&[], &[Lw4o6, MapT]), Some(Lw4o6));
    assert_eq!(raise(&[DsLite, MapE], &Provider::ALL), Some(DsLite));
    assert_eq!(raise(&[MapE], &[MapT]), Some(MapT), "what is not in the order is not used");
    assert_eq!(raise(&[MapE, DsLite], &[DsLite, MapT, dhcpv4, MapE]), Some(DsLite), "behind DHCPv4 it stays");
    assert_eq!(raise(&[], &[]), None);
}

#[test]
fn what_stands_behind_dhcpv4_is_used_while_that_has_no_lease() {
    let mut owner = owner_with(Order::new([Provider::Dhcpv4, MapT]));
    assert_eq!(owner.handle(offered(&[(MapT, 1)])), []);
    assert_eq!(obstacles(&owner), [(MapT, Some("dhcpv4 goes before it".into()))]);
    assert_eq!(owner.handle(Input::Dhcpv4(false)), [Step::Raise(MapT, 1, 1)]);
    assert_eq!(owner.handle(up(1)), [], "DHCPv4 goes on asking");
    assert_eq!(owner.handle(Input::Dhcpv4(true)), [Step::Lower(MapT)]);
}

#[test]
fn an_answer_that_comes_too_late_is_no_answer() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    assert_eq!(owner.handle(offered(&[])), [Step::Lower(MapT)]);
    assert_eq!(owner.handle(up(1)), []);
    assert_eq!(owner.owner(), Some(Provider::Dhcpv4));
    assert_eq!(owner.handle(offered(&[(MapT, 2)])), [Step::Raise(MapT, 2, 2)]);
    assert_eq!(owner.handle(up(1)), [], "that was the one before");
    assert_eq!(owner.handle(up(2)), [Step::Aside(MapT)]);
}

#[test]
fn one_softwire_gives_way_to_another_without_dhcpv4_in_between() {
    let mut owner = owner();
    owner.handle(offered(&[(DsLite, 1)]));
    owner.handle(up(1));
    owner.handle(Input::Dhcpv4(false));
    let steps = owner.handle(offered(&[(DsLite, 1), (MapT, 1)]));
    assert_eq!(steps, [Step::Lower(DsLite), Step::Raise(MapT, 1, 2), Step::Aside(MapT)]);
    assert_eq!(owner.owner(), None);
    assert_eq!(owner.handle(failed(2, true)), [Step::Raise(DsLite, 1, 3), Step::Aside(DsLite)]);
    assert_eq!(owner.handle(failed(3, true)), [Step::Resume], "and then DHCPv4 is needed");
}

#[test]
fn what_breaks_is_raised_again_at_once_and_dhcpv4_starts_when_that_fails() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    owner.handle(up(1));
    assert_eq!(owner.handle(Input::Broke), [Step::Raise(MapT, 1, 2)]);
    assert_eq!(owner.handle(Input::Broke), [], "it is not up");
    assert_eq!(owner.handle(up(2)), []);
    assert_eq!(owner.handle(Input::Broke), [Step::Raise(MapT, 1, 3)]);
    assert_eq!(owner.handle(failed(3, true)), [Step::Resume]);
}

#[test]
fn what_an_earlier_daemon_left_is_gone_over_and_dhcpv4_stays_aside() {
    let mut owner = Owner::new(Order::default());
    assert_eq!(owner.handle(Input::Found(MapT)), []);
    assert_eq!(owner.handle(offered(&[(MapT, 1)])), [], "not all is known yet");
    assert_eq!(owner.handle(Input::Begin), [Step::Raise(MapT, 1, 1), Step::Aside(MapT)]);
    assert_eq!(owner.owner(), Some(MapT));
    assert_eq!(owner.handle(up(1)), []);

    let mut owner: Owner<u8> = Owner::new(Order::default());
    owner.handle(Input::Found(MapT));
    assert_eq!(owner.handle(Input::Begin), [Step::Lower(MapT)], "nobody offers it any more");
}

#[test]
fn another_order_takes_effect_at_once() {
    let mut owner = owner();
    owner.handle(offered(&[(MapT, 1)]));
    owner.handle(up(1));
    assert_eq!(owner.handle(Input::Order(Order::new([DsLite]))), [Step::Lower(MapT), Step::Resume]);
    assert_eq!(obstacles(&owner), [(MapT, Some("it is not in the configured order".into()))]);
}
