//! Sysctls of an interface. Below `/proc/sys/net` every thread sees its own network namespace.

use std::fs;
use std::io;

use dhcpmgr_message::IfName;

use crate::config::Sysctl;

/// Makes sure that `net.ipv4.conf.IF.promote_secondaries` is on: that the kernel keeps the other addresses of a subnet
/// when the first goes. Returns whether it is; off is the kernel's default, and a read-only `/proc/sys` (a container)
/// keeps it so.
pub(super) fn promote_secondaries(interface: &IfName) -> bool {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/promote_secondaries");
    let on = || -> io::Result<bool> { Ok(fs::read_to_string(&path)?.trim() != "0") };
    match on() {
        Ok(true) => true,
        Ok(false) => match fs::write(&path, "1\n") {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%interface, %error, "cannot turn on promote_secondaries: a changed address of the \
                     same subnet is removed before the new one is added, with a short gap");
                false
            }
        },
        Err(error) => {
            tracing::warn!(%interface, %error, "cannot read promote_secondaries");
            false
        }
    }
}

/// The value in force; `None` when there is none, or one that we would never set.
pub(super) fn read(interface: &IfName, sysctl: Sysctl) -> Option<u8> {
    fs::read_to_string(path(interface, sysctl)).ok()?.trim().parse().ok()
}

/// Sets it.
pub(super) fn write(interface: &IfName, sysctl: Sysctl, value: u8) -> io::Result<()> {
    fs::write(path(interface, sysctl), format!("{value}\n"))
}

fn path(interface: &IfName, sysctl: Sysctl) -> String {
    format!("/proc/sys/net/ipv6/conf/{interface}/{}", sysctl.name())
}
