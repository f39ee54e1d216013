//! The daemon is killed before every write, rename, netlink call and answer that it makes while a lease comes, is
//! renewed in two parts and is renumbered. Whatever its client says meanwhile goes to the spool. The next daemon brings
//! everything to the same end: the new prefix on the LAN, the old one deprecated, no address taken away.
//!
//! The client is a stand-in whose hook is run here, as dibbler would.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use dhcpmgr_lab::{
    Daemon, EFFECTS, Error, Hook, Kind, Lab, Point, Result, Trace, eventually, lab_or_skip, say,
};

use super::given::{ADDRESS, NEW, OLD, address, guarded, home, on_lan, preferred, values};

/// Worlds side by side. Most of a run is waiting.
const WORLDS: usize = 4;
/// Enough to see what is wrong.
const FAILURES: usize = 8;

/// A hook call: action, the client's message, addresses and prefixes in the order of dibbler.
struct Call {
    action: &'static str,
    message: &'static str,
    addresses: &'static [(u32, u32)],
    prefixes: &'static [(u16, u32, u32)],
}

/// A first lease; a renewal in two parts, each value twice because dibbler adds its own; a renumbering.
const STORY: [Call; 4] = [
    Call { action: "add", message: "REQUEST", addresses: &[(3000, 9000)], prefixes: &[(OLD, 3000, 9000)] },
    Call { action: "update", message: "RENEW", addresses: &[(3000, 9000), (3000, 9000)], prefixes: &[] },
    Call {
        action: "update",
        message: "RENEW",
        addresses: &[],
        prefixes: &[(OLD, 3000, 9000), (OLD, 3000, 3000)],
    },
    Call {
        action: "update",
        message: "RENEW",
        addresses: &[],
        prefixes: &[(NEW, 3000, 9000), (OLD, 0, 0), (OLD, 3000, 3000)],
    },
];

impl Call {
    fn variables(&self, lab: &Lab) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = [
            ("IFACE", "wan0"),
            ("IFINDEX", "2"),
            ("REMOTE_ADDR", "ff02::1:2"),
            ("CLNT_MESSAGE", self.message),
            ("SRV_MESSAGE", "REPLY"),
            ("SRV_OPTION2", "00:01:00:01:32:96:75:a6:02:00:00:00:0a:06"),
            ("SRV_OPTION23", "2001:db8::53 "),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (place, (preferred, valid)) in (1..).zip(self.addresses) {
            all.push((format!("ADDR{place}"), ADDRESS.trim_end_matches("/128").to_owned()));
            all.push((format!("ADDR{place}PREF"), preferred.to_string()));
            all.push((format!("ADDR{place}VALID"), valid.to_string()));
        }
        for (place, (group, preferred, valid)) in (1..).zip(self.prefixes) {
            let prefix = lab.wan().prefix(*group);
            all.push((format!("PREFIX{place}"), prefix.trim_end_matches("/56").to_owned()));
            all.push((format!("PREFIX{place}LEN"), "56".to_owned()));
            all.push((format!("PREFIX{place}PREF"), preferred.to_string()));
            all.push((format!("PREFIX{place}VALID"), valid.to_string()));
        }
        all
    }
}

#[test]
fn a_renumbering_survives_a_kill_before_every_effect() -> Result {
    lab_or_skip!();
    let points = {
        let lab = Lab::new()?;
        lab.stand_in_for_dibbler()?;
        let mut daemon = Daemon::install(&lab)?;
        daemon.configure(&home(""))?;
        let trace = Trace::watch(EFFECTS, &lab.dir().join("strace"));
        if survive(&lab, &mut daemon, &trace)? {
            return Err(Error::new("it does not survive being watched"));
        }
        trace.calls()?.into_iter().filter(Point::has_effect).collect::<Vec<_>>()
    };
    let (next, killed, failures) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result {
        let lab = Lab::new()?;
        lab.stand_in_for_dibbler()?;
        let mut daemon = Daemon::install(&lab)?;
        daemon.configure(&home(""))?;
        while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let trace = Trace::watch(EFFECTS, &lab.dir().join("strace")).kill_before(point);
            match survive(&lab, &mut daemon, &trace) {
                Ok(reached) => drop(killed.fetch_add(usize::from(reached), Ordering::Relaxed)),
                Err(error) => {
                    let Point { call, nth, shown } = point;
                    let what =
                        format!("killed before {call} number {nth}: {shown}\n  {error}\n{}", daemon.log());
                    let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                    failures.push(what);
                    if failures.len() >= FAILURES {
                        break;
                    }
                }
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let worlds: Vec<_> = (0..WORLDS).map(|_| scope.spawn(work)).collect();
        worlds.into_iter().try_for_each(|world| world.join().map_err(|_| Error::new("a world panicked"))?)
    })?;
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (points, killed) = (points.len(), killed.into_inner());
    say(&format!("a renumbering: {points} points, {killed} kills, {} failures", failures.len()));
    if !failures.is_empty() {
        return Err(Error::new(format!("{} of {points}:\n{}", failures.len(), failures.join("\n"))));
    }
    // Two runs are never the same to the last call, but a point that is not reached shows nothing.
    assert!(killed * 10 >= points * 9, "only {killed} of {points} points were reached");
    Ok(())
}

