//! Kea for DHCPv4.

use serde_json::{Value, json};

use super::{Running, leases};
use crate::kernel::Sockets;
use crate::{Lab, Result};

const PROGRAM: &str = "kea-dhcp4";

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
                               "name": leases(self.lab, PROGRAM)},
            "valid-lifetime": lease, "min-valid-lifetime": lease, "max-valid-lifetime": lease,
            "authoritative": true,
            "option-def": self.definitions,
            "subnet4": subnets,
            "loggers": [{"name": PROGRAM, "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        }})
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Kea<'lab>> {
        let sockets = Sockets { table: "udp", port: 67, count: self.lab.uplinks.len() };
        Ok(Kea(Running::start(self.lab, PROGRAM, &self.json(), sockets)?))
    }
}

/// A running Kea; killed when dropped.
#[derive(Debug)]
pub struct Kea<'lab>(Running<'lab>);

impl<'lab> Kea<'lab> {
    /// Ends it; what comes next starts with its leases.
    pub fn stop(self) -> KeaConfig<'lab> {
        KeaConfig::new(self.0.stop())
    }

    /// Makes it deaf, or hear again.
    pub fn freeze(&self, frozen: bool) -> Result {
        self.0.freeze(frozen)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.0.process.log()
    }
}
