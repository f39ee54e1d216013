//! `[hooks.NAME]`.

use std::time::Duration;

use dhcpmgr_message::ClientName;

use super::handler::clients;
use crate::config::hook::ProgramHook;
use crate::config::reader::{Item, Section};
use crate::config::source::Place;
use crate::config::words::nearest;
use crate::events::EventKind;
use crate::flat::FlatSet;

const KEYS: [&str; 6] = ["run", "events", "clients", "user", "timeout_ms", "environment"];

const DEFAULT_TIMEOUT_MS: u32 = 5000;
const LONGEST_TIMEOUT_MS: u32 = 600_000;

/// Arguments, with the program; bytes of one.
const MAX_ARGUMENTS: usize = 64;
const MAX_ARGUMENT: usize = 4096;
/// Entries of a list.
const MAX_LIST: usize = 64;
/// Bytes of a name.
const MAX_NAME: usize = 128;

const RUN: &str =
    "a list of the program and its arguments, such as [\"/usr/lib/acme/wan-event\", \"--quiet\"]";
const EVENTS: &str =
    "a list of events, such as [\"lease-acquired\", \"lease-lost\"]; `dhcpmgr events` shows them";
const USER: &str = "the name of a user, such as \"nobody\"";
const ENVIRONMENT: &str = "a list of names of variables, such as [\"TZ\"]";

/// Reads one hook; `None` when a key that it cannot be without is missing or wrong.
pub(super) fn hook(
    name: &str,
    at: Place,
    table: &Section<'_>,
    declared: &FlatSet<ClientName>,
) -> Option<ProgramHook> {
    table.accept_only(&KEYS, &[]);
    let required = |key: &str, accepted: &str| {
        let item = table.get(key);
        if item.is_none() {
            table.report.add(at, &table.key, format!("key \"{key}\" is missing; accepted: {accepted}"));
        }
        item
    };
    let program = required("run", RUN).and_then(|item| run(&item));
    let events = required("events", EVENTS).and_then(|item| texts(&item, EVENTS, event));
    let clients = table.get("clients").map(|item| clients(&item, declared, "it would never be run"));
    let user = table.get("user").and_then(|item| user(&item));
    let timeout = table
        .get("timeout_ms")
        .and_then(|item| item.whole(1..=LONGEST_TIMEOUT_MS, "milliseconds"))
        .unwrap_or(DEFAULT_TIMEOUT_MS);
    let environment = table.get("environment").and_then(|item| texts(&item, ENVIRONMENT, variable));
    Some(ProgramHook {
        name: name.to_owned(),
        run: program?,
        events: events?,
        clients,
        user,
        timeout: Duration::from_millis(timeout.into()),
        environment: environment.unwrap_or_default(),
    })
}

fn run(item: &Item<'_>) -> Option<Vec<String>> {
    let list = item.list(RUN)?;
    let words: Vec<String> = list.iter().filter_map(|word| word.text(RUN).map(str::to_owned)).collect();
    let wrong = match words.first() {
        None => Some("is empty".to_owned()),
        Some(program) if !program.starts_with('/') => Some(format!("{program:?} is no absolute path")),
        Some(program) if program.ends_with('/') || program.split('/').any(|part| part == "..") => {
            Some(format!("{program:?} is no path of a program"))
        }
        _ if words.len() > MAX_ARGUMENTS => {
            Some(format!("has {} words, at most {MAX_ARGUMENTS}", words.len()))
        }
        _ => words
            .iter()
            .find(|word| word.len() > MAX_ARGUMENT || word.contains('\0'))
            .map(|_| format!("has a word with a zero byte or more than {MAX_ARGUMENT} bytes")),
    };
    if let Some(wrong) = wrong {
        item.refuse(format!("{wrong}; accepted: {RUN}"));
        return None;
    }
    (words.len() == list.len()).then_some(words)
}

/// An event of the host, or one that a handler may publish.
fn event(text: &str) -> Result<String, String> {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if text.len() > MAX_NAME || !text.split('-').all(word) {
        return Err(format!("{text:?} is no event: they are lower-case words joined by hyphens"));
    }
    match EventKind::named(text) {
        EventKind::HookFailed => {
            Err("\"hook-failed\" runs no hook, or one that fails would be run for its own failure".to_owned())
        }
        EventKind::Vendor(_) => match nearest(text, EventKind::HOSTS) {
            Some(meant) => Err(format!("{text:?} is no event (did you mean \"{meant}\"?)")),
            None => Ok(text.to_owned()),
        },
        _ => Ok(text.to_owned()),
    }
}

/// A variable of the daemon's environment. What leads the dynamic linker astray is nobody's to pass on.
fn variable(text: &str) -> Result<String, String> {
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(letter) {
        return Err(format!("{text:?} is no name of a variable: capitals, digits and underscores"));
    }
    if text.starts_with("LD_") || text.starts_with("DHCPMGR_") || text == "PATH" {
        return Err(format!("{text:?} is not passed on"));
    }
    Ok(text.to_owned())
}

fn user(item: &Item<'_>) -> Option<String> {
    let name = item.text(USER)?;
    if name.is_empty() || name.len() > MAX_NAME || name.contains(|c: char| c.is_control() || c == ':') {
        item.refuse(format!("{name:?} is no user; accepted: {USER}"));
        return None;
    }
    Some(name.to_owned())
}

/// A list of different texts that pass a check.
fn texts<T: Ord>(
    item: &Item<'_>,
    accepted: &str,
    check: impl Fn(&str) -> Result<T, String>,
) -> Option<FlatSet<T>> {
    let list = item.list(accepted)?;
    if list.is_empty() || list.len() > MAX_LIST {
        item.refuse(format!("has {} entries; accepted: 1 to {MAX_LIST}", list.len()));
        return None;
    }
    let mut texts = FlatSet::new();
    for word in &list {
        let Some(text) = word.text(accepted) else { continue };
        match check(text) {
            Err(wrong) => word.refuse(format!("{wrong}; accepted: {accepted}")),
            Ok(text) => {
                if !texts.insert(text) {
                    word.refuse("is listed twice; accepted: each once");
                }
            }
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_hosts_or_a_handlers() {
        for good in ["lease-acquired", "acs-found", "prefix-assigned", "x"] {
            assert_eq!(event(good).as_deref(), Ok(good));
        }
        assert!(event("lease-aquired").unwrap_err().contains("did you mean \"lease-acquired\""));
        assert!(event("hook-failed").unwrap_err().contains("its own failure"));
        for bad in ["", "Lease", "a b", "a--b", "lease_lost"] {
            assert!(event(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_of_the_linker_are_not_passed_on() {
        assert!(variable("TZ").is_ok() && variable("ACME_SITE_1").is_ok());
        for bad in ["LD_PRELOAD", "DHCPMGR_EVENT", "PATH", "tz", "A=B", ""] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }
}
