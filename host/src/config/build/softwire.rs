//! `[softwire]`, with an order of its own for single WANs.

use dhcpmgr_message::IfName;

use super::client::choice;
use crate::config::reader::{Item, Section};
use crate::config::softwire::{Order, Softwire, SoftwireBackend};
use crate::config::tree::Value;
use crate::config::words::{PROVIDERS, SOFTWIRE_BACKENDS, UNNEEDED, quoted};
use crate::flat::FlatMap;

pub(super) const KEYS: [&str; 4] = ["backend", "order", "dhcpv4_lease", "interfaces"];

pub(super) fn softwire(top: &Section<'_>) -> Softwire {
    let Some(section) = super::section(top, "softwire") else { return Softwire::default() };
    section.accept_only(&KEYS, &[]);
    Softwire {
        backend: section.get("backend").and_then(|item| backend(&item)).unwrap_or_default(),
        order: order_in(&section).unwrap_or_default(),
        dhcpv4_lease: choice(
            &section,
            "dhcpv4_lease",
            "what becomes of a lease that is not needed",
            UNNEEDED,
        )
        .unwrap_or_default(),
        interfaces: interfaces(&section),
    }
}

fn backend(item: &Item<'_>) -> Option<SoftwireBackend> {
    if matches!(&item.node.value, Value::Text(text) if text == "userspace") {
        let accepted = quoted(SOFTWIRE_BACKENDS.iter().map(|(word, _)| *word));
        item.refuse(format!("the translator \"userspace\" is not built yet; accepted: {accepted}"));
        return None;
    }
    item.choice("a back-end for softwires", SOFTWIRE_BACKENDS)
}

fn interfaces(section: &Section<'_>) -> FlatMap<IfName, Order> {
    let mut orders = FlatMap::new();
    let table = section.get("interfaces").and_then(|item| item.table("tables, [softwire.interfaces.IFACE]"));
    let Some(table) = table else { return orders };
    for (entry, item) in table.items() {
        let name = match entry.name.parse::<IfName>() {
            Ok(name) => name,
            Err(error) => {
                item.report.add(entry.name_at, &item.key, error.to_string());
                continue;
            }
        };
        let Some(table) = item.table("a table, [softwire.interfaces.IFACE]") else { continue };
        table.accept_only(&["order"], &[]);
        if let Some(order) = order_in(&table) {
            orders.insert(name, order);
        }
    }
    orders
}

fn order_in(section: &Section<'_>) -> Option<Order> {
    section.get("order").map(|item| order(&item))
}

fn order(item: &Item<'_>) -> Order {
    let accepted = format!("a list out of {}", quoted(PROVIDERS.iter().map(|(word, _)| *word)));
    let mut named = Vec::new();
    for word in item.list(&accepted).unwrap_or_default() {
        let Some(provider) = word.choice("a way to IPv4", PROVIDERS) else { continue };
        if named.contains(&provider) {
            word.refuse("is listed twice; accepted: each once");
        }
        named.push(provider);
    }
    Order::new(named)
}
