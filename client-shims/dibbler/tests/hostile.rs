//! What a server, or whoever started the client, may put into the environment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{context, read, sent, values};
use dhcpmgr_dibbler::environment::{self, Reading};
use dhcpmgr_dibbler::origin::{Belief, Bounds, Call, Origin, Place, believe};
use dhcpmgr_message::context::Context;
use dhcpmgr_message::{ClientEvent, V6Report, V6Request};
use dhcpmgr_shim::message;
use proptest::collection::vec;
use proptest::prelude::*;

fn one(name: &str, value: &str) -> (V6Report, Vec<String>) {
    let reading = read(&[(name, value)]);
    (reading.report, reading.problems.lines())
}

/// A reading of these besides what every call has.
fn whole<N: AsRef<[u8]>, V: AsRef<[u8]>>(variables: impl IntoIterator<Item = (N, V)>) -> Reading {
    let all = variables.into_iter().map(|(name, value)| (name.as_ref().to_vec(), value.as_ref().to_vec()));
    let first = [("IFACE", "wan0"), ("CLNT_MESSAGE", "REQUEST"), ("SRV_MESSAGE", "REPLY")];
    let first = first.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    environment::read(context(), first.into_iter().chain(all)).unwrap()
}

#[test]
fn every_option_is_written_as_it_was_on_the_wire() {
    for (code, value, expected) in [
        (1, "00:03:00:01:02:00:00:00:0c:06", "00030001020000000c06"),
        (7, "255", "ff"),
        (8, "258", "0102"),
        (12, "2001:db8::1", "20010db8000000000000000000000001"),
        (14, "[generic]", ""),
        (17, "vendor=4491 ", "0000118b"),
        (17, "vendor=4491 1=01:02:03:04 2=de:ad 65535= ", "0000118b 0001000401020304 00020002dead ffff0000"),
        (20, "[generic]", ""),
        (21, "sip.isp.example ", "03736970 03697370 076578616d706c65 00"),
        (22, "2001:db8::1 2001:db8::2 ", "20010db8000000000000000000000001 20010db8000000000000000000000002"),
        (23, "", ""),
        (23, "::ffff:192.0.2.1 ", "00000000000000000000ffffc0000201"),
        (24, "a.example b ", "0161 076578616d706c65 00 0162 00"),
        (27, "::1 ", "00000000000000000000000000000001"),
        (28, "::1 ", "00000000000000000000000000000001"),
        (29, "nis ", "036e697300"),
        (30, "nis ", "036e697300"),
        (31, "::1 ", "00000000000000000000000000000001"),
        (32, "4294967295", "ffffffff"),
        (39, "gatew N", "04 056761746577"),
        (39, "gw.isp.example N O S", "07 026777 03697370 076578616d706c65 00"),
        (39, "gw.isp.example S", "01 026777 03697370 076578616d706c65 00"),
        (39, " N", "04"),
        (39, "", "00"),
        (41, "45:53:54", "455354"),
        (42, "America/New_York", "416d65726963612f4e65775f596f726b"),
        (42, "[generic]", "5b67656e657269635d"),
        (56, "00:01:00:00", "00010000"),
        (64, "aftr.isp.example ", "0461667472 03697370 076578616d706c65 00"),
        (82, "00:00:0e:10", "00000e10"),
        (95, "", ""),
        (95, "00:59:00:15:AB", "00590015ab"),
        (65535, "ff", "ff"),
    ] {
        let (report, problems) = one(&format!("SRV_OPTION{code}"), value);
        assert_eq!(problems, Vec::<String>::new(), "{code}={value}");
        assert_eq!(report.options[&code][0].to_hex(), expected.replace(' ', ""), "{code}={value}");
    }
}

