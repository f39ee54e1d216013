//! `dhcpmgr map` as vendors' test suites and field engineers meet it: the real program, without a daemon. The approved
//! texts are `golden/map-*.txt`; `UPDATE_GOLDEN=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const MAPT: &str = "0059000d001018c00002002820010db800005b00094020010db8ffff0000";
const CUSTOMER: &str = "2001:db8:12:3400::/56";

fn dhcpmgr(arguments: &[&str]) -> Output {
    // No daemon, and no files of one.
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"));
    command.args(["--root", "/nonexistent", "map"]).args(arguments).output().unwrap()
}

fn batch(input: &[u8]) -> (Option<i32>, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcpmgr"));
    command.args(["map", "explain", "--batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines)
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn explain(option: &str, hex: &str, prefix: &str, more: &[&str]) -> Output {
    let arguments = ["explain", "--option", option, "--hex", hex, "--prefix", prefix];
    dhcpmgr(&[&arguments[..], more].concat())
}

fn explained(option: &str, hex: &str, prefix: &str) -> Value {
    serde_json::from_str(stdout(&explain(option, hex, prefix, &["--json"]))).unwrap()
}

#[track_caller]
fn assert_golden(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, found).unwrap();
    }
    let approved = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == approved, "{name} differs\n--- approved\n{approved}\n--- found\n{found}");
}

