//! What a new configuration means for what runs: the difference, as a value.

use std::fmt;

use dhcpmgr_message::ClientName;

use super::hook::ProgramHook;
use super::lan::{Delegation, Lans, RouterAdvertisements};
use super::model::{Client, Config, Handler, V6};
use super::softwire::Softwire;
use crate::flat::FlatSet;

/// The difference between two configurations. `Display` writes a line for each part, for `dhcpmgr config reload`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigDiff {
    /// Clients that are new.
    pub clients_added: Vec<ClientName>,
    /// Clients that are gone.
    pub clients_removed: Vec<ClientName>,
    /// Clients that are there before and after, with another value of some key.
    pub clients_changed: Vec<ClientChange>,
    /// Handlers that are new.
    pub handlers_added: Vec<String>,
    /// Handlers that are gone.
    pub handlers_removed: Vec<String>,
    /// Handlers that are there before and after, with another value of some key.
    pub handlers_changed: Vec<HandlerChange>,
    /// The handlers that stay are asked in another order.
    pub handlers_reordered: bool,
    /// `[dns]` differs.
    pub dns: bool,
    /// `[metrics]` differs.
    pub metrics: bool,
    /// `[observer]` differs.
    pub observer: bool,
    /// What differs of the LANs, a line each.
    pub lans: Vec<String>,
    /// What differs of `[softwire]`, a line each.
    pub softwire: Vec<String>,
    /// What differs of the hooks, a line each.
    pub hooks: Vec<String>,
    /// The log filter differs.
    pub log: bool,
}

/// A client with another value of some key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientChange {
    /// The client.
    pub name: ClientName,
    /// The keys, as in TOML.
    pub keys: Vec<&'static str>,
    /// Its process has to be started again: what it is told on its command line differs.
    pub restart: bool,
    /// It is on another interface or speaks another protocol: the old lease does not belong to it.
    pub new_link: bool,
    /// Its lease has to go through the handlers again: a policy differs.
    pub replan: bool,
}

/// A handler with another value of some key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerChange {
    /// The handler.
    pub name: String,
    /// The keys, as in TOML.
    pub keys: Vec<&'static str>,
    /// It has to be made anew: module, isolation, keys or settings differ. Otherwise only what the host does with it changes.
    pub reload: bool,
}

impl ConfigDiff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything about the handlers differs, so that leases have to go through the chain again.
    #[must_use]
    pub fn touches_handlers(&self) -> bool {
        self.handlers_reordered
            || !(self.handlers_added.is_empty()
                && self.handlers_removed.is_empty()
                && self.handlers_changed.is_empty())
    }

    /// A line for each part.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.clients_added.iter().map(|name| format!("client {name}: added")));
        lines.extend(self.clients_removed.iter().map(|name| format!("client {name}: removed")));
        for change in &self.clients_changed {
            let what = if change.restart { "; its process is started again" } else { "" };
            lines.push(format!("client {}: {} changed{what}", change.name, change.keys.join(", ")));
        }
        lines.extend(self.handlers_added.iter().map(|name| format!("handler {name}: added")));
        lines.extend(self.handlers_removed.iter().map(|name| format!("handler {name}: removed")));
        for change in &self.handlers_changed {
            let what = if change.reload { "; it is made anew" } else { "" };
            lines.push(format!("handler {}: {} changed{what}", change.name, change.keys.join(", ")));
        }
        if self.handlers_reordered {
            lines.push("handlers: asked in another order".to_owned());
        }
        if self.dns {
            lines.push("dns: backend changed".to_owned());
        }
        for (section, differs) in [("metrics: listen", self.metrics), ("observer: enabled", self.observer)] {
            if differs {
                lines.push(format!("{section} changed"));
            }
        }
        lines.extend(self.lans.iter().chain(&self.softwire).chain(&self.hooks).cloned());
        if self.log {
            lines.push("daemon: log changed".to_owned());
        }
        lines
    }
}

impl fmt::Display for ConfigDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// What differs from `old` to `new`.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> ConfigDiff {
    let kept = |from: &'_ [Handler], other: &'_ [Handler]| -> Vec<String> {
        let stays = |handler: &&Handler| other.iter().any(|o| o.name == handler.name);
        from.iter().filter(stays).map(|handler| handler.name.clone()).collect()
    };
    let missing = |from: &[Handler], there: &[Handler]| -> Vec<String> {
        let gone = |handler: &&Handler| there.iter().all(|o| o.name != handler.name);
        from.iter().filter(gone).map(|handler| handler.name.clone()).collect()
    };
    ConfigDiff {
        clients_added: new.clients.keys().filter(|name| !old.clients.contains_key(*name)).cloned().collect(),
        clients_removed: old
            .clients
            .keys()
            .filter(|name| !new.clients.contains_key(*name))
            .cloned()
            .collect(),
        clients_changed: old
            .clients
            .values()
            .filter_map(|before| client_change(before, new.clients.get(&before.name)?))
            .collect(),
        handlers_added: missing(&new.handlers, &old.handlers),
        handlers_removed: missing(&old.handlers, &new.handlers),
        handlers_changed: old
            .handlers
            .iter()
            .filter_map(|before| handler_change(before, new.handlers.iter().find(|h| h.name == before.name)?))
            .collect(),
        handlers_reordered: kept(&old.handlers, &new.handlers) != kept(&new.handlers, &old.handlers),
        dns: old.dns != new.dns,
        metrics: old.metrics != new.metrics,
        observer: old.observer != new.observer,
        lans: lan_changes(&old.lans, &new.lans),
        softwire: softwire_changes(&old.softwire, &new.softwire),
        hooks: hook_changes(&old.hooks, &new.hooks),
        log: old.daemon.log != new.daemon.log,
    }
}

