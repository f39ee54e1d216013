//! How long it takes from a lease message to the address in the kernel, of one client, while others do what they do.

use std::time::{Duration, Instant};

use dhcpmgr_message::{ClientEvent, Lifetime, V4Report};

use crate::{Daemon, Error, Forged, Kind, Lab, Result, Uplink};

/// Between two messages: longer than any of them should take.
const PAUSE: Duration = Duration::from_millis(15);

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
