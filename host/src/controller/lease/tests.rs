//! What a renewal changed of what handlers say.

use dhcpmgr_message::{Bytes, ClientEvent, Lifetime, V4Report};
use dhcpmgr_plugin_api::AddressPlan;

use super::*;
use crate::config;

fn lease(options: &[(u8, &[u8])], change: impl FnOnce(Plan) -> Plan) -> Lease {
    let text = "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n";
    let config = config::parse(vec![("d.toml".into(), text.to_owned())]).unwrap();
    let report = V4Report {
        address: Some("192.0.2.7".parse().unwrap()),
        options: options.iter().map(|(code, value)| (*code, Bytes(value.to_vec()))).collect(),
        ..V4Report::default()
    };
    let message = LeaseMessage {
        v: 1,
        id: 1,
        client: "wan4".parse().unwrap(),
        token: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        program: "udhcpc".to_owned(),
        event: ClientEvent::Renew,
        interface: "wan0".parse().unwrap(),
        at_ms: 1000,
        v4: Some(report),
        v6: None,
        problems: Vec::new(),
    };
    let plan =
        Plan::default().with_address(AddressPlan::new("192.0.2.7/24".parse().unwrap(), Lifetime(3600)));
    let client = config.clients.values().next().unwrap();
    Lease::build(client, &message, Ledger::default(), change(plan)).unwrap()
}

fn emitted(url: &str) -> Emitted {
    Emitted::new("acs-found").with("url", url)
}

fn changes(new: &Lease, old: &Lease) -> Vec<Change> {
    new.changes_from(Some(old))
}

#[test]
fn the_same_values_and_the_same_events_are_no_change_and_no_news() {
    let make = || lease(&[(43, b"x")], |plan| plan.with_parameter("Acs.Url", "a").with_event(emitted("a")));
    assert!(changes(&make(), &make()).is_empty());
    assert!(make().news_from(Some(&make())).is_empty());
    assert_eq!(make().news_from(None), [emitted("a")], "the first lease brings them");
}

#[test]
fn a_value_of_a_service_is_vendor_data_and_one_of_the_message_is_not() {
    let plain = lease(&[], |plan| plan);
    let with = |name: &str| lease(&[], |plan| plan.with_parameter(name, "x"));
    assert_eq!(changes(&with("Acs.Url"), &plain), [Change::Vendor]);
    assert_eq!(changes(&plain, &with("SipServers")), [Change::Vendor], "also when it goes");
    assert_eq!(changes(&with("SIAddr"), &plain), [Change::Meta]);
    let both = lease(&[], |plan| plan.with_parameter("SIAddr", "x").with_parameter("Acs.Url", "x"));
    assert_eq!(changes(&both, &plain), [Change::Vendor]);
}

#[test]
fn an_event_that_says_something_else_is_a_change_and_published_alone() {
    let old = lease(&[], |plan| plan.with_event(emitted("a")));
    let new = lease(&[], |plan| plan.with_event(emitted("b")).with_event(Emitted::new("other")));
    assert_eq!(changes(&new, &old), [Change::Vendor]);
    assert_eq!(new.news_from(Some(&old)), [emitted("b"), Emitted::new("other")]);
    let fewer = lease(&[], |plan| plan);
    assert!(changes(&fewer, &old).is_empty(), "what is not said any more is no news");
}

#[test]
fn what_a_vendor_option_carries_is_vendor_data_once() {
    let old = lease(&[(125, b"old")], |plan| plan.with_parameter("VendorIdentifying", "old"));
    let new = lease(&[(125, b"new")], |plan| plan.with_parameter("VendorIdentifying", "new"));
    assert_eq!(changes(&new, &old), [Change::Vendor]);
}
