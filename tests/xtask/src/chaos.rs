//! `cargo xtask chaos`: the chaos test for as long as one likes, also with a clock that jumps and power that goes, and
//! the crash test at every system call.

use dhcpmgr_lab::{Result, packages};

use crate::cargo::{cargo, done};
use crate::test;

/// Runs chaos for so many minutes; then, if asked, the crash test before every system call there is.
pub(crate) fn run(minutes: u64, vm: bool, seed: Option<u64>, every_call: bool) -> Result {
    packages::ensure(packages::LAB)?;
    if vm {
        packages::ensure_vm()?;
    }
    done(cargo(&["build", "--workspace"]), "cargo build")?;
    done(cargo(&["test", "-p", "dhcpmgr-system-tests", "--no-run"]), "cargo test --no-run")?;
    let tests: &[&str] = match (minutes, vm) {
        (0, _) => &[],
        (_, false) => &["chaos::whatever"],
        (_, true) => &["clock::a_clock", "power::power"],
    };
    for test in tests {
        system_test(test, false, |command| {
            command.env("DHCPMGR_CHAOS_SECONDS", (minutes * 60).to_string());
            command.envs(seed.map(|seed| ("DHCPMGR_CHAOS_SEED", seed.to_string())));
        })?;
    }
    if every_call {
        system_test("crash::every_system_call", true, |_| ())?;
    }
    Ok(())
}

fn system_test(name: &str, ignored: bool, prepare: impl FnOnce(&mut std::process::Command)) -> Result {
    let mut command = test::inside();
    command.args(["test", "-p", "dhcpmgr-system-tests", "--test", "system", "--", name, "--nocapture"]);
    command.args(ignored.then_some("--ignored"));
    command.env("DHCPMGR_BUILT", "1").env("DHCPMGR_REQUIRE_LAB", "1");
    prepare(&mut command);
    done(command, name)
}
