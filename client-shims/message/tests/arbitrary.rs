//! Properties that hold for every message and for every sequence of bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::lease_message;
use dhcpmgr_message::wire::{self, LIMITS, Limits};
use dhcpmgr_message::{Answer, LeaseMessage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A second opinion on what [`wire::check`] accepted: the same grammar, written the other way round (recursive,
/// measuring instead of refusing). Gives the size, the depth and the largest container.
fn measure(bytes: &[u8], depth: usize) -> (usize, usize, usize) {
    let be = |at: usize, n: usize| bytes[at..at + n].iter().fold(0, |v, b| v << 8 | usize::from(*b));
    let (head, values) = match bytes[0] {
        m @ 0x80..=0x8f => (1, 2 * usize::from(m & 15)),
        m @ 0x90..=0x9f => (1, usize::from(m & 15)),
        0xdc => (3, be(1, 2)),
        0xdd => (5, be(1, 4)),
        0xde => (3, 2 * be(1, 2)),
        0xdf => (5, 2 * be(1, 4)),
        m @ 0xa0..=0xbf => return (1 + usize::from(m & 31), depth, 0),
        0xc4 | 0xd9 => return (2 + be(1, 1), depth, 0),
        0xc5 | 0xda => return (3 + be(1, 2), depth, 0),
        0xc6 | 0xdb => return (5 + be(1, 4), depth, 0),
        0xcc | 0xd0 => return (2, depth, 0),
        0xcd | 0xd1 => return (3, depth, 0),
        0xca | 0xce | 0xd2 => return (5, depth, 0),
        0xcb | 0xcf | 0xd3 => return (9, depth, 0),
        0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => panic!("accepted {:#x}", bytes[0]),
        _ => return (1, depth, 0),
    };
    let is_map = matches!(bytes[0], 0x80..=0x8f | 0xde | 0xdf);
    let mut result = (head, depth + 1, if is_map { values / 2 } else { values });
    for _ in 0..values {
        let (size, deepest, largest) = measure(&bytes[result.0..], depth + 1);
        result = (result.0 + size, result.1.max(deepest), result.2.max(largest));
    }
    result
}

/// Answers, good and bad: the right names and values among others, in every encoding of a text.
fn answer_like() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::sample::select(vec![
        &b"\xa2ok"[..],
        b"\xd9\x02ok",
        b"\xda\x00\x02ok",
        b"\xdb\x00\x00\x00\x02ok",
        b"\xa5error",
        b"\xa4more",
    ]);
    let value = prop::sample::select(vec![
        &b"\xc2"[..],
        b"\xc3",
        b"\xc0",
        b"\xa2no",
        b"\xd9\x01x",
        b"\x91\x82\x01\x02\x03\x04",
        b"\x00",
        b"\xa2",
    ]);
    let head = prop::sample::select(vec![&b"\xde\x00"[..], b"\xdf\x00\x00\x00", b"\x80"]);
    (head, vec((key, value), 0..4), any::<bool>()).prop_map(|(head, entries, right)| {
        let mut bytes = head.to_vec();
        let count = entries.len() as u8 + u8::from(!right && entries.is_empty());
        if head == b"\x80" {
            bytes[0] |= count
        } else {
            bytes.push(count)
        }
        bytes.extend(entries.into_iter().flat_map(|(key, value)| [key, value].concat()));
        bytes
    })
}

fn messagepack_like() -> impl Strategy<Value = Vec<u8>> {
    // Mostly markers of containers and short values, so that a good part of the cases is well-formed.
    let byte = prop_oneof![
        6 => prop::sample::select(vec![0x80, 0x81, 0x82, 0x90, 0x91, 0x92, 0xa0, 0xa1, 0xc0, 0xc4, 0xdc, 0xde, 0]),
        4 => 0_u8..4,
        1 => any::<u8>(),
    ];
    vec(byte, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(message in lease_message()) {
        // Hostile text of the strategy may exceed a bound; then nothing is written.
        if let Ok(bytes) = message.encode() {
            prop_assert_eq!(LeaseMessage::decode(&bytes).unwrap(), message);
        } else {
            prop_assert!(message.problems.iter().any(|p| p.len() > 512));
        }
    }

    #[test]
    fn every_prefix_of_a_message_is_refused(message in lease_message(), cut in any::<Index>()) {
        if let Ok(bytes) = message.encode() {
            let cut = cut.index(bytes.len());
            prop_assert!(LeaseMessage::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_damaged_message_is_read_or_refused_but_never_a_panic(
        message in lease_message(), damage in vec((any::<Index>(), any::<u8>()), 1..6)
    ) {
        if let Ok(mut bytes) = message.encode() {
            for (index, byte) in damage {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            if let Ok(read) = LeaseMessage::decode(&bytes) {
                prop_assert_eq!(LeaseMessage::decode(&read.encode().unwrap()).unwrap(), read);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_but_never_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(LeaseMessage::decode(&bytes).is_err());
        let _ = wire::check(&bytes, &LIMITS);
    }

    #[test]
    fn an_answer_read_by_hand_is_what_serde_reads(bytes in answer_like()) {
        let by_serde = wire::decode::<Answer>(&bytes);
        let by_hand = Answer::decode(&bytes);
        // serde would also take bin for a text; the strategy has none.
        prop_assert_eq!(by_hand.is_ok(), by_serde.is_ok(), "{:?} {:?}", by_hand, by_serde);
        if let (Ok(by_hand), Ok(by_serde)) = (by_hand, by_serde) {
            prop_assert_eq!(by_hand, by_serde);
        }
    }

    #[test]
    fn any_bytes_are_an_answer_or_not_but_never_a_panic(bytes in messagepack_like()) {
        let _refused = Answer::decode(&bytes);
    }

    #[test]
    fn what_the_walk_accepts_is_within_the_limits(
        bytes in messagepack_like(), depth in 0_usize..5, elements in 0_usize..6, size in 0_usize..24
    ) {
        let limits = Limits { bytes: size, depth, elements };
        if wire::check(&bytes, &limits).is_ok() {
            let (found, deepest, largest) = measure(&bytes, 0);
            prop_assert_eq!(found, bytes.len());
            prop_assert!(found <= size && deepest <= depth && largest <= elements);
        }
    }
}
