//! Every environment that the real dibbler was seen to give its script, read and compared with what the server's
//! configuration says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{capture, captures, event, scenario, sent, values, variables};
use dhcpmgr_dibbler::environment;
use dhcpmgr_message::{Bytes, LeaseMessage, V6Report, V6Request};

fn hex(text: &str) -> Bytes {
    Bytes::from_hex(&text.replace(' ', "")).unwrap()
}

fn hex_of(text: &str) -> Bytes {
    Bytes(text.as_bytes().to_vec())
}

fn name_of(text: &str) -> Bytes {
    let mut wire = Vec::new();
    for name in text.split(' ') {
        for label in name.split('.') {
            wire.push(label.len() as u8);
            wire.extend(label.as_bytes());
        }
        wire.push(0);
    }
    Bytes(wire)
}

const SERVER: &str = "0001 0001 329675a6 020000000a06";

fn kea_options() -> BTreeMap<u16, Vec<Bytes>> {
    let rule = |flags| format!("0059 0015 {flags} 10 18 c0000200 24 20010db8f0 005d 0004 06 08 0300");
    BTreeMap::from([
        (1, vec![hex("0003 0001 020000000c06")]),
        (2, vec![hex(SERVER)]),
        // Kea sends nothing of the vendor's options that the client did not ask for.
        (17, vec![hex("00000de9")]),
        (22, vec![hex("20010db8000600000000000000000020")]),
        (23, vec![hex("20010db8000600000000000000000001 262000fe0000000000000000000000fe")]),
        (24, vec![name_of("isp.example corp.isp.example")]),
        (31, vec![hex("20010db8000600000000000000000007 20010db8000600000000000000000008")]),
        // The client asked to keep the server from updates (N) and gave one label.
        (39, vec![hex("04 05 6761746577")]),
        (41, vec![hex_of("EST5EDT")]),
        (42, vec![hex_of("America/New_York")]),
        (56, vec![hex("0001001020010db8000600000000000000000123")]),
        (64, vec![name_of("aftr.isp.example")]),
        (82, vec![hex("00000e10")]),
        (94, vec![hex(&format!("{} 005a 0010 20010db8cafe00000000000000000001", rule("01")))]),
        (95, vec![hex(&format!("{} 005b 000d 60 0064ff9b0000000000000000", rule("00")))]),
        (245, vec![hex("0001ff7f0a27")]),
    ])
}

fn kea_report(answer_to: V6Request) -> V6Report {
    V6Report {
        answer_to: Some(answer_to),
        dns: vec!["2001:db8:6::1".parse().unwrap(), "2620:fe::fe".parse().unwrap()],
        search: vec!["isp.example".to_owned(), "corp.isp.example".to_owned()],
        server_duid: Some(hex(SERVER)),
        options: kea_options(),
        ..V6Report::default()
    }
}

const ADDRESS: &str = "2001:db8:6::1000 40 60";
const PREFIX: &str = "2001:db8:f000::/56 40 60";

#[test]
fn everything_that_kea_was_told_to_send_is_in_the_report() {
    let reading = capture("kea-full/0001-add.env");
    assert_eq!(reading.interface.unwrap().as_str(), "erouter0");
    assert_eq!(reading.problems.lines(), Vec::<String>::new());
    assert_eq!(values(&reading.report), [ADDRESS, PREFIX]);
    assert!(reading.report.addresses.iter().all(|a| a.iaid.is_none() && a.address.prefix_len() == 128));
    assert!(reading.report.prefixes.iter().all(|p| p.iaid.is_none()));
    let report = V6Report { addresses: vec![], prefixes: vec![], ..reading.report };
    assert_eq!(report, kea_report(V6Request::Request));
}

#[test]
fn the_options_are_the_bytes_of_the_servers_configuration() {
    let text = fs::read_to_string(captures().join("kea-full/kea-dhcp6-full.json")).unwrap();
    let options = capture("kea-full/0001-add.env").report.options;
    let mut compared = 0;
    for option in text.split('{').filter(|option| !option.contains("\"space\"")) {
        let field = |name: &str| {
            let after = option.split_once(&format!("\"{name}\":"))?.1.trim_matches('"');
            Some(after.split(['"', ',', '}']).next()?.to_owned())
        };
        let (Some(code), Some(data), true) = (field("code"), field("data"), option.contains("csv-format"))
        else {
            continue;
        };
        assert_eq!(options[&code.parse().unwrap()], [hex(&data)], "option {code}");
        compared += 1;
    }
    // 56, 82, 245.
    assert_eq!(compared, 3);
}

