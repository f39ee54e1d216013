//! What the kernel does by itself when an address goes; most of it is never announced, so it has to be known.
//!
//! Pure. Used by the planner (to put back what a removal takes along), by the mirror (which hears of the removal only),
//! and by the simulated kernel of the tests.

use std::net::IpAddr;

use dhcpmgr_message::InterfaceAddress;

use super::state::{AddressState, RouteState, View};

/// Whether adding this address makes it a secondary one: there is a primary of the same subnet.
pub(super) fn becomes_secondary(addresses: &[AddressState], new: &InterfaceAddress) -> bool {
    new.address().is_ipv4()
        && addresses.iter().any(|a| !a.secondary && a.address.prefix() == new.prefix() && !a.is(new))
}

/// Takes an address away as the kernel does (`__inet_del_ifa`). Returns whether `promote_secondaries` made a
/// difference: with it the next address of the subnet becomes primary, without it all of them go.
pub(super) fn remove_address(view: &mut View, gone: &InterfaceAddress, promotes: bool) -> bool {
    let Some(at) = view.addresses.iter().position(|a| a.is(gone)) else { return false };
    let gone = view.addresses.remove(at);
    let mut lost = vec![gone.address.address()];
    let mut mattered = false;
    if gone.address.address().is_ipv4() && !gone.secondary {
        let follows = |a: &AddressState| a.secondary && a.address.prefix() == gone.address.prefix();
        if let Some(next) = view.addresses.iter_mut().find(|a| follows(a)) {
            mattered = true;
            if promotes {
                next.secondary = false;
            } else {
                lost.extend(view.addresses.iter().filter(|a| follows(a)).map(|a| a.address.address()));
                view.addresses.retain(|a| !follows(a));
            }
        }
    }
    for address in lost {
        after_address_loss(&mut view.routes, view.index, &view.addresses, address, false);
    }
    mattered
}

/// What happens to routes once `gone` is no longer among the interface's addresses, which are now `left`;
/// `elsewhere`: another interface has it too.
pub(super) fn after_address_loss(
    routes: &mut Vec<RouteState>,
    interface: u32,
    left: &[AddressState],
    gone: IpAddr,
    elsewhere: bool,
) {
    // The same address with another mask may still be there.
    let kept = elsewhere || left.iter().any(|a| a.address.address() == gone);
    if gone.is_ipv6() {
        // `rt6_remove_prefsrc`: the route stays, without its source.
        let deprived =
            |r: &&mut RouteState| !kept && r.interface == Some(interface) && r.source == Some(gone);
        for route in routes.iter_mut().filter(deprived) {
            route.source = None;
        }
        return;
    }
    // `fib_disable_ip`: with its last address, an interface loses all IPv4 routes, whosever they are.
    let last = !left.iter().any(|a| a.address.address().is_ipv4());
    // `fib_sync_down_addr`: routes that prefer the lost address as source go, through whatever interface.
    routes.retain(|r| {
        let through = last && r.interface == Some(interface) && r.key.to.address().is_ipv4();
        !through && (kept || r.source != Some(gone))
    });
}
