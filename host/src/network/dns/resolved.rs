//! The `resolved` back-end: systemd-resolved over D-Bus (org.freedesktop.resolve1(5)), for each link.

use std::net::IpAddr;
use std::time::Duration;

use dhcpmgr_message::IfName;
use tokio::time::timeout;
use zbus::Connection;

use super::Record;

/// How long systemd-resolved may take to answer, its start by D-Bus activation included.
const PATIENCE: Duration = Duration::from_secs(10);

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

#[zbus::proxy(
    interface = "org.freedesktop.resolve1.Manager",
    default_service = "org.freedesktop.resolve1",
    default_path = "/org/freedesktop/resolve1"
)]
trait Manager {
    /// Address family and address, for each server.
    #[zbus(name = "SetLinkDNS")]
    fn set_link_dns(&self, ifindex: i32, addresses: &[(i32, Vec<u8>)]) -> zbus::Result<()>;

    /// Domain, and whether it is for routing only.
    fn set_link_domains(&self, ifindex: i32, domains: &[(&str, bool)]) -> zbus::Result<()>;

    fn revert_link(&self, ifindex: i32) -> zbus::Result<()>;
}

/// The connection, made when first needed and again after an error.
#[derive(Default)]
pub(super) struct Resolved {
    connection: Option<Connection>,
}

impl Resolved {
    /// Sets what a link's name servers are, or reverts the link. An error is a sentence.
    pub(super) async fn tell(&mut self, interface: &IfName, record: Option<&Record>) -> Result<(), String> {
        let index = match nix::net::if_::if_nametoindex(interface.as_str()) {
            Ok(index) => i32::try_from(index).unwrap_or(i32::MAX),
            // systemd-resolved forgets a link that is gone by itself.
            Err(_) if record.is_none() => return Ok(()),
            Err(_) => return Err(format!("interface {interface} does not exist")),
        };
        let outcome = match timeout(PATIENCE, self.call(index, record)).await {
            Err(_) => Err(format!("systemd-resolved did not answer within {} s", PATIENCE.as_secs())),
            Ok(Err(error)) => Err(format!("systemd-resolved: {error}")),
            Ok(Ok(())) => Ok(()),
        };
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    async fn call(&mut self, index: i32, record: Option<&Record>) -> zbus::Result<()> {
        let connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => self.connection.insert(Connection::system().await?).clone(),
        };
        let manager = ManagerProxy::new(&connection).await?;
        let Some(record) = record else { return manager.revert_link(index).await };
        let servers: Vec<(i32, Vec<u8>)> = record.servers.iter().copied().map(family_and_bytes).collect();
        let domains: Vec<(&str, bool)> = record.search.iter().map(|name| (name.as_str(), false)).collect();
        manager.set_link_dns(index, &servers).await?;
        manager.set_link_domains(index, &domains).await
    }

    /// Talks over this connection instead of the system bus.
    #[cfg(test)]
    fn over(connection: Connection) -> Self {
        Self { connection: Some(connection) }
    }
}

fn family_and_bytes(server: IpAddr) -> (i32, Vec<u8>) {
    match server {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    }
}
