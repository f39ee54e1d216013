//! The lease time, and what T1 and T2 must be.

use dhcpmgr_plugin_api::message::Lifetime;

use crate::support::*;

#[test]
fn the_lease_time_is_both_lifetimes_of_the_address() {
    let plan = plan_with(|_| {});
    assert_eq!(plan.addresses[0].valid, Lifetime(3600));
    assert_eq!(plan.addresses[0].preferred, Lifetime(3600));
}

#[test]
fn a_lease_may_last_for_ever() {
    let plan = plan_with(|r| {
        r.lease_time = Some(Lifetime::INFINITE);
        r.t1 = Some(Lifetime::INFINITE);
        r.t2 = Some(Lifetime::INFINITE);
    });
    assert_eq!(plan.addresses[0].valid, Lifetime::INFINITE);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn a_lease_of_no_duration_is_refused() {
    let plan = plan_with(|r| r.lease_time = Some(Lifetime(0)));
    assert!(refusal(&plan).contains("lease time (option 51) is 0 s"));
}

#[test]
fn a_lease_that_ends_before_it_is_renewed_is_worth_a_remark() {
    let plan = plan_with(|r| (r.lease_time, r.t1, r.t2) = (Some(Lifetime(10)), None, None));
    assert_eq!(plan.addresses[0].valid, Lifetime(10));
    assert_note(&plan, &["lease time of 10 s (option 51) is too short"]);
}

#[test]
fn without_a_lease_time_the_clients_own_is_assumed() {
    let plan = plan_with(|r| r.lease_time = None);
    assert_eq!(plan.addresses[0].valid, Lifetime(3600));
    assert_note(&plan, &["no lease time (option 51)", "3600 s"]);
}

#[test]
fn times_out_of_order_are_worth_a_remark_and_no_more() {
    for (t1, t2, words) in [
        (3150, 1800, &["T1 3150 s", "T2 1800 s"][..]),
        (1800, 3600, &["T2 3600 s", "the end of the lease, 3600 s"][..]),
        (u32::MAX, 3150, &["T1 for ever", "T2 3150 s"][..]),
    ] {
        let plan = plan_with(|r| {
            r.t1 = Some(Lifetime(t1));
            r.t2 = Some(Lifetime(t2));
        });
        assert_note(&plan, words);
        assert_eq!(plan.addresses[0].valid, Lifetime(3600));
    }
}
