//! The `resolved` back-end: systemd-resolved over D-Bus (org.freedesktop.resolve1(5)), for each link.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use dhcpmgr_message::IfName;
use tokio::time::timeout;
use zbus::Connection;
use zbus::connection::Builder;

use super::Record;
use crate::paths::Paths;

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
pub(super) struct Resolved {
    /// The address of the bus.
    address: String,
    connection: Option<Connection>,
}

impl Resolved {
    /// On the system bus below this root.
    pub(super) fn new(root: &Path) -> Self {
        let socket = Paths::new(root).system_bus_socket();
        Self { address: format!("unix:path={}", socket.display()), connection: None }
    }

    /// Sets what a link's name servers are, or reverts the link. An error is a sentence.
    pub(super) async fn tell(&mut self, interface: &IfName, record: Option<&Record>) -> Result<(), String> {
        let index = match nix::net::if_::if_nametoindex(interface.as_str()) {
            Ok(index) => i32::try_from(index).unwrap_or(i32::MAX),
            // systemd-resolved forgets a link that is gone by itself.
            Err(_) if record.is_none() => return Ok(()),
            Err(_) => return Err(format!("interface {interface} does not exist")),
        };
        let is_old = self.connection.is_some();
        match self.try_to_tell(index, record).await {
            // The bus may have been started again since.
            Err(_) if is_old => self.try_to_tell(index, record).await,
            outcome => outcome,
        }
    }

    async fn try_to_tell(&mut self, index: i32, record: Option<&Record>) -> Result<(), String> {
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
            None => {
                let made = Builder::address(self.address.as_str()).build().await?;
                self.connection.insert(made).clone()
            }
        };
        let manager = ManagerProxy::new(&connection).await?;
        let Some(record) = record else { return manager.revert_link(index).await };
        let servers: Vec<(i32, Vec<u8>)> = record.servers.iter().copied().map(family_and_bytes).collect();
        let domains: Vec<(&str, bool)> = record.search.iter().map(|name| (name.as_str(), false)).collect();
        manager.set_link_dns(index, &servers).await?;
        manager.set_link_domains(index, &domains).await
    }
}

fn family_and_bytes(server: IpAddr) -> (i32, Vec<u8>) {
    match server {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, Mutex};
    use zbus::MessageStream;
    use zbus::message::Type;

    /// A bus of our own.
    struct Bus {
        daemon: Child,
        address: String,
        _directory: tempfile::TempDir,
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
    }

    fn bus() -> Option<Bus> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow own=\"*\"/><allow send_destination=\"*\"/>\
             <allow receive_sender=\"*\"/></policy></busconfig>",
            directory.path().display()
        );
        std::fs::write(&config, text).unwrap();
        let daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address", "--config-file"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut daemon) = daemon else {
            eprintln!("SKIPPED: dbus-daemon is not installed");
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Bus { daemon, address: address.trim().to_owned(), _directory: directory })
    }

    type Calls = Arc<Mutex<Vec<String>>>;

    /// Something that answers in place of systemd-resolved, and remembers what it was told.
    async fn mock(bus: &Bus, refuse: bool) -> Calls {
        let connection = Builder::address(bus.address.as_str()).build().await.unwrap();
        connection.request_name("org.freedesktop.resolve1").await.unwrap();
        let calls = Calls::default();
        let heard = Arc::clone(&calls);
        tokio::spawn(async move {
            let mut messages = MessageStream::from(&connection);
            while let Some(Ok(message)) = messages.next().await {
                let header = message.header();
                if header.message_type() != Type::MethodCall {
                    continue;
                }
                let member = header.member().unwrap().to_string();
                let body = message.body();
                let said = match member.as_str() {
                    "SetLinkDNS" => {
                        format!("{:?}", body.deserialize::<(i32, Vec<(i32, Vec<u8>)>)>().unwrap())
                    }
                    "SetLinkDomains" => {
                        format!("{:?}", body.deserialize::<(i32, Vec<(String, bool)>)>().unwrap())
                    }
                    _ => format!("{:?}", body.deserialize::<i32>().unwrap()),
                };
                heard.lock().unwrap().push(format!("{member}{said}"));
                if refuse {
                    let name = "org.freedesktop.resolve1.LinkBusy";
                    connection.reply_error(&header, name, &"Link lo is managed.").await.unwrap();
                } else {
                    connection.reply(&header, &()).await.unwrap();
                }
            }
        });
        calls
    }

    fn record() -> Record {
        Record {
            interface: "lo".parse().unwrap(),
            metric: 1,
            servers: vec!["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()],
            search: vec!["isp.example".parse().unwrap()],
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_link_is_told_its_servers_and_domains_and_reverted() {
        let Some(bus) = bus() else { return };
        let calls = mock(&bus, false).await;
        let mut resolved = Resolved { address: bus.address.clone(), connection: None };
        resolved.tell(&"lo".parse().unwrap(), Some(&record())).await.unwrap();
        resolved.tell(&"lo".parse().unwrap(), None).await.unwrap();
        assert_eq!(
            *calls.lock().unwrap(),
            [
                "SetLinkDNS(1, [(2, [192, 0, 2, 53]), (10, [32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 83])])",
                "SetLinkDomains(1, [(\"isp.example\", false)])",
                "RevertLink1",
            ]
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_refusal_and_an_absent_service_are_said_in_words() {
        let Some(bus) = bus() else { return };
        let mut resolved = Resolved { address: bus.address.clone(), connection: None };
        let error = resolved.tell(&"lo".parse().unwrap(), Some(&record())).await.unwrap_err();
        assert!(error.starts_with("systemd-resolved: ") && error.contains("resolve1"), "{error}");
        let _calls = mock(&bus, true).await;
        let mut resolved = Resolved { address: bus.address.clone(), connection: None };
        let error = resolved.tell(&"lo".parse().unwrap(), Some(&record())).await.unwrap_err();
        assert!(error.contains("Link lo is managed."), "{error}");
        let error = resolved.tell(&"nowhere0".parse().unwrap(), Some(&record())).await.unwrap_err();
        assert_eq!(error, "interface nowhere0 does not exist");
    }
}
