//! Programs that are run for events: what they are given, what becomes of them, and what is told of it.

#![allow(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not what they share")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dhcpmgr::config::{self, Config};
use dhcpmgr::events::{Event, EventKind, EventLog};
use dhcpmgr::hooks::{Hooks, Runner, check};
use tokio::sync::broadcast::Receiver;
use tokio::task::{LocalSet, spawn_local};

/// Longer than anything should take, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with programs, in which anybody may write.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("out")).unwrap();
        fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(place.path("out"), Permissions::from_mode(0o1777)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A script, in which OUT is a directory that it may write.
    fn script(&self, name: &str, body: &str) -> String {
        let file = self.path(name);
        let out = self.path("out");
        // Another process writes it: one that is open for writing here may be inherited and be busy.
        let text = format!("#!/bin/sh\nOUT={}\n{body}\n", out.display());
        let source = self.path(&format!("{name}.text"));
        fs::write(&source, text).unwrap();
        let copied =
            std::process::Command::new("install").args(["-m", "755"]).arg(source).arg(&file).status();
        assert!(copied.unwrap().success());
        file.to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("out").join(name)).ok()
    }
}

fn configured(text: &str) -> Config {
    let clients = "[clients.wan4]\nprotocol = \"v4\"\ninterface = \"wan0\"\n\
                   [clients.voip]\nprotocol = \"v4\"\ninterface = \"wan1\"\n";
    config::parse(vec![("hooks.toml".into(), format!("{clients}{text}"))]).unwrap()
}

/// `[hooks.NAME]` of a program, for the event `test`.
fn hook(name: &str, program: &str, keys: &str) -> String {
    format!(
        "[hooks.{name}]\nrun = [\"{program}\", \"an argument\", \"$(false)\"]\nevents = [\"test\"]\n{keys}\n"
    )
}

fn event(client: &str, detail: &str) -> Event {
    Event {
        client: Some(client.parse().unwrap()),
        detail: Some(detail.to_owned()),
        ..Event::now(EventKind::Vendor("test".to_owned()))
    }
}

/// What runs hooks, and what is told of it.
struct Running {
    events: Rc<EventLog>,
    hooks: Hooks,
    feed: Receiver<Arc<Event>>,
}

impl Running {
    fn start(config: &Config) -> Self {
        let events = Rc::new(EventLog::default());
        let feed = events.subscribe().1;
        let (runner, hooks) = Runner::new(config, &events);
        let of_runner = Rc::clone(&events);
        spawn_local(async move { runner.run(&of_runner).await });
        Self { events, hooks, feed }
    }

