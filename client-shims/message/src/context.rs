//! The context that the daemon gives one start of a client, and the shim finds again.
//!
//! udhcpc hands its script its own environment, so there the context travels as variables with these names.
//! What follows is the contract between host and shims; nothing else may depend on it.

/// The configured name of the client.
pub const CLIENT: &str = "DHCPMGR_CLIENT";
/// The secret of this start of the client.
pub const TOKEN: &str = "DHCPMGR_TOKEN";
/// Path of the daemon's lease socket (`SOCK_SEQPACKET`): one datagram a message, one datagram an answer.
pub const SOCKET: &str = "DHCPMGR_SOCKET";
/// Directory for messages that nobody took.
pub const SPOOL: &str = "DHCPMGR_SPOOL";

/// Name of a message in the spool: sorts by time. Written under a name that starts with `.`, then renamed.
#[must_use]
pub fn spool_file_name(at_ms: u64, id: u64) -> String {
    format!("{at_ms:020}-{id:016x}.lease")
}
