//! What recovery says, in logs and events, and what it remembers.

use std::collections::BTreeMap;

use super::task::Task;
use crate::clock;
use crate::events::{Event, EventKind};

use crate::recovery::{Report, ReportKind};

impl Task {
    /// Takes over the faults that an earlier daemon saw.
    pub(super) fn recall_faults(&mut self) {
        if let Some(record) = self.shared.recovery.read(self.client.name.as_str()) {
            self.machine.restore(record, clock::boottime_ms());
        }
    }

    /// Keeps the faults for a later daemon, before anything is done about them: one that dies again and again must
    /// not find its clients' budgets full each time. The store says what it cannot write.
    pub(super) fn keep_faults(&mut self) {
        let name = self.client.name.as_str();
        if let Some(record) = self.machine.changed_record() {
            let _ = self.shared.recovery.write(name, record);
        }
    }

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
        if matches!(kind, ReportKind::Stuck | ReportKind::Silent) {
            self.look_for_others();
        }
    }
}
