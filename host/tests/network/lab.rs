//! A network namespace for one test, with what it needs to look into it.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use dhcpmgr::clock::{BootId, boottime_ms};
use dhcpmgr::config::DnsBackend;
use dhcpmgr::network::{Desired, DesiredAddress, Network, NetworkEvent, NetworkOptions};
use dhcpmgr::store::Store;
use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::RoutePlan;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{MsgFlags, recv};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// Runs the test in a new network namespace of this thread, with a runtime of one thread, as the daemon's.
pub(crate) fn in_namespace(test: impl AsyncFnOnce()) {
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
        eprintln!("SKIPPED: this test needs a network namespace of its own, and unshare says: {errno}");
        return;
    }
    ip("link set lo up");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test());
}

/// Runs `ip` with these words, and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output =
        Command::new("ip").args(arguments.split_whitespace()).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A pair of links that are up: `name` and, with carrier from it, `p-name`.
pub(crate) fn wan(name: &str) -> IfName {
    ip(&format!("link add {name} type veth peer name p-{name}"));
    ip(&format!("link set p-{name} up"));
    ip(&format!("link set {name} up"));
    name.parse().unwrap()
}

/// The reconciler, its events, and the directory that it thinks is the root.
pub(crate) struct Lab {
    pub(crate) network: Network,
    pub(crate) events: Receiver<NetworkEvent>,
    pub(crate) root: tempfile::TempDir,
}

impl Lab {
    /// As after the start of a daemon whose clients have nothing yet.
    pub(crate) async fn start() -> Self {
        let lab = Self::start_unswept(DnsBackend::None).await;
        lab.sweep().await;
        lab
    }

