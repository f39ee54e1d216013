//! What the program was called for: udhcpc gives one word, a person may give anything.

use dhcpmgr_message::ClientEvent;

/// The reason of the call.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// udhcpc reports an event.
    Event(ClientEvent),
    /// `--version`.
    Version,
    /// `--help`, or no argument at all.
    Help,
    /// Anything else.
    Unknown,
}

/// What a person gets to read.
pub const HELP: &str = "\
dhcpmgr-udhcpc is the script that udhcpc runs for dhcpmgrd; it is not meant to be called by hand.

usage: dhcpmgr-udhcpc deconfig|bound|renew|nak|leasefail

It reads what udhcpc puts into the environment and sends it to dhcpmgrd. dhcpmgrd starts udhcpc with
DHCPMGR_CLIENT, DHCPMGR_TOKEN, DHCPMGR_SOCKET and DHCPMGR_SPOOL set, and with -s PATH-OF-THIS-PROGRAM.
To see what a client is doing: dhcpmgr status; dhcpmgr why CLIENT.
";

/// Reads the arguments, the program's name not among them. udhcpc gives exactly one; more are ignored.
pub fn parse<A: AsRef<[u8]>>(mut arguments: impl Iterator<Item = A>) -> Call {
    let Some(word) = arguments.next() else { return Call::Help };
    match word.as_ref() {
        b"deconfig" => Call::Event(ClientEvent::Deconfig),
        b"bound" => Call::Event(ClientEvent::Bound),
        b"renew" => Call::Event(ClientEvent::Renew),
        b"nak" => Call::Event(ClientEvent::Nak),
        b"leasefail" => Call::Event(ClientEvent::Leasefail),
        b"--version" | b"-V" => Call::Version,
        b"--help" | b"-h" => Call::Help,
        _ => Call::Unknown,
    }
}
