//! The life of a client, told as stories: what happens, and what must follow.

use super::*;
use crate::config::Unneeded;
use crate::recovery::{Path, ReportKind};

const CARRIER: LinkState = LinkState {
    index: 2,
    up: true,
    carrier: true,
    mtu: 1500,
    min_mtu: 68,
    max_mtu: 9000,
    hardware: None,
    link_local: true,
};

fn link(up: bool, carrier: bool) -> Input {
    Input::Link(Some(LinkState { up, carrier, ..CARRIER }))
}

fn held(until: u64) -> Held {
    let renews_at = Some(until / 2);
    Held { address: Some(Ipv4Addr::new(192, 0, 2, 7)), valid_until: Some(until), renews_at }
}

pub(super) const UDHCPC: Manners =
    Manners { renews_by_restart: false, renewal_ms: 30_000, needs_link_local: false };

fn machine() -> Machine {
    Machine::new("wan4", "wan0", true, Recovery::default(), UDHCPC)
}

/// A client that has been bound at 1,000 until 121,000.
fn bound() -> Machine {
    let mut machine = machine();
    assert_eq!(machine.handle(link(true, true), 0), [Effect::Start(None)]);
    machine.handle(Input::Started, 0);
    assert_eq!(machine.handle(Input::Deconfig, 5), []);
    assert_eq!(machine.state(), ClientState::Selecting);
    assert_eq!(machine.handle(Input::Lease(held(121_000)), 1_000), []);
    assert_eq!(machine.state(), ClientState::Bound);
    machine
}

const JITTER: u8 = 127;

fn exited(machine: &mut Machine, fault: Fault, now: u64) -> Vec<Effect> {
    machine.handle(Input::Exited { fault, jitter: JITTER }, now)
}

fn died(machine: &mut Machine, now: u64) -> Vec<Effect> {
    exited(machine, Fault::Died("the client was killed by SIGKILL".into()), now)
}

fn refused(why: &str) -> Input {
    Input::Refused { why: why.into(), jitter: JITTER }
}

fn reports(effects: &[Effect]) -> Vec<ReportKind> {
    let kind = |effect: &Effect| if let Effect::Report(report) = effect { Some(report.kind) } else { None };
    effects.iter().filter_map(kind).collect()
}

fn has_lose(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Lose(_)))
}

#[test]
fn a_client_waits_for_its_interface_its_link_and_its_carrier() {
    let mut machine = machine();
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
    assert_eq!(machine.deadline(100_000), Some(121_000));
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
    assert!(died(&mut machine, 60_000).contains(&Effect::Start(None)));
}

#[test]
fn a_dead_client_is_started_again_with_its_address_and_the_lease_stays() {
    let mut machine = bound();
    let effects = died(&mut machine, 30_000);
    assert!(!has_lose(&effects));
    assert_eq!(reports(&effects), [ReportKind::Failed]);
    assert!(effects.contains(&Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))));
    machine.handle(Input::Started, 30_000);
    assert_eq!(died(&mut machine, 30_100).len(), 1, "the second time it waits");
    let retry = machine.deadline(30_100).unwrap();
    assert!((30_800..31_400).contains(&retry), "{retry}");
    assert!(machine.reason(30_100).unwrap().contains("2 of 10 restarts"));
    assert!(matches!(machine.handle(Input::Tick, retry)[..], [Effect::Start(Some(_))]));
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
    machine.handle(Input::Tick, 2_000 + UDHCPC.renewal_ms);
    assert_eq!(machine.state(), ClientState::Bound);
    assert!(machine.command(Command::Renew, 40_000).is_ok());
}

#[test]
fn carrier_loss_and_return_while_bound_renews_and_does_not_restart() {
    let mut machine = bound();
    assert!(matches!(machine.handle(link(true, false), 3_000)[..], [Effect::LinkChanged(_)]));
    assert!(matches!(machine.handle(link(true, true), 4_000)[..], [Effect::LinkChanged(_)]));
    assert_eq!(machine.deadline(4_000), Some(4_500));
    assert_eq!(machine.handle(Input::Tick, 4_500), [Effect::SignalRenew]);
    assert_eq!(machine.handle(Input::Tick, 5_500), [], "once");
    let flapping = [
        machine.handle(link(true, false), 5_600),
        machine.handle(link(true, true), 5_700),
        machine.handle(Input::Tick, 6_300),
    ]
    .concat();
    assert!(!flapping.contains(&Effect::SignalRenew), "a second signal would make udhcpc drop the lease");
}

