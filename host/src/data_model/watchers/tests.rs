//! What subscribers are told, with a tree of DHCPv4 clients that a test may change.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::data_model::schema::{Object, Parameter};
use crate::data_model::tables::OBJECTS;

/// Clients by number: enabled, address, DNS servers, options with their tags.
#[derive(Default)]
struct Tree(RefCell<BTreeMap<u32, Client>>);

#[derive(Default, Clone)]
struct Client {
    enabled: bool,
    address: &'static str,
    dns: &'static str,
    left: i64,
    options: Vec<u32>,
}

impl Source for Tree {
    fn rows(&self, table: &'static Object, within: &Place) -> Vec<u32> {
        let clients = self.0.borrow();
        match table.path {
            "Device.DHCPv4.Client.{i}." => clients.keys().copied().collect(),
            "Device.DHCPv4.Client.{i}.SentOption.{i}." => clients[&within.numbers()[0]].options.clone(),
            _ => Vec::new(),
        }
    }

    fn value(&self, place: &Place, parameter: &'static Parameter) -> Option<Value> {
        let clients = self.0.borrow();
        let Some(client) = place.numbers().first().and_then(|number| clients.get(number)) else {
            return Some(Value::nothing(&parameter.kind));
        };
        Some(match (place.object.name, parameter.name) {
            ("Client", "Enable") => client.enabled.into(),
            ("Client", "Alias") => format!("wan{}", place.numbers()[0]).into(),
            ("Client", "IPAddress") => client.address.into(),
            ("Client", "DNSServers") => client.dns.into(),
            ("Client", "LeaseTimeRemaining") => Value::Int(client.left),
            ("SentOption", "Tag") => place.numbers()[1].into(),
            _ => Value::nothing(&parameter.kind),
        })
    }
}

fn tree() -> Tree {
    let client = Client { enabled: true, address: "192.0.2.1", left: 3600, ..Client::default() };
    Tree(RefCell::new([(1, client.clone()), (2, client)].into()))
}

impl Tree {
    fn change(&self, number: u32, change: impl FnOnce(&mut Client)) {
        change(self.0.borrow_mut().entry(number).or_default());
    }
}

fn to(references: &[&str]) -> Subscription {
    let references = references.iter().map(|text| (*text).to_owned()).collect();
    Subscription { references, ..Subscription::default() }
}

fn of(kind: NotifType, references: &[&str]) -> Subscription {
    Subscription { types: vec![kind], ..to(references) }
}

const NOW: &str = "2026-01-31T12:00:00Z";

/// Begins, lets the tree change, looks, and gives what is told.
async fn told(wants: Subscription, change: impl FnOnce(&Tree, &mut Watchers)) -> Notice {
    let (tree, mut watchers) = (tree(), Watchers::default());
    let mut notices = watchers.add(wants, &tree, NOW).unwrap();
    change(&tree, &mut watchers);
    watchers.look(&tree, NOW);
    timeout(Duration::from_secs(1), notices.next()).await.unwrap_or_default()
}

