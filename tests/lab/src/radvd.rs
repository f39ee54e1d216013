//! radvd: at the ISP the router whose advertisements say that there is DHCPv6 and give the default route; at the
//! gateway the daemon that announces our prefixes on the LAN.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::process::Process;
use crate::{Lab, Namespace, Result, eventually};

/// A running radvd; killed when dropped.
#[derive(Debug)]
pub struct Radvd {
    process: Process,
    /// The file that holds its process id.
    pub pid_file: PathBuf,
}

impl Radvd {
    /// Starts it with this configuration file and waits until it reads signals.
    pub(crate) fn start(namespace: &Namespace, config: &Path, log: &Path) -> Result<Self> {
        let pid_file = config.with_extension("pid");
        // One that was killed leaves it behind.
        let _ = std::fs::remove_file(&pid_file);
        let (config, pid) = (config.display().to_string(), pid_file.display().to_string());
        let arguments = ["--nodaemon", "--logmethod", "stderr", "--config", &config, "--pidfile", &pid];
        let mut process = namespace.spawn("radvd", &arguments, &[], log)?;
        eventually("radvd has written its process id", || {
            process.must_run()?;
            Ok(pid_file.exists().then_some(()))
        })?;
        Ok(Self { process, pid_file })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> nix::unistd::Pid {
        self.process.pid()
    }

    /// Lets it read its configuration again, as an operator would.
    pub fn reload(&self) -> Result {
        self.process.signal(Signal::SIGHUP)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// The ISP's advertisements on every uplink: managed addresses, a default route, nothing to make an address of.
pub(crate) fn of_the_isp(lab: &Lab) -> Result<Radvd> {
    let mut text = String::new();
    for uplink in &lab.uplinks {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "interface {} {{\n  AdvSendAdvert on;\n  AdvManagedFlag on;\n  AdvOtherConfigFlag on;\n  \
             MinRtrAdvInterval 3;\n  MaxRtrAdvInterval 4;\n  AdvDefaultLifetime 1800;\n  \
             prefix {}/64 {{ AdvOnLink on; AdvAutonomous off; }};\n}};",
            uplink.bridge,
            uplink.host6(0),
        );
    }
    let config = lab.write("isp-radvd.conf", &text)?;
    Radvd::start(&lab.isp, &config, &lab.log("isp-radvd"))
}