#[test]
fn a_flapping_link_is_renewed_on_once_when_it_has_calmed_down() {
    let mut machine = bound();
    let mut effects = Vec::new();
    for n in 0..20 {
        effects.extend(machine.handle(link(true, n % 2 == 1), 2_000 + n * 100));
        effects.extend(machine.handle(Input::Tick, 2_050 + n * 100));
    }
    assert!(effects.iter().all(|effect| matches!(effect, Effect::LinkChanged(_))), "{effects:?}");
    assert_eq!(machine.deadline(4_000), Some(3_900 + carrier::SETTLE_MS));
    assert_eq!(machine.handle(Input::Tick, 3_900 + carrier::SETTLE_MS), [Effect::SignalRenew]);
}

#[test]
fn without_a_lease_a_flapping_link_costs_no_start_each_time() {
    let mut machine = machine();
    machine.handle(link(true, false), 0);
    assert!(machine.handle(link(true, true), 10_000).contains(&Effect::Start(None)), "the first: at once");
    machine.handle(Input::Started, 10_001);
    assert!(machine.handle(link(true, false), 10_100).contains(&Effect::Stop));
    died(&mut machine, 10_110);
    for now in [10_200, 10_400, 10_600] {
        assert!(!machine.handle(link(true, true), now).contains(&Effect::Start(None)), "{now}");
        machine.handle(link(true, false), now + 100);
    }
    machine.handle(link(true, true), 11_000);
    assert_eq!(machine.deadline(11_000), Some(11_500));
    assert_eq!(machine.handle(Input::Tick, 11_500), [Effect::Start(None)]);
}

#[test]
fn a_link_that_is_seen_for_the_first_time_is_no_reason_to_renew() {
    let mut machine = machine();
    machine.handle(Input::Lease(held(500_000)), 1_000);
    machine.handle(link(true, true), 1_001);
    machine.handle(Input::Started, 1_002);
    machine.handle(Input::Lease(held(500_000)), 1_010);
    assert_eq!(machine.handle(Input::Tick, 3_000), []);
}

#[test]
fn a_client_that_looks_for_a_server_when_the_carrier_returns_starts_afresh() {
    let mut machine = bound();
    machine.handle(link(true, false), 3_000);
    machine.handle(Input::Deconfig, 90_000);
    machine.handle(link(true, true), 91_000);
    assert_eq!(machine.handle(Input::Tick, 91_500), [Effect::Stop]);
    let effects = died(&mut machine, 91_510);
    assert_eq!(effects, [Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))], "asked for, and no failure");
}

#[test]
fn carrier_loss_without_a_lease_ends_the_client_so_that_it_starts_at_once_when_it_is_back() {
    let mut machine = machine();
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert!(machine.handle(link(true, false), 10_000).contains(&Effect::Stop));
    assert_eq!(died(&mut machine, 10_010), []);
    assert!(machine.handle(link(true, true), 20_000).contains(&Effect::Start(None)));
}

#[test]
fn an_interface_that_goes_takes_the_lease_with_it_and_one_that_comes_back_starts_the_client() {
    let mut machine = bound();
    let effects = machine.handle(Input::Link(None), 5_000);
    assert!(effects.contains(&Effect::Stop) && has_lose(&effects));
    died(&mut machine, 5_010);
    assert_eq!(machine.state(), ClientState::Init);
    let back = Input::Link(Some(LinkState { index: 9, ..CARRIER }));
    assert!(matches!(machine.handle(back, 6_000)[..], [Effect::Start(Some(_))]));
}

