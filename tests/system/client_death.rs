//! udhcpc is killed: it is started again and asks for the same address; the kernel notices nothing.

use std::time::Duration;

use dhcpmgr_lab::{Lab, MessageType, Result, eventually, lab_or_skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::given::{bound, configured, number, removals};

#[test]
fn a_killed_client_is_started_again_and_asks_for_the_same_address() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let (cli, monitor, packets) = (daemon.cli(), lab.monitor()?, lab.capture(lab.wan())?);
    let before = number(&cli.client("wan4")?, "pid")?;
    kill(Pid::from_raw(i32::try_from(before)?), Signal::SIGKILL)?;

    cli.wait_for_event("wan4", "client-failed", 1)?;
    let after = eventually("another process runs", || {
        let client = cli.client("wan4")?;
        Ok((client["pid"].is_u64() && client["pid"] != before).then_some(client))
    })?;
    assert_eq!(after["restarts"], 1);
    let discover = packets.wait_for(MessageType::Discover)?;
    assert_eq!(discover.dhcp.options[&50], lab.wan().host(100).octets(), "it asks for what it had");
    packets.wait_for(MessageType::Ack)?;
    cli.wait_for("wan4", "Bound")?;
    let seen = monitor.take();
    assert!(removals(&seen).is_empty(), "{seen:?}");
    let kinds = cli.kinds("wan4")?;
    assert!(!kinds.iter().any(|kind| kind == "lease-lost"), "{kinds:?}");
    configured(&lab, 100)
}

#[test]
fn a_client_that_keeps_dying_is_restarted_with_growing_pauses() -> Result {
    lab_or_skip!();
    let lab = Lab::new()?;
    let (_server, daemon) = bound(&lab)?;
    let cli = daemon.cli();
    let end = std::time::Instant::now() + Duration::from_secs(6);
    while std::time::Instant::now() < end {
        if let Ok(pid) = number(&cli.client("wan4")?, "pid") {
            // It may have died since.
            let _ = kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let restarts = number(&cli.client("wan4")?, "restarts")?;
    assert!((1..=8).contains(&restarts), "{restarts} restarts in six seconds");
    configured(&lab, 100)
}
