//! The exact bytes of a message: what a client shim in another language has to write.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::net::Ipv4Addr;

use common::{TOKEN, map, smallest, text};
use dhcpmgr_message::{Answer, Bytes, ClientEvent, LeaseMessage, StaticRoute, V4Report, wire};

#[test]
fn a_message_is_a_map_of_names_with_addresses_as_text_and_options_as_bin() {
    let mut message = LeaseMessage::decode(&map(&smallest())).unwrap();
    message.event = ClientEvent::Bound;
    message.v4 = Some(V4Report {
        address: Some(Ipv4Addr::new(192, 0, 2, 7)),
        classless_routes: vec![StaticRoute {
            to: "10.0.0.0/8".parse().unwrap(),
            via: Ipv4Addr::new(192, 0, 2, 1),
        }],
        options: [(43, Bytes(vec![0xde, 0xad]))].into(),
        ..V4Report::default()
    });

    let route = map(&[("to", text("10.0.0.0/8")), ("via", text("192.0.2.1"))]);
    let report = map(&[
        ("address", text("192.0.2.7")),
        ("classless_routes", [vec![0x91], route].concat()),
        ("options", vec![0x81, 43, 0xc4, 2, 0xde, 0xad]),
    ]);
    let expected = map(&[
        ("v", vec![1]),
        ("id", vec![7]),
        ("client", text("wan4")),
        ("token", [&[0xd9, 32], TOKEN.as_bytes()].concat()),
        ("program", text("udhcpc")),
        ("event", text("bound")),
        ("interface", text("wan0")),
        ("at_ms", vec![0]),
        ("v4", report),
    ]);
    assert_eq!(Bytes(message.encode().unwrap()), Bytes(expected));
}

#[test]
fn the_bytes_of_the_smallest_message_do_not_change() {
    let message = LeaseMessage::decode(&map(&smallest())).unwrap();
    let hex = "88a17601a2696407a6636c69656e74a477616e34a5746f6b656ed9203030313132323333343435353636373738383939\
               6161626263636464656566 66a770726f6772616da6756468637063a56576656e74a86465636f6e666967a9696e74657266\
               616365a477616e30a561745f6d7300"
        .replace(' ', "");
    assert_eq!(Bytes(message.encode().unwrap()).to_hex(), hex);
}

#[test]
fn unknown_fields_are_ignored_and_missing_ones_take_their_default() {
    let mut entries = smallest();
    entries.push(("colour", map(&[("of", vec![0x93, 1, 2, 3])])));
    let message = LeaseMessage::decode(&map(&entries)).unwrap();
    assert_eq!(message.at_ms, 0);
    assert_eq!(message.v4, None);
    assert_eq!(message.problems, Vec::<String>::new());

    entries.push(("v4", map(&[("from_the_future", vec![0xc3])])));
    let message = LeaseMessage::decode(&map(&entries)).unwrap();
    assert_eq!(message.v4, Some(V4Report::default()));
}

#[test]
fn an_answer_is_as_small_as_it_can_be() {
    assert_eq!(wire::encode(&Answer::accepted()).unwrap(), map(&[("ok", vec![0xc3])]));
    let refused = Answer::refused("unknown client");
    let bytes = wire::encode(&refused).unwrap();
    assert_eq!(bytes, map(&[("ok", vec![0xc2]), ("error", text("unknown client"))]));
    assert_eq!(wire::decode::<Answer>(&bytes).unwrap(), refused);
    assert_eq!(Answer::decode(&bytes).unwrap(), refused);
}
