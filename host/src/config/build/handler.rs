//! `[handlers.NAME]`.

use std::time::Duration;

use dhcpmgr_message::ClientName;
use dhcpmgr_plugin_api::{Hook, Plan};

use super::settings::{places, settings};
use super::signatures;
use crate::config::model::{Grant, Handler, Isolation};
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::words::{GRANTS, ISOLATIONS, quoted};
use crate::config::written::Written;
use crate::flat::{FlatMap, FlatSet};
use crate::signature::PublicKey;

const KEYS: [&str; 10] = [
    "module",
    "public_keys",
    "isolation",
    "grants",
    "clients",
    "order",
    "overrides",
    "deadline_ms",
    "deadlines",
    "settings",
];

/// The modules that we ship. Only a relative name means one of them: it is looked up in the handlers directory.
const OURS: [&str; 4] =
    ["libdhcpmgr_v4.so", "libdhcpmgr_v6.so", "libdhcpmgr_mapt.so", "libdhcpmgr_vendor.so"];

const DEFAULT_DEADLINE_MS: u32 = 250;
const DEFAULT_ORDER: u32 = 100;

const MODULE: &str =
    "a file name in the handlers directory, such as \"libdhcpmgr_v4.so\", or an absolute path";

/// Reads one handler; `None` when its module is missing or wrong.
pub(super) fn handler(
    name: &str,
    at: Place,
    table: &Section<'_>,
    declared: &FlatSet<ClientName>,
    public_keys: &[PublicKey],
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
    let public_keys = match table.get("public_keys") {
        Some(item) => signatures::public_keys(&item),
        // They come in one package with the daemon, whose signature nobody asks for either.
        None if ours => Vec::new(),
        None => public_keys.to_vec(),
    };
    let grants = match table.get("grants") {
        Some(item) => grants(&item),
        None if ours => FlatSet::from(Grant::ALL),
        None => FlatSet::from(Grant::THIRD_PARTY),
    };
    let clients =
        table.get("clients").map(|item| clients(&item, declared, "the handler would never be asked"));
    let deadline = table
        .get("deadline_ms")
        .and_then(|item| item.whole(1..=60_000, "milliseconds"))
        .unwrap_or(DEFAULT_DEADLINE_MS);
    let deadlines = table.get("deadlines").map(|item| deadlines(&item)).unwrap_or_default();
    let order = table.get("order").and_then(|item| item.whole(0..=65_535, "")).unwrap_or(DEFAULT_ORDER);
    let overrides = table.get("overrides").map(|item| overrides(&item)).unwrap_or_default();
    let mut written = Written::new(&table.key, table.report.shown(at));
    if let Some(item) = table.get("settings") {
        places(&item, &mut written);
    }
    let settings = table.get("settings").map(|item| settings(&item)).unwrap_or_default();
    Some(Handler {
        name: name.to_owned(),
        module: module?,
        isolation,
        public_keys,
        grants,
        clients,
        deadline: Duration::from_millis(deadline.into()),
        deadlines,
        order,
        overrides,
        settings,
        written,
    })
}

fn deadlines(item: &Item<'_>) -> FlatMap<Hook, Duration> {
    let mut deadlines = FlatMap::new();
    let Some(table) = item.table("a table, [handlers.NAME.deadlines]") else { return deadlines };
    table.accept_only(&Hook::ALL.map(Hook::word), &[]);
    for hook in Hook::ALL {
        let ms = table.get(hook.word()).and_then(|item| item.whole(1..=60_000, "milliseconds"));
        deadlines.extend(ms.map(|ms| (hook, Duration::from_millis(ms.into()))));
    }
    deadlines
}

fn overrides(item: &Item<'_>) -> Vec<String> {
    let accepted = "a list of contributions of other handlers, such as [\"v4.dns\"]";
    let mut overrides = Vec::new();
    for entry in item.list(accepted).unwrap_or_default() {
        let Some(text) = entry.text("a handler and a field of its plan, such as \"v4.dns\"") else {
            continue;
        };
        match text.rsplit_once('.') {
            Some((handler, field)) if !handler.is_empty() && Plan::FIELDS.contains(&field) => {
                overrides.push(text.to_owned())
            }
            _ => entry.refuse(format!(
                "{text:?} is no contribution of a handler; accepted: HANDLER.FIELD, where FIELD is one of {}",
                Plan::FIELDS.join(", ")
            )),
        }
    }
    overrides
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

fn grants(item: &Item<'_>) -> FlatSet<Grant> {
    let accepted = format!("a list out of {}", quoted(GRANTS.iter().map(|(word, _)| *word)));
    let mut grants = FlatSet::new();
    for word in item.list(&accepted).unwrap_or_default() {
        if let Some(grant) = word.choice("a grant", GRANTS)
            && !grants.insert(grant)
        {
            word.refuse("is listed twice; accepted: each grant once");
        }
    }
    grants
}

/// A list of configured clients; `otherwise` is what an empty one would mean.
pub(super) fn clients(
    item: &Item<'_>,
    declared: &FlatSet<ClientName>,
    otherwise: &str,
) -> FlatSet<ClientName> {
    let mut clients = FlatSet::new();
    let list = item.list("a list of names of clients, such as [\"wan4\"]");
    if list.as_ref().is_some_and(Vec::is_empty) {
        item.refuse(format!(
            "is empty, so that {otherwise}; accepted: names of clients, or no such key for all"
        ));
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
