//! The difference between what the kernel has and what is wanted, as steps in a safe order. Pure: no clock, no socket.
//!
//! The order keeps traffic flowing: new addresses, then routes (replaced in place, with their new source), then the old
//! routes, then the old addresses. An unchanged lease gives at most one step, the refreshed lifetime of its address.
//!
//! What is not ours is never changed or removed, with one exception that the lease itself asks for: an address that is
//! the leased one but was set by somebody else (by hand, by an earlier client's script) gets the lease's lifetimes, so
//! that it ends with the lease; it keeps its owner and its metric and is never removed by us, unless its owner is a
//! client program of ours: then it is taken over. A foreign route that already leads where a wanted one would, with the same metric, satisfies it as it is.

use dhcpmgr_message::InterfaceAddress;

use super::action::{Action, AddressSetting, Refresh, Step};
use super::effects;
use super::state::{AddressState, HostView, RouteState, TAG, View};
use super::wanted::{HostWanted, Wanted, WantedAddress};

/// How much longer than the lease an address may live in the kernel, seconds. The daemon itself removes it when the
/// lease ends; the kernel's lifetime is the safety net of a daemon that is dead, and must never be the faster one.
pub(super) const LIFETIME_MARGIN: u32 = 5;

/// How far the kernel's idea of a lifetime may be off before it is set again, milliseconds. The kernel counts whole
/// seconds, and so do we.
const LIFETIME_SLACK: u64 = 2_000;

/// Steps, and whether they are right only where the kernel promotes secondary addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) actions: Vec<Action>,
    /// Without `net.ipv4.conf.IF.promote_secondaries` these steps would take other addresses along.
    pub(super) relies_on_promotion: bool,
}

/// The steps that make `view` what is `wanted`, at `now` (milliseconds of `CLOCK_BOOTTIME`). `promotes`: the value of
/// `net.ipv4.conf.IF.promote_secondaries`; without it an address is removed before another of its subnet is added.
pub(super) fn plan(view: &View, wanted: &Wanted, now: u64, promotes: bool) -> Plan {
    // What has ended is neither put back nor removed here: its client is about to say so, and the kernel will soon.
    let (ended, alive): (Vec<&WantedAddress>, Vec<&WantedAddress>) =
        wanted.addresses.iter().partition(|w| w.valid_until.is_some_and(|end| end <= now));
    let prefers_ended =
        |r: &RouteState| r.source.is_some_and(|source| ended.iter().any(|w| w.address.address() == source));
    let mut sim = view.clone();
    for address in sim.addresses.iter_mut().filter(|a| ended.iter().any(|w| a.is(&w.address))) {
        address.ours = false;
    }
    for route in sim.routes.iter_mut().filter(|r| prefers_ended(r)) {
        route.ours = false;
    }
    let routes: Vec<&RouteState> = wanted.routes.iter().filter(|r| !prefers_ended(r)).collect();

    let mut planner = Planner { sim, steps: Vec::new(), now };
    planner.set_sysctls(wanted);
    let mut relies_on_promotion = planner.remove_what_is_in_the_way(&alive, promotes);
    planner.set_addresses(&alive);
    planner.set_routes(&routes);
    planner.remove_routes(&routes);
    relies_on_promotion |= planner.remove_addresses(&alive, promotes);
    planner.set_mtu(wanted.mtu);
    // An address that went may have taken routes along.
    planner.set_routes(&routes);
    Plan { actions: planner.steps.into_iter().map(Action).collect(), relies_on_promotion }
}

/// The steps for what belongs to no interface.
pub(super) fn plan_host(view: &HostView, wanted: &HostWanted) -> Vec<Action> {
    let mut steps = Vec::new();
    let extra_rule = |r: &&super::state::RuleState| r.ours && !wanted.rules.contains(&r.rule);
    for route in &wanted.routes {
        if view.routes.iter().any(|r| r.same_path(route)) {
            continue;
        }
        let taken = view.routes.iter().any(|r| r.key == route.key);
        steps.push(if taken { Step::AppendRoute(route.clone()) } else { Step::AddRoute(route.clone()) });
    }
    for rule in wanted.rules.iter().filter(|rule| !view.rules.iter().any(|r| r.rule == **rule)) {
        steps.push(Step::AddRule(rule.clone()));
    }
    steps.extend(view.rules.iter().filter(extra_rule).map(|r| Step::RemoveRule(r.rule.clone())));
    for route in view.routes.iter().filter(|r| r.ours && r.interface.is_none()) {
        if !wanted.routes.iter().any(|w| w.same_path(route)) {
            steps.push(Step::RemoveRoute(route.clone()));
        }
    }
    steps.into_iter().map(Action).collect()
}

