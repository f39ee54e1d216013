//! Whatever a server sends: an answer, in bounded time and space, and always the same one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::hint::black_box;
use std::time::Instant;

use dhcpmgr_softwire::{
    Destination, Field, Input, Ipv6Prefix, Kind, Malformed, Quirk, Quirks, Softwire, Trace, decode,
    decode_priority,
};
use proptest::prelude::*;
use support::{hex, option};

/// Checks that fields come in order, within the bytes, and none twice.
#[derive(Default)]
struct InOrder {
    end: usize,
    fields: usize,
}

impl Trace for InOrder {
    fn field(&mut self, field: Field<'_>) {
        assert!(field.offset >= self.end, "{} at {} was shown before", field.name, field.offset);
        self.end = field.offset + field.bytes.len();
        self.fields += 1;
        assert!(
            field.depth <= 2 && !field.name.to_string().is_empty() && !field.value.to_string().is_empty()
        );
    }
}

fn run(kind: Kind, bytes: &[u8], prefix: Ipv6Prefix, quirks: Quirks) -> Result<Softwire, Malformed> {
    let mut order = InOrder::default();
    let decoded = decode(kind, Input::pasted(kind.option(), bytes)?, quirks, &mut order)?;
    assert!(order.end <= bytes.len() && order.fields > 0);
    decoded.configure(&[prefix])
}

fn check(kind: Kind, bytes: &[u8], prefix: Ipv6Prefix, quirks: Quirks, port: u16) {
    match run(kind, bytes, prefix, quirks) {
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error} at {} of {}", error.offset, bytes.len());
            let text = error.to_string();
            assert!(!text.is_empty() && text.len() < 600 && !text.contains(char::is_control), "{text}");
        }
        Ok(softwire) => {
            assert!(softwire.remarks.iter().all(|remark| remark.offset < bytes.len()));
            if let Some(edge) = softwire.customer {
                assert!(edge.ports.ranges().len() <= 32_767);
                let (first, _) = edge.ports.ranges().next().unwrap();
                assert_eq!(softwire.destination(edge.ipv4.address(), first), Destination::Ours);
                black_box(softwire.destination(edge.ipv4.address(), port));
            }
            black_box(softwire.destination([8, 8, 8, 8].into(), port));
        }
    }
}

/// Options that are nearly right: parts in any order, each perhaps with a byte changed.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "0059000d001018c00002002820010db800",
        "00590015011018c00002002820010db800005d000406083400",
        "005900170000200c0002123820010db8001234005d000406083400",
        "0059001700001ac0000240382001 0db80012340000005d000400000000",
        "005b00094020010db8ffff0000",
        "005b000d6020010db8ffff000000000000",
        "005a001020010db8ffff00000000000000000001",
        "005c0014c00002123820010db8001234005d000406083400",
        "005d000406083400",
        "00170002abcd",
        "00",
    ]);
    let changed =
        (parts, any::<prop::sample::Index>(), any::<u8>(), 0..4_u8).prop_map(|(part, at, byte, change)| {
            let mut bytes = hex(&part.replace(' ', ""));
            if change == 0 {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        });
    prop::collection::vec(changed, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nearly_right_options_are_right_or_refused(bytes in nearly_right(), len in 0..=128_u8, quirk: bool, port: u16) {
        let prefix = Ipv6Prefix::containing("2001:db8:12:3400::".parse().unwrap(), len).unwrap();
        let quirks = if quirk { Quirk::ALL.into_iter().collect() } else { Quirks::NONE };
        for kind in Kind::ALL {
            check(kind, &bytes, prefix, quirks, port);
        }
    }

    #[test]
    fn any_bytes_are_right_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), prefix: u128, len in 0..=128_u8) {
        let prefix = Ipv6Prefix::containing(prefix.into(), len).unwrap();
        for kind in Kind::ALL {
            check(kind, &bytes, prefix, Quirks::NONE, 0);
        }
        if let Ok(input) = Input::pasted(111, &bytes) {
            let _ = decode_priority(input, &mut ());
        }
    }
}

#[test]
fn the_longest_options_are_read_to_their_end() {
    let prefix = Ipv6Prefix::containing("2001:db8:12:3400::".parse().unwrap(), 56).unwrap();
    let rule = |n: u16| {
        let mut rule = hex("00 10 18 c0000200 38 20010db8000000");
        rule[11..13].copy_from_slice(&n.to_be_bytes());
        rule
    };
    let mut container: Vec<u8> = (0..3400).flat_map(|n| option(89, &rule(n))).collect();
    container.extend(option(91, &hex("40 20010db8ffff0000")));
    assert!(container.len() > 60_000);
    let error = run(Kind::MapT, &container, prefix, Quirks::NONE).unwrap_err();
    assert!(error.to_string().starts_with("no rule has"), "{error}");
    let nothing = "fffe0000".repeat(16_383);
    check(Kind::MapE, &hex(&nothing), prefix, Quirks::NONE, 80);
    let name = "0161".repeat(32_767);
    check(Kind::DsLite, &hex(&name), prefix, Quirks::NONE, 80);
}

/// Prints what it costs; `cargo test --release -p dhcpmgr-softwire --test hostile cost -- --nocapture`.
#[test]
fn what_it_costs_is_printed() {
    const ROUNDS: u32 = 20_000;
    let bytes = hex("00590015001018c00002002820010db800005d000406083400005b00094020010db8ffff0000");
    let prefix = Ipv6Prefix::containing("2001:db8:12:3400::".parse().unwrap(), 56).unwrap();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let input = Input::value(black_box(&bytes)).unwrap();
        let decoded = decode(Kind::MapT, input, Quirks::NONE, &mut ()).unwrap();
        black_box(decoded.configure(&[black_box(prefix)]).unwrap());
    }
    let each = start.elapsed() / ROUNDS;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    eprintln!("decode and compute: {} ns ({build} build)", each.as_nanos());
}
