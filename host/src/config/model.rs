//! The typed configuration. Reading TOML is the business of the loader; what is here is already right.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use dhcpmgr_message::{Bytes, ClientName, HostName, IfName, Prefix};
use dhcpmgr_plugin_api::{Hook, MtuPolicy, Protocol, RoutePolicy};
use serde::{Deserialize, Serialize};

use super::hook::ProgramHook;
use super::lan::Lans;
use super::softwire::Softwire;
use super::written::Written;
use crate::clients::Program;
use crate::flat::{FlatMap, FlatSet};
use crate::signature::PublicKey;

/// Everything the operator decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `[daemon]`
    pub daemon: Daemon,
    /// `[dns]`
    pub dns: Dns,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[observer]`
    pub observer: Observer,
    /// `[clients.NAME]`
    pub clients: FlatMap<ClientName, Client>,
    /// `[signatures]`: whose modules are accepted, where their handlers say nothing else; anybody's when empty.
    pub public_keys: Vec<PublicKey>,
    /// `[handlers.NAME]`, in the order of the files: the order of the chain.
    pub handlers: Vec<Handler>,
    /// `[delegations.IFACE]`, `[ula]`, `[router_advertisements]`
    pub lans: Lans,
    /// `[softwire]`
    pub softwire: Softwire,
    /// `[hooks.NAME]`, in the order of the files.
    pub hooks: Vec<ProgramHook>,
}

/// `[daemon]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// What to log, in `RUST_LOG` syntax.
    pub log: String,
}

impl Default for Daemon {
    fn default() -> Self {
        Self { log: "info".to_owned() }
    }
}

/// `[dns]`: where name servers go, besides `/run/dhcpmgr/resolv.conf`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dns {
    /// The back-end.
    pub backend: DnsBackend,
}

/// Who else is told of name servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsBackend {
    /// Nobody: consumers read `/run/dhcpmgr/resolv.conf`.
    #[default]
    None,
    /// `/etc/resolv.conf` becomes a symbolic link to ours, or is replaced where it is a plain file.
    File,
    /// The `resolvconf` program, a record for each interface.
    Resolvconf,
    /// systemd-resolved over D-Bus, for each link.
    Resolved,
}

/// `[metrics]`: who may read them without `dhcpmgr metrics`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where they are served; nowhere when absent.
    pub listen: Option<MetricsAddress>,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAddress {
    /// At `/run/dhcpmgr/metrics.sock`.
    Socket,
    /// At a port of a loopback address.
    Port(SocketAddr),
}

/// The word of [`MetricsAddress::Socket`].
const SOCKET: &str = "socket";

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == SOCKET {
            return Ok(Self::Socket);
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if !address.ip().is_loopback() => {
                Err(format!("{} is not an address of this machine only", address.ip()))
            }
            Ok(address) if address.port() == 0 => Err("port 0 is none".to_owned()),
            Ok(address) => Ok(Self::Port(address)),
            Err(_) => Err(format!("{text:?} is neither \"{SOCKET}\" nor an address with a port")),
        }
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str(SOCKET),
            Self::Port(address) => address.fmt(f),
        }
    }
}

/// `[observer]`: whether packets of DHCP are listened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observer {
    /// Off by default: every packet that is forwarded pays for it.
    pub enabled: bool,
}

/// A sysctl of an interface that may be set: `net.ipv6.conf.IF.NAME`. No other one ever is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sysctl {
    /// Whether router advertisements are taken: 0 no, 1 unless the interface forwards, 2 always. A gateway's WAN needs
    /// 2 for the default route, which is the kernel's business.
    AcceptRa,
    /// Whether the default route is taken from them.
    AcceptRaDefrtr,
    /// Whether their MTU is taken.
    AcceptRaMtu,
    /// Whether their prefixes are taken.
    AcceptRaPinfo,
    /// Longest prefix of more specific routes that is taken from them (RFC 4191), bits.
    AcceptRaRtInfoMaxPlen,
    /// Whether addresses are made of their prefixes (SLAAC).
    Autoconf,
    /// Temporary addresses (RFC 8981): 0 none, 1 made, 2 made and preferred.
    UseTempaddr,
}

