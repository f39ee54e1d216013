//! `[clients.NAME.sysctls]`: what is set in `net.ipv6.conf` of the client's interface.

use crate::config::model::Sysctl;
use crate::config::reader::Section;
use crate::flat::FlatMap;

/// Reads the table; nothing is set that is not in it.
pub(super) fn sysctls(client: &Section<'_>) -> FlatMap<Sysctl, u8> {
    let Some(table) = client.get("sysctls").and_then(|item| item.table("a table, [clients.NAME.sysctls]"))
    else {
        return FlatMap::new();
    };
    table.accept_only(&Sysctl::ALL.map(Sysctl::name), &[]);
    let value = |sysctl: Sysctl| {
        let value = table.get(sysctl.name())?.whole(0..=sysctl.largest().into(), "")?;
        Some((sysctl, u8::try_from(value).ok()?))
    };
    Sysctl::ALL.into_iter().filter_map(value).collect()
}