#[test]
fn a_release_waits_for_the_client_and_stays_released() {
    let mut machine = bound();
    assert_eq!(
        machine.command(Command::Release, 2_000).unwrap(),
        [Effect::SignalRelease(GivingBack::StaysWithout)]
    );
    let effects = machine.handle(Input::Deconfig, 2_002);
    assert_eq!(effects, [Effect::Stop, Effect::Lose("released by the operator".into())]);
    assert_eq!(died(&mut machine, 2_010), []);
    assert_eq!(machine.state(), ClientState::Init);
    assert!(machine.reason(9_000).unwrap().contains("released"));
    assert!(matches!(machine.command(Command::Renew, 9_000).unwrap()[..], [Effect::Start(Some(_))]));
}

#[test]
fn a_client_that_is_enabled_again_while_it_gives_its_lease_back_asks_again() {
    let mut machine = bound();
    machine.command(Command::Disable, 2_000).unwrap();
    assert_eq!(machine.command(Command::Enable, 2_001).unwrap(), []);
    assert!(has_lose(&machine.handle(Input::Deconfig, 2_002)));
    assert!(matches!(died(&mut machine, 2_010)[..], [Effect::Start(Some(_))]));
}

#[test]
fn a_release_that_the_client_never_confirms_is_over_all_the_same() {
    let mut machine = bound();
    machine.command(Command::Release, 2_000).unwrap();
    assert_eq!(machine.deadline(2_000), Some(2_000 + RELEASE_MS));
    let effects = machine.handle(Input::Tick, 2_000 + RELEASE_MS);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop));
}

#[test]
fn disabling_gives_the_lease_back_and_leaving_keeps_it() {
    let mut machine = bound();
    let effects = machine.command(Command::Disable, 2_000).unwrap();
    assert_eq!(effects, [Effect::SignalRelease(GivingBack::MayAskAgain)]);
    assert!(has_lose(&machine.handle(Input::Deconfig, 2_002)));
    died(&mut machine, 2_003);
    assert!(machine.is_idle());
    assert_eq!(machine.state(), ClientState::Disabled);
    assert!(machine.command(Command::Renew, 3_000).unwrap_err().contains("disabled"));
    assert!(matches!(machine.command(Command::Enable, 4_000).unwrap()[..], [Effect::Start(Some(_))]));

    let mut machine = bound();
    assert_eq!(machine.command(Command::Leave, 2_000).unwrap(), [Effect::Stop]);
    assert_eq!(died(&mut machine, 2_010), []);
    assert!(machine.lease.is_some() && machine.is_idle());
}

#[test]
fn a_refused_lease_is_asked_for_again_later_each_time() {
    let mut machine = machine();
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert!(machine.handle(refused("the mask is /0"), 100).contains(&Effect::Stop));
    assert_eq!(died(&mut machine, 110), []);
    assert_eq!(machine.state(), ClientState::Error);
    assert_eq!(machine.reason(100).unwrap(), "lease refused: the mask is /0; tried again in 5 s");
    assert_eq!(machine.deadline(110), Some(5_100));
    assert!(matches!(machine.handle(Input::Tick, 5_100)[..], [Effect::Start(None)]));
    machine.handle(Input::Started, 6_000);
    machine.handle(refused("again"), 7_000);
    died(&mut machine, 7_001);
    assert_eq!(machine.deadline(7_001), Some(17_000));
}

#[test]
fn a_refused_change_leaves_the_lease_before_to_its_time() {
    let mut machine = bound();
    assert!(!has_lose(&machine.handle(refused("broadcast address"), 60_000)));
    assert!(machine.lease.is_some());
    assert!(has_lose(&machine.handle(Input::Tick, 121_000)));
}

#[test]
fn a_lease_without_an_end_needs_no_clock() {
    let mut machine = bound();
    machine.handle(Input::Lease(Held { valid_until: None, renews_at: None, ..held(0) }), 2_000);
    assert_eq!(machine.deadline(2_000), None);
    assert!(!has_lose(&machine.handle(Input::Tick, u64::MAX)));
}

