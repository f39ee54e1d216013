//! Any text as a path into the data model, and as a search expression: an answer or a refusal, and what is named is named
//! again by its own path. Run with `cargo +nightly fuzz run paths -- -max_len=4096` in `host`.
#![no_main]

use dhcpmgr::data_model::path::{Expression, Found, Path, Place, Source, resolve};
use dhcpmgr::data_model::schema::{Object, Parameter};
use dhcpmgr::data_model::{Value, read};
use libfuzzer_sys::fuzz_target;

/// Two rows of everything, which refer to each other.
struct Tree;

impl Source for Tree {
    fn rows(&self, _table: &'static Object, _within: &Place) -> Vec<u32> {
        vec![1, 7]
    }

    fn value(&self, place: &Place, parameter: &'static Parameter) -> Option<Value> {
        let number = place.numbers().last().copied().unwrap_or_default();
        Some(match parameter.name {
            "Interface" => format!("Device.IP.Interface.{number}").into(),
            "PassthroughDHCPPool" => "Device.IP.Interface.7,Device.IP.Interface.1,Device.X".into(),
            "Alias" => format!("row{number}").into(),
            _ => Value::nothing(&parameter.kind),
        })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Expression::parse(text);
    let _ = read::supported(text, &[]);
    let Ok(path) = Path::parse(text) else { return };
    let Ok(found) = resolve(&path, &Tree) else { return };
    for found in found.into_iter().take(4) {
        if let Found::Parameter(place, parameter) = found {
            let own = format!("{}{}", place.path(), parameter.name);
            let again = resolve(&Path::parse(&own).expect("it is a path"), &Tree).expect("it is there");
            assert_eq!(again, [Found::Parameter(place, parameter)]);
        }
    }
});
