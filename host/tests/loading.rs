//! What the loader promises: modules that are right load and are themselves, whatever is not right is refused with
//! one clear line.

mod support;

use dhcpmgr::handlers::loader::{CallError, Module};
use dhcpmgr_message::{V4Report, wire};
use dhcpmgr_plugin_api::testing::v4_event;
use dhcpmgr_plugin_api::{DATA_LIMITS, LeaseEvent, Plan, Settings, operation};
use support::module;

fn event() -> LeaseEvent {
    let mut report = V4Report::default();
    report.options.insert(43, b"acs".to_vec().into());
    v4_event(report)
}

fn lease(instance: &mut dhcpmgr::handlers::loader::Instance, event: &LeaseEvent) -> Result<Plan, CallError> {
    let answer = instance.call(operation::LEASE, &wire::encode(event).unwrap())?;
    Ok(wire::decode_within(&answer, &DATA_LIMITS).unwrap())
}

fn settings(pairs: &[(&str, &str)]) -> Vec<u8> {
    let table: std::collections::BTreeMap<_, _> = pairs.iter().copied().collect();
    Settings::of(&table).unwrap().as_bytes().to_vec()
}

#[test]
fn a_module_loads_and_answers() {
    let good = Module::load(&module("good")).unwrap();
    assert_eq!((good.manifest.name.as_str(), good.manifest.version.as_str()), ("good", "1.2.3"));
    let plan = lease(&mut good.create(&settings(&[("dns", "192.0.2.1")])).unwrap(), &event()).unwrap();
    assert_eq!(plan.parameters["Vendor.Text"], "acs");
    assert_eq!(plan.dns, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
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
fn a_panic_is_an_error_and_the_next_call_works() {
    let misbehaving = Module::load(&module("misbehaving")).unwrap();
    let settings = Settings::of(&Panics { mode: "panic", only: ["wan4"] }).unwrap();
    let mut instance = misbehaving.create(settings.as_bytes()).unwrap();
    let mut other = event();
    other.client = "wan5".parse().unwrap();
    assert_eq!(lease(&mut instance, &other).unwrap().parameters["Calls"], "1");
    let error = lease(&mut instance, &event()).unwrap_err();
    assert_eq!(error, CallError::Panicked("I was told to panic".to_owned()));
    // What the panic left is gone: it counts from the start.
    assert_eq!(lease(&mut instance, &other).unwrap().parameters["Calls"], "1");
}

#[derive(serde::Serialize)]
struct Panics {
    mode: &'static str,
    only: [&'static str; 1],
}
