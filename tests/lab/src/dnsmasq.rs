//! dnsmasq at the ISP: the DHCP server of most tests. Its shortest lease is two minutes; for shorter ones see Kea.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::kernel::{self, Sockets, await_sockets};
use crate::process::Process;
use crate::{Lab, Result, Uplink};

/// What a dnsmasq shall do. Started again with another configuration it keeps its leases.
#[derive(Debug, Clone)]
pub struct DnsmasqConfig<'lab> {
    lab: &'lab Lab,
    uplink: &'lab Uplink,
    first: u8,
    last: u8,
    lease: u32,
    authoritative: bool,
    lines: Vec<String>,
}

impl<'lab> DnsmasqConfig<'lab> {
    pub(crate) fn new(lab: &'lab Lab, uplink: &'lab Uplink) -> Self {
        let lines = Vec::new();
        Self { lab, uplink, first: 100, last: 199, lease: 3600, authoritative: true, lines }
    }

    /// The hosts of the network to lease; 100 to 199 unless told otherwise.
    #[must_use]
    pub fn range(mut self, first: u8, last: u8) -> Self {
        (self.first, self.last) = (first, last);
        self
    }

    /// The lease time, seconds: at least 120, an hour unless told otherwise.
    #[must_use]
    pub fn lease(mut self, seconds: u32) -> Self {
        self.lease = seconds;
        self
    }

    /// Whether it speaks for the network and refuses addresses that it does not know; it does unless told otherwise.
    #[must_use]
    pub fn authoritative(mut self, yes: bool) -> Self {
        self.authoritative = yes;
        self
    }

    /// A `dhcp-option`: `6,192.0.2.53` or `option:router`.
    #[must_use]
    pub fn option(self, value: &str) -> Self {
        self.line(&format!("dhcp-option={value}"))
    }

    /// A `dhcp-option-force`: sent also when nobody asks for it.
    #[must_use]
    pub fn force(self, value: &str) -> Self {
        self.line(&format!("dhcp-option-force={value}"))
    }

    /// A line of its configuration as it stands.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    fn text(&self, leases: &std::path::Path) -> String {
        let Self { uplink, first, last, lease, .. } = self;
        let (first, last) = (uplink.host(*first), uplink.host(*last));
        let mut text = format!(
            "port=0\nno-resolv\nno-hosts\nno-ping\nbind-interfaces\ninterface={}\nexcept-interface=lo\n\
             dhcp-range={first},{last},255.255.255.0,{lease}\ndhcp-leasefile={}\nlog-dhcp\n",
            uplink.bridge,
            leases.display(),
        );
        if self.authoritative {
            text.push_str("dhcp-authoritative\n");
        }
        for line in &self.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Dnsmasq<'lab>> {
        let name = format!("dnsmasq-{}", self.uplink.bridge);
        let leases = self.lab.dir().join(format!("{name}.leases"));
        let file = self.lab.write(&format!("{name}.conf"), &self.text(&leases))?;
        let file = format!("--conf-file={}", file.display());
        // `--no-daemon` also keeps it from changing its user, which a user namespace does not have.
        let arguments = ["--no-daemon", "--log-facility=-", &file];
        let listening = kernel::listening(&self.lab.isp, "udp", 67)?;
        let mut process = self.lab.isp.spawn("dnsmasq", &arguments, &[], &self.lab.log(&name))?;
        let sockets = Sockets { table: "udp", port: 67, count: listening + 1 };
        await_sockets(&self.lab.isp, &mut process, sockets)?;
        Ok(Dnsmasq { lab: self.lab, uplink: self.uplink, process, leases })
    }
}

/// A running dnsmasq; killed when dropped.
#[derive(Debug)]
pub struct Dnsmasq<'lab> {
    lab: &'lab Lab,
    uplink: &'lab Uplink,
    process: Process,
    leases: PathBuf,
}

impl<'lab> Dnsmasq<'lab> {
    /// Ends it; what comes next starts with its leases, or, after [`Dnsmasq::forget`], without.
    pub fn stop(mut self) -> Result<DnsmasqConfig<'lab>> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait(Duration::from_secs(5))?;
        Ok(DnsmasqConfig::new(self.lab, self.uplink))
    }

    /// Ends it and forgets its leases.
    pub fn forget(self) -> Result<DnsmasqConfig<'lab>> {
        let leases = self.leases.clone();
        let config = self.stop()?;
        std::fs::remove_file(leases)?;
        Ok(config)
    }

    /// Makes it deaf, or hear again: the server is there but does not answer.
    pub fn freeze(&self, frozen: bool) -> Result {
        self.process.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT })
    }

    /// What it logged, with every packet's options.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
