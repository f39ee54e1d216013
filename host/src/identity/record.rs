//! What is kept of the device and of each client.

use std::net::Ipv4Addr;

use dhcpmgr_message::{Bytes, IaKind, Prefix};
use serde::{Deserialize, Serialize};

use crate::store::Record;

/// What is kept of the device: one DUID for all its clients (RFC 8415 section 11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The DUID, its type included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duid: Option<Bytes>,
}

impl Record for DeviceRecord {
    const KIND: [u8; 4] = *b"DEVC";
    const VERSION: u16 = 1;
}

/// What is kept of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRecord {
    /// The value of option 61 that was used first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Bytes>,
    /// The identity associations of DHCPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ias: Vec<Ia>,
    /// The last DHCPv4 lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lease: Option<LastLease>,
}

impl Record for ClientRecord {
    const KIND: [u8; 4] = *b"CLNT";
    const VERSION: u16 = 1;
}

impl ClientRecord {
    /// Whether all of these are kept, with what was last leased in them.
    #[must_use]
    pub fn holds(&self, ias: &[Ia]) -> bool {
        ias.iter().all(|ia| self.ia(ia).is_some_and(|kept| ia.last.is_empty() || kept.last == ia.last))
    }

    /// Keeps these: an association that is there stays, and nothing is forgotten of it.
    pub fn keep(&mut self, ias: &[Ia]) {
        for ia in ias {
            let same = |kept: &&mut Ia| (kept.kind, kept.iaid) == (ia.kind, ia.iaid);
            match self.ias.iter_mut().find(same) {
                Some(_) if ia.last.is_empty() => {}
                Some(kept) => kept.last.clone_from(&ia.last),
                None => self.ias.push(ia.clone()),
            }
        }
    }

    fn ia(&self, ia: &Ia) -> Option<&Ia> {
        self.ias.iter().find(|kept| (kept.kind, kept.iaid) == (ia.kind, ia.iaid))
    }
}

/// The DHCPv4 lease that was last in force. It stays when it ends, is released or refused: it is asked for again with
/// option 50 of a DHCPDISCOVER, which a server is free to pass over (RFC 2131 section 4.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLease {
    /// The address.
    pub address: Ipv4Addr,
    /// The server it came from.
    #[serde(default)]
    pub server: Option<Ipv4Addr>,
    /// When it became this one, RFC 3339 by the wall clock. For people: the clock may have been wrong.
    pub changed: String,
}

impl LastLease {
    /// Whether it is the same lease, whenever it began.
    #[must_use]
    pub fn is_of(&self, address: Ipv4Addr, server: Option<Ipv4Addr>) -> bool {
        self.address == address && self.server == server
    }
}

/// An identity association (RFC 8415 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ia {
    /// Its type.
    pub kind: IaKind,
    /// Its IAID.
    pub iaid: u32,
    /// What was last leased in it; addresses with a length of 128.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last: Vec<Prefix>,
}
