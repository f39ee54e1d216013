//! The configuration as an operator meets it: files in, one typed value or all that is wrong with them out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use dhcpmgr::clients::Program;
use dhcpmgr::config::{Config, DnsBackend, Grant, Isolation, OnStop, Recovery, diff, load, parse, to_toml};
use dhcpmgr::paths::Paths;
use dhcpmgr_message::wire;
use dhcpmgr_plugin_api::{Hook, MtuPolicy, Protocol, RoutePolicy};
use proptest::prelude::*;

/// The example of the contract, without its DHCPv6 parts.
const EXAMPLE: &str = r#"
[daemon]
log = "info"                      # RUST_LOG syntax

[clients.wan4]                    # the key is the client's name (its TR-181 Alias)
protocol  = "v4"
interface = "wan0"
program   = "udhcpc"
request   = [43, 125]             # besides what loaded handlers ask for
metric    = 100
[clients.wan4.send]               # option code = value
60 = { text = "acme gw/2.1" }
61 = { hex = "01020304050607" }

[handlers.v4]
module    = "libdhcpmgr_v4.so"    # relative names are looked up in the handlers directory
isolation = "in-process"

[handlers.acme]
module    = "libacme_options.so"
isolation = "worker"              # the default
grants    = ["events", "parameters", "send-options", "dns"]
clients   = ["wan4"]              # default: every client whose protocol the module declares
deadline_ms = 250
[handlers.acme.settings]          # handed to the module as it stands
acs_option = 43
"#;

const CLIENT: &str = "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n";

fn files(texts: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
    texts.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect()
}

fn read(text: &str) -> Result<Config, String> {
    parse(files(&[("d.toml", text)])).map_err(|errors| errors.to_string())
}

#[test]
fn the_example_of_the_contract_is_accepted() {
    let config = read(EXAMPLE).unwrap();
    let client = &config.clients["wan4"];
    assert_eq!(client.protocol, Protocol::V4);
    assert_eq!(client.interface.as_str(), "wan0");
    assert_eq!(client.request.iter().copied().collect::<Vec<_>>(), [43, 125]);
    assert_eq!(client.send[&60].0, b"acme gw/2.1");
    assert_eq!(client.send[&61].0, [1, 2, 3, 4, 5, 6, 7]);
    let [v4, acme] = config.handlers.as_slice() else { panic!("two handlers") };
    assert_eq!((v4.name.as_str(), v4.isolation), ("v4", Isolation::InProcess));
    assert_eq!(acme.grants, [Grant::Events, Grant::Parameters, Grant::SendOptions, Grant::Dns].into());
    assert_eq!(acme.clients, Some(["wan4".parse().unwrap()].into()));
    let settings: toml::Table = wire::decode(&acme.settings.0).unwrap();
    assert_eq!(settings["acs_option"].as_integer(), Some(43));
}

#[test]
fn what_is_left_out_takes_its_default() {
    let ours = ["v4", "v6"].map(|name| format!("[handlers.{name}]\nmodule = \"libdhcpmgr_{name}.so\"\n"));
    let theirs = "[handlers.x]\nmodule = \"/opt/libdhcpmgr_v4.so\"\n";
    let config = read(&format!("{CLIENT}{}{theirs}", ours.concat())).unwrap();
    assert_eq!((config.daemon.log.as_str(), config.dns.backend), ("info", DnsBackend::None));
    let client = &config.clients["wan4"];
    assert!(
        client.enabled && client.request.is_empty() && client.send.is_empty() && client.hostname.is_none()
    );
    assert_eq!(
        (client.program, client.metric, client.on_stop),
        (Program::named("udhcpc").unwrap(), 100, OnStop::Keep)
    );
    assert_eq!((client.mtu, client.routes), (MtuPolicy::Link, RoutePolicy::All));
    assert_eq!(client.discover_attempts, 3);
    assert_eq!(client.discover_interval, Duration::from_secs(3));
    assert_eq!(client.discover_pause, Duration::from_secs(20));
    assert_eq!(client.recovery, Recovery::default());
    let [v4, v6, theirs] = config.handlers.as_slice() else { panic!("three handlers") };
    for ours in [v4, v6] {
        assert_eq!((ours.isolation, ours.grants.len()), (Isolation::InProcess, Grant::ALL.len()));
    }
    // Our file name somewhere else is not our module.
    assert_eq!((theirs.isolation, theirs.grants.clone()), (Isolation::Worker, Grant::THIRD_PARTY.into()));
    assert_eq!(theirs.deadline, Duration::from_millis(250));
    assert!(theirs.clients.is_none() && theirs.settings.0.is_empty());
}

#[test]
fn an_empty_file_configures_nothing() {
    assert_eq!(read("").unwrap(), Config::default());
}

const TOP: &str = "accepted: daemon, dns, metrics, observer, clients, signatures, handlers, delegations, ula, router_advertisements, softwire, hooks";
const LISTEN: &str =
    "accepted: \"socket\", or a loopback address with a port, such as \"127.0.0.1:9546\" or \"[::1]:9546\"";
