//! DHCPv6: what comes after a client's hook. The client is a stand-in that only waits; its hook is run here, as dibbler
//! would run it.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Error, Exchange, Hook, Kind, Lab, Monitor, Result, Told, eventually};
use nix::unistd::Pid;

use super::table::{Bound, Table};
use crate::cargo::{done, target, workspace};

/// Leases one after the other, each with another address and another prefix than the one before.
const RUNS: u16 = 100;
/// How many addresses and prefixes take turns.
const TURNS: u16 = 8;
/// Uplinks with a prefix each, and LANs of each.
const UPLINKS: u8 = 64;
const LANS: u8 = 4;
/// Bytes for `/run/dhcpmgr`, and for `/var/lib/dhcpmgr`.
const DISKS: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

const HANDLER: &str =
    "[daemon]\nlog = \"warn\"\n[handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\nisolation = \"in-process\"\n";

pub(super) fn run(table: &mut Table) -> Result {
    let (ours, floor) = (ours()?, floor()?);
    for (what, ours, floor, bound) in [
        ("address in the kernel", &ours.address, &floor.address, Bound::AtMost(1.5)),
        ("prefix on the LAN", &ours.prefix, &floor.prefix, Bound::AtMost(2.0)),
    ] {
        let what = format!("DHCPv6: hook to {what}");
        table.beside(&format!("{what}, median"), "ms", quantile(ours, 50), quantile(floor, 50), bound);
        table.beside(&format!("{what}, p95"), "ms", quantile(ours, 95), quantile(floor, 95), Bound::None);
    }
    many(table)
}

/// Milliseconds from the start of the hook until the kernel announced it.
#[derive(Default)]
struct Taken {
    address: Vec<f64>,
    prefix: Vec<f64>,
}

pub(super) fn quantile(taken: &[f64], percent: usize) -> f64 {
    let mut taken = taken.to_vec();
    taken.sort_unstable_by(f64::total_cmp);
    taken.get(taken.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// A client on `wanN` named like it, and its LANs.
fn client(config: &mut String, uplink: u8, lans: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        config,
        "[clients.wan{uplink}]\nprotocol = \"v6\"\ninterface = \"wan{uplink}\"\nprogram = \"dibbler\""
    );
    for (subnet, lan) in lans.iter().enumerate() {
        let subnet = subnet + 1;
        let _ = writeln!(config, "[delegations.{lan}]\nfrom = \"wan{uplink}\"\nsubnet = {subnet}");
    }
}

fn ours() -> Result<Taken> {
    let lab = Lab::new()?;
    lab.stand_in_for_dibbler()?;
    let mut config = HANDLER.to_owned();
    client(&mut config, 0, &["lan0".to_owned()]);
    let daemon = daemon(&lab, &config)?;
    let hook = hook(&daemon, "wan0")?;
    measure(&lab, &hook)
}

/// With `/run` in memory, as it is everywhere.
fn daemon<'lab>(lab: &'lab Lab, config: &str) -> Result<Daemon<'lab>> {
    let mut daemon = Daemon::install(lab)?;
    let _disks = daemon.on_small_disks(DISKS)?;
    daemon.configure(config)?;
    daemon.start()?;
    Ok(daemon)
}

/// The floor's hook, and a daemon that sends netlink messages and does nothing else.
fn floor() -> Result<Taken> {
    let lab = Lab::new()?;
    let built = target().join("bench-floor");
    let _ = std::fs::create_dir_all(&built);
    for file in ["Makefile", "floord.c", "shim_libc.c"] {
        std::fs::copy(workspace().join("tests/perf/floor").join(file), built.join(file))?;
    }
    let mut make = Command::new("make");
    make.args(["-s", "-C"]).arg(&built).args(["floord", "shim_libc"]);
    done(make, "building the floor")?;
    let daemon = built.join("floord").display().to_string();
    let log = lab.dir().join("floord.log");
    let _daemon = lab.gateway.spawn(&daemon, &["/run/floor.sock"], &[("FLOOR_LAN", "lan0")], &log)?;
    eventually("the floor listens", || {
        lab.gateway.run(|| Ok(PathBuf::from("/run/floor.sock").exists().then_some(())))
    })?;
    measure(&lab, &Hook::new(built.join("shim_libc"), lab.dir().to_owned()))
}

/// The hook of a client, once it runs.
pub(super) fn hook(daemon: &Daemon<'_>, client: &str) -> Result<Hook> {
    let shim = daemon.root().join("usr/lib/dhcpmgr/dhcpmgr-dibbler");
    eventually("the stand-in waits in its directory", || {
        let pid = daemon.cli().client(client)?["pid"].as_i64();
        let pid = Pid::from_raw(i32::try_from(pid.unwrap_or_default())?);
        let sleeps = std::fs::read(format!("/proc/{pid}/cmdline"))?.starts_with(b"sleep");
        Ok(if sleeps { Some(Hook::of(pid, shim.clone())?) } else { None })
    })
}

/// An address and a prefix of an uplink.
#[derive(Clone, Copy)]
struct Given {
    address: Ipv6Addr,
    prefix: Ipv6Addr,
}