#[test]
fn a_client_that_cannot_be_started_is_an_error_and_is_tried_again() {
    let mut machine = machine();
    machine.handle(link(true, true), 0);
    let missing = || Input::NotStarted { fault: Fault::Missing("not installed".into()), jitter: JITTER };
    assert_eq!(reports(&machine.handle(missing(), 1)), [ReportKind::Failed]);
    assert_eq!(machine.state(), ClientState::Error);
    let mut now = 1;
    for said in [&[][..], &[ReportKind::Disabled], &[], &[]] {
        now = machine.deadline(now).unwrap();
        assert_eq!(machine.handle(Input::Tick, now), [Effect::Start(None)]);
        assert_eq!(reports(&machine.handle(missing(), now)), said);
    }
    assert!(machine.reason(now).unwrap().contains("`dhcpmgr enable wan4` tries at once"));
    assert_eq!(machine.command(Command::Enable, now + 1).unwrap(), [Effect::Start(None)]);
}

#[test]
fn a_lease_of_an_earlier_daemon_is_held_before_any_client_runs() {
    let mut machine = machine();
    assert_eq!(machine.handle(Input::Lease(held(50_000)), 1_000), []);
    assert_eq!(machine.state(), ClientState::Rebinding);
    assert!(matches!(machine.handle(link(true, true), 1_001)[..], [Effect::Start(Some(_))]));
    machine.handle(Input::Started, 1_002);
    assert_eq!(machine.handle(Input::Deconfig, 1_010), [], "every start of udhcpc begins with deconfig");
    assert!(machine.lease.is_some());
}

#[test]
fn silence_is_said_with_its_length_until_somebody_answers() {
    let mut machine = machine();
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
    let mut machine = machine();
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
    assert_eq!(died(&mut machine, 3).last(), Some(&Effect::Start(held(0).address)));
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
    assert_eq!(machine.handle(Input::ReleasedBefore, 1), [Effect::SignalRelease(GivingBack::StaysWithout)]);
    assert_eq!(machine.reason(1).unwrap(), "the lease is being given back");
    let effects = machine.handle(Input::Deconfig, 2);
    assert!(has_lose(&effects) && effects.contains(&Effect::Stop), "{effects:?}");
    assert_eq!(died(&mut machine, 3), []);
    assert!(machine.reason(4).unwrap().contains("released by the operator"));
}

#[test]
fn a_release_by_the_operator_stays_also_where_no_client_is_left_to_give_it_back() {
    let mut machine = machine();
    machine.handle(Input::Lease(held(121_000)), 0);
    assert!(has_lose(&machine.handle(Input::ReleasedBefore, 1)));
    assert_eq!(machine.handle(link(true, true), 2), [], "it is not started");
    assert_eq!(machine.command(Command::Release, 3), Ok(vec![]), "released is released");
    let effects = machine.command(Command::Renew, 4).unwrap();
    assert!(effects.contains(&Effect::Start(held(0).address)), "{effects:?}");
}

#[test]
fn a_client_that_keeps_dying_is_an_error_although_its_lease_is_in_force_until_the_operator_starts_over() {
    let mut machine = bound();
    machine.handle(Input::Lease(held(50_000_000)), 1_500);
    let mut now = 30_000;
    for n in 0..=10 {
        let effects = died(&mut machine, now);
        assert!(!has_lose(&effects));
        assert_eq!(machine.state() == ClientState::Error, n == 10);
        if n < 10 {
            if !effects.iter().any(|effect| matches!(effect, Effect::Start(_))) {
                now = machine.deadline(now).unwrap();
                machine.handle(Input::Tick, now);
            }
            machine.handle(Input::Started, now);
            now += 5;
        }
    }
    assert!(machine.reason(now).unwrap().contains("`dhcpmgr restart wan4`"));
    assert!(machine.deadline(now).unwrap() > now + 600_000, "slowly");
    machine.handle(link(true, false), now + 1);
    assert!(machine.handle(link(true, true), now + 10_000).len() == 1, "a link that returns changes nothing");
    let mut hurried = machine.clone();
    assert!(matches!(hurried.command(Command::Renew, now + 11_000).unwrap()[..], [Effect::Start(Some(_))]));
    assert_eq!(hurried.recovery_view(now + 11_000).restarts_left, 0, "tried now, and not forgiven");
    assert!(matches!(machine.command(Command::Restart, now + 11_000).unwrap()[..], [Effect::Start(Some(_))]));
    assert_eq!(machine.recovery_view(now + 11_000).restarts_left, 10);
}

