//! A client as `status` and `why` show it: what the machine decided, and what packets tell besides.

use super::task::Task;
use crate::clients::{CommandLine, Progress};
use crate::clock;
use crate::control::views::{ClientState, ClientStatus, Exchanged, Why};

/// So many questions without an answer that settled them are worth telling; a lost packet is not.
const IN_VAIN: u32 = 3;

impl Task {
    pub(super) fn status(&self) -> ClientStatus {
        let observer = &self.shared.observer;
        let name = &self.client.name;
        let now = clock::boottime_ms();
        let status = finer(self.machine.state(), observer.progress(name));
        let reason = self.machine.reason(now).or_else(|| self.waits_for()).or_else(|| self.disturbed_by());
        let in_vain = observer.exchanged(name).filter(|it| asks(status) && it.asked() >= IN_VAIN);
        let parts: Vec<String> =
            reason.into_iter().chain(in_vain.as_ref().map(Exchanged::sentence)).collect();
        ClientStatus {
            name: name.clone(),
            protocol: self.client.protocol,
            interface: self.client.interface.clone(),
            enabled: self.machine.enabled(),
            status,
            pid: self.running.as_ref().map(|(process, _)| process.pid()),
            restarts: self.restarts,
            reason: (!parts.is_empty()).then(|| parts.join("; ")),
            lease: self.lease_view(),
            counters: observer.counters(name).unwrap_or_else(|| self.counters.shown(self.client.program)),
        }
    }

    pub(super) fn why(&self) -> Why {
        let mut requested = self.shared.chain.requested_by(&self.client.name, self.client.protocol);
        for code in &self.client.request {
            requested.entry(*code).or_default().push("configuration".to_owned());
        }
        Why {
            client: self.status(),
            requested,
            recovery: Some(self.machine.recovery_view(clock::boottime_ms())),
            command: self.launched.as_ref().map(CommandLine::shown).unwrap_or_default(),
            identity: self.identity_view(),
            ipv4: self.shared.softwires.view(&self.client.interface),
            packets: self.shared.observer.exchanged(&self.client.name),
            exchanges: self.recorder.exchanges(),
            log: self.recorder.log(),
        }
    }
}

/// The state in the word of the packets, where they have a finer one. What is decided stays: packets tell only what the
/// client does about the lease that it has or has not. A SOLICIT beside a lease is for another part of it.
fn finer(state: ClientState, seen: Option<Progress>) -> ClientState {
    use ClientState::{Bound, Renewing, Requesting, Selecting};
    match (state, seen) {
        (Bound, Some(Progress::Renewing)) => Renewing,
        (Bound | Renewing, Some(Progress::Rebinding)) => ClientState::Rebinding,
        (Selecting | Requesting, Some(Progress::Selecting)) => Selecting,
        (Selecting | Requesting, Some(Progress::Requesting)) => Requesting,
        _ => state,
    }
}

/// Whether a client in this state asks for something.
fn asks(state: ClientState) -> bool {
    use ClientState::{Rebinding, Renewing, Requesting, Selecting};
    matches!(state, Selecting | Requesting | Renewing | Rebinding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClientState::{Bound, Disabled, Error, Init, Rebinding, Renewing, Requesting, Selecting};

    #[test]
    fn packets_tell_no_more_than_what_a_client_asks_for() {
        for state in [Init, Selecting, Requesting, Bound, Renewing, Rebinding, Disabled, Error] {
            assert_eq!(finer(state, None), state);
            for seen in [Progress::Selecting, Progress::Requesting, Progress::Renewing, Progress::Rebinding] {
                let shown = finer(state, Some(seen));
                let has_a_lease = |state| matches!(state, Bound | Renewing | Rebinding);
                assert_eq!(has_a_lease(shown), has_a_lease(state), "{state:?} {seen:?}");
                assert!(asks(state) || state == Bound || shown == state, "{state:?} {seen:?}");
            }
        }
        assert_eq!(finer(Bound, Some(Progress::Renewing)), Renewing);
        assert_eq!(finer(Renewing, Some(Progress::Rebinding)), Rebinding);
        assert_eq!(finer(Rebinding, Some(Progress::Renewing)), Rebinding, "the client has lost it");
        assert_eq!(finer(Bound, Some(Progress::Selecting)), Bound, "for another part of it");
        assert_eq!(finer(Selecting, Some(Progress::Requesting)), Requesting);
        assert_eq!(finer(Requesting, Some(Progress::Selecting)), Selecting, "it began anew");
    }
}
