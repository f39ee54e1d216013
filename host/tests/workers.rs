//! Handlers in workers, with real modules: locked in, and whatever they do, a lease waits for the deadline at most.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod handlers_support;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use dhcpmgr::config::{Handler, Isolation};
use dhcpmgr::handlers::{Chain, HandlerState, NoticeKind};
use dhcpmgr_message::{Bytes, wire};
use dhcpmgr_plugin_api::{ApiVersion, Manifest, Protocol};
use futures_util::future::join_all;
use handlers_support::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use support::module;

/// Long enough for a good call on a busy machine, short enough to wait for.
const DEADLINE: Duration = Duration::from_millis(300);

fn good() -> Handler {
    handler("good", &module("good"), Isolation::Worker)
}

/// Misbehaves towards `wan4` only, unless told otherwise.
fn misbehaving(settings: Misbehave) -> Handler {
    let mut handler = with_settings(handler("liar", &module("misbehaving"), Isolation::Worker), &settings);
    handler.deadline = DEADLINE;
    handler
}

fn mode(mode: &'static str) -> Misbehave {
    Misbehave { mode, only: vec!["wan4"], ..MODE }
}

fn process_is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn status_of_process(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let pair = |line: &str| line.split_once(':').map(|(k, v)| (k.to_owned(), v.trim().to_owned()));
    text.lines().filter_map(pair).collect()
}

#[tokio::test]
async fn a_worker_gives_the_same_answer_as_the_same_module_in_the_daemon() {
    let inside = handler("good", &module("good"), Isolation::InProcess);
    let (worker, inside) = (chain(&[good()]).await, chain(&[inside]).await);
    assert_eq!(worker.decide(&lease()).await.plan, inside.decide(&lease()).await.plan);
    let client = "wan4".parse().unwrap();
    assert_eq!(worker.wants(&client, Protocol::V4), inside.wants(&client, Protocol::V4));
    let (worker, inside) = (status(&worker, "good"), status(&inside, "good"));
    assert_eq!((worker.version, worker.api, worker.state), (inside.version, inside.api, inside.state));
}

#[tokio::test]
async fn what_the_sandbox_claims_is_what_the_kernel_says() {
    let chain = chain(&[good()]).await;
    let claimed = status(&chain, "good");
    let pid = claimed.pid.unwrap();
    let process = status_of_process(pid);
    let has = |layer: &str| claimed.sandbox.iter().any(|l| l.starts_with(layer));
    assert!(has("rlimits") && has("no_new_privs"), "{:?}", claimed.sandbox);
    assert_eq!(process["NoNewPrivs"], "1");
    assert_eq!(process["Threads"], "1");
    assert_eq!(
        has("caps"),
        ["CapInh", "CapPrm", "CapEff", "CapAmb"].iter().all(|set| process[*set] == "0000000000000000")
    );
    assert_eq!(has("uid"), process["Uid"] == "65534\t65534\t65534\t65534" && process["Groups"].is_empty());
    assert_eq!(has("seccomp"), process["Seccomp"] == "2");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    for (limit, value) in [
        ("Max core file size", "0"),
        ("Max open files", "0"),
        ("Max processes", "0"),
        ("Max address space", "134217728"),
    ] {
        let line = limits.lines().find(|l| l.starts_with(limit)).unwrap();
        let values: Vec<_> = line[limit.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, [value, value], "{line}");
    }
    // What needs nothing special of kernel or user is there.
    assert!(has("caps") && (has("seccomp") || !cfg!(target_arch = "x86_64")), "{:?}", claimed.sandbox);
    // A user namespace may lack the number.
    let numbers = fs::read_to_string("/proc/self/uid_map").unwrap();
    let all = numbers.split_whitespace().last() == Some("4294967295");
    assert_eq!(has("uid 65534"), nix::unistd::geteuid().is_root() && all, "{:?}", claimed.sandbox);
}

