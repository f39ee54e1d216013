//! The script that udhcpc runs: turns what udhcpc says into one lease message and brings it to `dhcpmgrd`.
//!
//! [`environment`] reads the variables in order, [`variables`] knows their names, [`encode`] writes each as the option
//! it was on the wire. Everything else is `dhcpmgr-shim`'s.
//!
//! This is a library only so that the tests can reach the parts; nothing else may depend on it.
#![forbid(unsafe_code)]

use dhcpmgr_message::ClientEvent;
use dhcpmgr_shim::{Log, Program};

pub mod encode;
pub mod environment;
pub mod variables;

/// This shim.
pub const PROGRAM: Program = Program { log: Log("dhcpmgr-udhcpc"), client: "udhcpc", help: HELP, event };

const HELP: &str = "\
dhcpmgr-udhcpc is the script that udhcpc runs for dhcpmgrd; it is not meant to be called by hand.

usage: dhcpmgr-udhcpc deconfig|bound|renew|nak|leasefail

It reads what udhcpc puts into the environment and sends it to dhcpmgrd. dhcpmgrd starts udhcpc with
DHCPMGR_CLIENT, DHCPMGR_TOKEN, DHCPMGR_SOCKET and DHCPMGR_SPOOL set, and with -s PATH-OF-THIS-PROGRAM.
To see what a client is doing: dhcpmgr status; dhcpmgr why CLIENT.
";

fn event(word: &[u8]) -> Option<ClientEvent> {
    match word {
        b"deconfig" => Some(ClientEvent::Deconfig),
        b"bound" => Some(ClientEvent::Bound),
        b"renew" => Some(ClientEvent::Renew),
        b"nak" => Some(ClientEvent::Nak),
        b"leasefail" => Some(ClientEvent::Leasefail),
        _ => None,
    }
}
