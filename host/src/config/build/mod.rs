//! From the merged tree to a [`Config`]: the sections of the top level. One file for each kind of section.

mod client;
mod delegation;
mod handler;
mod hook;
mod recovery;
mod send;
mod send6;
mod settings;
mod signatures;
mod softwire;
mod sysctls;
mod v6;

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::Protocol;
use tracing_subscriber::filter::Targets;

use super::model::{Config, Daemon, Dns, Metrics, Observer};
use super::reader::{Report, Section};
use super::tree::Entry;
use super::words::{DNS_BACKENDS, PROTOCOLS, word_of};
use crate::flat::{FlatMap, FlatSet};
use crate::order;
use crate::signature::PublicKey;

const SECTIONS: [&str; 12] = [
    "daemon",
    "dns",
    "metrics",
    "observer",
    "clients",
    "signatures",
    "handlers",
    "delegations",
    "ula",
    "router_advertisements",
    "softwire",
    "hooks",
];

/// Reads the whole tree. The result counts only when nothing was reported.
pub(super) fn config(entries: &[Entry], report: &Report<'_>) -> Config {
    let top = Section { report, key: String::new(), entries };
    top.accept_only(&SECTIONS, &[]);
    let (clients, declared) = clients(&top);
    let public_keys =
        section(&top, "signatures").map(|keys| signatures::signatures(&keys)).unwrap_or_default();
    let handlers = handlers(&top, &declared, &public_keys);
    let lans = delegation::lans(&top, &clients, &declared);
    let softwire = softwire::softwire(&top);
    let hooks = hooks(&top, &declared);
    let (dns, metrics, observer) = (dns(&top), metrics(&top), observer(&top));
    Config {
        daemon: daemon(&top),
        dns,
        metrics,
        observer,
        clients,
        public_keys,
        handlers,
        lans,
        softwire,
        hooks,
    }
}

fn section<'a>(top: &Section<'a>, name: &str) -> Option<Section<'a>> {
    top.get(name)?.table(&format!("a table, [{name}]"))
}

fn daemon(top: &Section<'_>) -> Daemon {
    let mut daemon = Daemon::default();
    let Some(section) = section(top, "daemon") else { return daemon };
    section.accept_only(&["log"], &[]);
    if let Some(item) = section.get("log")
        && let Some(text) = item.text("a string in RUST_LOG syntax, such as \"info\"")
    {
        match text.parse::<Targets>() {
            Ok(_) => daemon.log = text.to_owned(),
            Err(error) => item.refuse(format!(
                "{text:?} is not a log filter ({error}); accepted: RUST_LOG syntax, such as \"info\" or \
                 \"info,dhcpmgr::network=debug\""
            )),
        }
    }
    daemon
}

fn dns(top: &Section<'_>) -> Dns {
    let mut dns = Dns::default();
    let Some(section) = section(top, "dns") else { return dns };
    section.accept_only(&["backend"], &[]);
    if let Some(backend) =
        section.get("backend").and_then(|item| item.choice("a back-end for name servers", DNS_BACKENDS))
    {
        dns.backend = backend;
    }
    dns
}

fn metrics(top: &Section<'_>) -> Metrics {
    let mut metrics = Metrics::default();
    let Some(section) = section(top, "metrics") else { return metrics };
    section.accept_only(&["listen"], &[]);
    if let Some(item) = section.get("listen") {
        metrics.listen = item.parsed(
            "\"socket\", or a loopback address with a port, such as \"127.0.0.1:9546\" or \"[::1]:9546\"",
        );
    }
    metrics
}

fn observer(top: &Section<'_>) -> Observer {
    let Some(section) = section(top, "observer") else { return Observer::default() };
    section.accept_only(&["enabled"], &[]);
    Observer { enabled: section.get("enabled").and_then(|item| item.flag()).unwrap_or_default() }
}

/// The clients, and the names of all that have a section, also of those with an error.
fn clients(top: &Section<'_>) -> (FlatMap<ClientName, super::Client>, FlatSet<ClientName>) {
    let (mut clients, mut declared) = (FlatMap::new(), FlatSet::new());
    let mut taken: FlatMap<(Protocol, String), ClientName> = FlatMap::new();
    let Some(section) = section(top, "clients") else { return (clients, declared) };
    for (entry, item) in section.items() {
        let name = match entry.name.parse::<ClientName>() {
            Ok(name) => name,
            Err(error) => {
                item.report.add(entry.name_at, &item.key, error.to_string());
                continue;
            }
        };
        declared.insert(name.clone());
        let Some(table) = item.table("a table, [clients.NAME]") else { continue };
        let Some(client) = client::client(name.clone(), entry.name_at, &table) else { continue };
        let link = (client.protocol, client.interface.to_string());
        if let Some(first) = taken.get(&link)
            && let Some(interface) = table.get("interface")
        {
            interface.refuse(format!(
                "\"{}\" already has the {} client \"{first}\"; accepted: one client of a protocol on an interface",
                client.interface,
                word_of(PROTOCOLS, &client.protocol)
            ));
        }
        taken.entry(link).or_insert_with(|| name.clone());
        clients.insert(name, client);
    }
    (clients, declared)
}

fn handlers(
    top: &Section<'_>,
    clients: &FlatSet<ClientName>,
    public_keys: &[PublicKey],
) -> Vec<super::Handler> {
    let Some(section) = section(top, "handlers") else { return Vec::new() };
    let mut handlers = Vec::new();
    for (entry, item) in section.items() {
        if entry.name.parse::<ClientName>().is_err() {
            item.report.add(
                entry.name_at,
                &item.key,
                "is no name for a handler; accepted: 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or a digit",
            );
            continue;
        }
        let Some(table) = item.table("a table, [handlers.NAME]") else { continue };
        handlers.extend(handler::handler(&entry.name, entry.name_at, &table, clients, public_keys));
    }
    // Stable: those of the same order stay as the files have them.
    order::sort_by_key(&mut handlers, |handler: &super::Handler| handler.order);
    handlers
}

fn hooks(top: &Section<'_>, clients: &FlatSet<ClientName>) -> Vec<super::ProgramHook> {
    let Some(section) = section(top, "hooks") else { return Vec::new() };
    let mut hooks = Vec::new();
    for (entry, item) in section.items() {
        if entry.name.parse::<ClientName>().is_err() {
            let accepted = "1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or a digit";
            item.report.add(entry.name_at, &item.key, format!("is no name for a hook; accepted: {accepted}"));
            continue;
        }
        let Some(table) = item.table("a table, [hooks.NAME]") else { continue };
        hooks.extend(hook::hook(&entry.name, entry.name_at, &table, clients));
    }
    hooks
}
