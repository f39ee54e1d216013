//! The daemon is killed before every write, rename, netlink call and answer that it makes while a lease comes, is
//! renewed in two parts and is renumbered. Whatever its client says meanwhile goes to the spool. The next daemon brings
//! everything to the same end: the new prefix on the LAN, the old one deprecated, no address taken away.
//!
//! The client is a stand-in whose hook is run here, as dibbler would.

use std::net::Ipv6Addr;

use dhcpmgr_lab::{
    Daemon, EFFECTS, Error, Exchange, Hook, Kind, Lab, Point, Result, Told, Trace, eventually, lab_or_skip,
};

use super::given::{ADDRESS, NEW, OLD, address, guarded, home, on_lan, preferred, values};
use crate::kills;

/// The address that a Kea would give first.
const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x100);

const fn held(group: u16) -> Told {
    Told::Prefix(Ipv6Addr::new(0x2001, 0xdb8, group, 0, 0, 0, 0, 0), 56, 3000, 9000)
}

const WITHDRAWN: Told = Told::Prefix(Ipv6Addr::new(0x2001, 0xdb8, OLD, 0, 0, 0, 0, 0), 56, 0, 0);
const ADDRESSED: Told = Told::Address(HOST, 3000, 9000);

const fn exchange(
    request: &'static str,
    answered: &'static [Told],
    asked: &'static [Told],
) -> Exchange<'static> {
    Exchange { request, interface: "wan0", answered, asked }
}

/// A first lease; a renewal in two parts; a renumbering. With each the prefix that it leaves on the LAN.
const STORY: [(Exchange<'_>, u16); 4] = [
    (exchange("REQUEST", &[ADDRESSED, held(OLD)], &[]), OLD),
    (exchange("RENEW", &[ADDRESSED], &[ADDRESSED]), OLD),
    (exchange("RENEW", &[held(OLD)], &[held(OLD)]), OLD),
    (exchange("RENEW", &[held(NEW), WITHDRAWN], &[held(OLD)]), NEW),
];

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
    kills::everywhere("a renumbering", &points, |kills| {
        let lab = Lab::new()?;
        lab.stand_in_for_dibbler()?;
        let mut daemon = Daemon::install(&lab)?;
        daemon.configure(&home(""))?;
        kills.try_each(|point| {
            let trace = Trace::watch(EFFECTS, &lab.dir().join("strace")).kill_before(point);
            let survived = survive(&lab, &mut daemon, &trace);
            survived.map_err(|error| Error::new(format!("{error}\n{}", daemon.log())))
        });
        Ok(())
    })
}

/// One run: whether the daemon was killed; an error when something did not survive.
fn survive(lab: &Lab, daemon: &mut Daemon<'_>, trace: &Trace) -> Result<bool> {
    reset(lab, daemon)?;
    let monitor = lab.monitor()?;
    daemon.start_traced(trace)?;
    let mut killed = false;
    for (exchange, wanted) in &STORY {
        let hook = eventually("the client waits in its directory", || {
            let client = client(lab);
            if client.is_none() && !daemon.runs()? {
                killed = true;
                daemon.start()?;
            }
            let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-dibbler");
            client.map(|client| Hook::of(client, shim)).transpose()
        })?;
        hook.tell(&lab.gateway, exchange)?;
        eventually("it shows in the kernel, or the daemon is dead", || {
            let shows = address(lab, "wan0", ADDRESS)?.is_some() && preferred(lab, *wanted)? == Some(true);
            Ok((shows || !daemon.runs()?).then_some(()))
        })
        .map_err(|error| Error::new(format!("{error}; {:?}", daemon.cli().json(&["why", "wan6"]))))?;
    }
    // What it still does after the last step counts as well.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let was_on_lan = preferred(lab, OLD)?.is_some();
    let killed = std::cell::Cell::new(killed);
    // It may also be killed by being asked.
    let revive = |daemon: &mut Daemon<'_>| -> Result {
        if daemon.runs()? {
            return Ok(());
        }
        killed.set(true);
        daemon.start()
    };
    eventually("the new prefix is on the LAN, and the old one is deprecated", || {
        revive(daemon)?;
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
        revive(daemon)?;
        let lease = daemon.cli().client("wan6")?["lease"].clone();
        let right = values(&lease, "prefixes", "prefix") == [lab.wan().prefix(NEW)]
            && lease["addresses"].as_array().map(Vec::len) == Some(1);
        Ok((right && daemon.spooled().is_empty()).then_some(()))
    })?;
    let mut seen = monitor.take();
    let ours = [ADDRESS.to_owned(), on_lan(OLD), on_lan(NEW)];
    seen.retain(|change| change.kind == Kind::DelAddr);
    seen.retain(|change| change.subject.is_some_and(|(a, length)| ours.contains(&format!("{a}/{length}"))));
    if seen.is_empty() {
        Ok(killed.get())
    } else {
        Err(Error::new(format!("an address was taken away: {seen:?}")))
    }
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
