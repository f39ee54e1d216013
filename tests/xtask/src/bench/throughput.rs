//! Lease messages a second on one connection, through the in-process handler, with memory watched; and the median
//! of a call into a worker.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use dhcpmgr_lab::{Binaries, Daemon, Error, Forged, Lab, LeaseSocket, Result};
use dhcpmgr_message::{ClientEvent, Lifetime, V4Report};

use super::scale::{await_bound, config, resident};
use super::table::{Bound, Table};

/// Messages that are on their way at any moment.
const WINDOW: usize = 64;
const SUSTAINED: Duration = Duration::from_secs(10);

pub(super) fn run(table: &mut Table) -> Result {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = lab.daemon(&config(&lab))?;
    await_bound(&daemon, 1)?;
    let pid = daemon.process()?.pid();
    let calls = || Ok::<_, Error>(daemon.cli().handler("v4")?["calls"].as_u64().unwrap_or_default());
    let message = renewal(&lab, &daemon)?;

    // Once around before it counts: buffers grow to what they need.
    send(&daemon.lease_socket()?, &message, Duration::from_secs(2))?;
    let (called, before) = (calls()?, resident(pid)?);
    let (count, took) = send(&daemon.lease_socket()?, &message, SUSTAINED)?;
    let (called, after) = (calls()? - called, resident(pid)?);
    table.add(
        "lease messages a second, one connection",
        "/s",
        count as f64 / took.as_secs_f64(),
        Bound::AtLeast(20_000.0),
    );
    table.add("handler calls for each of them", "", called as f64 / count as f64, Bound::None);
    table.add("resident memory that they added", "MB", after - before, Bound::AtMost(0.5));
    drop(daemon);
    worker(table)
}

/// Sends renewals that differ in their id only, for so long; every one is answered. How many, and how long it took.
fn send(socket: &LeaseSocket, message: &Forged, sustained: Duration) -> Result<(u64, Duration)> {
    let mut bytes = message.bytes()?;
    let marker = message.message.id.to_be_bytes();
    let at = bytes.windows(8).position(|window| window == marker);
    let at = at.ok_or_else(|| Error::new("the id is not in the message"))?;
    let start = Instant::now();
    let (credit, window) = mpsc::sync_channel::<()>(WINDOW);
    std::thread::scope(|scope| {
        let answers = scope.spawn(move || {
            let mut count = 0;
            while window.recv().is_ok() {
                let answer = socket.answer()?;
                if !answer.ok {
                    return Err(Error::new(format!("refused: {}", answer.error.unwrap_or_default())));
                }
                count += 1;
            }
            Ok(count)
        });
        // Not the ids of the forged messages themselves, and not those of a run before.
        let mut id = start.elapsed().as_nanos() as u64 ^ u64::from_be_bytes(marker).rotate_left(17);
        while start.elapsed() < sustained {
            id = id.wrapping_add(1);
            bytes[at..at + 8].copy_from_slice(&id.to_be_bytes());
            socket.send(&bytes)?;
            if credit.send(()).is_err() {
                break;
            }
        }
        drop(credit);
        let count = answers.join().map_err(|_| Error::new("the receiving thread failed"))??;
        Ok((count, start.elapsed()))
    })
}

/// What the client would say if it renewed.
pub(super) fn renewal(lab: &Lab, daemon: &Daemon<'_>) -> Result<Forged> {
    Forged::of(&daemon.cli().client("wan0")?, ClientEvent::Renew, report(lab))
}

/// A lease of an hour.
pub(super) fn report(lab: &Lab) -> V4Report {
    V4Report {
        address: Some(lab.wan().host(100)),
        prefix_len: Some(24),
        broadcast: Some(lab.wan().host(255)),
        routers: vec![lab.wan().host(1)],
        server: Some(lab.wan().host(1)),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    }
}

fn worker(table: &mut Table) -> Result {
    let lab = Lab::new()?;
    let _server = lab.dnsmasq(lab.wan()).range(100, 100).start()?;
    let mut daemon = Daemon::install(&lab)?;
    daemon.add_module(&Binaries::library("fixture_good")?)?;
    daemon.configure(&(config(&lab) + "[handlers.vendor]\nmodule = \"libfixture_good.so\"\n"))?;
    daemon.start()?;
    await_bound(&daemon, 1)?;
    let socket = daemon.lease_socket()?;
    let mut took = Vec::new();
    for _ in 0..200 {
        let message = renewal(&lab, &daemon)?;
        socket.ask(&message.bytes()?)?;
        std::thread::sleep(Duration::from_millis(5));
        let why = daemon.cli().json(&["why", "wan0"])?;
        let handlers = why["exchanges"][0]["handlers"].as_array().cloned().unwrap_or_default();
        let vendor = handlers.iter().find(|handler| handler["name"] == "vendor");
        took.extend(vendor.and_then(|handler| handler["took_us"].as_u64()));
    }
    took.sort_unstable();
    let median = took.get(took.len() / 2).ok_or_else(|| Error::new("no call of the worker was recorded"))?;
    table.add("a call into a worker, median", "us", *median as f64, Bound::AtMost(60.0));
    Ok(())
}
