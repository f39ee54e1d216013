//! The life of a client, told as stories: what happens, and what must follow.

use super::*;

const CARRIER: LinkState =
    LinkState { index: 2, up: true, carrier: true, mtu: 1500, min_mtu: 68, max_mtu: 9000, hardware: None };

fn link(up: bool, carrier: bool) -> Input {
    Input::Link(Some(LinkState { up, carrier, ..CARRIER }))
}

fn held(until: u64) -> Held {
    Held { address: Ipv4Addr::new(192, 0, 2, 7), valid_until: Some(until) }
}

/// A client that has been bound at 1,000 until 121,000.
fn bound() -> Machine {
    let mut machine = Machine::new("wan0", true);
    assert_eq!(machine.handle(link(true, true), 0), [Effect::Start(None)]);
    machine.handle(Input::Started, 0);
    assert_eq!(machine.handle(Input::Deconfig, 5), []);
    assert_eq!(machine.state(), ClientState::Selecting);
    assert_eq!(machine.handle(Input::Lease(held(121_000)), 1_000), []);
    assert_eq!(machine.state(), ClientState::Bound);
    machine
}

fn died(machine: &mut Machine, now: u64, retry_in: u64) -> Vec<Effect> {
    machine.handle(Input::Exited { how: "was killed by SIGKILL".into(), retry_in }, now)
}

fn has_lose(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Lose(_)))
}

#[test]
fn a_client_waits_for_its_interface_its_link_and_its_carrier() {
    let mut machine = Machine::new("wan0", true);
    assert_eq!(machine.handle(Input::Link(None), 0), []);
    assert_eq!(machine.reason(9_000).unwrap(), "interface wan0 does not exist");
    assert_eq!(machine.handle(link(false, false), 1), [Effect::RaiseLink]);
    assert_eq!(machine.state(), ClientState::Init);
    assert_eq!(machine.handle(link(true, false), 2), []);
    assert_eq!(machine.reason(9_000).unwrap(), "interface wan0 has no carrier");
    assert!(machine.handle(link(true, true), 3).contains(&Effect::Start(None)));
    assert_eq!(machine.reason(9_000), None);
}

#[test]
fn the_address_stays_when_the_client_gives_its_lease_up_early_and_goes_when_the_lease_ends() {
    let mut machine = bound();
    let effects = machine.handle(Input::Deconfig, 100_000);
    assert!(!has_lose(&effects), "{effects:?}");
    assert_eq!(machine.state(), ClientState::Rebinding);
    assert_eq!(machine.deadline(), Some(121_000));
    assert!(!has_lose(&machine.handle(Input::Tick, 120_999)));
    assert!(has_lose(&machine.handle(Input::Tick, 121_000)));
    assert_eq!(machine.state(), ClientState::Selecting);
}

#[test]
fn the_same_lease_again_moves_nothing() {
    let mut machine = bound();
    machine.handle(Input::Deconfig, 100_000);
    assert_eq!(machine.handle(Input::Lease(held(221_000)), 101_000), []);
    assert_eq!(machine.state(), ClientState::Bound);
    assert!(!has_lose(&machine.handle(Input::Tick, 121_000)));
}

#[test]
fn a_refusal_by_the_server_takes_the_address_at_once_and_it_is_not_asked_for_again() {
    let mut machine = bound();
    assert!(has_lose(&machine.handle(Input::Nak, 50_000)));
    assert_eq!(machine.handle(Input::Deconfig, 50_001), []);
    assert_eq!(machine.state(), ClientState::Selecting);
    assert!(died(&mut machine, 60_000, 0).contains(&Effect::Start(None)));
}

#[test]
fn a_dead_client_is_started_again_with_its_address_and_the_lease_stays() {
    let mut machine = bound();
    let effects = died(&mut machine, 30_000, 0);
    assert!(!has_lose(&effects));
    assert!(effects.contains(&Effect::Failed("the client was killed by SIGKILL".into())));
    assert!(effects.contains(&Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))));
    machine.handle(Input::Started, 30_000);
    assert_eq!(died(&mut machine, 30_100, 1_000).len(), 1, "the second time it waits");
    assert_eq!(machine.deadline(), Some(31_100));
    assert!(matches!(machine.handle(Input::Tick, 31_100)[..], [Effect::Start(Some(_))]));
}

#[test]
fn only_one_renewal_is_under_way_and_none_goes_into_a_dead_link() {
    let mut machine = bound();
    assert_eq!(machine.command(Command::Renew, 2_000).unwrap(), [Effect::SignalRenew]);
    assert_eq!(machine.state(), ClientState::Renewing);
    assert!(machine.command(Command::Renew, 2_001).unwrap_err().contains("under way"));
    machine.handle(Input::Lease(held(200_000)), 2_002);
    machine.handle(link(true, false), 3_000);
    assert!(machine.command(Command::Renew, 3_001).unwrap_err().contains("no carrier"));
}

#[test]
fn a_renewal_without_an_answer_is_over_after_a_while() {
    let mut machine = bound();
    machine.command(Command::Renew, 2_000).unwrap();
    machine.handle(Input::Tick, 2_000 + RENEWAL_MS);
    assert_eq!(machine.state(), ClientState::Bound);
    assert!(machine.command(Command::Renew, 40_000).is_ok());
}

