//! What is not accepted, and with which words.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{map, message, smallest, text};
use dhcpmgr_message::wire::{self, DecodeError, LIMITS, Limits};
use dhcpmgr_message::{ClientEvent, LeaseMessage, V4Report, V6Report};

const SMALL: Limits = Limits { bytes: 64, depth: 3, elements: 4 };

fn truncated(at: usize) -> Result<(), DecodeError> {
    Err(DecodeError::Truncated { at })
}

fn refused(at: usize, why: &'static str) -> Result<(), DecodeError> {
    Err(DecodeError::Refused { at, why })
}

#[test]
fn the_walk_accepts_every_kind_of_value_that_messages_use() {
    let values: &[&[u8]] = &[
        &[0x00],
        &[0x7f],
        &[0xe0],
        &[0xff],
        &[0xc0],
        &[0xc2],
        &[0xc3],
        &[0xca, 0, 0, 0, 0],
        &[0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xcc, 1],
        &[0xcd, 1, 2],
        &[0xce, 1, 2, 3, 4],
        &[0xcf, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xd0, 1],
        &[0xd1, 1, 2],
        &[0xd2, 1, 2, 3, 4],
        &[0xd3, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xa0],
        &[0xa1, b'x'],
        &[0xd9, 1, b'x'],
        &[0xda, 0, 1, b'x'],
        &[0xdb, 0, 0, 0, 1, b'x'],
        &[0xc4, 1, 0xff],
        &[0xc5, 0, 1, 0xff],
        &[0xc6, 0, 0, 0, 1, 0xff],
        &[0x90],
        &[0x80],
        &[0x92, 1, 2],
        &[0xdc, 0, 1, 9],
        &[0xdd, 0, 0, 0, 1, 9],
        &[0x81, 43, 0xc4, 0],
        &[0x81, 0xa1, b'k', 0x91, 0x91, 1],
        &[0xde, 0, 1, 1, 2],
        &[0xdf, 0, 0, 0, 1, 1, 2],
    ];
    for value in values {
        assert_eq!(wire::check(value, &SMALL), Ok(()), "{value:02x?}");
        for cut in 0..value.len() {
            let result = wire::check(&value[..cut], &SMALL);
            assert!(
                matches!(result, Err(DecodeError::Truncated { .. })),
                "{value:02x?} cut at {cut}: {result:?}"
            );
        }
        let longer = [*value, &[0]].concat();
        assert_eq!(
            wire::check(&longer, &SMALL),
            refused(value.len(), "bytes follow the end of the message"),
            "{value:02x?}"
        );
    }
}

#[test]
fn the_walk_says_where_and_why_it_refuses() {
    let cases: &[(&[u8], Result<(), DecodeError>)] = &[
        (&[], truncated(0)),
        (&[0x92, 1], truncated(0)),
        (&[0x92, 1, 0xcd, 0], truncated(2)),
        (&[0x91, 0xa5, b'a'], truncated(1)),
        (&[0xdb, 0xff, 0xff, 0xff, 0xff], truncated(0)),
        (&[0xc6, 0xff, 0xff, 0xff, 0xff, 1], truncated(0)),
        (&[0x95, 1, 2, 3, 4, 5], refused(0, "container has too many elements")),
        (&[0x91, 0x85, 0, 0], refused(1, "container has too many elements")),
        (&[0xdd, 0xff, 0xff, 0xff, 0xff], refused(0, "container has too many elements")),
        (&[0xdf, 0xff, 0xff, 0xff, 0xff], refused(0, "container has too many elements")),
        (&[0x91, 0x91, 0x91, 0x91, 1], refused(3, "containers are nested too deeply")),
        (&[0x91, 0x91, 0x91, 0x80], refused(3, "containers are nested too deeply")),
        (&[0xc1], refused(0, "0xc1 is reserved and never used")),
        (&[0x81, 0xc1, 0], refused(1, "0xc1 is reserved and never used")),
        (&[0xd4, 1, 2], refused(0, "no message has extension types")),
        (&[0x91, 0xc7, 1, 1, 1], refused(1, "no message has extension types")),
        (&[0x81, 0xc0, 0], refused(1, "the key of a map must be a text or an integer")),
        (&[0x81, 0x90, 0], refused(1, "the key of a map must be a text or an integer")),
        (&[0x82, 1, 0x80, 0xc4, 0, 0], refused(3, "the key of a map must be a text or an integer")),
        (
            &[0x81, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            refused(1, "the key of a map must be a text or an integer"),
        ),
        (&[0x91, 0xa2, 0xc3, 0x28], refused(1, "text is not UTF-8")),
        (&[1, 2], refused(1, "bytes follow the end of the message")),
    ];
    for (bytes, expected) in cases {
        assert_eq!(wire::check(bytes, &SMALL), *expected, "{bytes:02x?}");
    }
}

#[test]
fn a_container_that_announces_more_values_than_bytes_are_left_is_refused_at_its_own_length() {
    let wide = Limits { bytes: 64, depth: 3, elements: usize::MAX };
    assert_eq!(wire::check(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1], &wide), truncated(0));
    assert_eq!(wire::check(&[0xdf, 0xff, 0xff, 0xff, 0xff, 1], &wide), truncated(0));
    assert_eq!(wire::check(&[0x91, 0x82, 1, 1, 2], &wide), truncated(1));
}

