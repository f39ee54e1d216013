//! The kernel's own tunnels: MAP-E, lw4o6 and DS-Lite, which all are IPv4 in IPv6 to one far end (RFC 2473).
//!
//! The kernel has no forwarding rules of MAP-E: all packets go by way of the border relay, which knows every rule
//! (hub and spoke, RFC 7597 section 5); what other customers send directly is not taken, because it does not come from
//! the far end.

mod answer;
mod resolve;

use std::net::Ipv6Addr;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;
use dhcpmgr_softwire::Kind;

use super::{Backend, BackendError, BackendName, Pending, Stats, Traffic, Wan};
use crate::network::{Network, Tunnel};

/// The kernel's tunnels.
#[derive(Debug)]
pub(super) struct KernelTunnel {
    network: Network,
}

impl KernelTunnel {
    pub(super) fn new(network: Network) -> Self {
        Self { network }
    }

    async fn carry(
        &self,
        interface: &IfName,
        wan: &Wan,
        softwire: &Softwire,
    ) -> Result<Vec<String>, BackendError> {
        let failed =
            |reason: String, passing| BackendError::Failed { interface: interface.clone(), reason, passing };
        let ends = Ends::of(softwire).map_err(|reason| failed(reason, false))?;
        let mut notes = ends.notes;
        let remote = match ends.remote {
            Remote::Address(address) => address,
            Remote::Name(name) => {
                let scope = self.network.link(&wan.interface).map_or(0, |link| link.index);
                let address = resolve::address(&name, &wan.dns, scope).await;
                let address = address
                    .map_err(|reason| failed(format!("the AFTR {name} has no address: {reason}"), true))?;
                notes.push(format!("the AFTR {name} is {address}"));
                address
            }
        };
        let local = ends.local.or(wan.address);
        self.network.set_tunnel(interface, &Tunnel { over: wan.interface.clone(), local, remote })?;
        Ok(notes)
    }
}

/// The two ends of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    /// The near end, where the softwire says it.
    local: Option<Ipv6Addr>,
    remote: Remote,
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Remote {
    Address(Ipv6Addr),
    Name(String),
}

impl Ends {
    /// The error says what is missing.
    fn of(softwire: &Softwire) -> Result<Self, String> {
        let mut notes = Vec::new();
        if softwire.kind == Kind::DsLite.name() {
            let name = softwire.aftr.as_ref().ok_or("the lease names no AFTR")?;
            return Ok(Self { local: None, remote: Remote::Name(name.to_string()), notes });
        }
        let remote = *softwire.br.first().ok_or("the lease names no border relay")?;
        let missing = "the lease does not say which address is the customer's (no S46_V4V6BIND): it would have to be asked \
                       for by other means, which are not built";
        let local = softwire.ce_ipv6.filter(|_| softwire.ipv4.is_some()).ok_or(missing)?;
        if softwire.br.len() > 1 {
            notes.push(format!("of {} border relays the first is used, {remote}", softwire.br.len()));
        }
        let forwarding = softwire.rules.iter().filter(|rule| rule.fmr).count();
        if forwarding > 0 {
            notes.push(format!(
                "the kernel has no forwarding rules of MAP-E ({forwarding} given): packets to other customers of the domain \
                 go by way of the border relay, and what they send directly is not taken"
            ));
        }
        Ok(Self { local: Some(local), remote: Remote::Address(remote), notes })
    }
}

impl Backend for KernelTunnel {
    fn name(&self) -> BackendName {
        BackendName::KernelTunnel
    }

    fn probe(&self) -> Pending<'_, Result<(), String>> {
        Box::pin(async { self.network.probe_tunnel() })
    }

    fn accepts(&self, softwire: &Softwire) -> Result<(), String> {
        Ends::of(softwire).map(drop)
    }

    fn up<'a>(
        &'a self,
        interface: &'a IfName,
        wan: &'a Wan,
        softwire: &'a Softwire,
    ) -> Pending<'a, Result<Vec<String>, BackendError>> {
        Box::pin(self.carry(interface, wan, softwire))
    }

    fn down<'a>(&'a self, interface: &'a IfName) -> Pending<'a, Result<(), BackendError>> {
        Box::pin(async { Ok(self.network.remove_tunnel(interface).map(drop)?) })
    }

    fn stats(&self, interface: &IfName) -> Option<Stats> {
        let counters = self.network.counters(interface)?;
        let sent = Traffic { packets: counters.sent_packets, bytes: counters.sent_bytes };
        let received = Traffic { packets: counters.received_packets, bytes: counters.received_bytes };
        Some(Stats {
            packets: sent.packets.saturating_add(received.packets),
            bytes: sent.bytes.saturating_add(received.bytes),
            sent: Some(sent),
            received: Some(received),
        })
    }
}
