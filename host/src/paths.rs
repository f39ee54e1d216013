//! Where everything is: the fixed places of the contract, moved together by `--root`.

use std::path::{Path, PathBuf};

use dhcpmgr_message::ClientName;

/// The places of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The places below `root`; `/` for the machine's own.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root that everything is below.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `/etc/dhcpmgr/dhcpmgr.toml`
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.root.join("etc/dhcpmgr/dhcpmgr.toml")
    }

    /// `/etc/dhcpmgr/conf.d`
    #[must_use]
    pub fn config_drop_ins(&self) -> PathBuf {
        self.root.join("etc/dhcpmgr/conf.d")
    }

    /// `/usr/include/dhcpmgr`: what handlers in C are built with.
    #[must_use]
    pub fn headers(&self) -> PathBuf {
        self.root.join("usr/include/dhcpmgr")
    }

    /// `/run/dbus/system_bus_socket`
    #[must_use]
    pub fn system_bus_socket(&self) -> PathBuf {
        self.root.join("run/dbus/system_bus_socket")
    }

    /// `/run/dhcpmgr`
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        self.root.join("run/dhcpmgr")
    }

    /// `/run/dhcpmgr/dhcpmgrd.lock`: held by whoever may write the state.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.runtime().join("dhcpmgrd.lock")
    }

    /// `/run/dhcpmgr/lease.sock`
    #[must_use]
    pub fn lease_socket(&self) -> PathBuf {
        self.runtime().join("lease.sock")
    }

    /// `/run/dhcpmgr/control.sock`
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.runtime().join("control.sock")
    }

    /// `/run/dhcpmgr/metrics.sock`
    #[must_use]
    pub fn metrics_socket(&self) -> PathBuf {
        self.runtime().join("metrics.sock")
    }

    /// `/run/dhcpmgr/spool`
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.runtime().join("spool")
    }

    /// `/run/dhcpmgr/resolv.conf`
    #[must_use]
    pub fn resolv_conf(&self) -> PathBuf {
        self.runtime().join("resolv.conf")
    }

    /// `/run/dhcpmgr/leases`: the last lease message of each client.
    #[must_use]
    pub fn leases(&self) -> PathBuf {
        self.runtime().join("leases")
    }

    /// `/run/dhcpmgr/clients`: which processes were started.
    #[must_use]
    pub fn clients(&self) -> PathBuf {
        self.runtime().join("clients")
    }

    /// `/run/dhcpmgr/work`: the working directories of clients.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.runtime().join("work")
    }

    /// `/run/dhcpmgr/work/NAME`: the working directory of a client that needs one.
    #[must_use]
    pub fn client(&self, name: &ClientName) -> PathBuf {
        self.work().join(name.as_str())
    }

    /// `/run/dhcpmgr/network`: what links were before we changed them.
    #[must_use]
    pub fn network(&self) -> PathBuf {
        self.runtime().join("network")
    }

    /// `/run/dhcpmgr/softwires`: which softwires are up, and what was made for them.
    #[must_use]
    pub fn softwires(&self) -> PathBuf {
        self.runtime().join("softwires")
    }

    /// `/run/dhcpmgr/recovery`: the faults of each client.
    #[must_use]
    pub fn recovery(&self) -> PathBuf {
        self.runtime().join("recovery")
    }

    /// `/var/lib/dhcpmgr`
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("var/lib/dhcpmgr")
    }

    /// `/usr/lib/dhcpmgr`: the shims.
    #[must_use]
    pub fn shims(&self) -> PathBuf {
        self.root.join("usr/lib/dhcpmgr")
    }

    /// `/usr/lib/dhcpmgr/handlers`: the modules.
    #[must_use]
    pub fn handlers(&self) -> PathBuf {
        self.shims().join("handlers")
    }
}