#[test]
fn a_hundred_thousand_opened_arrays_do_not_overflow_the_stack() {
    let deep = vec![0x91; 100_000];
    let limits = Limits { bytes: usize::MAX, depth: usize::MAX, elements: usize::MAX };
    assert_eq!(wire::check(&deep, &limits), refused(wire::MAX_DEPTH, "containers are nested too deeply"));
}

#[test]
fn a_message_of_more_than_64_kib_is_refused_unread() {
    let error = LeaseMessage::decode(&vec![0x91; 65_537]).unwrap_err();
    assert_eq!(error, DecodeError::TooLong { found: 65_537, limit: 65_536 });
    assert_eq!(error.to_string(), "message has 65537 bytes, at most 65536 are accepted");
    assert_eq!(LIMITS.bytes, 65_536);
}

#[test]
fn another_version_is_named_even_if_everything_else_is_different() {
    let future = map(&[("v", vec![0xcd, 1, 0]), ("lease", text("somewhere else"))]);
    let error = LeaseMessage::decode(&future).unwrap_err();
    assert_eq!(error, DecodeError::Version { found: 256, accepted: 1 });
    assert!(error.to_string().starts_with("lease message has version 256, only version 1 is accepted"));

    let mut same_shape = smallest();
    same_shape[0].1 = vec![2];
    let error = LeaseMessage::decode(&map(&same_shape)).unwrap_err();
    assert_eq!(error, DecodeError::Version { found: 2, accepted: 1 });
}

