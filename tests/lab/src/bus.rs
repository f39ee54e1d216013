//! A system bus below the root of a daemon: the real dbus-daemon, which denies what no policy allows.

use std::path::PathBuf;

use crate::{Daemon, Lab, Process, Result};

/// The defaults of the system bus, without its limits.
const DEFAULTS: &str = "<policy context=\"default\"><allow user=\"*\"/><deny own=\"*\"/><deny send_type=\"method_call\"/>\
    <allow send_type=\"signal\"/><allow send_requested_reply=\"true\" send_type=\"method_return\"/>\
    <allow send_requested_reply=\"true\" send_type=\"error\"/><allow receive_type=\"method_call\"/>\
    <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/>\
    <allow send_destination=\"org.freedesktop.DBus\"/></policy>";

/// A bus that can go and come back.
#[derive(Debug)]
pub struct SystemBus<'lab> {
    lab: &'lab Lab,
    socket: PathBuf,
    config: PathBuf,
    process: Option<Process>,
}

impl<'lab> SystemBus<'lab> {
    /// Starts it, with these policies: each what a file in `/usr/share/dbus-1/system.d` holds.
    pub fn start(lab: &'lab Lab, daemon: &Daemon<'_>, policies: &[&str]) -> Result<Self> {
        let socket = daemon.root().join("run/dbus/system_bus_socket");
        std::fs::create_dir_all(daemon.root().join("run/dbus"))?;
        let mut includes = String::new();
        for (at, policy) in policies.iter().enumerate() {
            let file = lab.write(&format!("bus-policy{at}.conf"), policy)?;
            includes.push_str(&format!("<include>{}</include>", file.display()));
        }
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>{DEFAULTS}{includes}\
             </busconfig>",
            socket.display()
        );
        let config = lab.write("bus.conf", &text)?;
        let mut bus = Self { lab, socket, config, process: None };
        bus.start_again()?;
        Ok(bus)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// Starts it after [`SystemBus::stop`].
    pub fn start_again(&mut self) -> Result {
        let config = format!("--config-file={}", self.config.display());
        let arguments = [config.as_str(), "--nofork", "--nopidfile"];
        self.process =
            Some(self.lab.gateway.spawn("dbus-daemon", &arguments, &[], &self.lab.log("dbus-daemon"))?);
        Ok(())
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// `busctl ARGUMENTS` at the gateway, with its answer as JSON.
    pub fn busctl(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let address = format!("--address={}", self.address());
        let arguments = [&[address.as_str(), "--json=short", "--timeout=10"], arguments].concat();
        self.lab.gateway.output("busctl", &arguments)
    }
}
