//! What the tests of DHCPv6 start from, and what they ask afterwards.

use dhcpmgr_lab::{
    Address6, Capture6, Change, Daemon, Error, Kea6, Kea6Config, Lab, MessageType6, Result, eventually,
};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

/// The handler that every configuration of DHCPv6 has.
pub(super) const V6: &str = "[handlers.v6]\nmodule = \"libdhcpmgr_v6.so\"\nisolation = \"in-process\"\n";

/// Where the first Kea of a test takes its prefix from.
pub(super) const OLD: u16 = 0xf000;
/// Where the next one does.
pub(super) const NEW: u16 = 0xf100;

/// The section of one client with an IA_NA and an IA_PD, and these further keys.
pub(super) fn client(name: &str, interface: &str, keys: &str) -> String {
    format!(
        "[clients.{name}]\nprotocol = \"v6\"\ninterface = \"{interface}\"\nprogram = \"dibbler\"\n{keys}\n"
    )
}

/// The section of a LAN that gets this part of what a client gets.
pub(super) fn delegation(bridge: &str, from: &str, subnet: u32) -> String {
    format!("[delegations.{bridge}]\nfrom = \"{from}\"\nsubnet = {subnet}\n")
}

/// One client named `wan6` on `wan0` with these further keys, and `lan0` with part 1 of what it gets.
pub(crate) fn home(keys: &str) -> String {
    client("wan6", "wan0", keys) + &delegation("lan0", "wan6", 1) + V6
}

/// A Kea with the address and the prefix that [`bound`] expects, and these lifetimes.
pub(crate) fn kea(lab: &Lab, times: (u32, u32, u32, u32)) -> Kea6Config<'_> {
    let (t1, t2, preferred, valid) = times;
    lab.kea6().times(t1, t2, preferred, valid).prefix(OLD).option("dns-servers", "2001:db8::53")
}

/// A server, and a daemon whose client `wan6` has address and prefix from it, in the kernel too.
pub(super) fn bound<'lab>(lab: &'lab Lab, times: (u32, u32, u32, u32)) -> Result<(Kea6<'lab>, Daemon<'lab>)> {
    let server = kea(lab, times).start()?;
    let daemon = lab.daemon(&home(""))?;
    daemon.cli().wait_for("wan6", "Bound")?;
    configured(lab, OLD)?;
    Ok((server, daemon))
}

/// The address that a Kea gives first.
pub(super) const ADDRESS: &str = "2001:db8:77::100/128";

/// The router's own address on `lan0` out of a group's prefix.
pub(super) fn on_lan(group: u16) -> String {
    format!("2001:db8:{group:x}:1::1/64")
}

/// An address of an interface as the kernel has it.
pub(super) fn address(lab: &Lab, interface: &str, address: &str) -> Result<Option<Address6>> {
    Ok(lab.gateway.addresses6(interface)?.into_iter().find(|found| found.address == address))
}

/// Whether the kernel prefers this address on `lan0`; nothing when it has not got it.
pub(super) fn preferred(lab: &Lab, group: u16) -> Result<Option<bool>> {
    Ok(address(lab, "lan0", &on_lan(group))?.map(|found| !found.deprecated))
}

/// Whether a delegated prefix has its unreachable route.
pub(super) fn guarded(lab: &Lab, prefix: &str) -> Result<bool> {
    let routes = lab.gateway.routes6()?;
    Ok(routes.iter().any(|route| route.to == prefix && route.kind.as_deref() == Some("unreachable")))
}

/// Waits until the address is on `wan0`, the group's /64 on `lan0`, and the rest of the prefix unreachable.
pub(super) fn configured(lab: &Lab, group: u16) -> Result {
    has_address(lab)?;
    has_prefix(lab, group)
}

/// The WAN part of [`configured`].
pub(super) fn has_address(lab: &Lab) -> Result {
    eventually(&format!("wan0 has {ADDRESS}"), || Ok(address(lab, "wan0", ADDRESS)?.map(drop)))
}

/// The LAN part of [`configured`].
pub(super) fn has_prefix(lab: &Lab, group: u16) -> Result {
    eventually(&format!("lan0 has {} and prefers it", on_lan(group)), || {
        Ok((preferred(lab, group)? == Some(true)).then_some(()))
    })?;
    let prefix = lab.wan().prefix(group);
    eventually(&format!("{prefix} is unreachable but for the LAN"), || {
        Ok(guarded(lab, &prefix)?.then_some(()))
    })
}

/// What was taken away of IPv6 besides what is link-local.
pub(super) fn removals(changes: &[Change]) -> Vec<&Change> {
    changes.iter().filter(|change| change.removes() && change.is_v6()).collect()
}

/// The values of a field of the rows in a lease's list: `lease["prefixes"]`.
pub(super) fn values(lease: &Value, list: &str, field: &str) -> Vec<String> {
    let rows = lease[list].as_array().into_iter().flatten();
    rows.map(|row| row[field].as_str().map_or_else(|| row[field].to_string(), str::to_owned)).collect()
}

/// Client DUID, IAIDs of IA_NA and IAIDs of IA_PD.
pub(super) type Identity = (Vec<u8>, Vec<u32>, Vec<u32>);

/// Who sent the first packet of a type.
pub(super) fn identity(packets: &Capture6, message: MessageType6) -> Result<Identity> {
    let packet = packets.wait_for(message)?.dhcp;
    Ok((packet.client_duid(), packet.iaids(3), packet.iaids(25)))
}

/// The running client.
pub(super) fn pid(daemon: &Daemon<'_>, client: &str) -> Result<nix::unistd::Pid> {
    let row = daemon.cli().client(client)?;
    let pid = row["pid"].as_i64().ok_or_else(|| Error::new(format!("{client} is not running: {row}")))?;
    Ok(nix::unistd::Pid::from_raw(i32::try_from(pid)?))
}

/// Waits until another process runs than this one.
pub(super) fn started_again(
    daemon: &Daemon<'_>,
    client: &str,
    before: nix::unistd::Pid,
) -> Result<nix::unistd::Pid> {
    eventually(&format!("another process runs for {client}"), || {
        Ok(pid(daemon, client).ok().filter(|now| *now != before))
    })
}

/// The gateway loses its power and gets it back: nothing of `/run` and nothing in the kernel is left, and it is another
/// boot. The daemon is not started.
pub(super) fn reboot(lab: &Lab, daemon: &mut Daemon<'_>) -> Result {
    let client = pid(daemon, "wan6")?;
    daemon.kill()?;
    kill(client, Signal::SIGKILL)?;
    eventually("the client is gone", || Ok((!lab.gateway.processes().contains(&client)).then_some(())))?;
    std::fs::remove_dir_all(daemon.root().join("run"))?;
    for interface in ["wan0", "lan0"] {
        lab.gateway.ip(&["-6", "addr", "flush", "dev", interface, "scope", "global"])?;
    }
    lab.gateway.ip(&["-6", "route", "flush", "type", "unreachable"])?;
    let other = lab.write("boot_id", "11111111-2222-3333-4444-555555555555\n")?.display().to_string();
    lab.gateway.command("mount", &["--bind", &other, "/proc/sys/kernel/random/boot_id"]).map(drop)
}