impl Given {
    fn new(uplink: u8, number: u16) -> Self {
        let uplink = u16::from(uplink);
        Self {
            address: Ipv6Addr::new(0x2001, 0xdb8, 0x77, uplink, 0, 0, 0, 0x100 + number),
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 0xf000 + uplink, number << 8, 0, 0, 0, 0),
        }
    }

    /// As it goes over the wire.
    fn told(self, preferred: u32, valid: u32) -> [Told; 2] {
        [Told::Address(self.address, preferred, valid), Told::Prefix(self.prefix, 56, preferred, valid)]
    }

    /// The router's address in a part of the prefix.
    fn on_lan(self, subnet: u16) -> Ipv6Addr {
        let [a, b, c, d, ..] = self.prefix.segments();
        Ipv6Addr::new(a, b, c, d | subnet, 0, 0, 0, 1)
    }
}

/// Tells that the server gave this, and took back what it gave before.
fn tell(lab: &Lab, hook: &Hook, interface: &str, now: Given, before: Option<Given>) -> Result<Instant> {
    let mut answered = now.told(3000, 4000).to_vec();
    answered.extend(before.into_iter().flat_map(|before| before.told(0, 0)));
    // Who renews something has it: the first lease is an answer to REQUEST.
    let asked = before.map(|before| before.told(3000, 4000).to_vec()).unwrap_or_default();
    let request = if before.is_some() { "RENEW" } else { "REQUEST" };
    hook.tell(&lab.gateway, &Exchange { request, interface, answered: &answered, asked: &asked })
}

fn measure(lab: &Lab, hook: &Hook) -> Result<Taken> {
    let monitor = lab.monitor()?;
    let (mut taken, mut before) = (Taken::default(), None);
    for run in 0..RUNS {
        let now = Given::new(0, run % TURNS);
        monitor.clear();
        let start = tell(lab, hook, "wan0", now, before)?;
        let address = announced(&monitor, now.address)?;
        let prefix = announced(&monitor, now.on_lan(1))?;
        // Once around before it counts.
        if run >= TURNS {
            taken.address.push(address.saturating_duration_since(start).as_secs_f64() * 1e3);
            taken.prefix.push(prefix.saturating_duration_since(start).as_secs_f64() * 1e3);
        }
        before = Some(now);
    }
    Ok(taken)
}

/// When the kernel said that it has this address and prefers it.
fn announced(monitor: &Monitor, address: Ipv6Addr) -> Result<Instant> {
    eventually(&format!("the kernel announces {address}"), || {
        let changes = monitor.all();
        let wanted = changes.iter().find(|change| {
            change.kind == Kind::NewAddr
                && change.subject.is_some_and(|(found, _)| found == address)
                && change.lifetimes.is_some_and(|(preferred, _)| preferred > 0)
        });
        Ok(wanted.map(|change| change.at))
    })
}

/// So many uplinks get a prefix each, all at once.
fn many(table: &mut Table) -> Result {
    let lab = Lab::with_uplinks(UPLINKS)?;
    lab.stand_in_for_dibbler()?;
    let mut config = HANDLER.to_owned();
    for uplink in 0..UPLINKS {
        let lans: Vec<String> = (0..LANS).map(|lan| format!("l{uplink}x{lan}")).collect();
        lans.iter().try_for_each(|lan| lab.lan(lan))?;
        client(&mut config, uplink, &lans);
    }
    let daemon = daemon(&lab, &config)?;
    let hooks: Vec<Hook> =
        (0..UPLINKS).map(|uplink| hook(&daemon, &format!("wan{uplink}"))).collect::<Result<_>>()?;
    let monitor = lab.monitor()?;
    let start = Instant::now();
    for (uplink, hook) in (0..UPLINKS).zip(&hooks) {
        tell(&lab, hook, &format!("wan{uplink}"), Given::new(uplink, 0), None)?;
    }
    let last = Instant::now();
    let expected: Vec<Ipv6Addr> = (0..UPLINKS)
        .flat_map(|uplink| (1..=u16::from(LANS)).map(move |subnet| Given::new(uplink, 0).on_lan(subnet)))
        .collect();
    let all = dhcpmgr_lab::eventually_within(PATIENCE, "every LAN has its prefix", || {
        let changes = monitor.all();
        let at = |wanted: &Ipv6Addr| {
            let new = |change: &&dhcpmgr_lab::Change| {
                change.kind == Kind::NewAddr && change.subject.is_some_and(|(found, _)| found == *wanted)
            };
            changes.iter().find(new).map(|change| change.at)
        };
        let times: Option<Vec<Instant>> = expected.iter().map(at).collect();
        Ok(times.and_then(|times| times.into_iter().max()))
    })?;
    let what = format!("DHCPv6: {UPLINKS} prefixes with {LANS} LANs each, after the last message");
    let after = all.saturating_duration_since(last).as_secs_f64() * 1e3;
    table.add(&what, "ms", after, Bound::AtMost(1000.0));
    let what = format!("DHCPv6: the {UPLINKS} hooks that said so");
    table.add(&what, "ms", last.saturating_duration_since(start).as_secs_f64() * 1e3, Bound::None);
    let kinds = daemon.cli().json(&["status"])?;
    if kinds["clients"]
        .as_array()
        .is_none_or(|clients| clients.iter().any(|client| client["status"] != "Bound"))
    {
        return Err(Error::new("not every client is bound"));
    }
    Ok(())
}
