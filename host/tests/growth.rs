//! A long life of many handlers: alone in its process, whose memory is looked at.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod handlers_support;
mod support;

use std::fs;
use std::time::Duration;

use dhcpmgr::config::{Handler, Isolation};
use handlers_support::*;
use support::module;

/// Resident memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// So many leases of 64 clients through five handlers, four of them in workers. What grew, KiB: the host, then workers.
async fn growth(events: u64) -> Vec<u64> {
    let names = ["w1", "w2", "w3", "w4"];
    let mut handlers: Vec<Handler> =
        names.iter().map(|name| handler(name, &module("good"), Isolation::Worker)).collect();
    handlers.push(handler("inside", &module("good"), Isolation::InProcess));
    handlers.iter_mut().for_each(|handler| handler.deadline = Duration::from_secs(5));
    let chain = chain(&handlers).await;
    let leases: Vec<_> = (0..64).map(|number| lease_of(&format!("wan{number}"))).collect();
    let pids: Vec<u32> = std::iter::once(std::process::id())
        .chain(names.iter().map(|name| status(&chain, name).pid.unwrap()))
        .collect();
    // Each client's last good plan is kept, and buffers grow to what they need: that comes first.
    let mut before = Vec::new();
    for number in 0..events + 1280 {
        if number == 1280 {
            before = pids.iter().map(|pid| resident(*pid)).collect();
        }
        let decision = chain.decide(&leases[number as usize % 64]).await;
        assert!(decision.reports.iter().all(|report| report.failure.is_none()), "{:?}", decision.reports);
    }
    for name in names {
        let status = status(&chain, name);
        assert_eq!((status.calls, status.restarts), (events + 1280, 0));
    }
    pids.iter().zip(before).map(|(pid, before)| resident(*pid).saturating_sub(before)).collect()
}

/// The short version: had each event left 100 bytes behind, the long one would show 10 MB.
#[tokio::test]
async fn sixty_four_clients_with_five_handlers_do_not_grow() {
    let grown = growth(4000).await;
    assert!(grown.iter().all(|kib| *kib <= 1024), "{grown:?} KiB");
}

/// `cargo test --release -p dhcpmgr --test growth -- --ignored --nocapture`
#[tokio::test]
#[ignore = "takes a minute"]
async fn nothing_grows_over_a_hundred_thousand_events() {
    let grown = growth(100_000).await;
    println!("grown, host and four workers: {grown:?} KiB");
    assert!(grown.iter().all(|kib| *kib <= 1024), "{grown:?} KiB");
}