    async fn failure(&mut self) -> Arc<Event> {
        let next = async {
            loop {
                let event = self.feed.recv().await.unwrap();
                if event.event == EventKind::HookFailed {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap()
    }
}

async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

fn gone(pid: &str) -> bool {
    // A zombie is gone too: nobody waits for what was left behind by a program that is dead.
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    state.is_err() || state.is_ok_and(|text| text.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

#[test]
fn a_hook_is_given_the_event_its_arguments_and_an_environment_of_its_own() {
    let place = Place::new();
    let script = place.script(
        "tell",
        "env | sort > $OUT/env; cat > $OUT/stdin; printf '%s|' \"$@\" > $OUT/arguments\n\
         ls /proc/self/fd > $OUT/fds; cat /proc/self/status > $OUT/status; pwd > $OUT/done",
    );
    run(async {
        let running = Running::start(&configured(&hook("tell", &script, "environment = [\"NO_SUCH\"]")));
        running.events.publish(event("wan4", "a \"quoted\" word; $(reboot)"));
        assert_eq!(eventually("it ran", || place.read("done").filter(|text| !text.is_empty())).await, "/\n");
    });
    let env = place.read("env").unwrap();
    let names: Vec<&str> = env.lines().map(|line| line.split('=').next().unwrap()).collect();
    // What a shell sets itself.
    let names: Vec<&str> =
        names.into_iter().filter(|n| !["PWD", "_", "OLDPWD", "SHLVL"].contains(n)).collect();
    assert_eq!(
        names,
        [
            "DHCPMGR_CHANGED",
            "DHCPMGR_CLIENT",
            "DHCPMGR_DETAIL",
            "DHCPMGR_EVENT",
            "DHCPMGR_HOOK",
            "DHCPMGR_INTERFACE",
            "DHCPMGR_TIME",
            "PATH"
        ]
    );
    assert!(env.contains("DHCPMGR_DETAIL=a \"quoted\" word; $(reboot)"), "{env}");
    assert_eq!(place.read("arguments").unwrap(), "an argument|$(false)|");
    let told: serde_json::Value = serde_json::from_str(&place.read("stdin").unwrap()).unwrap();
    assert_eq!((&told["event"], &told["client"]), (&"test".into(), &"wan4".into()));
    // Its three, and the one that lists them; and what this test was started with, which the daemon closes.
    let fds = place.read("fds").unwrap();
    let more: Vec<&str> = fds.lines().filter(|fd| !["0", "1", "2", "3"].contains(fd)).collect();
    let inherited = |fd: &str| {
        let about = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("02000000");
        i32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000 == 0
    };
    assert!(more.iter().all(|fd| inherited(fd)), "{fds}");
    let status = place.read("status").unwrap();
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(field("NoNewPrivs:"), "1");
    for set in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(&field(set), 16), Ok(0), "{set} {status}");
    }
    if nix::unistd::geteuid().is_root() {
        assert_eq!(field("Uid:").split_whitespace().collect::<Vec<_>>(), ["65534"; 4]);
        assert_eq!(field("Gid:").split_whitespace().collect::<Vec<_>>(), ["65534"; 4]);
        assert_eq!(field("Groups:"), "");
        assert_eq!(u64::from_str_radix(&field("CapBnd:"), 16), Ok(0));
    }
}

#[test]
fn root_may_be_asked_for_and_has_no_rights_but_its_files() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let script = place.script("root", "cat /proc/self/status > $OUT/status; echo > $OUT/done");
    run(async {
        let running = Running::start(&configured(&hook("root", &script, "user = \"root\"")));
        running.events.publish(event("wan4", "x"));
        eventually("it ran", || place.read("done").filter(|text| !text.is_empty())).await;
    });
    let status = place.read("status").unwrap();
    assert!(status.contains("Uid:\t0\t0\t0\t0"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000") && status.contains("CapBnd:\t0000000000000000"));
}

#[test]
fn a_hook_that_fails_is_told_with_its_status_and_last_words() {
    let place = Place::new();
    let script = place.script("fail", "echo first; echo 'no such \x1b[31mserver' >&2; exit 3");
    run(async {
        let mut running = Running::start(&configured(&hook("fail", &script, "")));
        running.events.publish(event("wan4", "x"));
        let failed = running.failure().await;
        assert_eq!(failed.client.as_ref().unwrap().as_str(), "wan4");
        assert_eq!((failed.fields["hook"].as_str(), failed.fields["status"].as_str()), ("fail", "3"));
        assert_eq!(failed.fields["event"], "test");
        let detail = failed.detail.as_deref().unwrap();
        assert!(
            detail.contains("exit status 3") && detail.contains("no such \u{fffd}[31mserver"),
            "{detail}"
        );
    });
}

#[test]
fn what_takes_too_long_is_killed_with_all_that_it_started() {
    let place = Place::new();
    let script =
        place.script("slow", "sleep 300 & echo $! > $OUT/child; echo $$ > $OUT/pid; wait; echo > $OUT/never");
    run(async {
        let mut running = Running::start(&configured(&hook("slow", &script, "timeout_ms = 400")));
        let start = Instant::now();
        running.events.publish(event("wan4", "x"));
        let failed = running.failure().await;
        assert!(failed.detail.as_deref().unwrap().contains("killed after 400 ms"), "{failed:?}");
        assert!(start.elapsed() >= Duration::from_millis(400));
        for name in ["pid", "child"] {
            let pid = place.read(name).unwrap();
            eventually("it is gone", || gone(&pid).then_some(())).await;
        }
    });
    assert_eq!(place.read("never"), None);
}

#[test]
fn what_a_hook_leaves_behind_ends_with_it() {
    let place = Place::new();
    let script = place.script("leaves", "sleep 300 & echo $! > $OUT/child; exit 0");
    run(async {
        let mut running = Running::start(&configured(&hook("leaves", &script, "")));
        running.events.publish(event("wan4", "x"));
        let child = eventually("it ran", || place.read("child").filter(|text| text.ends_with('\n'))).await;
        eventually("its child is gone", || gone(&child).then_some(())).await;
        running.hooks.finish().await;
        assert!(running.feed.try_recv().is_ok_and(|event| event.event != EventKind::HookFailed));
        assert!(running.feed.try_recv().is_err(), "that is no failure");
    });
}

#[test]
fn a_hook_runs_for_its_clients_one_event_at_a_time_and_in_order() {
    let place = Place::new();
    let script = place.script(
        "order",
        "mkdir $OUT/lock || echo beside >> $OUT/log\necho $DHCPMGR_DETAIL >> $OUT/log; rmdir $OUT/lock",
    );
    run(async {
        let running = Running::start(&configured(&hook("order", &script, "clients = [\"wan4\"]")));
        for number in 0..10 {
            running.events.publish(event("wan4", &number.to_string()));
            running.events.publish(event("voip", "another client"));
            running.events.publish(Event::now(EventKind::ConfigReloaded));
        }
        running.hooks.finish().await;
    });
    assert_eq!(place.read("log").unwrap(), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn a_hook_that_is_slower_than_events_come_misses_some_and_is_told() {
    let place = Place::new();
    let script = place.script("slow", "echo $DHCPMGR_DETAIL ${DHCPMGR_MISSED:-0} >> $OUT/log");
    run(async {
        let mut running = Running::start(&configured(&hook("slow", &script, "")));
        // All at once: the task that hears of them runs only afterwards.
        for number in 0..100 {
            running.events.publish(event("wan4", &number.to_string()));
        }
        let failed = running.failure().await;
        assert!(failed.detail.as_deref().unwrap().contains("events were dropped"), "{failed:?}");
        eventually("the last has come", || place.read("log").filter(|text| text.contains("99 "))).await;
    });
    let log = place.read("log").unwrap();
    let missed: u64 = log.lines().map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(log.lines().count() as u64 + missed, 100, "{log}");
}

#[test]
fn what_may_not_be_run_is_told_and_not_run() {
    let place = Place::new();
    let script = place.script("open", "echo > $OUT/ran");
    fs::set_permissions(&script, Permissions::from_mode(0o777)).unwrap();
    let config = configured(&hook("open", &script, ""));
    assert!(check(&config.hooks[0]).unwrap_err().contains("writable by others"));
    run(async {
        let mut running = Running::start(&config);
        running.events.publish(event("wan4", "x"));
        assert!(running.failure().await.detail.as_deref().unwrap().contains("chmod go-w"));
    });
    assert_eq!(place.read("ran"), None);
    let unknown = configured(&hook("who", "/bin/true", "user = \"no-such-user\""));
    assert!(check(&unknown.hooks[0]).unwrap_err().contains("no-such-user"));
    assert!(check(&configured(&hook("fine", "/bin/true", "")).hooks[0]).is_ok());
}

#[test]
fn a_new_configuration_stops_and_starts_hooks() {
    let place = Place::new();
    let one = place.script("one", "echo one >> $OUT/log");
    let two = place.script("two", "echo two >> $OUT/log");
    run(async {
        let running = Running::start(&configured(""));
        running.events.publish(event("wan4", "nobody listens"));
        running.hooks.reconfigure(&configured(&hook("a", &one, "")));
        tokio::task::yield_now().await;
        running.events.publish(event("wan4", "x"));
        eventually("one ran", || place.read("log").filter(|text| text == "one\n")).await;
        running.hooks.reconfigure(&configured(&hook("a", &two, "")));
        tokio::task::yield_now().await;
        running.events.publish(event("wan4", "x"));
        eventually("two ran", || place.read("log").filter(|text| text == "one\ntwo\n")).await;
    });
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let text =
        hook("acme", "/usr/lib/acme/hook", "user = \"nobody\"\ntimeout_ms = 250\nenvironment = [\"TZ\"]");
    let config = configured(&text);
    let shown = config::to_toml(&config);
    assert_eq!(config::parse(vec![("shown.toml".into(), shown.clone())]).unwrap(), config, "{shown}");
    let mut other = config.clone();
    other.hooks[0].timeout = Duration::from_secs(1);
    assert_eq!(config::diff(&config, &other).lines(), ["hook acme: timeout_ms changed"]);
    let refused =
        |text: &str| config::parse(vec![("x.toml".into(), text.to_owned())]).unwrap_err().to_string();
    for (text, what) in [
        ("[hooks.a]\n", "key \"run\" is missing"),
        ("[hooks.a]\nrun = [\"relative\"]\nevents = [\"x\"]\n", "no absolute path"),
        ("[hooks.a]\nrun = \"/bin/true\"\nevents = [\"x\"]\n", "accepted: a list of the program"),
        ("[hooks.a]\nrun = []\nevents = [\"x\"]\n", "is empty"),
        (
            "[hooks.a]\nrun = [\"/bin/true\"]\nevents = [\"lease-aquired\"]\n",
            "did you mean \"lease-acquired\"",
        ),
        ("[hooks.a]\nrun = [\"/bin/true\"]\nevents = [\"x\"]\nclients = [\"y\"]\n", "is not a client"),
        ("[hooks.a]\nrun = [\"/bin/true\"]\nevents = [\"x\"]\ntimeout_ms = 0\n", "out of range"),
        ("[hooks.a]\nrun = [\"/bin/true\"]\nevents = [\"x\"]\nshell = true\n", "is not a known key"),
    ] {
        let error = refused(text);
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn the_example_for_rdk_sets_what_the_lease_says() {
    let place = Place::new();
    let sysevent = place.script("sysevent", "echo \"$*\" >> $OUT/log");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/hooks/rdk-sysevent");
    let run = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(example);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("SYSEVENT", &sysevent);
        let status = command.envs(variables.iter().copied()).status().unwrap();
        assert!(status.success(), "{variables:?}");
    };
    run(&[
        ("DHCPMGR_EVENT", "lease-acquired"),
        ("DHCPMGR_PROTOCOL", "v4"),
        ("DHCPMGR_INTERFACE", "erouter0"),
        ("DHCPMGR_ADDRESS", "192.0.2.7/20"),
        ("DHCPMGR_ROUTERS", "192.0.2.1 192.0.2.2"),
        ("DHCPMGR_DNS", "192.0.2.53 192.0.2.54"),
        ("DHCPMGR_DOMAIN", "$(reboot).example"),
        ("DHCPMGR_PARAMETER_MANAGEMENTSERVER_URL", "http://acs/;x"),
    ]);
    let log = place.read("log").unwrap();
    for line in [
        "set ipv4_erouter0_ipaddr 192.0.2.7",
        "set ipv4_erouter0_subnet 255.255.240.0",
        "set default_router 192.0.2.1",
        "set wan_dhcp_dns 192.0.2.53 192.0.2.54",
        "set dhcp_domain $(reboot).example",
        "set wan-status started",
        "set acs_url http://acs/;x",
    ] {
        assert!(log.lines().any(|said| said == line), "{line} in {log}");
    }
    run(&[("DHCPMGR_EVENT", "lease-lost"), ("DHCPMGR_INTERFACE", "erouter0")]);
    assert!(place.read("log").unwrap().contains("set wan-status stopped"));
}
