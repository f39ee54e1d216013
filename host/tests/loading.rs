//! What the loader promises of modules that are right: they load, they are themselves, and what goes wrong in a
//! call stays in that call. `refusing.rs` has the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use dhcpmgr::handlers::loader::{CallError, Instance, Module, inspect};
use dhcpmgr_message::{V4Report, wire};
use dhcpmgr_plugin_api::note::SdkVersion;
use dhcpmgr_plugin_api::testing::v4_event;
use dhcpmgr_plugin_api::{ApiVersion, DATA_LIMITS, LeaseEvent, Plan, Protocol, Settings, operation};
use serde::Serialize;
use support::{install, module, strip};

/// A lease of client `wan4` with option 43 = `acs`.
fn event() -> LeaseEvent {
    let mut report = V4Report { address: Some([192, 0, 2, 7].into()), ..V4Report::default() };
    report.options.insert(43, b"acs".to_vec().into());
    v4_event(report)
}

fn event_of(client: &str) -> LeaseEvent {
    LeaseEvent { client: client.parse().unwrap(), ..event() }
}

fn raw(instance: &mut Instance, event: &LeaseEvent) -> Result<Vec<u8>, CallError> {
    instance.call(operation::LEASE, &wire::encode(event).unwrap())
}

fn lease(instance: &mut Instance, event: &LeaseEvent) -> Result<Plan, CallError> {
    Ok(wire::decode_within(&raw(instance, event)?, &DATA_LIMITS).unwrap())
}

fn create(module: &Module, settings: impl Serialize) -> Result<Instance, CallError> {
    module.create(Settings::of(&settings).unwrap().as_bytes())
}

/// A misbehaving handler that does it to client `wan4` only.
fn misbehaving(mode: &'static str) -> Instance {
    #[derive(Serialize)]
    struct Table {
        mode: &'static str,
        only: [&'static str; 1],
    }
    create(&Module::load(&module("misbehaving")).unwrap(), Table { mode, only: ["wan4"] }).unwrap()
}

#[test]
fn a_module_loads_with_its_manifest_and_settings() {
    let good = Module::load(&module("good")).unwrap();
    assert_eq!((good.manifest.name.as_str(), good.manifest.version.as_str()), ("good", "1.2.3"));
    assert_eq!(good.manifest.options_consumed, [43]);
    assert_eq!(good.manifest.options_sent[0].value.0, b"good/1");
    assert_eq!(good.api, ApiVersion::CURRENT);
    let plan = lease(&mut create(&good, BTreeMap::from([("dns", "192.0.2.1")])).unwrap(), &event()).unwrap();
    assert_eq!(plan.parameters["Vendor.Text"], "acs");
    assert_eq!(plan.dns, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn a_module_is_inspected_without_being_loaded() {
    let path = install(&module("good"), "inspected.so");
    let note = inspect(&path).unwrap();
    assert_eq!(
        (note.api, note.sdk, note.unwinds, note.in_c),
        (ApiVersion::CURRENT, SdkVersion::CURRENT, true, false)
    );
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains("inspected.so"));
    Module::load(&path).unwrap();
    assert!(fs::read_to_string("/proc/self/maps").unwrap().contains("inspected.so"));
}

#[test]
fn a_second_module_of_the_same_type_is_really_the_second() {
    let good = Module::load(&module("good")).unwrap();
    let second = Module::load(&module("second")).unwrap();
    assert_eq!((good.manifest.name.as_str(), second.manifest.name.as_str()), ("good", "second"));
    let plan = lease(&mut second.create(&[]).unwrap(), &event()).unwrap();
    assert_eq!(plan, Plan::default().with_parameter("Second", "yes"));
    let plan = lease(&mut good.create(&[]).unwrap(), &event()).unwrap();
    assert!(plan.parameters.contains_key("Vendor.Text"));
}

#[test]
fn another_module_at_the_same_path_is_really_the_other() {
    let path = install(&module("good"), "upgraded.so");
    assert_eq!(Module::load(&path).unwrap().manifest.name, "good");
    let path = install(&module("second"), "upgraded.so");
    assert_eq!(Module::load(&path).unwrap().manifest.name, "second");
}

#[test]
fn two_handlers_of_one_module_have_their_own_settings_and_state() {
    let good = Module::load(&module("good")).unwrap();
    let mut first = create(&good, BTreeMap::from([("dns", "192.0.2.1")])).unwrap();
    let mut other = create(&good, BTreeMap::from([("dns", "192.0.2.2")])).unwrap();
    for count in ["1", "2"] {
        assert_eq!(lease(&mut first, &event()).unwrap().parameters["Vendor.Leases"], count);
    }
    drop(first);
    let plan = lease(&mut other, &event()).unwrap();
    assert_eq!(
        (plan.parameters["Vendor.Leases"].as_str(), plan.dns[0].to_string()),
        ("1", "192.0.2.2".to_owned())
    );
}

#[test]
fn a_handler_moves_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Module::load(&module("good")).unwrap());
    let mut instance = Module::load(&module("good")).unwrap().create(&[]).unwrap();
    lease(&mut instance, &event()).unwrap();
    let plan = std::thread::spawn(move || lease(&mut instance, &event()).unwrap()).join().unwrap();
    assert_eq!(plan.parameters["Vendor.Leases"], "2");
}

