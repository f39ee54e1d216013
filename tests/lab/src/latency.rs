//! How long it takes from a lease message to the address in the kernel, of one client, while others do what they do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dhcpmgr_message::{ClientEvent, Lifetime, V4Report};

use crate::{Daemon, Error, Forged, Kind, Lab, Result, Uplink};

/// Between two messages: longer than any of them should take.
const PAUSE: Duration = Duration::from_millis(15);
/// Between a crash and the order to start the handler again.
const AFTER_A_CRASH: Duration = Duration::from_millis(60);

/// A lease of an hour of the network behind an uplink.
#[must_use]
pub fn lease_of(uplink: &Uplink, host: u8) -> V4Report {
    V4Report {
        address: Some(uplink.host(host)),
        prefix_len: Some(24),
        routers: vec![uplink.host(1)],
        server: Some(uplink.host(1)),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    }
}

/// Gives a bound client another address again and again, in the name of its shim; how long each took to arrive in the
/// kernel.
pub fn lease_to_kernel(
    lab: &Lab,
    daemon: &Daemon<'_>,
    client: &str,
    uplink: &Uplink,
    runs: u8,
) -> Result<Vec<Duration>> {
    let socket = daemon.lease_socket()?;
    let row = daemon.cli().client(client)?;
    let monitor = lab.monitor()?;
    let mut sent = Vec::new();
    for run in 0..runs {
        let host = 150 + run % 8;
        let message = Forged::of(&row, ClientEvent::Renew, lease_of(uplink, host))?;
        let bytes = message.bytes()?;
        let start = Instant::now();
        socket.ask(&bytes)?;
        sent.push((start, uplink.host(host)));
        std::thread::sleep(PAUSE);
    }
    let seen = monitor.all();
    let took = |(start, address): &(Instant, std::net::Ipv4Addr)| {
        let arrived = seen.iter().find(|change| {
            let about = change.subject.is_some_and(|(subject, _)| subject == *address);
            change.kind == Kind::NewAddr && about && change.at > *start
        });
        arrived.map(|change| change.at - *start)
    };
    sent.iter().map(took).collect::<Option<_>>().ok_or_else(|| Error::new("an address did not arrive"))
}

/// A bound client of a daemon whose handler `vendor` dies of its messages.
#[derive(Debug, Clone, Copy)]
pub struct Crashing<'a> {
    /// The daemon.
    pub daemon: &'a Daemon<'a>,
    /// The client's name.
    pub client: &'a str,
    /// The uplink that it is on.
    pub uplink: &'a Uplink,
}

impl Crashing<'_> {
    /// Two messages: the first one a fresh worker survives.
    pub fn crash(&self) -> Result {
        let (socket, row) = (self.daemon.lease_socket()?, self.daemon.cli().client(self.client)?);
        for _ in 0..2 {
            let message = Forged::of(&row, ClientEvent::Renew, lease_of(self.uplink, 100))?;
            socket.ask(&message.bytes()?)?;
        }
        Ok(())
    }

    /// Measures something while the handler dies of every message, and is started again at once.
    pub fn beside<T>(&self, measure: impl FnOnce() -> Result<T>) -> Result<T> {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let crashing = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.crash()?;
                    std::thread::sleep(AFTER_A_CRASH);
                    self.daemon.cli().output(&["handler", "reset", "vendor"])?;
                }
                Ok::<_, Error>(())
            });
            let measured = measure();
            over.store(true, Ordering::Relaxed);
            crashing.join().map_err(|_| Error::new("the thread that sends messages failed"))??;
            measured
        })
    }
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().ok_or_else(|| Error::new("nothing was measured"))
}
