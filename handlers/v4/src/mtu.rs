//! What option 26 may do to the MTU of the link or of the routes (RFC 2132 section 5.1).

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::{Link, MtuPolicy, Policy};

/// What every IPv4 host must take in one datagram (RFC 791 section 3.1). Option 26 may go down to 68, which no
/// real link has and which only slows everything down.
pub(crate) const MIN_MTU: u32 = 576;
/// Below this a link carries no IPv6 (RFC 8200 section 5): Linux takes IPv6 off the interface.
const MIN_IPV6_MTU: u32 = 1280;

/// Where the MTU of a lease goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MtuDecision {
    /// To the interface.
    pub(crate) link: Option<u32>,
    /// To each route.
    pub(crate) route: Option<u32>,
}

/// Decides what to do with the MTU that the lease offers.
pub(crate) fn decide(offered: Option<u32>, link: &Link, policy: &Policy, notes: &mut Notes) -> MtuDecision {
    let Some(mtu) = offered else { return MtuDecision::default() };
    if policy.mtu == MtuPolicy::Ignore {
        notes.add(format!("MTU {mtu} (option 26) is ignored: the configuration says so (mtu = \"ignore\")"));
        return MtuDecision::default();
    }
    if let Some(why) = out_of_range(mtu, link, policy.mtu) {
        notes.add(format!("MTU {mtu} (option 26) is ignored: {why}"));
        return MtuDecision::default();
    }
    if policy.mtu == MtuPolicy::Route {
        return MtuDecision { link: None, route: Some(mtu) };
    }
    if mtu < MIN_IPV6_MTU {
        notes.add(format!(
            "MTU {mtu} (option 26) is below {MIN_IPV6_MTU}: the interface carries no IPv6 as long as it is in force"
        ));
    }
    MtuDecision { link: Some(mtu), route: None }
}

fn out_of_range(mtu: u32, link: &Link, policy: MtuPolicy) -> Option<String> {
    // Some drivers report 0 for a limit that they do not have.
    let known = |limit: Option<u32>| limit.filter(|limit| *limit != 0);
    if mtu < MIN_MTU {
        return Some(format!("at least {MIN_MTU} is accepted"));
    }
    if let Some(min) = known(link.min_mtu).filter(|min| mtu < *min) {
        return Some(format!("the interface takes at least {min}"));
    }
    if let Some(max) = known(link.max_mtu).filter(|max| mtu > *max) {
        return Some(format!("the interface takes at most {max}"));
    }
    // The kernel would build packets of a route's MTU that the link then drops.
    let in_force = known(link.mtu).filter(|in_force| policy == MtuPolicy::Route && mtu > *in_force);
    in_force.map(|in_force| format!("a route cannot have more than its interface, {in_force}"))
}