#[test]
fn the_example_of_rfc_7597_is_explained_to_a_person() {
    let output = explain("95", &format!("005f001e{MAPT}"), CUSTOMER, &[]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert_golden("map-t.txt", stdout(&output));
    let hex = "5a:00:10:20:01:0d:b8:ff:ff:00:00:00:00:00:00:00:00:00:01";
    let output =
        explain("94", &format!("00:59:00:0d:80:10:18:c0:00:02:ff:28:20:01:0d:b8:00:00:{hex}"), CUSTOMER, &[]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert_golden("map-e.txt", stdout(&output));
}

#[test]
fn what_is_wrong_is_shown_where_it_is() {
    let output = explain("95", "0059000d001018c0000200c120010db800", CUSTOMER, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_golden("map-wrong.txt", stdout(&output));
    assert_eq!(stderr(&output), "dhcpmgr: wrong at byte 11: prefix6-len is 193, at most 128 is possible\n");
    let output = explain("95", "0059000d001018c0000200c120010db800", CUSTOMER, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json!({"ok": false, "error": "prefix6-len is 193, at most 128 is possible", "offset": 11});
    assert_eq!(serde_json::from_str::<Value>(stdout(&output)).unwrap(), answer);
}

#[test]
fn the_json_is_the_contract() {
    let answer = explained("95", MAPT, CUSTOMER);
    let ranges = answer["port_ranges"].as_array().unwrap();
    assert_eq!((ranges.len(), &ranges[0], &ranges[62]), (63, &json!([1232, 1235]), &json!([64720, 64723])));
    let mut rest = answer.clone();
    rest.as_object_mut().unwrap().remove("port_ranges");
    let rules = json!([{
        "ipv6_prefix": "2001:db8::/40", "ipv4_prefix": "192.0.2.0/24", "ea_len": 16,
        "psid_offset": 6, "psid_len": 8, "fmr": false
    }]);
    let expected = json!({
        "ok": true, "kind": "map-t", "rules": rules, "selected": 0, "ipv4": "192.0.2.18", "ipv4_prefix_len": 32,
        "psid": 52, "psid_len": 8, "psid_offset": 6, "ea_bits": 4660, "sharing_ratio": 256,
        "ce_ipv6": "2001:db8:12:3400:0:c000:212:34", "dmr": "2001:db8:ffff::/64", "mtu": 1472, "warnings": []
    });
    assert_eq!(rest, expected);
    let whole = explained("95", "00590010000020c00002123820010db8001234005b00094020010db8ffff0000", CUSTOMER);
    assert_eq!(whole["ok"], false, "one byte too long: {whole}");
    let whole = explained("95", "0059000f000020c00002123820010db8001234005b00094020010db8ffff0000", CUSTOMER);
    assert_eq!((&whole["psid_len"], &whole["port_ranges"]), (&json!(0), &json!([[0, 65535]])));
}

#[test]
fn the_other_mechanisms_have_what_they_have() {
    let br = "005a001020010db8ffff00000000000000000001";
    let e = explained("94", &format!("0059000d001018c00002002820010db800{br}"), CUSTOMER);
    assert_eq!(
        (&e["kind"], &e["br"], &e["mtu"]),
        (&json!("map-e"), &json!(["2001:db8:ffff::1"]), &json!(1460))
    );
    assert_eq!(e.get("dmr"), None);
    let lw = explained("96", &format!("005c0014c00002123820010db8001234005d000400083400{br}"), CUSTOMER);
    let expected =
        json!(["lw4o6", "192.0.2.18", 52, 8, 0, "2001:db8:12:3400:0:c000:212:34", [[13312, 13567]]]);
    let keys = ["kind", "ipv4", "psid", "psid_len", "psid_offset", "ce_ipv6", "port_ranges"];
    assert_eq!(keys.map(|key| lw[key].clone()).to_vec(), *expected.as_array().unwrap());
    let aftr = dhcpmgr(&["explain", "--option", "64", "--hex", "046166747207 6578616d706c6500", "--json"]);
    let aftr: Value = serde_json::from_str(stdout(&aftr)).unwrap();
    assert_eq!(
        aftr,
        json!({"ok": true, "kind": "ds-lite", "aftr": "aftr.example", "mtu": 1460, "warnings": []})
    );
    let order = dhcpmgr(&["explain", "--option", "111", "--hex", "005f0040", "--json"]);
    let order: Value = serde_json::from_str(stdout(&order)).unwrap();
    let expected =
        json!({"ok": true, "kind": "s46-priority", "priority": ["map-t", "ds-lite"], "warnings": []});
    assert_eq!(order, expected);
    let output = dhcpmgr(&["explain", "--option", "111", "--hex", "005f0040"]);
    assert!(stdout(&output).ends_with("s46-priority\n  map-t, then ds-lite\n"), "{}", stdout(&output));
}

#[test]
fn a_batch_has_an_answer_for_each_line_and_goes_on() {
    let right = json!({"option": 95, "hex": MAPT, "prefix": CUSTOMER, "id": "ours to keep"}).to_string();
    let spare =
        "0059 0018 00 0c 17 c0000200 2c 20010db81230 0000 005d 0004 00 00 0000 005b 0009 40 20010db8ffff0000";
    let spare = |quirks: Value| json!({"option": "95", "hex": spare, "prefix": "2001:db8:1234:5600::/56", "quirks": quirks});
    // The kind, or words of the error and its offset.
    type Expected = Result<&'static str, (&'static str, Option<u64>)>;
    let lines: Vec<(String, Expected)> = vec![
        (right.clone(), Ok("map-t")),
        (String::new(), Err(("the line is no object", None))),
        ("{".to_owned(), Err(("the line is no object", None))),
        ("[1]".to_owned(), Err(("the line is no object", None))),
        (json!({"option": 95, "hex": "0059", "prefix": CUSTOMER}).to_string(), Err(("left over", Some(0)))),
        (json!({"option": 95, "hex": "005", "prefix": CUSTOMER}).to_string(), Err(("half a byte", Some(1)))),
        (json!({"option": 95, "hex": MAPT}).to_string(), Err(("no delegated prefix", Some(11)))),
        (
            json!({"option": 95, "hex": MAPT, "prefix": "2001:db8::"}).to_string(),
            Err(("the prefix must be", None)),
        ),
        (
            json!({"option": 95, "hex": MAPT, "prefix": "2001:db8::/129"}).to_string(),
            Err(("at most 128", None)),
        ),
        (json!({"option": 23, "hex": "00"}).to_string(), Err(("option 23 is not one of", None))),
        (json!({"option": 65_631, "hex": "00"}).to_string(), Err(("option 65631 is not one of", None))),
        (json!({"option": -1, "hex": "00"}).to_string(), Err(("option -1", None))),
        (json!({"option": null, "hex": "00"}).to_string(), Err(("must be the number", None))),
        (spare(json!([])).to_string(), Err(("two zero bytes", Some(18)))),
        (spare(json!(["spare-bytes-before-portparams"])).to_string(), Ok("map-t")),
        (spare(json!(["spare"])).to_string(), Err(("\"spare\" is no quirk", None))),
        (format!("{{\"option\":95,\"hex\":\"{}\"}}", "00".repeat(300_000)), Err(("longer than", None))),
        (right, Ok("map-t")),
    ];
    let mut input: Vec<u8> = lines.iter().flat_map(|(line, _)| format!("{line}\n").into_bytes()).collect();
    input.extend(b"\xff\xfe\x00\n{\"option\":64,\"hex\":\"016100\"}");
    let (status, answers) = batch(&input);
    assert_eq!((status, answers.len()), (Some(1), lines.len() + 2));
    for ((line, expected), answer) in lines.iter().zip(&answers) {
        let line = &line[..line.len().min(200)];
        match expected {
            Ok(kind) => assert_eq!((&answer["ok"], &answer["kind"]), (&json!(true), &json!(kind)), "{line}"),
            Err((words, offset)) => {
                assert_eq!(
                    (&answer["ok"], &answer["offset"]),
                    (&json!(false), &json!(offset)),
                    "{line}\n{answer}"
                );
                assert!(answer["error"].as_str().unwrap().contains(words), "{line}\n{answer}");
            }
        }
    }
    assert_eq!(
        (&answers[lines.len()]["ok"], &answers[lines.len() + 1]["aftr"]),
        (&json!(false), &json!("a"))
    );
    let (status, answers) = batch(b"{\"option\":64,\"hex\":\"016100\"}\n");
    assert_eq!((status, answers.len()), (Some(0), 1));
    assert_eq!(batch(b""), (Some(0), vec![]));
}

#[test]
fn a_batch_is_a_file_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"option\":64,\"hex\":\"016100\"}\nx\n").unwrap();
    let output = dhcpmgr(&["explain", "--batch", file.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(1), 2));
    let output = dhcpmgr(&["explain", "--batch", "/nonexistent/file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("dhcpmgr: /nonexistent/file: No such file"), "{}", stderr(&output));
}

#[test]
fn whose_packet_is_this() {
    let lookup = |more: &[&str]| {
        dhcpmgr(&[&["lookup", "--option", "95", "--hex", MAPT, "--prefix", CUSTOMER][..], more].concat())
    };
    let cases = [
        (
            &["--port", "1235"][..],
            "192.0.2.18 port 1235 is ours: PSID 52, at 2001:db8:12:3400:0:c000:212:34\n",
        ),
        (
            &["--port", "1236"],
            "192.0.2.18 port 1236 is another customer's: PSID 53 of rule 0, at 2001:db8:12:3500:0:c000:212:35, \
             reached by way of the ISP\n",
        ),
        (&["--port", "80"], "192.0.2.18 port 80 is nobody's: no customer of rule 0 has this port\n"),
        (
            &["--ipv4", "10.2.3.4", "--port", "80"],
            "10.2.3.4 port 80 is not of this domain: sent to 2001:db8:ffff:0:a:203:400:0\n",
        ),
    ];
    for (more, sentence) in cases {
        let output = lookup(more);
        assert_eq!((output.status.code(), stdout(&output)), (Some(0), sentence));
    }
    let output = lookup(&["--ipv4", "192.0.2.1", "--port", "65535", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&output)).unwrap();
    let expected = json!({
        "ok": true, "ipv4": "192.0.2.1", "port": 65535, "owner": "customer", "rule": 0, "psid": 255,
        "ipv6": "2001:db8:1:ff00:0:c000:201:ff", "direct": false
    });
    assert_eq!(answer, expected);
    let output = dhcpmgr(&["lookup", "--option", "95", "--hex", "00", "--port", "1", "--json"]);
    assert_eq!((output.status.code(), stdout(&output).contains("\"ok\":false")), (Some(1), true));
    let output = dhcpmgr(&["lookup", "--option", "64", "--hex", "016100", "--port", "1"]);
    assert!(stderr(&output).contains("name one with --ipv4"), "{}", stderr(&output));
}

#[test]
fn the_interface_identifier_of_old_is_a_quirk() {
    let output = explain("95", MAPT, CUSTOMER, &["--quirk", "legacy-interface-id", "--json"]);
    let answer: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(answer["ce_ipv6"], "2001:db8:12:3400:c0:2:1200:3400");
}

#[test]
fn wrong_usage_is_status_2_and_says_what_is_right() {
    for (arguments, words) in [
        (&["explain", "--option", "95"][..], "--hex <HEX>"),
        (&["explain", "--option", "95", "--hex", "00", "--quirk", "nonsense"], "legacy-interface-id"),
        (&["explain", "--option", "23", "--hex", "00"], "95 (MAP-T)"),
        (&["explain", "--option", "95", "--hex", "00", "--prefix", "2001:db8::"], "2001:db8:12:3400::/56"),
        (&["explain", "--batch", "-", "--option", "95"], "cannot be used with"),
        (&["lookup", "--option", "95", "--hex", "00"], "--port <PORT>"),
    ] {
        let output = dhcpmgr(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{arguments:?}\n{}", stderr(&output));
    }
}