#[test]
fn loading_one_module_again_and_again_keeps_one_file_open() {
    let path = module("good");
    Module::load(&path).unwrap();
    let open = || {
        let links = fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.filter(|target| *target == path).count()
    };
    let before = open();
    for _ in 0..20 {
        Module::load(&path).unwrap();
    }
    // Other tests of this process may load it at the same moment, but not twenty times.
    assert!(open() < before + 10, "{} open files, {before} before", open());
}

#[test]
fn a_stripped_module_loads() {
    let path = install(&module("good"), "stripped.so");
    strip(&path);
    assert!(fs::metadata(&path).unwrap().len() < fs::metadata(module("good")).unwrap().len());
    assert_eq!(Module::load(&path).unwrap().manifest.name, "good");
}

#[test]
fn a_symbolic_link_to_a_module_loads() {
    let link = tempfile::tempdir().unwrap().keep().join("link.so");
    std::os::unix::fs::symlink(module("good"), &link).unwrap();
    assert_eq!(Module::load(&link).unwrap().manifest.name, "good");
    fs::remove_dir_all(link.parent().unwrap()).unwrap();
}

#[test]
fn a_module_of_the_first_sdk_loads_in_this_host_and_in_later_ones() {
    let path = module("first-sdk");
    let first = Module::load(&path).unwrap();
    assert_eq!((first.manifest.name.as_str(), first.api.to_string()), ("first-sdk", "1.0".to_owned()));
    assert_eq!(first.manifest.protocols, [Protocol::V4]);
    for minor in [0, 1, 7, u16::MAX] {
        Module::load_for(&path, ApiVersion { major: 1, minor }).unwrap();
    }
    // It reads an event with keys that it has never heard of, and is understood although it says less and more.
    let plan = lease(&mut first.create(&[]).unwrap(), &event()).unwrap();
    let expected =
        Plan::default().with_parameter("First.Client", "wan4").with_parameter("First.Address", "192.0.2.7");
    assert_eq!(plan, expected);
    assert_eq!(first.create(&[]).unwrap().call(2, b"").unwrap_err(), CallError::Unsupported(2));
}

#[test]
fn a_panic_is_an_error_and_the_next_call_works() {
    let mut instance = misbehaving("panic");
    for count in ["1", "2"] {
        assert_eq!(lease(&mut instance, &event_of("wan5")).unwrap().parameters["Calls"], count);
    }
    for _ in 0..3 {
        let error = lease(&mut instance, &event()).unwrap_err();
        assert_eq!(error, CallError::Panicked("I was told to panic".to_owned()));
    }
    // What the panic left half done is gone: the handler was made anew from its settings.
    assert_eq!(lease(&mut instance, &event_of("wan5")).unwrap().parameters["Calls"], "1");
}

