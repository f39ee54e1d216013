//! Any options, as they follow each other in a DHCPv6 message; those of DHCPv4 are the first of each that has such a
//! code: a plan that can do no harm. Run with `cargo +nightly fuzz run pack -- -max_len=65000` in `handlers/vendor`.
#![no_main]

use dhcpmgr_plugin_api::message::{Bytes, V4Report, V6Report, wire};
use dhcpmgr_plugin_api::testing::{v4_event, v6_event};
use dhcpmgr_plugin_api::{DATA_LIMITS, Plan};
use dhcpmgr_vendor::{Settings, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (v4, v6) = reports(bytes);
    check(&plan(&v4_event(v4), &Settings::default()));
    check(&plan(&v6_event(v6), &Settings::default()));
});

/// Code and length have two bytes; a value that is cut takes what is left.
fn reports(mut bytes: &[u8]) -> (V4Report, V6Report) {
    let (mut v4, mut v6) = (V4Report::default(), V6Report::default());
    while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
        let [code, len] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (value, rest) = rest.split_at(usize::from(len).min(rest.len()));
        v6.options.entry(code).or_default().push(Bytes(value.to_vec()));
        if let Ok(code) = u8::try_from(code) {
            v4.options.entry(code).or_insert_with(|| Bytes(value.to_vec()));
        }
        bytes = rest;
    }
    (v4, v6)
}

fn check(plan: &Plan) {
    let (parameters, events, notes) = (plan.parameters.clone(), plan.events.clone(), plan.notes.clone());
    assert_eq!(*plan, Plan { parameters, events, notes, ..Plan::default() }, "nothing else is planned");
    assert!(plan.parameters.len() <= 256 && plan.events.len() <= 3);
    assert!(plan.notes.iter().all(|note| note.len() <= 240 && !note.contains(char::is_control)));
    for (name, value) in plan.parameters.iter().chain(plan.events.iter().flat_map(|event| &event.fields)) {
        assert!(name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'));
        assert!(value.len() <= 4096 && !value.contains(char::is_control), "{name}");
    }
    let bytes = wire::encode(plan).expect("a plan can be written");
    assert_eq!(wire::decode_within::<Plan>(&bytes, &DATA_LIMITS).expect("and read"), *plan);
}
