//! The clock on the wall is set: backwards, forwards, by years, and nothing changes but what is written beside events.
//! In a machine of the test's own, because the clock of this one is not ours to set.

use std::time::{Duration, Instant};

use dhcpmgr_lab::vm::in_vm;
use dhcpmgr_lab::{Error, Forged, Lab, Result, Vm, eventually, lab_or_skip, say, vm_or_skip};
use dhcpmgr_message::{ClientEvent, Lifetime, V4Report};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

use crate::chaos;
use crate::given::{addresses, bound, configured, removals, report};

/// What runs in the machine, side by side.
const INSIDE: [&str; 2] = [
    "chaos::whatever_happens_in_whatever_order_leases_stay_and_service_comes_back",
    "clock::a_lease_lasts_as_long_as_the_server_said_whatever_the_clock_says",
];
/// The shortest that is held, and a little more, seconds.
const LEASE: u32 = 36;
/// The second of January 1970, and the first of January 2100: no kernel goes back to before it was booted.
const CLOCK: (i64, i64) = (86_400, 4_102_444_800);

/// Sets the clock so many seconds forwards or backwards, as far as it goes.
pub(crate) fn jump(seconds: i64) -> Result {
    if !in_vm() {
        return Err(Error::new("the clock of this machine is not ours to set"));
    }
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    let then = now.tv_sec().saturating_add(seconds).clamp(CLOCK.0, CLOCK.1);
    Ok(clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(then, now.tv_nsec()))?)
}

#[test]
fn a_clock_that_jumps_takes_nothing_away_and_keeps_nothing() -> Result {
    vm_or_skip!();
    let (seed, duration) = (chaos::seed()?, chaos::duration()?);
    let program = std::env::current_exe()?.display().to_string();
    let settings = [
        "DHCPMGR_BUILT=1".to_owned(),
        "DHCPMGR_REQUIRE_LAB=1".to_owned(),
        format!("DHCPMGR_CHAOS_SEED={seed}"),
        format!("DHCPMGR_CHAOS_SECONDS={}", duration.as_secs()),
        program,
    ];
    let how = ["--include-ignored", "--nocapture", "--test-threads=2", "--exact"];
    let command: Vec<&str> = settings.iter().map(String::as_str).chain(how).chain(INSIDE).collect();
    let vm = Vm::boot(&command, None)?;
    say(&format!("clock: seed {seed}, Linux {}", vm.version()));
    vm.end(duration + Duration::from_secs(240))
        .map_err(|error| Error::new(format!("seed {seed}: {error}")))?;
    let said = vm.lines();
    said.iter().filter(|line| line.starts_with("chaos:")).for_each(|line| say(line));
    // Named wrongly they would not run, and nobody would complain.
    let ran = said.iter().any(|line| line.starts_with("test result: ok. 2 passed"));
    if ran { Ok(()) } else { Err(Error::new(format!("not both tests ran in the machine: {said:#?}"))) }
}

#[test]
#[ignore = "it sets the clock: the test above runs it in a machine of its own"]
fn a_lease_lasts_as_long_as_the_server_said_whatever_the_clock_says() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (server, daemon) = bound(&lab)?;
    let (cli, monitor) = (daemon.cli(), lab.monitor()?);
    server.freeze(true)?;
    // Shorter than dnsmasq gives any; udhcpc believes in an hour and keeps quiet.
    let report = V4Report { lease_time: Some(Lifetime(LEASE)), ..report(&lab, 100) };
    let message = Forged::of(&cli.client("wan4")?, ClientEvent::Renew, report)?;
    let granted = Instant::now();
    let answer = daemon.lease_socket()?.ask(&message.bytes()?)?;
    assert!(answer.ok, "{answer:?}");
    for years in [10, -30, 25, -50, 70, -1].into_iter().cycle() {
        jump(years * 365 * 86_400)?;
        std::thread::sleep(Duration::from_secs(3));
        let (seen, there) = (monitor.take(), configured(&lab, 100));
        // It was looked at in time, or says nothing.
        if granted.elapsed() > Duration::from_secs(LEASE.into()) {
            break;
        }
        assert!(removals(&seen).is_empty(), "after {:?}: {seen:?}", granted.elapsed());
        there?;
    }
    cli.wait_for_event("wan4", "lease-lost", 1)?;
    // A busy machine may look later; a clock that was believed would cost years.
    assert!(granted.elapsed() < Duration::from_secs(600), "it lasted {:?} of {LEASE} s", granted.elapsed());
    eventually("the address goes with it", || Ok(addresses(&lab)?.is_empty().then_some(())))?;

    server.freeze(false)?;
    cli.text(&["renew", "wan4"])?;
    cli.wait_for_event("wan4", "lease-acquired", 2)?;
    configured(&lab, 100)
}
