//! What is published and not applied.

use dhcpmgr_plugin_api::Plan;
use dhcpmgr_plugin_api::message::V6Report;

use crate::support::*;

fn published(plan: &Plan) -> Vec<(&str, &str)> {
    plan.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn values_are_published_under_their_names() {
    let plan = plan_with(|r| {
        set(r, 7, &[255]);
        set(r, 17, &[&[0, 0, 0x11, 0x8b][..], &sub_option(1, &[0xde, 0xad]), &sub_option(2, b"x")].concat());
        add(r, 17, &[0, 0, 0x0d, 0xe9]);
        set(r, 21, &wire(&["sip.isp.example"]));
        set(r, 22, &addresses(&["2001:db8:6::20"]));
        set(r, 32, &[0, 0, 0x0e, 0x10]);
        set(r, 39, b"\x04\x05gatew");
        set(r, 41, b"EST5EDT4,M3.2.0/02:00,M11.1.0/02:00");
        set(r, 42, b"America/New_York");
        set(r, 59, b"tftp://[2001:db8:6::69]/boot/cfg.bin");
        set(r, 60, b"\0\x03a=1\0\x02-v");
        set(r, 64, &wire(&["aftr.isp.example"]));
        set(r, 82, &[0, 0, 0x0e, 0x10]);
        set(r, 83, &[0, 1, 0x51, 0x80]);
        set(r, 103, b"https://portal.example/api");
    });
    assert_eq!(
        published(&plan),
        [
            ("BootFileParameters.1", "a=1"),
            ("BootFileParameters.2", "-v"),
            ("BootFileUrl", "tftp://[2001:db8:6::69]/boot/cfg.bin"),
            ("CaptivePortal", "https://portal.example/api"),
            ("ClientFqdn", "gatew"),
            ("InfMaxRt", "86400"),
            ("InformationRefreshTime", "3600"),
            ("PosixTimezone", "EST5EDT4,M3.2.0/02:00,M11.1.0/02:00"),
            ("Preference", "255"),
            ("SipServers", "sip.isp.example 2001:db8:6::20"),
            ("SolMaxRt", "3600"),
            ("TzdbTimezone", "America/New_York"),
            ("VendorEnterprises", "4491 3561"),
            ("VendorSpecific.4491.1", "dead"),
            ("VendorSpecific.4491.2", "78"),
            ("aftr", "aftr.isp.example"),
        ]
    );
    assert_no_notes(&plan);
}

#[test]
fn nothing_offered_is_nothing_published() {
    assert!(plan_with(|_| {}).parameters.is_empty());
}

#[test]
fn a_value_of_the_wrong_length_says_where() {
    for (code, value, why) in [
        (7, &[1, 2][..], "1 more bytes after the value (byte 1)"),
        (17, &[0, 0, 1], "the enterprise number has 3 of 4 bytes (byte 0)"),
        (17, &[0, 0, 1, 0, 0, 1, 0, 9, 1], "sub-option 1 has 1 of 9 bytes (byte 8)"),
        (21, &[3, b's'], "a label has 1 of 3 bytes (byte 1)"),
        (22, &[1], "1 of 16 bytes (byte 0)"),
        (32, &[0, 0], "the number of seconds has 2 of 4 bytes (byte 0)"),
        (39, &[], "the flags has 0 of 1 bytes (byte 0)"),
        (60, &[0], "the length of a parameter has 1 of 2 bytes (byte 0)"),
        (64, &[0xc0, 0x0c], "compressed"),
        (82, &[0, 0, 0, 60, 0], "1 more bytes after the value (byte 4)"),
        (83, &[60], "1 of 4 bytes (byte 0)"),
        (144, &[0, 1, 0, 9, 1, b'a', 0], "the name has 3 of 9 bytes (byte 4)"),
    ] {
        let plan = plan_of(code, value);
        assert!(plan.parameters.is_empty(), "option {code}");
        assert_note(&plan, &[&format!("option {code} is ignored"), why]);
    }
}

#[test]
fn a_text_with_a_line_break_is_dropped_wherever_it_comes() {
    let hostile = b"https://a/\nb";
    let plan = plan_with(|r| {
        [41, 42, 59, 103].iter().for_each(|code| set(r, *code, hostile));
        set(r, 60, &[&[0, 3][..], b"a\nb"].concat());
        [21, 64].iter().for_each(|code| set(r, *code, &wire(&["a\nb"])));
        set(r, 39, b"\0\x03a\nb");
    });
    assert!(plan.parameters.is_empty(), "{:?}", plan.parameters);
    for code in [21, 39, 41, 42, 59, 60, 64, 103] {
        assert_note(&plan, &[&format!("option {code} is ignored")]);
    }
    assert!(plan.notes.iter().all(|note| !note.contains('\n')));
}

#[test]
fn retransmission_times_have_bounds() {
    for (seconds, accepted) in [(59, false), (60, true), (86_400, true), (86_401, false), (u32::MAX, false)] {
        for (code, name) in [(82, "SolMaxRt"), (83, "InfMaxRt")] {
            let plan = plan_of(code, &u32::to_be_bytes(seconds));
            assert_eq!(plan.parameters.get(name), accepted.then(|| seconds.to_string()).as_ref());
            assert_eq!(plan.notes.len(), usize::from(!accepted));
        }
    }
}

#[test]
fn a_refresh_time_is_what_a_client_makes_of_it() {
    for (offered, published, notes) in [(0_u32, "600", 1), (600, "600", 0), (u32::MAX, "for ever", 0)] {
        let plan = plan_of(32, &offered.to_be_bytes());
        assert_eq!(plan.parameters["InformationRefreshTime"], published);
        assert_eq!(plan.notes.len(), notes);
    }
}

#[test]
fn an_option_that_comes_once_is_taken_once() {
    let plan = plan_with(|r| {
        set(r, 64, &wire(&["aftr.isp.example"]));
        add(r, 64, &wire(&["aftr.evil.example"]));
        set(r, 82, &[0, 0, 0x0e, 0x10]);
        add(r, 82, &[0, 0, 0x0e, 0x10]);
    });
    assert_eq!(published(&plan), [("SolMaxRt", "3600"), ("aftr", "aftr.isp.example")]);
    assert_note(&plan, &["option 64 comes more than once"]);
    assert_eq!(plan.notes.len(), 1);
}

#[test]
fn a_url_is_what_its_option_is_for() {
    for (code, bad, why) in [
        (103, "javascript:alert(1)", "https, http and urn"),
        (103, "https://good.example@evil.example/", "names no host"),
        (59, "file:///etc/shadow", "https, http, tftp"),
        (59, "cfg.bin", "no scheme"),
    ] {
        let plan = plan_of(code, bad.as_bytes());
        assert!(plan.parameters.is_empty());
        assert_note(&plan, &[&format!("option {code} is ignored"), why]);
    }
    let long = format!("https://portal.example/{}", "x".repeat(1024));
    assert_note(&plan_of(103, long.as_bytes()), &["option 103", "at most 1024"]);
}

#[test]
fn a_boot_loader_gets_all_parameters_or_none() {
    let many = b"\0\x01x".repeat(17);
    assert_note(&plan_of(60, &many), &["option 60", "17 parameters", "at most 16"]);
    let plan = plan_of(60, &[&[0, 1][..], b"x", &[1, 0], &[b'y'; 256]].concat());
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["option 60", "256 bytes"]);
}

