//! What the real dibbler gave its script, and what a message is made of it.
#![allow(dead_code, reason = "not every test needs everything")]
#![allow(unreachable_pub, missing_docs, reason = "a part of each test that includes it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use dhcpmgr_dibbler::environment::{self, Reading};
use dhcpmgr_message::context::Context;
use dhcpmgr_message::wire::LIMITS;
use dhcpmgr_message::{ClientEvent, LeaseMessage, V6Report};
use dhcpmgr_shim::message;

#[path = "../../../shim/tests/environ/mod.rs"]
mod environ;

pub use environ::variables;

pub fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

pub fn context() -> Context {
    Context {
        client: Some(b"wan6".to_vec()),
        token: Some(b"00112233445566778899aabbccddeeff".to_vec()),
        socket: None,
        spool: None,
    }
}

pub fn capture(name: &str) -> Reading {
    environment::read(context(), variables(&captures().join(name))).unwrap()
}

/// The calls of one scenario, in order.
pub fn scenario(name: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(captures().join(name)).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "env")).collect();
    files.sort();
    files
}

pub fn event(file: &Path) -> ClientEvent {
    match file.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap().1 {
        "add" => ClientEvent::Add,
        "update" => ClientEvent::Update,
        "delete" => ClientEvent::Delete,
        other => panic!("{other}"),
    }
}

pub fn read(variables: &[(&str, &str)]) -> Reading {
    environment::read(context(), variables.iter().copied()).unwrap()
}

/// The message that the daemon would get.
pub fn sent(mut reading: Reading, event: ClientEvent) -> LeaseMessage {
    let message = message::build(&mut reading, "dibbler", event, 1, 2).unwrap();
    let bytes = message::encode::<V6Report>(message, &mut reading.problems).unwrap();
    assert!(bytes.len() <= LIMITS.bytes);
    LeaseMessage::decode(&bytes).unwrap()
}

/// Addresses and prefixes as `VALUE PREFERRED VALID`, with a `?` behind those that are only claimed.
pub fn values(report: &V6Report) -> Vec<String> {
    let mark = |claimed: bool| if claimed { "?" } else { "" };
    let addresses = report.addresses.iter();
    let addresses = addresses
        .map(|a| format!("{} {} {}{}", a.address.address(), a.preferred.0, a.valid.0, mark(a.claimed)));
    let prefixes = report.prefixes.iter();
    let prefixes =
        prefixes.map(|p| format!("{} {} {}{}", p.prefix, p.preferred.0, p.valid.0, mark(p.claimed)));
    addresses.chain(prefixes).collect()
}