#[test]
fn a_panic_whose_value_panics_again_is_an_error_too() {
    let mut instance = misbehaving("panic-twice");
    let error = lease(&mut instance, &event()).unwrap_err();
    assert_eq!(error, CallError::Panicked("a value that is not text".to_owned()));
    lease(&mut instance, &event_of("wan5")).unwrap();
}

#[test]
fn a_panic_in_the_destructor_ends_nothing() {
    let mut instance = misbehaving("drop-panic");
    lease(&mut instance, &event()).unwrap();
    drop(instance);
}

#[test]
fn a_panic_while_a_handler_is_made_is_an_error() {
    let module = Module::load(&module("misbehaving")).unwrap();
    let error = create(&module, BTreeMap::from([("mode", "create-panic")])).unwrap_err();
    assert_eq!(error, CallError::Panicked("I was told to panic".to_owned()));
}

#[test]
fn settings_that_are_wrong_name_their_key() {
    let module = Module::load(&module("good")).unwrap();
    let error = create(&module, BTreeMap::from([("option", 300)])).unwrap_err();
    assert_eq!(error.to_string(), "settings.option: invalid value: integer `300`, expected u8");
    let error = create(&module, BTreeMap::from([("dsn", "192.0.2.1")])).unwrap_err().to_string();
    assert_eq!(error, "settings.dsn: unknown field `dsn`, expected `dns` or `option`");
}

#[test]
fn what_a_handler_says_is_its_error() {
    let error = lease(&mut misbehaving("fail"), &event()).unwrap_err();
    assert_eq!(error, CallError::Failed("the option makes no sense to me".to_owned()));
}

#[test]
fn an_operation_of_the_future_is_unsupported_and_harms_nothing() {
    let mut instance = Module::load(&module("good")).unwrap().create(&[]).unwrap();
    for unknown in [0, 2, 999, u32::MAX] {
        assert_eq!(instance.call(unknown, b"").unwrap_err(), CallError::Unsupported(unknown));
    }
    lease(&mut instance, &event()).unwrap();
}

#[test]
fn bytes_that_are_no_event_are_an_error() {
    let mut instance = Module::load(&module("good")).unwrap().create(&[]).unwrap();
    let whole = wire::encode(&event()).unwrap();
    for bytes in [&b""[..], b"\xc1", b"\x80", &whole[..whole.len() / 2], &vec![0xff; DATA_LIMITS.bytes + 1]] {
        let error = instance.call(operation::LEASE, bytes).unwrap_err();
        assert!(matches!(&error, CallError::Failed(text) if text.starts_with("message")), "{error:?}");
    }
    lease(&mut instance, &event()).unwrap();
}

#[test]
fn an_answer_beyond_the_limit_is_an_error() {
    let error = raw(&mut misbehaving("huge"), &event()).unwrap_err().to_string();
    assert!(
        error.starts_with("the answer has 209") && error.ends_with("at most 131072 are accepted"),
        "{error}"
    );
}

#[test]
fn an_answer_that_is_no_plan_comes_back_as_it_is_and_is_not_decoded_into_one() {
    let first = Module::load(&module("first-sdk")).unwrap();
    for garbage in [&b"\xc1"[..], b"\x81", b"\xa4text", b"\x81\xa6routes\x91\x81\xa2to\xad10.0.0.0/129 "] {
        let mut instance = create(&first, BTreeMap::from([("raw", garbage)])).unwrap();
        let answer = raw(&mut instance, &event()).unwrap();
        assert_eq!(answer, garbage);
        wire::decode_within::<Plan>(&answer, &DATA_LIMITS).unwrap_err();
    }
}
