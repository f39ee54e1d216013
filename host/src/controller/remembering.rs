//! What a client is remembered by across reboots: the client-id that it used first, and its last lease.

use std::net::Ipv4Addr;
use std::rc::Rc;

use dhcpmgr_message::Bytes;
use dhcpmgr_plugin_api::Protocol;

use super::task::Task;
use crate::clients::CommandLine;
use crate::clock;
use crate::control::views::IdentityView;
use crate::handlers::Wants;
use crate::identity::{self, ClientRecord, Ia, LastLease, WantedIa};
use crate::random;

/// The option of the client-id (RFC 2132 section 9.14).
const CLIENT_ID: u16 = 61;

impl Task {
    /// The client-id for the next start; `None` when nobody knows one, and the client program may make its own.
    pub(super) fn client_id(&self, wants: &Wants) -> Option<Bytes> {
        let stored = self.stored();
        let link = self.shared.network.link(&self.client.interface);
        identity::client_id(
            self.client.send.get(&CLIENT_ID),
            wants.send.get(&CLIENT_ID),
            stored.client_id.as_ref(),
            link.and_then(|link| link.hardware),
        )
    }

    /// The address to ask for when this daemon has not seen one: of the last lease before it, or imported. A server that
    /// does not want to give it passes it over.
    pub(super) fn stored_address(&self) -> Option<Ipv4Addr> {
        self.stored().last_lease.as_ref().map(|last| last.address)
    }

    /// Stores the client-id of the process that runs, unless there is one: the first is kept for ever.
    pub(super) fn settle_client_id(&self) {
        if self.stored().client_id.is_some() {
            return;
        }
        let sent = |launched: &CommandLine| self.client.program.sent_client_id(launched);
        if let Some(used) = self.launched.as_ref().and_then(sent) {
            tracing::info!("{}: client-id {} is kept from now on", self.client.name, used.to_hex());
            self.shared.keeper.keep_client_id(&self.client.name, used);
        }
    }

    /// Stores the lease in force when it is another one than the last that was stored.
    pub(super) fn remember_lease(&mut self) {
        let Some(lease) = &self.lease else { return };
        let Some(address) = lease.held.address else { return self.remember_ias() };
        let server = lease.server();
        // What could not be written is tried again with the next message.
        if self.shared.keeper.has_failed(&self.client.name) {
            self.stored_lease = None;
        }
        if self.stored_lease.as_ref().is_some_and(|last| last.is_of(address, server))
            || !self.wear.allows(clock::boottime_ms())
        {
            return;
        }
        let lease = LastLease { address, server, changed: clock::timestamp() };
        self.stored_lease = Some(lease.clone());
        self.shared.keeper.keep_lease(&self.client.name, lease);
    }

    /// Stores what is leased in each identity association when that is another than what was.
    fn remember_ias(&mut self) {
        let Some(lease) = &self.lease else { return };
        let mut ias: Vec<Ia> = Vec::new();
        for (kind, iaid, value) in lease.ledger.leased() {
            match ias.iter_mut().find(|ia| (ia.kind, ia.iaid) == (kind, iaid)) {
                Some(ia) => ia.last.push(value),
                None => ias.push(Ia { kind, iaid, last: vec![value] }),
            }
        }
        let failed = self.shared.keeper.has_failed(&self.client.name);
        if (failed || !self.stored().holds(&ias)) && self.wear.allows(clock::boottime_ms()) {
            self.shared.keeper.keep_ias(&self.client.name, ias);
        }
    }

    /// The identity associations to ask for.
    pub(super) fn wanted_ias(&self) -> Vec<WantedIa> {
        identity::wanted_ias(&self.client.v6, &self.stored().ias)
    }

    /// The DUID of the device; it is made, and stored, when it is first needed. The IAIDs are kept with it.
    pub(super) async fn settle_v6_identity(&self) -> Option<Bytes> {
        if self.client.protocol != Protocol::V6 {
            return None;
        }
        let link = self.shared.network.link(&self.client.interface);
        let make = || {
            let random = random::bytes().ok();
            random.map(|random| identity::new_duid(link.and_then(|link| link.hardware), random))
        };
        let duid = self.shared.keeper.settled_duid(make).await;
        let used: Vec<Ia> = self.wanted_ias().iter().map(WantedIa::used).collect();
        if !self.stored().holds(&used) {
            self.shared.keeper.keep_ias(&self.client.name, used);
        }
        duid
    }

    pub(super) fn stored(&self) -> Rc<ClientRecord> {
        self.shared.keeper.client(&self.client.name)
    }

    /// For `dhcpmgr why`.
    pub(super) fn identity_view(&self) -> IdentityView {
        let record = self.stored();
        let wants = self.shared.chain.wants(&self.client.name, self.client.protocol);
        IdentityView {
            client_id: self.client_id(&wants).map(|id| id.to_hex()),
            duid: self.shared.keeper.duid().map(|duid| duid.to_hex()),
            ias: record.ias.clone(),
            last_lease: record.last_lease.clone(),
        }
    }
}