#[test]
fn one_bad_element_costs_only_itself() {
    let (report, problems) = one("SRV_OPTION23", "2001:db8::1 192.0.2.1 2001:db8::2 ");
    assert_eq!(report.dns.len(), 2);
    assert_eq!(report.options[&23][0].0.len(), 32);
    assert_eq!(problems, ["option 23 (SRV_OPTION23): \"192.0.2.1\" is not an IPv6 address"]);
    let (report, problems) = one("SRV_OPTION24", "isp.example a..b ok ");
    assert_eq!(report.search, ["isp.example", "ok"]);
    assert_eq!(problems, ["option 24 (SRV_OPTION24): \"a..b\" must have labels of 1 to 63 bytes"]);
    let (report, problems) = one("SRV_OPTION17", "vendor=1 2=0 x 3=aa 65536=00 4 ");
    assert_eq!(report.options[&17][0].to_hex(), "000000010003".to_owned() + "0001aa");
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn a_bad_variable_costs_only_itself() {
    for (name, value) in [
        ("SRV_OPTION7", "256"),
        ("SRV_OPTION7", "-1"),
        ("SRV_OPTION8", "65536"),
        ("SRV_OPTION32", "4294967296"),
        ("SRV_OPTION12", "[generic]"),
        ("SRV_OPTION13", "[generic]"),
        ("SRV_OPTION95", "[generic]"),
        ("SRV_OPTION14", "0"),
        ("SRV_OPTION17", "4491 1=00"),
        ("SRV_OPTION17", "vendor=4294967296 "),
        ("SRV_OPTION17", ""),
        ("SRV_OPTION21", ""),
        ("SRV_OPTION24", "..."),
        ("SRV_OPTION23", "evil"),
        ("SRV_OPTION39", "a..b"),
        ("SRV_OPTION64", ""),
        ("SRV_OPTION95", "0"),
        ("SRV_OPTION95", "000"),
        ("SRV_OPTION95", "00:0"),
        ("SRV_OPTION95", "00:"),
        ("SRV_OPTION95", ":00"),
        ("SRV_OPTION95", "00::00"),
        ("SRV_OPTION95", "0g"),
        ("SRV_OPTION95", "+1"),
        ("SRV_OPTION65536", "00"),
        ("SRV_OPTION023", "00"),
        ("SRV_OPTION+1", "00"),
        ("SRV_OPTION", "00"),
        ("CLNT_OPTIONx", "00"),
        ("ADDR", "::1"),
        ("ADDR0", "::1"),
        ("ADDR01", "::1"),
        ("ADDR1LEN", "64"),
        ("ADDR4294967296", "::1"),
        ("PREFIX1IAID", "1"),
        ("CLNT_MESSAGE", "renew"),
        ("OPTION_NEXT_HOP", "::1"),
    ] {
        let reading = read(&[(name, value), ("SRV_OPTION2", "00:03")]);
        assert_eq!(reading.problems.lines().len(), 1, "{name}={value}: {:?}", reading.problems);
        assert_eq!(reading.report.server_duid.unwrap().to_hex(), "0003", "{name}={value}");
        assert_eq!(reading.report.options.len(), 1, "{name}={value}");
    }
}

#[test]
fn an_entry_that_is_not_whole_costs_only_itself() {
    let good = [("ADDR9", "2001:db8::9"), ("ADDR9PREF", "1"), ("ADDR9VALID", "2")];
    let left_out = |variables: &[(&str, &str)]| {
        let reading = whole(variables.iter().chain(&good).copied());
        assert_eq!(values(&reading.report), ["2001:db8::9 1 2"], "{variables:?}");
        let problems = reading.problems.lines();
        assert!(!problems.is_empty(), "{variables:?}");
        problems.join("; ")
    };
    left_out(&[("ADDR1", "2001:db8::1"), ("ADDR1PREF", "1")]);
    left_out(&[("ADDR1PREF", "1"), ("ADDR1VALID", "1")]);
    for lifetime in ["", "-1", "4294967296", "1 ", "0x10", "infinity"] {
        left_out(&[("ADDR1", "2001:db8::1"), ("ADDR1PREF", "1"), ("ADDR1VALID", lifetime)]);
        left_out(&[("ADDR1", "2001:db8::1"), ("ADDR1PREF", lifetime), ("ADDR1VALID", "1")]);
    }
    let prefix = |len| {
        [
            ("DOWNLINK_PREFIX_IFACES", ""),
            ("PREFIX1", "2001:db8::"),
            ("PREFIX1LEN", len),
            ("PREFIX1PREF", "1"),
            ("PREFIX1VALID", "2"),
        ]
    };
    for len in ["129", "255", "256", "-1", "", "/56"] {
        left_out(&prefix(len));
    }
    assert!(left_out(&prefix("129")).contains("longer than its address family allows"));
    left_out(&[("PREFIX1", "2001:db8::"), ("PREFIX1PREF", "1"), ("PREFIX1VALID", "2")]);
}

#[test]
fn lifetimes_go_from_nothing_to_for_ever() {
    let reading = whole([("ADDR1", "2001:db8::1"), ("ADDR1PREF", "0"), ("ADDR1VALID", "4294967295")]);
    assert_eq!(values(&reading.report), ["2001:db8::1 0 4294967295"]);
    assert_eq!(reading.report.addresses[0].valid.seconds(), None);
}

#[test]
fn of_a_field_that_is_there_twice_the_first_counts() {
    let reading = whole([
        ("ADDR1", "2001:db8::1"),
        ("ADDR1", "2001:db8::2"),
        ("ADDR1PREF", "1"),
        ("ADDR1VALID", "2"),
        ("ADDR1VALID", "3"),
        ("IFACE", "wan1"),
    ]);
    assert_eq!(values(&reading.report), ["2001:db8::1 1 2"]);
    assert_eq!(reading.interface.as_ref().unwrap().as_str(), "wan0");
    assert_eq!(reading.problems.lines().len(), 3);
}

#[test]
fn only_a_reply_gives() {
    let answer = |message: &str| {
        let variables = [("IFACE", "wan0"), ("CLNT_MESSAGE", "RENEW"), ("SRV_MESSAGE", message)];
        environment::read(context(), variables).map(|reading| reading.report.answer_to)
    };
    assert_eq!(answer("REPLY"), Ok(Some(V6Request::Renew)));
    assert_eq!(answer("ADVERTISE"), Err("the server's message is \"ADVERTISE\", not a REPLY".to_owned()));
    assert_eq!(answer("\n"), Err("the server's message is \"\\n\", not a REPLY".to_owned()));
}

#[test]
fn what_was_released_is_reported_as_gone() {
    let reading = read(&[
        ("IFACE", "wan0"),
        ("CLNT_MESSAGE", "RELEASE"),
        ("SRV_MESSAGE", "REPLY"),
        ("SRV_OPTION2", "00:03"),
        ("CLNT_OPTION1", "00:03"),
        ("ADDR1", "2001:db8::1"),
        ("ADDR1PREF", "0"),
        ("ADDR1VALID", "0"),
        ("PREFIX1", "2001:db8:1::"),
        ("PREFIX1LEN", "56"),
        ("PREFIX1PREF", "0"),
        ("PREFIX1VALID", "0"),
    ]);
    let message = sent(reading, ClientEvent::Delete);
    assert_eq!(values(&message.v6.unwrap()), ["2001:db8::1 0 0", "2001:db8:1::/56 0 0"]);
    assert_eq!(message.event, ClientEvent::Delete);
}

#[test]
fn bytes_that_are_no_text_stay_in_the_options() {
    let reading = whole([(&b"SRV_OPTION42"[..], &b"caf\xe9 \"$(reboot)\"\n"[..]), (&b"\xfe"[..], &b""[..])]);
    let message = sent(reading, ClientEvent::Add);
    assert_eq!(message.v6.unwrap().options[&42][0].0, b"caf\xe9 \"$(reboot)\"\n");
    assert_eq!(message.problems, ["variable \"\\xfe\" is unknown"]);
    let message = sent(whole([(&b"SRV_OPTION24"[..], &b"\xff.example ok "[..])]), ClientEvent::Add);
    assert_eq!(message.v6.unwrap().search, ["ok"]);
    assert_eq!(message.problems, ["option 24: \"\\xff.example\" is not UTF-8"]);
}

#[test]
fn twelve_thousand_variables_make_a_message_of_ordinary_size() {
    for name in ["unknown", "SRV_OPTION", "ADDR", "PREFIX", "CLNT_OPTION"] {
        let many = (0..3_000).flat_map(|n| {
            ["", "LEN", "PREF", "VALID"].map(|field| {
                let value = if field.is_empty() && name != "SRV_OPTION" { "2001:db8::" } else { "10" };
                (format!("{name}{n}{field}"), value.to_owned())
            })
        });
        let duid = ("SRV_OPTION2".to_owned(), "00:03".to_owned());
        let message = sent(whole([duid].into_iter().chain(many)), ClientEvent::Add);
        assert!(message.v6.unwrap().server_duid.is_some(), "{name}");
        assert!((1..=64).contains(&message.problems.len()), "{name}: {:?}", message.problems);
    }
    let same = (0..10_000).map(|_| ("SRV_OPTION245", "00:01"));
    let report = sent(whole(same), ClientEvent::Add).v6.unwrap();
    assert_eq!(report.options[&245].len(), 512);
}

#[test]
fn more_addresses_and_prefixes_than_any_network_assigns_are_cut_and_said_so() {
    let entries = (1..=200).flat_map(|n| {
        let entry = |name: String, value: String| (name, value);
        [
            entry("DOWNLINK_PREFIX_IFACES".to_owned(), "[none]".to_owned()),
            entry(format!("ADDR{n}"), format!("2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}")),
            entry(format!("ADDR{n}PREF"), "4294967294".to_owned()),
            entry(format!("ADDR{n}VALID"), "4294967294".to_owned()),
            entry(format!("PREFIX{n}"), format!("2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}")),
            entry(format!("PREFIX{n}LEN"), "128".to_owned()),
            entry(format!("PREFIX{n}PREF"), "4294967294".to_owned()),
            entry(format!("PREFIX{n}VALID"), "4294967294".to_owned()),
        ]
    });
    let hex = ["ab"; 40_000].join(":");
    let options = [
        ("SRV_OPTION95".to_owned(), hex.clone()),
        ("SRV_OPTION245".to_owned(), hex[..60_000 - 1].to_owned()),
    ];
    let message = sent(whole(entries.chain(options)), ClientEvent::Add);
    let report = message.v6.unwrap();
    assert_eq!((report.addresses.len(), report.prefixes.len()), (128, 128));
    assert_eq!(report.options.keys().copied().collect::<Vec<_>>(), [245]);
    assert!(message.problems.contains(&"there are 200 ADDR, only the first 128 are reported".to_owned()));
    let left_out = "option 95 is left out: with its 40000 bytes the message would be too large";
    assert!(message.problems.contains(&left_out.to_owned()), "{:?}", message.problems);
}

#[test]
fn a_value_of_a_mebibyte_is_left_out_and_said_so() {
    let huge = vec![b'a'; 1 << 20];
    for name in [
        "SRV_OPTION95",
        "SRV_OPTION42",
        "SRV_OPTION23",
        "SRV_OPTION24",
        "SRV_OPTION17",
        "IFACE",
        "ADDR1",
        "unknown",
    ] {
        let variables = [(&b"SRV_OPTION2"[..], &b"00:03"[..]), (name.as_bytes(), &huge[..])];
        let message = sent(whole(variables), ClientEvent::Add);
        assert!(message.v6.unwrap().server_duid.is_some(), "{name}");
        assert!((1..=2).contains(&message.problems.len()), "{name}: {:?}", message.problems);
        assert!(message.problems[0].len() <= 240);
    }
    // A typed field is left out with its option.
    let names = "a".repeat(60) + ".example ";
    for (name, value) in [
        ("SRV_OPTION23", "2001:db8:1111:2222:3333:4444:5555:6666 ".repeat(4000)),
        ("SRV_OPTION24", names.repeat(900)),
    ] {
        let message = sent(whole([(name, value.as_str())]), ClientEvent::Add);
        let report = message.v6.unwrap();
        assert!(report.dns.len() <= 512 && report.search.len() <= 512, "{name}");
        assert_eq!(report.options.is_empty(), report.dns.is_empty() && report.search.is_empty());
    }
}

#[test]
fn without_its_context_there_is_no_message_but_a_reason() {
    let refused = |context: Context, variables: &[(&str, &str)]| {
        let mut reading = environment::read(context, variables.iter().copied()).unwrap();
        message::build(&mut reading, "dibbler", ClientEvent::Add, 1, 2).unwrap_err()
    };
    assert!(refused(context(), &[]).contains("interface"));
    let iface = [("IFACE", "wan0")];
    let error = refused(Context { client: None, ..context() }, &iface);
    assert!(error.contains("DHCPMGR_CLIENT is not set: dibbler must"), "{error}");
    let error = refused(Context { token: Some(b"0011".to_vec()), ..context() }, &iface);
    assert!(error.contains("DHCPMGR_TOKEN is not what") && !error.contains("0011"), "{error}");
    // The environment is a server's in part, and the context is none of it.
    let reading = read(&[("DHCPMGR_CLIENT", "other")]);
    assert_eq!(reading.context, context());
    assert_eq!(reading.problems.lines(), ["variable \"DHCPMGR_CLIENT\" is unknown"]);
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let fixed = ["IFACE", "CLNT_MESSAGE", "DOWNLINK_PREFIX_IFACES", "DOWNLINK_PREFIXES", "PATH"];
    let code = prop::sample::select(vec![1, 2, 7, 13, 14, 17, 20, 23, 24, 32, 39, 42, 64, 95, 245]);
    let field = prop::sample::select(vec!["", "LEN", "PREF", "VALID"]);
    prop_oneof![
        2 => prop::sample::select(fixed.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        4 => (prop::bool::ANY, code).prop_map(|(server, code)| {
            let who = if server { "SRV" } else { "CLNT" };
            format!("{who}_OPTION{code}").into_bytes()
        }),
        6 => (prop::bool::ANY, 1_u8..4, field).prop_map(|(address, number, field)| {
            format!("{}{number}{field}", if address { "ADDR" } else { "PREFIX" }).into_bytes()
        }),
        1 => vec(any::<u8>(), 0..12),
    ]
}

fn some_values() -> impl Strategy<Value = Vec<u8>> {
    let words =
        ["[generic]", "REPLY", "RENEW", "REBIND", "REQUEST", "CONFIRM", "vendor=1 2=00 ", "gw N O S", ""];
    prop_oneof![
        3 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        3 => "2001:db8:[0-3]::[0-3]?( 2001:db8::1)?".prop_map(String::into_bytes),
        3 => "[0-9]{1,3}".prop_map(String::into_bytes),
        2 => "([0-9a-f]{2}:){0,6}[0-9a-f]{2}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..60),
    ]
}

fn places() -> impl Strategy<Value = (Call, Vec<Place>)> {
    let request = prop::sample::select(vec![
        None,
        Some(V6Request::Request),
        Some(V6Request::Renew),
        Some(V6Request::Rebind),
        Some(V6Request::Confirm),
        Some(V6Request::InformationRequest),
    ]);
    let at = 0_usize..20;
    let option = proptest::option::of((at.clone(), prop::sample::select(vec![1_u16, 8])));
    let call = (request, proptest::option::of(at.clone()), option, 0_usize..4).prop_map(
        |(request, last_server_option, first_client_option, prefixes_taken)| Call {
            request,
            last_server_option,
            first_client_option,
            prefixes_taken,
        },
    );
    let place = (at, proptest::option::of(0_usize..4)).prop_map(|(at, counted)| Place { at, counted });
    (call, vec(place, 0..6))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_environment_becomes_a_message_that_the_daemon_reads(variables in vec((names(), some_values()), 0..24)) {
        let report = sent(whole(variables), ClientEvent::Update).v6.unwrap();
        // Nothing is listed twice.
        for (index, prefix) in report.prefixes.iter().enumerate() {
            prop_assert!(report.prefixes[..index].iter().all(|other| other.prefix != prefix.prefix));
        }
    }

    #[test]
    fn hex_survives_the_shim(wire in vec(any::<u8>(), 0..80)) {
        let text = wire.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
        let (report, problems) = one("SRV_OPTION95", &text);
        prop_assert_eq!(&report.options[&95][0].0, &wire);
        prop_assert!(problems.is_empty());
    }

    #[test]
    fn nothing_after_a_word_of_the_client_is_the_servers_and_nothing_before_one_of_the_server_is_the_clients(
        (call, places) in places()
    ) {
        let bounds = Bounds::new(call, places.iter().copied());
        for place in places.iter().filter(|place| place.counted.is_none()) {
            let origin = bounds.origin(*place);
            let asks_for_nothing = matches!(call.request, Some(V6Request::Confirm | V6Request::InformationRequest));
            if asks_for_nothing {
                prop_assert_eq!(origin, Origin::Client);
            } else if call.last_server_option.is_some_and(|at| place.at < at) {
                prop_assert_eq!(origin, Origin::Server);
            } else if call.first_client_option.is_some_and(|(at, _)| place.at >= at)
                && places.iter().all(|prefix| prefix.at <= place.at)
            {
                prop_assert_eq!(origin, Origin::Client);
            }
        }
    }

    #[test]
    fn of_what_is_listed_the_first_decides(origins in vec(prop::sample::select(vec![Origin::Server, Origin::Client, Origin::Either]), 0..4)) {
        let belief = believe(&origins);
        match origins.first() {
            Some(Origin::Server) => prop_assert_eq!(belief, Belief::Said),
            Some(Origin::Either) => prop_assert_eq!(belief == Belief::Claimed, origins.len() == 1),
            Some(Origin::Client) | None => prop_assert_eq!(belief, Belief::Unanswered),
        }
    }
}
