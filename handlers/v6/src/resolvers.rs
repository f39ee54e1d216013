//! Option 144: encrypted resolvers (RFC 9463), published and not used.

use std::collections::BTreeMap;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_handler_common::text::short;
use dhcpmgr_plugin_api::message::V6Report;

use crate::options::{self, ignored};

/// Resolvers that are published.
const MAX_RESOLVERS: usize = 8;
/// Bytes of one resolver in words.
const MAX_WORDS: usize = 1024;

/// `EncryptedDns.1` and so on, best first: the name, then `addresses=`, `alpn=`, `port=` and `dohpath=`.
pub(crate) fn collect(report: &V6Report, values: &mut BTreeMap<String, String>, notes: &mut Notes) {
    let mut resolvers = options::all_decoded(report, 144, options::resolver, notes);
    // Stable: of the same priority, the server's order.
    resolvers.sort_by_key(|resolver: &options::Resolver| resolver.priority);
    if resolvers.len() > MAX_RESOLVERS {
        let offered = resolvers.len();
        notes.add(format!(
            "{offered} encrypted resolvers (option 144) are offered; {MAX_RESOLVERS} are published"
        ));
        resolvers.truncate(MAX_RESOLVERS);
    }
    for (place, resolver) in resolvers.iter().enumerate() {
        let words = resolver.to_string();
        match short(&words, MAX_WORDS) {
            Ok(()) => drop(values.insert(format!("EncryptedDns.{}", place + 1), words)),
            Err(why) => ignored(144, &format!("resolver {} {why}", resolver.name), notes),
        }
    }
}
