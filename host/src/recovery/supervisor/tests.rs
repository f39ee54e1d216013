//! The ways out of faults, told as stories, and what holds whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::Recovery;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
/// No jitter at all would be 127.5.
const MIDDLE: u8 = 127;

fn supervisor() -> Supervisor {
    Supervisor::new(Recovery::default())
}

fn died() -> Fault {
    Fault::Died("the client was killed by SIGKILL".into())
}

fn kinds(reports: &[Report]) -> Vec<(ReportKind, Path)> {
    reports.iter().map(|report| (report.kind, report.path)).collect()
}

/// Lets a client die as soon as it may be started; gives the waits and the last reports.
fn dies(supervisor: &mut Supervisor, times: usize, now: &mut u64) -> (Vec<u64>, Vec<Report>) {
    let (mut waits, mut reports) = (Vec::new(), Vec::new());
    for _ in 0..times {
        reports = supervisor.fault(&died(), *now, MIDDLE);
        let at = supervisor.retry_at().unwrap();
        waits.push(at - *now);
        *now = at + 10;
        supervisor.started();
        supervisor.runs();
    }
    (waits, reports)
}

#[test]
fn a_dead_client_is_started_at_once_and_then_later_each_time_until_the_budget_is_used_up() {
    let (mut supervisor, mut now) = (supervisor(), 1_000);
    let (waits, reports) = dies(&mut supervisor, 10, &mut now);
    assert_eq!(waits[0], 0);
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1] || pair[1] > 60 * SECOND), "{waits:?}");
    assert_eq!(kinds(&reports), [(ReportKind::Failed, Path::Restart)]);
    assert!(reports[0].detail.contains("0 of 10 restarts left"), "{}", reports[0].detail);
    assert!(!supervisor.is_error());

    let (waits, reports) = dies(&mut supervisor, 1, &mut now);
    assert_eq!(
        kinds(&reports),
        [(ReportKind::Failed, Path::Escalate), (ReportKind::Escalated, Path::Escalate)]
    );
    assert!((14 * MINUTE..16 * MINUTE).contains(&waits[0]), "{waits:?}");
    let (waits, reports) = dies(&mut supervisor, 3, &mut now);
    assert_eq!(kinds(&reports), [(ReportKind::Failed, Path::Escalate)], "escalated is said once");
    assert!(waits.iter().all(|wait| *wait > 14 * MINUTE), "slow even when the window has passed: {waits:?}");
    assert!(supervisor.is_error());
    let phrase = supervisor.phrase("wan4", false, now).unwrap();
    assert!(phrase.contains("SIGKILL") && phrase.contains("`dhcpmgr restart wan4`"), "{phrase}");
}

#[test]
fn a_lease_that_is_held_for_a_while_gives_the_budget_back_and_a_short_one_does_not() {
    let (mut supervisor, mut now) = (supervisor(), 1_000);
    dies(&mut supervisor, 11, &mut now);
    supervisor.leased(now);
    assert_eq!(supervisor.steady_at(), Some(now + 10 * MINUTE));
    assert_eq!(supervisor.tick(now + 5 * SECOND), None);
    let (waits, _) = dies(&mut supervisor, 1, &mut now);
    assert!(waits[0] > 14 * MINUTE, "it bound and died: {waits:?}");

    supervisor.leased(now);
    let recovered = supervisor.tick(now + 10 * MINUTE).unwrap();
    assert_eq!(recovered.kind, ReportKind::Recovered);
    assert!(!supervisor.is_error());
    assert_eq!(supervisor.steady_at(), None, "there is nothing left to forget");
    now += 20 * MINUTE;
    assert_eq!(dies(&mut supervisor, 1, &mut now).0, [0]);
}

#[test]
fn restarts_leave_the_budget_with_the_window() {
    let (mut supervisor, mut now) = (supervisor(), 1_000);
    dies(&mut supervisor, 9, &mut now);
    now += 61 * MINUTE;
    assert_eq!(dies(&mut supervisor, 1, &mut now).0, [0]);
    assert_eq!(supervisor.view(now).restarts_left, 9);
}

#[test]
fn a_daemon_that_is_started_again_goes_on_where_the_one_before_was() {
    let (mut before, mut now) = (supervisor(), 1_000);
    dies(&mut before, 10, &mut now);
    before.fault(&died(), now, MIDDLE);
    let record = before.take_changed().unwrap().clone();
    assert_eq!(before.take_changed(), None);
    let mut after = supervisor();
    after.restore(record, now + 5);
    assert!(after.is_error());
    assert_eq!(after.retry_at(), before.retry_at());
    assert_eq!(after.phrase("wan4", false, now), before.phrase("wan4", false, now));
    after.start_over();
    assert!(!after.is_error() && after.retry_at().is_none());
    assert_eq!(after.take_changed(), Some(&Record::default()));
}