#[test]
fn each_missing_field_and_each_wrong_one_is_named() {
    for index in 0..smallest().len() {
        let mut entries = smallest();
        let (name, _) = entries.remove(index);
        let bytes = map(&entries);
        let error = LeaseMessage::decode(&bytes).unwrap_err().to_string();
        let expected = format!("message is not understood: missing field `{name}`");
        assert_eq!(error, expected);
    }
    let wrong: &[(usize, Vec<u8>, &str)] = &[
        (2, text("../etc"), "client name \"../etc\" must have 1 to 64 of"),
        (3, text("guess"), "token \"(hidden)\" must be 32 lower-case hex digits"),
        (5, text("explode\n"), "unknown variant `explode\\n`"),
        (6, text("wan 0"), "interface name \"wan 0\" must be printable ASCII"),
        (6, text("averylonginterface"), "must have 1 to 15 bytes"),
        (1, text("7"), "invalid type: string \"7\", expected u64"),
    ];
    for (index, value, expected) in wrong {
        let mut entries = smallest();
        entries[*index].1.clone_from(value);
        let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
        assert!(error.is_ascii() && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_long_text_from_the_sender_does_not_make_a_long_error() {
    let mut entries = smallest();
    entries[5].1 = [&[0xda, 0x40, 0x00][..], &[b'x'; 0x4000]].concat();
    let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
    assert!(error.len() < 320, "{error}");
}

#[test]
fn a_field_or_an_option_that_is_there_twice_is_refused() {
    let mut entries = smallest();
    entries.push(("id", vec![8]));
    let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
    assert!(error.contains("duplicate field `id`"), "{error}");

    let mut entries = smallest();
    entries.push(("v4", map(&[("options", vec![0x82, 43, 0xc4, 1, 1, 43, 0xc4, 1, 2])])));
    let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
    assert!(error.contains("option 43 is there twice"), "{error}");

    let mut entries = smallest();
    entries.push(("v6", map(&[("options", vec![0x82, 0xcd, 1, 0, 0x90, 0xcd, 1, 0, 0x90])])));
    let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
    assert!(error.contains("option 256 is there twice"), "{error}");
}

#[test]
fn an_option_code_outside_its_protocol_is_refused() {
    let mut entries = smallest();
    entries.push(("v4", map(&[("options", vec![0x81, 0xcd, 1, 0, 0xc4, 0])])));
    let error = LeaseMessage::decode(&map(&entries)).unwrap_err().to_string();
    assert!(error.contains("expected u8"), "{error}");
}

#[test]
fn a_message_that_is_an_array_of_fields_is_refused() {
    let mut bytes = vec![0x97];
    bytes.extend(smallest().into_iter().flat_map(|(_, value)| value));
    let error = LeaseMessage::decode(&bytes).unwrap_err().to_string();
    assert_eq!(error, "message is not understood: invalid type: sequence, expected struct LeaseMessage");
}

#[test]
fn an_event_without_the_values_it_is_about_is_neither_read_nor_written() {
    use ClientEvent::{Add, Bound, Deconfig, Delete, Leasefail, Nak, Renew, Update};
    let with = |event, v4: bool, v6: bool| {
        let mut message = message(event);
        message.v4 = v4.then(V4Report::default);
        message.v6 = v6.then(V6Report::default);
        message
    };
    for event in [Deconfig, Bound, Renew, Nak, Leasefail, Add, Update, Delete] {
        for (v4, v6) in [(false, false), (true, false), (false, true), (true, true)] {
            let accepted = match event {
                Bound | Renew => v4 && !v6,
                Add | Update | Delete => v6 && !v4,
                Nak => !v6,
                _ => !(v4 && v6),
            };
            let message = with(event, v4, v6);
            let read = LeaseMessage::decode(&wire::encode(&message).unwrap());
            assert_eq!(read.is_ok(), accepted, "{event:?} v4 {v4} v6 {v6}: {read:?}");
            assert_eq!(message.encode().is_ok(), accepted, "{event:?} v4 {v4} v6 {v6}");
        }
    }
    let error = with(Bound, false, false).encode().unwrap_err().to_string();
    assert_eq!(error, "message cannot be written: event \"bound\" needs v4 values");
    let error = LeaseMessage::decode(&wire::encode(&with(Add, true, true)).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "lease message is refused: it carries both v4 and v6 values");
}

#[test]
fn lists_and_texts_are_bounded_at_both_ends() {
    let report = |change: fn(&mut V4Report)| {
        let mut message = message(ClientEvent::Bound);
        let mut report = V4Report::default();
        change(&mut report);
        message.v4 = Some(report);
        message
    };
    let address = std::net::Ipv4Addr::LOCALHOST;
    assert!(report(|r| r.dns = vec![std::net::Ipv4Addr::LOCALHOST; 512]).encode().is_ok());
    assert!(report(|r| r.domain = Some("x".repeat(4096))).encode().is_ok());

    let mut long_name = report(|_| ());
    long_name.program = "x".repeat(65);
    let mut many_problems = report(|_| ());
    many_problems.problems = vec![String::new(); 65];
    let mut long_problem = report(|_| ());
    long_problem.problems = vec!["x".repeat(513)];
    let mut many_duids = message(ClientEvent::Add);
    many_duids.v6 = Some(V6Report { dns: vec![address.to_ipv6_mapped(); 513], ..V6Report::default() });
    let cases = [
        (report(|r| r.dns = vec![std::net::Ipv4Addr::LOCALHOST; 513]), "dns has 513 entries, at most 512"),
        (report(|r| r.search = vec!["x".repeat(4097)]), "search has 4097 bytes, at most 4096"),
        (report(|r| r.file = Some("x".repeat(4097))), "file has 4097 bytes, at most 4096"),
        (long_name, "program must be named with 1 to 64 of"),
        (many_problems, "problems has 65 entries, at most 64"),
        (long_problem, "problems has 513 bytes, at most 512"),
        (many_duids, "dns has 513 entries, at most 512"),
    ];
    for (message, expected) in cases {
        let error = message.encode().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let error = LeaseMessage::decode(&wire::encode(&message).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_message_that_the_daemon_would_not_read_is_not_written() {
    let mut message = message(ClientEvent::Bound);
    let options = (0..=255).map(|code| (code, vec![0; 300].into())).collect();
    message.v4 = Some(V4Report { options, ..V4Report::default() });
    let error = message.encode().unwrap_err().to_string();
    assert!(error.contains("at most 65536 are accepted"), "{error}");
    message.v = 2;
    let error = message.encode().unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}
