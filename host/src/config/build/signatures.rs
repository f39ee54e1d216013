//! `public_keys`, in `[signatures]` and in `[handlers.NAME]`.

use crate::config::reader::{Item, Section};
use crate::signature::{PUBLIC_KEY, PublicKey};

/// Keys of one list: those of a few vendors, each with one that is going and one that is coming.
const MOST: usize = 32;

const KEYS: &str = "a list of public keys of minisign";

/// `[signatures]`
pub(super) fn signatures(section: &Section<'_>) -> Vec<PublicKey> {
    section.accept_only(&["public_keys"], &[]);
    section.get("public_keys").map(|item| public_keys(&item)).unwrap_or_default()
}

/// A list of keys, which may be empty.
pub(super) fn public_keys(item: &Item<'_>) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = Vec::new();
    let list = item.list(KEYS).unwrap_or_default();
    if list.len() > MOST {
        item.refuse(format!("has {} keys; accepted: at most {MOST}", list.len()));
    }
    for entry in list {
        let Some(key) = entry.parsed::<PublicKey>(PUBLIC_KEY) else { continue };
        if keys.contains(&key) {
            entry.refuse("is listed twice; accepted: each key once");
        }
        keys.push(key);
    }
    keys
}
