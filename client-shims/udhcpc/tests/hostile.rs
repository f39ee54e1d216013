//! What a server, or whoever started the client, may put into the environment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;

use dhcpmgr_message::wire::LIMITS;
use dhcpmgr_message::{Bytes, ClientEvent, LeaseMessage, V4Report};
use dhcpmgr_shim::message;
use dhcpmgr_udhcpc::environment::{self, Reading};
use proptest::collection::vec;
use proptest::prelude::*;

const CONTEXT: [(&[u8], &[u8]); 3] = [
    (b"DHCPMGR_CLIENT", b"wan4"),
    (b"DHCPMGR_TOKEN", b"00112233445566778899aabbccddeeff"),
    (b"interface", b"wan0"),
];

fn read(variables: &[(&str, &str)]) -> Reading {
    environment::read(variables.iter().copied())
}

/// The message that the daemon would get.
fn sent(mut reading: Reading) -> LeaseMessage {
    let message = message::build(&mut reading, "udhcpc", ClientEvent::Bound, 1, 2).unwrap();
    let bytes = message::encode::<V4Report>(message, &mut reading.problems).unwrap();
    assert!(bytes.len() <= LIMITS.bytes);
    LeaseMessage::decode(&bytes).unwrap()
}

fn with_context<'a>(variables: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Reading {
    environment::read(CONTEXT.into_iter().chain(variables))
}

fn one(name: &str, value: &str) -> (V4Report, Vec<String>) {
    let reading = read(&[(name, value)]);
    (reading.report, reading.problems.lines())
}

fn wire(name: &str, value: &str) -> String {
    let (report, problems) = one(name, value);
    assert_eq!(problems, Vec::<String>::new(), "{name}={value}");
    let (_, bytes) = report.options.into_iter().next().unwrap();
    bytes.to_hex()
}

#[test]
fn every_variable_is_written_as_it_was_on_the_wire() {
    for (name, value, expected) in [
        ("subnet", "255.255.255.128", "ffffff80"),
        ("timezone", "4294949296", "ffffb9b0"),
        ("timezone", "-18000", "ffffb9b0"),
        ("timezone", "3600", "00000e10"),
        ("router", "192.0.2.1 192.0.2.2", "c0000201c0000202"),
        ("dns", "192.0.2.1", "c0000201"),
        ("lprsrv", "192.0.2.1", "c0000201"),
        ("hostname", "gw1", "677731"),
        ("bootsize", "65535", "ffff"),
        ("domain", "isp.example", "6973702e6578616d706c65"),
        ("swapsrv", "192.0.2.1", "c0000201"),
        ("rootpath", "/srv $(x)\n", "2f7372762024287829 0a"),
        ("ipttl", "64", "40"),
        ("mtu", "1492", "05d4"),
        ("broadcast", "192.0.2.255", "c00002ff"),
        ("routes", "10.0.0.1/192.0.2.1 10.0.0.2/192.0.2.2", "0a000001c00002010a000002c0000202"),
        ("nisdomain", "nis", "6e6973"),
        ("nissrv", "192.0.2.1", "c0000201"),
        ("ntpsrv", "192.0.2.1", "c0000201"),
        ("wins", "192.0.2.1", "c0000201"),
        ("lease", "4294967295", "ffffffff"),
        ("serverid", "192.0.2.1", "c0000201"),
        ("message", "no", "6e6f"),
        ("vendor", "x", "78"),
        ("tftp", "tftp.isp.example", "746674702e6973702e6578616d706c65"),
        ("bootfile", "f", "66"),
        ("tzstr", "CET-1CEST", "4345542d3143455354"),
        ("tzdbstr", "Europe/Madrid", "4575726f70652f4d6164726964"),
        ("search", "a.example b", "0161076578616d706c6500016200"),
        ("sipsrv", "192.0.2.1", "01c0000201"),
        ("sipsrv", "sip.a", "00037369700161 00"),
        ("staticroutes", "0.0.0.0/0 192.0.2.1 10.128.0.0/9 0.0.0.0", "00c00002010 90a8000000000"),
        ("vlanid", "35", "00000023"),
        ("vlanpriority", "5", "05"),
        ("pxeconffile", "f", "66"),
        ("pxepathprefix", "f", "66"),
        ("reboottime", "30", "0000001e"),
        ("ip6rd", "0 32 2001:db8:: 192.0.2.1", "002020010db8000000000000000000000000c0000201"),
        ("msstaticroutes", "192.0.2.9/32 192.0.2.1", "20c0000209c0000201"),
        ("wpad", "u", "75"),
        ("timesrv", "192.0.2.1", "c0000201"),
        ("namesrv", "192.0.2.1", "c0000201"),
        ("logsrv", "192.0.2.1", "c0000201"),
        ("cookiesrv", "192.0.2.1", "c0000201"),
        ("opt82", "0104DEADbeef", "0104deadbeef"),
    ] {
        assert_eq!(wire(name, value), expected.replace(' ', ""), "{name}={value}");
    }
}

