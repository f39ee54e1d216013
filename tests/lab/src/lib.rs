//! The laboratory: a small internet for whole-system tests and for the demonstration.
//!
//! A [`Lab`] is an ISP and a gateway, each in network and mount namespaces of its own, joined by links that can be
//! unplugged; hosts on the gateway's LANs have namespaces too. In it run the real programs: dnsmasq, Kea,
//! dibbler-server and radvd at the ISP, udhcpc and dibbler-client under `dhcpmgrd` at the gateway. What happens is observed from outside: netlink notifications, packets, and the JSON of the command line.
//!
//! Nothing here changes the machine: no namespace but its own, no file but below its own temporary directory, and
//! everything ends with the value that holds it.
#![forbid(unsafe_code)]

mod bus;
mod capture;
mod cli;
mod daemon;
mod dhcp;
mod dibbler;
mod dnsmasq;
mod error;
mod hook;
mod install;
mod kea;
mod kernel;
mod lan;
mod latency;
mod message;
mod monitor;
mod namespace;
mod nat46;
mod package;
pub mod packages;
mod process;
mod radvd;
pub mod resolved;
mod shim;
mod signature;
mod skip;
mod trace;
pub mod vm;
mod wait;
mod world;

pub use bus::SystemBus;
pub use capture::{Capture, Capture6, Captured, Packet, Packet6};
pub use cli::{Cli, Event, Follow};
pub use daemon::{Daemon, SmallDisks};
pub use dhcp::{Dhcp, Dhcp6, Ia, IaValue, MessageType, MessageType6};
pub use dibbler::{DibblerConfig, DibblerServer};
pub use dnsmasq::{Dnsmasq, DnsmasqConfig};
pub use error::{Error, Result};
pub use hook::{Exchange, Hook, Told};
pub use install::{Binaries, MODULES, SHIMS, install};
pub use kea::{Kea, Kea6, Kea6Config, KeaConfig};
pub use kernel::{Address, Address6, Route, Route6};
pub use lan::LanHost;
pub use latency::{Crashing, lease_of, lease_to_kernel, median};
pub use message::{Forged, LeaseSocket};
pub use monitor::{Change, Kind, Monitor};
pub use namespace::Namespace;
pub use nat46::Nat46;
pub use package::{Compression, Package, SystemdVersion, lay_out};
pub use process::{Process, program};
pub use radvd::Radvd;
pub use resolved::Resolved;
pub use shim::{Delivery, Shim};
pub use signature::{sign, signatures};
pub use skip::{
    is_real_root, missing, say, skipped, skipped_by_this_kernel, skipped_on_this_architecture,
    skipped_without_root,
};
pub use trace::{EFFECTS, EVERYTHING, Point, Trace};
pub use vm::{Disk, Vm};
pub use wait::{eventually, eventually_within};
pub use world::{Lab, Uplink};

/// Leaves the test early, loudly, where this machine cannot run the laboratory; with `DHCPMGR_REQUIRE_LAB=1` that
/// is a failure. For tests that return [`Result`].
#[macro_export]
macro_rules! lab_or_skip {
    () => {
        if let Some(reason) = $crate::missing() {
            // The test harness names its threads after the tests.
            let thread = std::thread::current();
            return $crate::skipped(thread.name().unwrap_or(module_path!()), &reason);
        }
    };
}

/// As [`lab_or_skip!`], for tests that need a machine of their own.
#[macro_export]
macro_rules! vm_or_skip {
    () => {
        $crate::lab_or_skip!();
        let thread = std::thread::current();
        let test = thread.name().unwrap_or(module_path!());
        if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
            return $crate::skipped_on_this_architecture(test);
        }
        if let Some(reason) = $crate::vm::missing() {
            return $crate::skipped(test, &reason);
        }
    };
}