const CLIENT_KEYS: &str = "accepted: enabled, protocol, interface, program, request, send, metric, on_stop, recovery, \
                           sysctls, hostname, mtu, routes, discover_attempts, discover_interval, discover_pause";
const FORMS: &str = "{ text = \"…\" }, { hex = \"0102…\" } or { ip = \"192.0.2.1\" }";
const MODULE: &str =
    "accepted: a file name in the handlers directory, such as \"libdhcpmgr_v4.so\", or an absolute path";

/// Snippet → the one line that is reported, without the `d.toml:` it starts with.
fn mistakes() -> Vec<(String, String)> {
    let client =
        |line: &str, error: &str| (format!("{CLIENT}{line}\n"), error.replace("WAN4", "clients.wan4"));
    let send = |line: &str, error: &str| {
        (format!("{CLIENT}send.{line}\n"), error.replace("SEND", "clients.wan4.send"))
    };
    let handler = |line: &str, error: &str| {
        (format!("{CLIENT}[handlers.h]\nmodule = \"h.so\"\n{line}\n"), error.replace("H.", "handlers.h."))
    };
    let text = |text: &str, error: &str| (text.to_owned(), error.to_owned());
    let u32_range = "accepted: a whole number from 0 to 4294967295";
    let code = "accepted: an option code from 1 to 254, such as 60 or 0x3c";
    vec![
        // Syntax.
        text("[clients", "1:9: is not TOML: unclosed table, expected `]`"),
        text("a = 1\na = 2\n", "2:1: is not TOML: duplicate key"),
        // Unknown keys.
        text("[demon]\n", &format!("1:2: demon: is not a known key (did you mean \"daemon\"?); {TOP}")),
        text("[daemon]\ncolour = 1\n", "2:1: daemon.colour: is not a known key; accepted: log"),
        client(
            "metrc = 5",
            &format!("4:1: WAN4.metrc: is not a known key (did you mean \"metric\"?); {CLIENT_KEYS}"),
        ),
        handler(
            "isolaton = 1",
            "6:1: H.isolaton: is not a known key (did you mean \"isolation\"?); accepted: module, public_keys, isolation, grants, clients, order, overrides, deadline_ms, deadlines, settings",
        ),
        text(
            "[clients.a]\nprotocol = \"v5\"\ninterface = \"x\"\n",
            "2:12: clients.a.protocol: \"v5\" is not a protocol (did you mean \"v4\"?); accepted: \"v4\", \"v6\"",
        ),
        text(
            "[clients.a]\ninterface = \"x\"\n",
            "1:10: clients.a: key \"protocol\" is missing; accepted: \"v4\", \"v6\"",
        ),
        text(
            "[clients.a]\nprotocol = \"v4\"\n",
            "1:10: clients.a: key \"interface\" is missing; accepted: the name of a network interface, such as \"wan0\"",
        ),
        text("clients = 3\n", "1:11: clients: found a whole number; accepted: a table, [clients]"),
        text("clients.a = 3\n", "1:13: clients.a: found a whole number; accepted: a table, [clients.NAME]"),
        text(
            "[clients.\"a b\"]\nprotocol = \"v4\"\n",
            "1:10: clients.\"a b\": client name \"a b\" must have 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit",
        ),
        text(
            "[clients.a]\nprotocol = \"v4\"\ninterface = \"wan0/../x\"\n",
            "3:13: clients.a.interface: interface name \"wan0/../x\" must be printable ASCII without space, '/' and ':'; accepted: the name of a network interface, such as \"wan0\"",
        ),
        client("metric = \"100\"", &format!("4:10: WAN4.metric: found a string; {u32_range}")),
        client("metric = 4294967296", &format!("4:10: WAN4.metric: 4294967296 is out of range; {u32_range}")),
        client(
            "metric = 99999999999999999999",
            &format!("4:10: WAN4.metric: 99999999999999999999 is out of range; {u32_range}"),
        ),
        client("enabled = 1", "4:11: WAN4.enabled: found a whole number; accepted: true or false"),
        client(
            "mtu = 1500",
            "4:7: WAN4.mtu: found a whole number; accepted: \"link\", \"route\", \"ignore\"",
        ),
        client(
            "routes = \"default\"",
            "4:10: WAN4.routes: \"default\" is not a policy for routes; accepted: \"all\", \"default-only\", \"no-default\", \"none\"",
        ),
        client(
            "on_stop = \"relase\"",
            "4:11: WAN4.on_stop: \"relase\" is not a way to stop (did you mean \"release\"?); accepted: \"keep\", \"stop\", \"release\"",
        ),
        // Sysctls.
        client(
            "sysctls = 2",
            "4:11: WAN4.sysctls: found a whole number; accepted: a table, [clients.NAME.sysctls]",
        ),
        client(
            "sysctls.accept-ra = 2",
            "4:9: WAN4.sysctls.accept-ra: is not a known key (did you mean \"accept_ra\"?); accepted: accept_ra, accept_ra_defrtr, accept_ra_mtu, accept_ra_pinfo, accept_ra_rt_info_max_plen, autoconf, use_tempaddr",
        ),
        client(
            "sysctls.accept_ra = 3",
            "4:21: WAN4.sysctls.accept_ra: 3 is out of range; accepted: a whole number from 0 to 2",
        ),
        // Recovery.
        client(
            "recovery = 3",
            "4:12: WAN4.recovery: found a whole number; accepted: a table, [clients.NAME.recovery]",
        ),
        client(
            "recovery.restart = 3",
            "4:10: WAN4.recovery.restart: is not a known key (did you mean \"restarts\"?); accepted: restarts, window_s, slow_s, steady_s, stuck_s, on_stuck",
        ),
        client(
            "recovery.restarts = 0",
            "4:21: WAN4.recovery.restarts: 0 is out of range; accepted: a whole number from 1 to 1000",
        ),
        client(
            "recovery.window_s = 604801",
            "4:21: WAN4.recovery.window_s: 604801 is out of range; accepted: a whole number from 1 to 604800 seconds",
        ),
        client(
            "recovery.slow_s = 359",
            "4:19: WAN4.recovery.slow_s: slow_s = 359 is faster than the 10 restarts within 3600 s that it comes after; accepted: slow_s of at least 360 seconds",
        ),
        client(
            "recovery.window_s = 604800",
            "4:21: WAN4.recovery.window_s: slow_s = 900 is faster than the 10 restarts within 604800 s that it comes after; accepted: slow_s of at least 60480 seconds",
        ),
        client(
            "recovery.stuck_s = 29",
            "4:20: WAN4.recovery.stuck_s: 29 s is not longer than one search for a server, discover_attempts times discover_interval and discover_pause: 29 s; accepted: more than that",
        ),
        client(
            "recovery.on_stuck = \"ignore\"",
            "4:21: WAN4.recovery.on_stuck: \"ignore\" is not a way to treat it; accepted: \"restart\", \"report\"",
        ),
        client(
            "hostname = \"a_b\"",
            "4:12: WAN4.hostname: host name \"a_b\" must have letters, digits and hyphens only (RFC 1123); accepted: a name after RFC 1123",
        ),
        client(
            "discover_interval = 0",
            "4:21: WAN4.discover_interval: 0 is out of range; accepted: a whole number from 1 to 86400 seconds",
        ),
        client(
            "discover_pause = 2.5",
            "4:18: WAN4.discover_pause: found a fraction; accepted: a whole number from 1 to 86400 seconds",
        ),
        client(
            "[clients.b]\nprotocol = \"v4\"\ninterface = \"wan0\"\nenabled = false",
            "6:13: clients.b.interface: \"wan0\" already has the v4 client \"wan4\"; accepted: one client of a protocol on an interface",
        ),
        // Options.
        client(
            "request = 43",
            "4:11: WAN4.request: found a whole number; accepted: a list of option codes, such as [43, 125]",
        ),
        client(
            "request = [43, 255]",
            "4:16: WAN4.request: 255 is out of range; accepted: a whole number from 1 to 254 (an option code)",
        ),
        client(
            "request = [0]",
            "4:12: WAN4.request: 0 is out of range; accepted: a whole number from 1 to 254 (an option code)",
        ),
        client(
            "request = [43, 0x2b]",
            "4:16: WAN4.request: option 43 is listed twice; accepted: each option once",
        ),
        send("60 = \"acme\"", &format!("4:11: SEND.60: found a string; accepted: {FORMS}")),
        send(
            "60 = { text = \"a\", hex = \"00\" }",
            &format!("4:11: SEND.60: has 2 values; accepted: exactly one of {FORMS}"),
        ),
        send("60 = {}", &format!("4:11: SEND.60: has 0 values; accepted: exactly one of {FORMS}")),
        send(
            "60 = { txt = \"a\" }",
            "4:13: SEND.60.txt: is not a known key (did you mean \"text\"?); accepted: text, hex, ip",
        ),
        send("60 = { text = \"\" }", "4:20: SEND.60.text: option 60 would have 0 bytes; accepted: 1 to 255"),
        send(
            "60 = { hex = \"abc\" }",
            "4:19: SEND.60.hex: hex string \"abc\" must be an even count of hex digits; accepted: such as \"01020304\"",
        ),
        send(
            "60 = { ip = \"1.2.3\" }",
            "4:18: SEND.60.ip: \"1.2.3\" is not an IPv4 address; accepted: such as \"192.0.2.1\"",
        ),
        send(
            "vendor = { text = \"a\" }",
            &format!("4:6: SEND.vendor: \"vendor\" is not an option code; {code}"),
        ),
        send("0 = { text = \"a\" }", &format!("4:6: SEND.0: \"0\" is not an option code; {code}")),
        send("255 = { text = \"a\" }", &format!("4:6: SEND.255: \"255\" is not an option code; {code}")),
        send(
            "53 = { hex = \"01\" }",
            "4:6: SEND.53: option 53 is the type of the message, which the client fills in; accepted: other options",
        ),
        send(
            "0x37 = { hex = \"01\" }",
            "4:6: SEND.0x37: option 55 is made of what handlers ask for and of the key \"request\"; accepted: codes in \"request\"",
        ),
        send("51 = { hex = \"0e10\" }", "4:19: SEND.51.hex: option 51 would have 2 bytes; accepted: 4"),
        send(
            "60 = { text = \"a\" }\nsend.0x3c = { text = \"b\" }",
            "5:6: SEND.0x3c: option 60 is here twice; accepted: each option once, however its code is written",
        ),
        send(
            "60 = { text = \"a\" }\nsend.060 = { text = \"b\" }",
            "5:6: SEND.060: option 60 is here twice; accepted: each option once, however its code is written",
        ),
        client(
            "hostname = \"gw\"\nsend.12 = { text = \"gw\" }",
            "5:6: WAN4.send.12: option 12 is sent for the key \"hostname\" of this client; accepted: one of the two",
        ),
        // Handlers.
        text(
            "[handlers.h]\nisolation = \"worker\"\n",
            &format!("1:11: handlers.h: key \"module\" is missing; {MODULE}"),
        ),
        text(
            "[handlers.h]\nmodule = \"lib/h.so\"\n",
            &format!("2:10: handlers.h.module: \"lib/h.so\" is a relative path; {MODULE}"),
        ),
        text(
            "[handlers.h]\nmodule = \"/opt/../h.so\"\n",
            &format!("2:10: handlers.h.module: \"/opt/../h.so\" contains \"..\"; {MODULE}"),
        ),
        text(
            "[handlers.\"../x\"]\nmodule = \"h.so\"\n",
            "1:11: handlers.\"../x\": is no name for a handler; accepted: 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or a digit",
        ),
        handler(
            "isolation = \"none\"",
            "6:13: H.isolation: \"none\" is not a way to run a handler; accepted: \"worker\", \"in-process\"",
        ),
        handler(
            "grants = [\"dsn\"]",
            "6:11: H.grants: \"dsn\" is not a grant (did you mean \"dns\"?); accepted: \"addresses\", \"routes\", \"mtu\", \"dns\", \"ntp\", \"prefixes\", \"softwire\", \"parameters\", \"events\", \"send-options\", \"refuse\"",
        ),
        handler(
            "clients = [\"wan5\"]",
            "6:12: H.clients: \"wan5\" is not a client of this configuration; accepted: \"wan4\"",
        ),
        handler(
            "clients = []",
            "6:11: H.clients: is empty, so that the handler would never be asked; accepted: names of clients, or no such key for all",
        ),
        handler(
            "deadline_ms = 0",
            "6:15: H.deadline_ms: 0 is out of range; accepted: a whole number from 1 to 60000 milliseconds",
        ),
        handler(
            "deadline_ms = 60001",
            "6:15: H.deadline_ms: 60001 is out of range; accepted: a whole number from 1 to 60000 milliseconds",
        ),
        handler(
            "deadlines = { lease = 0 }",
            "6:23: H.deadlines.lease: 0 is out of range; accepted: a whole number from 1 to 60000 milliseconds",
        ),
        handler(
            "deadlines = { leas = 9 }",
            "6:15: H.deadlines.leas: is not a known key (did you mean \"lease\"?); accepted: options, validate, lease, decide, event, parameters",
        ),
        handler("order = -1", "6:9: H.order: -1 is out of range; accepted: a whole number from 0 to 65535"),
        handler(
            "overrides = [\"dns\"]",
            "6:14: H.overrides: \"dns\" is no contribution of a handler; accepted: HANDLER.FIELD, where FIELD is one of addresses, routes, rules, mtu, dns, domain, search, ntp, hostname, prefixes, softwires, parameters, events",
        ),
        handler(
            "settings = 5",
            "6:12: H.settings: found a whole number; accepted: a table, [handlers.NAME.settings]",
        ),
        handler(
            "settings.a = [[[[[[[[[1]]]]]]]]]",
            "6:21: H.settings.a: is nested too deeply; accepted: 8 tables and lists within each other",
        ),
        handler(
            "settings.a = 9223372036854775808",
            "6:14: H.settings.a: 9223372036854775808 is out of range; accepted: -9223372036854775808 to 9223372036854775807",
        ),
        // Daemon.
        text(
            "[daemon]\nlog = \"info,x=loud\"\n",
            "2:7: daemon.log: \"info,x=loud\" is not a log filter (error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5); accepted: RUST_LOG syntax, such as \"info\" or \"info,dhcpmgr::network=debug\"",
        ),
        text(
            "[dns]\nbackend = \"resolve\"\n",
            "2:11: dns.backend: \"resolve\" is not a back-end for name servers (did you mean \"resolved\"?); accepted: \"none\", \"file\", \"resolvconf\", \"resolved\"",
        ),
        text(
            "[metrics]\nlisten = \"192.0.2.1:9546\"\n",
            &format!("2:10: metrics.listen: 192.0.2.1 is not an address of this machine only; {LISTEN}"),
        ),
        text("[metrics]\nlisten = \"[::1]:0\"\n", &format!("2:10: metrics.listen: port 0 is none; {LISTEN}")),
        text(
            "[metrics]\nlisten = \"localhost:9546\"\n",
            &format!(
                "2:10: metrics.listen: \"localhost:9546\" is neither \"socket\" nor an address with a port; {LISTEN}"
            ),
        ),
        text(
            "[observer]\nenabled = 1\n",
            "2:11: observer.enabled: found a whole number; accepted: true or false",
        ),
        text(
            "[softwire]\nbackend = \"nat64\"\n",
            "2:11: softwire.backend: \"nat64\" is not a back-end for softwires (did you mean \"nat46\"?); accepted: \"auto\", \"nat46\", \"kernel-tunnel\", \"none\"",
        ),
        text(
            "[softwire]\nbackend = \"userspace\"\n",
            "2:11: softwire.backend: the translator \"userspace\" is not built yet; accepted: \"auto\", \"nat46\", \"kernel-tunnel\", \"none\"",
        ),
        // Hostile text stays on its line.
        text("\"a\\u001b[2J\" = 1\n", &format!("1:1: \"a\\u{{1b}}[2J\": is not a known key; {TOP}")),
    ]
}