#[tokio::test]
async fn a_worker_inherits_nothing() {
    // A descriptor that is not close-on-exec, as a careless library would leave one.
    let leaked = fs::File::open("/dev/null").unwrap();
    nix::fcntl::fcntl(&leaked, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let chain = chain(&[good()]).await;
    let pid = status(&chain, "good").pid.unwrap();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let targets: Vec<_> =
        files.map(|f| fs::read_link(f.unwrap().path()).unwrap().to_string_lossy().into_owned()).collect();
    let mut kinds: Vec<_> = targets.iter().map(|t| t.split([':', '[']).next().unwrap()).collect();
    let module = module("good").to_string_lossy().into_owned();
    let mut expected = ["/dev/null", "/dev/null", module.as_str(), "pipe", "socket"];
    // The checkout's path may sort before or after the others.
    kinds.sort_unstable();
    expected.sort_unstable();
    assert_eq!(kinds, expected, "{targets:?}");
    assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
}

#[tokio::test]
async fn a_module_in_a_worker_cannot_touch_files_sockets_or_processes() {
    let chain = chain(&[misbehaving(mode("escape"))]).await;
    let decision = chain.decide(&lease()).await;
    let plan = &decision.plan;
    let tried: Vec<_> = plan.parameters.iter().filter(|(name, _)| name.starts_with("Escape.")).collect();
    assert!(tried.len() >= 7, "{decision:?}");
    for (name, result) in tried {
        assert_eq!(result, "denied", "{name}");
    }
    assert!(!Path::new("/tmp/dhcpmgr-escape").exists());
    assert_eq!(status(&chain, "liar").state, HandlerState::Healthy);
}

#[tokio::test]
async fn the_daemon_never_loads_the_module_of_a_worker() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("libnever_loaded_here.so");
    fs::copy(module("good"), &path).unwrap();
    let chain = chain(&[handler("good", &path, Isolation::Worker)]).await;
    chain.decide(&lease()).await;
    assert_eq!(status(&chain, "good").state, HandlerState::Healthy);
    assert!(!fs::read_to_string("/proc/self/maps").unwrap().contains("libnever_loaded_here"));
}

#[tokio::test]
async fn a_module_below_a_private_directory_is_loaded_by_a_worker_that_may_not_enter_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = directory.path().join("private.so");
    fs::copy(module("good"), &path).unwrap();
    let chain = chain(&[handler("good", &path, Isolation::Worker)]).await;
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Vendor.Text"], "acs");
}

#[tokio::test]
async fn every_way_to_die_costs_no_waiting_and_the_worker_comes_back() {
    for (name, word) in [
        ("segfault", "SIGSEGV"),
        ("stack-overflow", "SIG"),
        ("exit", "exited with status 0"),
        ("abort", "SIGABRT"),
        ("panic", "I was told to panic"),
        ("panic-twice", "panicked"),
        ("huge", "bytes"),
        ("many-routes", "its "),
        ("control-characters", "cannot be right"),
    ] {
        let mut liar = misbehaving(mode(name));
        // Whatever happens is seen at once, not when the deadline has passed.
        liar.deadline = SOON;
        let chain = chain(&[liar]).await;
        let mut notices = chain.notices();
        let first = status(&chain, "liar").pid;
        let good = chain.decide(&lease_of("wan5")).await;
        assert_eq!(good.plan.parameters["Calls"], "1", "{name}");
        let started = Instant::now();
        let bad = chain.decide(&lease()).await;
        assert!(started.elapsed() < SOON / 4, "{name}: {:?}", started.elapsed());
        let failure = bad.reports[0].failure.clone().unwrap_or_default();
        assert!(failure.contains(word), "{name}: {failure}");
        assert_eq!(notice(&mut notices, NoticeKind::Failed).await.reason, failure);
        notice(&mut notices, NoticeKind::Recovered).await;
        let again = chain.decide(&lease_of("wan5")).await;
        assert_eq!(again.plan.parameters["Calls"], "1", "{name}: a fresh worker counts from the start");
        let status = status(&chain, "liar");
        assert_eq!((status.state, status.restarts, status.failures), (HandlerState::Healthy, 1, 1), "{name}");
        assert_ne!(status.pid, first, "{name}");
    }
}

