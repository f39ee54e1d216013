//! The second half of the story: DHCPv6, a prefix for the house, and a provider that changes its mind.

use dhcpmgr_lab::{Daemon, Kind, Lab, LanHost, Result, eventually};

use super::story::{chapter, expect, indented, say, shown};
use super::timeline::{Timeline, count};

const CONFIG: &str = r#"[clients.wan6]
protocol  = "v6"
interface = "wan0"
program   = "dibbler"

[delegations.lan0]
from   = "wan6"
subnet = 1

[handlers.v6]
module    = "libdhcpmgr_v6.so"
isolation = "in-process"
"#;

/// The provider's first prefix and its second one, and how they begin on the LAN.
const PREFIXES: [(u16, &str); 2] = [(0xf000, "2001:db8:f000:1:"), (0xf100, "2001:db8:f100:1:")];
/// T1 and T2 so that a renewal comes while somebody watches; an hour of life.
const TIMES: (u32, u32, u32, u32) = (3, 60, 3600, 7200);

pub(super) fn tell() -> Result {
    let [(old, old_lan), (new, new_lan)] = PREFIXES;
    let (t1, t2, preferred, valid) = TIMES;
    let lab = Lab::new()?;
    lab.forward_v6()?;
    let host = lab.lan_host("lan0")?;
    chapter("IPv6: an address for the gateway and a prefix for the house");
    say(&format!(
        "Kea gives 2001:db8:77::100 and delegates {}; a host is plugged into lan0, where radvd announces what dhcpmgrd \
         tells it. dhcpmgrd starts dibbler-client, which never gets to write into /etc.",
        lab.wan().prefix(old)
    ));
    let announced = lab.write("radvd/radvd.conf", "")?;
    let config = format!(
        "{CONFIG}\n[router_advertisements]\nbackend = \"radvd\"\nconfig  = \"{}\"\npidfile = \"{}\"\n",
        announced.display(),
        announced.with_extension("pid").display()
    );
    indented(&config);
    let server = lab.kea6().times(t1, t2, preferred, valid).prefix(old).start()?;
    let timeline = Timeline::start(&lab)?;
    let daemon = lab.daemon(&config)?;
    let cli = daemon.cli();
    cli.wait_for("wan6", "Bound")?;
    on_lan(&lab, old_lan)?;
    timeline.print(&cli)?;
    eventually("radvd's configuration is written", || {
        Ok(std::fs::read_to_string(&announced)?.contains(old_lan).then_some(()))
    })?;
    let _radvd = lab.radvd(&announced)?;
    eventually("the host has an address", || {
        Ok(host.addresses()?.iter().any(|address| address.address.starts_with(old_lan)).then_some(()))
    })?;
    scene(&lab, &daemon, &host)?;

    chapter("The provider renumbers: the LAN follows in the same moment, and nothing is torn down");
    let timeline = Timeline::start(&lab)?;
    let _server = server.stop().times(t1, t2, preferred, valid).prefix(new).start()?;
    cli.wait_for_event("wan6", "prefix-deprecated", 1)?;
    on_lan(&lab, new_lan)?;
    eventually("the host prefers the new prefix", || Ok(host.source()?.starts_with(new_lan).then_some(())))?;
    let moved = timeline.print(&cli)?;
    say(&format!("The kernel announced {}.", count(&moved)));
    expect(
        !moved.iter().any(|change| change.kind == Kind::DelAddr),
        "an address was taken away from under its users",
    )?;
    scene(&lab, &daemon, &host)
}

/// Waits until the gateway prefers an address of this prefix on the LAN.
fn on_lan(lab: &Lab, prefix: &str) -> Result {
    eventually(&format!("lan0 has {prefix}:"), || {
        let addresses = lab.gateway.addresses6("lan0")?;
        let has = addresses.iter().any(|found| found.address.starts_with(prefix) && !found.deprecated);
        Ok(has.then_some(()))
    })
}

/// What the daemon says, what the kernel holds, and what a host makes of it.
fn scene(lab: &Lab, daemon: &Daemon<'_>, host: &LanHost) -> Result {
    shown("dhcpmgr lease wan6", &daemon.cli().text(&["lease", "wan6"])?);
    for interface in ["wan0", "lan0"] {
        let command = ["-6", "addr", "show", "dev", interface, "scope", "global"];
        shown(&format!("ip {}", command.join(" ")), &lab.gateway.ip(&command)?);
    }
    let unreachable = ["-6", "route", "show", "type", "unreachable"];
    shown(&format!("ip {}", unreachable.join(" ")), &lab.gateway.ip(&unreachable)?);
    let of_the_host = host.namespace.ip(&["-6", "addr", "show", "dev", "eth0", "scope", "global"])?;
    shown("host$ ip -6 addr show dev eth0 scope global", &of_the_host);
    Ok(())
}