fn paths(notice: &Notice) -> Vec<&str> {
    notice.values.keys().map(String::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn a_value_is_told_where_it_changes_and_what_counts_down_is_not() {
    let notice = told(to(&["Device.DHCPv4.Client.1."]), |tree, _| {
        tree.change(1, |client| (client.address, client.left) = ("192.0.2.9", 3599));
        tree.change(2, |client| client.address = "192.0.2.8");
    });
    let notice = notice.await;
    assert_eq!(notice.values, [("Device.DHCPv4.Client.1.IPAddress".to_owned(), "192.0.2.9".into())].into());
    assert_eq!((notice.changed, notice.time.as_str()), (vec![Change::Address], NOW));
    let nothing = told(to(&["Device."]), |tree, _| tree.change(1, |client| client.left = 1)).await;
    assert_eq!(nothing, Notice::default());
}

#[tokio::test(start_paused = true)]
async fn rows_come_and_go_and_bring_their_keys() {
    let add = |tree: &Tree, _: &mut Watchers| {
        tree.change(1, |client| client.options = vec![60]);
        tree.change(3, |client| client.address = "192.0.2.3");
        tree.0.borrow_mut().remove(&2);
    };
    let created = told(of(NotifType::ObjectCreation, &["Device.DHCPv4.Client."]), add).await;
    assert_eq!(created.created, ["Device.DHCPv4.Client.1.SentOption.60.", "Device.DHCPv4.Client.3."]);
    assert!(created.deleted.is_empty());
    assert_eq!(created.values["Device.DHCPv4.Client.3.Alias"], "wan3".into());
    assert_eq!(created.values["Device.DHCPv4.Client.1.SentOption.60.Tag"], 60_u32.into());
    assert!(!created.values.contains_key("Device.DHCPv4.Client.3.IPAddress"));
    let deleted = told(of(NotifType::ObjectDeletion, &["Device.DHCPv4.Client.*."]), add).await;
    assert_eq!((deleted.deleted, deleted.values.len()), (vec!["Device.DHCPv4.Client.2.".to_owned()], 0));
    let values = told(of(NotifType::ValueChange, &["Device.DHCPv4.Client.*.IPAddress"]), add).await;
    assert_eq!(paths(&values), ["Device.DHCPv4.Client.3.IPAddress"]);
    assert!(values.created.is_empty() && values.deleted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_search_is_made_anew_at_each_look() {
    let search = ["Device.DHCPv4.Client.[Enable==false]."];
    let begins = told(to(&search), |tree, _| {
        tree.change(1, |client| client.enabled = false);
        tree.change(2, |client| client.address = "192.0.2.8");
    });
    assert_eq!(paths(&begins.await), ["Device.DHCPv4.Client.1.Enable"]);
    // It was there at the last look, so its end is told.
    let wants = of(NotifType::ObjectDeletion, &["Device.DHCPv4.Client.[IPAddress==\"192.0.2.1\"]."]);
    let gone = told(wants, |tree, _| drop(tree.0.borrow_mut().remove(&2))).await;
    assert_eq!(gone.deleted, ["Device.DHCPv4.Client.2."]);
    let (tree, mut watchers) = (tree(), Watchers::default());
    let mut notices = watchers.add(to(&["Device.DHCPv4.Client.[Enable==true]."]), &tree, NOW).unwrap();
    tree.change(1, |client| client.enabled = false);
    watchers.look(&tree, NOW);
    assert_eq!(paths(&notices.next().await), ["Device.DHCPv4.Client.1.Enable"], "that it ends is told");
    tree.change(1, |client| client.address = "192.0.2.7");
    watchers.look(&tree, NOW);
    assert!(timeout(Duration::from_secs(1), notices.next()).await.is_err(), "it is none of them any more");
}

#[tokio::test(start_paused = true)]
async fn the_mask_lets_parts_of_a_lease_through() {
    let change = |tree: &Tree, watchers: &mut Watchers| {
        tree.change(1, |client| (client.address, client.dns) = ("192.0.2.9", "192.0.2.53"));
        tree.change(3, |_| {});
        watchers.operated(&["Device.DHCPv4.Client.1.Renew()".to_owned()]);
    };
    let wants = Subscription { changed: vec![Change::Dns], ..to(&["Device."]) };
    let notice = told(wants.clone(), change).await;
    assert_eq!(paths(&notice), ["Device.DHCPv4.Client.1.DNSServers", "Device.DHCPv4.Client.3.DNSServers"]);
    assert_eq!((notice.changed, notice.created.len(), notice.operations.len()), (vec![Change::Dns], 0, 0));
    let types = vec![NotifType::ValueChange, NotifType::OperationComplete];
    assert_eq!(told(Subscription { types, ..wants }, change).await.operations.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn commands_are_told_of_the_rows_that_were_named() {
    let renew = |_: &Tree, watchers: &mut Watchers| {
        watchers.operated(&[1, 2].map(|number| format!("Device.DHCPv4.Client.{number}.Renew()")));
    };
    let all = ["Device.DHCPv4.Client.1.Renew()", "Device.DHCPv4.Client.2.Renew()"];
    for (reference, expected) in [
        ("Device.DHCPv4.Client.*.Renew()", &all[..]),
        ("Device.DHCPv4.Client.2.", &all[1..]),
        ("Device.DHCPv4.Client.[wan1].Renew()", &all[..1]),
        ("Device.DHCPv4.Client.*.Release()", &[]),
    ] {
        assert_eq!(told(to(&[reference]), renew).await.operations, expected, "{reference}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_leads_nowhere_is_refused() {
    let mut watchers = Watchers::default();
    let mut refused = |wants| watchers.add(wants, &tree(), NOW).unwrap_err().code;
    assert_eq!(refused(to(&[])), code::INVALID_ARGUMENTS);
    assert_eq!(refused(to(&["Device."; 65])), code::INVALID_ARGUMENTS);
    assert_eq!(refused(to(&["Device.DHCPv4.Client.9."])), code::NO_PATH);
    assert_eq!(refused(to(&["Device.DHCPv4.Client.1.Nothing"])), code::UNKNOWN_PARAMETER);
    let listening: Vec<_> =
        (0..MOST).map(|_| watchers.add(to(&["Device."]), &tree(), NOW).unwrap()).collect();
    assert_eq!(watchers.add(to(&["Device."]), &tree(), NOW).unwrap_err().code, code::RESOURCES);
    drop(listening);
    assert!(watchers.is_empty() && watchers.add(to(&["Device."]), &tree(), NOW).is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_later_takes_nothing_from_the_others() {
    let (tree, mut watchers) = (tree(), Watchers::default());
    let mut first = watchers.add(to(&["Device.DHCPv4."]), &tree, NOW).unwrap();
    tree.change(1, |client| client.address = "192.0.2.9");
    let wants = Subscription { with_present: true, ..to(&["Device.DHCPv4.Client.1.IPAddress"]) };
    let mut second = watchers.add(wants, &tree, NOW).unwrap();
    watchers.look(&tree, NOW);
    assert_eq!(paths(&first.next().await), ["Device.DHCPv4.Client.1.IPAddress"]);
    assert_eq!(second.next().await.values["Device.DHCPv4.Client.1.IPAddress"], "192.0.2.9".into());
    assert!(timeout(Duration::from_secs(1), second.next()).await.is_err(), "it is told once");
}

#[test]
fn every_parameter_is_of_the_part_of_a_lease_that_it_shows() {
    let of = |path: &str, name: &str| parts(Object::find(path).unwrap(), name);
    let (v4, interface) = ("Device.DHCPv4.Client.{i}.", "Device.IP.Interface.{i}.");
    assert_eq!(of(v4, "SubnetMask"), [Change::Address]);
    assert_eq!(of(v4, "DHCPStatus"), [Change::Meta]);
    assert_eq!(of(v4, "X_ACME_Url"), [Change::Vendor]);
    assert_eq!(of(v4, "X_DHCPMGR_Reason"), [Change::Meta]);
    assert_eq!(of(&format!("{interface}IPv6Prefix.{{i}}."), "Prefix"), [Change::Prefix]);
    assert_eq!(of(&format!("{interface}IPv6Prefix.{{i}}."), "ValidLifetime"), [Change::Lifetime]);
    assert_eq!(of("Device.Routing.Router.{i}.IPv4Forwarding.{i}.", ""), [Change::Route]);
    // Each part is of some parameter, or no client tells of it.
    let all: Vec<_> =
        OBJECTS.iter().flat_map(|o| o.parameters.iter().flat_map(|p| parts(o, p.name))).collect();
    for part in Change::NAMES.iter().filter(|name| **name != "mtu") {
        assert!(all.iter().any(|change| crate::word::word(change) == *part), "{part}");
    }
}