#[test]
fn carrier_loss_and_return_while_bound_renews_and_does_not_restart() {
    let mut machine = bound();
    assert!(matches!(machine.handle(link(true, false), 3_000)[..], [Effect::LinkChanged(_)]));
    let effects = machine.handle(link(true, true), 4_000);
    assert!(effects.contains(&Effect::SignalRenew), "{effects:?}");
    assert!(!effects.contains(&Effect::Stop) && !has_lose(&effects));
    let flapping =
        [machine.handle(link(true, false), 4_100), machine.handle(link(true, true), 4_200)].concat();
    assert!(!flapping.contains(&Effect::SignalRenew), "a second signal would make udhcpc drop the lease");
}

#[test]
fn a_client_that_looks_for_a_server_when_the_carrier_returns_starts_afresh() {
    let mut machine = bound();
    machine.handle(link(true, false), 3_000);
    machine.handle(Input::Deconfig, 90_000);
    let effects = machine.handle(link(true, true), 91_000);
    assert!(effects.contains(&Effect::Stop));
    let effects = died(&mut machine, 91_010, 0);
    assert_eq!(effects, [Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))], "asked for, and no failure");
}

#[test]
fn carrier_loss_without_a_lease_ends_the_client_so_that_it_starts_at_once_when_it_is_back() {
    let mut machine = Machine::new("wan0", true);
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert!(machine.handle(link(true, false), 10).contains(&Effect::Stop));
    assert_eq!(died(&mut machine, 20, 0), []);
    assert!(machine.handle(link(true, true), 30).contains(&Effect::Start(None)));
}

#[test]
fn an_interface_that_goes_takes_the_lease_with_it_and_one_that_comes_back_starts_the_client() {
    let mut machine = bound();
    let effects = machine.handle(Input::Link(None), 5_000);
    assert!(effects.contains(&Effect::Stop) && has_lose(&effects));
    died(&mut machine, 5_010, 0);
    assert_eq!(machine.state(), ClientState::Init);
    let back = Input::Link(Some(LinkState { index: 9, ..CARRIER }));
    assert!(matches!(machine.handle(back, 6_000)[..], [Effect::Start(Some(_))]));
}

#[test]
fn a_release_waits_for_the_client_and_stays_released() {
    let mut machine = bound();
    assert_eq!(machine.command(Command::Release, 2_000).unwrap(), [Effect::SignalRelease]);
    let effects = machine.handle(Input::Deconfig, 2_002);
    assert_eq!(effects, [Effect::Stop, Effect::Lose("released by the operator".into())]);
    assert_eq!(died(&mut machine, 2_010, 0), []);
    assert_eq!(machine.state(), ClientState::Init);
    assert!(machine.reason(9_000).unwrap().contains("released"));
    assert!(matches!(machine.command(Command::Renew, 9_000).unwrap()[..], [Effect::Start(Some(_))]));
}

#[test]
fn a_release_that_the_client_never_confirms_is_over_all_the_same() {
    let mut machine = bound();
    machine.command(Command::Release, 2_000).unwrap();
    assert_eq!(machine.deadline(), Some(2_000 + RELEASE_MS));
    let effects = machine.handle(Input::Tick, 2_000 + RELEASE_MS);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop));
}

#[test]
fn disabling_gives_the_lease_back_and_leaving_keeps_it() {
    let mut machine = bound();
    assert_eq!(machine.command(Command::Disable, 2_000).unwrap(), [Effect::SignalRelease]);
    assert!(has_lose(&machine.handle(Input::Deconfig, 2_002)));
    died(&mut machine, 2_003, 0);
    assert!(machine.is_idle());
    assert_eq!(machine.state(), ClientState::Disabled);
    assert!(machine.command(Command::Renew, 3_000).unwrap_err().contains("disabled"));
    assert!(matches!(machine.command(Command::Enable, 4_000).unwrap()[..], [Effect::Start(Some(_))]));

    let mut machine = bound();
    assert_eq!(machine.command(Command::Leave, 2_000).unwrap(), [Effect::Stop]);
    assert_eq!(died(&mut machine, 2_010, 0), []);
    assert!(machine.lease.is_some() && machine.is_idle());
}

#[test]
fn a_refused_lease_is_asked_for_again_later_each_time() {
    let mut machine = Machine::new("wan0", true);
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert!(machine.handle(Input::Refused("the mask is /0".into()), 100).contains(&Effect::Stop));
    assert_eq!(died(&mut machine, 110, 0), []);
    assert_eq!(machine.state(), ClientState::Error);
    assert_eq!(machine.reason(9_000).unwrap(), "lease refused: the mask is /0");
    assert_eq!(machine.deadline(), Some(100 + REFUSED_MS));
    assert!(matches!(machine.handle(Input::Tick, 100 + REFUSED_MS)[..], [Effect::Start(None)]));
    machine.handle(Input::Started, 6_000);
    machine.handle(Input::Refused("again".into()), 7_000);
    died(&mut machine, 7_001, 0);
    assert_eq!(machine.deadline(), Some(7_000 + 2 * REFUSED_MS));
}

