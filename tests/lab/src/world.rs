//! The world: an ISP and a gateway, with as many links between them as a test wants.
//!
//! ```text
//!   hosts         gateway                          isp
//!                 wan0 ───────── veth ───────── p0 ─ br0   10.77.0.1/24, 2001:db8:77::1/64, servers listen here
//!                 wan1 ───────── veth ───────── p1 ─ br1   10.77.1.1/24, 2001:db8:77:1::1/64
//!   eth0 ─ veth ─ lan0
//! ```
//! Each link is a network of its own. The port `pN` going down is the cable pulled out of `wanN`, and the server's
//! own interface does not notice.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::Context;
use crate::{
    Address, Capture, Capture6, Daemon, DibblerConfig, DnsmasqConfig, Kea6Config, KeaConfig, LanHost,
    Monitor, Namespace, Radvd, Result, Route, kernel, radvd,
};

/// One link between ISP and gateway.
#[derive(Debug, Clone)]
pub struct Uplink {
    index: u8,
    /// The gateway's interface.
    pub interface: String,
    /// The ISP's port of it.
    pub port: String,
    /// The ISP's bridge, where its servers listen.
    pub bridge: String,
}

impl Uplink {
    fn new(index: u8) -> Self {
        Self {
            index,
            interface: format!("wan{index}"),
            port: format!("p{index}"),
            bridge: format!("br{index}"),
        }
    }

    /// An address of the link's network `10.77.INDEX.0/24`; the ISP itself is host 1.
    #[must_use]
    pub fn host(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.index, host)
    }

    /// As text with the network's length: `10.77.0.100/24`.
    #[must_use]
    pub fn on_link(&self, host: u8) -> String {
        format!("{}/24", self.host(host))
    }

    /// An address of the link's network `2001:db8:77:INDEX::/64`; the ISP itself is host 1.
    #[must_use]
    pub fn host6(&self, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0x77, u16::from(self.index), 0, 0, 0, host)
    }

    /// The first prefix that the ISP delegates on this link out of one of its groups, which are what a renumbering
    /// changes: `2001:db8:f000::/56`, on the next link `2001:db8:f001::/56`.
    #[must_use]
    pub fn prefix(&self, group: u16) -> String {
        format!("{}/56", self.prefix_base(group))
    }

    pub(crate) fn prefix_base(&self, group: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, group | u16::from(self.index), 0, 0, 0, 0, 0)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Lab {
    /// Where `dhcpmgrd` and udhcpc run.
    pub gateway: Namespace,
    /// Where the servers run.
    pub isp: Namespace,
    /// The links between the two.
    pub uplinks: Vec<Uplink>,
    dir: Option<TempDir>,
}

impl Lab {
    /// A world with one uplink.
    pub fn new() -> Result<Self> {
        Self::with_uplinks(1)
    }

    /// A world with this many uplinks, all plugged in.
    pub fn with_uplinks(count: u8) -> Result<Self> {
        // Below /tmp and short: names of Unix sockets have at most 107 bytes.
        let dir = tempfile::Builder::new().prefix("dhcpmgr-lab-").tempdir()?;
        let (gateway, isp) = (Namespace::new("gateway")?, Namespace::new("isp")?);
        // What is not under test keeps quiet and is ready at once.
        for namespace in [&gateway, &isp] {
            namespace.ready_at_once()?;
        }
        let lab = Self { gateway, isp, uplinks: (0..count).map(Uplink::new).collect(), dir: Some(dir) };
        for uplink in &lab.uplinks {
            lab.plug(uplink)?;
        }
        lab.lan("lan0")?;
        Ok(lab)
    }

    /// Adds a LAN to the gateway; `lan0` is there already.
    pub fn lan(&self, bridge: &str) -> Result {
        self.gateway.ip(&["link", "add", bridge, "type", "bridge"])?;
        self.gateway.ip(&["link", "set", bridge, "up"]).map(drop)
    }

    /// A host on a LAN of the gateway.
    pub fn lan_host(&self, bridge: &str) -> Result<LanHost> {
        LanHost::plug(self, bridge)
    }

    /// Lets the gateway forward IPv6. Its kernel then heeds router advertisements only where `accept_ra` is 2.
    pub fn forward_v6(&self) -> Result {
        self.gateway.run(|| Ok(std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")?))
    }

    fn plug(&self, uplink: &Uplink) -> Result {
        let Uplink { interface, port, bridge, .. } = uplink;
        let isp = &self.isp;
        if isp.ip(&["link", "show", "dev", bridge]).is_err() {
            isp.ip(&["link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0"])?;
            isp.ip(&["link", "set", bridge, "up"])?;
            isp.ip(&["addr", "add", &uplink.on_link(1), "dev", bridge])?;
            isp.ip(&["addr", "add", &format!("{}/64", uplink.host6(1)), "dev", bridge])?;
        }
        let gateway = self.gateway.file();
        // The same for ever: what comes back is the same modem.
        let mac = format!("02:00:00:00:00:{:02x}", uplink.index);
        let peer = ["peer", "name", interface, "address", &mac, "netns", &gateway];
        isp.ip(&[&["link", "add", port, "type", "veth"][..], &peer].concat())?;
        isp.ip(&["link", "set", port, "master", bridge])?;
        isp.ip(&["link", "set", port, "up"])?;
        self.gateway.ip(&["link", "set", interface, "up"]).map(drop)
    }

    /// The directory of this world: `--root` of its daemon, and everything else that is written.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().map_or(Path::new("/nonexistent"), TempDir::path)
    }

    /// A file for the log of a program.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir().join(format!("{name}.log"))
    }