#[test]
fn every_mistake_is_reported_with_its_place_its_key_and_what_is_accepted() {
    let mut wrong = Vec::new();
    for (text, expected) in mistakes() {
        let expected = format!("d.toml:{expected}");
        let found = read(&text).err().unwrap_or_default();
        if found != expected {
            wrong.push(format!("for\n{text}expected {expected}\nfound    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn everything_that_is_wrong_is_reported_at_once_in_the_order_of_the_file() {
    let text = "[clients.a]\nprotocol = \"v5\"\nmetric = -1\ncolour = 1\n[handlers.h]\nmodule = 1\n[dns]\nbackend = 2\n";
    let errors = parse(files(&[("d.toml", text)])).unwrap_err();
    let places: Vec<_> = errors.0.iter().map(|e| (e.position.unwrap(), e.key.as_str())).collect();
    assert_eq!(
        places,
        [
            ((1, 10), "clients.a"),
            ((2, 12), "clients.a.protocol"),
            ((3, 10), "clients.a.metric"),
            ((4, 1), "clients.a.colour"),
            ((6, 10), "handlers.h.module"),
            ((8, 11), "dns.backend"),
        ]
    );
}

#[test]
fn an_option_takes_up_to_255_bytes_and_a_message_has_an_end() {
    let option = |code: u8, bytes: usize| format!("{code} = {{ text = \"{}\" }}\n", "x".repeat(bytes));
    let text = |options: &str| format!("{CLIENT}[clients.wan4.send]\n{options}");
    assert_eq!(read(&text(&option(60, 255))).unwrap().clients["wan4"].send[&60].0.len(), 255);
    assert_eq!(
        read(&text(&option(60, 256))).unwrap_err(),
        "d.toml:5:15: clients.wan4.send.60.text: option 60 would have 256 bytes; accepted: 1 to 255"
    );
    let two = read(&text(&(option(60, 200) + &option(77, 100)))).unwrap_err();
    assert!(
        two.ends_with("the options need 304 bytes together; accepted: up to 276, the room in a message"),
        "{two}"
    );
}

#[test]
fn an_option_value_is_taken_byte_by_byte() {
    let text = format!(
        "{CLIENT}[clients.wan4.send]\n60 = {{ text = \"a \\\"b\\\" 'c' \\u0000\\n é\" }}\n0x48 = {{ ip = \"192.0.2.1\" }}\n"
    );
    let config = read(&text).unwrap();
    assert_eq!(config.clients["wan4"].send[&60].0, "a \"b\" 'c' \0\n é".as_bytes());
    assert_eq!(config.clients["wan4"].send[&72].0, [192, 0, 2, 1]);
}

#[test]
fn handlers_keep_the_order_of_the_files_and_not_of_their_names() {
    // A handler is where its own header is, also when its settings come earlier.
    let main = "[handlers.zeta]\nmodule = \"z.so\"\n[handlers.acme.settings]\na = 1\n[handlers.beta]\nmodule = \"b.so\"\n[handlers.acme]\nmodule = \"a.so\"\n";
    let drop_in = "[handlers.aaa]\nmodule = \"x.so\"\n[handlers.beta]\ndeadline_ms = 9\n";
    let config = parse(files(&[("main.toml", main), ("conf.d/1.toml", drop_in)])).unwrap();
    let names: Vec<_> = config.handlers.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["zeta", "beta", "acme", "aaa"]);
    assert_eq!(config.handlers[1].deadline, Duration::from_millis(9));
}

#[test]
fn an_order_goes_before_that_of_the_files() {
    let of = |name: &str, key: &str| format!("[handlers.{name}]\nmodule = \"m.so\"\n{key}\n");
    let text =
        [of("a", ""), of("b", "order = 7"), of("c", "order = 100"), of("d", "order = 300"), of("e", "")];
    let config = read(&text.concat()).unwrap();
    let names: Vec<_> = config.handlers.iter().map(|handler| handler.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "c", "e", "d"]);
}

#[test]
fn each_hook_may_have_a_time_of_its_own() {
    let text = "[handlers.a]\nmodule = \"a.so\"\ndeadline_ms = 30\noverrides = [\"v4.dns\"]\n[handlers.a.deadlines]\nvalidate = 5\n";
    let handler = &read(text).unwrap().handlers[0];
    let ms = |hook| handler.deadline_of(hook).as_millis();
    assert_eq!((ms(Hook::Validate), ms(Hook::Lease), ms(Hook::Event)), (5, 30, 1000));
    assert_eq!(handler.overrides, ["v4.dns"]);
    assert_eq!(read(&dhcpmgr::config::to_toml(&read(text).unwrap())).unwrap().handlers[0], *handler);
}

#[test]
fn what_a_module_finds_wrong_with_its_settings_is_found_in_the_file() {
    let main = "[handlers.a]\nmodule = \"a.so\"\n[handlers.a.settings]\nurl = \"x\"\n";
    let drop_in = "[handlers.a.settings]\nacs = { option = 43 }\n";
    let config = parse(files(&[("d.toml", main), ("conf.d/1.toml", drop_in)])).unwrap();
    let told = config.handlers[0]
        .written
        .locate("settings.url: no; settings.acs.option: 43; settings.mode: missing");
    assert_eq!(
        told,
        "d.toml:4:1: handlers.a.settings.url: no; conf.d/1.toml:2:9: handlers.a.settings.acs.option: 43; \
         d.toml:1:11: handlers.a.settings.mode: missing"
    );
}

#[test]
fn drop_ins_add_clients_and_override_single_keys() {
    let main = format!(
        "{CLIENT}metric = 7\nrequest = [43]\nsend.60 = {{ text = \"old\" }}\nsend.77 = {{ text = \"stays\" }}\n"
    );
    let first = "[clients.wan4]\nmetric = 8\nsend.60 = { hex = \"00\" }\n";
    let second = "[clients.wan4]\nmetric = 9\nrequest = [125]\n[clients.voip]\nprotocol = \"v4\"\ninterface = \"wan0.7\"\n";
    let config = parse(files(&[("m", &main), ("1", first), ("2", second)])).unwrap();
    let client = &config.clients["wan4"];
    assert_eq!((client.metric, client.interface.as_str()), (9, "wan0"));
    assert_eq!(client.request, [125].into());
    assert_eq!(client.send[&60].0, [0]);
    assert_eq!(client.send[&77].0, b"stays");
    assert_eq!(config.clients["voip"].interface.as_str(), "wan0.7");
}

#[test]
fn a_mistake_in_a_drop_in_is_reported_in_the_drop_in() {
    let errors =
        parse(files(&[("m.toml", CLIENT), ("1.toml", "\n[clients.wan4]\nmetric = true\n")])).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "1.toml:3:10: clients.wan4.metric: found a boolean; accepted: a whole number from 0 to 4294967295"
    );
}

#[test]
fn settings_reach_the_module_as_they_stand() {
    let text = "[handlers.h]\nmodule = \"h.so\"\n[handlers.h.settings]\ni = -5\nf = 1.5\nb = true\nd = 1979-05-27T07:32:00Z\nl = [1, \"x\"]\n[handlers.h.settings.t]\nx = \"y\"\n";
    let config = read(text).unwrap();
    let settings: serde_json::Value = wire::decode(&config.handlers[0].settings.0).unwrap();
    let expected = serde_json::json!({
        "i": -5, "f": 1.5, "b": true, "d": "1979-05-27T07:32:00Z", "l": [1, "x"], "t": { "x": "y" }
    });
    assert_eq!(settings, expected);
}

mod on_disk {
    use super::*;

    fn place(root: &Path, name: &str, text: impl AsRef<[u8]>) {
        let file = root.join("etc/dhcpmgr").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn refused(root: &Path) -> String {
        load(&Paths::new(root)).unwrap_err().to_string().replace(root.to_str().unwrap(), "ROOT")
    }

    #[test]
    fn drop_ins_are_read_in_the_order_of_their_names_and_other_files_are_not() {
        let root = tempfile::tempdir().unwrap();
        place(root.path(), "dhcpmgr.toml", CLIENT);
        place(root.path(), "conf.d/20-late.toml", "[clients.wan4]\nmetric = 20\n");
        place(root.path(), "conf.d/10-early.toml", "[clients.wan4]\nmetric = 10\n");
        place(root.path(), "conf.d/30.toml.bak", "rubbish");
        place(root.path(), "conf.d/.40.toml", "rubbish");
        let loaded = load(&Paths::new(root.path())).unwrap();
        assert_eq!(loaded.config.clients["wan4"].metric, 20);
        let names: Vec<_> = loaded.files.iter().map(|f| f.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["dhcpmgr.toml", "10-early.toml", "20-late.toml"]);
    }

    #[test]
    fn a_missing_main_file_is_an_error_that_says_where_it_was_looked_for() {
        let root = tempfile::tempdir().unwrap();
        place(root.path(), "conf.d/10.toml", CLIENT);
        assert_eq!(
            refused(root.path()),
            "ROOT/etc/dhcpmgr/dhcpmgr.toml: there is no such file; write the configuration there, or name another root with --root DIR"
        );
    }

    #[test]
    fn a_file_that_is_no_text_or_too_large_or_no_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        place(root.path(), "dhcpmgr.toml", b"a = 1\nb = \"\xff\"\n");
        place(root.path(), "conf.d/10.toml", "#".repeat(1024 * 1024 + 1));
        std::fs::create_dir(root.path().join("etc/dhcpmgr/conf.d/20.toml")).unwrap();
        assert_eq!(
            refused(root.path()),
            "ROOT/etc/dhcpmgr/dhcpmgr.toml: is not UTF-8 text: line 2, byte 11 of the file\n\
             ROOT/etc/dhcpmgr/conf.d/10.toml: is larger than 1048576 bytes\n\
             ROOT/etc/dhcpmgr/conf.d/20.toml: is not a plain file"
        );
    }
}

mod differences {
    use super::*;

    #[test]
    fn the_same_configuration_differs_in_nothing() {
        let config = read(EXAMPLE).unwrap();
        assert!(diff(&config, &config).is_empty());
    }

    #[test]
    fn a_policy_asks_for_a_new_plan_and_an_option_for_a_new_process() {
        let old = read(CLIENT).unwrap();
        let policy = diff(&old, &read(&format!("{CLIENT}metric = 5\nroutes = \"none\"\n")).unwrap());
        let change = &policy.clients_changed[0];
        assert_eq!(change.keys, ["metric", "routes"]);
        assert!(change.replan && !change.restart && !change.new_link);
        let option = diff(&old, &read(&format!("{CLIENT}request = [43]\n")).unwrap());
        let change = &option.clients_changed[0];
        assert_eq!(change.keys, ["request"]);
        assert!(!change.replan && change.restart && !change.new_link);
        let link = diff(&old, &read(&CLIENT.replace("wan0", "wan1")).unwrap());
        assert!(link.clients_changed[0].new_link && link.clients_changed[0].restart);
        let state = diff(&old, &read(&format!("{CLIENT}enabled = false\n")).unwrap());
        let change = &state.clients_changed[0];
        assert!(change.keys == ["enabled"] && !change.replan && !change.restart);
    }

    #[test]
    fn each_part_has_a_line() {
        let old = format!(
            "{CLIENT}[clients.x]\nprotocol = \"v4\"\ninterface = \"x\"\n[handlers.a]\nmodule = \"a\"\n[handlers.b]\nmodule = \"b\"\n[handlers.c]\nmodule = \"c\"\n"
        );
        let new = format!(
            "{CLIENT}hostname = \"gw\"\n[clients.y]\nprotocol = \"v4\"\ninterface = \"y\"\n[handlers.c]\nmodule = \"c\"\ndeadline_ms = 9\n[handlers.d]\nmodule = \"d\"\n[handlers.a]\nmodule = \"a2\"\n[dns]\nbackend = \"file\"\n[metrics]\nlisten = \"socket\"\n[observer]\nenabled = true\n[softwire]\nbackend = \"none\"\n[daemon]\nlog = \"debug\"\n"
        );
        assert_eq!(
            diff(&read(&old).unwrap(), &read(&new).unwrap()).lines(),
            [
                "client y: added",
                "client x: removed",
                "client wan4: hostname changed; its process is started again",
                "handler d: added",
                "handler b: removed",
                "handler a: module changed; it is made anew",
                "handler c: deadline_ms changed",
                "handlers: asked in another order",
                "dns: backend changed",
                "metrics: listen changed",
                "observer: enabled changed",
                "softwire: backend changed",
                "daemon: log changed",
            ]
        );
    }
}

#[test]
fn what_is_shown_reads_back_as_the_same_configuration() {
    let more = r#"
[handlers."1.x"]
module = "/opt/a b\n.so"
grants = []
[handlers."1.x".settings]
url = "http://a/'\""
[handlers."1.x".settings.deep]
l = [1.5, 2]
[dns]
backend = "resolved"
[metrics]
listen = "[::1]:9546"
[observer]
enabled = true
[softwire]
backend = "kernel-tunnel"
[clients."a.b"]
protocol = "v4"
interface = "x"
hostname = "gw"
enabled = false
on_stop = "release"
recovery = { restarts = 3, window_s = 60, slow_s = 30, steady_s = 5, stuck_s = 40, on_stuck = "report" }
sysctls = { accept_ra = 2, accept_ra_rt_info_max_plen = 128, autoconf = 0 }
send.77 = { text = "a \"b\" é" }
send.78 = { hex = "00ff" }
"#;
    let config = read(&format!("{EXAMPLE}{more}")).unwrap();
    let shown = to_toml(&config);
    assert_eq!(read(&shown).unwrap(), config, "{shown}");
    assert!(shown.contains("60 = { text = \"acme gw/2.1\" }\n"), "{shown}");
}

#[test]
fn a_file_made_of_dots_or_brackets_is_refused_and_not_a_crash() {
    for text in [
        format!("{}x = 1\n", "a.".repeat(500_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", "{ a = ".repeat(100_000)),
    ] {
        let errors = parse(files(&[("d.toml", &text)])).unwrap_err();
        let error = errors.0[0].to_string();
        assert!(error.starts_with("d.toml:1:") && error.contains(": is not TOML: "), "{error:.300}");
        assert!(error.len() < 200, "{error:.300}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,400}") {
        let _ = read(&text);
    }

    /// Pieces of TOML in any order get further than random text.
    #[test]
    fn no_mixture_of_toml_makes_the_reader_panic_and_errors_stay_on_their_line(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "[clients.wan4]\n", "[clients.\"\\u001b\"]\n", "[handlers.v4]\n", "[handlers.v4.settings]\n",
            "[daemon]\n", "[dns]\n", "protocol = \"v4\"\n", "interface = \"wan0\"\n", "interface = \"\"\n",
            "module = \"a.so\"\n", "send", ".60", " = ", "{ text = \"x\" }\n", "{ hex = \"f\" }\n",
            "[1, 2, 300]\n", "\"\u{1b}[2J\"\n", "clients", "grants", "\n", "1.5", "-1\n", "{", "}", "[", "]",
            "log = \"[\"\n", "\"\"\"", "'", "é", "1979-05-27\n", "settings", "request", "metric", "nan\n", "0x",
        ]), 0..24)
    ) {
        let text: String = pieces.concat();
        if let Err(errors) = read(&text) {
            for line in errors.lines() {
                prop_assert!(line.starts_with("d.toml:"), "{}", line);
                prop_assert!(!line.contains(char::is_control), "{:?}", line);
            }
        }
    }
}

/// The operators' guide must not promise what is refused.
#[test]
fn the_examples_of_the_guide_are_accepted_and_it_names_every_default() {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks = guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let config = read(blocks.next().unwrap()).unwrap();
    assert_eq!((config.clients.len(), config.handlers.len()), (2, 3));
    let send = read(&format!("{CLIENT}[clients.wan4.send]\n{}", blocks.next().unwrap())).unwrap();
    assert_eq!(send.clients["wan4"].send.len(), 3);
    let v6 = "[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n[clients.wan6.send]\n";
    let send = read(&format!("{v6}{}", blocks.next().unwrap())).unwrap();
    assert_eq!(send.clients["wan6"].send.keys().copied().collect::<Vec<_>>(), [15, 16, 17, 39]);
    let pack = read(blocks.next().unwrap()).unwrap();
    assert!(!pack.handlers[0].settings.0.is_empty());
    let signed = read(blocks.next().unwrap()).unwrap();
    assert_eq!(signed.handlers[0].public_keys, signed.public_keys);
    let hooks = read(blocks.next().unwrap()).unwrap().hooks;
    assert_eq!(hooks[0].timeout, std::time::Duration::from_millis(2000));
    let lans = read(blocks.next().unwrap()).unwrap().lans;
    assert_eq!(lans.delegations.len(), 2);
    assert_eq!(read(blocks.next().unwrap()).unwrap().softwire.interfaces.len(), 1);
    assert!(blocks.next().is_none());

    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let block = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(read(block).unwrap().handlers.len(), 3);

    let shown = to_toml(&read(CLIENT).unwrap());
    let defaults = shown.lines().filter_map(|line| line.split_once(" = "));
    for (key, value) in defaults.filter(|(key, _)| !["protocol", "interface"].contains(key)) {
        let mut rows = guide.lines().filter(|line| line.starts_with(&format!("| `{key}` |")));
        let default = format!("| `{value}` |");
        assert!(rows.any(|row| row.contains(&default)), "no row of {key} has the default {value}");
    }
}

#[test]
fn recovery_merges_by_its_keys_and_a_slow_search_is_given_its_time() {
    let slow = "discover_attempts = 10\ndiscover_interval = 60\n";
    let config = read(&format!("{CLIENT}{slow}[clients.wan4.recovery]\nrestarts = 5\n")).unwrap();
    let recovery = &config.clients["wan4"].recovery;
    assert_eq!((recovery.restarts, recovery.window), (5, Duration::from_secs(3600)));
    assert_eq!(recovery.stuck, Duration::from_secs(3 * 620), "three searches");
}
