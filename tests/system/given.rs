//! What most tests start from, and what they ask afterwards.

use dhcpmgr_lab::{Change, Daemon, Dnsmasq, Lab, Result, Route, eventually};
use dhcpmgr_message::{Lifetime, V4Report};
use serde_json::Value;

/// The handler that every configuration has.
pub(crate) const V4: &str = "[handlers.v4]\nmodule = \"libdhcpmgr_v4.so\"\nisolation = \"in-process\"\n";

/// One client named `wan4` on `wan0`, with metric 100 and these further keys.
pub(crate) fn one_client(keys: &str) -> String {
    client("wan4", "wan0", 100, keys) + V4
}

/// The section of one client.
pub(crate) fn client(name: &str, interface: &str, metric: u32, keys: &str) -> String {
    format!(
        "[clients.{name}]\nprotocol = \"v4\"\ninterface = \"{interface}\"\nprogram = \"udhcpc\"\n\
         metric = {metric}\n{keys}\n"
    )
}

/// dnsmasq with host 100 as its only lease, and a daemon whose client `wan4` has it.
pub(crate) fn bound(lab: &Lab) -> Result<(Dnsmasq<'_>, Daemon<'_>)> {
    bound_with(lab, "")
}

/// As [`bound`], the client with these further keys.
pub(crate) fn bound_with<'lab>(lab: &'lab Lab, keys: &str) -> Result<(Dnsmasq<'lab>, Daemon<'lab>)> {
    let server = lab.dnsmasq(lab.wan()).range(100, 100).option("6,192.0.2.53").start()?;
    let daemon = lab.daemon(&one_client(keys))?;
    daemon.cli().wait_for("wan4", "Bound")?;
    configured(lab, 100)?;
    Ok((server, daemon))
}

/// What the shim reports when the server of [`bound`] gives this host's address for an hour.
pub(crate) fn report(lab: &Lab, host: u8) -> V4Report {
    V4Report {
        address: Some(lab.wan().host(host)),
        prefix_len: Some(24),
        routers: vec![lab.wan().host(1)],
        dns: vec![[192, 0, 2, 53].into()],
        server: Some(lab.wan().host(1)),
        lease_time: Some(Lifetime(3600)),
        ..V4Report::default()
    }
}

/// Waits until `wan0` has exactly this host's address and a default route.
pub(crate) fn configured(lab: &Lab, host: u8) -> Result<()> {
    eventually(&format!("wan0 has host {host} and a default route"), || {
        let right = addresses(lab)? == [lab.wan().on_link(host)] && default_routes(lab)?.len() == 1;
        Ok(right.then_some(()))
    })
}

/// The addresses of `wan0`.
pub(crate) fn addresses(lab: &Lab) -> Result<Vec<String>> {
    Ok(lab.addresses("wan0")?.into_iter().map(|address| address.address).collect())
}

/// The default routes of `wan0`.
pub(crate) fn default_routes(lab: &Lab) -> Result<Vec<Route>> {
    Ok(lab.routes("wan0")?.into_iter().filter(|route| route.to == "default").collect())
}

/// What was taken away of IPv4.
pub(crate) fn removals(changes: &[Change]) -> Vec<&Change> {
    changes.iter().filter(|change| change.removes() && change.is_v4()).collect()
}

/// A field of a row that must be a number.
pub(crate) fn number(row: &Value, field: &str) -> Result<u64> {
    row[field].as_u64().ok_or_else(|| dhcpmgr_lab::Error::new(format!("no number {field} in {row}")))
}