    /// Sweeps every interface of the tests; what was done, a line each.
    pub(crate) async fn sweep(&self) -> Vec<String> {
        let links = ip("-br link");
        let names = links.lines().filter_map(|line| line.split(['@', ' ']).next()?.parse().ok());
        let names: Vec<_> = names.collect();
        let applied = self.network.sweep(&names).await.unwrap();
        applied.actions.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn start_unswept(backend: DnsBackend) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), backend).await
    }

    /// The daemon ends; what it wrote stays.
    pub(crate) fn end(self) -> tempfile::TempDir {
        self.root
    }

    /// The next daemon on what one before wrote.
    pub(crate) async fn start_in(root: tempfile::TempDir, backend: DnsBackend) -> Self {
        let resolv_conf = root.path().join("run/dhcpmgr/resolv.conf");
        let state = Store::volatile(root.path().join("state"), BootId::current());
        let options = NetworkOptions { resolv_conf, root: root.path().to_owned(), backend, state };
        let (network, events) = Network::start(options).await.unwrap();
        Self { network, events, root }
    }

    pub(crate) fn resolv_conf(&self) -> PathBuf {
        self.root.path().join("run/dhcpmgr/resolv.conf")
    }

    /// Applies, and returns the lines of what was done.
    pub(crate) async fn apply(&self, name: &str, desired: Desired) -> Vec<String> {
        let applied = self.network.apply(&client(name), Some(desired)).await.unwrap();
        applied.actions.iter().map(ToString::to_string).collect()
    }

    /// The next event that `wanted` takes; link events on the way are skipped, silence fails the test.
    pub(crate) async fn event<T>(&mut self, what: &str, wanted: impl Fn(&NetworkEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the task of the network lives");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        timeout(Duration::from_secs(10), found).await.unwrap_or_else(|_| panic!("no event: {what}"))
    }

    pub(crate) async fn repaired(&mut self) -> Vec<String> {
        self.event("repaired", |event| match event {
            NetworkEvent::Repaired { what, .. } => Some(what.clone()),
            NetworkEvent::Mismatch { what, .. } => panic!("mismatch instead of repair: {what:?}"),
            NetworkEvent::Duplicate { address, .. } => panic!("{address} is a duplicate"),
            NetworkEvent::Link { .. } => None,
        })
        .await
    }

    pub(crate) async fn mismatch(&mut self) -> Vec<String> {
        self.event("mismatch", |event| match event {
            NetworkEvent::Mismatch { what, .. } => Some(what.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the link has carrier, or has not.
    pub(crate) async fn carrier(&self, name: &IfName, wanted: bool) {
        for _ in 0..500 {
            if self.network.link(name).is_some_and(|link| link.carrier == wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} did not come to carrier {wanted}");
    }

    /// Lets the task work for a while; returns what it said, without link events.
    pub(crate) async fn quiet(&mut self, how_long: Duration) -> Vec<NetworkEvent> {
        let mut said = Vec::new();
        let listen = async {
            while let Some(event) = self.events.recv().await {
                if !matches!(event, NetworkEvent::Link { .. }) {
                    said.push(event);
                }
            }
        };
        let _ = timeout(how_long, listen).await;
        said
    }
}

pub(crate) fn client(name: &str) -> ClientName {
    name.parse().unwrap()
}

/// What a plain DHCPv4 lease makes: the address, and a default route over `.1` of its /24 that prefers it.
pub(crate) fn lease(interface: &str, address: &str, seconds: u64) -> Desired {
    let address: dhcpmgr_message::InterfaceAddress = address.parse().unwrap();
    let octets = match address.address() {
        std::net::IpAddr::V4(a) => a.octets(),
        std::net::IpAddr::V6(_) => panic!("a v4 lease"),
    };
    let router = std::net::Ipv4Addr::new(octets[0], octets[1], octets[2], 1);
    let until = Some(boottime_ms() + seconds * 1000);
    let mut desired = nothing(interface);
    desired.addresses.push(DesiredAddress {
        address,
        broadcast: None,
        preferred_until: until,
        valid_until: until,
    });
    let mut default = route("0.0.0.0/0", Some(&router.to_string()));
    default.source = Some(address.address());
    desired.routes.push(default);
    desired
}

pub(crate) fn nothing(interface: &str) -> Desired {
    Desired { metric: 100, ..Desired::of(interface.parse().unwrap()) }
}

pub(crate) fn route(to: &str, via: Option<&str>) -> RoutePlan {
    RoutePlan {
        to: to.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        onlink: false,
        source: None,
        metric: None,
        table: None,
        mtu: None,
    }
}

/// The lines of `ip -4 route` of an interface, white space at the end removed, kernel's own left out.
pub(crate) fn routes(interface: &str) -> Vec<String> {
    ip(&format!("-4 route show dev {interface}"))
        .lines()
        .filter(|line| !line.contains("proto kernel"))
        .map(|line| line.trim_end().replace(" linkdown", ""))
        .collect()
}

/// The IPv4 addresses of an interface.
pub(crate) fn addresses(interface: &str) -> Vec<String> {
    ip(&format!("-4 -o addr show dev {interface}"))
        .lines()
        .map(|line| line.split_whitespace().nth(3).unwrap().to_owned())
        .collect()
}

/// The IPv6 addresses of an interface, with their flags, a line each.
pub(crate) fn addresses_v6(interface: &str) -> Vec<String> {
    ip(&format!("-6 -o addr show dev {interface}")).lines().map(str::to_owned).collect()
}

/// Listens beside the reconciler, as a judge.
pub(crate) struct Monitor(Socket);

impl Monitor {
    /// Listens to IPv4 addresses and routes: of IPv6 the kernel itself has much to say on a new link.
    pub(crate) fn v4() -> Self {
        Self::of([5, 7])
    }

    /// Listens to IPv6 addresses and routes.
    pub(crate) fn v6() -> Self {
        Self::of([9, 11])
    }

    fn of(groups: [u32; 2]) -> Self {
        let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
        let groups = groups.iter().fold(0, |all, group| all | 1 << (group - 1));
        socket.bind(&SocketAddr::new(0, groups)).unwrap();
        Self(socket)
    }

    /// The types of the messages since the last call, without those about the table `local`.
    pub(crate) fn heard(&self) -> Vec<&'static str> {
        self.messages().iter().map(|message| kind(message)).collect()
    }

    /// The same with what they are about, `NEWADDR 2001:db8::7/128`, where that begins with these words.
    pub(crate) fn heard_of(&self, words: &str) -> Vec<String> {
        let about = |message: &Vec<u8>| {
            let is_v6 = message[16] == 10;
            // struct ifaddrmsg is 8 bytes, struct rtmsg 12; IFA_ADDRESS and RTA_DST are both 1.
            let at = if message[4] < 24 { 24 } else { 28 };
            let mut attributes = netlink_packet_core::NlasIterator::new(&message[at..]).flatten();
            let address = attributes.find(|attribute| attribute.kind() == 1)?;
            let address: std::net::IpAddr = match is_v6 {
                true => <[u8; 16]>::try_from(address.value()).ok()?.into(),
                false => <[u8; 4]>::try_from(address.value()).ok()?.into(),
            };
            Some(format!("{address}/{}", message[17])).filter(|about| about.starts_with(words))
        };
        let messages = self.messages();
        messages.iter().filter_map(|message| Some(format!("{} {}", kind(message), about(message)?))).collect()
    }

    fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        let mut buffer = [0; 32 * 1024];
        while let Ok(len) = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            assert!(len >= 28);
            let kind = u16::from_ne_bytes([buffer[4], buffer[5]]);
            if !((24..=25).contains(&kind) && buffer[20] == 255) {
                messages.push(buffer[..len].to_vec());
            }
        }
        messages
    }
}

/// The type of a message.
fn kind(message: &[u8]) -> &'static str {
    match u16::from_ne_bytes([message[4], message[5]]) {
        20 => "NEWADDR",
        21 => "DELADDR",
        24 => "NEWROUTE",
        25 => "DELROUTE",
        _ => "other",
    }
}
