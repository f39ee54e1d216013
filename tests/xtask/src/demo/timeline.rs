//! What happened in what order: packets, announcements of the kernel and events of the daemon, in milliseconds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dhcpmgr_lab::{
    Capture, Capture6, Change, Cli, Event, Kind, Lab, MessageType6, Monitor, Packet, Packet6, Result,
};

const DAY: u64 = 24 * 3600 * 1000;

/// The recordings, and what the daemon had said before.
pub(crate) struct Timeline {
    packets: Capture,
    packets6: Capture6,
    kernel: Monitor,
    start: Instant,
    /// Milliseconds since midnight, UTC: what the time of an event is compared with.
    clock: u64,
}

impl Timeline {
    /// From now on.
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64 % DAY;
        let (packets, packets6) = (lab.capture(lab.wan())?, lab.capture6(lab.wan())?);
        Ok(Self { packets, packets6, kernel: lab.monitor()?, start: Instant::now(), clock })
    }

    /// Prints it, and returns what the kernel announced of addresses and routes.
    pub(crate) fn print(self, cli: &Cli) -> Result<Vec<Change>> {
        let all = self.kernel.take().into_iter();
        let changes: Vec<Change> = all.filter(|change| change.is_v4() || change.is_v6()).collect();
        let since = |at: Instant| at.saturating_duration_since(self.start).as_secs_f64() * 1000.0;
        let packets =
            self.packets.all().into_iter().map(|packet| (since(packet.at), "wire", of_packet(&packet)));
        let packets6 =
            self.packets6.all().into_iter().map(|packet| (since(packet.at), "wire", of_packet6(&packet)));
        let kernel = changes.iter().map(|change| (since(change.at), "kernel", of_change(change)));
        let mut lines: Vec<(f64, &str, String)> = packets.chain(packets6).chain(kernel).collect();
        for event in cli.events()? {
            if let Some(at) = self.at(&event) {
                lines.push((at.as_secs_f64() * 1000.0, "dhcpmgr", of_event(&event)));
            }
        }
        lines.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, who, what) in lines {
            println!("  {at:9.1} ms  {who:<8} {what}");
        }
        println!();
        Ok(changes)
    }

    /// How long after the start, for events after it.
    fn at(&self, event: &Event) -> Option<Duration> {
        let after = (of_day(&event.time)? + DAY - self.clock) % DAY;
        (after < DAY / 2).then(|| Duration::from_millis(after))
    }
}

/// Milliseconds since midnight of an RFC 3339 time in UTC.
fn of_day(time: &str) -> Option<u64> {
    let clock = time.split_once('T')?.1.trim_end_matches('Z');
    let mut parts = clock.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u64>().ok()?, parts.next()?.parse::<u64>().ok()?);
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some((hours * 3600 + minutes * 60) * 1000 + (seconds * 1000.0).round() as u64)
}

fn of_packet(packet: &Packet) -> String {
    let dhcp = &packet.dhcp;
    let name = format!("{:?}", dhcp.message).to_uppercase();
    let address = if dhcp.yiaddr.is_unspecified() { dhcp.ciaddr } else { dhcp.yiaddr };
    let about = if address.is_unspecified() { String::new() } else { format!(" {address}") };
    format!("DHCP{name}{about}  ({} → {})", packet.from, packet.to)
}

fn of_packet6(packet: &Packet6) -> String {
    let dhcp = &packet.dhcp;
    let name = match dhcp.message {
        MessageType6::InformationRequest => "INFORMATION-REQUEST".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    };
    let values: Vec<String> = dhcp
        .ias()
        .iter()
        .flat_map(|ia| ia.values.clone())
        .map(|value| {
            let (prefix, length) = value.prefix;
            let over = if value.valid == 0 { " (no longer)" } else { "" };
            if length == 128 { format!(" {prefix}{over}") } else { format!(" {prefix}/{length}{over}") }
        })
        .collect();
    format!("{name}{}  ({} → {})", values.concat(), packet.from, packet.to)
}

fn of_change(change: &Change) -> String {
    let subject = match change.subject {
        Some((address, 0)) if address.is_unspecified() => "default".to_owned(),
        Some((address, length)) => format!("{address}/{length}"),
        None => String::new(),
    };
    let via = change.via.map(|via| format!(" via {via}")).unwrap_or_default();
    let metric = if change.metric == 0 { String::new() } else { format!(" metric {}", change.metric) };
    // What the new lifetimes mean, where that is not plain.
    let deprecated =
        change.kind == Kind::NewAddr && change.lifetimes.is_some_and(|(preferred, _)| preferred == 0);
    let deprecated = if deprecated { "  (deprecated)" } else { "" };
    format!("{} {subject}{via}{metric}{deprecated}", name(change.kind))
}

fn of_event(event: &Event) -> String {
    let changed = if event.changed.is_empty() {
        String::new()
    } else {
        format!("  changed: {}", event.changed.join(" "))
    };
    let detail = event.detail.as_ref().map(|detail| format!("  ({detail})")).unwrap_or_default();
    format!("{}{changed}{detail}", event.event)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::NewLink => "RTM_NEWLINK",
        Kind::DelLink => "RTM_DELLINK",
        Kind::NewAddr => "RTM_NEWADDR",
        Kind::DelAddr => "RTM_DELADDR",
        Kind::NewRoute => "RTM_NEWROUTE",
        Kind::DelRoute => "RTM_DELROUTE",
    }
}

/// `1 RTM_NEWADDR, 0 RTM_DEL*`
pub(crate) fn count(changes: &[Change]) -> String {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    changes
        .iter()
        .filter(|change| !change.removes())
        .for_each(|change| *counts.entry(change.kind).or_default() += 1);
    let new = counts.iter().map(|(kind, count)| format!("{count} {}", name(*kind)));
    let gone = changes.iter().filter(|change| change.removes()).count();
    new.chain([format!("{gone} RTM_DEL*")]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::of_day;

    #[test]
    fn the_time_of_day_is_read_with_and_without_fractions() {
        assert_eq!(of_day("2026-11-23T00:01:02.345Z"), Some(62_345));
        assert_eq!(of_day("2026-11-23T23:00:00Z"), Some(23 * 3_600_000));
        assert_eq!(of_day("yesterday"), None);
    }
}
