//! What a server says of associations and of the lease as a whole.

use dhcpmgr_plugin_api::message::{IaKind, Lifetime, V6Ia};

use crate::support::*;

fn ia(kind: IaKind, status: Option<u16>) -> V6Ia {
    V6Ia { kind, iaid: 4, t1: Some(Lifetime(15)), t2: Some(Lifetime(25)), status }
}

#[test]
fn a_status_is_told_in_words_and_costs_no_other_value() {
    for (kind, status, words) in [
        (IaKind::Na, 2, "IA_NA 4 that it has no addresses for it (NoAddrsAvail, status 2)"),
        (IaKind::Pd, 6, "IA_PD 4 that it has no prefixes for it (NoPrefixAvail, status 6)"),
        (IaKind::Ta, 3, "IA_TA 4 that it knows of no lease (NoBinding, status 3)"),
        (IaKind::Na, 999, "IA_NA 4 status 999, which is not known"),
    ] {
        let plan = plan_with(|r| r.ias = vec![ia(kind, Some(status))]);
        assert_note(&plan, &[words]);
        assert_eq!((plan.addresses.len(), plan.prefixes.len()), (1, 1));
    }
    assert_no_notes(&plan_with(|r| r.ias = vec![ia(IaKind::Na, Some(0)), ia(IaKind::Pd, None)]));
}

#[test]
fn the_servers_own_words_are_repeated_harmlessly() {
    let plan = plan_of(13, b"\0\x01no \"room\"\n\x1b[31m");
    assert_note(&plan, &[r#"UnspecFail, status 1): "no \"room\"\n\u{1b}[31m""#]);
    assert!(plan.notes.iter().all(|note| !note.contains(char::is_control)));
    assert_note(&plan_of(13, &[0, 6]), &["the server says (option 13)", "NoPrefixAvail"]);
    assert_no_notes(&plan_of(13, b"\0\0all good"));
    assert_note(&plan_of(13, &[0]), &["option 13 is ignored", "has 1 of 2 bytes (byte 0)"]);
}

#[test]
fn times_out_of_order_are_worth_a_remark_and_no_more() {
    let plan = plan_with(|r| r.ias = vec![V6Ia { t1: Some(Lifetime(26)), ..ia(IaKind::Pd, None) }]);
    assert_note(&plan, &["IA_PD 4: T1 26 s is after T2 25 s"]);
    assert_eq!((plan.addresses.len(), plan.prefixes.len()), (1, 1));
    let plan = plan_with(|r| r.ias = vec![V6Ia { t1: Some(Lifetime::INFINITE), ..ia(IaKind::Na, None) }]);
    assert_note(&plan, &["IA_NA 4: T1 for ever"]);
    // 0 leaves it to the client.
    assert_no_notes(&plan_with(|r| r.ias = vec![V6Ia { t2: Some(Lifetime(0)), ..ia(IaKind::Pd, None) }]));
}

#[test]
fn unicast_is_left_to_the_client() {
    let plan = plan_with(|r| set(r, 12, &addresses(&["2001:db8::1"])));
    assert_note(&plan, &["2001:db8::1 (option 12)"]);
    assert_note(&plan_of(12, &[1, 2]), &["option 12 is ignored", "2 of 16 bytes"]);
}
