//! Who carries IPv4 on a WAN, in `status` and in `why`.

use std::fmt::Write as _;

use super::lease::block;
use super::style::{Style, Tone};
use super::text::{duration, plain};
use crate::config::Provider;
use crate::control::views::WanView;
use crate::softwire::backend::Stats;

/// The changes of the owner that `why` shows.
const SHOWN: usize = 5;

/// A row for each WAN that has had to do with softwires; empty for none. Not finished yet.
pub(super) fn table(wans: &[WanView], style: Style) -> String {
    let rows: Vec<_> = wans
        .iter()
        .filter(|wan| is_worth_a_word(wan))
        .map(|wan| {
            vec![
                wan.interface.to_string(),
                style.tone(tone(wan), owner(wan.owner)),
                wan.softwire_interface.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                wan.backend.map_or_else(|| "-".to_owned(), |backend| backend.to_string()),
                plain(&wan.reason),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    style.table(&["WAN", "IPV4", "OVER", "BY", "BECAUSE"], &[], rows)
}

/// What carries IPv4, why the rest that is offered does not, and what was before; nothing where there never was a choice.
pub(super) fn section(wan: &WanView, style: Style) -> Option<String> {
    if !is_worth_a_word(wan) {
        return None;
    }
    let mut rows = vec![
        ("owner".to_owned(), vec![style.tone(tone(wan), owner(wan.owner))]),
        ("because".to_owned(), vec![plain(&wan.reason)]),
    ];
    let over = wan.softwire_interface.as_ref().map(|interface| match wan.backend {
        Some(backend) => format!("{interface}, by {backend}"),
        None => interface.to_string(),
    });
    let over = over.map(|over| match wan.softwire_up_s {
        Some(up) => format!("{over}, for {}", duration(up)),
        None => over,
    });
    rows.push(("over".to_owned(), over.into_iter().collect()));
    rows.push(("traffic".to_owned(), wan.stats.iter().map(traffic).collect()));
    rows.push(("notes".to_owned(), wan.notes.iter().map(|note| plain(note)).collect()));
    let order: Vec<_> = wan.order.iter().map(|provider| provider.name()).collect();
    rows.push(("order".to_owned(), vec![order.join(", then ")]));
    let offered = wan.offered.iter().map(|offer| match &offer.obstacle {
        None => format!("{}, in use", offer.kind),
        Some(obstacle) => format!("{}, but {}", offer.kind, plain(obstacle)),
    });
    rows.push(("offered".to_owned(), offered.collect()));
    let changes = wan.changes.iter().take(SHOWN).map(|change| {
        let mut line = plain(&change.time);
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "  {} after {}: {}",
            owner(change.owner),
            owner(change.before),
            plain(&change.reason)
        );
        line
    });
    rows.push(("changes".to_owned(), changes.collect()));
    Some(block(&rows, 2))
}

fn traffic(stats: &Stats) -> String {
    match (stats.sent, stats.received) {
        (Some(sent), Some(received)) => format!(
            "{} packets, {} bytes sent; {} packets, {} bytes received",
            sent.packets, sent.bytes, received.packets, received.bytes
        ),
        _ => format!("{} packets, {} bytes in both directions", stats.packets, stats.bytes),
    }
}

fn is_worth_a_word(wan: &WanView) -> bool {
    !wan.offered.is_empty() || !wan.changes.is_empty()
}

fn owner(owner: Option<Provider>) -> &'static str {
    owner.map_or("none", Provider::name)
}

fn tone(wan: &WanView) -> Tone {
    if wan.owner.is_some() { Tone::Good } else { Tone::Waiting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::views::{OfferView, OwnerChange};
    use crate::softwire::backend::BackendName;

    fn wan() -> WanView {
        WanView {
            interface: "wan0".parse().unwrap(),
            owner: Some(Provider::MapT),
            reason: "wan6 offers it".to_owned(),
            order: vec![Provider::MapT, Provider::Dhcpv4],
            client: Some("wan6".parse().unwrap()),
            softwire_interface: Some("mapt0".parse().unwrap()),
            softwire_up_s: Some(3725),
            softwire: None,
            backend: Some(BackendName::Nat46),
            stats: Some(Stats { packets: 12, bytes: 3456, ..Stats::default() }),
            notes: Vec::new(),
            offered: vec![
                OfferView { kind: Provider::MapT, obstacle: None },
                OfferView {
                    kind: Provider::DsLite,
                    obstacle: Some("it is not in the configured order".into()),
                },
            ],
            changes: vec![OwnerChange {
                time: "2026-11-23T05:20:00.990Z".to_owned(),
                owner: Some(Provider::MapT),
                before: Some(Provider::Dhcpv4),
                reason: "map-t carries IPv4\u{1b}[2J".to_owned(),
            }],
        }
    }

    #[test]
    fn the_owner_the_way_the_rest_and_what_was_before() {
        let table = Style::default().finish(table(&[wan()], Style::default()));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "WAN   IPV4   OVER   BY     BECAUSE");
        assert_eq!(lines[1], "wan0  map-t  mapt0  nat46  wan6 offers it");
        let text = section(&wan(), Style::default()).unwrap();
        for line in [
            "owner    map-t",
            "over     mapt0, by nat46, for 1h 2m",
            "traffic  12 packets, 3456 bytes in both directions",
            "order    map-t, then dhcpv4",
            "offered  map-t, in use",
            "         ds-lite, but it is not in the configured order",
            "changes  2026-11-23T05:20:00.990Z  map-t after dhcpv4: map-t carries IPv4\\u{1b}[2J",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn where_there_never_was_a_choice_there_is_no_word_of_it() {
        let plain = WanView { offered: Vec::new(), changes: Vec::new(), ..wan() };
        assert_eq!(table(std::slice::from_ref(&plain), Style::default()), "");
        assert_eq!(section(&plain, Style::default()), None);
    }
}