#[test]
fn a_client_that_ends_with_its_interface_costs_no_restart() {
    let mut machine = bound();
    machine.handle(link(false, false), 5_000);
    let effects = exited(&mut machine, Fault::Ended("the client ended with exit status 0".into()), 5_010);
    let Effect::Report(report) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!((report.fault, report.path), ("network", Path::Retry));
    assert_eq!(machine.recovery_view(5_010).restarts_left, 10);
    assert!(machine.handle(link(true, true), 5_100).iter().any(|effect| matches!(effect, Effect::Start(_))));
}

#[test]
fn a_frozen_client_is_reported_and_started_again_and_one_that_searches_is_left_alone() {
    let mut machine = machine();
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    machine.handle(Input::Deconfig, 5);
    for now in (30_000..=300_000).step_by(30_000) {
        let effects = machine.handle(Input::Leasefail, now);
        assert_eq!(reports(&effects).len(), usize::from(now == 30_000), "silence of servers is said once");
        assert_eq!(machine.handle(Input::Tick, now), []);
    }
    assert_eq!(machine.deadline(300_000), Some(360_000), "it looks for words");
    let effects = machine.handle(Input::Tick, 420_000);
    assert_eq!(reports(&effects), [ReportKind::Stuck]);
    assert!(effects.contains(&Effect::Kill), "{effects:?}");
    let effects = died(&mut machine, 420_010);
    let Effect::Report(report) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!((report.fault, report.path), ("no-progress", Path::Restart), "not that it was killed");
    assert!(effects.contains(&Effect::Start(None)), "{effects:?}");
    assert_eq!(machine.recovery_view(420_010).restarts_left, 9);
}

#[test]
fn a_stuck_client_is_only_reported_where_that_is_the_policy() {
    let policy = Recovery { on_stuck: crate::config::OnStuck::Report, ..Recovery::default() };
    let mut machine = Machine::new("wan4", "wan0", true, policy, UDHCPC);
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert_eq!(reports(&machine.handle(Input::Tick, 120_000)), [ReportKind::Stuck]);
    assert!(machine.reason(130_000).unwrap().starts_with("no sign of life of the client for 130 s"));
    assert_eq!(machine.deadline(130_000), None);
    machine.handle(Input::Progress(Progress::Requesting), 140_000);
    assert_eq!(machine.reason(140_000), None);
}

#[test]
fn a_bound_client_that_never_asks_for_more_time_is_stuck_and_one_that_asks_in_vain_is_not() {
    let lease = Held { renews_at: Some(1_800_000), ..held(3_600_000) };
    for asks in [true, false] {
        let mut machine = bound();
        machine.handle(Input::Lease(lease.clone()), 2_000);
        let due = machine.deadline(2_000).unwrap();
        assert_eq!(due, 1_920_000);
        if asks {
            machine.handle(Input::Progress(Progress::Renewing), due);
        }
        let effects = machine.handle(Input::Tick, due);
        assert_eq!(effects.contains(&Effect::Kill), !asks, "{effects:?}");
        assert!(!has_lose(&effects));
    }
}

#[test]
fn a_client_that_does_not_react_to_a_renewal_is_stuck() {
    let mut machine = bound();
    machine.handle(Input::Lease(held(50_000_000)), 2_000);
    machine.command(Command::Renew, 10_000).unwrap();
    machine.handle(Input::Tick, 10_000 + UDHCPC.renewal_ms);
    assert_eq!(reports(&machine.handle(Input::Tick, 130_000)), [ReportKind::Stuck]);
}

#[test]
fn a_changed_configuration_ends_the_wait_of_a_client_that_refused_the_one_before() {
    let mut machine = machine();
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    let refused =
        Fault::Misconfigured { what: "it does not understand its command line".into(), argument: None };
    assert_eq!(reports(&exited(&mut machine, refused, 10)), [ReportKind::Failed]);
    assert_eq!(machine.state(), ClientState::Error);
    assert_eq!(machine.handle(Input::Tick, 60_000), []);
    assert_eq!(machine.handle(Input::LaunchChanged, 60_001), [Effect::Start(None)]);
}

