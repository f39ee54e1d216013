//! What recovery says, in logs and events.

use std::collections::BTreeMap;

use super::task::Task;
use crate::events::{Event, EventKind};
use crate::recovery::{Report, ReportKind};

impl Task {
    /// Logs what recovery found or did, and publishes it.
    pub(super) fn report(&mut self, report: Report) {
        let Report { kind, fault, path, detail } = report;
        match kind {
            ReportKind::Recovered | ReportKind::Silent => tracing::info!("{}: {detail}", self.client.name),
            _ => tracing::warn!("{}: {detail}", self.client.name),
        }
        let event = match kind {
            ReportKind::Failed => EventKind::ClientFailed,
            ReportKind::Stuck => EventKind::ClientStuck,
            ReportKind::Silent => EventKind::ServerSilent,
            ReportKind::Reconfigured => EventKind::RecoveryReconfigured,
            ReportKind::Disabled => EventKind::RecoveryDisabled,
            ReportKind::Escalated => EventKind::RecoveryEscalated,
            ReportKind::Recovered => EventKind::ClientRecovered,
        };
        let mut fields = BTreeMap::from([("path".to_owned(), path.name().to_owned())]);
        if !fault.is_empty() {
            fields.insert("fault".to_owned(), fault.to_owned());
        }
        self.publish(Event { detail: Some(detail), fields, ..self.event(event) });
    }
}