#[test]
fn an_argument_that_is_refused_is_left_out_at_once_and_one_that_is_unknown_waits_for_the_operator() {
    let mut supervisor = supervisor();
    let argument = Argument { flag: "-O".into(), value: "125".into() };
    let what = "unknown option '125'".to_owned();
    let fault = Fault::Misconfigured { what: what.clone(), argument: Some(argument.clone()) };
    let reports = supervisor.fault(&fault, 1_000, MIDDLE);
    assert_eq!(
        kinds(&reports),
        [(ReportKind::Failed, Path::Reconfigure), (ReportKind::Reconfigured, Path::Reconfigure)]
    );
    assert_eq!((supervisor.retry_at(), supervisor.left_out()), (Some(1_000), &[argument][..]));
    supervisor.started();
    supervisor.runs();
    let phrase = supervisor.phrase("wan4", true, 2_000).unwrap();
    assert_eq!(phrase, "started without `-O 125`, which the program refuses");

    // Refused although it is left out: nothing more can be done without somebody.
    supervisor.fault(&fault, 3_000, MIDDLE);
    assert!(supervisor.is_error() && supervisor.retry_at().unwrap() > 10 * MINUTE);
    let phrase = supervisor.phrase("wan4", false, 3_000).unwrap();
    assert!(phrase.contains("waits for another configuration"), "{phrase}");
    supervisor.configuration_changed();
    assert!(!supervisor.is_error() && supervisor.retry_at().is_none());
}

#[test]
fn the_network_is_waited_for_without_the_budget_and_not_at_all_when_it_returns() {
    let (mut supervisor, fault) = (supervisor(), Fault::Network("wan0 is down".into()));
    let mut reports = Vec::new();
    for n in 0..30 {
        reports.extend(supervisor.fault(&fault, n * MINUTE, MIDDLE));
        let wait = supervisor.retry_at().unwrap() - n * MINUTE;
        assert!((750..=80 * SECOND).contains(&wait), "{wait}");
        supervisor.started();
        supervisor.runs();
    }
    assert_eq!(kinds(&reports), [(ReportKind::Failed, Path::Retry)], "said once");
    assert_eq!(supervisor.view(0).restarts_left, 10);
    supervisor.fault(&fault, 31 * MINUTE, MIDDLE);
    supervisor.network_returned();
    assert_eq!(supervisor.retry_at(), None);
}

#[test]
fn leases_that_cannot_be_right_are_asked_for_later_each_time() {
    let (mut supervisor, fault) = (supervisor(), Fault::BadLease("lease refused: /0".into()));
    let wait = |supervisor: &mut Supervisor| {
        supervisor.fault(&fault, 0, MIDDLE);
        supervisor.retry_at().unwrap()
    };
    let waits: Vec<u64> = (0..9).map(|_| wait(&mut supervisor)).collect();
    assert_eq!(waits[..4], [5_000, 10_000, 20_000, 40_000]);
    assert_eq!(waits[8], LONGEST_WAIT_MS);
    supervisor.leased(1);
    assert_eq!(wait(&mut supervisor), 5_000);
}

#[test]
fn what_is_missing_is_disabled_after_a_few_looks_and_runs_again_when_it_is_there() {
    let (mut supervisor, fault) = (supervisor(), Fault::Missing("udhcpc is not installed".into()));
    let mut reports = Vec::new();
    for n in 0..20 {
        reports.extend(supervisor.fault(&fault, n * MINUTE, MIDDLE));
        assert!(supervisor.retry_at().unwrap() < n * MINUTE + 13 * SECOND, "it is looked at often");
    }
    assert_eq!(
        kinds(&reports),
        [(ReportKind::Failed, Path::Retry), (ReportKind::Disabled, Path::Disable)],
        "said twice, not every few seconds"
    );
    assert!(supervisor.is_error());
    let phrase = supervisor.phrase("wan4", false, 20 * MINUTE).unwrap();
    assert!(phrase.contains("not installed") && phrase.contains("`dhcpmgr enable wan4`"), "{phrase}");
    supervisor.started();
    supervisor.runs();
    assert!(!supervisor.is_error());
}

