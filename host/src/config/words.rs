//! The words that keys take, in both directions, and what to suggest for a word that is none of them.

use dhcpmgr_plugin_api::{MtuPolicy, Protocol, RoutePolicy};

use super::lan::{RaBackend, RaDns};
use super::model::{DnsBackend, Grant, Isolation, OnStop, OnStuck};
use super::softwire::{Provider, SoftwireBackend, Unneeded};

/// Word and value.
pub(super) type Words<T> = &'static [(&'static str, T)];

pub(super) const PROTOCOLS: Words<Protocol> = &[("v4", Protocol::V4), ("v6", Protocol::V6)];

pub(super) const MTU_POLICIES: Words<MtuPolicy> =
    &[("link", MtuPolicy::Link), ("route", MtuPolicy::Route), ("ignore", MtuPolicy::Ignore)];

pub(super) const ROUTE_POLICIES: Words<RoutePolicy> = &[
    ("all", RoutePolicy::All),
    ("default-only", RoutePolicy::DefaultOnly),
    ("no-default", RoutePolicy::NoDefault),
    ("none", RoutePolicy::None),
];

pub(super) const ON_STOP: Words<OnStop> =
    &[("keep", OnStop::Keep), ("stop", OnStop::Stop), ("release", OnStop::Release)];

pub(super) const ON_STUCK: Words<OnStuck> = &[("restart", OnStuck::Restart), ("report", OnStuck::Report)];

pub(super) const ISOLATIONS: Words<Isolation> =
    &[("worker", Isolation::Worker), ("in-process", Isolation::InProcess)];

pub(super) const DNS_BACKENDS: Words<DnsBackend> = &[
    ("none", DnsBackend::None),
    ("file", DnsBackend::File),
    ("resolvconf", DnsBackend::Resolvconf),
    ("resolved", DnsBackend::Resolved),
];

pub(super) const SOFTWIRE_BACKENDS: Words<SoftwireBackend> = &[
    ("auto", SoftwireBackend::Auto),
    ("nat46", SoftwireBackend::Nat46),
    ("kernel-tunnel", SoftwireBackend::KernelTunnel),
    ("none", SoftwireBackend::None),
];

pub(super) const RA_BACKENDS: Words<RaBackend> = &[("none", RaBackend::None), ("radvd", RaBackend::Radvd)];

pub(super) const RA_DNS: Words<RaDns> =
    &[("none", RaDns::None), ("lease", RaDns::Lease), ("router", RaDns::Router)];

pub(super) const PROVIDERS: Words<Provider> = &[
    ("map-t", Provider::MapT),
    ("map-e", Provider::MapE),
    ("lw4o6", Provider::Lw4o6),
    ("ds-lite", Provider::DsLite),
    ("dhcpv4", Provider::Dhcpv4),
];

pub(super) const UNNEEDED: Words<Unneeded> = &[("release", Unneeded::Release), ("keep", Unneeded::Keep)];

pub(super) const GRANTS: Words<Grant> = &[
    ("addresses", Grant::Addresses),
    ("routes", Grant::Routes),
    ("mtu", Grant::Mtu),
    ("dns", Grant::Dns),
    ("ntp", Grant::Ntp),
    ("prefixes", Grant::Prefixes),
    ("softwire", Grant::Softwire),
    ("parameters", Grant::Parameters),
    ("events", Grant::Events),
    ("send-options", Grant::SendOptions),
    ("refuse", Grant::Refuse),
];

/// The word of a value.
pub(super) fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, candidate)| candidate == value).map_or("", |(word, _)| word)
}

/// `"a", "b"` for messages.
pub(super) fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// The accepted word that was probably meant: at most a quarter of it differs.
pub(crate) fn nearest<'a>(found: &str, accepted: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > 64 {
        return None;
    }
    let distance = |word: &&str| edit_distance(found, word);
    let best = accepted.into_iter().min_by_key(distance)?;
    let limit = (best.chars().count() / 4).max(1);
    (edit_distance(found, best) <= limit).then_some(best)
}

/// Levenshtein's distance, with neighbours exchanged counting as one edit.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_nonsense_is_not() {
        let keys = ["metric", "interface", "mtu"];
        assert_eq!(nearest("metrc", keys), Some("metric"));
        assert_eq!(nearest("inteface", keys), Some("interface"));
        assert_eq!(nearest("mut", keys), Some("mtu"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest(&"m".repeat(5000), keys), None);
    }

    #[test]
    fn words_are_those_of_the_other_interfaces() {
        fn same<T: Serialize>(words: &[(&str, T)]) {
            for (word, value) in words {
                assert_eq!(serde_json::to_value(value).unwrap(), *word);
            }
        }
        same(PROTOCOLS);
        same(MTU_POLICIES);
        same(ROUTE_POLICIES);
        same(ON_STOP);
        same(ON_STUCK);
        same(ISOLATIONS);
        same(DNS_BACKENDS);
        same(RA_BACKENDS);
        same(RA_DNS);
        same(PROVIDERS);
        same(UNNEEDED);
        same(GRANTS);
        assert_eq!(GRANTS.len(), Grant::ALL.len());
    }
}