impl Sysctl {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AcceptRa,
        Self::AcceptRaDefrtr,
        Self::AcceptRaMtu,
        Self::AcceptRaPinfo,
        Self::AcceptRaRtInfoMaxPlen,
        Self::Autoconf,
        Self::UseTempaddr,
    ];

    /// The last part of its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcceptRa => "accept_ra",
            Self::AcceptRaDefrtr => "accept_ra_defrtr",
            Self::AcceptRaMtu => "accept_ra_mtu",
            Self::AcceptRaPinfo => "accept_ra_pinfo",
            Self::AcceptRaRtInfoMaxPlen => "accept_ra_rt_info_max_plen",
            Self::Autoconf => "autoconf",
            Self::UseTempaddr => "use_tempaddr",
        }
    }

    /// The largest value that the kernel gives a meaning to; the smallest is 0.
    #[must_use]
    pub const fn largest(self) -> u8 {
        match self {
            Self::AcceptRaRtInfoMaxPlen => 128,
            Self::AcceptRa | Self::UseTempaddr => 2,
            Self::AcceptRaDefrtr | Self::AcceptRaMtu | Self::AcceptRaPinfo | Self::Autoconf => 1,
        }
    }
}

/// `[clients.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The name, its TR-181 Alias.
    pub name: ClientName,
    /// Whether it runs.
    pub enabled: bool,
    /// The protocol.
    pub protocol: Protocol,
    /// The interface.
    pub interface: IfName,
    /// The client program.
    pub program: Program,
    /// Option codes to request besides what handlers ask for.
    pub request: FlatSet<u16>,
    /// Option code → value as on the wire, to send.
    pub send: FlatMap<u16, Bytes>,
    /// Host name to send (option 12).
    pub hostname: Option<HostName>,
    /// Metric of the lease's routes.
    pub metric: u32,
    /// What the server may do to the MTU.
    pub mtu: MtuPolicy,
    /// Which routes the server may set.
    pub routes: RoutePolicy,
    /// DISCOVERs before a pause (udhcpc `-t`).
    pub discover_attempts: u32,
    /// Between DISCOVERs (udhcpc `-T`), whole seconds.
    pub discover_interval: Duration,
    /// The pause (udhcpc `-A`), whole seconds.
    pub discover_pause: Duration,
    /// `[clients.NAME.sysctls]`: set on the interface as long as the client is enabled.
    pub sysctls: FlatMap<Sysctl, u8>,
    /// What happens to the lease when the daemon ends.
    pub on_stop: OnStop,
    /// `[clients.NAME.recovery]`
    pub recovery: Recovery,
    /// What only a client for DHCPv6 has; the default for one for DHCPv4.
    pub v6: V6,
}

/// What only a client for DHCPv6 has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct V6 {
    /// IA_NA: what it asks for, one association each. Neither these nor `ia_pd` is stateless (RFC 8415 section 6.1).
    pub ia_na: Vec<IaConfig>,
    /// IA_PD.
    pub ia_pd: Vec<IaConfig>,
    /// Whether a server may answer SOLICIT with REPLY (RFC 8415 section 21.14), where the client program can take it.
    pub rapid_commit: bool,
    /// Whether a server may tell the client to ask again (RFC 8415 section 21.20).
    pub reconfigure_accept: bool,
}

/// An identity association that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IaConfig {
    /// Its IAID; when absent, the one that was used first, or its place in the list from 1.
    pub iaid: Option<u32>,
    /// The address (with a length of 128) or the prefix that is wished for; `::` where only the length counts.
    pub hint: Option<Prefix>,
    /// T1 that is wished for, seconds.
    pub t1: Option<u32>,
    /// T2 that is wished for, seconds.
    pub t2: Option<u32>,
}

