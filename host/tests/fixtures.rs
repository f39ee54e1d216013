//! The misbehaving module really does what its name says: tests of the worker's walls rest on it. Each way that ends
//! a process is tried in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use dhcpmgr::handlers::loader::{Instance, Module};
use dhcpmgr_message::{V4Report, wire};
use dhcpmgr_plugin_api::testing::v4_event;
use dhcpmgr_plugin_api::{DATA_LIMITS, Plan, Settings, operation};
use support::module;

const MODE: &str = "FIXTURE_MODE";

fn handler(mode: &str) -> Instance {
    let settings = Settings::of(&BTreeMap::from([("mode", mode)])).unwrap();
    Module::load(&module("misbehaving")).unwrap().create(settings.as_bytes()).unwrap()
}

fn answer(instance: &mut Instance) -> Vec<u8> {
    instance.call(operation::LEASE, &wire::encode(&v4_event(V4Report::default())).unwrap()).unwrap()
}

fn plan(mode: &str) -> Plan {
    wire::decode_within(&answer(&mut handler(mode)), &DATA_LIMITS).unwrap()
}

/// The other process: it makes the call that its environment names.
#[test]
#[ignore = "run by the other tests of this file"]
fn call_in_this_process() {
    answer(&mut handler(&std::env::var(MODE).unwrap()));
    // Neither a test that passed nor one that panicked ends like this.
    std::process::exit(42);
}

fn other_process(mode: &str) -> Command {
    module("misbehaving");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "call_in_this_process"]).env(MODE, mode);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

fn end_of(mode: &str) -> ExitStatus {
    other_process(mode).status().unwrap()
}

#[test]
fn none_of_them_is_done_by_a_good_plan() {
    assert_eq!(end_of("none").code(), Some(42));
    assert_eq!(plan("none"), Plan::default().with_parameter("Calls", "1"));
}

#[test]
fn a_process_ends_in_the_way_that_was_asked_for() {
    assert_eq!(end_of("segfault").signal(), Some(nix::libc::SIGSEGV));
    assert_eq!(end_of("abort").signal(), Some(nix::libc::SIGABRT));
    assert_eq!(end_of("exit").code(), Some(0));
    let overflow = end_of("stack-overflow").signal();
    assert!([Some(nix::libc::SIGABRT), Some(nix::libc::SIGSEGV)].contains(&overflow), "{overflow:?}");
}

#[test]
fn a_hang_goes_on() {
    let mut child = other_process("hang").spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let state = child.try_wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(state, None);
}

#[test]
fn a_leak_is_memory_that_is_in_use() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let mut instance = handler("leak");
    let before = resident();
    answer(&mut instance);
    assert!(resident() > before + 40 * 1024, "{before} kB before, {} kB after", resident());
}

#[test]
fn a_liar_asks_for_more_than_third_parties_are_granted() {
    let plan = plan("ungranted");
    assert!(!plan.addresses.is_empty() && !plan.routes.is_empty() && !plan.dns.is_empty());
    assert!(plan.mtu.is_some() && plan.refuse.is_some());
    assert_eq!(self::plan("hijack").routes.len(), 4);
    let controls = self::plan("control-characters");
    assert!(controls.notes[0].contains('\n') && controls.ntp[0].contains('\n'));
}

#[test]
fn outside_a_sandbox_everything_is_allowed() {
    let plan = plan("escape");
    for name in ["Escape.Read", "Escape.Write", "Escape.Socket", "Escape.Process"] {
        assert_eq!(plan.parameters[name], "allowed", "{name}");
    }
    for file in ["/tmp/dhcpmgr-escape", "dhcpmgr-escape"] {
        let _ = std::fs::remove_file(file);
    }
}
