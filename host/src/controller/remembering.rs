//! What a client is remembered by across reboots: the client-id that it used first, and its last lease.

use std::net::Ipv4Addr;

use dhcpmgr_message::Bytes;

use super::task::Task;
use crate::clients::CommandLine;
use crate::clock;
use crate::control::views::IdentityView;
use crate::handlers::Wants;
use crate::identity::{self, ClientRecord, LastLease};

/// The option of the client-id (RFC 2132 section 9.14).
const CLIENT_ID: u16 = 61;

impl Task {
    /// The client-id for the next start; `None` when nobody knows one, and the client program may make its own.
    pub(super) fn client_id(&self, wants: &Wants) -> Option<Bytes> {
        let stored = self.stored().client_id;
        let link = self.shared.network.link(&self.client.interface);
        identity::client_id(
            self.client.send.get(&CLIENT_ID),
            wants.send.get(&CLIENT_ID),
            stored.as_ref(),
            link.and_then(|link| link.hardware),
        )
    }

    /// The address to ask for when this daemon has not seen one: of the last lease before it, or imported. A server that
    /// does not want to give it passes it over.
    pub(super) fn stored_address(&self) -> Option<Ipv4Addr> {
        self.stored().last_lease.map(|last| last.address)
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
        let Some((lease, address)) = self.lease.as_ref().and_then(|lease| Some((lease, lease.held.address?)))
        else {
            return;
        };
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

    fn stored(&self) -> ClientRecord {
        self.shared.keeper.identities().client(&self.client.name)
    }

    /// For `dhcpmgr why`.
    pub(super) fn identity_view(&self) -> IdentityView {
        let record = self.stored();
        let wants = self.shared.chain.wants(&self.client.name, self.client.protocol);
        IdentityView {
            client_id: self.client_id(&wants).map(|id| id.to_hex()),
            duid: self.shared.keeper.identities().device().duid.map(|duid| duid.to_hex()),
            ias: record.ias,
            last_lease: record.last_lease,
        }
    }
}