#[test]
fn an_option_that_this_busybox_does_not_name_fills_its_field_all_the_same() {
    let named =
        read(&[("search", "isp.example corp.isp.example"), ("mtu", "1492"), ("sipsrv", "sip.isp.example")]);
    let numbered = read(&[
        // The second name points into the first (RFC 3397 section 2).
        ("opt119", "03697370076578616d706c650004636f7270c000"),
        ("opt26", "05d4"),
        ("opt120", "000373697003697370076578616d706c6500"),
    ]);
    assert_eq!(numbered.problems.lines(), Vec::<String>::new());
    assert_eq!(numbered.report.search, named.report.search);
    assert_eq!(numbered.report.mtu, Some(1492));
    assert_eq!(numbered.report.sip, named.report.sip);
}

#[test]
fn one_bad_element_costs_only_itself() {
    let (report, problems) = one("dns", "192.0.2.1 evil 192.0.2.999  192.0.2.3");
    assert_eq!(report.dns, [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 3)]);
    assert_eq!(
        problems,
        [
            "option 6 (dns): \"evil\" is not an IPv4 address",
            "option 6 (dns): \"192.0.2.999\" is not an IPv4 address",
        ]
    );
    let (report, problems) =
        one("staticroutes", "10.0.0.0/33 192.0.2.1 172.16.0.0/12 192.0.2.2 10.0.0.0 192.0.2.3 10.0.0.0/8");
    assert_eq!(report.classless_routes.len(), 1);
    assert_eq!(report.classless_routes[0].to.to_string(), "172.16.0.0/12");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[2].contains("is a route without a router"));
    let (report, problems) = one("routes", "0.0.0.0/192.0.2.1 10.0.0.1/192.0.2.1 10.0.0.1");
    assert_eq!(report.static_routes.len(), 1);
    assert_eq!(problems.len(), 2, "{problems:?}");
    let (report, problems) = one("search", "isp.example -..- ok");
    assert_eq!(report.search, ["isp.example", "ok"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let (report, problems) = one("sipsrv", "192.0.2.1 sip.isp.example");
    assert_eq!(report.sip, ["192.0.2.1"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_bad_variable_costs_only_itself() {
    for (name, value) in [
        ("mtu", "65536"),
        ("mtu", "-1"),
        ("mtu", "1e3"),
        ("lease", "4294967296"),
        ("lease", ""),
        ("timezone", "-2147483649"),
        ("timezone", "99999999999999999999"),
        ("ipttl", "256"),
        ("opt58", "3c"),
        ("opt58", "00003c"),
        ("opt43", "0"),
        ("opt43", "0g"),
        ("opt43", "0x00"),
        ("opt999", "00"),
        ("opt0", "00"),
        ("opt255", "00"),
        ("opt", "00"),
        ("opt043", "00"),
        ("ip6rd", "32 32 2001:db8::"),
        ("ip6rd", "32 32 nonsense 192.0.2.1"),
        ("subnet", "255.0.255.0"),
        ("ip", "192.0.2"),
        ("ip", "\u{202e}"),
        ("search", ""),
        ("sipsrv", ""),
        ("opt120", "02"),
        ("opt119", "c000"),
        ("opt119", "0361"),
        ("opt121", "21"),
        ("opt121", "08"),
        ("opt121", "080a00"),
        ("opt42", "c00002"),
        ("hostname", "bad"),
        ("upstreamrate", "7"),
    ] {
        let reading = read(&[(name, value), ("router", "192.0.2.1")]);
        assert_eq!(reading.problems.lines().len(), 1, "{name}={value}: {:?}", reading.problems);
        assert_eq!(reading.report.routers.len(), 1, "{name}={value}");
    }
}

#[test]
fn the_mask_is_the_servers_and_not_udhcpcs_count_of_it() {
    // udhcpc 1.35 prints mask=24 for 255.0.255.0.
    let reading = read(&[("mask", "24"), ("subnet", "255.0.255.0")]);
    assert_eq!(reading.report.prefix_len, None);
    assert_eq!(reading.report.options[&1].to_hex(), "ff00ff00");
    assert_eq!(reading.problems.lines(), ["option 1: subnet mask 255.0.255.0 is not contiguous"]);

    for (mask, wire) in [("0", "00000000"), ("1", "80000000"), ("24", "ffffff00"), ("32", "ffffffff")] {
        let report = read(&[("mask", mask)]).report;
        assert_eq!(report.prefix_len, mask.parse().ok());
        assert_eq!(report.options[&1].to_hex(), wire);
    }
    let reading = read(&[("mask", "33")]);
    assert_eq!(reading.report.prefix_len, Some(33));
    assert_eq!(reading.problems.lines(), ["mask: 33 is longer than an address"]);
    assert_eq!(read(&[("subnet", "0.0.0.0")]).report.prefix_len, Some(0));
    assert_eq!(read(&[("subnet", "255.255.255.255")]).report.prefix_len, Some(32));
}

#[test]
fn bytes_that_are_no_text_stay_in_the_options() {
    let reading = with_context([(&b"tzstr"[..], &b"caf\xe9 \"$(reboot)\"\n"[..])]);
    let message = sent(reading);
    let report = message.v4.unwrap();
    assert_eq!(report.posix_timezone, None);
    assert_eq!(report.options[&100], Bytes(b"caf\xe9 \"$(reboot)\"\n".to_vec()));
    assert_eq!(message.problems.len(), 1);
    assert!(message.problems[0].is_ascii() && !message.problems[0].contains('\n'), "{:?}", message.problems);

    let reading = with_context([(&b"sname"[..], &b"\xff"[..]), (&b"\xfe"[..], &b""[..])]);
    let message = sent(reading);
    assert_eq!(message.problems, ["sname: \"\\xff\" is not UTF-8", "variable \"\\xfe\" is unknown"]);
}

#[test]
fn newlines_and_quotes_go_through_as_the_server_sent_them() {
    let text = "http://x/\";reboot\nnameserver 6.6.6.6";
    let message = sent(with_context([(&b"wpad"[..], text.as_bytes())]));
    assert_eq!(message.v4.unwrap().wpad.unwrap(), text);
    assert_eq!(message.problems, Vec::<String>::new());
}

#[test]
fn of_a_variable_that_is_there_twice_the_first_counts() {
    let reading = read(&[
        ("ip", "192.0.2.1"),
        ("ip", "192.0.2.2"),
        ("mtu", "1400"),
        ("opt26", "05d4"),
        ("interface", "a"),
        ("interface", "b"),
        ("DHCPMGR_SPOOL", "/a"),
        ("DHCPMGR_SPOOL", "/b"),
    ]);
    assert_eq!(reading.report.address, Some(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(reading.report.mtu, Some(1400));
    assert_eq!(reading.interface.unwrap().as_str(), "a");
    assert_eq!(reading.context.spool.unwrap(), b"/a");
    assert_eq!(reading.problems.lines().len(), 3);
}

#[test]
fn ten_thousand_variables_make_a_message_of_ordinary_size() {
    let names: Vec<String> = (0..10_000).map(|n| format!("unknown{n}")).collect();
    let many = names.iter().map(|name| (name.as_bytes(), &b"x"[..]));
    let dns = (&b"dns"[..], &b"192.0.2.1"[..]);
    let message = sent(with_context(many.chain([dns])));
    assert_eq!(message.v4.unwrap().dns.len(), 1);
    assert_eq!(message.problems.len(), 33);
    assert_eq!(message.problems[32], "and 9968 more problems");
}

#[test]
fn a_value_of_a_mebibyte_is_left_out_and_said_so() {
    let huge = vec![b'a'; 1 << 20];
    for name in ["wpad", "opt43", "dns", "search", "sname", "ip", "interface", "unknown", "hostname", "ip6rd"]
    {
        let variables = [(&b"router"[..], &b"192.0.2.1"[..]), (name.as_bytes(), &huge[..])];
        let message = sent(with_context(variables));
        assert_eq!(message.v4.unwrap().routers.len(), 1, "{name}");
        assert_eq!(message.problems.len(), 1, "{name}: {:?}", message.problems);
        assert!(message.problems[0].len() <= 240);
    }
    let long_name = vec![b'n'; 1 << 20];
    let message = sent(with_context([(&long_name[..], &b""[..])]));
    assert!(message.problems[0].len() <= 240);
}

#[test]
fn a_message_that_would_be_too_large_loses_its_largest_option_only() {
    let hex = "ab".repeat(30_000);
    let reading = with_context([
        (&b"ip"[..], &b"192.0.2.7"[..]),
        (&b"subnet"[..], &b"255.255.255.0"[..]),
        (&b"opt43"[..], &hex.as_bytes()[..58_000]),
        (&b"opt125"[..], hex.as_bytes()),
        (&b"opt224"[..], &hex.as_bytes()[..40_000]),
        (&b"dns"[..], &b"192.0.2.1"[..]),
        (&b"boot_file"[..], &b"f"[..]),
    ]);
    let message = sent(reading);
    let report = message.v4.unwrap();
    assert_eq!(report.options.keys().copied().collect::<Vec<_>>(), [1, 6, 43, 224]);
    assert_eq!(report.address, Some(Ipv4Addr::new(192, 0, 2, 7)));
    assert_eq!(report.prefix_len, Some(24));
    assert_eq!(report.file.unwrap(), "f");
    assert_eq!(report.dns.len(), 1);
    assert_eq!(
        message.problems,
        ["option 125 is left out: with its 30000 bytes the message would be too large"]
    );
}

#[test]
fn more_routes_than_a_list_may_have_are_cut_and_said_so() {
    let many = "10.0.0.0/8 192.0.2.1 ".repeat(600);
    let message = sent(with_context([(&b"staticroutes"[..], many.as_bytes())]));
    let report = message.v4.unwrap();
    assert_eq!(report.classless_routes.len(), 512);
    assert_eq!(report.options[&121].0.len(), 600 * 6);
    assert_eq!(message.problems, ["option 121 has 600 entries, only the first 512 are read"]);
    let four_hundred = "10.0.0.0/8 192.0.2.1 ".repeat(400);
    let report = one("staticroutes", &four_hundred).0;
    assert_eq!(report.classless_routes.len(), 400);
}

#[test]
fn without_its_context_there_is_no_message_but_a_reason() {
    let refused = |variables: &[(&[u8], &[u8])]| {
        let mut reading = environment::read(variables.iter().copied());
        message::build(&mut reading, "udhcpc", ClientEvent::Bound, 1, 2).unwrap_err()
    };
    assert!(refused(&CONTEXT[..2]).contains("interface"));
    assert!(refused(&[CONTEXT[1], CONTEXT[2]]).contains("DHCPMGR_CLIENT is not set"));
    assert!(refused(&[CONTEXT[0], CONTEXT[2]]).contains("DHCPMGR_TOKEN is not set"));
    let secret = (CONTEXT[1].0, &b"00112233445566778899AABBCCDDEEFF"[..]);
    let error = refused(&[CONTEXT[0], secret, CONTEXT[2]]);
    assert!(error.contains("DHCPMGR_TOKEN is not what") && !error.contains("0011"), "{error}");
    let error = refused(&[(CONTEXT[0].0, b"../x"), CONTEXT[1], CONTEXT[2]]);
    assert!(error.contains("DHCPMGR_CLIENT \"../x\" is not what"), "{error}");
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "interface",
        "ip",
        "siaddr",
        "mask",
        "sname",
        "boot_file",
        "subnet",
        "timezone",
        "router",
        "dns",
        "hostname",
        "mtu",
        "routes",
        "lease",
        "search",
        "sipsrv",
        "staticroutes",
        "ip6rd",
        "msstaticroutes",
        "wpad",
        "opt1",
        "opt3",
        "opt33",
        "opt43",
        "opt119",
        "opt120",
        "opt121",
        "opt249",
        "opt212",
    ];
    prop_oneof![
        8 => prop::sample::select(known.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ]
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[0-9a-f]{0,40}".prop_map(String::into_bytes),
        "([0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?( ([0-9]{1,3}\\.){3}[0-9]{1,3}){0,4}"
            .prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_environment_becomes_a_message_that_the_daemon_reads(variables in vec((names(), values()), 0..12)) {
        sent(with_context(variables.iter().map(|(name, value)| (&name[..], &value[..]))));
    }
}
