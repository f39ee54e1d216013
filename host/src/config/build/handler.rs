//! `[handlers.NAME]`.

use std::collections::BTreeSet;
use std::time::Duration;

use dhcpmgr_message::ClientName;

use super::settings::settings;
use crate::config::model::{Grant, Handler, Isolation};
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::words::{GRANTS, ISOLATIONS, quoted};

const KEYS: [&str; 6] = ["module", "isolation", "grants", "clients", "deadline_ms", "settings"];

/// The modules that we ship. Only a relative name means one of them: it is looked up in the handlers directory.
const OURS: [&str; 4] =
    ["libdhcpmgr_v4.so", "libdhcpmgr_v6.so", "libdhcpmgr_mapt.so", "libdhcpmgr_vendor.so"];

const DEFAULT_DEADLINE_MS: u32 = 250;

const MODULE: &str =
    "a file name in the handlers directory, such as \"libdhcpmgr_v4.so\", or an absolute path";

/// Reads one handler; `None` when its module is missing or wrong.
pub(super) fn handler(
    name: &str,
    at: Place,
    table: &Section<'_>,
    declared: &BTreeSet<ClientName>,
) -> Option<Handler> {
    table.accept_only(&KEYS, &[]);
    let module = match table.get("module") {
        Some(item) => module(&item),
        None => {
            table.report.add(at, &table.key, format!("key \"module\" is missing; accepted: {MODULE}"));
            None
        }
    };
    let ours = module.as_deref().is_some_and(|module| OURS.contains(&module));
    let isolation = table
        .get("isolation")
        .and_then(|item| item.choice("a way to run a handler", ISOLATIONS))
        .unwrap_or(if ours { Isolation::InProcess } else { Isolation::Worker });
    let grants = match table.get("grants") {
        Some(item) => grants(&item),
        None if ours => BTreeSet::from(Grant::ALL),
        None => BTreeSet::from(Grant::THIRD_PARTY),
    };
    let clients = table.get("clients").map(|item| clients(&item, declared));
    let deadline = table
        .get("deadline_ms")
        .and_then(|item| item.whole(1..=60_000, "milliseconds"))
        .unwrap_or(DEFAULT_DEADLINE_MS);
    let settings = table.get("settings").map(|item| settings(&item)).unwrap_or_default();
    Some(Handler {
        name: name.to_owned(),
        module: module?,
        isolation,
        grants,
        clients,
        deadline: Duration::from_millis(deadline.into()),
        settings,
    })
}

fn module(item: &Item<'_>) -> Option<String> {
    let module = item.text(MODULE)?;
    let wrong = if module.is_empty() {
        Some("is empty")
    } else if module.contains('\0') {
        Some("contains a zero byte")
    } else if module.split('/').any(|part| part == "..") {
        Some("contains \"..\"")
    } else if module == "." || module.ends_with('/') {
        Some("is a directory")
    } else if module.contains('/') && !module.starts_with('/') {
        Some("is a relative path")
    } else {
        None
    };
    match wrong {
        Some(wrong) => {
            item.refuse(format!("{module:?} {wrong}; accepted: {MODULE}"));
            None
        }
        None => Some(module.to_owned()),
    }
}

fn grants(item: &Item<'_>) -> BTreeSet<Grant> {
    let accepted = format!("a list out of {}", quoted(GRANTS.iter().map(|(word, _)| *word)));
    let mut grants = BTreeSet::new();
    for word in item.list(&accepted).unwrap_or_default() {
        if let Some(grant) = word.choice("a grant", GRANTS)
            && !grants.insert(grant)
        {
            word.refuse("is listed twice; accepted: each grant once");
        }
    }
    grants
}

/// A list of configured clients.
pub(super) fn clients(item: &Item<'_>, declared: &BTreeSet<ClientName>) -> BTreeSet<ClientName> {
    let mut clients = BTreeSet::new();
    let list = item.list("a list of names of clients, such as [\"wan4\"]");
    if list.as_ref().is_some_and(Vec::is_empty) {
        item.refuse("is empty, so that nothing would ever come of it; accepted: names of clients, or no such key for all");
    }
    for name in list.unwrap_or_default() {
        let Some(text) = name.text("the name of a client") else { continue };
        match declared.get(text) {
            None => {
                let accepted = quoted(declared.iter().map(ClientName::as_str));
                let accepted = if accepted.is_empty() { "none, no client is configured" } else { &accepted };
                name.refuse(format!("{text:?} is not a client of this configuration; accepted: {accepted}"));
            }
            Some(client) => {
                if !clients.insert(client.clone()) {
                    name.refuse(format!("{text:?} is listed twice; accepted: each client once"));
                }
            }
        }
    }
    clients
}
