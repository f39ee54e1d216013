//! MAP-T: the sums of one option, and what comes of it from the client's hook to a softwire that carries IPv4, by what
//! stands in for the module nat46.

use std::hint::black_box;
use std::net::Ipv6Addr;
use std::time::Instant;

use dhcpmgr_lab::{Daemon, Error, Exchange, Hook, Kind, Lab, Monitor, Nat46, Result, Told, eventually};
use dhcpmgr_softwire::{Input, Ipv6Prefix, Kind as Softwire, Quirks, decode};

use super::table::{Bound, Table};
use super::v6::{hook, quantile};

const CONFIG: &str = "[daemon]\nlog = \"warn\"\n[clients.wan6]\nprotocol = \"v6\"\ninterface = \"wan0\"\n\
                      [handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\n[handlers.mapt]\nmodule = \"libdhcpmgr_mapt.so\"\n";
/// A rule with 16 EA bits, and a DMR.
const OPTION: [u8; 30] = [
    0, 89, 0, 13, 0, 16, 24, 192, 0, 2, 0, 40, 0x20, 1, 0x0d, 0xb8, 0xf0, 0, 91, 0, 9, 64, 0x20, 1, 0x0d,
    0xb8, 0xff, 0xff, 0, 0,
];
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf012, 0x3400, 0, 0, 0, 0);
const SUMS: u32 = 200_000;
/// It comes and goes so often; the first times do not count.
const RUNS: usize = 60;
const FIRST: usize = 5;

pub(super) fn run(table: &mut Table) -> Result {
    let prefix = Ipv6Prefix::containing(PREFIX, 56).ok_or_else(|| Error::new("no prefix"))?;
    let start = Instant::now();
    for _ in 0..SUMS {
        let computed = Input::value(black_box(&OPTION))
            .and_then(|input| decode(Softwire::MapT, input, Quirks::NONE, &mut ())?.configure(&[prefix]))?;
        black_box(computed);
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(SUMS);
    table.add("decode and compute a MAP-T option", "µs", each, Bound::AtMost(5.0));

    let lab = Lab::new()?;
    lab.stand_in_for_dibbler()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.configure(CONFIG)?;
    let _nat46 = Nat46::stand_in(&lab, &daemon, "wan0")?;
    daemon.start()?;
    let hook = hook(&daemon, "wan6")?;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let request = if run == 0 { "REQUEST" } else { "RENEW" };
        for (kind, options, times) in
            [(Kind::NewRoute, &[(95, OPTION.to_vec())][..], &mut up), (Kind::DelRoute, &[], &mut down)]
        {
            let monitor = lab.monitor()?;
            let start = tell(&lab, &hook, request, options)?;
            let at = default_route(&monitor, kind)?;
            if run >= FIRST {
                times.push(at.saturating_duration_since(start).as_secs_f64() * 1e3);
            }
        }
    }
    for (what, times) in [("up", &up), ("down", &down)] {
        let what = format!("MAP-T: hook to softwire {what}");
        table.add(&format!("{what}, median"), "ms", quantile(times, 50), Bound::AtMost(2000.0));
        table.add(&format!("{what}, p95"), "ms", quantile(times, 95), Bound::None);
    }
    Ok(())
}

fn tell(lab: &Lab, hook: &Hook, request: &str, options: &[(u16, Vec<u8>)]) -> Result<Instant> {
    let told = [Told::Prefix(PREFIX, 56, 3000, 9000)];
    let asked: &[Told] = if request == "REQUEST" { &[] } else { &told };
    hook.tell_with(&lab.gateway, &Exchange { request, interface: "wan0", answered: &told, asked }, options)
}

/// When the kernel announced that IPv4's default route came or went.
fn default_route(monitor: &Monitor, kind: Kind) -> Result<Instant> {
    eventually("the default route moves", || {
        let moved = |change: &&dhcpmgr_lab::Change| {
            change.kind == kind && change.subject.is_some_and(|(to, len)| to.is_ipv4() && len == 0)
        };
        Ok(monitor.all().iter().find(moved).map(|change| change.at))
    })
}