/// dibbler hears no signal to renew: killed and started again, it asks for the same lease.
pub(super) const DIBBLER: Manners = Manners { renews_by_restart: true, needs_link_local: true, ..UDHCPC };

#[test]
fn a_client_that_hears_no_signal_renews_by_a_new_start_and_its_lease_stays() {
    let mut machine = bound();
    machine.reconfigure(Recovery::default(), DIBBLER);
    assert_eq!(machine.command(Command::Renew, 2_000), Ok(vec![Effect::Stop]));
    assert_eq!(machine.state(), ClientState::Renewing);
    assert!(machine.command(Command::Renew, 2_001).unwrap_err().contains("under way"));
    let address = Some(Ipv4Addr::new(192, 0, 2, 7));
    assert_eq!(died(&mut machine, 2_010), [Effect::Start(address)], "wanted, so it is no fault");
    machine.handle(Input::Started, 2_020);
    assert_eq!(machine.state(), ClientState::Renewing);
    assert_eq!(machine.handle(Input::Lease(held(130_000)), 3_000), []);
    assert_eq!(machine.state(), ClientState::Bound);
}

#[test]
fn a_carrier_that_returns_renews_by_a_new_start_too() {
    let mut machine = bound();
    machine.reconfigure(Recovery::default(), DIBBLER);
    machine.handle(link(true, false), 10_000);
    assert!(!has_lose(&machine.handle(link(true, true), 20_000)));
    assert_eq!(machine.handle(Input::Tick, 20_000 + carrier::SETTLE_MS), [Effect::Stop]);
    assert!(matches!(died(&mut machine, 20_600)[..], [Effect::Start(_)]));
}

#[test]
fn a_renewal_by_a_new_start_that_nobody_answers_is_over_in_time() {
    let mut machine = bound();
    machine.reconfigure(Recovery::default(), DIBBLER);
    machine.command(Command::Renew, 2_000).unwrap();
    died(&mut machine, 2_010);
    machine.handle(Input::Started, 2_020);
    machine.handle(Input::Tick, 2_000 + DIBBLER.renewal_ms);
    assert_eq!(machine.state(), ClientState::Rebinding, "the lease counts on");
}

#[test]
fn a_client_that_is_not_needed_gives_its_lease_back_and_asks_for_one_when_it_is_needed_again() {
    let mut machine = bound();
    let aside = |way: Option<&str>| {
        Input::Aside(way.map(|way| Aside { way: way.to_owned(), lease: Unneeded::Release }))
    };
    assert_eq!(
        machine.handle(aside(Some("map-t of wan6")), 2_000),
        [Effect::SignalRelease(GivingBack::MayAskAgain)]
    );
    assert_eq!(machine.handle(aside(Some("map-e of wan6")), 2_001), [], "the way may change");
    let effects = machine.handle(Input::Deconfig, 2_010);
    assert!(effects.contains(&Effect::Stop) && has_lose(&effects), "{effects:?}");
    assert_eq!(exited(&mut machine, Fault::Ended("ended".into()), 2_020), []);
    assert_eq!(machine.state(), ClientState::Init);
    assert_eq!(machine.reason(3_000).unwrap(), "stands aside: IPv4 comes over map-e of wan6");
    assert_eq!(
        machine.handle(link(true, false), 4_000),
        [Effect::LinkChanged("wan0 lost its carrier".into())]
    );
    machine.handle(link(true, true), 5_000);
    assert_eq!(machine.handle(Input::Tick, 6_000), []);
    assert!(machine.command(Command::Renew, 6_500).unwrap_err().contains("map-e of wan6"));
    assert_eq!(machine.handle(aside(None), 7_000), [Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))]);
}

