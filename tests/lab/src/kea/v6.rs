//! Kea for DHCPv6.
//!
//! Each uplink `wanN` has a network of its own, `2001:db8:77:N::/64`, and unless told otherwise exactly one address
//! and one prefix to give, so that a test knows beforehand which.

use std::net::Ipv6Addr;

use serde_json::{Map, Value, json};

use super::{Running, leases, write};
use crate::kernel::Sockets;
use crate::{Lab, Result, Uplink, eventually};

const PROGRAM: &str = "kea-dhcp6";

/// What a Kea shall do, for all uplinks of the laboratory alike.
#[derive(Debug, Clone)]
pub struct Kea6Config<'lab> {
    lab: &'lab Lab,
    t1: u32,
    t2: u32,
    preferred: u32,
    valid: u32,
    /// First and last host of each network.
    addresses: Option<(u16, u16)>,
    prefixes: Option<Prefixes>,
    rapid: bool,
    options: Vec<Value>,
}

#[derive(Debug, Clone, Copy)]
struct Prefixes {
    group: u16,
    /// Length of the pool.
    pool: u8,
    /// Length of each delegated prefix.
    each: u8,
    exclude: Option<(Ipv6Addr, u8)>,
}

impl<'lab> Kea6Config<'lab> {
    pub(crate) fn new(lab: &'lab Lab) -> Self {
        let prefixes = Prefixes { group: 0xf000, pool: 56, each: 56, exclude: None };
        Self {
            lab,
            t1: 1000,
            t2: 1600,
            preferred: 3000,
            valid: 4000,
            addresses: Some((0x100, 0x100)),
            prefixes: Some(prefixes),
            rapid: false,
            options: Vec::new(),
        }
    }

    /// When the client renews and rebinds, and how long what it has is preferred and valid; seconds.
    #[must_use]
    pub fn times(mut self, t1: u32, t2: u32, preferred: u32, valid: u32) -> Self {
        (self.t1, self.t2, self.preferred, self.valid) = (t1, t2, preferred, valid);
        self
    }

    /// The hosts of each network to lease.
    #[must_use]
    pub fn addresses(mut self, first: u16, last: u16) -> Self {
        self.addresses = Some((first, last));
        self
    }

    /// Has no address for anybody: NoAddrsAvail.
    #[must_use]
    pub fn no_addresses(mut self) -> Self {
        self.addresses = None;
        self
    }

    /// Delegates [`Uplink::prefix`] of this group and nothing else.
    #[must_use]
    pub fn prefix(self, group: u16) -> Self {
        self.prefixes(group, 56, 56)
    }

    /// Delegates prefixes of length `each` out of the first `/pool` of this group.
    #[must_use]
    pub fn prefixes(mut self, group: u16, pool: u8, each: u8) -> Self {
        self.prefixes = Some(Prefixes { group, pool, each, exclude: None });
        self
    }

