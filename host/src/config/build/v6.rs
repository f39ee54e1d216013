//! What only a `[clients.NAME]` for DHCPv6 has.

use std::net::Ipv6Addr;

use dhcpmgr_message::Prefix;

use crate::config::model::{IaConfig, V6};
use crate::config::reader::{Item, Section};

/// An association for addresses, in one line.
const IA_NA: &str = "a list such as [{ iaid = 1, address = \"2001:db8::7\", t1 = 3600, t2 = 5400 }]; every key may be left out";
/// An association for prefixes, in one line.
const IA_PD: &str =
    "a list such as [{ iaid = 1, prefix = \"::/56\", t1 = 3600, t2 = 5400 }]; every key may be left out";
/// Associations of a kind. A message has 1500 bytes, and each takes up to 45.
const MOST_IAS: usize = 8;

/// Reads them.
pub(super) fn v6(table: &Section<'_>) -> V6 {
    let flag = |key: &str, default| table.get(key).and_then(|item| item.flag()).unwrap_or(default);
    let ias = |wanted: &str, key: &str, accepted: &str, hint: &str| {
        let wants = flag(wanted, true);
        match table.get(key) {
            None => {
                if wants {
                    vec![IaConfig::default()]
                } else {
                    Vec::new()
                }
            }
            Some(item) => {
                if !wants {
                    item.refuse(format!(
                        "is here, and {wanted} = false asks for none; accepted: one of the two"
                    ));
                }
                ias(&item, accepted, hint)
            }
        }
    };
    V6 {
        ia_na: ias("addresses", "ia_na", IA_NA, "address"),
        ia_pd: ias("prefixes", "ia_pd", IA_PD, "prefix"),
        rapid_commit: flag("rapid_commit", false),
        reconfigure_accept: flag("reconfigure_accept", false),
    }
}

fn ias(item: &Item<'_>, accepted: &str, hint: &str) -> Vec<IaConfig> {
    let Some(list) = item.list(accepted) else { return Vec::new() };
    if !(1..=MOST_IAS).contains(&list.len()) {
        item.refuse(format!("has {} associations; accepted: 1 to {MOST_IAS}", list.len()));
    }
    let mut ias: Vec<IaConfig> = Vec::new();
    for item in list {
        let Some(table) = item.table(accepted) else { continue };
        table.accept_only(&["iaid", hint, "t1", "t2"], &[]);
        let whole = |key: &str, range, unit: &str| table.get(key).and_then(|item| item.whole(range, unit));
        let (t1, t2) = (whole("t1", 1..=u32::MAX - 1, "seconds"), whole("t2", 1..=u32::MAX - 1, "seconds"));
        if let (Some(t1), Some(t2)) = (t1, t2)
            && t1 > t2
        {
            item.refuse(format!(
                "t1 = {t1} is later than t2 = {t2}; accepted: t1 up to t2 (RFC 8415 section 21.4)"
            ));
        }
        let ia = IaConfig {
            iaid: whole("iaid", 0..=u32::MAX, ""),
            hint: table.get(hint).and_then(|item| wish(&item, hint)),
            t1,
            t2,
        };
        if ia.iaid.is_some() && ias.iter().any(|other| other.iaid == ia.iaid) {
            item.refuse("has an IAID that is here already; accepted: each once (RFC 8415 section 12)");
        }
        ias.push(ia);
    }
    ias
}

/// An address, or a prefix.
fn wish(item: &Item<'_>, hint: &str) -> Option<Prefix> {
    let (text, accepted) = if hint == "address" {
        let accepted = "an IPv6 address, such as \"2001:db8::7\"";
        let address: Ipv6Addr = item.parsed(accepted)?;
        (format!("{address}/128"), accepted)
    } else {
        let accepted = "an IPv6 prefix, such as \"::/56\" or \"2001:db8:f000::/56\"";
        (item.text(accepted)?.to_owned(), accepted)
    };
    let prefix = text.parse::<Prefix>();
    let fits = prefix.as_ref().ok().filter(|prefix| prefix.address().is_ipv6() && prefix.len() > 0);
    if fits.is_none() {
        let why =
            prefix.as_ref().err().map_or_else(|| "it is not one of IPv6".to_owned(), ToString::to_string);
        item.refuse(format!("{text:?}: {why}; accepted: {accepted}"));
    }
    fits.copied()
}