/// One run: whether the daemon was killed; an error when something did not survive.
fn survive(lab: &Lab, daemon: &mut Daemon<'_>, trace: &Trace) -> Result<bool> {
    reset(lab, daemon)?;
    let monitor = lab.monitor()?;
    daemon.start_traced(trace)?;
    let mut killed = false;
    for call in &STORY {
        let hook = eventually("the client waits in its directory", || {
            let client = client(lab);
            if client.is_none() && !daemon.runs()? {
                killed = true;
                daemon.start()?;
            }
            let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-dibbler");
            client.map(|client| Hook::of(client, shim)).transpose()
        })?;
        hook.call(&lab.gateway, call.action, &call.variables(lab))?;
        let wanted = call.prefixes.first().map_or(OLD, |(group, ..)| *group);
        eventually("it shows in the kernel, or the daemon is dead", || {
            let shows = address(lab, "wan0", ADDRESS)?.is_some() && preferred(lab, wanted)? == Some(true);
            Ok((shows || !daemon.runs()?).then_some(()))
        })?;
    }
    // What it still does after the last step counts as well.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let was_on_lan = preferred(lab, OLD)?.is_some();
    if !daemon.runs()? {
        killed = true;
        daemon.start()?;
    }
    eventually("the new prefix is on the LAN, and the old one is deprecated", || {
        let old = preferred(lab, OLD)?;
        let right = preferred(lab, NEW)? == Some(true)
            && (old == Some(false) || (old.is_none() && !was_on_lan))
            && guarded(lab, &lab.wan().prefix(NEW))?
            && !guarded(lab, &lab.wan().prefix(OLD))?;
        Ok(right.then_some(()))
    })
    .map_err(|error| {
        Error::new(format!(
            "{error}; there is {:?} and {:?}",
            lab.gateway.addresses6("lan0"),
            lab.gateway.routes6()
        ))
    })?;
    eventually("the daemon says so", || {
        let lease = daemon.cli().client("wan6")?["lease"].clone();
        let right = values(&lease, "prefixes", "prefix") == [lab.wan().prefix(NEW)]
            && lease["addresses"].as_array().map(Vec::len) == Some(1);
        Ok((right && daemon.spooled().is_empty()).then_some(()))
    })?;
    let mut seen = monitor.take();
    let ours = [ADDRESS.to_owned(), on_lan(OLD), on_lan(NEW)];
    seen.retain(|change| change.kind == Kind::DelAddr);
    seen.retain(|change| change.subject.is_some_and(|(a, length)| ours.contains(&format!("{a}/{length}"))));
    if seen.is_empty() { Ok(killed) } else { Err(Error::new(format!("an address was taken away: {seen:?}"))) }
}

/// As after a boot.
fn reset(lab: &Lab, daemon: &mut Daemon<'_>) -> Result {
    // Not running is what is wanted.
    let _ = daemon.kill();
    lab.gateway.kill_all();
    for directory in ["run", "var"] {
        let _ = std::fs::remove_dir_all(daemon.root().join(directory));
    }
    let _ = std::fs::remove_file(lab.dir().join("dhcpmgrd.log"));
    for interface in ["wan0", "lan0"] {
        lab.gateway.ip(&["-6", "addr", "flush", "dev", interface, "scope", "global"])?;
    }
    lab.gateway.ip(&["-6", "route", "flush", "type", "unreachable"]).map(drop)
}

/// The stand-in, once it waits.
fn client(lab: &Lab) -> Option<nix::unistd::Pid> {
    let sleeps = |pid: &nix::unistd::Pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
    };
    lab.gateway.processes().into_iter().find(sleeps)
}