    /// Keeps a part of the delegated prefix for itself (RFC 6603).
    #[must_use]
    pub fn exclude(mut self, prefix: Ipv6Addr, length: u8) -> Self {
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.exclude = Some((prefix, length));
        }
        self
    }

    /// Has no prefix for anybody: NoPrefixAvail.
    #[must_use]
    pub fn no_prefixes(mut self) -> Self {
        self.prefixes = None;
        self
    }

    /// Answers SOLICIT with REPLY where the client offers it.
    #[must_use]
    pub fn rapid_commit(mut self) -> Self {
        self.rapid = true;
        self
    }

    /// An option by Kea's name, in Kea's notation; sent to those who ask for it.
    #[must_use]
    pub fn option(self, name: &str, data: &str) -> Self {
        self.option_in("dhcp6", name, data)
    }

    /// The same in another option space: `s46-cont-mapt-options`.
    #[must_use]
    pub fn option_in(mut self, space: &str, name: &str, data: &str) -> Self {
        let mut option =
            Map::from_iter([("name".to_owned(), json!(name)), ("space".to_owned(), json!(space))]);
        // A container has no value of its own.
        if !data.is_empty() {
            option.insert("data".to_owned(), json!(data));
        }
        self.options.push(Value::Object(option));
        self
    }

    /// An option by its code as raw bytes in hexadecimal; sent to those who ask for it.
    #[must_use]
    pub fn raw(mut self, code: u16, hex: &str) -> Self {
        self.options.push(json!({"code": code, "space": "dhcp6", "csv-format": false, "data": hex}));
        self
    }

    /// MAP-T (RFC 7599) with one rule in Kea's notation (`0, 16, 24, 192.0.2.0, 2001:db8:f000::/40`) and the prefix of
    /// the border relay.
    #[must_use]
    pub fn map_t(self, rule: &str, dmr: &str) -> Self {
        let space = "s46-cont-mapt-options";
        let container = self.option("s46-cont-mapt", "");
        container.option_in(space, "s46-rule", rule).option_in(space, "s46-dmr", dmr)
    }

    fn subnet(&self, index: usize, uplink: &Uplink) -> Value {
        let network = uplink.host6(0);
        let pool =
            |(first, last)| json!([{"pool": format!("{}-{}", uplink.host6(first), uplink.host6(last))}]);
        let pd_pool = |prefixes: Prefixes| {
            let mut pool = json!({"prefix": uplink.prefix_base(prefixes.group), "prefix-len": prefixes.pool,
                                  "delegated-len": prefixes.each});
            if let Some((excluded, length)) = prefixes.exclude {
                pool["excluded-prefix"] = json!(excluded);
                pool["excluded-prefix-len"] = json!(length);
            }
            json!([pool])
        };
        json!({
            "id": index + 1, "subnet": format!("{network}/64"), "interface": uplink.bridge,
            "rapid-commit": self.rapid,
            "pools": self.addresses.map_or(json!([]), pool),
            "pd-pools": self.prefixes.map_or(json!([]), pd_pool),
        })
    }

    fn json(&self) -> Value {
        let uplinks = &self.lab.uplinks;
        let bridges: Vec<_> = uplinks.iter().map(|uplink| uplink.bridge.clone()).collect();
        let subnets: Vec<_> =
            uplinks.iter().enumerate().map(|(index, uplink)| self.subnet(index, uplink)).collect();
        json!({"Dhcp6": {
            "interfaces-config": {"interfaces": bridges},
            "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 0,
                               "name": leases(self.lab, PROGRAM)},
            // Kept in a file below /var otherwise.
            "server-id": {"type": "EN", "enterprise-id": 32473, "identifier": "6b6561", "persist": false},
            "renew-timer": self.t1, "rebind-timer": self.t2,
            "preferred-lifetime": self.preferred, "valid-lifetime": self.valid,
            "option-data": self.options,
            "subnet6": subnets,
            "loggers": [{"name": PROGRAM, "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        }})
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Result<Kea6<'lab>> {
        // On each bridge one for the link-local address and one for the multicast group.
        let sockets = Sockets { table: "udp6", port: 547, count: 2 * self.lab.uplinks.len() };
        Ok(Kea6(Running::start(self.lab, PROGRAM, &self.json(), sockets)?))
    }
}

/// A running Kea; killed when dropped.
#[derive(Debug)]
pub struct Kea6<'lab>(Running<'lab>);

impl<'lab> Kea6<'lab> {
    /// Ends it; what comes next starts with its leases.
    pub fn stop(self) -> Kea6Config<'lab> {
        Kea6Config::new(self.0.stop())
    }

    /// Ends it and forgets its leases.
    pub fn forget(self) -> Kea6Config<'lab> {
        Kea6Config::new(self.0.forget())
    }

    /// What a configuration for [`Kea6::reload`] starts from.
    #[must_use]
    pub fn config(&self) -> Kea6Config<'lab> {
        Kea6Config::new(self.0.lab)
    }

    /// Gives the running Kea another configuration; its leases stay.
    pub fn reload(&self, config: &Kea6Config<'lab>) -> Result {
        let reloads = || self.log().matches("DHCP6_DYNAMIC_RECONFIGURATION_SUCCESS").count();
        let before = reloads();
        write(self.0.lab, PROGRAM, &config.json())?;
        self.0.process.signal(nix::sys::signal::Signal::SIGHUP)?;
        eventually("Kea has its new configuration", || Ok((reloads() > before).then_some(())))
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
