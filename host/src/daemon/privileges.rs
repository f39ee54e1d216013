//! What the daemon itself may do: as root it gives up what it does not need, as its own user what children would inherit.
//!
//! To be called before there is a second thread: capabilities belong to threads.

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::geteuid;

use crate::clients::cut_bounding;
use crate::config::DnsBackend;

/// What root keeps.
const ROOT: &[Capability] = &[
    // Addresses, routes, links, and `net.*` sysctls.
    Capability::CAP_NET_ADMIN,
    // For clients: what they are started with must be had. The first is the packet observer's too.
    Capability::CAP_NET_RAW,
    Capability::CAP_NET_BIND_SERVICE,
    // Cuts the bounding sets of clients and workers.
    Capability::CAP_SETPCAP,
    // Workers become nobody, and are killed all the same.
    Capability::CAP_SETUID,
    Capability::CAP_SETGID,
    Capability::CAP_KILL,
    // State, sockets and clients that an earlier daemon left under another user.
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_SYS_PTRACE,
];

/// Gives up the rest, as far as the kernel lets it; not being able to is no reason not to run.
pub(super) fn settle(backend: DnsBackend) {
    // Children get what they are given explicitly, and neither set is of any use to this process itself.
    let _ = caps::clear(None, CapSet::Ambient);
    let inheritable = caps::clear(None, CapSet::Inheritable);
    if backend == DnsBackend::Resolvconf {
        // Its hooks start and restart whatever services the system has.
        return;
    }
    let _ = prctl::set_no_new_privs();
    if !geteuid().is_root() {
        return;
    }
    cut_bounding(ROOT);
    let reduced = inheritable.and_then(|()| {
        let has = caps::read(None, CapSet::Permitted)?;
        let kept: CapsHashSet = ROOT.iter().copied().filter(|capability| has.contains(capability)).collect();
        caps::set(None, CapSet::Effective, &kept)?;
        caps::set(None, CapSet::Permitted, &kept)
    });
    if let Err(error) = reduced {
        tracing::warn!("capabilities that are not needed cannot be given up: {error}");
    }
}

/// Says so when a back-end that is chosen later has less than it would have had from the start.
pub(super) fn check(backend: DnsBackend) {
    if backend == DnsBackend::Resolvconf && prctl::get_no_new_privs().unwrap_or(false) {
        tracing::warn!("resolvconf runs with reduced privileges until dhcpmgrd is started again");
    }
}