#[test]
fn vendors_are_bounded() {
    let vendor = |number: u32, options: &[u8]| [&number.to_be_bytes()[..], options].concat();
    let published = |report: V6Report| dhcpmgr_v6::plan(&event(report));
    let mut many = V6Report::default();
    (0..20).for_each(|number| add(&mut many, 17, &vendor(number, &[])));
    let plan = published(many);
    assert_eq!(plan.parameters["VendorEnterprises"].split(' ').count(), 16);
    assert_note(&plan, &["vendor 16 (option 17)", "at most 16"]);
    let plan = plan_of(17, &vendor(9, &sub_option(1, &[]).repeat(65)));
    assert_note(&plan, &["sub-option 1 of vendor 9", "at most 64"]);
    let plan = plan_of(17, &vendor(9, &[sub_option(1, &[7; 2048]), sub_option(2, &[7])].concat()));
    assert_eq!(plan.parameters["VendorSpecific.9.1"].len(), 4096);
    assert_eq!(plan.parameters.len(), 2);
    assert_note(&plan, &["sub-option 2 of vendor 9"]);
    let plan = plan_of(17, &vendor(9, &[sub_option(1, &[1]), sub_option(1, &[2, 3])].concat()));
    assert_eq!(plan.parameters["VendorSpecific.9.1"], "01 0203");
}

/// A resolver of option 144 at 2001:db8::53.
fn resolver(priority: u16, name: &str, params: &[u8]) -> Vec<u8> {
    let name = wire(&[name]);
    let len = u16::try_from(name.len()).unwrap().to_be_bytes();
    [&priority.to_be_bytes()[..], &len, &name, &[0, 16], &addresses(&["2001:db8::53"]), params].concat()
}

#[test]
fn encrypted_resolvers_are_published_best_first() {
    let plan = plan_with(|r| {
        set(r, 144, &resolver(20, "two.example", b"\0\x01\0\x04\x03dot\0\x03\0\x02\x03\x55"));
        add(r, 144, &resolver(10, "one.example", b"\0\x01\0\x03\x02h2\0\x07\0\x10/dns-query{?dns}"));
        add(r, 144, &resolver(1, "bad.example", b""));
        add(r, 144, &[&[0, 30, 0, 15][..], &wire(&["three.example"])].concat());
    });
    assert_eq!(
        published(&plan),
        [
            ("EncryptedDns.1", "one.example addresses=2001:db8::53 alpn=h2 dohpath=/dns-query{?dns}"),
            ("EncryptedDns.2", "two.example addresses=2001:db8::53 alpn=dot port=853"),
            ("EncryptedDns.3", "three.example"),
        ]
    );
    assert_eq!(plan.notes.len(), 1);
    assert_note(&plan, &["option 144 is ignored", "no protocol (alpn)"]);
}

#[test]
fn a_flood_of_resolvers_is_cut() {
    let plan = plan_with(|r| {
        (1..=20).for_each(|p| add(r, 144, &resolver(p, &format!("n{p}.example"), b"\0\x01\0\x04\x03dot")));
    });
    assert_eq!(plan.parameters.len(), 8);
    assert_note(&plan, &["20 encrypted resolvers (option 144)", "8 are published"]);
}
