//! What a handler in a worker can do to anybody else: nothing. Each way to misbehave, beside a handler that is good.
#![allow(clippy::unwrap_used, clippy::panic)]

mod handlers_support;
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dhcpmgr::config::{Grant, Handler, Isolation};
use dhcpmgr::handlers::{Chain, HandlerState};
use handlers_support::*;
use support::module;

/// Long enough for a good call on a busy machine, short enough to wait for.
const DEADLINE: Duration = Duration::from_millis(500);
/// What a busy machine adds to a deadline.
const SLACK: Duration = Duration::from_secs(2);

fn worker(name: &str, fixture: &str) -> Handler {
    let mut worker = handler(name, &module(fixture), Isolation::Worker);
    worker.deadline = DEADLINE;
    worker
}

fn liar(mode: &'static str, amount: u64) -> Handler {
    let mut liar = with_settings(worker("liar", "misbehaving"), &Misbehave { mode, amount, ..MODE });
    liar.grants = Grant::THIRD_PARTY.into();
    liar
}

/// What the good handler contributes, whatever another one does; and that it was asked without a failure.
async fn others_are_well(chain: &Chain, mode: &str) {
    let decision = chain.decide(&lease()).await;
    let good = decision.reports.iter().find(|report| report.handler == "good").unwrap();
    assert_eq!(good.failure, None, "{mode}");
    assert_eq!(decision.plan.parameters["Vendor.Text"], "acs", "{mode}");
    assert_eq!(decision.refused, None, "{mode}");
    let status = status(chain, "good");
    assert_eq!((status.state, status.failures, status.restarts), (HandlerState::Healthy, 0, 0), "{mode}");
}

#[tokio::test]
async fn whatever_one_handler_does_costs_its_deadline_and_nobody_else_anything() {
    // What its state says, and a word of the reason; none where it does no harm in a worker, and stays healthy.
    for (mode, reason) in [
        ("panic", Some("I was told to panic")),
        ("segfault", Some("SIGSEGV")),
        ("hang", Some("no answer within 500 ms")),
        ("slow", Some("no answer within 500 ms")),
        ("abort", Some("SIGABRT")),
        ("exit", Some("exited with status 0")),
        ("stack-overflow", Some("SIG")),
        ("ten-mebibytes", Some("bytes, at most")),
        ("many-routes", Some("its answer")),
        ("lies", Some("the host's own")),
        ("control-characters", Some("cannot be right")),
        ("ungranted", None),
        ("hijack", None),
        ("argv", None),
        ("fork", None),
        ("escape", None),
    ] {
        // `slow` sleeps for that long, in milliseconds.
        let chain = chain(&[liar(mode, 2000), worker("good", "good")]).await;
        let started = Instant::now();
        others_are_well(&chain, mode).await;
        assert!(started.elapsed() < DEADLINE + SLACK, "{mode}: {:?}", started.elapsed());
        let seen = status(&chain, "liar");
        match reason {
            Some(word) => {
                assert!(seen.failures > 0, "{mode}: {seen:?}");
                // Where it is up again already, the reason stands in the report of the call.
                let shown = seen.reason.unwrap_or_default();
                assert!(seen.state == HandlerState::Healthy || shown.contains(word), "{mode}: {shown}");
            }
            None => assert_eq!((seen.state, seen.failures), (HandlerState::Healthy, 0), "{mode}"),
        }
        others_are_well(&chain, mode).await;
    }
}

#[tokio::test]
async fn nothing_outside_is_reached() {
    let chain = chain(&[liar("escape", 0)]).await;
    let parameters = chain.decide(&lease()).await.plan.parameters;
    for attempt in [
        "Read",
        "Write",
        "Socket",
        "Process",
        "Thread",
        "List",
        "UnixSocket",
        "Shadow",
        "Outside",
        "Tcp",
        "Fork",
    ] {
        assert_eq!(parameters[&format!("Escape.{attempt}")], "denied", "{attempt}");
    }
    assert!(!Path::new("/dhcpmgr-escape").exists() && !Path::new("/tmp/dhcpmgr-escape").exists());
}

#[tokio::test]
async fn a_worker_that_calls_itself_something_else_is_still_ours() {
    let chain = chain(&[liar("argv", 0)]).await;
    chain.decide(&lease()).await;
    let pid = status(&chain, "liar").pid.unwrap();
    let shown = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(shown.starts_with(b"udhcpc\0-i\0wan0\0"), "the lie is told: {}", String::from_utf8_lossy(&shown));
    let paths = dhcpmgr::paths::Paths::new("/nonexistent");
    let (protocol, interface) = (dhcpmgr_plugin_api::Protocol::V4, "wan0".parse().unwrap());
    let foreign = dhcpmgr::clients::Census::take(&paths).foreign(protocol, &interface, None);
    assert!(foreign.is_none_or(|found| !found.to_string().contains(&pid.to_string())), "and not believed");
    assert_eq!(status(&chain, "liar").state, HandlerState::Healthy);
}

#[tokio::test]
async fn a_slow_leak_ends_at_the_limit_of_memory_and_the_last_good_plan_stays() {
    let chain = chain(&[liar("leak", 1), worker("good", "good")]).await;
    let mut leaked = 0;
    let last = loop {
        let decision = chain.decide(&lease()).await;
        let report = decision.reports.iter().find(|report| report.handler == "liar").unwrap();
        if let Some(failure) = &report.failure {
            assert!(failure.contains("memory allocation of"), "{failure}");
            break decision;
        }
        leaked += 1;
        assert!(leaked < 128, "a mebibyte a call, and 128 are all that it has");
    };
    assert_eq!(last.plan.parameters["Calls"], leaked.to_string(), "the last good contribution stays");
    assert_eq!(last.plan.parameters["Vendor.Text"], "acs");
}
