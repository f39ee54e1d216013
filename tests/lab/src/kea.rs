//! Kea at the ISP: for leases of seconds, so that renewal and expiry can be waited for, and for what dnsmasq will
//! not send.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::dnsmasq::await_server;
use crate::process::Process;
use crate::{Lab, Result};

/// What a Kea shall do, for all uplinks of the laboratory alike.
#[derive(Debug, Clone)]
pub struct KeaConfig<'lab> {
    lab: &'lab Lab,
    lease: u32,
    first: u8,
    last: u8,
    options: Vec<Value>,
    definitions: Vec<Value>,
}

impl<'lab> KeaConfig<'lab> {
    pub(crate) fn new(lab: &'lab Lab) -> Self {
        Self { lab, lease: 20, first: 100, last: 199, options: Vec::new(), definitions: Vec::new() }
    }

    /// The lease time, seconds; 20 unless told otherwise. udhcpc renews at half of it, of 30 at least.
    #[must_use]
    pub fn lease(mut self, seconds: u32) -> Self {
        self.lease = seconds;
        self
    }

    /// The hosts of each network to lease.
    #[must_use]
    pub fn range(mut self, first: u8, last: u8) -> Self {
        (self.first, self.last) = (first, last);
        self
    }

    /// An option by Kea's name, in Kea's notation.
    #[must_use]
    pub fn option(mut self, name: &str, data: &str) -> Self {
        self.options.push(json!({"name": name, "data": data, "always-send": true}));
        self
    }

    /// An option by its code as raw bytes, whatever Kea thinks of them; only for codes without a standard meaning.
    #[must_use]
    pub fn raw(mut self, code: u8, hex: &str) -> Self {
        let name = format!("raw-{code}");
        self.definitions.push(json!({"name": name, "code": code, "type": "binary", "space": "dhcp4"}));
        self.options.push(json!({"name": name, "data": hex, "csv-format": false, "always-send": true}));
        self
    }

    fn json(&self) -> Value {
        let subnets: Vec<_> = self
            .lab
            .uplinks
            .iter()
            .enumerate()
            .map(|(index, uplink)| {
                let mut options = self.options.clone();
                if !options.iter().any(|option| option["name"] == "routers") {
                    options.push(json!({"name": "routers", "data": uplink.host(1)}));
                }
                json!({
                    "id": index + 1, "subnet": uplink.on_link(0), "interface": uplink.bridge,
                    "pools": [{"pool": format!("{}-{}", uplink.host(self.first), uplink.host(self.last))}],
                    "option-data": options,
                })
            })
            .collect();
        let bridges: Vec<_> = self.lab.uplinks.iter().map(|uplink| uplink.bridge.clone()).collect();
        let lease = self.lease;
        json!({"Dhcp4": {
            "interfaces-config": {"interfaces": bridges, "dhcp-socket-type": "raw"},
            "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 0,
                               "name": self.lab.dir().join("kea.leases")},
            "valid-lifetime": lease, "min-valid-lifetime": lease, "max-valid-lifetime": lease,
            "authoritative": true,
            "option-def": self.definitions,
            "subnet4": subnets,
            "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        }})
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Kea<'lab>> {
        let file = self.lab.write("kea.json", &self.json().to_string())?;
        let dir = self.lab.dir().display().to_string();
        let (file, log) = (file.display().to_string(), self.lab.log("kea"));
        let environment = [("KEA_PIDFILE_DIR", dir.as_str()), ("KEA_LOCKFILE_DIR", dir.as_str())];
        let mut process = self.lab.isp.spawn("kea-dhcp4", &["-c", &file], &environment, &log)?;
        await_server(&self.lab.isp, &mut process, self.lab.uplinks.len())?;
        Ok(Kea { lab: self.lab, process })
    }
}

/// A running Kea; killed when dropped.
#[derive(Debug)]
pub struct Kea<'lab> {
    lab: &'lab Lab,
    process: Process,
}

impl<'lab> Kea<'lab> {
    /// Ends it; what comes next starts with its leases.
    pub fn stop(mut self) -> KeaConfig<'lab> {
        self.process.kill();
        // A killed Kea leaves its process id behind and would not start again.
        for entry in std::fs::read_dir(self.lab.dir()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|end| end == "pid") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        KeaConfig::new(self.lab)
    }

    /// Makes it deaf, or hear again.
    pub fn freeze(&self, frozen: bool) -> Result {
        self.process.signal(if frozen { Signal::SIGSTOP } else { Signal::SIGCONT })
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