#[test]
fn what_only_a_start_can_show_is_tried_at_the_slow_rate() {
    let (mut supervisor, fault) = (supervisor(), Fault::Forbidden("Operation not permitted".into()));
    for _ in 0..3 {
        supervisor.fault(&fault, 0, MIDDLE);
    }
    assert!(supervisor.is_error() && supervisor.retry_at().unwrap() > 14 * MINUTE);
    supervisor.network_returned();
    assert!(supervisor.retry_at().is_some(), "a flapping link changes nothing about that");
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(died()),
        1 => Just(Fault::Stuck("no sign of life".into())),
        1 => (0_u8..20).prop_map(|n| Fault::Misconfigured {
            what: "unknown option".into(),
            argument: Some(Argument { flag: "-O".into(), value: n.to_string() }),
        }),
        1 => Just(Fault::Misconfigured { what: "usage".into(), argument: None }),
        1 => Just(Fault::Network("down".into())),
        1 => Just(Fault::BadLease("lease refused".into())),
        1 => Just(Fault::Missing("not installed".into())),
        1 => Just(Fault::Forbidden("not permitted".into())),
    ]
}

fn any_policy() -> impl Strategy<Value = Recovery> {
    (1_u32..20, 60_u64..7200, 0_u64..900).prop_map(|(restarts, window, more)| Recovery {
        restarts,
        window: Duration::from_secs(window),
        slow: Duration::from_secs(window / u64::from(restarts) + more + 1),
        ..Recovery::default()
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    (proptest::collection::vec(any::<u64>(), 0..50), any::<Option<u64>>(), any::<u32>())
        .prop_map(|(starts, retry_at, tries)| Record { starts, retry_at, tries, ..Record::default() })
}

proptest! {
    /// Without a lease that is held, a window never sees more starts of clients that died than the budget and the
    /// slow rate allow; and whatever happens there is a next try within the slow rate or a few minutes.
    #[test]
    fn starts_are_bounded_and_there_is_always_a_next_one(
        policy in any_policy(),
        happenings in proptest::collection::vec((any_fault(), any::<u8>(), 0_u64..30_000, any::<bool>()), 1..200),
    ) {
        let mut supervisor = Supervisor::new(policy.clone());
        let (window, slow) = (policy.window.as_millis() as u64, policy.slow.as_millis() as u64);
        let (mut now, mut counted) = (5_000_000_u64, Vec::new());
        for (fault, jitter, lived, bound) in happenings {
            let reports = supervisor.fault(&fault, now, jitter);
            let at = supervisor.retry_at().expect("a next try");
            prop_assert!(at >= now && at - now <= (slow / 4 * 5 + 2).max(LONGEST_WAIT_MS), "{}", at - now);
            prop_assert!(supervisor.phrase("wan4", false, now).is_some(), "and a reason");
            if matches!(fault, Fault::Died(_) | Fault::Stuck(_)) {
                prop_assert!(!reports.is_empty(), "a death is always said");
                counted.push(at);
            }
            now = at;
            supervisor.started();
            supervisor.runs();
            if bound {
                supervisor.leased(now);
            }
            now += lived;
            prop_assert_eq!(supervisor.tick(now), None, "it never lives long enough");
        }
        let most = policy.restarts as usize + (window as f64 / (slow as f64 * 0.74)) as usize + 1;
        for (n, first) in counted.iter().enumerate() {
            let within = counted[n..].iter().take_while(|at| **at < first + window).count();
            prop_assert!(within <= most, "{} starts within {} s, at most {}", within, window / 1000, most);
        }
    }

    /// The waits of a client that only dies grow, as far as jitter lets one see it.
    #[test]
    fn waits_grow(jitters in proptest::collection::vec(any::<u8>(), 9)) {
        let (mut supervisor, mut now, mut before) = (supervisor(), 1_000, 0);
        for jitter in jitters {
            supervisor.fault(&died(), now, jitter);
            let wait = supervisor.retry_at().unwrap() - now;
            prop_assert!(wait * 5 >= before * 3 && wait <= 81 * SECOND, "{} after {}", wait, before);
            before = wait;
            now += wait + 10;
            supervisor.started();
        }
    }

    /// A record is data from a file: whatever it says, the client is tried again in time.
    #[test]
    fn a_record_of_nonsense_holds_nothing_up(record in any_record(), now in 0_u64..1 << 50, policy in any_policy()) {
        let mut supervisor = Supervisor::new(policy.clone());
        supervisor.restore(record, now);
        let longest = (policy.slow.as_millis() as u64 / 4 * 5 + 2).max(LONGEST_WAIT_MS);
        prop_assert!(supervisor.retry_at().is_none_or(|at| at <= now + longest));
        supervisor.fault(&died(), now, MIDDLE);
        prop_assert!(supervisor.retry_at().unwrap() <= now + longest);
        supervisor.tick(now);
    }
}