    /// The first uplink.
    #[must_use]
    pub fn wan(&self) -> &Uplink {
        &self.uplinks[0]
    }

    /// Plugs the cable of an uplink in or pulls it out.
    pub fn carrier(&self, uplink: &Uplink, on: bool) -> Result {
        self.isp.ip(&["link", "set", &uplink.port, if on { "up" } else { "down" }]).map(drop)
    }

    /// Takes the gateway's interface away, as a modem does that resets.
    pub fn remove_interface(&self, uplink: &Uplink) -> Result {
        self.gateway.ip(&["link", "del", &uplink.interface]).map(drop)
    }

    /// Brings it back: the same name, another interface.
    pub fn restore_interface(&self, uplink: &Uplink) -> Result {
        self.plug(uplink)
    }

    /// A dnsmasq for this uplink, to be configured and started.
    #[must_use]
    pub fn dnsmasq<'lab>(&'lab self, uplink: &'lab Uplink) -> DnsmasqConfig<'lab> {
        DnsmasqConfig::new(self, uplink)
    }

    /// A Kea for all uplinks, to be configured and started.
    #[must_use]
    pub fn kea(&self) -> KeaConfig<'_> {
        KeaConfig::new(self)
    }

    /// A Kea for DHCPv6 on all uplinks, to be configured and started.
    #[must_use]
    pub fn kea6(&self) -> Kea6Config<'_> {
        Kea6Config::new(self)
    }

    /// A dibbler-server on all uplinks, to be configured and started.
    #[must_use]
    pub fn dibbler_server(&self) -> DibblerConfig<'_> {
        DibblerConfig::new(self)
    }

    /// The ISP's router advertisements on all uplinks: managed addresses, and the default route.
    pub fn router_advertisements(&self) -> Result<Radvd> {
        radvd::of_the_isp(self)
    }

    /// A radvd at the gateway with this configuration file; its process id lies beside it, ending in `.pid`.
    pub fn radvd(&self, config: &Path) -> Result<Radvd> {
        Radvd::start(&self.gateway, config, &self.log("radvd"))
    }

    /// Installs a `dhcpmgrd` below [`Lab::dir`], with this configuration, and starts it at the gateway.
    pub fn daemon(&self, config: &str) -> Result<Daemon<'_>> {
        let mut daemon = Daemon::install(self)?;
        daemon.configure(config)?;
        daemon.start()?;
        Ok(daemon)
    }

    /// Records what the gateway's kernel announces from now on.
    pub fn monitor(&self) -> Result<Monitor> {
        self.gateway.run(Monitor::start)
    }

    /// Records the DHCP packets of the gateway's interface from now on.
    pub fn capture(&self, uplink: &Uplink) -> Result<Capture> {
        let interface = uplink.interface.clone();
        self.gateway.run(move || Capture::start(&interface))
    }

    /// Records the DHCPv6 packets of the gateway's interface from now on.
    pub fn capture6(&self, uplink: &Uplink) -> Result<Capture6> {
        let interface = uplink.interface.clone();
        self.gateway.run(move || Capture::start(&interface))
    }

    /// The IPv4 addresses of a gateway interface.
    pub fn addresses(&self, interface: &str) -> Result<Vec<Address>> {
        kernel::addresses(&self.gateway, interface)
    }

    /// The IPv4 routes through a gateway interface, all tables but `local`.
    pub fn routes(&self, interface: &str) -> Result<Vec<Route>> {
        kernel::routes(&self.gateway, interface)
    }

    /// The MTU of a gateway interface, bytes.
    pub fn mtu(&self, interface: &str) -> Result<u32> {
        kernel::mtu(&self.gateway, interface)
    }

    /// Writes a file below [`Lab::dir`], with its directories.
    pub fn write(&self, path: &str, text: &str) -> Result<PathBuf> {
        let file = self.dir().join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&file, text).context(|| format!("writing {}", file.display()))?;
        Ok(file)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.gateway.kill_all();
        self.isp.kill_all();
        let keep = std::thread::panicking() || std::env::var_os("DHCPMGR_KEEP_LAB").is_some();
        if let Some(dir) = self.dir.take().filter(|_| keep) {
            eprintln!("what the programs wrote is kept in {}", dir.keep().display());
        }
    }
}
