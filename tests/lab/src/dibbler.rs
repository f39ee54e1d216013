//! dibbler-server at the ISP: the second DHCPv6 server, which answers differently from Kea where it matters. After it
//! has lost its leases, it answers a REBIND with an empty IA_PD and no status code.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::kernel::{Sockets, await_sockets};
use crate::process::Process;
use crate::{Lab, Result};

/// Where stock dibbler-server looks and writes, whatever it is told.
const PLACES: [&str; 3] = ["/etc/dibbler", "/var/lib/dibbler", "/var/log/dibbler"];

/// What a dibbler-server shall do, for all uplinks of the laboratory alike.
#[derive(Debug, Clone)]
pub struct DibblerConfig<'lab> {
    lab: &'lab Lab,
    t1: u32,
    t2: u32,
    preferred: u32,
    valid: u32,
    group: u16,
    lines: Vec<String>,
}

impl<'lab> DibblerConfig<'lab> {
    pub(crate) fn new(lab: &'lab Lab) -> Self {
        Self { lab, t1: 1000, t2: 1600, preferred: 3000, valid: 4000, group: 0xf000, lines: Vec::new() }
    }

    /// When the client renews and rebinds, and how long what it has is preferred and valid; seconds.
    #[must_use]
    pub fn times(mut self, t1: u32, t2: u32, preferred: u32, valid: u32) -> Self {
        (self.t1, self.t2, self.preferred, self.valid) = (t1, t2, preferred, valid);
        self
    }

    /// Delegates [`crate::Uplink::prefix`] of this group and nothing else.
    #[must_use]
    pub fn prefix(mut self, group: u16) -> Self {
        self.group = group;
        self
    }

    /// A line of the interface's section as it stands: `option dns-server 2001:db8::53`.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    fn text(&self) -> String {
        let Self { t1, t2, preferred, valid, group, lines, .. } = self;
        let mut text = "log-level 7\nlog-mode full\n".to_owned();
        for uplink in &self.lab.uplinks {
            let (host, prefix) = (uplink.host6(0x100), uplink.prefix(*group));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "iface \"{}\" {{\nT1 {t1}\nT2 {t2}\nprefered-lifetime {preferred}\nvalid-lifetime {valid}\n\
                 class {{ pool {host}-{host} }}\npd-class {{ pd-pool {prefix}\npd-length 56 }}\n{}\n}}",
                uplink.bridge,
                lines.join("\n"),
            );
        }
        text
    }

    fn directory(&self) -> PathBuf {
        self.lab.dir().join("dibbler-server")
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<DibblerServer<'lab>> {
        let directory = self.directory();
        self.lab.write("dibbler-server/server.conf", &self.text())?;
        let mounted = directory.join("mounted");
        if !mounted.exists() {
            for place in PLACES {
                self.lab.isp.command("mount", &["--bind", &directory.display().to_string(), place])?;
            }
            std::fs::write(mounted, "")?;
        }
        let log = self.lab.log("dibbler-server");
        let mut process = self.lab.isp.spawn("dibbler-server", &["run"], &[], &log)?;
        let sockets = Sockets { table: "udp6", port: 547, count: 2 * self.lab.uplinks.len() };
        await_sockets(&self.lab.isp, &mut process, sockets)?;
        Ok(DibblerServer { lab: self.lab, process, directory })
    }
}

/// A running dibbler-server; killed when dropped.
#[derive(Debug)]
pub struct DibblerServer<'lab> {
    lab: &'lab Lab,
    process: Process,
    directory: PathBuf,
}

impl<'lab> DibblerServer<'lab> {
    /// Ends it; what comes next starts with its leases.
    pub fn stop(mut self) -> Result<DibblerConfig<'lab>> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait(Duration::from_secs(5))?;
        Ok(DibblerConfig::new(self.lab))
    }

    /// Ends it and forgets its leases; its DUID stays.
    pub fn forget(self) -> Result<DibblerConfig<'lab>> {
        let directory = self.directory.clone();
        let config = self.stop()?;
        for name in ["server-AddrMgr.xml", "server-cache.xml"] {
            // Never written is as good.
            let _ = std::fs::remove_file(directory.join(name));
        }
        Ok(config)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