struct Planner {
    /// The kernel as it will be after the steps so far.
    sim: View,
    steps: Vec<Step>,
    now: u64,
}

impl Planner {
    fn remove_what_is_in_the_way(&mut self, alive: &[&WantedAddress], promotes: bool) -> bool {
        let in_the_way: Vec<_> = (self.sim.addresses.iter())
            .filter(|a| match alive.iter().find(|w| a.is(&w.address)) {
                Some(wanted) => (a.ours || wanted.takes_over) && must_be_made_anew(a, wanted),
                None => {
                    a.ours
                        && !promotes
                        && !a.secondary
                        && a.address.address().is_ipv4()
                        && shares_subnet(a, alive)
                }
            })
            .map(|a| a.address)
            .collect();
        self.remove(in_the_way, promotes)
    }

    fn remove(&mut self, addresses: Vec<InterfaceAddress>, promotes: bool) -> bool {
        let mut relies = false;
        for address in addresses {
            if !self.sim.addresses.iter().any(|a| a.is(&address)) {
                continue; // It went with its primary.
            }
            self.steps.push(Step::RemoveAddress(address));
            relies |= effects::remove_address(&mut self.sim, &address, promotes);
        }
        relies && promotes
    }

    fn set_addresses(&mut self, alive: &[&WantedAddress]) {
        for wanted in alive {
            let setting = self.setting(wanted);
            let Some(known) = self.sim.addresses.iter_mut().find(|a| a.is(&wanted.address)) else {
                // An IPv6 address does not survive on a link that is down.
                if self.sim.up || wanted.address.address().is_ipv4() {
                    let state = self.state_after(&setting, wanted);
                    self.sim.addresses.push(state);
                    self.steps.push(Step::AddAddress(setting));
                }
                continue;
            };
            let (preferred, valid) = kernel_ends(wanted, self.now);
            let lifetimes = differ(known.valid_until, valid, self.now)
                || differ(known.preferred_until, preferred, self.now);
            let taken = !known.ours && wanted.takes_over;
            let metric = known.ours && wanted.address.address().is_ipv4() && known.metric != wanted.metric;
            if !(lifetimes || metric || taken) {
                continue;
            }
            let to = if known.ours || taken {
                AddressSetting { address: known.address, ..setting }
            } else {
                AddressSetting {
                    address: known.address,
                    metric: known.metric,
                    protocol: known.protocol,
                    no_prefix_route: known.no_prefix_route,
                    ..setting
                }
            };
            (known.preferred_until, known.valid_until, known.metric) = (preferred, valid, to.metric);
            known.ours |= taken;
            let what = match (taken, metric) {
                (true, _) => Refresh::Owner,
                (false, true) => Refresh::Metric,
                (false, false) => Refresh::Lifetime,
            };
            self.steps.push(Step::RefreshAddress { to, what });
        }
    }

    fn set_routes(&mut self, wanted: &[&RouteState]) {
        if !self.sim.up {
            return; // The kernel takes none; they are asserted when the link is up.
        }
        for route in wanted.iter().copied() {
            let is_there = |r: &RouteState| r.same(route) || (!r.ours && r.same_path(route));
            if self.sim.routes.iter().any(is_there) {
                continue;
            }
            let taken = self.sim.routes.iter().filter(|r| r.key == route.key).count();
            let old = (self.sim.routes.iter())
                .position(|r| r.ours && r.key == route.key && r.interface == route.interface);
            match (old, taken) {
                (None, 0) => self.steps.push(Step::AddRoute(route.clone())),
                (None, _) => self.steps.push(Step::AppendRoute(route.clone())),
                (Some(at), 1) => {
                    self.sim.routes.remove(at);
                    self.steps.push(Step::ReplaceRoute(route.clone()));
                }
                (Some(at), _) => {
                    // A replacement would hit whichever route of the key comes first, perhaps not ours.
                    let old = self.sim.routes.remove(at);
                    let (new, gone) = (Step::AppendRoute(route.clone()), Step::RemoveRoute(old.clone()));
                    // IPv6 refuses a second route over the same next hop.
                    let twins = route.key.to.address().is_ipv6() && old.same_path(route);
                    self.steps.extend(if twins { [gone, new] } else { [new, gone] });
                }
            }
            self.sim.routes.push(route.clone());
        }
    }

