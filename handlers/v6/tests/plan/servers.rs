//! Name servers and time servers.

use dhcpmgr_plugin_api::Plan;

use crate::support::*;

fn dns(plan: &Plan) -> Vec<String> {
    plan.dns.iter().map(ToString::to_string).collect()
}

#[test]
fn name_servers_are_taken_in_the_servers_order() {
    let offered = ["2620:fe::fe", "2001:db8:6::1", "2001:db8:6::2"];
    let plan = plan_of(23, &addresses(&offered));
    assert_eq!(dns(&plan), offered);
    assert_no_notes(&plan);
    // A client that tells no bytes tells addresses.
    let plan = plan_with(|r| {
        r.options.remove(&23);
        r.dns = vec![ip("2001:db8::53")];
    });
    assert_eq!(dns(&plan), ["2001:db8::53"]);
}

#[test]
fn what_is_no_server_is_left_out() {
    for bad in ["::", "::1", "ff02::fb", "fe80::1", "::ffff:9.9.9.9", "2001:db8:6::1000"] {
        let plan = plan_with(|r| {
            set(r, 23, &addresses(&[bad, "2620:fe::fe"]));
            set(r, 31, &addresses(&["2001:db8::123", bad]));
            set(r, 56, &sub_option(1, &addresses(&[bad])));
            set(r, 22, &addresses(&[bad]));
        });
        assert_eq!(dns(&plan), ["2620:fe::fe"], "{bad}");
        assert_eq!(plan.ntp, ["2001:db8::123"]);
        assert!(plan.parameters.is_empty());
        for option in ["name server", "(option 31)", "(option 56)", "SIP server"] {
            assert_note(&plan, &[option, &ip(bad).to_string(), "is ignored"]);
        }
    }
}

#[test]
fn a_list_that_is_cut_is_ignored_whole() {
    let mut raw = addresses(&["2001:db8::1", "2001:db8::2"]);
    raw.pop();
    let plan = plan_of(23, &raw);
    assert!(plan.dns.is_empty());
    assert_note(&plan, &["option 23 is ignored: an address of the list has 15 of 16 bytes (byte 16)"]);
}

#[test]
fn a_flood_of_servers_is_cut() {
    let many: Vec<_> = (0..100).map(|i| format!("2001:db8::{i:x}:1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let plan = plan_of(23, &addresses(&[&many[..], &many[..3]].concat()));
    assert_eq!(plan.dns.len(), 32);
    assert_note(&plan, &["only the first 32 name servers", "64 more"]);
    let plan = plan_with(|r| {
        for server in &many {
            add(r, 56, &sub_option(1, &addresses(&[server])));
        }
    });
    assert_eq!(plan.ntp.len(), 32);
    assert_note(&plan, &["only the first 32 time servers", "64 more"]);
}

#[test]
fn time_comes_from_addresses_and_names_of_both_options() {
    let plan = plan_with(|r| {
        set(r, 31, &addresses(&["2001:db8:6::7", "2001:db8:6::123"]));
        set(r, 56, &sub_option(1, &addresses(&["2001:db8:6::123"])));
        add(r, 56, &sub_option(3, &wire(&["NTP.isp.example"])));
        // Several in one, as dnsmasq does it; a group is published only.
        add(
            r,
            56,
            &[
                sub_option(1, &addresses(&["2001:db8:6::124"])),
                sub_option(2, &addresses(&["ff05::101"])),
                sub_option(3, &wire(&["ntp.isp.example"])),
            ]
            .concat(),
        );
    });
    assert_eq!(plan.ntp, ["2001:db8:6::123", "ntp.isp.example", "2001:db8:6::124", "2001:db8:6::7"]);
    assert_eq!(plan.parameters["NtpMulticast"], "ff05::101");
    assert_no_notes(&plan);
}

#[test]
fn one_wrong_time_option_costs_no_other() {
    let plan = plan_with(|r| {
        set(r, 56, &sub_option(3, b"\x03ntp"));
        add(r, 56, &sub_option(2, &addresses(&["2001:db8::1"])));
        add(r, 56, &sub_option(1, &addresses(&["2001:db8:6::123"])));
    });
    assert_eq!(plan.ntp, ["2001:db8:6::123"]);
    assert_note(&plan, &["option 56 is ignored", "label", "(byte 8)"]);
    assert_note(&plan, &["time group 2001:db8::1 (option 56)", "no multicast"]);
}
