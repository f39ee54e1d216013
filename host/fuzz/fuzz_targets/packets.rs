//! Any bytes as a packet that the observer is given, whole and cut off, either way. Run with
//! `cargo +nightly fuzz run packets -- -max_len=1024` in `host`.
#![no_main]

use dhcpmgr::observer::{Packet, Way};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for ethertype in [0x0800, 0x86dd] {
        for way in [Way::Out, Way::In] {
            if let Some(packet) = Packet::read(ethertype, way, bytes) {
                assert_eq!(packet.message.is_of_a_client(), way == Way::Out);
                assert!(!packet.message.name().is_empty() && !packet.message.statistic().is_empty());
            }
        }
    }
});
