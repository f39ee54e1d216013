//! A DHCPv6 lease: addresses and delegated prefixes, each with its own lifetimes.

use std::net::IpAddr;

use dhcpmgr_message::{Bytes, LeaseMessage, Lifetime, V6Report};
use dhcpmgr_plugin_api::Plan;
use dhcpmgr_softwire::kind::PRIORITY;
use dhcpmgr_softwire::{Input, decode_priority};

use super::{Lease, differing, is_different};
use crate::config::{Client, Provider};
use crate::controller::ledger::{Entry, Ledger, Value, end};
use crate::controller::machine::Held;
use crate::delegation::Delegated;
use crate::events::{self, AddressV6, Change, IaView, LeaseV6, PrefixV6, SoftwireView};
use crate::network::{Desired, DesiredAddress};
use crate::softwire::Offered;

/// User class, vendor class and vendor options.
const VENDOR_OPTIONS: [u16; 3] = [15, 16, 17];
/// What softwires are made of: DS-Lite, MAP-E, MAP-T, lw4o6, and their priority (RFC 6334, 7598, 8026).
const SOFTWIRE_OPTIONS: [u16; 5] = [64, 94, 95, 96, 111];
/// Options whose effect is compared where it shows: in name servers, search list, time servers, server.
const EFFECT_OPTIONS: [u16; 5] = [2, 23, 24, 31, 56];
/// The parameter in which the handler publishes the name of the DS-Lite tunnel's far end (RFC 6334).
const AFTR: &str = "aftr";

pub(super) fn build(
    client: &Client,
    message: &LeaseMessage,
    ledger: Ledger,
    plan: Plan,
) -> Result<Lease, String> {
    let report = message.v6.as_ref().ok_or("the message carries no DHCPv6 values")?;
    if !ledger.is_empty() && plan.addresses.is_empty() && plan.prefixes.is_empty() {
        return Err("no handler made an address or a prefix of it; its notes say why, or [handlers.v6] is not configured or not healthy"
            .to_owned());
    }
    // The message has whole seconds; the ledger knows better.
    let exact = |lifetime: Lifetime, said: Option<Option<u64>>| match (end(message.at_ms, lifetime), said) {
        (Some(end), Some(Some(said))) if said.abs_diff(end) <= 1000 => Some(said),
        (end, _) => end,
    };
    let find = |is: &dyn Fn(&Value) -> bool| ledger.entries().iter().find(|entry| is(&entry.value)).copied();
    let mut addresses = Vec::new();
    let mut shown_addresses = Vec::new();
    for a in &plan.addresses {
        let known = find(
            &|value| matches!(value, Value::Address { address, .. } if address.address() == a.address.address()),
        );
        addresses.push(DesiredAddress {
            address: a.address,
            broadcast: None,
            preferred_until: exact(a.preferred, known.as_ref().map(Entry::preferred_until)),
            valid_until: exact(a.valid, known.as_ref().map(Entry::valid_until)),
        });
        shown_addresses.push(AddressV6 {
            address: a.address,
            iaid: known.and_then(|known| known.iaid),
            temporary: matches!(known, Some(Entry { value: Value::Address { temporary: true, .. }, .. })),
            preferred: known.map_or(a.preferred, |known| known.preferred).seconds(),
            valid: known.map_or(a.valid, |known| known.valid).seconds(),
            expires_in: None,
        });
    }
    let mut delegated = Vec::new();
    let mut shown_prefixes = Vec::new();
    for p in &plan.prefixes {
        let known = find(&|value| *value == Value::Prefix(p.prefix));
        let iaid = p.iaid.or(known.and_then(|known| known.iaid));
        delegated.push(Delegated {
            prefix: p.prefix,
            exclude: p.exclude,
            iaid,
            preferred_until: exact(p.preferred, known.as_ref().map(Entry::preferred_until)),
            valid_until: exact(p.valid, known.as_ref().map(Entry::valid_until)),
        });
        shown_prefixes.push(PrefixV6 {
            prefix: p.prefix,
            iaid,
            exclude: p.exclude,
            preferred: known.map_or(p.preferred, |known| known.preferred).seconds(),
            valid: known.map_or(p.valid, |known| known.valid).seconds(),
            expires_in: None,
        });
    }
    let ends = addresses.iter().map(|a| a.valid_until).chain(delegated.iter().map(|d| d.valid_until));
    let valid_until = last_end(ends);
    let held = Held { address: None, valid_until, renews_at: ledger.renews_at() };
    let view = LeaseV6 {
        addresses: shown_addresses,
        prefixes: shown_prefixes,
        ias: ledger.ias().iter().map(IaView::of).collect(),
        dns: plan.dns.iter().copied().filter(IpAddr::is_ipv6).collect(),
        search: plan.search.iter().map(ToString::to_string).collect(),
        ntp: plan.ntp.clone(),
        aftr: plan.parameters.get(AFTR).cloned(),
        softwire: plan.softwires.first().map(SoftwireView::of),
        server_duid: report.server_duid.as_ref().map(Bytes::to_hex),
        expires_in: None,
        parameters: plan.parameters.clone(),
        options: report
            .options
            .iter()
            .map(|(code, values)| (*code, values.iter().map(Bytes::to_hex).collect::<Vec<_>>().join(",")))
            .collect(),
    };
    let softwires = plan.softwires.clone();
    let desired = Desired {
        // A client program may have set them itself, before it called its hook.
        takes_over: true,
        ..super::desired(client, plan, addresses)
    };
    let v6 = |address: IpAddr| if let IpAddr::V6(address) = address { Some(address) } else { None };
    let offered = Offered {
        softwires,
        priority: priority(report),
        metric: client.metric,
        address: desired.addresses.iter().find_map(|a| v6(a.address.address())),
        dns: desired.dns.clone(),
    };
    Ok(Lease {
        held,
        view: events::Lease::V6(Box::new(view)),
        desired,
        delegated,
        ledger,
        emitted: Vec::new(),
        offered,
    })
}

