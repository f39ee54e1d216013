//! `net.ipv4.conf.IF.promote_secondaries`: whether the kernel keeps the other addresses of a subnet when the first goes.

use std::fs;
use std::io;

use dhcpmgr_message::IfName;

/// Makes sure that it is on. Returns whether it is; off is the kernel's default, and a read-only `/proc/sys` (a
/// container) keeps it so.
pub(super) fn promote_secondaries(interface: &IfName) -> bool {
    // Below `/proc/sys/net` every thread sees its own network namespace.
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
