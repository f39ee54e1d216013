//! The packet observer, off and on in turn: what a packet that is forwarded costs, and what a flood takes of the daemon.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Daemon, Lab, Namespace, Result};

use super::scale::{await_bound, config, processor_time};
use super::table::{Bound, Table};

pub(super) const ON: &str = "[observer]\nenabled = true\n";
/// Each way is measured so often, in turn, for so long; the best counts, for what disturbs only makes it slower.
const TURNS: usize = 5;
const EACH: Duration = Duration::from_secs(1);
/// A network that nobody has: the ISP throws away what goes there.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&config(&lab))?;
    await_bound(&daemon, 1)?;
    let house = house(&lab)?;
    let (mut off, mut on) = (f64::MAX, f64::MAX);
    for _ in 0..TURNS {
        set(&daemon, &lab, false)?;
        off = off.min(forwarded(&house)?);
        set(&daemon, &lab, true)?;
        on = on.min(forwarded(&house)?);
    }
    table.beside("observer: a small packet forwarded, off as floor", "ns", on, off, Bound::None);

    let pid = daemon.process()?.pid();
    let own = lab.wan().host(100);
    let before = processor_time(pid)?;
    let sent = lab.isp.run(move || blast(own, 68))?.0;
    let spent = (processor_time(pid)? - before).as_secs_f64() / EACH.as_secs_f64();
    table.add(
        "observer: packets to a client's port, flood",
        "/s",
        sent as f64 / EACH.as_secs_f64(),
        Bound::None,
    );
    table.add("observer: processor time during it", "%", spent * 100.0, Bound::AtMost(10.0));
    Ok(())
}

fn set(daemon: &Daemon<'_>, lab: &Lab, on: bool) -> Result {
    daemon.configure(&(if on { ON } else { "" }.to_owned() + &config(lab)))?;
    daemon.cli().text(&["config", "reload"]).map(drop)
}

/// A host behind the gateway, which forwards what it sends.
fn house(lab: &Lab) -> Result<Namespace> {
    let house = Namespace::new("house")?;
    let there = house.file();
    lab.gateway.ip(&["link", "add", "house", "type", "veth", "peer", "name", "eth0", "netns", &there])?;
    lab.gateway.ip(&["addr", "add", "192.168.1.1/24", "dev", "house"])?;
    lab.gateway.ip(&["link", "set", "house", "up"])?;
    house.ip(&["addr", "add", "192.168.1.2/24", "dev", "eth0"])?;
    house.ip(&["link", "set", "eth0", "up"])?;
    house.ip(&["route", "add", "default", "via", "192.168.1.1"])?;
    lab.gateway.run(|| Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
    lab.isp.ip(&["route", "add", "blackhole", "198.18.0.0/15"])?;
    Ok(house)
}

/// Nanoseconds for each packet that is sent through the gateway: on veth all of its way is done by who sends it.
fn forwarded(house: &Namespace) -> Result<f64> {
    let (count, took) = house.run(|| blast(NOWHERE, 9))?;
    Ok(took.as_secs_f64() * 1e9 / count as f64)
}

/// Sends small packets as fast as it goes: how many, and how long.
fn blast(to: Ipv4Addr, port: u16) -> Result<(u64, Duration)> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect((to, port))?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < EACH {
        for _ in 0..64 {
            // What is refused was on its way all the same.
            let _ = socket.send(&[2; 300]);
            count += 1;
        }
    }
    Ok((count, start.elapsed()))
}