#[tokio::test]
async fn a_hang_costs_the_deadline_and_the_last_good_contribution_stays() {
    let chain = chain(&[misbehaving(Misbehave { after: 1, ..mode("hang") }), good()]).await;
    let mut notices = chain.notices();
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Calls"], "1");
    let pid = status(&chain, "liar").pid.unwrap();
    let started = Instant::now();
    let decision = chain.decide(&lease()).await;
    let took = started.elapsed();
    assert!(took >= DEADLINE && took < DEADLINE * 3, "{took:?}");
    assert!(
        decision.reports[0].failure.as_ref().unwrap().contains("within 300 ms"),
        "{:?}",
        decision.reports
    );
    assert_eq!(decision.plan.parameters["Calls"], "1");
    assert_eq!(decision.plan.parameters["Vendor.Text"], "acs", "the others go on");
    notice(&mut notices, NoticeKind::Failed).await;
    notice(&mut notices, NoticeKind::Recovered).await;
    assert!(!process_is_there(pid));
}

#[tokio::test]
async fn a_hang_never_blocks_the_thread_of_the_daemon() {
    let chain = chain(&[misbehaving(mode("hang"))]).await;
    let event = lease();
    let hanging = chain.decide(&event);
    let ticking = async {
        let mut longest = Duration::ZERO;
        let started = Instant::now();
        while started.elapsed() < DEADLINE {
            let tick = Instant::now();
            tokio::time::sleep(Duration::from_millis(1)).await;
            longest = longest.max(tick.elapsed());
        }
        longest
    };
    let (_, longest) = tokio::join!(hanging, ticking);
    assert!(longest < DEADLINE / 2, "{longest:?}");
}

#[tokio::test]
async fn leases_that_wait_behind_a_hang_wait_no_longer_than_it() {
    let chain = chain(&[misbehaving(mode("hang"))]).await;
    let started = Instant::now();
    let events: Vec<_> =
        std::iter::once(lease()).chain((5..40).map(|n| lease_of(&format!("wan{n}")))).collect();
    let decisions = join_all(events.iter().map(|event| chain.decide(event))).await;
    assert!(started.elapsed() < DEADLINE * 3, "{:?}", started.elapsed());
    assert!(decisions.iter().all(|d| d.reports[0].failure.is_some()));
    assert_eq!(status(&chain, "liar").restarts, 0, "one hang, one restart, and that only later");
}

#[tokio::test]
async fn a_leak_ends_at_the_limit_of_memory() {
    let chain = chain(&[misbehaving(mode("leak"))]).await;
    let mut notices = chain.notices();
    let mut calls = 0;
    while chain.decide(&lease()).await.reports[0].failure.is_none() {
        calls += 1;
        assert!(calls < 10, "500 MiB and still alive");
    }
    let reason = notice(&mut notices, NoticeKind::Failed).await.reason;
    assert!(reason.contains("memory allocation of"), "{reason}");
    notice(&mut notices, NoticeKind::Recovered).await;
}

#[tokio::test]
async fn a_slow_answer_within_the_deadline_is_an_answer() {
    let chain = chain(&[misbehaving(mode("slow"))]).await;
    let decision = chain.decide(&lease()).await;
    assert_eq!(decision.reports[0].failure, None);
    assert!(status(&chain, "liar").p99_us >= 50_000);
}

#[tokio::test]
async fn a_burst_of_leases_is_answered_by_one_worker() {
    let chain = chain(&[good()]).await;
    let events: Vec<_> = (0..256).map(|n| lease_of(&format!("wan{n}"))).collect();
    let decisions = join_all(events.iter().map(|event| chain.decide(event))).await;
    assert!(decisions.iter().all(|d| d.plan.parameters["Vendor.Text"] == "acs"));
    let status = status(&chain, "good");
    assert_eq!((status.calls, status.failures, status.restarts), (256, 0, 0));
}

