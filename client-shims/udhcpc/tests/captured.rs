//! Every environment that the real udhcpc was seen to give its script, read and compared with what the server's
//! configuration says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use dhcpmgr_message::{Bytes, ClientEvent, LeaseMessage, Lifetime, StaticRoute, V4Report};
use dhcpmgr_shim::message;
use dhcpmgr_udhcpc::environment::{self, Reading};

#[path = "../../shim/tests/environ/mod.rs"]
mod environ;

use environ::variables;

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn read(name: &str) -> Reading {
    environment::read(variables(&captures().join(name)))
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn ips(text: &str) -> Vec<Ipv4Addr> {
    text.split(' ').map(ip).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn texts(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn route(to: &str, via: &str) -> StaticRoute {
    StaticRoute { to: to.parse().unwrap(), via: ip(via) }
}

fn options(expected: &[(u8, &str)]) -> BTreeMap<u8, Bytes> {
    expected.iter().map(|(code, hex)| (*code, Bytes::from_hex(&hex.replace(' ', "")).unwrap())).collect()
}

fn hex_of(text: &str) -> String {
    Bytes(text.as_bytes().to_vec()).to_hex()
}

fn dnsmasq_report(address: &str) -> V4Report {
    let wpad = hex_of("http://wpad.isp.example/wpad.dat");
    let tz = hex_of("EST5EDT4,M3.2.0/02:00,M11.1.0/02:00");
    let (tzdb, boot, tftp) = (hex_of("America/New_York"), hex_of("boot/cfg.bin"), hex_of("tftp.isp.example"));
    let (domain, host) = (hex_of("isp.example"), hex_of("myhost"));
    V4Report {
        address: Some(ip(address)),
        prefix_len: Some(24),
        broadcast: Some(ip("10.77.4.255")),
        routers: ips("10.77.4.1"),
        classless_routes: vec![
            route("10.0.0.0/8", "10.77.4.254"),
            route("192.168.100.0/24", "10.77.4.253"),
            route("0.0.0.0/0", "10.77.4.1"),
        ],
        ms_classless_routes: vec![route("172.16.0.0/12", "10.77.4.252")],
        static_routes: vec![],
        dns: ips("10.77.4.1 9.9.9.9 149.112.112.112"),
        domain: some("isp.example"),
        search: texts("isp.example corp.isp.example"),
        hostname: some("myhost"),
        ntp: ips("10.77.4.7 10.77.4.8"),
        mtu: Some(1492),
        server: Some(ip("10.77.4.1")),
        lease_time: Some(Lifetime(120)),
        t1: Some(Lifetime(60)),
        t2: Some(Lifetime(105)),
        message: None,
        time_offset: Some(-18000),
        posix_timezone: some("EST5EDT4,M3.2.0/02:00,M11.1.0/02:00"),
        tzdb_timezone: some("America/New_York"),
        sip: texts("10.77.4.20 10.77.4.21"),
        tftp_server: some("tftp.isp.example"),
        bootfile: some("boot/cfg.bin"),
        wpad: some("http://wpad.isp.example/wpad.dat"),
        siaddr: Some(ip("10.77.4.1")),
        giaddr: None,
        sname: None,
        file: None,
        options: options(&[
            (1, "ffffff00"),
            (2, "ffffb9b0"),
            (3, "0a4d0401"),
            (6, "0a4d0401 09090909 95707070"),
            (12, &host),
            (15, &domain),
            (26, "05d4"),
            (28, "0a4d04ff"),
            (42, "0a4d0407 0a4d0408"),
            (43, "0104deadbeef0203616263"),
            (51, "00000078"),
            (53, "05"),
            (54, "0a4d0401"),
            (58, "0000003c"),
            (59, "00000069"),
            (66, &tftp),
            (67, &boot),
            (81, "01ffff6d79686f7374"),
            (100, &tz),
            (101, &tzdb),
            // Names in full, though dnsmasq may have compressed the second one.
            (119, "03697370076578616d706c6500 04636f727003697370076578616d706c6500"),
            (120, "01 0a4d0414 0a4d0415"),
            (121, "08 0a 0a4d04fe 18 c0a864 0a4d04fd 00 0a4d0401"),
            (122, "01040a4d041e030900076578616d706c65"),
            (125, "0000118b06010474657374"),
            (212, "20 20 20010db8000000000000000000000000 c0000201"),
            (224, "000102ff7f0a27"),
            (249, "0c ac10 0a4d04fc"),
            (252, &wpad),
        ]),
    }
}

const PRESET: &str = "option 99 (opt99): \"preset\" is not an even count of hex digits";

#[test]
fn everything_that_dnsmasq_was_told_to_send_is_in_the_report() {
    let reading = read("dnsmasq-all/0002-bound.env");
    assert_eq!(reading.interface.unwrap().as_str(), "erouter0");
    assert_eq!(reading.report, dnsmasq_report("10.77.4.100"));
    // The client was started with opt99=preset in its own environment.
    assert_eq!(reading.problems.lines(), [PRESET]);
}

#[test]
fn the_options_are_the_bytes_of_the_servers_configuration() {
    let text = fs::read_to_string(captures().join("dnsmasq-all/dnsmasq-full.conf")).unwrap();
    let report = read("dnsmasq-all/0002-bound.env").report;
    let mut compared = 0;
    for line in text.lines() {
        let Some((code, value)) = line.strip_prefix("dhcp-option=").and_then(|option| option.split_once(','))
        else {
            continue;
        };
        let (Ok(code), true) = (code.parse::<u8>(), value.split(':').all(|byte| byte.len() == 2)) else {
            continue;
        };
        let expected = Bytes::from_hex(&value.replace(':', "")).unwrap();
        assert_eq!(report.options[&code], expected, "option {code}");
        compared += 1;
    }
    // 2, 43, 122, 125, 212, 224.
    assert_eq!(compared, 6);
}

#[test]
fn later_leases_differ_in_what_the_server_changed_only() {
    for (file, address) in [
        ("0004-bound", "10.77.4.100"),
        ("0007-bound", "10.77.4.100"),
        ("0010-bound", "10.77.4.203"),
        ("0012-bound", "10.77.4.203"),
    ] {
        let reading = read(&format!("dnsmasq-all/{file}.env"));
        assert_eq!(reading.report, dnsmasq_report(address), "{file}");
    }
}

#[test]
fn the_fields_of_the_bootp_header_are_not_taken_for_options() {
    let reading = read("kea4/0002-bound.env");
    let report = &reading.report;
    assert_eq!(report.siaddr, Some(ip("10.77.5.9")));
    assert_eq!(report.sname, some("boot.isp.example"));
    assert_eq!(report.tftp_server, some("tftp.isp.example"));
    assert_eq!(report.file, some("field-file.bin"));
    assert_eq!(report.bootfile, some("opt67.bin"));
    assert_eq!(report.routers, ips("10.77.5.1 10.77.5.2"));
    assert_eq!(report.time_offset, Some(3600));
    assert_eq!(report.sip, texts("sip.isp.example"));
    assert_eq!(report.lease_time, Some(Lifetime(30)));
    assert_eq!((report.t1, report.t2), (Some(Lifetime(10)), Some(Lifetime(20))));
    let wire = |code: u8| report.options[&code].to_hex();
    assert_eq!(wire(43), "010c687474703a2f2f6163732f78");
    assert_eq!(wire(61), "01020000000c05");
    assert_eq!(wire(120), "000373697003697370076578616d706c6500");
    assert_eq!(wire(121), "080a0a4d05fe");
    assert_eq!(wire(212), "202020010db800000000000000000000000000000000c0000201");
    // The server sent "isp.example evil;name", udhcpc made "bad" of it.
    assert_eq!(report.domain, None);
    assert!(!report.options.contains_key(&15));
    assert_eq!(
        reading.problems.lines(),
        ["option 15 (domain): \"bad\" is what udhcpc writes instead of a name that is not one; left out"]
    );
    assert_eq!(read("kea4/0003-renew.env").report, *report);
    assert_eq!(read("kea4/0008-bound.env").report, *report);
}

#[test]
fn a_lease_with_little_in_it_is_read_as_well() {
    let report = read("noO/0002-bound.env").report;
    assert_eq!(report.address, Some(ip("10.77.5.100")));
    assert_eq!(report.prefix_len, Some(24));
    assert_eq!(report.ntp, ips("10.77.5.7"));
    assert_eq!(report.mtu, None);
    let codes: Vec<u8> = report.options.keys().copied().collect();
    assert_eq!(codes, [1, 3, 6, 28, 42, 51, 53, 54, 58, 59, 61]);
}

#[test]
fn a_nak_has_the_servers_words_and_no_address() {
    let reading = read("dnsmasq-all/0008-nak.env");
    let expected = V4Report {
        server: Some(ip("10.77.4.1")),
        message: some("address not available"),
        options: options(&[(53, "06"), (54, "0a4d0401"), (56, &hex_of("address not available"))]),
        ..V4Report::default()
    };
    assert_eq!(reading.report, expected);
}

#[test]
fn every_captured_call_becomes_a_message_that_the_daemon_reads() {
    let mut seen = 0;
    for directory in ["dnsmasq-all", "fail-n", "kea4", "noO"] {
        for file in fs::read_dir(captures().join(directory)).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "env") {
                continue;
            }
            let event = file.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap().1.to_owned();
            let event = match &*event {
                "deconfig" => ClientEvent::Deconfig,
                "bound" => ClientEvent::Bound,
                "renew" => ClientEvent::Renew,
                "nak" => ClientEvent::Nak,
                "leasefail" => ClientEvent::Leasefail,
                other => panic!("{other}"),
            };
            let mut variables = variables(&file);
            variables.push((b"DHCPMGR_CLIENT".to_vec(), b"wan4".to_vec()));
            variables.push((b"DHCPMGR_TOKEN".to_vec(), b"00112233445566778899aabbccddeeff".to_vec()));
            let mut reading = environment::read(variables);
            let message = message::build(&mut reading, "udhcpc", event, 5, 6).unwrap();
            let bytes = message::encode::<V4Report>(message.clone(), &mut reading.problems).unwrap();
            assert_eq!(LeaseMessage::decode(&bytes).unwrap(), message, "{}", file.display());
            let preset = variables_of_the_lab(&file);
            assert_eq!(message.v4.unwrap().address.is_some(), event.carries_lease(), "{}", file.display());
            assert!(message.problems.len() <= 1 + preset, "{}: {:?}", file.display(), message.problems);
            seen += 1;
        }
    }
    assert_eq!(seen, 24);
}

/// Problems that the captures of one scenario have because of what the lab put into the client's environment:
/// opt99 and, until the first lease, router.
fn variables_of_the_lab(file: &Path) -> usize {
    usize::from(file.to_str().unwrap().contains("dnsmasq-all"))
}

#[test]
fn what_the_client_inherited_under_a_name_of_udhcpcs_is_reported_not_believed() {
    let reading = read("dnsmasq-all/0001-deconfig.env");
    assert_eq!(reading.report, V4Report::default());
    let router = "option 3 (router): \"PRESET_ROUTER\" is not an IPv4 address";
    assert_eq!(reading.problems.lines(), [router, PRESET]);
}
