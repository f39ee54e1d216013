//! Domain names as they are on the wire.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dhcpmgr_shim::names;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_survive_the_wire(name in "[a-z_-]{1,63}(\\.[a-z0-9]{1,20}){0,6}") {
        let mut wire = Vec::new();
        names::encode(name.as_bytes(), &mut wire).unwrap();
        let mut read = Vec::new();
        names::decode(&wire, |name| read.push(name)).unwrap();
        prop_assert_eq!(read, [name.into_bytes()]);
    }

    #[test]
    fn any_bytes_are_names_or_not_but_the_walk_ends(wire in vec(prop_oneof![0_u8..6, Just(0xc0), any::<u8>()], 0..80)) {
        let _refused = names::decode(&wire, |name| assert!(name.len() <= 253));
    }
}
