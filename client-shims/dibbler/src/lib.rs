//! The script that dibbler-client runs: turns what dibbler says into one lease message and brings it to `dhcpmgrd`.
//!
//! [`context`] finds what the daemon left for this client, [`environment`] reads the variables in order, [`encode`] writes
//! each option as it was on the wire, [`origin`] tells the server's addresses and prefixes from those that the client put
//! beside them. Everything else is `dhcpmgr-shim`'s.
//!
//! What is said of dibbler here was read in dibbler 1.0.1, the last one, and holds for every version since 0.8.4.
//!
//! This is a library only so that the tests can reach the parts; nothing else may depend on it.
#![forbid(unsafe_code)]

use dhcpmgr_message::ClientEvent;
use dhcpmgr_shim::{Log, Program};

pub mod context;
pub mod encode;
pub mod environment;
pub mod listed;
pub mod origin;

/// This shim.
pub const PROGRAM: Program = Program { log: Log("dhcpmgr-dibbler"), client: "dibbler", help: HELP, event };

const HELP: &str = "\
dhcpmgr-dibbler is the script that dibbler-client runs for dhcpmgrd; it is not meant to be called by hand.

usage: dhcpmgr-dibbler add|update|delete

It reads what dibbler puts into the environment and sends it to dhcpmgrd. dhcpmgrd starts dibbler-client with
this program as its script, and leaves a file dhcpmgr-context in the directory that dibbler runs in.
To see what a client is doing: dhcpmgr status; dhcpmgr why CLIENT.
";

/// dibbler has no word for addresses that expire, and says nothing when they do.
fn event(word: &[u8]) -> Option<ClientEvent> {
    match word {
        b"add" => Some(ClientEvent::Add),
        b"update" => Some(ClientEvent::Update),
        b"delete" => Some(ClientEvent::Delete),
        _ => None,
    }
}