#[test]
fn a_renewal_says_what_the_server_said_and_nothing_twice() {
    for (number, file) in scenario("kea-full").iter().enumerate().skip(1) {
        let reading = environment::read(common::context(), variables(file)).unwrap();
        // dibbler renews the prefix and the address in turn, each with a message of its own.
        let expected = if number % 2 == 1 { PREFIX } else { ADDRESS };
        assert_eq!(values(&reading.report), [expected], "{}", file.display());
        assert_eq!(reading.problems.lines(), Vec::<String>::new(), "{}", file.display());
        let report = V6Report { addresses: vec![], prefixes: vec![], ..reading.report };
        assert_eq!(report, kea_report(V6Request::Renew), "{}", file.display());
    }
}

#[test]
fn a_renumbering_withdraws_the_old_and_gives_the_new() {
    let expected: [&[&str]; 10] = [
        &["2001:db8:8::1000 40 60", "2001:db8:f100::/56 40 60"],
        &["2001:db8:f200::/56 40 60", "2001:db8:f100::/56 0 0"],
        &["2001:db8:f200::/56 40 60"],
        &["2001:db8:8::2000 40 60", "2001:db8:8::1000 0 0"],
        &["2001:db8:f200::/56 40 60"],
        &["2001:db8:8::2000 40 60"],
        &["2001:db8:f200::/56 40 60"],
        &["2001:db8:8::2000 40 60"],
        &["2001:db8:f200::/56 40 60"],
        &["2001:db8:8::2000 40 60"],
    ];
    let files = scenario("renum");
    assert_eq!(files.len(), expected.len());
    for (file, expected) in files.iter().zip(expected) {
        let reading = environment::read(common::context(), variables(file)).unwrap();
        assert_eq!(values(&reading.report), expected, "{}", file.display());
        assert_eq!(reading.problems.lines(), Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn a_client_that_asks_for_one_kind_reports_one_kind() {
    let report = capture("na2/0001-add.env").report;
    assert_eq!(values(&report), ["2001:db8:10::1000 40 60"]);
    assert_eq!(report.options[&17], [hex("0000118b")]);
    assert_eq!(report.options[&64], [name_of("aftr.isp.example")]);
    let reading = capture("pd2/0001-add.env");
    assert_eq!(values(&reading.report), ["2001:db8:f100::/56 40 60"]);
    assert_eq!(reading.problems.lines(), Vec::<String>::new());
}

#[test]
fn a_stateless_client_reports_options_only() {
    let reading = capture("stateless2/0001-update.env");
    let report = &reading.report;
    assert_eq!(report.answer_to, Some(V6Request::InformationRequest));
    assert!(report.addresses.is_empty() && report.prefixes.is_empty());
    assert_eq!(report.dns, ["2001:db8:10::1".parse::<std::net::Ipv6Addr>().unwrap()]);
    assert_eq!(report.search, ["isp.example"]);
    assert_eq!(report.options.keys().copied().collect::<Vec<_>>(), [1, 2, 23, 24]);
    assert_eq!(reading.problems.lines(), Vec::<String>::new());
}

#[test]
fn every_captured_call_becomes_a_message_that_the_daemon_reads() {
    let mut seen = 0;
    for directory in fs::read_dir(captures()).unwrap().map(|entry| entry.unwrap().path()) {
        if !directory.is_dir() {
            continue;
        }
        for file in scenario(directory.file_name().unwrap().to_str().unwrap()) {
            let reading = environment::read(common::context(), variables(&file)).unwrap();
            let report = reading.report.clone();
            let problems = reading.problems.lines();
            let message: LeaseMessage = sent(reading, event(&file));
            assert_eq!(message.v6, Some(report), "{}", file.display());
            assert_eq!(message.problems, problems);
            assert_eq!(message.program, "dibbler");
            assert_eq!(message.interface.as_str(), "erouter0");
            seen += 1;
        }
    }
    assert_eq!(seen, 59);
}

#[test]
fn options_that_are_there_twice_are_two_values_in_order() {
    for file in ["duplicates/0001-add.env", "duplicates/0002-update.env"] {
        let reading = capture(file);
        assert_eq!(reading.report.options[&17], [hex("0000118b 0001 0002 aabb"), hex("00000de9 0002 0000")]);
        assert_eq!(reading.report.options[&245], [hex("00ff"), hex("01")]);
        assert_eq!(reading.problems.lines(), Vec::<String>::new());
    }
}
