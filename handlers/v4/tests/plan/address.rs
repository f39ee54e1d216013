//! The leased address, its mask and its broadcast address.

use crate::support::*;

#[test]
fn an_ordinary_lease_is_taken_without_a_remark() {
    let plan = plan_with(|_| {});
    assert_eq!(plan.refuse, None);
    assert_eq!(plan.notes, Vec::<String>::new());
    assert_eq!(plan.addresses.len(), 1);
    assert_eq!(plan.addresses[0].address.to_string(), "192.0.2.7/24");
    assert_eq!(plan.addresses[0].broadcast, Some(ip("192.0.2.255")));
    assert_eq!(shown(&plan), ["0.0.0.0/0 via 192.0.2.1"]);
    assert_eq!(plan.domain.unwrap().as_str(), "isp.example");
}

#[test]
fn an_address_that_is_no_host_is_refused() {
    for (address, why) in [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "0.0.0.0/8"),
        ("127.0.0.1", "loopback"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "limited broadcast"),
        ("192.0.2.0", "network address of its subnet 192.0.2.0/24"),
        ("192.0.2.255", "broadcast address of its subnet 192.0.2.0/24"),
    ] {
        let plan = plan_with(|r| r.address = Some(ip(address)));
        let reason = refusal(&plan);
        assert!(reason.contains(address) && reason.contains(why), "{address}: {reason}");
    }
}

#[test]
fn a_lease_without_an_address_is_refused() {
    let plan = plan_with(|r| r.address = None);
    assert_eq!(refusal(&plan), "the lease has no address (yiaddr)");
}

#[test]
fn an_event_without_v4_values_is_refused() {
    let plan = plan_for(|_| {}, |event| event.v4 = None);
    assert!(refusal(&plan).contains("no DHCPv4 values"));
}

#[test]
fn a_mask_that_cannot_be_right_is_refused() {
    for len in [0, 1, 7, 33, 255] {
        let plan = plan_with(|r| r.prefix_len = Some(len));
        let reason = refusal(&plan);
        assert!(reason.contains(&format!("subnet mask of /{len} (option 1)")), "{reason}");
    }
}

#[test]
fn a_mask_with_holes_is_refused_although_the_client_counted_its_bits() {
    // udhcpc reports 255.0.255.0 as mask=24.
    let plan = plan_with(|r| drop(r.options.insert(1, bytes(&[255, 0, 255, 0]))));
    assert_eq!(refusal(&plan), "the subnet mask (option 1) 255.0.255.0 is not contiguous");
}

#[test]
fn a_mask_that_contradicts_the_raw_option_is_refused() {
    let plan = plan_with(|r| drop(r.options.insert(1, bytes(&[255, 255, 0, 0]))));
    assert!(refusal(&plan).contains("/24, but option 1 of the lease says /16"));
    let plan = plan_with(|r| drop(r.options.insert(1, bytes(&[255, 255]))));
    assert_eq!(refusal(&plan), "the subnet mask (option 1) has 2 bytes, a mask has 4");
    let plan = plan_with(|r| drop(r.options.insert(1, bytes(&[255, 255, 255, 0]))));
    assert_eq!(plan.refuse, None);
}

#[test]
fn the_raw_mask_is_enough() {
    let plan = plan_with(|r| {
        r.prefix_len = None;
        r.options.insert(1, bytes(&[255, 255, 255, 0]));
    });
    assert_eq!(plan.addresses[0].address.to_string(), "192.0.2.7/24");
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn without_a_mask_the_address_class_decides() {
    for (address, expected) in
        [("10.1.2.3", "10.1.2.3/8"), ("172.16.1.2", "172.16.1.2/16"), ("192.0.2.7", "192.0.2.7/24")]
    {
        let plan = plan_with(|r| {
            r.address = Some(ip(address));
            r.prefix_len = None;
        });
        assert_eq!(plan.addresses[0].address.to_string(), expected);
        assert_note(&plan, &["no subnet mask (option 1)", "address class"]);
    }
}

#[test]
fn a_point_to_point_lease_has_no_broadcast_address() {
    for (address, len) in [("192.0.2.0", 31), ("192.0.2.1", 31), ("192.0.2.255", 32), ("192.0.2.7", 32)] {
        let plan = plan_with(|r| {
            r.address = Some(ip(address));
            r.prefix_len = Some(len);
            r.broadcast = None;
            r.routers.clear();
            r.server = Some(ip("198.51.100.1"));
        });
        assert_eq!(plan.addresses[0].address.to_string(), format!("{address}/{len}"));
        assert_eq!(plan.addresses[0].broadcast, None);
    }
    let plan = plan_with(|r| r.prefix_len = Some(32));
    assert_eq!(plan.addresses[0].broadcast, None);
    assert_note(&plan, &["192.0.2.255 (option 28)", "RFC 3021"]);
}

#[test]
fn a_broadcast_address_of_another_subnet_is_corrected() {
    for wrong in ["192.0.2.0", "10.255.255.255", "255.255.255.255"] {
        let plan = plan_with(|r| r.broadcast = Some(ip(wrong)));
        assert_eq!(plan.addresses[0].broadcast, Some(ip("192.0.2.255")));
        assert_note(&plan, &[wrong, "option 28", "192.0.2.255 is used"]);
    }
    let plan = plan_with(|r| r.broadcast = None);
    assert_eq!(plan.addresses[0].broadcast, Some(ip("192.0.2.255")));
    assert!(plan.notes.is_empty());
}

#[test]
fn a_link_local_lease_is_taken_with_a_remark() {
    let plan = plan_with(|r| {
        r.address = Some(ip("169.254.7.7"));
        r.prefix_len = Some(16);
        r.broadcast = None;
        r.routers.clear();
    });
    assert_eq!(plan.addresses[0].address.to_string(), "169.254.7.7/16");
    assert_note(&plan, &["169.254.7.7", "RFC 3927"]);
}

#[test]
fn a_server_that_renewals_cannot_reach_is_worth_a_remark() {
    assert_note(&plan_with(|r| r.server = None), &["no server (option 54)"]);
    assert_note(&plan_with(|r| r.server = Some(ip("0.0.0.0"))), &["0.0.0.0 (option 54)", "renewals"]);
    assert_note(&plan_with(|r| r.server = r.address), &["192.0.2.7 (option 54)", "renewals"]);
}
