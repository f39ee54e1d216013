//! Lists of servers: which of the offered addresses can be servers.

use std::net::Ipv4Addr;

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_handler_common::servers;

use crate::address::{Leased, not_a_host};

/// The usable addresses of an option that lists servers of a `kind`, in the server's order, each once.
pub(crate) fn usable(
    kind: &str,
    option: u8,
    offered: &[Ipv4Addr],
    leased: Leased,
    notes: &mut Notes,
) -> Vec<Ipv4Addr> {
    let no_server = |server: Ipv4Addr| {
        if server == leased.address() { Some("the leased address itself") } else { not_a_host(server) }
    };
    servers::usable(kind, option.into(), offered, no_server, notes)
}