/// Names the keys whose values differ.
macro_rules! differing {
    ($before:expr, $after:expr, $($key:ident),+) => {
        [$((stringify!($key), $before.$key != $after.$key)),+]
            .into_iter()
            .filter_map(|(key, differs)| differs.then_some(key))
            .collect::<Vec<&'static str>>()
    };
}

fn lan_changes(old: &Lans, new: &Lans) -> Vec<String> {
    let names: FlatSet<_> = old.delegations.keys().chain(new.delegations.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let what = match (old.delegations.get(name), new.delegations.get(name)) {
            (None, _) => "added".to_owned(),
            (_, None) => "removed".to_owned(),
            (Some(before), Some(after)) => {
                let Delegation { from: _, subnet: _, length: _, token: _, ula: _ } = before;
                let keys = differing!(before, after, from, subnet, length, token, ula);
                if keys.is_empty() {
                    continue;
                }
                format!("{} changed", keys.join(", "))
            }
        };
        lines.push(format!("delegation to {name}: {what}"));
    }
    if old.ula != new.ula {
        lines.push("ula: prefix changed".to_owned());
    }
    let RouterAdvertisements { backend: _, config: _, pidfile: _, dns: _ } = &old.router_advertisements;
    let keys =
        differing!(old.router_advertisements, new.router_advertisements, backend, config, pidfile, dns);
    if !keys.is_empty() {
        lines.push(format!("router_advertisements: {} changed", keys.join(", ")));
    }
    lines
}

fn hook_changes(old: &[ProgramHook], new: &[ProgramHook]) -> Vec<String> {
    let find = |list: &[ProgramHook], name: &str| list.iter().find(|hook| hook.name == name).cloned();
    let mut lines = Vec::new();
    for hook in new.iter().filter(|hook| find(old, &hook.name).is_none()) {
        lines.push(format!("hook {}: added", hook.name));
    }
    for before in old {
        let Some(after) = find(new, &before.name) else {
            lines.push(format!("hook {}: removed", before.name));
            continue;
        };
        let ProgramHook { name: _, run: _, events: _, clients: _, user: _, timeout: _, environment: _ } =
            before;
        let keys = differing!(before, after, run, events, clients, user, timeout, environment);
        if !keys.is_empty() {
            lines.push(format!(
                "hook {}: {} changed",
                before.name,
                keys.join(", ").replace("timeout", "timeout_ms")
            ));
        }
    }
    lines
}

fn softwire_changes(old: &Softwire, new: &Softwire) -> Vec<String> {
    let Softwire { backend: _, order: _, dhcpv4_lease: _, interfaces: _ } = old;
    let keys = differing!(old, new, backend, order, dhcpv4_lease, interfaces);
    if keys.is_empty() { Vec::new() } else { vec![format!("softwire: {} changed", keys.join(", "))] }
}

fn client_change(before: &Client, after: &Client) -> Option<ClientChange> {
    // Destructured, so that a new key cannot be forgotten here.
    let Client {
        name: _,
        enabled: _,
        protocol: _,
        interface: _,
        program: _,
        request: _,
        send: _,
        hostname: _,
        metric: _,
        mtu: _,
        routes: _,
        discover_attempts: _,
        discover_interval: _,
        discover_pause: _,
        on_stop: _,
        sysctls: _,
        recovery: _,
        v6,
    } = before;
    let V6 { ia_na: _, ia_pd: _, rapid_commit: _, reconfigure_accept: _ } = v6;
    let link = differing!(before, after, protocol, interface);
    let process = differing!(
        before,
        after,
        program,
        request,
        send,
        hostname,
        discover_attempts,
        discover_interval,
        discover_pause
    );
    let v6 = differing!(before.v6, after.v6, ia_na, ia_pd, rapid_commit, reconfigure_accept);
    let process = [process, v6].concat();
    let policy = differing!(before, after, metric, mtu, routes);
    let state = differing!(before, after, enabled, on_stop, sysctls, recovery);
    let change = ClientChange {
        name: before.name.clone(),
        restart: !link.is_empty() || !process.is_empty(),
        new_link: !link.is_empty(),
        replan: !policy.is_empty(),
        keys: [link, process, policy, state].concat(),
    };
    (!change.keys.is_empty()).then_some(change)
}

fn handler_change(before: &Handler, after: &Handler) -> Option<HandlerChange> {
    let Handler {
        name: _,
        module: _,
        isolation: _,
        public_keys: _,
        grants: _,
        clients: _,
        deadline: _,
        deadlines: _,
        order: _,
        overrides: _,
        settings: _,
        written: _,
    } = before;
    let object = differing!(before, after, module, isolation, public_keys, settings);
    let host = differing!(before, after, grants, clients, order, overrides, deadlines);
    let deadline = if before.deadline == after.deadline { Vec::new() } else { vec!["deadline_ms"] };
    let change = HandlerChange {
        name: before.name.clone(),
        reload: !object.is_empty(),
        keys: [object, host, deadline].concat(),
    };
    (!change.keys.is_empty()).then_some(change)
}