#[test]
fn a_client_that_is_not_needed_may_keep_its_lease_at_the_server_and_just_ends() {
    let mut machine = bound();
    let aside = Aside { way: "map-t of wan6".to_owned(), lease: Unneeded::Keep };
    let effects = machine.handle(Input::Aside(Some(aside)), 2_000);
    assert!(effects.contains(&Effect::Stop) && has_lose(&effects), "{effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SignalRelease(_))), "{effects:?}");
    assert!(machine.is_giving_back(), "what it still says of a lease is of no use");
    assert_eq!(machine.handle(Input::Aside(None), 2_010), [], "first it ends");
    let effects = exited(&mut machine, Fault::Ended("ended".into()), 2_020);
    assert_eq!(effects, [Effect::Start(Some(Ipv4Addr::new(192, 0, 2, 7)))]);
}

#[test]
fn a_lease_that_the_operator_gave_back_stays_so_when_the_client_is_needed_again() {
    let mut machine = bound();
    let aside =
        |is: bool| Input::Aside(is.then(|| Aside { way: "map-t".to_owned(), lease: Unneeded::Release }));
    machine.command(Command::Release, 2_000).unwrap();
    assert_eq!(machine.handle(aside(true), 2_001), [], "that is under way already");
    machine.handle(Input::Deconfig, 2_010);
    exited(&mut machine, Fault::Ended("ended".into()), 2_020);
    assert_eq!(machine.handle(aside(false), 3_000), []);
    assert!(machine.reason(3_000).unwrap().contains("released by the operator"));
    assert_eq!(machine.command(Command::Renew, 4_000).unwrap().len(), 1);
}

#[test]
fn a_client_that_needs_a_link_local_address_waits_for_it() {
    let mut machine = Machine::new("wan6", "wan0", true, Recovery::default(), DIBBLER);
    let link = |link_local| Input::Link(Some(LinkState { link_local, ..CARRIER }));
    assert_eq!(machine.handle(link(false), 0), []);
    assert!(machine.reason(0).unwrap().contains("duplicate address detection"));
    assert_eq!(machine.handle(link(true), 1_500), [Effect::Start(None)]);
    machine.handle(Input::Started, 1_500);
    assert_eq!(machine.handle(link(false), 2_000), [], "a running one is left alone");
}

#[test]
fn a_client_whose_hook_says_nothing_of_silence_is_known_by_its_words_to_find_nobody() {
    let mut machine = Machine::new("wan6", "wan0", true, Recovery::default(), DIBBLER);
    machine.handle(link(true, true), 0);
    machine.handle(Input::Started, 0);
    assert_eq!(machine.handle(Input::Progress(Progress::Selecting), SILENCE_MS - 1), []);
    let effects = machine.handle(Input::Progress(Progress::Selecting), SILENCE_MS);
    assert_eq!(reports(&effects), [ReportKind::Silent]);
    assert_eq!(machine.reason(SILENCE_MS).unwrap(), "no server has answered for 30 s");
    assert_eq!(machine.handle(Input::Progress(Progress::Selecting), SILENCE_MS + 1), [], "said once");
    machine.handle(Input::Lease(held(200_000)), 40_000);
    assert_eq!(machine.reason(40_000), None);
    machine.handle(Input::Gone("taken back".into()), 50_000);
    assert_eq!(machine.handle(Input::Progress(Progress::Selecting), 60_000), []);
    assert_eq!(reports(&machine.handle(Input::Progress(Progress::Selecting), 80_000)), [ReportKind::Silent]);
}

#[test]
fn what_a_client_still_says_of_a_lease_that_is_given_back_does_not_keep_it() {
    let mut machine = bound();
    machine.reconfigure(Recovery::default(), DIBBLER);
    assert!(!machine.is_giving_back());
    machine.command(Command::Release, 2_000).unwrap();
    assert!(machine.is_giving_back());
    machine.handle(Input::Lease(held(130_000)), 2_001);
    let effects = exited(&mut machine, Fault::Ended("ended".into()), 2_010);
    assert!(has_lose(&effects), "{effects:?}");
    assert!(machine.is_giving_back(), "a message may wait in the spool");
    machine.command(Command::Renew, 3_000).unwrap();
    machine.handle(Input::Started, 3_010);
    assert!(!machine.is_giving_back());
}
