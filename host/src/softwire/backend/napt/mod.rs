//! What all softwires have in common behind their interface: translation to the customer's address and ports, and sizes
//! that fit. Made by `nft`, in a table of ours for each softwire, which is replaced whole and in one step.

mod rules;
mod run;

use std::cell::RefCell;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;
use dhcpmgr_softwire::Kind;

use super::BackendError;
use crate::flat::FlatMap;
use run::Nft;

/// The packet filter.
#[derive(Debug, Default)]
pub(super) struct Napt {
    nft: Nft,
    /// Checksums of what was loaded in this run.
    loaded: RefCell<FlatMap<IfName, u32>>,
    /// What it cannot do here, once it was looked for: then nothing can have been loaded either.
    obstacle: RefCell<Option<String>>,
}

impl Napt {
    /// Whether the kernel and `nft` can do what is needed of them; the error says what is missing. Changes nothing.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let Ok(interface) = "sw-probe".parse::<IfName>() else { return Ok(()) };
        let result = self.nft.check(rules::sample(&interface)).await;
        *self.obstacle.borrow_mut() = result.as_ref().err().cloned();
        result
    }

    /// Whether a softwire of this kind is of any use without it.
    pub(super) fn is_needed(kind: Kind) -> bool {
        rules::is_needed(kind)
    }

    /// Makes the table of this interface say what the softwire needs; whether anything had to be done.
    pub(super) async fn set(
        &self,
        interface: &IfName,
        kind: Kind,
        softwire: &Softwire,
    ) -> Result<bool, BackendError> {
        let failed = |reason| BackendError::Failed { interface: interface.clone(), reason, passing: false };
        let set = rules::rule_set(interface, kind, softwire)
            .ok_or_else(|| failed("it says no address and ports to translate to".to_owned()))?;
        if let Some(obstacle) = self.obstacle.borrow().clone() {
            return Err(failed(obstacle));
        }
        let checksum = crc32fast::hash(set.as_bytes());
        if self.loaded.borrow().get(interface) == Some(&checksum) {
            return Ok(false);
        }
        self.nft.load(set).await.map_err(failed)?;
        self.loaded.borrow_mut().insert(interface.clone(), checksum);
        Ok(true)
    }

    /// Somebody else may have emptied the packet filter: what was loaded is loaded again when it is set next.
    pub(super) fn doubt(&self) {
        self.loaded.borrow_mut().clear();
    }

    /// Takes the table of this interface away.
    pub(super) async fn remove(&self, interface: &IfName) -> Result<(), BackendError> {
        self.loaded.borrow_mut().remove(interface);
        if self.obstacle.borrow().is_some() {
            return Ok(());
        }
        let failed = |reason| BackendError::Failed { interface: interface.clone(), reason, passing: true };
        self.nft.load(rules::removal(interface)).await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use dhcpmgr_plugin_api::Ports;

    use super::*;

    /// Every shape that a rule set can have is one that the real `nft` and this kernel would take.
    #[tokio::test]
    async fn every_shape_of_rule_set_is_taken() {
        let napt = Napt::default();
        if let Err(why) = napt.probe().await {
            eprintln!("SKIPPED: this test needs nft, NAT, and the right to ask for them: {why}");
            return;
        }
        let interface = "sw-wan0".parse().unwrap();
        for (ipv4, (offset, psid_len, psid), mtu) in [
            ("192.0.2.18/32", (6, 8, 0x34), Some(1472)),
            ("192.0.2.18/32", (0, 8, 0), None),
            ("192.0.2.18/32", (12, 4, 3), Some(1280)),
            ("192.0.2.18/32", (0, 16, 65535), Some(40)),
            ("192.0.2.18/32", (1, 1, 1), Some(65535)),
            ("192.0.2.18/32", (0, 0, 0), Some(1460)),
            ("192.0.2.16/29", (0, 0, 0), Some(1460)),
        ] {
            let ports = Ports { offset, psid_len, psid };
            let softwire = Softwire { ipv4: Some(ipv4.parse().unwrap()), ports, mtu, ..Softwire::default() };
            let set = rules::rule_set(&interface, Kind::MapE, &softwire).unwrap();
            napt.nft.check(set).await.unwrap();
        }
        let set = rules::rule_set(&interface, Kind::DsLite, &Softwire::default()).unwrap();
        napt.nft.check(set).await.unwrap();
    }
}
