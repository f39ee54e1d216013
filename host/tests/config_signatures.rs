//! `[signatures]` and `public_keys`: whose modules are accepted, as the operator writes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::PathBuf;

use dhcpmgr::config::{Config, diff, parse, to_toml};
use dhcpmgr::signature::PUBLIC_KEY;

const VENDOR: &str = "RWQeQwhd/3XW4CX2C3nHrOvqIqmlw3re6VaRGYmy1GtlhXdEJShTeqmm";
const NEXT: &str = "RWSXHi6mN8vdYGTv8laaR232DDI+iaOx3DmyRp+Za7sSMSJUL7yfM4XQ";

fn read(text: &str) -> Result<Config, String> {
    parse(vec![(PathBuf::from("d.toml"), text.to_owned())]).map_err(|errors| errors.to_string())
}

/// Handlers with and without keys of their own, beside those of `[signatures]`.
fn example() -> String {
    format!(
        "[signatures]\npublic_keys = [\"{VENDOR}\", \"{NEXT}\"]\n[handlers.v4]\nmodule = \"libdhcpmgr_v4.so\"\n\
         [handlers.acme]\nmodule = \"acme.so\"\n[handlers.own]\nmodule = \"own.so\"\npublic_keys = []\n\
         [handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\npublic_keys = [\"{NEXT}\"]\n"
    )
}

fn keys(config: &Config) -> Vec<(&str, usize)> {
    config.handlers.iter().map(|handler| (handler.name.as_str(), handler.public_keys.len())).collect()
}

#[test]
fn keys_count_for_every_module_that_is_not_ours_and_a_handler_may_have_others() {
    let config = read(&example()).unwrap();
    assert_eq!(keys(&config), [("v4", 0), ("acme", 2), ("own", 0), ("v6", 1)]);
    assert_eq!(config.handlers[3].public_keys[0].to_string(), NEXT);
    // One that only has the name of ours.
    let other = read(&example().replace("\"libdhcpmgr_v4.so\"", "\"/opt/libdhcpmgr_v4.so\"")).unwrap();
    assert_eq!(keys(&other)[0], ("v4", 2));
}

#[test]
fn what_is_shown_asks_for_the_same_signatures() {
    let config = read(&example()).unwrap();
    let shown = to_toml(&config);
    assert_eq!(read(&shown).unwrap(), config, "{shown}");
    assert!(!to_toml(&read("[handlers.a]\nmodule = \"a.so\"\n").unwrap()).contains("public_keys"));
}

#[test]
fn other_keys_make_a_handler_anew() {
    let fewer = example().replace(&format!("\"{VENDOR}\", "), "");
    assert_eq!(
        diff(&read(&example()).unwrap(), &read(&fewer).unwrap()).lines(),
        ["handler acme: public_keys changed; it is made anew"]
    );
}

#[test]
fn a_key_that_is_none_is_refused_at_its_place_and_not_repeated() {
    let secret = include_str!("../../tests/released/signatures/vendor.key").lines().nth(1).unwrap();
    let list = |keys: &str| format!("[signatures]\npublic_keys = {keys}\n");
    let mistake = |keys: &str| read(&list(keys)).unwrap_err();
    let at = "signatures.public_keys";
    for (keys, expected) in [
        ("7", format!("2:15: {at}: found a whole number; accepted: a list of public keys of minisign")),
        ("[7]", format!("2:16: {at}: found a whole number; accepted: {PUBLIC_KEY}")),
        ("[\"minisign.pub\"]", format!("2:16: {at}: is no public key of minisign; accepted: {PUBLIC_KEY}")),
        (
            &format!("[\n\"{VENDOR}\",\n  \"{secret}\"]"),
            format!(
                "4:3: {at}: is a secret key, which belongs on no gateway; make a new pair of keys; accepted: {PUBLIC_KEY}"
            ),
        ),
        (
            &format!("[\"{NEXT}\", \"{NEXT}\"]"),
            format!("2:76: {at}: is listed twice; accepted: each key once"),
        ),
    ] {
        assert_eq!(mistake(keys), format!("d.toml:{expected}"));
    }
    let of_a_handler = format!("{}public_keys = [\"x\"]\n", "[handlers.h]\nmodule = \"h.so\"\n");
    assert!(
        read(&of_a_handler).unwrap_err().starts_with("d.toml:3:16: handlers.h.public_keys: is no public key")
    );
    assert!(mistake(&format!("[{}]", "\"x\", ".repeat(33))).contains("has 33 keys; accepted: at most 32"));
    let unknown = read("[signatures]\nkeys = []\n").unwrap_err();
    assert_eq!(unknown, "d.toml:2:1: signatures.keys: is not a known key; accepted: public_keys");
}