/// `[clients.NAME.recovery]`: how patient the supervisor is. All times are whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How often a client that died is started again within the window.
    pub restarts: u32,
    /// The window.
    pub window: Duration,
    /// How long it waits between starts when those are used up.
    pub slow: Duration,
    /// How long a client must have held a lease until its restarts are forgotten.
    pub steady: Duration,
    /// How long a client may give no sign of life when one is expected.
    pub stuck: Duration,
    /// What is done then.
    pub on_stuck: OnStuck,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            restarts: 10,
            window: Duration::from_secs(3600),
            slow: Duration::from_secs(900),
            steady: Duration::from_secs(600),
            stuck: Duration::from_secs(120),
            on_stuck: OnStuck::default(),
        }
    }
}

/// What is done about a client that lives and gets nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStuck {
    /// It is started again, within the budget.
    #[default]
    Restart,
    /// It is reported.
    Report,
}

/// What happens to a lease when the daemon ends. A client that is disabled, or whose section goes, gives its lease
/// back in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// The client runs on and the lease stays, for the daemon that is started next.
    #[default]
    Keep,
    /// The client ends. The lease is not given back; its address stays as long as the server said.
    Stop,
    /// It is given back to the server.
    Release,
}

/// `[handlers.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// The name in the configuration.
    pub name: String,
    /// The module: a file name in the handlers directory, or an absolute path.
    pub module: String,
    /// Where it runs.
    pub isolation: Isolation,
    /// Who may have signed its module; no signature is asked for when empty.
    pub public_keys: Vec<PublicKey>,
    /// What it may contribute.
    pub grants: FlatSet<Grant>,
    /// The clients it is asked for; every client whose protocol the module declares when absent.
    pub clients: Option<FlatSet<ClientName>>,
    /// How long one call may take, where nothing else is said of its hook.
    pub deadline: Duration,
    /// How long one call of a hook may take.
    pub deadlines: FlatMap<Hook, Duration>,
    /// Its place in the chain: lower comes first, those of the same order as the files have them.
    pub order: u32,
    /// `HANDLER.FIELD`: whose contribution it takes the place of, besides what its module says.
    pub overrides: Vec<String>,
    /// `[handlers.NAME.settings]` as MessagePack, handed to the module as it stands.
    pub settings: Bytes,
    /// Where they are written.
    pub written: Written,
}

impl Handler {
    /// How long one call of a hook may take.
    #[must_use]
    pub fn deadline_of(&self, hook: Hook) -> Duration {
        let usual = match hook {
            // What has happened is over: nobody waits for what a handler says to it.
            Hook::Event => self.deadline.max(Duration::from_secs(1)),
            _ => self.deadline,
        };
        self.deadlines.get(&hook).copied().unwrap_or(usual)
    }
}

/// Where a handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In a sandboxed process of its own.
    Worker,
    /// In the daemon; the default for the modules that we ship.
    InProcess,
}

/// What a handler may contribute; see the fields of `Plan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Addresses.
    Addresses,
    /// Routes and rules.
    Routes,
    /// The link's MTU.
    Mtu,
    /// Name servers and search domains.
    Dns,
    /// Time servers.
    Ntp,
    /// Delegated prefixes.
    Prefixes,
    /// Softwires.
    Softwire,
    /// Values for the data model.
    Parameters,
    /// Events.
    Events,
    /// Options to send and to request.
    SendOptions,
    /// Refusing a lease.
    Refuse,
}

impl Grant {
    /// All of them: the default for the modules that we ship.
    pub const ALL: [Self; 11] = [
        Self::Addresses,
        Self::Routes,
        Self::Mtu,
        Self::Dns,
        Self::Ntp,
        Self::Prefixes,
        Self::Softwire,
        Self::Parameters,
        Self::Events,
        Self::SendOptions,
        Self::Refuse,
    ];

    /// What a module that we did not ship gets unless told otherwise.
    pub const THIRD_PARTY: [Self; 3] = [Self::Events, Self::Parameters, Self::SendOptions];
}
