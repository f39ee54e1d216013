//! Who we are to the servers: identities that, once used, are kept for ever, and what was last leased under them.
//!
//! A client-id, a DUID or an IAID that changes makes a gateway a stranger: another address, another prefix, sometimes
//! no service at all. So what was used first is stored and used again after a reboot, a changed MAC address or another
//! firmware. It is written when it is used for the first time; the lease beside it when it changes, never for a renewal.

mod keeper;
mod record;
mod v6;

pub use crate::store::Wear;
pub use dhcpmgr_message::IaKind;
pub use keeper::Keeper;
pub use record::{ClientRecord, DeviceRecord, Ia, LastLease};
pub use v6::{WantedIa, new_duid, wanted_ias};

use std::sync::{Arc, Mutex, PoisonError};

use dhcpmgr_message::{Bytes, ClientName};

use crate::network::HardwareAddress;
use crate::paths::Paths;
use crate::store::{Store, StoreError};

/// The name of the one record of the device itself.
const DEVICE: &str = "device";

/// The records in `/var/lib/dhcpmgr`. Reading takes a file system call or two; writing waits for the flash.
#[derive(Debug, Clone)]
pub struct Identities {
    device: Store,
    clients: Store,
    writing: Arc<Mutex<()>>,
}

impl Identities {
    /// Those of this installation.
    #[must_use]
    pub fn new(paths: &Paths) -> Self {
        let device = Store::durable(paths.state());
        Self { clients: device.below("clients"), device, writing: Arc::default() }
    }

    /// Held from reading a record until it is written: controllers and an import may want to change the same one.
    pub fn lock(&self) -> impl Drop + use<'_> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a client; nothing when it is new.
    #[must_use]
    pub fn client(&self, name: &ClientName) -> ClientRecord {
        self.clients.read(name.as_str()).unwrap_or_default()
    }

    /// Keeps what is known of a client; `false` when nothing was to be written.
    pub fn keep_client(&self, name: &ClientName, record: &ClientRecord) -> Result<bool, StoreError> {
        self.clients.write(name.as_str(), record)
    }

    /// What is known of the device.
    #[must_use]
    pub fn device(&self) -> DeviceRecord {
        self.device.read(DEVICE).unwrap_or_default()
    }

    /// Keeps what is known of the device; `false` when nothing was to be written.
    pub fn keep_device(&self, record: &DeviceRecord) -> Result<bool, StoreError> {
        self.device.write(DEVICE, record)
    }
}

/// The client-id (option 61) to send: what the operator configured, what a handler wants, what was used first, or
/// what the client programs make of the MAC address by themselves (RFC 2132 section 9.14: type 1, the address).
#[must_use]
pub fn client_id(
    configured: Option<&Bytes>,
    handlers: Option<&Bytes>,
    stored: Option<&Bytes>,
    hardware: Option<HardwareAddress>,
) -> Option<Bytes> {
    let of_hardware = || hardware.map(|HardwareAddress(mac)| Bytes([&[1], mac.as_slice()].concat()));
    configured.or(handlers).or(stored).cloned().or_else(of_hardware)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_first_is_used_whatever_the_mac_is_today() {
        let mac = |last| Some(HardwareAddress([2, 0, 0, 0, 0, last]));
        let first = client_id(None, None, None, mac(1)).unwrap();
        assert_eq!(first.to_hex(), "01020000000001");
        assert_eq!(client_id(None, None, Some(&first), mac(2)), Some(first.clone()));
        assert_eq!(client_id(None, None, Some(&first), None), Some(first));
        assert_eq!(client_id(None, None, None, None), None, "nothing is made up");
    }

    #[test]
    fn the_operator_goes_before_a_handler_and_both_before_what_is_stored() {
        let (a, b, c) = (Bytes(vec![0, 1]), Bytes(vec![0, 2]), Bytes(vec![0, 3]));
        assert_eq!(client_id(Some(&a), Some(&b), Some(&c), None), Some(a));
        assert_eq!(client_id(None, Some(&b), Some(&c), None), Some(b));
    }

    #[test]
    fn records_are_there_after_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path());
        let wan4: ClientName = "wan4".parse().unwrap();
        let record = ClientRecord {
            client_id: Some(Bytes(vec![1, 2, 3])),
            last_lease: Some(LastLease {
                address: [192, 0, 2, 7].into(),
                server: Some([192, 0, 2, 1].into()),
                changed: "2026-11-23T05:08:44.120Z".to_owned(),
            }),
            ias: vec![Ia { kind: IaKind::Pd, iaid: 7, last: vec!["2001:db8::/56".parse().unwrap()] }],
        };
        let identities = Identities::new(&paths);
        assert_eq!(identities.client(&wan4), ClientRecord::default());
        assert!(identities.keep_client(&wan4, &record).unwrap());
        assert!(!identities.keep_client(&wan4, &record).unwrap());
        let device = DeviceRecord { duid: Some(Bytes(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 1])) };
        assert!(identities.keep_device(&device).unwrap());
        let next = Identities::new(&paths);
        assert_eq!((next.client(&wan4), next.device()), (record, device));
    }
}
