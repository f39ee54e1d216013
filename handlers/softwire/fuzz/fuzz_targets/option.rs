//! Any bytes as each softwire option, for a customer with any prefix: right, or refused at a byte of them. What is right
//! can be written and is then the same, and the customer's own packets are the customer's. The first byte is the length
//! of the prefix, the second says which quirks are accepted.
//! Run with `cargo +nightly fuzz run option -- -max_len=65600` in `handlers/softwire`.
#![no_main]

use dhcpmgr_softwire::{Destination, Input, Ipv6Prefix, Kind, Quirk, Quirks, decode, decode_priority};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[len, wanted], bytes)) = bytes.split_first_chunk::<2>() else { return };
    let quirks: Quirks = Quirk::ALL
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| wanted >> bit & 1 == 1)
        .map(|(_, quirk)| quirk)
        .collect();
    // A prefix that the seeds' rules match.
    let address = "2001:db8:12:3400::".parse().expect("an address");
    let prefix = Ipv6Prefix::containing(address, len % 129).expect("a length that fits");
    for kind in Kind::ALL {
        let read = Input::pasted(kind.option(), bytes).and_then(|input| decode(kind, input, quirks, &mut ()));
        let decoded = match read {
            Ok(decoded) => decoded,
            Err(error) => {
                assert!(error.offset <= bytes.len(), "{error} at {}", error.offset);
                continue;
            }
        };
        let written = decoded.content().encode();
        let input = Input::value(&written).expect("not longer than what was read");
        let again = decode(kind, input, Quirks::NONE, &mut ()).expect("what was written can be read");
        assert_eq!(again.content(), decoded.content());
        if let Ok(softwire) = decoded.configure(&[prefix])
            && let Some(edge) = softwire.customer
        {
            for (first, last) in edge.ports.ranges() {
                assert_eq!(softwire.destination(edge.ipv4.address(), first), Destination::Ours);
                assert_eq!(softwire.destination(edge.ipv4.address(), last), Destination::Ours);
            }
        }
    }
    if let Ok(input) = Input::pasted(111, bytes) {
        let _ = decode_priority(input, &mut ());
    }
});