#[test]
fn a_refused_change_leaves_the_lease_before_to_its_time() {
    let mut machine = bound();
    assert!(!has_lose(&machine.handle(Input::Refused("broadcast address".into()), 60_000)));
    assert!(machine.lease.is_some());
    assert!(has_lose(&machine.handle(Input::Tick, 121_000)));
}

#[test]
fn a_lease_without_an_end_needs_no_clock() {
    let mut machine = bound();
    machine.handle(Input::Lease(Held { valid_until: None, ..held(0) }), 2_000);
    assert_eq!(machine.deadline(), None);
    assert!(!has_lose(&machine.handle(Input::Tick, u64::MAX)));
}

#[test]
fn a_client_that_cannot_be_started_is_an_error_and_is_tried_again() {
    let mut machine = Machine::new("wan0", true);
    machine.handle(link(true, true), 0);
    let effects =
        machine.handle(Input::NotStarted { why: "udhcpc is not installed".into(), retry_in: 10_000 }, 1);
    assert_eq!(effects, [Effect::Failed("udhcpc is not installed".into())]);
    assert_eq!(machine.state(), ClientState::Error);
    assert!(matches!(machine.handle(Input::Tick, 10_001)[..], [Effect::Start(None)]));
}

#[test]
fn a_lease_of_an_earlier_daemon_is_held_before_any_client_runs() {
    let mut machine = Machine::new("wan0", true);
    assert_eq!(machine.handle(Input::Lease(held(50_000)), 1_000), []);
    assert_eq!(machine.state(), ClientState::Rebinding);
    assert!(matches!(machine.handle(link(true, true), 1_001)[..], [Effect::Start(Some(_))]));
    machine.handle(Input::Started, 1_002);
    assert_eq!(machine.handle(Input::Deconfig, 1_010), [], "every start of udhcpc begins with deconfig");
    assert!(machine.lease.is_some());
}

#[test]
fn silence_is_said_with_its_length_until_somebody_answers() {
    let mut machine = Machine::new("wan0", true);
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 1_000);
    assert_eq!(machine.reason(5_000), None);
    machine.handle(Input::Leasefail, 10_000);
    machine.handle(Input::Leasefail, 40_000);
    assert_eq!(machine.reason(81_000).unwrap(), "no server has answered for 80 s");
    machine.handle(Input::Lease(held(200_000)), 82_000);
    assert_eq!(machine.reason(83_000), None);
}

/// A client that an earlier daemon left bound until 121,000.
fn adopted() -> Machine {
    let mut machine = Machine::new("wan0", true);
    assert_eq!(machine.handle(Input::Adopted, 0), []);
    assert_eq!(machine.handle(link(true, true), 0), [], "the link as it was then");
    assert_eq!(machine.handle(Input::Lease(held(121_000)), 0), []);
    machine
}

#[test]
fn a_client_that_is_taken_over_as_it_runs_is_bound_and_nothing_is_done_to_it() {
    let mut machine = adopted();
    assert_eq!(machine.handle(link(true, true), 1), []);
    assert_eq!(machine.state(), ClientState::Bound);
    assert_eq!(machine.reason(2), None);
    assert_eq!(died(&mut machine, 3, 0).last(), Some(&Effect::Start(Some(held(0).address))));
}

#[test]
fn a_client_that_is_taken_over_on_another_interface_of_that_name_starts_from_scratch() {
    let mut machine = adopted();
    let effects = machine.handle(Input::Link(Some(LinkState { index: 9, ..CARRIER })), 1);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop), "{effects:?}");
}

#[test]
fn a_release_by_the_operator_is_seen_through_by_the_next_daemon_and_stays() {
    let mut machine = adopted();
    assert_eq!(machine.handle(Input::ReleasedBefore, 1), [Effect::SignalRelease]);
    assert_eq!(machine.reason(1).unwrap(), "the lease is being given back");
    let effects = machine.handle(Input::Deconfig, 2);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop), "{effects:?}");
    assert_eq!(died(&mut machine, 3, 0), []);
    assert!(machine.reason(4).unwrap().contains("released by the operator"));

    let mut without_process = Machine::new("wan0", true);
    without_process.handle(Input::Lease(held(121_000)), 0);
    assert!(has_lose(&without_process.handle(Input::ReleasedBefore, 1)));
    assert_eq!(without_process.handle(link(true, true), 2), [], "it is not started");
    assert_eq!(without_process.command(Command::Release, 3), Ok(vec![]), "released is released");
    assert!(
        without_process.command(Command::Renew, 4).unwrap().contains(&Effect::Start(Some(held(0).address)))
    );
}

#[test]
fn a_release_that_nobody_wants_any_more_ends_in_a_new_start() {
    let mut machine = adopted();
    let effects = machine.handle(Input::ReleaseUnfinished, 1);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop), "{effects:?}");
    assert_eq!(died(&mut machine, 2, 0).last(), Some(&Effect::Start(None)));
}