#[tokio::test]
async fn leases_that_waited_too_long_for_others_are_announced_when_the_worker_has_caught_up() {
    // 20 calls of 50 ms and a deadline of 300 ms: most give up waiting, nobody is killed.
    let chain = chain(&[misbehaving(Misbehave { only: vec![], ..mode("slow") })]).await;
    let mut notices = chain.notices();
    let pid = status(&chain, "liar").pid;
    let events: Vec<_> = (0..20).map(|n| lease_of(&format!("wan{n}"))).collect();
    let decisions = join_all(events.iter().map(|event| chain.decide(event))).await;
    let answered = decisions.iter().filter(|d| d.reports[0].failure.is_none()).count();
    assert!((1..20).contains(&answered), "{answered}");
    let caught_up = notices.recv().await.unwrap();
    assert_eq!(caught_up.kind, NoticeKind::Recovered);
    assert!(caught_up.reason.contains("caught up"), "{caught_up:?}");
    assert_eq!(status(&chain, "liar").pid, pid);
}

#[tokio::test]
async fn a_worker_that_fails_again_and_again_is_quarantined_and_comes_back_when_reset() {
    let chain = chain(&[misbehaving(mode("segfault"))]).await;
    let client = "wan4".parse().unwrap();
    let mut notices = chain.notices();
    for round in 1..=4 {
        chain.decide(&lease()).await;
        notice(&mut notices, NoticeKind::Failed).await;
        let during = status(&chain, "liar");
        assert_eq!((during.state, during.pid), (HandlerState::Restarting, None), "round {round}");
        // While it is away it still wants what it wanted, and no lease waits for it.
        assert!(chain.wants(&client, Protocol::V4).request.contains(&125));
        let started = Instant::now();
        let turned_away = chain.decide(&lease_of("wan5")).await;
        assert!(started.elapsed() < DEADLINE / 3);
        let failure = turned_away.reports[0].failure.clone().unwrap();
        assert!(failure.contains("being started again") && failure.contains("SIGSEGV"), "{failure}");
        notice(&mut notices, NoticeKind::Recovered).await;
    }
    chain.decide(&lease()).await;
    let quarantined = notice(&mut notices, NoticeKind::Quarantined).await;
    assert!(quarantined.reason.contains("SIGSEGV"), "{quarantined:?}");
    let shown = status(&chain, "liar");
    assert_eq!((shown.state, shown.pid, shown.restarts), (HandlerState::Quarantined, None, 4));
    assert!(!chain.wants(&client, Protocol::V4).request.contains(&125));
    let failure = chain.decide(&lease_of("wan5")).await.reports[0].failure.clone().unwrap();
    assert!(failure.contains("quarantined"), "{failure}");

    chain.reset("liar").await.unwrap();
    assert_eq!(status(&chain, "liar").state, HandlerState::Healthy);
    assert_eq!(chain.decide(&lease_of("wan5")).await.plan.parameters["Calls"], "1");
}

#[tokio::test]
async fn a_worker_that_dies_while_it_has_nothing_to_do_is_started_again() {
    let chain = chain(&[good()]).await;
    let mut notices = chain.notices();
    let pid = status(&chain, "good").pid.unwrap();
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let reason = notice(&mut notices, NoticeKind::Failed).await.reason;
    assert!(reason.contains("SIGKILL") && reason.contains("nothing to do"), "{reason}");
    notice(&mut notices, NoticeKind::Recovered).await;
    assert_eq!(chain.decide(&lease()).await.reports[0].failure, None);
}

#[tokio::test]
async fn a_module_that_cannot_be_used_is_refused_in_one_line_as_in_the_daemon() {
    let not_elf = support::modules().join("not-elf.so");
    fs::write(&not_elf, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&not_elf, fs::Permissions::from_mode(0o755)).unwrap();
    let chain = chain(&[
        handler("text", &not_elf, Isolation::Worker),
        handler("absent", Path::new("/nonexistent/x.so"), Isolation::Worker),
        misbehaving(mode("create-fail")),
        good(),
    ])
    .await;
    for (name, word) in
        [("text", "is not a shared object"), ("absent", "/nonexistent/x.so"), ("liar", "settings.server")]
    {
        let status = status(&chain, name);
        assert_eq!((status.state, status.pid), (HandlerState::Refused, None), "{name}");
        let reason = status.reason.unwrap();
        assert!(reason.contains(word) && !reason.contains('\n'), "{reason}");
        assert!(chain.reset(name).await.unwrap_err().contains(word));
    }
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Vendor.Text"], "acs");
}

