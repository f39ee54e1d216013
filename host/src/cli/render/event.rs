//! One line of `dhcpmgr events`.

use std::fmt::Write as _;

use super::style::{Style, Tone};
use super::text::plain;
use crate::events::{Change, Event, EventKind};
use crate::word::word;

/// Time, client, event, what changed, details. Streamed, so columns have fixed widths.
#[must_use]
pub fn event(event: &Event, style: Style) -> String {
    let client = event.client.as_ref().map_or("-", |client| client.as_str());
    let kind = plain(&word(&event.event));
    // Padded before it is marked: the marks have no width.
    let mut line = format!(
        "{:24}  {client:12}  {}",
        plain(&event.time),
        style.tone(tone(&event.event), &format!("{kind:20}"))
    );
    if !event.changed.is_empty() {
        let _ = write!(line, "  [{}]", changes(&event.changed));
    }
    if let Some(handler) = &event.handler {
        let _ = write!(line, "  {}:", plain(handler));
    }
    if let Some(detail) = &event.detail {
        let _ = write!(line, "  {}", plain(detail));
    }
    for (name, value) in &event.fields {
        let _ = write!(line, "  {}={}", plain(name), plain(value));
    }
    style.finish(format!("{}\n", line.trim_end()))
}

/// `address route dns`
pub(super) fn changes(changes: &[Change]) -> String {
    changes.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn tone(kind: &EventKind) -> Tone {
    match kind {
        EventKind::LeaseAcquired
        | EventKind::LeaseRenewed
        | EventKind::ClientAdopted
        | EventKind::ClientRecovered
        | EventKind::HandlerRecovered
        | EventKind::PrefixAssigned
        | EventKind::SoftwireUp => Tone::Good,
        EventKind::LeaseChanged
        | EventKind::LeaseDeferred
        | EventKind::HandlerConflict
        | EventKind::ClientStarted
        | EventKind::ClientStopped
        | EventKind::LinkChanged
        | EventKind::ServerSilent
        | EventKind::RecoveryReconfigured
        | EventKind::KernelRepaired
        | EventKind::PrefixDeprecated
        | EventKind::PrefixRemoved
        | EventKind::SoftwireDown
        | EventKind::Ipv4Owner => Tone::Waiting,
        EventKind::ClientFailed
        | EventKind::ClientStuck
        | EventKind::RecoveryDisabled
        | EventKind::RecoveryEscalated
        | EventKind::LeaseLost
        | EventKind::LeaseRefused
        | EventKind::PrefixRefused
        | EventKind::SoftwireFailed
        | EventKind::HandlerFailed
        | EventKind::HandlerQuarantined
        | EventKind::HookFailed
        | EventKind::ForeignClient
        | EventKind::KernelMismatch => Tone::Bad,
        EventKind::ConfigReloaded
        | EventKind::ModelChanged
        | EventKind::OperationComplete
        | EventKind::Vendor(_) => Tone::Heading,
    }
}