/// The order that the ISP prefers (RFC 8026); what of it is wrong, the handler's notes say.
fn priority(report: &V6Report) -> Vec<Provider> {
    let value = report.options.get(&PRIORITY).and_then(|values| values.first());
    let read = value.map(|value| Input::value(&value.0).and_then(|input| decode_priority(input, &mut ())));
    let kinds = read.and_then(Result::ok).map(|priority| priority.kinds).unwrap_or_default();
    kinds.iter().filter_map(|kind| Provider::of_kind(kind.name())).collect()
}

/// The latest of them; `None` when one never comes, or there is none.
fn last_end(ends: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let mut last = None;
    for end in ends {
        last = Some(last.unwrap_or(0).max(end?));
    }
    last
}

/// What is left of each at `now`.
pub(super) fn count_down(
    view: &mut LeaseV6,
    desired: &Desired,
    delegated: &[Delegated],
    held: &Held,
    now: u64,
) {
    let left = |end: Option<u64>| end.map(|end| end.saturating_sub(now).div_ceil(1000));
    for (shown, address) in view.addresses.iter_mut().zip(&desired.addresses) {
        shown.expires_in = left(address.valid_until);
    }
    for (shown, prefix) in view.prefixes.iter_mut().zip(delegated) {
        shown.expires_in = left(prefix.valid_until);
    }
    view.expires_in = left(held.valid_until);
}

/// What a first lease brings.
pub(super) fn present(new: &LeaseV6) -> Vec<Change> {
    is_different([
        (Change::Address, !new.addresses.is_empty()),
        (Change::Prefix, !new.prefixes.is_empty()),
        (Change::Dns, !new.dns.is_empty() || !new.search.is_empty()),
        (Change::Lifetime, true),
        (Change::Softwire, SOFTWIRE_OPTIONS.iter().any(|code| new.options.contains_key(code))),
        (Change::Vendor, VENDOR_OPTIONS.iter().any(|code| new.options.contains_key(code))),
        (Change::Meta, true),
    ])
}

/// What differs besides the lifetimes. That an address or a prefix is deprecated, or is not any more, is a change of
/// it.
pub(super) fn changes(old: &LeaseV6, new: &LeaseV6) -> Vec<Change> {
    let addresses = |lease: &LeaseV6| -> Vec<_> {
        lease.addresses.iter().map(|a| (a.address, a.preferred == Some(0))).collect()
    };
    let prefixes = |lease: &LeaseV6| -> Vec<_> {
        lease.prefixes.iter().map(|p| (p.prefix, p.exclude, p.preferred == Some(0))).collect()
    };
    let options = differing(&old.options, &new.options);
    // Of another prefix the same option makes another softwire.
    let softwire = options.iter().any(|code| SOFTWIRE_OPTIONS.contains(code)) || old.softwire != new.softwire;
    // What softwire options say is published as parameters too.
    let parameters = super::parameter_change(&old.parameters, &new.parameters).filter(|_| !softwire);
    let vendor =
        parameters == Some(Change::Vendor) || options.iter().any(|code| VENDOR_OPTIONS.contains(code));
    // Below 15: how the exchange went, and what the ledger holds.
    let meta = |code: &u16| {
        *code > 14
            && !VENDOR_OPTIONS.contains(code)
            && !SOFTWIRE_OPTIONS.contains(code)
            && !EFFECT_OPTIONS.contains(code)
    };
    is_different([
        (Change::Address, addresses(old) != addresses(new)),
        (Change::Prefix, prefixes(old) != prefixes(new)),
        (Change::Dns, (&old.dns, &old.search) != (&new.dns, &new.search)),
        (Change::Softwire, softwire),
        (Change::Vendor, vendor),
        (
            Change::Meta,
            (&old.server_duid, &old.ntp) != (&new.server_duid, &new.ntp)
                || parameters == Some(Change::Meta)
                || options.iter().any(meta),
        ),
    ])
}