#[tokio::test]
async fn a_module_that_hangs_while_it_is_made_holds_nobody_up_for_long() {
    let started = Instant::now();
    let chain = chain(&[misbehaving(mode("create-hang")), good()]).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let shown = status(&chain, "liar");
    assert_eq!(shown.state, HandlerState::Restarting);
    assert!(shown.reason.unwrap().contains("within 5 s"));
    let started = Instant::now();
    assert_eq!(chain.decide(&lease()).await.plan.parameters["Vendor.Text"], "acs");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_removed_handler_takes_its_worker_with_it_and_a_changed_one_gets_a_new_one() {
    let chain = chain(&[good(), misbehaving(mode("none"))]).await;
    let (old_good, old_liar) = (status(&chain, "good").pid.unwrap(), status(&chain, "liar").pid.unwrap());
    let lines = chain.reconfigure(&[misbehaving(mode("slow"))]).await;
    assert_eq!(lines, ["handler liar: started anew", "handler good: removed"]);
    let started = Instant::now();
    while process_is_there(old_good) || process_is_there(old_liar) {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(process_is_there(status(&chain, "liar").pid.unwrap()));
}

/// A daemon that is killed closes no socket in an orderly way and runs no destructor; the same happens to a thread
/// that ends and leaves everything behind.
#[test]
fn a_worker_dies_with_the_thread_that_started_it() {
    let module = misbehaving(mode("hang"));
    let (tell, told) = mpsc::channel();
    let daemon = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chain = chain(&[module]).await;
            let pid = status(&chain, "liar").pid.unwrap();
            // It hangs, so it will not see an end of the socket either.
            let lease = lease();
            let _ = tokio::time::timeout(Duration::from_millis(50), chain.decide(&lease)).await;
            tell.send(pid).unwrap();
            std::mem::forget(chain);
        });
        std::mem::forget(runtime);
    });
    let pid = told.recv().unwrap();
    daemon.join().unwrap();
    let started = Instant::now();
    // Nobody is left to take it off the process table, so it may stay as a zombie.
    while process_is_there(pid) && !status_of_process(pid)["State"].starts_with('Z') {
        assert!(started.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nobody_starts_a_worker_by_hand() {
    let output = Command::new(worker_exe()).arg(dhcpmgr::handlers::worker::ARGUMENT).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("people never do"), "{said}");
}

/// The hello of a worker, as `worker::frame` writes it.
#[derive(Serialize)]
struct Hello {
    manifest: Manifest,
    api: ApiVersion,
}

/// A program that speaks for a worker: says `hello`, then does `then` for each request (`buf`, `n` bytes).
fn impostor(name: &str, hello: &[u8], then: &str) -> PathBuf {
    let hello: Vec<_> = hello.iter().map(u8::to_string).collect();
    let source = format!(
        "#include <unistd.h>\n#include <string.h>\nstatic unsigned char buf[300000];\n\
         static const unsigned char hello[] = {{{}}};\n\
         int main(void) {{ long n = read(0, buf, sizeof buf); write(0, hello, sizeof hello);\n\
         /* One byte only says that a question comes. */\n\
         while ((n = read(0, buf, sizeof buf)) > 0) {{ if (n > 1) {{ {then} }} }} return 0; }}\n",
        hello.join(",")
    );
    let directory = support::modules();
    let (file, program) = (directory.join(format!("{name}.c")), directory.join(name));
    fs::write(&file, source).unwrap();
    let cc = Command::new("cc").arg("-w").arg("-o").arg(&program).arg(&file).status().unwrap();
    assert!(cc.success());
    program
}

#[tokio::test]
async fn a_worker_that_lies_over_its_socket_is_caught() {
    let manifest = Manifest::new("impostor", "1").protocol(Protocol::V4);
    let hello = wire::encode(&Hello { manifest, api: ApiVersion::CURRENT }).unwrap();
    for (name, then, word) in [
        ("other-id", "buf[0] ^= 1; buf[8] = 0; buf[9] = 0x80; write(0, buf, 10);", "answered call"),
        ("no-frame", "write(0, \"hi\", 2);", "what is no reply"),
        ("garbage", "buf[8] = 0; memset(buf + 9, 0xc1, 100); write(0, buf, 109);", "no plan"),
        ("enormous", "buf[8] = 0; write(0, buf, 200000);", "bytes"),
        ("no-status", "buf[8] = 77; write(0, buf, 9);", "what is no reply"),
        ("closes", "close(0); sleep(5);", "closed its socket"),
    ] {
        let exe = impostor(&format!("impostor-{name}"), &hello, then);
        let chain = Chain::load(&[good()], Path::new("/"), &exe).await;
        let mut notices = chain.notices();
        assert_eq!(status(&chain, "good").sandbox, Vec::<String>::new(), "{name}: it made none");
        let failure = chain.decide(&lease()).await.reports[0].failure.clone().unwrap();
        assert!(failure.contains(word), "{name}: {failure}");
        assert!(notice(&mut notices, NoticeKind::Failed).await.reason.contains(word), "{name}");
    }
    let exe = impostor("impostor-chatty", &hello, "buf[8] = 1; write(0, buf, 9); write(0, buf, 9);");
    let chain = Chain::load(&[good()], Path::new("/"), &exe).await;
    let mut notices = chain.notices();
    chain.decide(&lease()).await;
    let reason = notice(&mut notices, NoticeKind::Failed).await.reason;
    assert!(reason.contains("without being asked"), "{reason}");
}

#[tokio::test]
async fn a_hello_that_cannot_be_right_is_not_believed() {
    let forbidden = Manifest::new("impostor", "1").protocol(Protocol::V4).sends(Protocol::V4, 53, vec![1]);
    let forbidden = wire::encode(&Hello { manifest: forbidden, api: ApiVersion::CURRENT }).unwrap();
    for (name, hello, state, word) in [
        ("forbidden", forbidden, HandlerState::Refused, "option 53"),
        ("empty", vec![0x80], HandlerState::Refused, "did not say what the module is"),
        ("babble", vec![0xc1; 40], HandlerState::Restarting, "said no hello"),
    ] {
        let exe = impostor(&format!("hello-{name}"), &hello, "");
        let chain = Chain::load(&[good()], Path::new("/"), &exe).await;
        let shown = status(&chain, "good");
        assert_eq!(shown.state, state, "{name}");
        assert!(shown.reason.unwrap().contains(word), "{name}");
    }
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_given_up_after_some_tries() {
    let chain = Chain::load(&[good()], Path::new("/"), Path::new("/bin/true")).await;
    let shown = status(&chain, "good");
    assert!(shown.reason.unwrap().contains("exited with status 0"));
    until(&chain, "good", HandlerState::Quarantined).await;
    let absent = Chain::load(&[good()], Path::new("/"), Path::new("/nonexistent/dhcpmgrd")).await;
    assert!(status(&absent, "good").reason.unwrap().contains("/nonexistent/dhcpmgrd"));
}

/// What a call costs; `cargo test --release --test workers -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement, for release builds"]
async fn a_worker_call_takes_at_most_60_us_at_the_median() {
    let mut handler = good();
    handler.settings = Bytes::default();
    let chain = chain(&[handler]).await;
    let event = lease();
    let mut took: Vec<_> = Vec::with_capacity(20_000);
    for _ in 0..20_000 {
        let started = Instant::now();
        let decision = chain.decide(&event).await;
        took.push(started.elapsed());
        assert_eq!(decision.reports[0].failure, None);
    }
    took.sort_unstable();
    let at = |percent: usize| took[took.len() * percent / 100];
    println!("worker call: p50 {:?}, p90 {:?}, p99 {:?}", at(50), at(90), at(99));
    println!("worker: {:?}", status(&chain, "good"));
    assert!(at(50) <= Duration::from_micros(60), "{:?}", at(50));
}
