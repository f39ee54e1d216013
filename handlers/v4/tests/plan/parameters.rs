//! What is published and not applied.

use crate::support::*;

#[test]
fn values_are_published_under_their_names() {
    let plan = plan_with(|r| {
        r.time_offset = Some(-18000);
        r.posix_timezone = Some("EST5EDT4,M3.2.0/02:00,M11.1.0/02:00".to_owned());
        r.tzdb_timezone = Some("America/New_York".to_owned());
        r.tftp_server = Some("tftp.isp.example".to_owned());
        r.bootfile = Some("boot/cfg.bin".to_owned());
        r.sip = vec!["192.0.2.20".to_owned(), "sip.isp.example".to_owned()];
        r.siaddr = Some(ip("192.0.2.1"));
        r.sname = Some("boot.isp.example".to_owned());
        r.file = Some("field-file.bin".to_owned());
        r.options.insert(150, bytes(&[192, 0, 2, 21, 192, 0, 2, 22]));
        r.options.insert(114, bytes(b"https://portal.example/api"));
        r.options.insert(43, bytes(&[0x01, 0x04, 0xde, 0xad, 0xbe, 0xef]));
        r.options.insert(125, bytes(&[0, 0, 0x11, 0x8b, 2, 1, 0]));
    });
    let published: Vec<_> =
        plan.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        published,
        [
            ("BootFileName", "boot/cfg.bin"),
            ("CaptivePortal", "https://portal.example/api"),
            ("File", "field-file.bin"),
            ("PosixTimezone", "EST5EDT4,M3.2.0/02:00,M11.1.0/02:00"),
            ("SIAddr", "192.0.2.1"),
            ("SName", "boot.isp.example"),
            ("SipServers", "192.0.2.20 sip.isp.example"),
            ("TftpServerAddresses", "192.0.2.21 192.0.2.22"),
            ("TftpServerName", "tftp.isp.example"),
            ("TimeOffset", "-18000"),
            ("TzdbTimezone", "America/New_York"),
            ("VendorIdentifying", "0000118b020100"),
            ("VendorSpecific", "0104deadbeef"),
        ]
    );
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn nothing_offered_is_nothing_published() {
    assert!(plan_with(|r| r.siaddr = Some(ip("0.0.0.0"))).parameters.is_empty());
}

#[test]
fn a_text_with_a_line_break_is_dropped_wherever_it_comes() {
    let hostile = || Some("a\nb".to_owned());
    let plan = plan_with(|r| {
        r.posix_timezone = hostile();
        r.tzdb_timezone = hostile();
        r.tftp_server = hostile();
        r.bootfile = hostile();
        r.sname = hostile();
        r.file = hostile();
        r.sip = vec!["a\nb".to_owned()];
        r.options.insert(114, bytes(b"https://a/\nb"));
    });
    assert!(plan.parameters.is_empty(), "{:?}", plan.parameters);
    for source in
        ["option 100", "option 101", "option 66", "option 67", "sname", "file", "option 120", "option 114"]
    {
        assert_note(&plan, &[source]);
    }
    assert!(plan.notes.iter().all(|note| !note.contains('\n')));
}

#[test]
fn a_time_zone_never_names_a_file_of_its_choice() {
    for bad in
        ["../../etc/passwd", "/etc/passwd", "Europe//Berlin", "Europe/..", ".hidden", "", "-rf", "Eu rope"]
    {
        let plan = plan_with(|r| r.tzdb_timezone = Some(bad.to_owned()));
        assert!(!plan.parameters.contains_key("TzdbTimezone"), "{bad}");
    }
    let plan = plan_with(|r| r.posix_timezone = Some(":/etc/passwd".to_owned()));
    assert!(!plan.parameters.contains_key("PosixTimezone"));
    assert_note(&plan, &["option 100", "POSIX time zone"]);
}

#[test]
fn a_zone_name_with_a_sign_and_an_area_is_good() {
    for good in ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"] {
        let plan = plan_with(|r| r.tzdb_timezone = Some(good.to_owned()));
        assert_eq!(plan.parameters["TzdbTimezone"], good);
    }
}

#[test]
fn a_portal_that_is_no_web_address_is_dropped() {
    let plan = plan_with(|r| drop(r.options.insert(114, bytes(b"javascript:alert(1)"))));
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["option 114", "https, http and urn"]);
    let long = format!("https://portal.example/{}", "x".repeat(1024));
    let plan = plan_with(|r| drop(r.options.insert(114, bytes(long.as_bytes()))));
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["option 114", "at most 1024"]);
}

#[test]
fn tftp_addresses_are_checked_one_by_one() {
    let plan = plan_with(|r| drop(r.options.insert(150, bytes(&[127, 0, 0, 1, 192, 0, 2, 21]))));
    assert_eq!(plan.parameters["TftpServerAddresses"], "192.0.2.21");
    assert_note(&plan, &["TFTP server 127.0.0.1 (option 150)", "loopback"]);
    let plan = plan_with(|r| drop(r.options.insert(150, bytes(&[192, 0, 2]))));
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["option 150", "3 bytes"]);
}

#[test]
fn a_broken_vendor_option_is_passed_on_with_a_remark() {
    let plan = plan_with(|r| drop(r.options.insert(125, bytes(&[0, 0, 0x11, 0x8b, 200, 1]))));
    assert_eq!(plan.parameters["VendorIdentifying"], "0000118bc801");
    assert_note(&plan, &["option 125", "vendor 1"]);
}

#[test]
fn a_vendor_option_that_no_packet_holds_is_dropped() {
    let plan = plan_with(|r| drop(r.options.insert(43, bytes(&[1; 2049]))));
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["option 43", "2049 bytes"]);
}

#[test]
fn an_impossible_clock_is_dropped() {
    for seconds in [i32::MIN, 86_401, i32::MAX] {
        let plan = plan_with(|r| r.time_offset = Some(seconds));
        assert!(plan.parameters.is_empty());
        assert_note(&plan, &[&seconds.to_string(), "option 2"]);
    }
}

#[test]
fn a_next_server_that_is_no_host_is_dropped() {
    let plan = plan_with(|r| r.siaddr = Some(ip("255.255.255.255")));
    assert!(plan.parameters.is_empty());
    assert_note(&plan, &["siaddr", "broadcast"]);
}