    fn remove_routes(&mut self, wanted: &[&RouteState]) {
        let here = Some(self.sim.index);
        let gone: Vec<_> = (self.sim.routes.iter())
            .filter(|r| r.ours && r.interface == here && !wanted.iter().any(|w| w.same(r)))
            .cloned()
            .collect();
        self.sim.routes.retain(|r| !gone.contains(r));
        self.steps.extend(gone.into_iter().map(Step::RemoveRoute));
    }

    fn remove_addresses(&mut self, alive: &[&WantedAddress], promotes: bool) -> bool {
        let gone: Vec<_> = (self.sim.addresses.iter())
            .filter(|a| a.ours && !alive.iter().any(|w| a.is(&w.address)))
            .map(|a| a.address)
            .collect();
        self.remove(gone, promotes)
    }

    fn set_mtu(&mut self, wanted: Option<u32>) {
        if let Some(mtu) = wanted.or(self.sim.original_mtu).filter(|mtu| *mtu != self.sim.mtu) {
            self.steps.push(Step::SetMtu { mtu, restored: wanted.is_none() });
            self.sim.mtu = mtu;
        }
    }

    fn set_sysctls(&mut self, wanted: &Wanted) {
        let restored = (self.sim.original_sysctls.iter())
            .filter(|(sysctl, _)| !wanted.sysctls.contains_key(sysctl))
            .map(|(sysctl, value)| (*sysctl, *value, true));
        let set = wanted.sysctls.iter().map(|(sysctl, value)| (*sysctl, *value, false));
        for (sysctl, value, restored) in set.chain(restored) {
            if self.sim.sysctls.get(&sysctl) != Some(&value) {
                self.steps.push(Step::SetSysctl { sysctl, value, restored });
            }
        }
    }

    fn setting(&self, wanted: &WantedAddress) -> AddressSetting {
        let seconds = |end: u64| {
            u32::try_from(end.saturating_sub(self.now).div_ceil(1000)).unwrap_or(u32::MAX).min(u32::MAX - 1)
        };
        let lease = wanted.valid_until.map(seconds);
        let valid = lease.map(|s| s.saturating_add(LIFETIME_MARGIN).min(u32::MAX - 1));
        AddressSetting {
            address: wanted.address,
            broadcast: wanted.broadcast,
            // The kernel refuses a preferred lifetime beyond the valid one.
            preferred: match (wanted.preferred_until.map(seconds), valid) {
                (Some(preferred), Some(valid)) => Some(preferred.min(valid)),
                (preferred, valid) => preferred.or(valid),
            },
            valid,
            lease,
            metric: wanted.metric,
            protocol: TAG,
            no_prefix_route: wanted.address.address().is_ipv6(),
        }
    }

    fn state_after(&self, setting: &AddressSetting, wanted: &WantedAddress) -> AddressState {
        let (preferred_until, valid_until) = kernel_ends(wanted, self.now);
        AddressState {
            address: setting.address,
            broadcast: setting.broadcast,
            preferred_until,
            valid_until,
            metric: setting.metric,
            protocol: TAG,
            secondary: effects::becomes_secondary(&self.sim.addresses, &setting.address),
            tentative: false,
            dad_failed: false,
            no_prefix_route: setting.no_prefix_route,
            ours: true,
        }
    }
}

/// When the lifetimes end in the kernel: preferred, valid.
fn kernel_ends(wanted: &WantedAddress, now: u64) -> (Option<u64>, Option<u64>) {
    let longest = now.saturating_add(u64::from(u32::MAX - 1) * 1000);
    let margin = u64::from(LIFETIME_MARGIN) * 1000;
    let valid = wanted.valid_until.map(|end| end.saturating_add(margin).min(longest));
    let preferred = match (wanted.preferred_until, valid) {
        (Some(preferred), Some(valid)) => Some(preferred.min(valid)),
        (preferred, valid) => preferred.or(valid),
    };
    (preferred, valid)
}

fn differ(a: Option<u64>, b: Option<u64>, now: u64) -> bool {
    match (a, b) {
        // What has ended has ended, whenever that was.
        (Some(a), Some(b)) => a.max(now).abs_diff(b.max(now)) >= LIFETIME_SLACK,
        (a, b) => a.is_some() != b.is_some(),
    }
}

/// The kernel changes neither the broadcast address nor, for IPv6, the prefix length of an address that is there.
fn must_be_made_anew(known: &AddressState, wanted: &WantedAddress) -> bool {
    known.address != wanted.address || known.broadcast != wanted.broadcast
}

fn shares_subnet(leaving: &AddressState, alive: &[&WantedAddress]) -> bool {
    alive.iter().any(|w| w.address.prefix() == leaving.address.prefix())
}
