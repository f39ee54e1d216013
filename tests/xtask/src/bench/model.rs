//! The data model of 64 bound clients: how long it takes to read all of it, whether a subscriber is told of each of 1,000
//! changes a second, and what a client costs in memory.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Error, Follow, Forged, Lab, Result, SystemBus, eventually, median};
use dhcpmgr_message::{ClientEvent, Lifetime, V4Report};
use serde_json::Value;

use super::scale::{await_bound, config, own_memory};
use super::table::{Bound, Table};

const CLIENTS: u8 = 64;
const READS: usize = 200;
const CHANGES: u64 = 10_000;
/// Between two changes: 1,000 a second.
const APART: Duration = Duration::from_millis(1);
const POLICY: &str = include_str!("../../../../host/packaging/org.dhcpmgr1.conf");
const WATCHED: &str = "Device.DHCPv4.Client.*.DNSServers";

pub(super) fn run(table: &mut Table) -> Result {
    let one = memory_of_one()?;
    let lab = Lab::with_uplinks(CLIENTS)?;
    let _server = lab.kea().lease(7200).option("domain-name-servers", "192.0.2.53").start()?;
    let mut daemon = Daemon::install(&lab)?;
    let bus = SystemBus::start(&lab, &daemon, &[POLICY])?;
    // Each read is told in the log with what it took.
    let quiet = "log = \"warn\"";
    daemon.configure(&config(&lab).replace(quiet, "log = \"warn,dhcpmgr::daemon::model=trace\""))?;
    daemon.start()?;
    await_bound(&daemon, usize::from(CLIENTS))?;
    std::thread::sleep(Duration::from_secs(2));

    let pid = daemon.process()?.pid();
    let before = own_memory(pid)?;
    let each = (before - one) / f64::from(CLIENTS - 1) * 1e3;
    table.add("memory of a client: process, lease, rows", "kB", each, Bound::None);
    read(&lab, &daemon, &bus, table)?;
    changes(&lab, &daemon, table)?;
    let grown = (own_memory(pid)? - before) / f64::from(CLIENTS) * 1e3;
    table.add("memory for each client row, once all is read and told", "kB", grown, Bound::None);
    Ok(())
}

/// A daemon with one client.
fn memory_of_one() -> Result<f64> {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&config(&lab))?;
    await_bound(&daemon, 1)?;
    std::thread::sleep(Duration::from_secs(2));
    own_memory(daemon.process()?.pid())
}

/// The whole tree, in the daemon and over the bus.
fn read(lab: &Lab, daemon: &Daemon<'_>, bus: &SystemBus<'_>, table: &mut Table) -> Result {
    let address = bus.address();
    let took = lab.gateway.run(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(over_the_bus(&address)).map_err(|error| Error::new(error.to_string()))
    })?;
    table.add("get of the whole tree over D-Bus, median", "ms", milliseconds(took)?, Bound::AtMost(15.0));
    let log = daemon.log();
    let took = log.lines().filter_map(|line| {
        let us = line.split("took_us").nth(1)?;
        us.trim_start_matches(|c: char| !c.is_ascii_digit())
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    });
    let took: Vec<Duration> = took.map(Duration::from_micros).collect();
    if took.len() < READS {
        return Err(Error::new(format!("{} reads are in the log, not {READS}", took.len())));
    }
    table.add("get of the whole tree in the daemon, median", "ms", milliseconds(took)?, Bound::AtMost(5.0));
    Ok(())
}

fn milliseconds(took: Vec<Duration>) -> Result<f64> {
    Ok(median(took)?.as_secs_f64() * 1e3)
}

/// How long each `Get` took, until its answer was here.
async fn over_the_bus(address: &str) -> zbus::Result<Vec<Duration>> {
    let connection = zbus::connection::Builder::address(address).build().await?;
    let mut took = Vec::with_capacity(READS);
    for _ in 0..READS {
        let began = Instant::now();
        let interface = Some("org.dhcpmgr1.Manager");
        let name = Some("org.dhcpmgr1");
        let answer =
            connection.call_method(name, "/org/dhcpmgr1", interface, "Get", &(vec!["Device."],)).await?;
        took.push(began.elapsed());
        if answer.body().len() < 64 * 1024 {
            return Err(zbus::Error::Failure("the answer is not the whole tree".to_owned()));
        }
    }
    Ok(took)
}

/// Leases with another name server each, a client after the other; what the subscriber is told of them.
fn changes(lab: &Lab, daemon: &Daemon<'_>, table: &mut Table) -> Result {
    let status = daemon.cli().json(&["status"])?;
    let rows = status["clients"].as_array().cloned().unwrap_or_default();
    let messages = rows.iter().map(|row| {
        let address = row["lease"]["address"].as_str().unwrap_or_default();
        let address = address.split('/').next().unwrap_or_default().parse()?;
        let report = V4Report {
            address: Some(address),
            prefix_len: Some(24),
            server: Some(lab.wan().host(1)),
            lease_time: Some(Lifetime(7200)),
            ..V4Report::default()
        };
        Forged::of(row, ClientEvent::Renew, report)
    });
    let mut messages = messages.collect::<Result<Vec<Forged>>>()?;
    let follow = daemon.cli().watch(&[WATCHED], &lab.dir().join("watch.log"))?;
    eventually("the subscriber is told what is", || Ok((!follow.lines()?.is_empty()).then_some(())))?;
    let socket = daemon.lease_socket()?;
    let began = Instant::now();
    for change in 0..CHANGES {
        let due = began + APART * change as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let at = change as usize % messages.len();
        let message = &mut messages[at].message;
        message.id = message.id.wrapping_add(1 << 20);
        if let Some(report) = &mut message.v4 {
            report.dns = vec![server(change)];
        }
        let answer = socket.ask(&messages[at].bytes()?)?;
        if !answer.ok {
            return Err(Error::new(format!("refused: {}", answer.error.unwrap_or_default())));
        }
    }
    let rate = CHANGES as f64 / began.elapsed().as_secs_f64();
    table.add("values changed in 10 s, at this rate", "/s", rate, Bound::AtLeast(950.0));
    std::thread::sleep(Duration::from_secs(2));
    let (told, lost) = told(&follow)?;
    table.add("of 10,000 of them a subscriber was told", "", told as f64, Bound::AtLeast(CHANGES as f64));
    table.add("of them told to be lost", "", lost as f64, Bound::AtMost(0.0));
    Ok(())
}

/// A name server that no other change has.
fn server(change: u64) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(0x0a00_0000 + 1 + change as u32)
}

/// How many of the values came, and how many were said to be lost.
fn told(follow: &Follow) -> Result<(usize, u64)> {
    let (mut values, mut lost) = (HashSet::new(), 0);
    for line in follow.lines()? {
        lost += line["lost"].as_u64().unwrap_or_default();
        values.extend(line["values"].as_object().into_iter().flatten().filter_map(
            |(_, value)| match value {
                Value::String(text) => Some(text.clone()),
                _ => None,
            },
        ));
    }
    Ok(((0..CHANGES).filter(|change| values.contains(&server(*change).to_string())).count(), lost))
}
